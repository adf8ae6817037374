"""The fold: state is a pure function of the set of verified operations.

Delivery order, duplicates and grouping change nothing: operations are a set, each belongs to one entity,
and an entity's operations are sorted before they are applied (`beads.rules`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from beads.genesis import Genesis
from beads.governance import Governance
from beads.op import Op, plain
from beads.rules import Context, Entity, Live, Rules
from beads.weigh import KeysOf, Log, live
from beads.whole import weigh_all
from stamps import canon

FOLD_VERSION = 3
"""State hashes are comparable at equal versions only."""


class Ignored(NamedTuple):
    """An operation that had no right to its effect, and the rule that says so."""

    op: str
    rule: str


class Folded(NamedTuple):
    """One entity's state as JSON (None while its creating operation is missing) and what was ignored in it."""

    state: dict[str, Any] | None
    ignored: tuple[Ignored, ...]


@dataclass(frozen=True)
class Snapshot:
    """The state of a commons."""

    logs: Mapping[str, Log]
    governance: Governance
    entities: Mapping[Entity, Folded]

    def state_hash(self) -> str:
        """Return the hash that equal operation sets share on every node."""
        return state_hash(self.logs.values(), self.governance, self.entities.items())


def fold_entity(entity: Entity, ops: Iterable[Live], rules: Rules, context: Context) -> Folded:
    """Fold the live operations of one entity."""
    state = rules.kinds[entity.kind](entity.id)
    ignored: list[Ignored] = []
    ordered = sorted(ops, key=lambda each: _place(each, rules))
    for one in ordered:
        kind = rules.types[one.op.t]
        # An operation on what has not come into being is waiting, not wrong.
        if not state.exists and kind.phase:
            continue
        broken = kind.apply(state, one, one.op.payload, context)
        if broken is not None:
            ignored.append(Ignored(one.op.id, broken))
    begun = bool(ordered) and state.exists
    return Folded(plain(state.to_json(context)) if begun else None, tuple(sorted(ignored)))


def entity_of(op: Op, actor: str, rules: Rules) -> Entity | None:
    """Return what an operation belongs to; None where it is unread."""
    return None if op.payload is None else rules.types[op.t].entity(op, actor)


def fold(ops: Iterable[Op], commons: str, genesis: Genesis, rules: Rules, keys: KeysOf) -> Snapshot:
    """Fold a set of verified operations, all in memory."""
    (logs, governance), kept = weigh_all(ops, commons, genesis, keys)
    groups: defaultdict[Entity, list[Live]] = defaultdict(list)
    for op in kept:
        log = logs[op.log]
        entity = entity_of(op, log.actor, rules)
        if entity is not None and (log.counts(op.seq) or (rules.types[op.t].named_past_cut and log.is_read(op.seq))):
            groups[entity].append(live(op, log))
    context = Context(commons, genesis, governance)
    folded = {entity: fold_entity(entity, group, rules, context) for entity, group in groups.items()}
    return Snapshot(logs, governance, folded)


def state_hash(logs: Iterable[Log], governance: Governance, entities: Iterable[tuple[Entity, Folded]]) -> str:
    """Hash a state: canonical lines, sorted; states, what was ignored, who governs, where logs fork, freeze and end."""
    lines = [canon.encode(["fold", FOLD_VERSION])]
    lines += [canon.encode(["charter", charter.id]) for charter in governance.charters[1:]]
    for log in logs:
        if (log.forked_at, log.frozen_at, log.cut_at) != (None, None, None):
            lines.append(canon.encode(["log", log.id, log.forked_at, log.frozen_at, log.cut_at]))
    for entity, folded in entities:
        if folded.state is not None:
            lines.append(canon.encode(["state", entity.kind, sha256(_state_bytes(folded.state)).hexdigest()]))
        lines.extend(canon.encode(["ignored", op, rule]) for op, rule in folded.ignored)
    return sha256(b"\n".join(sorted(lines))).hexdigest()


def _state_bytes(state: dict[str, Any]) -> bytes:
    return canon.encode(state)


def _place(one: Live, rules: Rules) -> tuple[int, tuple[int | str, ...]]:
    kind = rules.types[one.op.t]
    return (kind.phase, kind.order(one))
