"""The settings that something reads: what they do, what they must be; and keys that look like slips for them."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import NamedTuple

from beads import alias, vocabulary
from beads.errors import BadWord
from beads.settings import DIGITS, NO, ORDERS, YES, duration, is_number, is_share


class Known(NamedTuple):
    """A setting that something reads.

    Attributes:
        what: What it does.
        check: Raises `BadWord` for a value that cannot be read.
    """

    what: str
    check: Callable[[str], object]


FOREIGN = ("jira.", "github.", "gitlab.", "linear.", "ado.", "notion.", "custom.", "kv.")
"""How settings begin that are kept for other tools."""
ELSEWHERE = frozenset(
    (
        "allowed_prefixes", "issue_id_mode", "types.infra", "validation.on-create", "validation.on-close",
        "validation.on-sync", "no-git-ops", "no-push", "export.path", "export.interval", "export.git-add",
        "import.path", "directory.labels", "repos.additional", "federation.remote", "federation.sovereignty",
        "compaction_enabled", "compact_tier2_days", "compact_batch_size", "tombstone.ttl_days", "sync.branch",
    )
)  # fmt: skip
"""Settings of other tools that keep beads: nothing here reads them, and yet they are no slips."""


def check(key: str, value: str) -> str:
    """Say what is odd about a setting, or "".

    Raises:
        BadWord: Something reads it, and could not.
    """
    if not key or len(key) > 200:
        raise BadWord("a setting needs a name of up to 200 characters")
    if key in KNOWN:
        try:
            KNOWN[key].check(value)
        except BadWord as error:
            raise BadWord(f"{key} cannot be {value!r}: {error}", error.hint) from None
    if key in KNOWN or key.startswith(FOREIGN):
        return ""
    near = _near(key)
    meant = f"; did you mean {near}?" if near else " (bd config list --known)"
    return f"nothing reads {key}; it is kept all the same{meant}"


def _near(key: str) -> str:
    """Return the known setting that a key is a slip for, or ""."""
    if key in ELSEWHERE:
        return ""
    same = [known for known in KNOWN if _letters(known) == _letters(key)]
    return next(iter(same or get_close_matches(key, KNOWN, 1, _ALIKE)), "")


def _letters(key: str) -> str:
    return "".join(c for c in key.lower() if c.isalnum())


_ALIKE = 0.8

# -- what values must be ---------------------------------------------------------------------------------------------


def _prefix(value: str) -> None:
    if not alias.PREFIX.fullmatch(value):
        raise BadWord("ids cannot begin with it", "Lower-case letters, digits, - and _, a letter first: shop")


def _truth(value: str) -> None:
    if value.lower() not in (*YES, *NO):
        raise BadWord("it is neither true nor false", "true or false")


def _number(value: str) -> None:
    if not is_number(value):
        raise BadWord("it is no number", f"A whole number of up to {DIGITS} digits.")


def _length(value: str) -> None:
    if not is_number(value) or not alias.MIN_LENGTH <= int(value) <= alias.MAX_LENGTH:
        raise BadWord("no id is so long", f"A number from {alias.MIN_LENGTH} to {alias.MAX_LENGTH}.")


def _share(value: str) -> None:
    if not is_share(value):
        raise BadWord("it is no probability", "A number from 0 to 1: 0.25")


def _lease(value: str) -> None:
    if value != "none":
        duration(value)


def _order(value: str) -> None:
    if value not in ORDERS:
        raise BadWord("a file has no such order", f"One of {', '.join(ORDERS)}.")


def _projects(value: str) -> None:
    for pair in filter(None, map(str.strip, value.split(","))):
        name, _, ledger = pair.partition("=")
        if not name.strip() or not ledger.strip():
            raise BadWord(
                f"{pair!r} names no ledger", "name=LEDGER, with commas between; bd where shows a ledger's id."
            )


KNOWN: Mapping[str, Known] = MappingProxyType(
    {
        "issue_prefix": Known("What ids begin with.", _prefix),
        "min_hash_length": Known("Characters of the shortest ids.", _length),
        "max_hash_length": Known("Characters of the longest ids.", _length),
        "max_collision_prob": Known("The risk at which ids grow longer, 0 to 1.", _share),
        "hierarchy.max-depth": Known("Dots in the ids of children.", _number),
        "status.custom": Known(
            "More statuses: name:category,… (active, wip, done, frozen).", vocabulary.custom_statuses
        ),
        "types.custom": Known("More types, with commas between.", vocabulary.custom_types),
        "create.require-description": Known("true: no bead without a description.", _truth),
        "claim.lease": Known("How long a claim holds without a sign of life: 90m, 4h, 2d, or none.", _lease),
        "export.auto": Known("true: every write refreshes .beads/issues.jsonl.", _truth),
        "export.order": Known("Order of the file: id, priority, or file (as it is).", _order),
        "external_projects": Known("name=LEDGER,…: where external:name:capability is looked up.", _projects),
        "compact_tier1_days": Known("Days after closing at which a bead may be summed up.", _number),
        "prime.max-memories": Known("How many memories bd prime shows.", _number),
        "prime.max-memory-chars": Known("How many characters of them.", _number),
    }
)
"""Settings that something reads."""
