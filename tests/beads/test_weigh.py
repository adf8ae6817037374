"""From where a log counts in a commons by invitation: the same whichever log is looked at first, and soon found."""

import random
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beads import genesis, ids
from beads import weigh as weighing
from beads.ledger import Author
from beads.op import Line, Op
from beads.weigh import Evidence, Opened, open_log, opening, weigh
from stamps.keylog import KeyLog
from tests.world import Chain, actor, found
from wanted.ops.table import BOARD

FOUNDER = actor("founder")
GENESIS = found(FOUNDER, admission="invite")
COMMONS = ids.commons_id(GENESIS)


class Club:
    """People who let each other in."""

    def __init__(self) -> None:
        self.chains: dict[str, Chain] = {}
        self.chain(FOUNDER)

    def chain(self, who: Author) -> Chain:
        if who.actor not in self.chains:
            self.chains[who.actor] = Chain(who, COMMONS)
            self.chains[who.actor].open()
        return self.chains[who.actor]

    def admit(self, sponsor: Author, who: Author) -> Line:
        return self.chain(sponsor).add("admit", {"actor": who.actor})

    def join(self, who: Author, admit: Line) -> Line:
        return self.chain(who).add("join", {"admit": admit.id})

    def counted(self, order: random.Random | None = None) -> Mapping[str, int | None]:
        logs = list(self.chains.values())
        if order is not None:
            order.shuffle(logs)
        keys: dict[str, KeyLog] = {chain.author.actor: chain.author.key_log for chain in logs}
        opened: dict[str, Opened] = {}
        for chain in logs:
            ops: list[Op] = [BOARD.read(line) for line in chain.lines]
            start = opening(ops[0], COMMONS)
            assert start is not None
            opened[chain.log] = open_log(chain.log, start, ops, None, None, keys.get)
        nothing = Evidence(keys.get, lambda: (), lambda log, seq: None)
        weighed = weigh(opened, COMMONS, genesis.parse(GENESIS), nothing)
        return {chain.author.actor: weighed.logs[chain.log].counted_from for chain in logs}


def test_whoever_has_two_invitations_counts_from_the_first_that_holds() -> None:
    """The sponsor of the first is let in by the sponsor of the second: by rounds, either could be found first."""
    club = Club()
    ann, bob, cat = actor("ann"), actor("bob"), actor("cat")
    club.join(bob, club.admit(FOUNDER, bob))
    club.join(ann, club.admit(bob, ann))
    first, second = club.admit(ann, cat), club.admit(bob, cat)
    club.join(cat, first)
    club.join(cat, second)
    for n in range(20):
        assert club.counted(random.Random(n))[cat.actor] == 1


PEOPLE = [actor(f"p{n}") for n in range(6)]


@given(st.lists(st.tuples(st.integers(-1, 5), st.integers(0, 5), st.booleans()), max_size=20), st.randoms())
@settings(max_examples=150)
def test_the_order_of_logs_changes_nothing(steps: list[tuple[int, int, bool]], chance: random.Random) -> None:
    club = Club()
    for each in PEOPLE:
        club.chain(each)
    for sponsor, who, joins in steps:
        admit = club.admit(PEOPLE[sponsor] if sponsor >= 0 else FOUNDER, PEOPLE[who])
        if joins:
            club.join(PEOPLE[who], admit)
    assert club.counted(chance) == club.counted(chance)


def test_a_long_chain_of_sponsors_is_soon_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is let in by the one before, and the last comes first: in rounds, that is a look for each pair."""
    looks = 0
    look = weighing._joined_at

    def counting(*arguments: Any) -> int | None:
        nonlocal looks
        looks += 1
        return look(*arguments)

    monkeypatch.setattr(weighing, "_joined_at", counting)
    club = Club()
    people = [FOUNDER, *(actor(f"x{n}") for n in range(300))]
    for sponsor, who in pairwise(people):
        club.join(who, club.admit(sponsor, who))
    club.chains = dict(reversed(club.chains.items()))
    assert None not in club.counted().values()
    assert looks < 3 * len(people)
