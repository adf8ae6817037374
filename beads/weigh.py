"""Weighing logs: which of the verified operations are *live* (protocol, F4 and F5).

1. A log is the chain that starts at its `open`; each operation names the one before it.
2. Where two operations follow one, the writer has equivocated: the common prefix is kept, both branches
   stay as evidence (votes and repairs may choose one: a later version of the fold).
3. A log is read up to its first unread operation; there it freezes and says `upgrade`.
4. In an open commons a log counts from its start. By invitation it counts from the `join` that names an
   `admit` by an actor whose own log counted there; delegates count always.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from beads import ids, limits
from beads.genesis import Genesis
from beads.op import Line, Op
from beads.ops.join import Admit, Join
from beads.ops.open import Open
from beads.rules import Live

MayAssert = Callable[[str, str], bool]
"""(actor, did:key) → whether the key log lists the key for assertionMethod."""


@dataclass(frozen=True)
class Log:
    """A log as weighed.

    Attributes:
        counted_from: First position with effects; None while the writer is not admitted.
        frozen_at: Position of the first unread operation, or None.
        forked_at: Position at which two operations follow one, or None.
    """

    id: str
    actor: str
    key: str
    device: bool
    counted_from: int | None
    frozen_at: int | None = None
    forked_at: int | None = None

    def counts(self, seq: int) -> bool:
        """Say whether the operation at `seq` of the kept chain has effects."""
        return (
            self.counted_from is not None
            and seq >= self.counted_from
            and (self.frozen_at is None or seq < self.frozen_at)
        )


def kept_chain(ops: Iterable[Op]) -> tuple[list[Op], int | None]:
    """Return the kept chain of one log's operations, and where it forks.

    Operations whose predecessors are missing are left out: they are held until those arrive.
    """
    after: defaultdict[str | None, dict[str, Op]] = defaultdict(dict)
    for op in ops:
        after[op.prev][op.id] = op
    chain: list[Op] = []
    at: str | None = None
    while len(after[at]) == 1:
        (op,) = after[at].values()
        chain.append(op)
        at = op.id
    return chain, (len(chain) if len(after[at]) > 1 else None)


def kept_branches(branches: Iterable[Sequence[Line]]) -> list[Sequence[Line]]:
    """Choose the branches to keep of a log that has forked, the same wherever the same were seen.

    Of branches that begin alike the longest, or the one whose end has the greater id; of more than two, those that
    begin with the lesser ids.
    """
    best: dict[str, Sequence[Line]] = {}
    for branch in branches:
        start = branch[0].id
        if start not in best or _length(branch) > _length(best[start]):
            best[start] = branch
    return [best[start] for start in sorted(best)[: limits.FORK_BRANCHES]]


def _length(branch: Sequence[Line]) -> tuple[int, str]:
    return len(branch), branch[-1].id


def opening(op: Op, commons: str) -> Open | None:
    """Return what opens a log, if this operation rightly does: the id proves commons, actor and key."""
    payload = op.payload
    fits = op.seq == 0 and isinstance(payload, Open) and ids.log_id(commons, payload.actor, payload.key) == op.log
    return payload if fits else None


def frozen_at(chain: Iterable[Op]) -> int | None:
    """Return the position of the first unread operation."""
    return next((op.seq for op in chain if op.payload is None), None)


@dataclass(frozen=True)
class Opened:
    """A log whose opening was read; what `admission` weighs."""

    id: str
    actor: str
    key: str
    device: bool
    frozen_at: int | None
    forked_at: int | None
    control: tuple[Op, ...]
    """Its admit and join operations before `frozen_at`, in order."""


def admission(opened: Mapping[str, Opened], genesis: Genesis) -> dict[str, Log]:
    """Decide from where each log counts; a fixed point, because members admit members."""
    counted: dict[str, int] = {}
    admits = {op.id: op for log in opened.values() for op in log.control if isinstance(op.payload, Admit)}
    for log in opened.values():
        if genesis.admission == "open" or log.actor in genesis.delegates:
            counted[log.id] = 0
    while _admit_more(opened, admits, counted):
        pass
    return {
        log.id: Log(log.id, log.actor, log.key, log.device, counted.get(log.id), log.frozen_at, log.forked_at)
        for log in opened.values()
    }


def _admit_more(opened: Mapping[str, Opened], admits: Mapping[str, Op], counted: dict[str, int]) -> bool:
    before = len(counted)
    for log in opened.values():
        if log.id not in counted:
            start = _joined_at(log, opened, admits, counted)
            if start is not None:
                counted[log.id] = start
    return len(counted) > before


def _joined_at(
    log: Opened, opened: Mapping[str, Opened], admits: Mapping[str, Op], counted: Mapping[str, int]
) -> int | None:
    for op in log.control:
        admit = admits.get(op.payload.admit) if isinstance(op.payload, Join) else None
        if admit is None or admit.payload.actor != log.actor:
            continue
        if admit.log in counted and admit.seq >= counted[admit.log] and opened[admit.log].device:
            return op.seq
    return None


def weigh(ops: Iterable[Op], commons: str, genesis: Genesis, may_assert: MayAssert) -> tuple[dict[str, Log], list[Op]]:
    """Weigh a set of verified operations.

    Returns:
        The logs by id, and the kept operations of all of them (live or not).
    """
    by_log: defaultdict[str, list[Op]] = defaultdict(list)
    for op in ops:
        by_log[op.log].append(op)
    opened: dict[str, Opened] = {}
    kept: list[Op] = []
    for log, its_ops in by_log.items():
        chain, fork = kept_chain(its_ops)
        # A log that forks at its very start has no kept chain; either opening tells whose it is.
        start = next(filter(None, (opening(op, commons) for op in chain[:1] or its_ops)), None)
        if start is not None:
            opened[log] = open_log(log, start, chain, fork, may_assert)
            kept.extend(chain)
    return admission(opened, genesis), kept


def open_log(log: str, start: Open, chain: list[Op], fork: int | None, may_assert: MayAssert) -> Opened:
    """Read what admission needs from a log's chain."""
    frozen = frozen_at(chain)
    readable = chain if frozen is None else chain[:frozen]
    control = tuple(op for op in readable if isinstance(op.payload, (Admit, Join)))
    return Opened(log, start.actor, start.key, may_assert(start.actor, start.key), frozen, fork, control)


def live(op: Op, log: Log) -> Live:
    """Pair an operation with what its log says of the writer."""
    return Live(op, log.actor, log.key, log.device)
