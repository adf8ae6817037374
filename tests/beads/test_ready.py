"""Ready and blocked, held against a model that looks at everything every time."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beads import vocabulary
from beads.database import Database
from beads.ledger import Draft, Ledger
from beads.listing import Query, rows
from beads.reading import Reader
from beads.ready import FOREVER
from beads.vocabulary import KINDS, NOT_WORK
from tests.world import EPOCH_MS, actor, found, memory_ledger, write

ALICE = actor("alice")
GENESIS = found(ALICE, private=True)
NOW = EPOCH_MS + 10**7
LATER = "2027-12-01T00:00:00Z"
EARLIER = "2026-09-21T00:00:00Z"
STATUSES = tuple(s for s in vocabulary.STATUSES)
TYPES = ("task", "epic", "gate", "message", "merge-request", "molecule")
REASONS = ("", "done", "it FAILED badly", "won't fix")
NOTES = ("", '{"metadata":"{\\"gate\\":\\"any-children\\"}"}', '{"metadata":"not json"}')


class Model:
    """Beads as dictionaries, and the words of the specification over them."""

    def __init__(self) -> None:
        self.beads: dict[str, dict[str, Any]] = {}
        self.links: dict[str, set[tuple[str, str, str]]] = {}

    def over(self, bead: str) -> bool:
        one = self.beads[bead]
        timer = one["type"] == "gate" and one.get("await_type") == "timer" and one.get("timeout") == 0
        return one["status"] in ("closed", "tombstone") or timer

    def children(self, bead: str) -> list[str]:
        return [b for b, links in self.links.items() if any(k == "parent-child" and t == bead for k, t, _ in links)]

    def directly(self, bead: str) -> bool:
        return any(self.blocks(*link) for link in self.links[bead])

    def blocks(self, kind: str, to: str, note: str) -> bool:
        if to not in self.beads:
            return False
        other = self.beads[to]
        if kind == "blocks":
            return not self.over(to) and other["status"] != "pinned"
        if kind == "conditional-blocks":
            failed = any(word in other["reason"].lower() for word in vocabulary.FAILURE_WORDS)
            closed = other["status"] == "closed"
            return other["status"] != "tombstone" and not (closed and failed)
        if kind == "waits-for":
            young = [child for child in self.children(to) if self.beads[child]["status"] != "tombstone"]
            if "any-children" in note:
                return not any(self.over(child) for child in young)
            return any(not self.over(child) for child in young)
        return False

    def blocked(self) -> set[str]:
        found = {bead for bead in self.beads if self.directly(bead)}
        while True:
            more = {child for bead in found for child in self.children(bead)} - found
            if not more:
                return found
            found |= more

    def ready(self) -> set[str]:
        blocked = self.blocked()
        return {bead for bead, one in self.beads.items() if bead not in blocked and self.startable(one)}

    def startable(self, one: dict[str, Any]) -> bool:
        awake = one["status"] == "deferred" and one["defer"] == EARLIER
        return (
            (one["status"] in ("open", "in_progress") or awake)
            and one["defer"] != LATER
            and not one["pinned"]
            and not one["ephemeral"]
            and one["type"] not in NOT_WORK
        )


def fields_of(one: dict[str, Any]) -> list[list[Any]]:
    pairs = {
        "status": one["status"], "defer_until": one["defer"] or None, "pinned": one["pinned"] or None,
        "ephemeral": one["ephemeral"] or None, "await_type": one.get("await_type"), "timeout": one.get("timeout"),
    }  # fmt: skip
    return [[name, value] for name, value in sorted(pairs.items())]


beads = st.fixed_dictionaries(
    {
        "status": st.sampled_from(("open", "open", "open", "closed", *STATUSES)),
        "type": st.sampled_from(("task", "task", "task", *TYPES)),
        "reason": st.sampled_from(REASONS),
        "defer": st.sampled_from(("", "", "", EARLIER, LATER)),
        "pinned": st.sampled_from((False, False, False, True)),
        "ephemeral": st.sampled_from((False, False, False, True)),
        "await_type": st.sampled_from((None, "timer", "human")),
        "timeout": st.sampled_from((None, 0)),
    }
)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    made = memory_ledger(GENESIS)
    yield made
    made.close()


class Pair:
    """A ledger and the model of it, changed alike."""

    def __init__(self) -> None:
        self.ledger = memory_ledger(GENESIS)
        self.model = Model()
        self.order: list[str] = []
        self.names = count()

    def create(self, one: dict[str, Any], links: set[tuple[str, str, str]]) -> None:
        prose = {"close_reason": one["reason"]} if one["reason"] else {}
        payload = {"type": one["type"], "fields": [p for p in fields_of(one) if p[1] is not None], "prose": list(prose)}
        more = {"links": sorted(map(list, links))} if links else {}
        (op,) = write(self.ledger, ALICE, Draft("bead.create", payload | more, prose))
        self.order.append(op.id)
        self.model.beads[op.id], self.model.links[op.id] = dict(one), set(links)

    def change(self, bead: str, one: dict[str, Any]) -> None:
        prose = {"close_reason": one["reason"]}
        payload = {"bead": bead, "fields": fields_of(one), "prose": list(prose)}
        write(self.ledger, ALICE, Draft("bead.set", payload, prose))
        self.model.beads[bead] = {**one, "type": self.model.beads[bead]["type"]}

    def toggle(self, bead: str, link: tuple[str, str, str]) -> None:
        state = self.ledger.index.state("bead", bead)
        assert state is not None
        held = [one for one in state["links"] if tuple(one[:3]) == link]
        change = {"add": [], "remove": held} if held else {"add": [list(link)], "remove": []}
        write(self.ledger, ALICE, Draft("bead.link", {"bead": bead, **change}))
        self.model.links[bead] ^= {link}

    def check(self) -> None:
        reader = Reader(self.ledger.index)
        query = Query(ready=True, limit=None, now=NOW)
        assert {row.id for row in rows(reader, query)} == self.model.ready()
        stored = {e for e, until in reader.rows("SELECT entity, blocked_until FROM beads") if until > NOW}
        assert stored == self.model.blocked()


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_ready_and_blocked_are_those_of_the_model(data: st.DataObject) -> None:
    pair = Pair()
    for _ in range(data.draw(st.integers(3, 14))):
        known = st.sampled_from(pair.order) if pair.order else st.nothing()
        link = st.tuples(st.sampled_from((*vocabulary.BLOCKING * 4, *KINDS)), known, st.sampled_from(NOTES))
        pair.create(data.draw(beads), data.draw(st.sets(link, max_size=3)) if pair.order else set())
    pair.check()
    for _ in range(data.draw(st.integers(0, 12))):
        bead = data.draw(st.sampled_from(pair.order))
        if data.draw(st.booleans()):
            pair.change(bead, data.draw(beads))
        else:
            other = data.draw(st.sampled_from([b for b in pair.order if b != bead]))
            pair.toggle(bead, (data.draw(st.sampled_from(KINDS[:4])), other, data.draw(st.sampled_from(NOTES))))
        pair.check()
    pair.ledger.close()


def chain(ledger: Ledger, length: int) -> list[str]:
    made: list[str] = []
    for _ in range(length):
        links = [["parent-child", made[-1], ""]] if made else []
        payload = {"type": "task", "fields": [["status", "open"]], "prose": []} | ({"links": links} if links else {})
        made.append(write(ledger, ALICE, Draft("bead.create", payload))[0].id)
    return made


def blocked(database: Database) -> set[str]:
    return {row[0] for row in database.query("SELECT entity FROM beads WHERE blocked_until > :now", {"now": NOW})}


def test_a_blocked_parent_blocks_sixty_generations_and_lets_them_go(ledger: Ledger) -> None:
    family = chain(ledger, 60)
    (blocker,) = chain(ledger, 1)
    link = Draft("bead.link", {"bead": family[0], "add": [["blocks", blocker, ""]], "remove": []})
    write(ledger, ALICE, link)
    assert blocked(ledger.index.database) == set(family)
    write(ledger, ALICE, Draft("bead.set", {"bead": blocker, "fields": [["status", "closed"]], "prose": []}))
    assert blocked(ledger.index.database) == set()


def test_a_circle_of_parents_does_not_hold_itself_up(ledger: Ledger) -> None:
    family = chain(ledger, 12)
    (blocker,) = chain(ledger, 1)
    write(
        ledger, ALICE,
        Draft("bead.link", {"bead": family[0], "add": [["parent-child", family[-1], ""]], "remove": []}),
        Draft("bead.link", {"bead": family[5], "add": [["blocks", blocker, ""]], "remove": []}),
    )  # fmt: skip
    assert blocked(ledger.index.database) == set(family)
    write(ledger, ALICE, Draft("bead.set", {"bead": blocker, "fields": [["status", "closed"]], "prose": []}))
    assert blocked(ledger.index.database) == set()


def test_a_timer_lets_go_without_a_write(ledger: Ledger) -> None:
    minute = {"type": "gate", "fields": [["await_type", "timer"], ["timeout", 60 * 10**9]], "prose": []}
    (gate,) = write(ledger, ALICE, Draft("bead.create", minute))
    payload = {"type": "task", "fields": [], "prose": [], "links": [["blocks", gate.id, ""]]}
    (task,) = write(ledger, ALICE, Draft("bead.create", payload))
    reader = Reader(ledger.index)

    def ready_at(now: int) -> list[str]:
        return [row.id for row in rows(reader, Query(ready=True, now=now))]

    assert ready_at(gate.hlc.ms + 59_999) == []
    assert ready_at(gate.hlc.ms + 60_000) == [task.id]


def test_an_unknown_blocker_counts_from_the_moment_it_is_known(ledger: Ledger) -> None:
    payload = {"type": "task", "fields": [], "prose": [], "links": [["blocks", "alias:bd-7", ""]]}
    (task,) = write(ledger, ALICE, Draft("bead.create", payload))
    assert blocked(ledger.index.database) == set()
    write(ledger, ALICE, Draft("bead.create", {"type": "task", "fields": [["alias", "bd-7"]], "prose": []}))
    assert blocked(ledger.index.database) == {task.id}


def test_what_waits_for_another_project_is_not_ready(ledger: Ledger) -> None:
    payload = {"type": "task", "fields": [], "prose": [], "links": [["blocks", "external:shop:api", ""]]}
    write(ledger, ALICE, Draft("bead.create", payload))
    reader = Reader(ledger.index)
    assert rows(reader, Query(ready=True, now=NOW)) == []
    assert [row.blocked_until for row in rows(reader, Query(blocked=True, now=NOW))] == [0]


def test_forever_is_beyond_every_time_that_an_operation_can_have() -> None:
    assert FOREVER > 1 << 47
