"""Filling the index: what the store has taken up, weighed, and handed on to be folded (`beads.filling`).

All of a delta is taken up or nothing; the token of the store goes in last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from beads import fold, weigh
from beads.database import in_chunks
from beads.filling import Filling
from beads.index import Index
from beads.op import Op
from beads.rules import Entity
from beads.weigh import Log, Opened, Scales, Weighed


class Forked(NamedTuple):
    """What became of a log that forks.

    Attributes:
        at: The position from which on the kept chain is another.
        resumed: What it goes on with there.
        forked_at: Where it ends because nobody has decided, or None.
        parted_at: Where it first forks, or None where it does no longer.
        opening: How it begins, where it has no kept chain.
    """

    at: int
    resumed: Sequence[Op]
    forked_at: int | None
    parted_at: int | None
    opening: Op | None


@dataclass(frozen=True)
class Delta:
    """What the store has taken up since the index last looked.

    Attributes:
        generation: The store's token after it.
        ops: Log → operations that follow its indexed end.
        forks: Log → how it stands, where it forks; its operations are not among `ops`.
        bodies: Operation id → body.
        erased: Operations whose bodies went.
        new_keys: Key logs have changed, or may have.
        more: More comes at once: what it all makes is folded after the last, or by whoever looks before. Only what
            actors have taken back counts from now on.
    """

    generation: str
    ops: Mapping[str, Sequence[Op]] = field(default_factory=dict)
    forks: Mapping[str, Forked] = field(default_factory=dict)
    bodies: Mapping[str, bytes] = field(default_factory=dict)
    erased: frozenset[str] = frozenset()
    new_keys: bool = False
    more: bool = False

    def fresh(self) -> list[Sequence[Op]]:
        """Return the operations that are new to the tables, log by log."""
        return [*self.ops.values(), *(fork.resumed for fork in self.forks.values())]


class Indexer:
    """Fills the tables of one commons.

    Args:
        index: The tables.
    """

    def __init__(self, index: Index) -> None:
        self.index = index
        self._database = index.database
        self._filling = Filling(index)

    def apply(self, delta: Delta) -> None:
        """Take up what the store has: all of it or nothing; where there is much, it is folded by itself behind that."""
        # Another process may have changed who governs.
        self.index.forget_context()
        with self._database.transaction():
            touched = self._insert(delta.ops)
            touched |= self._part(delta.forks)
            touched |= self._take_bodies(delta)
            if self._needs_weighing(delta):
                touched |= self._weigh(delta)
            later = delta.more or self._filling.is_long(touched)
            touched = self._filling.put_off(touched) if later else touched | self._filling.was_put_off()
            self._filling.fold(touched, {one.id: one for ops in delta.fresh() for one in ops})
            self._unsettle(delta)
            self.index.set_meta("generation", delta.generation)
        if later and not delta.more:
            with self._database.transaction():
                self._filling.fold_put_off()
        if delta.erased:
            self._database.scrub()

    def _part(self, forks: Mapping[str, Forked]) -> set[Entity]:
        """Take off what is no longer on a kept chain, and put what is in its place."""
        touched: set[Entity] = set()
        for log, fork in forks.items():
            if self.index.log(log) is None and fork.opening is not None:
                self._insert_log(fork.opening)
            place = {"log": log, "seq": fork.at}
            touched |= self.index.entities_where("log = :log AND seq >= :seq", place)
            self._database.run(
                "DELETE FROM bodies WHERE op IN (SELECT id FROM ops WHERE log = :log AND seq >= :seq)", place
            )
            self._database.run("DELETE FROM ops WHERE log = :log AND seq >= :seq", place)
            self._database.run(
                """UPDATE logs SET forked_at = :forked, parted_at = :parted, seq = :seq - 1,
                   frozen_at = CASE WHEN frozen_at < :seq THEN frozen_at END,
                   head = COALESCE((SELECT id FROM ops WHERE log = :log AND seq = :seq - 1), '')
                   WHERE id = :log""",
                {**place, "forked": fork.forked_at, "parted": fork.parted_at},
            )
        return touched | self._insert({log: fork.resumed for log, fork in forks.items()})

    def _insert(self, by_log: Mapping[str, Sequence[Op]]) -> set[Entity]:
        touched: set[Entity] = set()
        rows: list[dict[str, Any]] = []
        actors = {row[0]: row[1] for row in self._database.query("SELECT id, actor FROM logs")}
        for log, ops in by_log.items():
            if not ops:
                continue
            actor = actors.get(log) or self._insert_log(ops[0])
            for one in ops:
                entity = fold.entity_of(one, actor, self.index.rules)
                rows.append(_op_row(one, entity))
                touched.update({entity} if entity else ())
            end = {"log": log, "seq": ops[-1].seq, "head": ops[-1].id}
            self._database.run("UPDATE logs SET seq = :seq, head = :head WHERE id = :log", end)
        self._database.run_many(
            """INSERT INTO ops VALUES (:id, :log, :seq, :t, :kind, :entity, :ms, :counter, :header, :signature)""", rows
        )
        return touched

    def _insert_log(self, first: Op) -> str:
        start = weigh.opening(first, self.index.commons)
        assert start is not None, "the verifier lets no log begin otherwise"
        owner = self.index.keys(start.actor)
        device = owner is not None and owner.allows(start.key, "assertionMethod")
        row = {"id": first.log, "actor": start.actor, "key": start.key, "device": int(device)}
        self._database.run(
            "INSERT INTO logs VALUES (:id, :actor, :key, :device, -1, '', NULL, NULL, NULL, NULL, NULL)", row
        )
        return start.actor

    def _take_bodies(self, delta: Delta) -> set[Entity]:
        rows = [{"op": op_id, "raw": raw} for op_id, raw in delta.bodies.items()]
        self._database.run_many("INSERT OR REPLACE INTO bodies VALUES (:op, :raw)", rows)
        for chosen, parameters in in_chunks(delta.erased):
            self._database.run(f"DELETE FROM bodies WHERE op IN ({chosen})", parameters)
        # What operations that are new belong to is known.
        new = {one.id for ops in delta.ops.values() for one in ops}
        touched: set[Entity] = set()
        for chosen, parameters in in_chunks([*(delta.bodies.keys() - new), *delta.erased]):
            touched |= self.index.entities_where(f"id IN ({chosen})", parameters)
        return touched

    def _needs_weighing(self, delta: Delta) -> bool:
        if delta.forks or delta.new_keys:
            return True
        fresh = [one for ops in delta.ops.values() for one in ops]
        if any(one.seq == 0 or one.payload is None or one.t in weigh.CONTROL for one in fresh):
            return True
        return any(one.t == "checkpoint" for one in fresh) and self._checkpoints_weigh()

    def _checkpoints_weigh(self) -> bool:
        """Say whether what delegates have seen decides anything here: it seldom does."""
        known = self.index.context.governance
        if known.banned or len({charter.admission for charter in known.charters}) > 1:
            return True
        keys = {log.actor: self.index.keys(log.actor) for log in self.index.logs().values()}
        return any(owner is not None and owner.revoked for owner in keys.values())

    def unsettled(self) -> bool:
        """Say whether what decides about forks has changed since it was last looked at."""
        return bool(self._database.query("SELECT 1 FROM meta WHERE name = 'unsettled'"))

    def mark_settled(self) -> None:
        """Note that it was looked at."""
        self._database.run("DELETE FROM meta WHERE name = 'unsettled'")

    def scales(self) -> Scales:
        """Return what weighs the logs as they are."""
        return Scales(self._opened(self.index.logs()), self.index.commons, self.index.genesis, self._evidence())

    def _unsettle(self, delta: Delta) -> None:
        decisive = {"checkpoint", *weigh.CONTROL}
        says = any(one.t in decisive for ops in delta.ops.values() for one in ops)
        # A delegate's log that forks speaks no longer for what it has said behind that.
        may_decide = delta.new_keys or bool(delta.forks) or says
        if may_decide and self._database.query("SELECT 1 FROM logs WHERE parted_at IS NOT NULL LIMIT 1"):
            self.index.set_meta("unsettled", "")

    def _weigh(self, delta: Delta) -> set[Entity]:
        """Weigh all logs again; return the entities of those that count otherwise than before."""
        for ops in delta.fresh():
            frozen = weigh.frozen_at(ops)
            if frozen is not None:
                self._database.run(
                    # Not where it stood on a branch that a fork took off.
                    "UPDATE logs SET frozen_at = COALESCE(frozen_at, :seq) WHERE id = :log AND seq >= :seq",
                    {"seq": frozen, "log": ops[0].log},
                )
        before = self.index.logs()
        after = Scales(self._opened(before), self.index.commons, self.index.genesis, self._evidence()).weigh()
        touched: set[Entity] = set()
        for log in after.logs.values():
            if log != before[log.id]:
                place = {"log": log.id, "start": log.counted_from, "cut": log.cut_at}
                self._database.run("UPDATE logs SET counted_from = :start, cut_at = :cut WHERE id = :log", place)
                touched |= self.index.entities_where("log = :log", {"log": log.id})
        return touched | self._govern(after)

    def _evidence(self) -> weigh.Evidence:
        def checkpoints() -> list[Op]:
            rows = self._database.query("SELECT header, signature FROM ops WHERE t = 'checkpoint'")
            return [self.index.read(*row) for row in rows]

        return weigh.Evidence(self.index.keys, checkpoints, self.index.op_id)

    def _govern(self, after: Weighed) -> set[Entity]:
        """Write down who governs; where that changed, everything may."""
        if after.governance == self.index.context.governance:
            return set()
        self.index.govern(after.governance)
        return self.index.entities_where("TRUE", {})

    def _opened(self, logs: Mapping[str, Log]) -> dict[str, Opened]:
        control: dict[str, list[Op]] = {}
        listed, chosen = next(in_chunks(weigh.CONTROL))
        rows = self._database.query(
            f"SELECT header, signature FROM ops WHERE t IN ({listed}) ORDER BY log, seq", chosen
        )
        for one in (self.index.read(*row) for row in rows):
            log = logs[one.log]
            if log.frozen_at is None or one.seq < log.frozen_at:
                control.setdefault(one.log, []).append(one)
        return {
            log.id: Opened(
                log.id,
                log.actor,
                log.key,
                log.device,
                log.frozen_at,
                log.forked_at,
                log.parted_at,
                tuple(control.get(log.id, ())),
            )
            for log in logs.values()
        }


def _op_row(one: Op, entity: Entity | None) -> dict[str, Any]:
    return {
        "id": one.id, "log": one.log, "seq": one.seq, "t": one.t, "kind": entity.kind if entity else None,
        "entity": entity.id if entity else None, "ms": one.hlc.ms, "counter": one.hlc.counter,
        "header": one.header, "signature": one.signature,
    }  # fmt: skip
