"""What a home's node decides by itself: a table of items and what follows."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pytest

from beads.clock import Hlc
from tests.world import TERMS
from wanted.claims import rank
from wanted.item import Accepted, Holder, Intent, Submission
from wanted.lifecycle import CLAIMED, COMPLETED, OPEN, WITHDRAWN
from wanted.policy import DAY_MS, Policy, decide
from wanted.view import ItemView

NOW = 1_790_000_000_000
HOME = "home"


def item(name: str = "i", *claimers: str, **changes: Any) -> ItemView:
    plain = ItemView(
        id=name, poster="poster", home=HOME, epoch=0, status=OPEN, terms=TERMS, holder=None, granted=frozenset(),
        accepted=(), rejected=(), intents={who: Intent("claim", f"claim {who}") for who in claimers}, submissions={},
        stamps=(), withdrawn=(), disputes=(), prose={}, created=Hlc(NOW - 100, 0), updated=Hlc(NOW, 0),
    )  # fmt: skip
    return plain._replace(**changes)


def held(name: str, by: str, *, until: int = NOW + 1, **changes: Any) -> ItemView:
    holder = Holder(by, f"claim {by}", until, "grant")
    return item(name, by, status=CLAIMED, holder=holder, granted=frozenset({by}), **changes)


def work(by: str, ms: int = NOW) -> Mapping[str, Submission]:
    return {f"work {by}": Submission(by, (), Hlc(ms, 0))}


def first(name: str, *claimers: str) -> str:
    return min(claimers, key=lambda each: rank(name, each))


class Case(NamedTuple):
    items: Sequence[ItemView]
    expected: Sequence[tuple[str, str, str, str]]
    """Operation, item, actor, reason."""
    policy: Policy = Policy()
    expired: Mapping[str, int] = {}


FOUR = ("ann", "ben", "cid", "dora")
RELEASED = {"ann": Intent("release", "op")}
ANNS = [held(f"h{n}", "ann") for n in range(3)]
CASES = {
    "nothing is claimed": Case([item()], []),
    "one claims": Case([item("i", "ann")], [("wanted.grant", "i", "ann", "first")]),
    "four claim": Case([item("i", *FOUR)], [("wanted.grant", "i", first("i", *FOUR), "first_by_hash")]),
    "grants are given by hand": Case([item("i", "ann")], [], Policy(grant="manual")),
    "a competition grants nobody": Case(
        [item("i", "ann", terms=TERMS.__class__(**{**{f: getattr(TERMS, f) for f in TERMS.__struct_fields__},
                                                    "competition": True}))], []
    ),
    "another home's item": Case([item("i", "ann", home="elsewhere")], []),
    "an item that is over": Case([item("i", "ann", status=COMPLETED), item("j", "ann", status=WITHDRAWN)], []),
    "a claimer who let go": Case([item("i", intents=RELEASED)], []),
    "a holder, nothing new": Case([held("i", "ann")], []),
    "a lease at its last moment": Case([held("i", "ann", until=NOW)], []),
    "a lease that has run out": Case([held("i", "ann", until=NOW - 1)], [("wanted.revoke", "i", "ann", "expired")]),
    "a lease that has run out with work to judge": Case(
        [held("i", "ann", until=NOW - 1, submissions=work("ann"))], []
    ),
    "a lease that has run out with another's work to judge": Case(
        [held("i", "ann", until=NOW - 1, submissions=work("ben"))], [("wanted.revoke", "i", "ann", "expired")]
    ),
    "a lease that has run out with work judged": Case(
        [held("i", "ann", until=NOW - 1, submissions=work("ann"),
              accepted=(Accepted("work ann", "ann", "op", "poster", Hlc(NOW, 0)),))],
        [("wanted.revoke", "i", "ann", "expired")],
    ),
    "a holder who lets go": Case([held("i", "ann", intents=RELEASED)], [("wanted.revoke", "i", "ann", "released")]),
    "a holder who lets go while grants are given by hand": Case(
        [held("i", "ann", intents=RELEASED)], [("wanted.revoke", "i", "ann", "released")], Policy(grant="manual")
    ),
    "a claimer who holds three": Case([*ANNS, item("i", "ann")], []),
    "a claimer who holds three, and another": Case(
        [*ANNS, item("i", "ann", "ben")], [("wanted.grant", "i", "ben", "first_by_hash")]
    ),
    "a claimer who holds two": Case([*ANNS[:2], item("i", "ann")], [("wanted.grant", "i", "ann", "first")]),
    "a claimer of four at once gets three": Case(
        [item(f"i{n}", "ann", created=Hlc(NOW + n, 0)) for n in range(4)],
        [("wanted.grant", f"i{n}", "ann", "first") for n in range(3)],
    ),
    "a claimer who let two leases expire": Case([item("i", "ann")], [], expired={"ann": 2}),
    "a claimer who let one lease expire": Case(
        [item("i", "ann")], [("wanted.grant", "i", "ann", "first")], expired={"ann": 1}
    ),
    "items in any order, the oldest first": Case(
        [item("b", "ann", created=Hlc(2, 0)), item("a", "ben", created=Hlc(3, 0)), item("c", "cid", created=Hlc(1, 0))],
        [("wanted.grant", "c", "cid", "first"), ("wanted.grant", "b", "ann", "first"),
         ("wanted.grant", "a", "ben", "first")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_follows(case: Case) -> None:
    for items in (case.items, case.items[::-1]):
        decided = decide(items, HOME, NOW, case.policy, case.expired)
        assert [(d.t, d.item.id, d.actor, d.reason) for d in decided] == list(case.expected)


def test_a_grant_is_a_lease_of_seven_days() -> None:
    (decision,) = decide([item("i", "ann")], HOME, NOW, Policy(), {})
    assert decision.until == NOW + 7 * DAY_MS
