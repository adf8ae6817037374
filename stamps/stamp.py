"""A stamp: one actor's judgement of another's accepted work, and when it counts (protocol, section 8).

A stamp that breaks a rule is kept and ignored, and the name of the rule is reported, the same on every
node. The rules are held in this order, and the first broken one is the answer:

1. `stamp.self`: nobody stamps themselves, nor an actor declared to be of one owner with them.
2. `stamp.submission`: the submission is present, the subject's own, and for this item.
3. `stamp.accept`: the acceptance is live, and names this submission and this subject.
4. `stamp.validator`: the author may judge here, with a key that has `assertionMethod`.
5. `stamp.time`: the stamp's hlc is above the acceptance's.
6. `stamp.dimension`: every dimension is one of the commons.
7. `stamp.vc`: the credential's signature holds.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

import msgspec

from stamps.canon import is_line
from stamps.encoding import b64u_decode
from stamps.errors import StampsError
from stamps.keys import SIGNATURE_BYTES

MAX_TITLE: Final = 120
MAX_SKILLS: Final = 16
MAX_SKILL: Final = 40
MAX_SCORE: Final = 5
MAX_CONFIDENCE: Final = 100
MAX_CHECKS: Final = 16
MAX_COMMAND: Final = 500
MAX_CHECKS_BYTES: Final = 4096
MAX_EXIT: Final = 255

Hlc: TypeAlias = tuple[int, int]
Severity: TypeAlias = Literal["leaf", "branch", "root"]
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)

_is_dimension = re.compile("[a-z][a-z0-9_]*").fullmatch
_is_operation = re.compile("[0-9a-f]{64}").fullmatch
_is_commit = re.compile("[0-9a-f]{40}|[0-9a-f]{64}").fullmatch


class CheckRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an issuer ran on the work before judging it, by its own word.

    Attributes:
        command: One line for a shell.
        commit: Id of the git commit that it ran on, in hexadecimal.
        exit: Its exit code; null where it was stopped because it took too long.
        seconds: How long it ran.
        output: SHA-256 of all that it printed, in hexadecimal.
    """

    command: str
    commit: str
    exit: int | None
    seconds: int
    output: str

    @property
    def passed(self) -> bool:
        """Tell whether it ended, and well."""
        return self.exit == 0


class Stamp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The payload of a stamp operation.

    Attributes:
        subject: SCID of the actor whose work it is.
        item: Op id of the item's post.
        submission: Op id of the work.
        accept: Op id of its acceptance.
        title: The issuer's words, one line.
        dims: Dimension and score, sorted by name.
        confidence: How sure the issuer is, 0 to 100.
        severity: How much the work mattered; root is the most.
        skills: What it took, sorted.
        vc: The credential's signature (`credential.sign_vc`).
        charter: The charter by which the issuer judges as a delegate; left out for the genesis.
        checks: What the issuer ran on the work; left out where it was nothing.
    """

    subject: str
    item: str
    submission: str
    accept: str
    title: str
    dims: tuple[tuple[str, int], ...]
    confidence: int
    severity: Severity
    skills: tuple[str, ...]
    vc: str
    charter: str | None = None
    checks: tuple[CheckRun, ...] = ()


class Accepted(NamedTuple):
    """What the acceptance says that a stamp names."""

    submission: str
    actor: str
    hlc: Hlc
    live: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFacts:
    """What the fold knows when it judges a stamp.

    Attributes:
        author_scid: The actor whose log holds the stamp.
        author_may_assert: Whether that log's key has `assertionMethod`.
        same_owner: Actors declared, both ways, to be of one owner with the author.
        submission_actor: Who signed the submission; None where it is missing.
        submission_item: The item it is for; None where it is missing.
        accept: The acceptance; None where it is missing.
        hlc: The stamp's.
        is_validator: Whether the charter lets the author judge this item.
        dimensions: Those of the commons.
        vc_valid: What `credential.check` says.
    """

    author_scid: str
    author_may_assert: bool
    same_owner: frozenset[str]
    submission_actor: str | None
    submission_item: str | None
    accept: Accepted | None
    hlc: Hlc
    is_validator: bool
    dimensions: frozenset[str]
    vc_valid: bool


def parse(payload: Mapping[str, Any]) -> Stamp:
    """Return the stamp in an operation's payload; its limits are `problem`'s to check.

    Raises:
        StampsError: a member is missing, unknown or of another type.
    """
    try:
        return msgspec.convert(payload, Stamp)
    except msgspec.ValidationError as error:
        raise StampsError(f"not a stamp: {error}") from error


def problem(stamp: Stamp, allowed_dims: Collection[str]) -> str | None:
    """Return one sentence on what is wrong with the stamp's own shape, or None.

    Args:
        stamp: The stamp.
        allowed_dims: The dimensions of the commons.
    """
    return (
        _name_problem(stamp)
        or _title_problem(stamp.title)
        or _dims_problem(stamp.dims, allowed_dims)
        or _skills_problem(stamp.skills)
        or _confidence_problem(stamp.confidence)
        or _checks_problem(stamp.checks)
        or _vc_problem(stamp.vc)
    )


def rule_broken(stamp: Stamp, facts: RuleFacts) -> str | None:
    """Return the name of the first rule the stamp breaks, or None where it counts."""
    if stamp.subject == facts.author_scid or stamp.subject in facts.same_owner:
        return "stamp.self"
    if (facts.submission_actor, facts.submission_item) != (stamp.subject, stamp.item):
        return "stamp.submission"
    accept = facts.accept
    if not accept or not accept.live or (accept.submission, accept.actor) != (stamp.submission, stamp.subject):
        return "stamp.accept"
    if not (facts.is_validator and facts.author_may_assert):
        return "stamp.validator"
    if facts.hlc <= accept.hlc:
        return "stamp.time"
    if not facts.dimensions.issuperset(name for name, _ in stamp.dims):
        return "stamp.dimension"
    return None if facts.vc_valid else "stamp.vc"


def _name_problem(stamp: Stamp) -> str | None:
    if not stamp.subject or not is_line(stamp.subject):
        return "The subject is not an actor."
    if not all(map(_is_operation, (stamp.item, stamp.submission, stamp.accept))):
        return "The item, the submission and the acceptance are named by operation ids."
    return None


def _title_problem(title: str) -> str | None:
    if 0 < len(title) <= MAX_TITLE and is_line(title):
        return None
    return f"The title is one line of 1 to {MAX_TITLE} characters."


def _dims_problem(dims: tuple[tuple[str, int], ...], allowed: Collection[str]) -> str | None:
    names = [name for name, _ in dims]
    if not names:
        return "At least one dimension is scored."
    if names != sorted(set(names)):
        return "The dimensions are sorted by name, each once."
    if not all(_is_dimension(name) and name in allowed for name in names):
        return f"The dimensions here are: {', '.join(sorted(allowed))}."
    if not all(0 <= score <= MAX_SCORE for _, score in dims):
        return f"A score is 0 to {MAX_SCORE}."
    return None


def _skills_problem(skills: tuple[str, ...]) -> str | None:
    if len(skills) > MAX_SKILLS or list(skills) != sorted(set(skills)):
        return f"There are at most {MAX_SKILLS} skills, sorted, each once."
    if not all(0 < len(skill) <= MAX_SKILL and is_line(skill) for skill in skills):
        return f"A skill is one line of 1 to {MAX_SKILL} characters."
    return None


def _confidence_problem(confidence: int) -> str | None:
    return None if 0 <= confidence <= MAX_CONFIDENCE else f"The confidence is 0 to {MAX_CONFIDENCE}."


def _checks_problem(checks: tuple[CheckRun, ...]) -> str | None:
    if len(checks) > MAX_CHECKS:
        return f"There are at most {MAX_CHECKS} checks."
    if not all(0 < len(run.command) <= MAX_COMMAND and is_line(run.command) for run in checks):
        return f"A check's command is one line of 1 to {MAX_COMMAND} characters."
    if sum(len(run.command.encode()) for run in checks) > MAX_CHECKS_BYTES:
        return f"The checks' commands have at most {MAX_CHECKS_BYTES} bytes together."
    if not all(_is_commit(run.commit) and _is_operation(run.output) for run in checks):
        return "A check names the commit that it ran on, and the SHA-256 of what it printed."
    if not all(run.seconds >= 0 and (run.exit is None or 0 <= run.exit <= MAX_EXIT) for run in checks):
        return f"A check's seconds are 0 or more, its exit code is 0 to {MAX_EXIT}."
    return None


def _vc_problem(vc: str) -> str | None:
    try:
        length = len(b64u_decode(vc))
    except ValueError:
        length = 0
    return None if length == SIGNATURE_BYTES else "The credential's signature is malformed."
