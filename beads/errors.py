"""What can go wrong in the ledger; the type says whose fault it is, `hint` how to mend it."""


class BeadsError(Exception):
    """Base of the package's errors.

    Args:
        message: What happened, one sentence.
        hint: What the user can do about it, or "".
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class InvalidLine(BeadsError):
    """An operation line that no honest writer makes.

    Args:
        reason: A short slug, the same on every node (docs/protocol.md lists them).
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class InvalidGenesis(BeadsError):
    """A commons whose founding document does not follow the protocol."""


class StoreError(BeadsError):
    """The store on this disk cannot do what was asked."""


class DamagedIndex(StoreError):
    """The index file is broken; it has been marked, and whoever opens it next starts with an empty one."""


class ConflictError(BeadsError):
    """Somebody else was first."""


class NotAllowed(BeadsError):
    """The rules give this actor or key no right to do it."""


class NotFound(BeadsError):
    """No such thing here."""


class Ambiguous(BeadsError):
    """A short id that fits several things.

    Args:
        prefix: What was asked for.
        candidates: Up to ten full ids that start with it.
    """

    def __init__(self, prefix: str, candidates: list[str]) -> None:
        listed = ", ".join(c[:16] if len(c) == 64 else c for c in candidates)
        super().__init__(f"{prefix} fits several: {listed}", "Give more of the id.")
        self.candidates = candidates


class BadWord(BeadsError):
    """What was asked for cannot be meant: an unknown word, an empty text, a number out of range."""


class Refused(BeadsError):
    """It can be done, but not as things stand; the hint says what stands in the way, or how to insist."""


class RemoteError(BeadsError):
    """A peer or a relay did not answer as it should."""


class LimitExceeded(RemoteError):
    """A peer sent more than the protocol's limits allow."""
