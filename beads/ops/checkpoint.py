"""checkpoint: a delegate's node says which heads it has seen; position by position it bounds time."""

from typing import Any

import msgspec

from beads import ids, limits
from beads.op import Op
from beads.rules import Context, Entity, Live, OpType, Phase, first_problem


class Checkpoint(msgspec.Struct, frozen=True):
    """Payload.

    Attributes:
        heads: Triples of log, seq and operation id, sorted by log.
        keys: Pairs of an actor (SCID) and the number of its key-log entries, sorted.
        charter: The charter in force, by which the writer is a delegate; left out for the genesis.
    """

    heads: tuple[tuple[str, int, str], ...]
    keys: tuple[tuple[str, int], ...]
    charter: str | None = None


def problem(payload: Checkpoint) -> str | None:
    """Say what is wrong with a payload of the right shape."""
    logs = [log for log, _, _ in payload.heads]
    actors = [actor for actor, _ in payload.keys]
    return first_problem(
        (len(logs) + len(actors) <= limits.CHECKPOINT_HEADS, "too many heads"),
        (logs == sorted(set(logs)) and actors == sorted(set(actors)), "heads must be sorted"),
        (all(map(ids.LOG_ID.fullmatch, logs)), "a log id"),
        (all(seq >= 0 and ids.HEX64.fullmatch(op) for _, seq, op in payload.heads), "a head"),
        (all(entries > 0 for _, entries in payload.keys), "a key log"),
        (payload.charter is None or bool(ids.HEX64.fullmatch(payload.charter)), "charter is not an operation id"),
    )


def entity(op: Op, actor: str) -> Entity:
    """Checkpoints belong to the commons."""
    return Entity("commons", op.commons)


def apply(state: Any, live: Live, payload: Checkpoint, context: Context) -> str | None:
    """Cover the heads, if a delegate's device says so."""
    if not context.governance.speaks(live.actor, live.op.log, live.op.seq, payload.charter):
        return "checkpoint.delegate"
    for log, seq, op in payload.heads:
        state.cover(live, log, seq, op)
    for actor, entries in payload.keys:
        state.cover_keys(live, actor, entries)
    return None


def named(payload: Checkpoint) -> tuple[str, ...]:
    """The charter; heads have a limit of their own."""
    return () if payload.charter is None else (payload.charter,)


TYPE = OpType("checkpoint", Checkpoint, entity, apply, Phase.FIELD, problem=problem, names=named)
