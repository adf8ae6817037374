"""What operations mean, as data: a frozen table that the fold is given, never a registry.

An operation belongs to one *entity* (a bead, an actor, the commons), named by `OpType.entity`.
The state of an entity is a pure function of its operations alone: they are sorted by phase, then by
`OpType.order`, and applied one by one. An `apply` that returns a rule's name had no right to its effect:
the operation is kept, ignored, and reported under that name, the same on every node.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import msgspec

from beads import limits
from beads.clock import Hlc
from beads.errors import InvalidLine
from beads.genesis import Genesis
from beads.governance import Governance
from beads.op import Line, Op
from stamps import canon

LINE_LENGTH = 200
"""Characters of a one-line field, unless its type says otherwise."""


class Entity(NamedTuple):
    """What an operation belongs to."""

    kind: str
    id: str


class Live(NamedTuple):
    """An operation with what its log says of the writer (F4: only live ones have effects).

    Attributes:
        past_cut: Its log was cut before it: it has no effect, but others may name it.
    """

    op: Op
    actor: str
    key: str
    device: bool
    past_cut: bool = False


class Context(NamedTuple):
    """The facts of the commons that rules may ask for.

    Attributes:
        governance: What is in force; it follows from the operations, too, and is found out before any entity.
    """

    commons: str
    genesis: Genesis
    governance: Governance


class State(Protocol):
    """The state of one entity while it is folded."""

    @property
    def exists(self) -> bool:
        """False until the operation that creates it has been applied."""

    def to_json(self, context: Context) -> dict[str, Any]:
        """Return the state, all operations applied, as a `wl-json` object; equal states give equal objects."""


class Phase(IntEnum):
    """The order of evaluation (protocol, F5)."""

    CREATE = 0
    HOME = 1
    INTENT = 2
    STAMP = 3
    OPINION = 4
    FIELD = 5


Apply = Callable[[Any, Live, Any, Context], str | None]
Order = tuple[int | str, ...]


def by_time(live: Live) -> Order:
    """Order by (hlc, log, seq): display and commutative text, never authority."""
    op = live.op
    return (op.hlc.ms, op.hlc.counter, op.log, op.seq)


def stated_time(op: Op) -> Hlc:
    """Return when a change was made: `at` where it is brought in from elsewhere, else the operation's own time.

    A stated time can only be earlier than the operation, so all it can do is lose.
    """
    at = op.payload.at
    return op.hlc if at is None or at >= op.hlc.ms else Hlc(at, 0)


def by_stated_time(live: Live) -> Order:
    """Order as `by_time`, but by the stated time."""
    return (*stated_time(live.op), live.op.log, live.op.seq)


def no_problem(_: Any) -> str | None:
    """Accept any payload of the right shape."""
    return None


def all_understood(_: Any) -> bool:
    """Leave no payload unread whose members are known."""
    return True


def no_names(_: Any) -> tuple[str, ...]:
    """Name no other operation."""
    return ()


@dataclass(frozen=True)
class OpType:
    """One row of the table.

    Attributes:
        payload: The value that `p` must be, a msgspec Struct. A member with a default may be left out; one that is
            there and says nothing ([], null) is refused, so that one meaning has one header.
        entity: What the operation belongs to, given the operation and its writer's actor.
        apply: Changes the state or names the rule that forbids it.
        problem: What is wrong with a payload of the right shape, or None.
        names: The operations that a payload names; at most 16.
        agent: Agent keys (`authentication`) may write it in a commons.
        private_agent: They may in a private ledger.
        understood: Says of a payload whether this version knows all that it may mean; else it is unread.
        named_past_cut: Its operations are folded past a cut, too, where others have built on them.
    """

    name: str
    payload: type[msgspec.Struct]
    entity: Callable[[Op, str], Entity]
    apply: Apply
    phase: Phase
    order: Callable[[Live], Order] = by_time
    problem: Callable[[Any], str | None] = no_problem
    names: Callable[[Any], tuple[str, ...]] = no_names
    agent: bool = False
    private_agent: bool = False
    understood: Callable[[Mapping[str, Any]], bool] = all_understood
    named_past_cut: bool = False

    @cached_property
    def optional(self) -> frozenset[str]:
        """The members of the payload that may be left out."""
        names, defaults = self.payload.__struct_encode_fields__, self.payload.__struct_defaults__
        return frozenset(names[len(names) - len(defaults) :])

    @cached_property
    def members(self) -> frozenset[str]:
        """All members that the payload may have."""
        return frozenset(self.payload.__struct_encode_fields__)


@dataclass(frozen=True)
class Rules:
    """The table and how the state of each kind of entity starts."""

    types: Mapping[str, OpType]
    kinds: Mapping[str, Callable[[str], State]]

    def read(self, line: Line) -> Op:
        """Turn a line whose signature was checked into an operation.

        An unknown type or member leaves `payload` None: unread, stored and forwarded.

        Raises:
            InvalidLine: The type is known and the payload breaks it.
        """
        kind = self.types.get(line.t)
        payload = None if kind is None or line.unknown_member else _payload(kind, line)
        return Op(
            id=line.id, commons=line.commons, log=line.log, seq=line.seq, prev=line.prev, hlc=line.hlc,
            t=line.t, p=line.p, by=line.by, body=line.body, header=line.header, signature=line.signature,
            unknown_member=line.unknown_member, payload=payload,
        )  # fmt: skip

    def may_write(self, t: str, *, device: bool, private: bool) -> bool:
        """Say whether a key of this purpose may write operations of type `t` at all."""
        kind = self.types.get(t)
        if device or kind is None:
            return True
        return kind.agent or (private and kind.private_agent)


def _payload(kind: OpType, line: Line) -> Any:
    if not line.p.keys() <= kind.members or not kind.understood(line.p):
        return None
    if any(not line.p[name] for name in kind.optional & line.p.keys()):
        raise InvalidLine("payload", f"{line.t}: an optional member that says nothing")
    try:
        payload = msgspec.convert(line.p, kind.payload)
    except msgspec.ValidationError as error:
        raise InvalidLine("payload", f"{line.t}: {error}") from None
    problem = kind.problem(payload)
    if problem:
        raise InvalidLine("payload", f"{line.t}: {problem}")
    if len(kind.names(payload)) > limits.NAMED_OPERATIONS:
        raise InvalidLine("payload", f"{line.t}: names more than {limits.NAMED_OPERATIONS} operations")
    return payload


def one_line(text: str, length: int = LINE_LENGTH) -> bool:
    """Say whether a text fits a one-line field."""
    return 0 < len(text) <= length and canon.is_line(text)


def first_problem(*checks: tuple[bool, str]) -> str | None:
    """Return the text of the first check that does not hold."""
    return next((text for holds, text in checks if not holds), None)
