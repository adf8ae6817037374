"""The node's own errors, and the one table that turns every error into an exit code and an HTTP status."""

from collections.abc import Sequence

from beads import errors as beads_errors
from stamps import errors as stamps_errors
from town import errors as town_errors
from wanted import errors as wanted_errors


class NodeError(Exception):
    """Base of the package's errors.

    Args:
        message: What happened, one sentence.
        hint: What the user can do about it, or "".
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class NoHome(NodeError):
    """This machine has no identity yet."""


class BadConfig(NodeError):
    """The configuration file does not fit its schema."""


class Usage(NodeError):
    """What was asked for makes no sense."""


class NotProven(NodeError):
    """The proof of an account elsewhere is not where it must be, or is not one."""


class SomeFailed(NodeError):
    """Several things were asked for, and some could not be done; the others are.

    Args:
        errors: What was wrong with each of them.
    """

    def __init__(self, errors: Sequence[Exception]) -> None:
        hints = dict.fromkeys(hint_of(each) for each in errors)
        super().__init__("; ".join(map(str, errors)), " ".join(filter(None, hints)))
        self.errors = tuple(errors)


DONE, REFUSED, USAGE, NOT_FOUND, CONFLICT, NOT_ALLOWED, PEER, BAD_DATA = range(8)

_TABLE: tuple[tuple[type[Exception], int, int, str], ...] = (
    (Usage, USAGE, 400, "usage"),
    (BadConfig, USAGE, 500, "bad_config"),
    (NotProven, BAD_DATA, 422, "not_proven"),
    (NoHome, NOT_FOUND, 503, "no_home"),
    (wanted_errors.BadItem, USAGE, 400, "bad_item"),
    (wanted_errors.Taken, CONFLICT, 409, "taken"),
    (wanted_errors.WrongStatus, CONFLICT, 409, "wrong_status"),
    (wanted_errors.NotYours, NOT_ALLOWED, 403, "not_yours"),
    (wanted_errors.BundleError, BAD_DATA, 422, "bad_sheet"),
    (beads_errors.Ambiguous, NOT_FOUND, 404, "ambiguous"),
    (beads_errors.BadWord, USAGE, 400, "bad_word"),
    (beads_errors.NotFound, NOT_FOUND, 404, "not_found"),
    (beads_errors.ConflictError, CONFLICT, 409, "conflict"),
    (beads_errors.NotAllowed, NOT_ALLOWED, 403, "not_allowed"),
    (beads_errors.RemoteError, PEER, 502, "peer"),
    (beads_errors.InvalidLine, BAD_DATA, 422, "invalid"),
    (beads_errors.InvalidGenesis, BAD_DATA, 422, "invalid_genesis"),
    (stamps_errors.SignatureError, BAD_DATA, 422, "signature"),
    (stamps_errors.CredentialError, BAD_DATA, 422, "credential"),
    (stamps_errors.KeyLogError, BAD_DATA, 422, "key_log"),
    (stamps_errors.CanonError, BAD_DATA, 422, "not_canonical"),
    (stamps_errors.KeyFileError, NOT_ALLOWED, 500, "key_file"),
    (town_errors.SandboxError, REFUSED, 501, "no_sandbox"),
    (town_errors.NotFoundError, NOT_FOUND, 404, "not_found"),
    (town_errors.ConflictError, CONFLICT, 409, "conflict"),
)
KNOWN = (
    NodeError,
    beads_errors.BeadsError,
    stamps_errors.StampsError,
    wanted_errors.WantedError,
    town_errors.TownError,
)
"""Errors that are somebody's to mend; anything else is a defect of this program."""


def classify(error: Exception) -> tuple[int, int, str]:
    """Return exit code, HTTP status and a stable code name of an error; of several those of the highest."""
    if isinstance(error, SomeFailed):
        return max(map(classify, error.errors))
    for kind, exit_code, status, code in _TABLE:
        if isinstance(error, kind):
            return exit_code, status, code
    return REFUSED, 400 if isinstance(error, KNOWN) else 500, "refused" if isinstance(error, KNOWN) else "internal"


def hint_of(error: Exception) -> str:
    """Return what to do about an error, or ""."""
    return str(getattr(error, "hint", ""))
