"""Actors, commons and ledgers for tests: real keys, real stores, a clock in hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from beads import genesis
from beads.database import Sqlite
from beads.git_store import GitStore
from beads.index import Index
from beads.ledger import Author, Draft, Ledger
from beads.memory_store import MemoryStore
from beads.op import Op
from beads.projection import BEADS
from beads.store import Store
from stamps import keylog
from stamps.keys import SigningKey
from wanted.item import Terms
from wanted.ops.table import BOARD
from wanted.projection import ACTORS, ITEMS

EPOCH_MS = 1_790_000_000_000
TERMS = Terms(
    project=None, effort="small", priority=2, skills=(), dimensions=(), winners=1, competition=False, checks=(),
    deadline=None,
)  # fmt: skip


def seed(name: str) -> bytes:
    return name.encode().ljust(32, b".")[:32]


def actor(name: str) -> Author:
    """An actor whose keys follow from the name."""
    device = SigningKey.from_seed(seed(f"{name} device"))
    raw = keylog.incept(
        update=SigningKey.from_seed(seed(f"{name} update")),
        next_update=SigningKey.from_seed(seed(f"{name} next")).public,
        device=device.public,
        time="2026-09-21T00:00:00Z",
    )
    return Author(keylog.verify(raw), device)


@dataclass
class Clock:
    ms: int = EPOCH_MS

    def __call__(self) -> int:
        self.ms += 1
        return self.ms


@dataclass
class Salt:
    counter: Any = field(default_factory=count)

    def __call__(self) -> bytes:
        return int(next(self.counter)).to_bytes(16, "big")


def found(*delegates: Author, private: bool = False, **options: Any) -> bytes:
    return genesis.build(
        name="Test Commons", salt="A" * 22, created=EPOCH_MS, private=private,
        delegates=tuple(d.actor for d in delegates), **options,
    )  # fmt: skip


def ledger_over(store: Store, clock: Clock | None = None, path: Path | None = None) -> Ledger:
    database = Sqlite(path or Path(":memory:"))

    def index(ledger: Ledger) -> Index:
        return Index(database, ledger.commons, ledger.genesis, BOARD, (BEADS, ITEMS, ACTORS), ledger.may_assert)

    return Ledger(store, index, BOARD, clock or Clock(), Salt())


def memory_ledger(raw: bytes, clock: Clock | None = None) -> Ledger:
    return ledger_over(MemoryStore(raw), clock)


def git_ledger(raw: bytes, folder: Path, clock: Clock | None = None) -> Ledger:
    return ledger_over(GitStore.create(folder / "repo.git", raw), clock, folder / "index.sqlite")


def write(ledger: Ledger, author: Author, *drafts: Draft) -> list[Op]:
    return ledger.write(author, lambda _: list(drafts))


def create(title: str, **fields: Any) -> Draft:
    """A draft of a bead."""
    pairs = sorted(fields.items())
    return Draft("bead.create", {"type": "task", "fields": pairs, "prose": ["title"]}, {"title": title})


def rows(ledger: Ledger, sql: str, parameters: Mapping[str, Any] | None = None) -> Sequence[tuple[Any, ...]]:
    return ledger.index.database.query(sql, parameters or {})
