"""The index that grew step by step is the index built at once, row by row, whatever was written in whatever order."""

import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beads import filling, replay
from beads import record as records
from beads.indexer import Delta, Indexer
from beads.ledger import Draft, Ledger
from beads.reading import Reader
from tests.world import EPOCH_MS, Chain, Said, actor, found, keys_of, memory_ledger, prose, rows, said, second, write

ALICE, BOB = actor("alice"), actor("bob")
WRITERS = (ALICE, second("alice", "authentication"), BOB)
PRIVATE, OPEN = found(ALICE, private=True), found(ALICE)
TABLES = (
    "logs", "ops", "bodies", "entities", "ignored", "beads", "labels", "links", "fields", "lost", "items", "actors",
    "erasures", "words",
)  # fmt: skip
ALIASES = ("bd-1", "bd-2")
NOTES = (
    "",
    "",
    "",
    "",
    '{"metadata":{"spawner_id":"bd-2"}}',
    '{"metadata":{"gate":"any-children"}}',
    "[" * 1000,
    '{"metadata":"["}',
)
ODD: tuple[Any, ...] = (
    "",
    "x\0y",
    "\u202e",
    (1 << 53) - 1,
    1 - (1 << 53),
    True,
    0,
    "9999-12-31T23:59:59-23:59",
    "closed",
)
NAMES = (
    "status", "priority", "alias", "created_at", "defer_until", "type", "category", "timeout", "line_no", "line_run",
    "pinned", "assignee", "closed_at", "due_at", "estimated_minutes", "outcome", "await_type",
)  # fmt: skip
KINDS = ("blocks", "parent-child", "parent-child", "conditional-blocks", "waits-for", "related")


def dump(ledger: Ledger) -> Mapping[str, Sequence[tuple[Any, ...]]]:
    return {table: sorted(rows(ledger, f"SELECT * FROM {table}"), key=repr) for table in TABLES}


class Script:
    """Operations by several hands on a few beads, each drawn at random."""

    def __init__(self, rnd: random.Random, commons: str, private: bool) -> None:
        self.rnd = rnd
        self.private = private
        self.chains = [Chain(each, commons) for each in WRITERS]
        for chain in self.chains:
            chain.open()
        self.beads: list[str] = []
        self.ops: list[str] = []
        self.adds: list[tuple[str, str, Any]] = []
        self.prose: dict[str, list[tuple[int, bytes]]] = {}

    def run(self, steps: int) -> None:
        for n in range(steps):
            self.step(self.rnd.choice(self.chains), n)

    def step(self, chain: Chain, n: int) -> None:
        what = self.rnd.choice(
            ("create", "set", "set", "label", "link", "link", "claim", "release", "comment", "erase")
        )
        if what != "create" and not self.beads:
            return
        t, p, text = getattr(self, f"_{what}")(n)
        at = {"at": EPOCH_MS + self.rnd.randrange(50)} if what in ("create", "set", "link") and n % 3 == 0 else {}
        raw = prose(**text) if text else None
        hlc = [max(EPOCH_MS + self.rnd.randrange(200), chain.lines[-1].hlc.ms), 0]
        hlc[1] = chain.lines[-1].hlc.counter + 1 if hlc[0] == chain.lines[-1].hlc.ms else 0
        line = chain.add(t, {**p, **at}, body=raw, hlc=hlc)
        self.ops.append(line.id)
        if raw is not None:
            self.prose.setdefault(chain.log, []).append((line.seq, raw))
        if what == "create":
            self.beads.append(line.id)
        for end in p.get("links", p.get("add", ())) if what in ("create", "link") else ():
            self.adds.append((p.get("bead", line.id), line.id, end))

    def _pairs(self) -> list[list[Any]]:
        drawn = {self.rnd.choice(NAMES): self.rnd.choice((*ODD, *ALIASES, "open", "closed")) for _ in range(2)}
        if self.rnd.random() < 0.5:
            drawn["alias"] = self.rnd.choice(ALIASES)
        return [list(pair) for pair in sorted(drawn.items())]

    def _ends(self) -> list[list[str]]:
        ends = [f"alias:{self.rnd.choice(ALIASES)}", "external:a:b", *self.beads]
        one = {(self.rnd.choice(KINDS), self.rnd.choice(ends), self.rnd.choice(NOTES)) for _ in range(2)}
        return [list(end) for end in sorted(one)]

    def _create(self, n: int) -> tuple[str, dict[str, Any], dict[str, str]]:
        more: dict[str, Any] = {"links": self._ends()} if n % 2 else {}
        if n % 5 == 0:
            more["origin"] = ["bd-9", EPOCH_MS]
        text = {"title": f"t{n}"}
        return "bead.create", {"type": "task", "fields": self._pairs(), "prose": ["title"], **more}, text

    def _set(self, n: int) -> tuple[str, dict[str, Any], dict[str, str]]:
        seen = sorted(set(self.rnd.sample(self.ops, min(3, len(self.ops)))))
        text = {"close_reason": self.rnd.choice(("done", "failed"))}
        p = {"bead": self.rnd.choice(self.beads), "fields": self._pairs(), "prose": ["close_reason"], "seen": seen}
        return "bead.set", p, text

    def _label(self, n: int) -> tuple[str, dict[str, Any], dict[str, str]]:
        gone = [["x", [self.rnd.choice(self.ops)]]] if n % 2 else []
        return "bead.label", {"bead": self.rnd.choice(self.beads), "add": ["x", "y"][: n % 3], "remove": gone}, {}

    def _link(self, n: int) -> tuple[str, dict[str, Any], dict[str, str]]:
        bead = self.rnd.choice(self.beads)
        if n % 3 == 0 and self.adds:
            bead, op, end = self.rnd.choice(self.adds)
            return "bead.link", {"bead": bead, "add": [], "remove": [[*end, [op]]]}, {}
        return "bead.link", {"bead": bead, "add": [e for e in self._ends() if e[1] != bead], "remove": []}, {}

    def _claim(self, n: int) -> tuple[str, dict[str, Any], dict[str, str]]:
        lease = {"until": EPOCH_MS + self.rnd.randrange(1, 300)} if n % 2 else {}
        return "bead.claim", {"bead": self.rnd.choice(self.beads), "who": self.rnd.choice("ab"), **lease}, {}

    def _release(self, n: int) -> tuple[str, dict[str, Any], dict[str, str]]:
        return "bead.release", {"bead": self.rnd.choice(self.beads), "fence": n % 3}, {}

    def _comment(self, n: int) -> tuple[str, dict[str, Any], dict[str, str]]:
        return "bead.comment", {"bead": self.rnd.choice(self.beads)}, {"text": "said"}

    def _erase(self, n: int) -> tuple[str, dict[str, Any], dict[str, str]]:
        return "erase", {"op": self.rnd.choice(self.ops)}, {}

    def told(self, upto: Mapping[str, int], forks: Sequence[tuple[str, list[bytes]]] = ()) -> Said:
        """Everything up to a position of each log."""
        return Said(
            keys=keys_of(*WRITERS[1:]),
            chains={chain.log: chain.raw[: upto[chain.log]] for chain in self.chains if upto[chain.log]},
            forks=list(forks),
            prose={log: [one for one in its if one[0] < upto[log]] for log, its in self.prose.items()},
        )


def grown(script: Script, ledger: Ledger, rnd: random.Random, fork: bool) -> None:
    """Take up a script in random steps, the logs one ahead of the other; at last, a fork of one of them."""
    at = {chain.log: 0 for chain in script.chains}
    whole = {chain.log: len(chain.lines) for chain in script.chains}
    while at != whole:
        log = rnd.choice([log for log in at if at[log] < whole[log]])
        at[log] = min(at[log] + rnd.randrange(1, 6), whole[log])
        # More may come at once, and somebody may look before.
        ledger.ingest(script.told(at), more=rnd.random() < 0.5)
        if rnd.random() < 0.2:
            ledger.refresh()
    ledger.refresh()
    if fork:
        chain = rnd.choice(script.chains)
        other = chain.fork(rnd.randrange(1, len(chain.lines) + 1))
        other.add("bead.comment", {"bead": "0" * 64})
        ledger.ingest(Said(forks=[], chains={chain.log: other.raw}))


class Killed(Exception):
    """Ends a run as a kill would."""


def killed_in_between(ledger: Ledger, portions: int) -> None:
    """Build an index anew up to some portion; nobody may take what is there for the whole."""
    apply, left = ledger.indexer.apply, [portions]

    def some(delta: Delta) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        apply(delta)

    with patch.object(Indexer, "apply", side_effect=some), suppress(Killed):
        ledger.refresh()
    if left[0] < 0:
        assert ledger.index.generation() != ledger.store.generation()


@pytest.mark.parametrize("genesis", [PRIVATE, OPEN], ids=["private", "open"])
@given(seed=st.integers(0, 1 << 32), fork=st.booleans())
@settings(max_examples=40, deadline=None)
def test_step_by_step_is_at_once(genesis: bytes, seed: int, fork: bool) -> None:
    rnd = random.Random(seed)
    ledger, other = memory_ledger(genesis), memory_ledger(genesis)
    script = Script(rnd, ledger.commons, genesis == PRIVATE)
    script.run(rnd.randrange(4, 60))
    with patch.object(filling, "FOLDED_AT_ONCE", rnd.choice((1, 3, 5000))):
        grown(script, ledger, rnd, fork)
    other.ingest(said(ledger.store))
    assert dump(ledger) == dump(other)
    assert ledger.index.state_hash() == other.index.state_hash()
    other.index.clear()
    with patch.object(replay, "PORTION", rnd.choice((1, 2, 7))), patch.object(replay, "ROOM", rnd.choice((1, 200))):
        killed_in_between(other, rnd.randrange(8))
        other.refresh()
    assert dump(ledger) == dump(other)
    assert other.index.generation() == other.store.generation()
    reader = Reader(ledger.index)
    for (bead,) in reader.rows("SELECT entity FROM beads"):
        reader.record(reader.view(bead))
        reader.blockers(bead, EPOCH_MS)
    ledger.close()
    other.close()


# -- one by one ------------------------------------------------------------------------------------------------------


def draft(t: str = "bead.create", **p: Any) -> Draft:
    return Draft(t, ({"type": "task", "fields": [], "prose": []} if t == "bead.create" else {}) | p)


def put(ledger: Ledger, *fields: Sequence[Any], **p: Any) -> str:
    return write(ledger, ALICE, draft(fields=[list(pair) for pair in fields], **p))[0].id


def blocked(ledger: Ledger) -> set[str]:
    return {row[0] for row in rows(ledger, "SELECT entity FROM beads WHERE blocked_until > 0")}


def test_who_waits_for_children_hears_of_one_that_knows_its_parent_by_alias() -> None:
    ledger = memory_ledger(PRIVATE)
    spawner = put(ledger, ("alias", "bd-s"))
    waiting = put(ledger, links=[["waits-for", spawner, ""]])
    put(ledger, links=[["parent-child", "alias:bd-s", ""]])
    assert blocked(ledger) == {waiting}
    write(ledger, ALICE, draft("bead.set", bead=spawner, fields=[["alias", "bd-t"]], prose=[]))
    assert blocked(ledger) == set()
    ledger.close()


def test_a_child_known_by_alias_is_let_go_when_the_alias_goes_to_another() -> None:
    ledger = memory_ledger(PRIVATE)
    blocker = put(ledger)
    parent = put(ledger, ("alias", "bd-p"), links=[["blocks", blocker, ""]])
    child = put(ledger, links=[["parent-child", "alias:bd-p", ""]])
    assert blocked(ledger) == {parent, child}
    write(ledger, ALICE, draft("bead.set", bead=parent, fields=[["alias", "bd-q"]], prose=[]))
    assert blocked(ledger) == {parent}
    ledger.close()


def test_what_is_ignored_of_a_bead_that_never_began_is_counted_once() -> None:
    ledger, at_once = memory_ledger(OPEN), memory_ledger(OPEN)
    for n in range(2):
        put(ledger, ("n", n), origin=["bd-1", EPOCH_MS])
    at_once.ingest(said(ledger.store))
    assert len(ledger.index.ignored()) == 2
    assert ledger.index.state_hash() == at_once.index.state_hash()
    ledger.close()
    at_once.close()


def test_a_note_as_deep_as_it_is_long_says_nothing() -> None:
    ledger = memory_ledger(OPEN)
    put(ledger, links=[["waits-for", "alias:x", "[" * 1000]])
    assert rows(ledger, "SELECT gate FROM links") == [("all-children",)]
    ledger.close()


@pytest.mark.parametrize("name", ["xh_zz", "xh_ff", "xh_6", "x_deep"])
def test_a_text_may_be_called_anything(name: str) -> None:
    ledger = memory_ledger(OPEN)
    (op,) = write(
        ledger, ALICE, Draft("bead.create", {"type": "task", "fields": [], "prose": [name]}, {name: "[" * 9999})
    )
    reader = Reader(ledger.index)
    assert reader.record(reader.view(op.id))["id"] == op.id[:12]
    ledger.close()


def test_a_category_left_over_from_another_status_counts_no_more() -> None:
    ledger = memory_ledger(PRIVATE)
    bead = put(ledger, ("category", "done"), ("status", "open"))
    assert rows(ledger, "SELECT category, workable, closed FROM beads") == [("active", 1, None)]
    assert records.view(ledger.index.state("bead", bead) or {}, ledger.index.prose).status == "open"
    ledger.close()
