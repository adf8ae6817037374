"""Genesis: the founding document of a commons; its hash is the name of the commons."""

from typing import Any

import msgspec

from beads import ids, limits
from beads.errors import InvalidGenesis
from stamps import canon
from stamps.errors import CanonError

DIMENSIONS = ("creativity", "quality", "reliability")
ADMISSIONS = frozenset({"open", "invite"})
VALIDATORS = frozenset({"poster", "poster+delegates", "any"})
NAME_LENGTH = 80


class Parent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a commons was forked from: the parent's id and the hash of its cut (protocol, A commons)."""

    commons: str
    cut: str


class Genesis(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the founders wrote.

    Attributes:
        delegates: Actors (SCIDs), sorted.
        threshold: How many of them act together; over half.
        created: Milliseconds since 1970, UTC; shown, never judged by.
    """

    v: int
    name: str
    salt: str
    created: int
    private: bool
    delegates: tuple[str, ...]
    threshold: int
    admission: str
    validators: str
    dimensions: tuple[str, ...]
    parent: Parent | None = None


def build(
    *, name: str, salt: str, created: int, delegates: tuple[str, ...], private: bool = False, threshold: int = 0,
    admission: str = "open", validators: str = "poster", dimensions: tuple[str, ...] = (), parent: Parent | None = None,
) -> bytes:  # fmt: skip
    """Return the canonical bytes of a new genesis.

    Raises:
        InvalidGenesis: A value is outside the protocol.
    """
    value: dict[str, Any] = {
        "v": 1, "name": name, "salt": salt, "created": created, "private": private,
        "delegates": sorted(set(delegates)), "threshold": threshold or len(set(delegates)) // 2 + 1,
        "admission": admission, "validators": validators, "dimensions": sorted(set(dimensions)),
    }  # fmt: skip
    if parent is not None:
        value["parent"] = {"commons": parent.commons, "cut": parent.cut}
    raw = canon.encode(value)
    parse(raw)
    return raw


def parse(raw: bytes) -> Genesis:
    """Read a genesis strictly.

    Raises:
        InvalidGenesis: The bytes are not one, or from a later version of the protocol.
    """
    try:
        genesis = msgspec.convert(canon.parse(raw), Genesis)
    except (CanonError, msgspec.ValidationError) as error:
        raise InvalidGenesis(f"not a genesis: {error}", "Ask the founders for genesis.json.") from None
    problem = _problem(genesis)
    if problem:
        raise InvalidGenesis(f"not a genesis: {problem}")
    return genesis


def _problem(g: Genesis) -> str | None:
    n = len(g.delegates)
    checks = (
        (g.v == 1, f"version {g.v}"),
        (0 < len(g.name) <= NAME_LENGTH and canon.is_line(g.name), "name must be one line of up to 80 characters"),
        (0 < n <= limits.DELEGATES and list(g.delegates) == sorted(set(g.delegates)), "delegates"),
        (n // 2 < g.threshold <= n, "threshold must be over half of the delegates"),
        (g.admission in ADMISSIONS, "admission"),
        (g.validators in VALIDATORS, "validators"),
        (list(g.dimensions) == sorted(set(g.dimensions)), "dimensions"),
        (all(ids.is_name(d) and len(d) <= 40 for d in g.dimensions), "dimension names"),
        (g.parent is None or bool(ids.COMMONS_ID.fullmatch(g.parent.commons)), "parent"),
        (g.parent is None or bool(ids.HEX64.fullmatch(g.parent.cut)), "parent cut"),
    )
    return next((text for holds, text in checks if not holds), None)
