"""The index: the folded state in tables, kept up to date one entity at a time.

It is disposable: everything in it follows from the store, and `generation` says how far it has come. A process
that is killed before its index write leaves a token that differs, and the next one catches up (`beads.ledger`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from beads import body, fold, governance, op
from beads.clock import ZERO, Hlc
from beads.database import Database, Row, in_chunks
from beads.errors import Ambiguous, NotFound
from beads.fold import Folded, Ignored
from beads.genesis import Genesis
from beads.governance import Governance
from beads.op import Head, Op
from beads.projection import ERASURES, Projection
from beads.rules import Context, Entity, Live, Rules
from beads.verify import Position, Writer
from beads.weigh import KeysOf, Log
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


class OpPlace(NamedTuple):
    """Where an operation stands, and whose it is."""

    log: str
    seq: int
    actor: str


class Index:
    """The tables of one commons, as they are read; `beads.indexer` fills them.

    Args:
        keys: Looks key logs up.
        elsewhere: How another process opens the same tables for reading: a module, a function in it, and what to give
            to that; nothing where none can.
    """

    def __init__(
        self, database: Database, commons: str, genesis: Genesis, rules: Rules, projections: Sequence[Projection],
        keys: KeysOf, elsewhere: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.database = database
        self.commons = commons
        self.genesis = genesis
        self._context: Context | None = None
        self.rules = rules
        self.projections = (ERASURES, *projections)
        self.keys = keys
        self.elsewhere = elsewhere

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
        return self.read(*rows[0]) if rows else None

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
        return self.lives([entity], {}).get(entity, ())

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

    # -- what fills it ------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Start anew, with empty tables."""
        with self.database.transaction():
            for (name,) in self.database.query("SELECT name FROM sqlite_master WHERE type = 'table'"):
                self.database.run(f'DROP TABLE IF EXISTS "{name}"')
            for statement in (*_TABLES, *(s for p in self.projections for s in p.ddl)):
                self.database.run(statement)
            self.set_meta("schema", self._wanted_schema())
        self.forget_context()

    def forget_context(self) -> None:
        """Look anew who governs: it may have changed."""
        self._context = None

    def govern(self, found: Governance) -> None:
        """Write down who governs."""
        self._context = Context(self.commons, self.genesis, found)
        self.set_meta("governance", msgspec.json.encode(found).decode())

    def lives(self, entities: Iterable[Entity], known: Mapping[str, Op]) -> Mapping[Entity, Sequence[Live]]:
        """Return the live operations of entities, by time; one query for hundreds of them."""
        found: defaultdict[Entity, list[Live]] = defaultdict(list)
        types = sorted(name for name, kind in self.rules.types.items() if kind.named_past_cut)
        named = {f"t{n}": name for n, name in enumerate(types)}
        placed = ", ".join(f":{name}" for name in named)
        for kind, chosen in by_kind(entities):
            for listed, parameters in in_chunks(chosen):
                rows = self.database.query(_LIVE.format(listed, placed), {**parameters, **named, "kind": kind})
                ops = self.ops((row[0] for row in rows), known)
                for op_id, entity, actor, key, device, past_cut in rows:
                    found[Entity(kind, entity)].append(Live(ops[op_id], actor, key, bool(device), bool(past_cut)))
        return found

    def ops(self, wanted: Iterable[str], known: Mapping[str, Op]) -> Mapping[str, Op]:
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
            found.update((row[0], self.read(*row[1:])) for row in rows)
        return found

    def read(self, header: bytes, signature: bytes) -> Op:
        """Read an operation as it lies in the tables."""
        return self.rules.read(op.recall_header(header, signature))

    def entities_where(self, where: str, parameters: Mapping[str, Any]) -> set[Entity]:
        """Return what the operations belong to that fit a condition on `ops`."""
        sql = f"SELECT DISTINCT kind, entity FROM ops WHERE kind IS NOT NULL AND {where}"
        return {Entity(*row) for row in self.database.query(sql, parameters)}

    def _schema(self) -> str | None:
        if not self.database.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'"):
            return None
        rows = self.database.query("SELECT value FROM meta WHERE name = 'schema'")
        return str(rows[0][0]) if rows else None

    def _wanted_schema(self) -> str:
        tables = (*_TABLES, *(statement for p in self.projections for statement in (*p.ddl, *p.settle)))
        # What was unread under fewer types is read under more.
        shape = "\n".join((*tables, *sorted(self.rules.types)))
        return f"{fold.FOLD_VERSION}.{self.commons}.{sha256(shape.encode()).hexdigest()[:16]}"

    def set_meta(self, name: str, value: str) -> None:
        """Note a fact about the tables."""
        self.database.run("INSERT OR REPLACE INTO meta VALUES (:name, :value)", {"name": name, "value": value})


def _log(row: Row) -> Log:
    return Log(row[0], row[1], row[2], bool(row[3]), *row[4:])


def by_kind(entities: Iterable[Entity]) -> list[tuple[str, list[str]]]:
    """Return the ids of entities, those of each kind together."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for entity in entities:
        found[entity.kind].append(entity.id)
    return list(found.items())
