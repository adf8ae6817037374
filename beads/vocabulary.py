"""The words that beads are described with: statuses, types, kinds of links, priorities.

Types and statuses may be added to by a ledger's settings; kinds of links are open, those listed have a meaning.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from beads.errors import BadWord

ACTIVE, WIP, DONE, FROZEN, UNSPECIFIED = "active", "wip", "done", "frozen", "unspecified"
CATEGORIES = (ACTIVE, WIP, DONE, FROZEN, UNSPECIFIED)

OPEN, IN_PROGRESS, BLOCKED, DEFERRED, CLOSED = "open", "in_progress", "blocked", "deferred", "closed"
PINNED, HOOKED, TOMBSTONE = "pinned", "hooked", "tombstone"
STATUSES: Mapping[str, str] = MappingProxyType(
    {
        OPEN: ACTIVE, IN_PROGRESS: WIP, BLOCKED: WIP, DEFERRED: FROZEN, CLOSED: DONE, PINNED: FROZEN, HOOKED: WIP,
        TOMBSTONE: DONE,
    }
)  # fmt: skip
"""Status → category."""

WORK_TYPES = (
    "bug", "feature", "task", "epic", "chore", "decision", "message", "molecule", "gate", "spike", "story", "milestone",
    "event", "merge-request", "agent", "role", "rig", "convoy", "slot",
)  # fmt: skip
OWN_TYPES = ("config", "memory")
"""What the ledger keeps about itself, as beads: settings and memories."""
TYPE_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "enhancement": "feature", "feat": "feature", "dec": "decision", "adr": "decision", "investigation": "spike",
        "timebox": "spike", "user-story": "story", "user_story": "story", "ms": "milestone", "mr": "merge-request",
        "mol": "molecule",
    }
)  # fmt: skip
NOT_WORK = frozenset(("merge-request", "gate", "molecule", "message", "agent", "role", "rig", "slot", *OWN_TYPES))
"""Types of beads that are never ready: they are about work, or for machines."""

BLOCKS, PARENT, CONDITIONAL, WAITS = "blocks", "parent-child", "conditional-blocks", "waits-for"
BLOCKING = (BLOCKS, PARENT, CONDITIONAL, WAITS)
"""Kinds of links that can keep a bead from being ready; a parent only hands down its own being blocked."""
KINDS = (
    *BLOCKING, "related", "discovered-from", "replies-to", "relates-to", "duplicates", "supersedes", "authored-by",
    "assigned-to", "approved-by", "attests", "tracks", "until", "caused-by", "validates", "delegated-from",
)  # fmt: skip

MOLECULE_TYPES = ("swarm", "patrol", "work")

FAILURE_WORDS = (
    "failed", "rejected", "wontfix", "won't fix", "canceled", "cancelled", "abandoned", "blocked", "error", "timeout",
    "aborted",
)  # fmt: skip
"""In a reason for closing they say that the work failed, where no outcome is given."""

DEFAULT_TYPE, DEFAULT_PRIORITY = "task", 2
PRIORITIES = range(5)
_STATUS_NAME = re.compile(r"[a-z][a-z0-9_-]{0,49}")
_TYPE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


def failed(outcome: object, reason: str) -> bool:
    """Say whether closed work failed: by its outcome (`success`, `failure`), or else by the words of the reason."""
    if outcome in ("success", "failure"):
        return outcome == "failure"
    said = reason.lower()
    return any(word in said for word in FAILURE_WORDS)


def priority(text: str) -> int:
    """Read a priority: `0` (critical) to `4` (backlog), or `P0` to `P4`.

    Raises:
        BadWord: It is neither.
    """
    digits = text.strip().upper().removeprefix("P")
    if digits in map(str, PRIORITIES):
        return int(digits)
    raise BadWord(f"invalid priority {text!r}", "0 (critical) to 4 (backlog), or P0 to P4.")


def custom_statuses(setting: str) -> dict[str, str]:
    """Read the setting `status.custom`: `in_review:active,qa:wip,plain`.

    Returns:
        Status → category.

    Raises:
        BadWord: A name or category cannot be one.
    """
    found: dict[str, str] = {}
    for name, category in _pairs(setting):
        if not _STATUS_NAME.fullmatch(name) or name in STATUSES:
            raise BadWord(f"{name!r} cannot be a custom status", "Lower-case letters, digits, _ and -; not a built-in.")
        if category and category not in CATEGORIES:
            raise BadWord(f"{category!r} is no category of statuses", f"One of {', '.join(CATEGORIES)}.")
        found[name] = category or UNSPECIFIED
    return found


def custom_types(setting: str) -> tuple[str, ...]:
    """Read the setting `types.custom`: names with commas between.

    Raises:
        BadWord: A name cannot be a type.
    """
    names = tuple(name for name, _ in _pairs(setting))
    for name in names:
        if not _TYPE_NAME.fullmatch(name) or name == "wanted":
            raise BadWord(f"{name!r} cannot be a type", "Lower-case letters, digits, _ and -.")
    return names


def issue_type(text: str, custom: Iterable[str] = ()) -> str:
    """Return the type meant, by its name or an alias.

    Raises:
        BadWord: There is none.
    """
    name = TYPE_ALIASES.get(text.strip().lower(), text.strip().lower())
    known = (*WORK_TYPES, *custom)
    if name not in known:
        raise BadWord(
            f"invalid issue type {text!r}", f"One of {', '.join(known)}; more with: bd config set types.custom"
        )
    return name


def molecule_type(text: str) -> str:
    """Return the type of molecule meant.

    Raises:
        BadWord: There is none.
    """
    name = text.strip().lower()
    if name not in MOLECULE_TYPES:
        raise BadWord(f"invalid molecule type {text!r}", f"One of {', '.join(MOLECULE_TYPES)}.")
    return name


def status(text: str, custom: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the status meant.

    Raises:
        BadWord: There is none.
    """
    name = text.strip().lower()
    if name not in STATUSES and name not in custom:
        known = ", ".join((*(s for s in STATUSES if s != TOMBSTONE), *custom))
        raise BadWord(f"invalid status {text!r}", f"One of {known}; more with: bd config set status.custom")
    return name


def kind(text: str) -> str:
    """Return the kind of link meant; `parent` and the like are taken for what they mean.

    Raises:
        BadWord: It is empty or too long.
    """
    name = text.strip().lower().replace("_", "-")
    if not 0 < len(name) <= 40:
        raise BadWord(f"invalid dependency type {text!r}", f"One of {', '.join(KINDS)}, or your own.")
    return name


def _pairs(setting: str) -> list[tuple[str, str]]:
    parts = [part.strip().partition(":") for part in setting.split(",") if part.strip()]
    return [(name.strip(), category.strip()) for name, _, category in parts]
