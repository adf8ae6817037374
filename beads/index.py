"""The index: the folded state in tables, kept up to date one entity at a time.

It is disposable: everything in it follows from the store, and `generation` says how far it has come. A process
that is killed before its index write leaves a token that differs, and the next one catches up (`beads.ledger`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from beads import body, fold, governance, op, weigh
from beads.clock import ZERO, Hlc
from beads.database import Database, Row, in_chunks
from beads.errors import Ambiguous, NotFound
from beads.fold import Folded, Ignored
from beads.genesis import Genesis
from beads.governance import Governance
from beads.op import Head, Op
from beads.projection import ERASURES, Projection, Prose
from beads.rules import Context, Entity, Live, Rules
from beads.verify import Position, Writer
from beads.weigh import KeysOf, Log, Opened, Scales, Weighed
from stamps.keys import PublicKey

_TABLES = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE logs (id TEXT PRIMARY KEY, actor TEXT NOT NULL, key TEXT NOT NULL, device INTEGER NOT NULL,
       seq INTEGER NOT NULL, head TEXT NOT NULL, counted_from INTEGER, frozen_at INTEGER, forked_at INTEGER,
       parted_at INTEGER, cut_at INTEGER)""",
    """CREATE TABLE ops (id TEXT PRIMARY KEY, log TEXT NOT NULL, seq INTEGER NOT NULL, t TEXT NOT NULL, kind TEXT,
       entity TEXT, ms INTEGER NOT NULL, counter INTEGER NOT NULL, header BLOB NOT NULL, signature BLOB NOT NULL)""",
    "CREATE UNIQUE INDEX ops_log ON ops (log, seq)",
    "CREATE INDEX ops_entity ON ops (kind, entity)",
    "CREATE INDEX ops_t ON ops (t)",
    "CREATE INDEX ops_time ON ops (ms, counter)",
    "CREATE TABLE bodies (op TEXT PRIMARY KEY, raw BLOB NOT NULL)",
    "CREATE TABLE entities (kind TEXT NOT NULL, id TEXT NOT NULL, state BLOB NOT NULL, PRIMARY KEY (kind, id))",
    "CREATE TABLE ignored (kind TEXT NOT NULL, entity TEXT NOT NULL, op TEXT NOT NULL, rule TEXT NOT NULL)",
    "CREATE INDEX ignored_entity ON ignored (kind, entity)",
    "CREATE TABLE put_off (kind TEXT NOT NULL, entity TEXT NOT NULL, PRIMARY KEY (kind, entity))",
)
_LIVE = """SELECT o.id, o.entity, l.actor, l.key, l.device, l.cut_at IS NOT NULL AND o.seq >= l.cut_at
           FROM ops o JOIN logs l ON l.id = o.log
           WHERE o.kind = :kind AND o.entity IN ({}) AND o.seq >= l.counted_from
             AND (l.frozen_at IS NULL OR o.seq < l.frozen_at)
             AND (l.cut_at IS NULL OR o.seq < l.cut_at OR o.t IN ({}))
           ORDER BY o.ms, o.counter, o.log, o.seq"""
_LOGS = "SELECT id, actor, key, device, counted_from, frozen_at, forked_at, parted_at, cut_at FROM logs"


FOLDED_AT_ONCE = 2_000
"""Entities: their operations are in memory together."""


class OpPlace(NamedTuple):
    """Where an operation stands, and whose it is."""

    log: str
    seq: int
    actor: str


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


class Index:
    """The tables of one commons.

    Args:
        keys: Looks key logs up.
    """

    def __init__(
        self, database: Database, commons: str, genesis: Genesis, rules: Rules, projections: Sequence[Projection],
        keys: KeysOf,
    ) -> None:  # fmt: skip
        self.database = database
        self.commons = commons
        self.genesis = genesis
        self._context: Context | None = None
        self.rules = rules
        self._projections = (ERASURES, *projections)
        self._keys = keys

    @property
    def context(self) -> Context:
        """What rules may ask for: the genesis, and who governs as of the last weighing."""
        if self._context is None:
            rows = self.database.query("SELECT value FROM meta WHERE name = 'governance'")
            known = msgspec.json.decode(rows[0][0], type=Governance) if rows else governance.founded(self.genesis)
            self._context = Context(self.commons, self.genesis, known)
        return self._context

    # -- what it knows -----------------------------------------------------------------------------------------

    def generation(self) -> str | None:
        """Return the token of the store that the tables stand for.

        None where they must be built anew. While something is not folded yet it is one that no store has.
        """
        read = self.read_to()
        return f"{read}, not folded" if read is not None and self.is_behind() else read

    def read_to(self) -> str | None:
        """Return the token of the store whose operations are in the tables, folded or not."""
        if self._schema() != self._wanted_schema():
            return None
        rows = self.database.query("SELECT value FROM meta WHERE name = 'generation'")
        return str(rows[0][0]) if rows else None

    def is_behind(self) -> bool:
        """Say whether operations are in the tables that are not folded yet."""
        return bool(self.database.query("SELECT 1 FROM put_off LIMIT 1"))

    def latest(self) -> Hlc:
        """Return the highest time of any operation."""
        rows = self.database.query("SELECT ms, counter FROM ops ORDER BY ms DESC, counter DESC LIMIT 1")
        return Hlc(*rows[0]) if rows else ZERO

    def logs(self) -> dict[str, Log]:
        """Return every log as weighed."""
        return {row[0]: _log(row) for row in self.database.query(_LOGS)}

    def log(self, log: str) -> Log | None:
        """Return one log as weighed."""
        rows = self.database.query(f"{_LOGS} WHERE id = :id", {"id": log})
        return _log(rows[0]) if rows else None

    def heads(self) -> dict[str, Head]:
        """Return where each log's kept chain ends."""
        rows = self.database.query("SELECT id, seq, head FROM logs WHERE seq >= 0")
        return {log: Head(seq, head) for log, seq, head in rows}

    def position(self, log: str, seq: int) -> Position | None:
        """Return a position of a log's kept chain, to read on from; None where there is none."""
        sql = """SELECT o.id, o.ms, o.counter, l.actor, l.key, l.device FROM ops o JOIN logs l ON l.id = o.log
                 WHERE o.log = :log AND o.seq = :seq"""
        rows = self.database.query(sql, {"log": log, "seq": seq})
        if not rows:
            return None
        op_id, ms, counter, actor, key, device = rows[0]
        return Position(Head(seq, op_id), Hlc(ms, counter), Writer(actor, PublicKey.from_did(key), bool(device)))

    def end(self, log: str) -> Position | None:
        """Return where a log's kept chain ends, to read on from; None where there is none."""
        rows = self.database.query("SELECT seq FROM logs WHERE id = :log", {"log": log})
        return self.position(log, rows[0][0]) if rows else None

    def place(self, op_id: str) -> OpPlace | None:
        """Return where an operation of a kept chain stands, and whose it is."""
        sql = "SELECT o.log, o.seq, l.actor FROM ops o JOIN logs l ON l.id = o.log WHERE o.id = :id"
        rows = self.database.query(sql, {"id": op_id})
        return OpPlace(*rows[0]) if rows else None

    def op(self, op_id: str) -> Op | None:
        """Return an operation of a kept chain."""
        rows = self.database.query("SELECT header, signature FROM ops WHERE id = :id", {"id": op_id})
        return self._read(*rows[0]) if rows else None

    def op_id(self, log: str, seq: int) -> str | None:
        """Return the id of an operation of a log's kept chain."""
        rows = self.database.query("SELECT id FROM ops WHERE log = :log AND seq = :seq", {"log": log, "seq": seq})
        return str(rows[0][0]) if rows else None

    def op_at(self, log: str, seq: int) -> Op | None:
        """Return an operation of a log's kept chain."""
        op_id = self.op_id(log, seq)
        return self.op(op_id) if op_id else None

    def bodies_of(self, log: str) -> dict[int, str]:
        """Return the operations of a log whose bodies are held, by position."""
        sql = "SELECT o.seq, o.id FROM ops o JOIN bodies b ON b.op = o.id WHERE o.log = :log"
        return dict(self.database.query(sql, {"log": log}))

    def has_body(self, op_id: str) -> bool:
        """Say whether an operation's body is held."""
        return bool(self.database.query("SELECT 1 FROM bodies WHERE op = :op", {"op": op_id}))

    def erased(self, actor: str, log: str) -> frozenset[str]:
        """Return the operations of one of its logs whose words an actor has taken back."""
        sql = "SELECT op FROM erasures WHERE entity = :actor AND (log IS NULL OR log = :log)"
        return frozenset(row[0] for row in self.database.query(sql, {"actor": actor, "log": log}))

    def erased_bodies(self) -> list[tuple[str, int]]:
        """Return log and position of each body that is held although its author took it back."""
        sql = """SELECT o.log, o.seq FROM erasures e JOIN bodies b ON b.op = e.op JOIN ops o ON o.id = e.op
                 JOIN logs l ON l.id = o.log AND l.actor = e.entity WHERE e.log IS NULL OR e.log = o.log"""
        return [(log, seq) for log, seq in self.database.query(sql)]

    def ops_of(self, entity: Entity) -> Sequence[Live]:
        """Return the live operations of an entity, by time."""
        return self._lives([entity], {}).get(entity, ())

    def prose(self, op_id: str) -> Mapping[str, str]:
        """Return the texts of an operation's body; empty where it is missing or erased."""
        rows = self.database.query("SELECT raw FROM bodies WHERE op = :op", {"op": op_id})
        return body.recall(rows[0][0]) if rows else {}

    def state(self, kind: str, entity: str) -> dict[str, Any] | None:
        """Return the state of an entity."""
        sql = "SELECT state FROM entities WHERE kind = :kind AND id = :id"
        rows = self.database.query(sql, {"kind": kind, "id": entity})
        return msgspec.json.decode(rows[0][0]) if rows else None

    def ignored(self) -> list[Ignored]:
        """Return every operation that had no right to its effect, with the rule."""
        return [Ignored(*row) for row in self.database.query("SELECT op, rule FROM ignored ORDER BY op, rule")]

    def resolve(self, kind: str, prefix: str) -> str:
        """Return the one id that starts with `prefix`.

        Raises:
            NotFound: There is none.
            Ambiguous: There are several.
        """
        sql = "SELECT id FROM entities WHERE kind = :kind AND id >= :low AND id < :high ORDER BY id LIMIT 11"
        # Operation ids are hexadecimal; those of actors have capitals.
        low = prefix if kind == "actor" else prefix.lower()
        rows = self.database.query(sql, {"kind": kind, "low": low, "high": low + "~"})
        if not rows or not prefix:
            raise NotFound(f"no {kind} {prefix}")
        if len(rows) > 1 and rows[0][0] != prefix:
            raise Ambiguous(prefix, [row[0] for row in rows[:10]])
        return str(rows[0][0])

    def state_hash(self) -> str:
        """Return the hash that equal operation sets share on every node (`beads.fold`)."""
        ignored: dict[Entity, list[Ignored]] = {}
        for kind, entity, op_id, rule in self.database.query("SELECT kind, entity, op, rule FROM ignored"):
            ignored.setdefault(Entity(kind, entity), []).append(Ignored(op_id, rule))
        states = {
            Entity(kind, entity): msgspec.json.decode(state)
            for kind, entity, state in self.database.query("SELECT kind, id, state FROM entities")
        }
        folded = ((e, Folded(states.get(e), tuple(ignored.get(e, ())))) for e in {*states, *ignored})
        return fold.state_hash(self.logs().values(), self.context.governance, folded)

    # -- how it learns -----------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Start anew, with empty tables."""
        with self.database.transaction():
            for (name,) in self.database.query("SELECT name FROM sqlite_master WHERE type = 'table'"):
                self.database.run(f'DROP TABLE IF EXISTS "{name}"')
            for statement in (*_TABLES, *(s for p in self._projections for s in p.ddl)):
                self.database.run(statement)
            self._set_meta("schema", self._wanted_schema())
        self._context = None

    def apply(self, delta: Delta) -> None:
        """Take up what the store has; all of it or nothing."""
        # Another process may have changed who governs.
        self._context = None
        with self.database.transaction():
            touched = self._insert(delta.ops)
            touched |= self._part(delta.forks)
            touched |= self._take_bodies(delta)
            if self._needs_weighing(delta):
                touched |= self._weigh(delta)
            self._fold(self._put_off(touched) if delta.more else touched | self._taken_up_again(), delta)
            self._unsettle(delta)
            self._set_meta("generation", delta.generation)
        if delta.erased:
            self.database.scrub()

    def _part(self, forks: Mapping[str, Forked]) -> set[Entity]:
        """Take off what is no longer on a kept chain, and put what is in its place."""
        touched: set[Entity] = set()
        for log, fork in forks.items():
            if self.log(log) is None and fork.opening is not None:
                self._insert_log(fork.opening)
            place = {"log": log, "seq": fork.at}
            touched |= self._entities("log = :log AND seq >= :seq", place)
            self.database.run(
                "DELETE FROM bodies WHERE op IN (SELECT id FROM ops WHERE log = :log AND seq >= :seq)", place
            )
            self.database.run("DELETE FROM ops WHERE log = :log AND seq >= :seq", place)
            self.database.run(
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
        actors = {row[0]: row[1] for row in self.database.query("SELECT id, actor FROM logs")}
        for log, ops in by_log.items():
            if not ops:
                continue
            actor = actors.get(log) or self._insert_log(ops[0])
            for one in ops:
                entity = fold.entity_of(one, actor, self.rules)
                rows.append(_op_row(one, entity))
                touched.update({entity} if entity else ())
            end = {"log": log, "seq": ops[-1].seq, "head": ops[-1].id}
            self.database.run("UPDATE logs SET seq = :seq, head = :head WHERE id = :log", end)
        self.database.run_many(
            """INSERT INTO ops VALUES (:id, :log, :seq, :t, :kind, :entity, :ms, :counter, :header, :signature)""", rows
        )
        return touched

    def _insert_log(self, first: Op) -> str:
        start = weigh.opening(first, self.commons)
        assert start is not None, "the verifier lets no log begin otherwise"
        owner = self._keys(start.actor)
        device = owner is not None and owner.allows(start.key, "assertionMethod")
        row = {"id": first.log, "actor": start.actor, "key": start.key, "device": int(device)}
        self.database.run(
            "INSERT INTO logs VALUES (:id, :actor, :key, :device, -1, '', NULL, NULL, NULL, NULL, NULL)", row
        )
        return start.actor

    def _take_bodies(self, delta: Delta) -> set[Entity]:
        rows = [{"op": op_id, "raw": raw} for op_id, raw in delta.bodies.items()]
        self.database.run_many("INSERT OR REPLACE INTO bodies VALUES (:op, :raw)", rows)
        for chosen, parameters in in_chunks(delta.erased):
            self.database.run(f"DELETE FROM bodies WHERE op IN ({chosen})", parameters)
        # What operations that are new belong to is known.
        new = {one.id for ops in delta.ops.values() for one in ops}
        touched: set[Entity] = set()
        for chosen, parameters in in_chunks([*(delta.bodies.keys() - new), *delta.erased]):
            touched |= self._entities(f"id IN ({chosen})", parameters)
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
        known = self.context.governance
        if known.banned or len({charter.admission for charter in known.charters}) > 1:
            return True
        keys = {log.actor: self._keys(log.actor) for log in self.logs().values()}
        return any(owner is not None and owner.revoked for owner in keys.values())

    def unsettled(self) -> bool:
        """Say whether what decides about forks has changed since it was last looked at."""
        return bool(self.database.query("SELECT 1 FROM meta WHERE name = 'unsettled'"))

    def mark_settled(self) -> None:
        """Note that it was looked at."""
        self.database.run("DELETE FROM meta WHERE name = 'unsettled'")

    def scales(self) -> Scales:
        """Return what weighs the logs as they are."""
        return Scales(self._opened(self.logs()), self.commons, self.genesis, self._evidence())

    def _unsettle(self, delta: Delta) -> None:
        decisive = {"checkpoint", *weigh.CONTROL}
        may_decide = delta.new_keys or any(one.t in decisive for ops in delta.ops.values() for one in ops)
        if may_decide and self.database.query("SELECT 1 FROM logs WHERE parted_at IS NOT NULL LIMIT 1"):
            self._set_meta("unsettled", "")

    def _weigh(self, delta: Delta) -> set[Entity]:
        """Weigh all logs again; return the entities of those that count otherwise than before."""
        for ops in (*delta.ops.values(), *(fork.resumed for fork in delta.forks.values())):
            frozen = weigh.frozen_at(ops)
            if frozen is not None:
                self.database.run(
                    # Not where it stood on a branch that a fork took off.
                    "UPDATE logs SET frozen_at = COALESCE(frozen_at, :seq) WHERE id = :log AND seq >= :seq",
                    {"seq": frozen, "log": ops[0].log},
                )
        before = self.logs()
        after = Scales(self._opened(before), self.commons, self.genesis, self._evidence()).weigh()
        touched: set[Entity] = set()
        for log in after.logs.values():
            if log != before[log.id]:
                place = {"log": log.id, "start": log.counted_from, "cut": log.cut_at}
                self.database.run("UPDATE logs SET counted_from = :start, cut_at = :cut WHERE id = :log", place)
                touched |= self._entities("log = :log", {"log": log.id})
        return touched | self._govern(after)

    def _evidence(self) -> weigh.Evidence:
        def checkpoints() -> list[Op]:
            rows = self.database.query("SELECT header, signature FROM ops WHERE t = 'checkpoint'")
            return [self._read(*row) for row in rows]

        return weigh.Evidence(self._keys, checkpoints, self.op_id)

    def _govern(self, after: Weighed) -> set[Entity]:
        """Write down who governs; where that changed, everything may."""
        if after.governance == self.context.governance:
            return set()
        self._context = Context(self.commons, self.genesis, after.governance)
        self._set_meta("governance", msgspec.json.encode(after.governance).decode())
        return self._entities("TRUE", {})

    def _opened(self, logs: Mapping[str, Log]) -> dict[str, Opened]:
        control: dict[str, list[Op]] = {}
        listed, chosen = next(in_chunks(weigh.CONTROL))
        rows = self.database.query(f"SELECT header, signature FROM ops WHERE t IN ({listed}) ORDER BY log, seq", chosen)
        for one in (self._read(*row) for row in rows):
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

    def _entities(self, where: str, parameters: Mapping[str, Any]) -> set[Entity]:
        sql = f"SELECT DISTINCT kind, entity FROM ops WHERE kind IS NOT NULL AND {where}"
        return {Entity(*row) for row in self.database.query(sql, parameters)}

    def _put_off(self, touched: set[Entity]) -> set[Entity]:
        """Note what is folded later; return what cannot wait: words that were taken back must not come in meanwhile."""
        at_once = {each for each in touched if each.kind == ERASURES.kind}
        rows = [{"kind": kind, "id": id_} for kind, id_ in touched - at_once]
        self.database.run_many("INSERT INTO put_off VALUES (:kind, :id) ON CONFLICT DO NOTHING", rows)
        return at_once

    def _taken_up_again(self) -> set[Entity]:
        found = {Entity(*row) for row in self.database.query("SELECT kind, entity FROM put_off")}
        if found:
            self.database.run("DELETE FROM put_off")
        return found

    def _fold(self, touched: set[Entity], delta: Delta) -> None:
        fresh = (*delta.ops.values(), *(fork.resumed for fork in delta.forks.values()))
        known = {one.id: one for ops in fresh for one in ops}
        # In the order of the tables, which fill faster so.
        ordered = sorted(touched)
        for n in range(0, len(ordered), FOLDED_AT_ONCE):
            self._refold(ordered[n : n + FOLDED_AT_ONCE], known)

    def _refold(self, touched: Sequence[Entity], known: Mapping[str, Op]) -> None:
        lives = self._lives(touched, known)
        folded = {e: fold.fold_entity(e, lives[e], self.rules, self.context) for e in touched}
        old = self._existing(touched)
        keys = [{"kind": e.kind, "id": e.id} for e in old]
        self.database.run_many("DELETE FROM entities WHERE kind = :kind AND id = :id", keys)
        self.database.run_many("DELETE FROM ignored WHERE kind = :kind AND entity = :id", keys)
        states = [
            {"kind": e.kind, "id": e.id, "state": msgspec.json.encode(f.state)}
            for e, f in folded.items()
            if f.state is not None
        ]
        self.database.run_many("INSERT INTO entities VALUES (:kind, :id, :state)", states)
        ignored = [
            {"kind": e.kind, "entity": e.id, "op": op_id, "rule": rule}
            for e, f in folded.items()
            for op_id, rule in f.ignored
        ]
        self.database.run_many("INSERT INTO ignored VALUES (:kind, :entity, :op, :rule)", ignored)
        prose = self._prose_of(touched)
        for projection in self._projections:
            its_own = {e: f for e, f in folded.items() if e.kind == projection.kind}
            self._project(projection, its_own, old, prose)

    def _existing(self, touched: Iterable[Entity]) -> set[Entity]:
        """Return those that have rows to replace, if only of what was ignored; in a first sync hardly any does."""
        found: set[Entity] = set()
        for kind, chosen in _by_kind(touched):
            for listed, parameters in in_chunks(chosen):
                sql = f"""SELECT id FROM entities WHERE kind = :kind AND id IN ({listed})
                          UNION SELECT entity FROM ignored WHERE kind = :kind AND entity IN ({listed})"""
                rows = self.database.query(sql, {**parameters, "kind": kind})
                found.update(Entity(kind, row[0]) for row in rows)
        return found

    def _prose_of(self, entities: Sequence[Entity]) -> Prose:
        """Read the texts of entities, hundreds by one query; several projections ask for them."""
        raw: dict[str, bytes] = {}
        for kind, chosen in _by_kind(entities):
            for listed, parameters in in_chunks(chosen):
                sql = f"""SELECT b.op, b.raw FROM ops o JOIN bodies b ON b.op = o.id
                          WHERE o.kind = :kind AND o.entity IN ({listed})"""
                raw.update(self.database.query(sql, {**parameters, "kind": kind}))
        read: dict[str, Mapping[str, str]] = {}

        def prose(op_id: str) -> Mapping[str, str]:
            if op_id not in read:
                read[op_id] = body.recall(raw[op_id]) if op_id in raw else {}
            return read[op_id]

        return prose

    def _project(self, projection: Projection, folded: Mapping[Entity, Folded], old: set[Entity], prose: Prose) -> None:
        if not folded:
            return
        if projection.settle or projection.derive:
            self._touch(projection, [{"id": e.id} for e in folded])
        replaced = [{"id": projection.key(e.id)} for e in folded if e in old]
        rows: dict[str, list[Mapping[str, Any]]] = {table: [] for table in projection.columns}
        for f in folded.values():
            if f.state is not None:
                for table, its_rows in projection.rows(f.state, prose).items():
                    rows[table] += its_rows
        for table, columns in projection.columns.items():
            self.database.run_many(f"DELETE FROM {table} WHERE {columns[0]} = :id", replaced)
            names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
            self.database.run_many(f"INSERT INTO {table} ({names}) VALUES ({values})", rows[table])
        for statement in projection.settle:
            self.database.run(statement)
        if projection.derive:
            projection.derive(self.database)

    def _touch(self, projection: Projection, keys: Sequence[Mapping[str, Any]]) -> None:
        self.database.run("CREATE TEMPORARY TABLE IF NOT EXISTS touched (entity TEXT PRIMARY KEY)")
        self.database.run("DELETE FROM touched")
        self.database.run_many("INSERT INTO touched VALUES (:id)", keys)
        for statement in projection.before:
            self.database.run(statement)

    def _lives(self, entities: Iterable[Entity], known: Mapping[str, Op]) -> Mapping[Entity, Sequence[Live]]:
        """Return the live operations of entities, by time; one query for hundreds of them."""
        found: defaultdict[Entity, list[Live]] = defaultdict(list)
        types = sorted(name for name, kind in self.rules.types.items() if kind.named_past_cut)
        named = {f"t{n}": name for n, name in enumerate(types)}
        placed = ", ".join(f":{name}" for name in named)
        for kind, chosen in _by_kind(entities):
            for listed, parameters in in_chunks(chosen):
                rows = self.database.query(_LIVE.format(listed, placed), {**parameters, **named, "kind": kind})
                ops = self._ops((row[0] for row in rows), known)
                for op_id, entity, actor, key, device, past_cut in rows:
                    found[Entity(kind, entity)].append(Live(ops[op_id], actor, key, bool(device), bool(past_cut)))
        return found

    def _ops(self, wanted: Iterable[str], known: Mapping[str, Op]) -> Mapping[str, Op]:
        """Return operations by id, reading those that are not known, hundreds by one query."""
        found: dict[str, Op] = {}
        missing: list[str] = []
        for op_id in wanted:
            if op_id in known:
                found[op_id] = known[op_id]
            else:
                missing.append(op_id)
        for listed, parameters in in_chunks(missing):
            rows = self.database.query(f"SELECT id, header, signature FROM ops WHERE id IN ({listed})", parameters)
            found.update((row[0], self._read(*row[1:])) for row in rows)
        return found

    def _read(self, header: bytes, signature: bytes) -> Op:
        return self.rules.read(op.recall_header(header, signature))

    def _schema(self) -> str | None:
        if not self.database.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'"):
            return None
        rows = self.database.query("SELECT value FROM meta WHERE name = 'schema'")
        return str(rows[0][0]) if rows else None

    def _wanted_schema(self) -> str:
        tables = (*_TABLES, *(statement for p in self._projections for statement in (*p.ddl, *p.settle)))
        # What was unread under fewer types is read under more.
        shape = "\n".join((*tables, *sorted(self.rules.types)))
        return f"{fold.FOLD_VERSION}.{self.commons}.{sha256(shape.encode()).hexdigest()[:16]}"

    def _set_meta(self, name: str, value: str) -> None:
        self.database.run("INSERT OR REPLACE INTO meta VALUES (:name, :value)", {"name": name, "value": value})


def _op_row(one: Op, entity: Entity | None) -> dict[str, Any]:
    return {
        "id": one.id, "log": one.log, "seq": one.seq, "t": one.t, "kind": entity.kind if entity else None,
        "entity": entity.id if entity else None, "ms": one.hlc.ms, "counter": one.hlc.counter,
        "header": one.header, "signature": one.signature,
    }  # fmt: skip


def _log(row: Row) -> Log:
    return Log(row[0], row[1], row[2], bool(row[3]), *row[4:])


def _by_kind(entities: Iterable[Entity]) -> list[tuple[str, list[str]]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for entity in entities:
        found[entity.kind].append(entity.id)
    return list(found.items())
