"""charter, charter.sign: delegates govern together (protocol, A commons).

A charter names the one before it and changes one thing. It takes effect once as many delegates as that one asks for
have proposed or signed it; which ones have is found out when logs are weighed (`beads.governance`). Here it is only
recorded who has said what.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from beads import ids, limits
from beads.genesis import ADMISSIONS, VALIDATORS
from beads.op import Op
from beads.rules import Context, Entity, Live, OpType, Phase, first_problem

Position: TypeAlias = tuple[str, int, str]
"""A log, a position in it, and the operation there."""


class _Change(msgspec.Struct, frozen=True, tag_field="kind"):
    """One thing that a charter changes."""


class Delegates(_Change, frozen=True, tag="delegates"):
    """Who governs from here on.

    Attributes:
        delegates: Actors, sorted.
        threshold: How many of them act together; over half.
        until: The last operations with a delegate's power of those who are delegates no longer, sorted by log; where a
            log is not named it never had any.
    """

    delegates: tuple[str, ...]
    threshold: int
    until: tuple[Position, ...] = ()


class Policy(_Change, frozen=True, tag="policy"):
    """What is not named stays: `admission`, `validators`, and further `dimensions`, sorted."""

    admission: str | None = None
    validators: str | None = None
    dimensions: tuple[str, ...] | None = None


class AdmitActor(_Change, frozen=True, tag="admit"):
    """Let an actor in; one who was banned comes back with new logs only."""

    actor: str


class Ban(_Change, frozen=True, tag="ban"):
    """End an actor's logs: at `cuts`, sorted by log, or before their first operation."""

    actor: str
    cuts: tuple[Position, ...] = ()


class Hide(_Change, frozen=True, tag="hide"):
    """Show a bead to nobody who does not ask for it; what it says and what stands on it stays."""

    bead: str


class Unhide(_Change, frozen=True, tag="unhide"):
    """Show it again."""

    bead: str


class Adopt(_Change, frozen=True, tag="adopt", rename={"from_": "from"}):
    """Give an item whose home is lost another one.

    Attributes:
        epoch: The epoch of the home that is left.
        from_: The last operation of that home that counts for the item.
        to: The log that decides from now on, one epoch later.
    """

    item: str
    epoch: int
    from_: Position
    to: str


Change: TypeAlias = Delegates | Policy | AdmitActor | Ban | Hide | Unhide | Adopt
_KINDS: Mapping[str, type[msgspec.Struct]] = {
    "delegates": Delegates, "policy": Policy, "admit": AdmitActor, "ban": Ban, "hide": Hide, "unhide": Unhide,
    "adopt": Adopt,
}  # fmt: skip


class Charter(msgspec.Struct, frozen=True):
    """Payload.

    Attributes:
        prev: The charter in force before, null for the genesis.
    """

    prev: str | None
    change: Change


class Sign(msgspec.Struct, frozen=True):
    """Payload: the writer agrees to a charter that another has proposed."""

    charter: str


def understood(p: Mapping[str, Any]) -> bool:
    """Say whether this version knows what is changed; a change that it does not know it must not pass over."""
    change = p.get("change")
    if not isinstance(change, dict) or not isinstance(change.get("kind"), str):
        return True
    kind = _KINDS.get(change["kind"])
    return kind is not None and change.keys() <= {"kind", *kind.__struct_encode_fields__}


def problem(payload: Charter) -> str | None:
    """Say what is wrong with a payload of the right shape."""
    known = payload.prev is None or bool(ids.HEX64.fullmatch(payload.prev))
    return first_problem((known, "prev is not an operation id")) or _CHECKS[type(payload.change)](payload.change)


def _delegates_problem(change: Delegates) -> str | None:
    n = len(change.delegates)
    return first_problem(
        (0 < n <= limits.DELEGATES and _sorted(change.delegates), "delegates must be 1 to 64, sorted"),
        (n // 2 < change.threshold <= n, "threshold must be over half of the delegates"),
        (_positions(change.until), "until must be positions, sorted by log"),
    )


def _policy_problem(change: Policy) -> str | None:
    said = [each for each in (change.admission, change.validators, change.dimensions) if each is not None]
    dimensions = change.dimensions or ()
    return first_problem(
        (bool(said), "nothing is changed"),
        (change.admission is None or change.admission in ADMISSIONS, "admission"),
        (change.validators is None or change.validators in VALIDATORS, "validators"),
        (_sorted(dimensions) and all(ids.is_name(d) and len(d) <= 40 for d in dimensions), "dimensions"),
    )


def _ban_problem(change: Ban) -> str | None:
    return None if _positions(change.cuts) else "cuts must be positions, sorted by log"


def _bead_problem(change: Hide | Unhide) -> str | None:
    return None if ids.HEX64.fullmatch(change.bead) else "bead is not an id"


def _adopt_problem(change: Adopt) -> str | None:
    return first_problem(
        (bool(ids.HEX64.fullmatch(change.item)), "item is not an operation id"),
        (change.epoch >= 0, "epoch"),
        (_positions((change.from_,)), "from is not a position"),
        (bool(ids.LOG_ID.fullmatch(change.to)), "to is not a log id"),
    )


_CHECKS: Mapping[type, Any] = {
    Delegates: _delegates_problem, Policy: _policy_problem, AdmitActor: lambda _: None, Ban: _ban_problem,
    Hide: _bead_problem, Unhide: _bead_problem, Adopt: _adopt_problem,
}  # fmt: skip


def _sorted(names: Iterable[str]) -> bool:
    listed = list(names)
    return listed == sorted(set(listed))


def _positions(positions: tuple[Position, ...]) -> bool:
    return (
        len(positions) <= limits.CHECKPOINT_HEADS
        and _sorted(log for log, _, _ in positions)
        and all(ids.LOG_ID.fullmatch(log) and seq >= 0 and ids.HEX64.fullmatch(op) for log, seq, op in positions)
    )


def _sign_problem(payload: Sign) -> str | None:
    return None if ids.HEX64.fullmatch(payload.charter) else "charter is not an operation id"


def _entity(op: Op, actor: str) -> Entity:
    return Entity("commons", op.commons)


def propose(state: Any, live: Live, payload: Charter, context: Context) -> str | None:
    """Record a proposal by whoever is a delegate under the charter that it names."""
    if not context.governance.speaks(live.actor, live.op.log, live.op.seq, payload.prev):
        return "charter.delegate"
    state.propose(live, payload)
    return None


def sign(state: Any, live: Live, payload: Sign, context: Context) -> str | None:
    """Record a signature; whose it is counts when the proposal is known."""
    state.sign(live, payload.charter)
    return None


def _named(payload: Charter) -> tuple[str, ...]:
    return () if payload.prev is None else (payload.prev,)


def _signed(payload: Sign) -> tuple[str, ...]:
    return (payload.charter,)


CHARTER = OpType(
    "charter", Charter, _entity, propose, Phase.CREATE, problem=problem, names=_named, understood=understood
)
SIGN = OpType("charter.sign", Sign, _entity, sign, Phase.FIELD, problem=_sign_problem, names=_signed)
