"""Nodes that are parted, late, told things twice or out of date, with clocks that are wrong: they come to the same."""

import os
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from beads.ledger import Author
from tests.federation.net import ALICE, BOB, CAROL, DAVE, EVE, Net
from tests.world import Said, found, said

NODES: dict[str, Author] = {"alice": ALICE, "bob": BOB, "carol": CAROL, "dave": DAVE}
LOOK = settings(max_examples=int(os.environ.get("WL_EXAMPLES", "25")), deadline=None)
names = st.sampled_from(sorted(NODES))
EVENTS = st.one_of(
    st.tuples(st.just("write"), names, st.sampled_from(("post", "claim", "release", "submit", "decide", "comment"))),
    st.tuples(st.just("tell"), names, names),
    st.tuples(st.just("tell some"), names, names),
    st.tuples(st.just("replay"), names, names),
    st.tuples(st.just("turn clock"), names, st.integers(-5, 30).map(str)),
    st.tuples(st.just("checkpoint"), names, names),
    st.tuples(st.just("copy a home"), names, names),
)


class Weather:
    """Runs events over a net; keeps old states of nodes, to be told again, and copies of homes, to write from."""

    def __init__(self, net: Net, chance: random.Random) -> None:
        self.net = net
        self.chance = chance
        self.old: list[Said] = []
        self.copies: list[tuple[str, Author]] = []

    def happen(self, what: str, one: str, other: str) -> None:
        net = self.net
        if what == "write":
            self.write(one, NODES[one], other)
        elif what == "tell" and one != other:
            net.tell(one, other)
        elif what == "tell some" and one != other:
            net.node(other).ingest(self.part(said(net.node(one).store)))
        elif what == "replay":
            self.old.append(said(net.node(one).store))
            net.node(other).ingest(self.chance.choice(self.old))
        elif what == "turn clock":
            net.node(one)
            net.clocks[one].ms += int(other) * 60_000
        elif what == "checkpoint" and one in ("alice", "carol", "dave"):
            net.checkpoint(one, NODES[one])
        elif what == "copy a home":
            self.copy(one, other)

    def copy(self, owner: str, what: str) -> None:
        """A hostile second use of a device: a node of its own that starts from what the owner's has."""
        name = f"copy of {owner}"
        if name not in self.net.nodes:
            self.net.node(name)
            self.net.tell(owner, name)
        self.write(name, NODES[owner], ("post", "claim", "decide")[len(what) % 3])

    def write(self, name: str, author: Author, what: str) -> None:
        net = self.net
        log = net.node(name).index.log(author.log(net.commons))
        if log is not None and log.forked_at is not None:
            return
        items = [row[0] for row in net.node(name).index.database.query("SELECT entity FROM items ORDER BY entity")]
        if what == "post" or not items:
            net.post(name, author)
            return
        item = self.chance.choice(items)
        if what == "comment":
            net.say(name, author, item, "words")
        elif what == "decide":
            self.decide(name, author, item)
        else:
            getattr(net, what)(name, author, item)

    def decide(self, name: str, author: Author, item: str) -> None:
        shown = self.net.item(name, item)
        who = self.chance.choice([BOB, CAROL, DAVE, EVE]).actor
        options: list[tuple[str, dict[str, Any]]] = [
            ("grant", {"claim": item, "actor": who, "until": 1}), ("revoke", {"reason": "other"}), ("close", {}),
            ("handover", {"to": self.chance.choice([*NODES.values()]).log(self.net.commons)}),
        ]  # fmt: skip
        options += [("accept", {"submission": op, "actor": one.actor}) for op, one in shown.submissions.items()]
        what, members = self.chance.choice(options)
        self.net.decide(name, author, what, item, **members)

    def part(self, whole: Said) -> Said:
        """What came through before the line broke."""
        chains = {log: lines[: self.chance.randint(1, len(lines))] for log, lines in whole.chains.items()}
        return Said(
            keys={name: raw for name, raw in whole.keys.items() if self.chance.random() < 0.8},
            chains={log: lines for log, lines in chains.items() if self.chance.random() < 0.7},
            forks=[fork for fork in whole.forks if self.chance.random() < 0.7],
        )


@LOOK
@given(st.lists(EVENTS, max_size=40), st.randoms(use_true_random=False))
def test_whatever_the_weather_all_come_to_the_same(events: list[tuple[str, str, str]], chance: random.Random) -> None:
    net = Net(found(ALICE, CAROL, DAVE))
    for name in NODES:
        net.node(name)
    weather = Weather(net, chance)
    for event in events:
        weather.happen(*event)
    latest = max(clock.ms for clock in net.clocks.values())
    for clock in net.clocks.values():
        # Time passes: what was ahead of somebody's clock is so no longer.
        clock.ms = latest
    net.agree()
    net.close()


@LOOK
@given(st.lists(EVENTS, max_size=40), st.randoms(use_true_random=False))
def test_no_node_ever_loses_what_it_has_heard(events: list[tuple[str, str, str]], chance: random.Random) -> None:
    """Kept chains and branches together only grow, whatever old or partial things a node is told."""
    net = Net(found(ALICE, CAROL, DAVE))
    for name in NODES:
        net.node(name)
    weather, known = Weather(net, chance), {name: set[bytes]() for name in NODES}
    for event in events:
        weather.happen(*event)
        for name in NODES:
            held = lines_of(net, name)
            lost = {line for line in known[name] - held if not superseded(net, name)}
            assert not lost
            known[name] = held
    net.close()


def lines_of(net: Net, name: str) -> set[bytes]:
    store = net.node(name).store
    chains = {line for log in store.logs() for line in store.lines(log)}
    return chains | {line for log in store.logs() for branch in store.branches(log) for line in branch}


def superseded(net: Net, name: str) -> bool:
    """Whether a log has forked here: of three branches one goes, of two that begin alike the shorter."""
    return bool(net.node(name).store.forked())
