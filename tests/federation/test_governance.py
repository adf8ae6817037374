"""Charters: who governs, what they may change, and what stays."""

from collections.abc import Iterator
from typing import Any

import pytest

from beads.ledger import Author, Draft
from beads.op import Op, Place
from stamps import credential
from stamps.stamp import Stamp
from tests.federation.net import ALICE, BOB, CAROL, DAVE, EVE, Net
from tests.world import found
from wanted.ops.stamp import facts_at


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net(found(ALICE, CAROL, DAVE))
    yield made
    made.close()


def in_force(net: Net, name: str) -> str | None:
    return net.node(name).index.context.governance.now.id


def delegates(*actors: Author, until: Any = (), threshold: int = 0) -> dict[str, Any]:
    listed = sorted(each.actor for each in actors)
    return {
        "kind": "delegates", "delegates": listed, "threshold": threshold or len(listed) // 2 + 1,
        "until": sorted(list(place) for place in until),
    }  # fmt: skip


def agreed(net: Net, change: dict[str, Any], *signers: tuple[str, Author]) -> Op:
    """A charter that delegates propose and sign, each on a node of its own."""
    (name, author), *others = signers
    charter = net.propose(name, author, change)
    for other, delegate in others:
        net.tell(name, other)
        net.sign(other, delegate, charter)
    net.agree()
    return charter


OPEN_TO_ANY = {"kind": "policy", "validators": "any"}


def test_a_charter_is_in_force_once_a_threshold_has_proposed_or_signed(net: Net) -> None:
    charter = net.propose("home", ALICE, OPEN_TO_ANY)
    assert in_force(net, "home") is None
    net.sign("home", ALICE, charter)
    net.sign("home", BOB, charter)
    assert in_force(net, "home") is None, "nobody counts twice, and only delegates count"
    net.sign("home", CAROL, charter)
    assert in_force(net, "home") == charter.id
    assert net.node("home").index.context.governance.now.validators == "any"


def test_a_signature_may_come_before_what_it_signs(net: Net) -> None:
    charter = net.propose("home", ALICE, OPEN_TO_ANY)
    net.sign("third", CAROL, charter)
    assert in_force(net, "third") is None
    net.agree()
    assert in_force(net, "third") == charter.id


def test_of_rivals_on_one_charter_the_lesser_id_is_in_force_everywhere(net: Net) -> None:
    one = net.propose("home", ALICE, OPEN_TO_ANY)
    other = net.propose("third", CAROL, {"kind": "policy", "admission": "invite"})
    net.sign("third", DAVE, other)
    net.meet()
    net.sign("home", CAROL, one)
    net.agree()
    assert {in_force(net, name) for name in net.nodes} == {min(one.id, other.id)}


def test_who_is_no_delegate_proposes_in_vain(net: Net) -> None:
    charter = net.propose("home", BOB, OPEN_TO_ANY)
    net.sign("home", ALICE, charter)
    net.sign("home", CAROL, charter)
    assert in_force(net, "home") is None
    assert net.rules("home")[charter.id] == "charter.delegate"


def test_a_change_that_this_version_does_not_know_freezes_the_log_that_says_it(net: Net) -> None:
    charter = net.propose("home", ALICE, {"kind": "later", "what": 1})
    log = net.node("home").index.log(charter.log)
    assert log is not None
    assert log.frozen_at == charter.seq


def test_whoever_leaves_keeps_what_it_did_as_a_delegate_and_does_no_more(net: Net) -> None:
    net.write("third", DAVE, "profile", {"handle": "dave", "links": []})
    net.meet()
    before = net.head("third", DAVE)
    agreed(net, delegates(ALICE, CAROL, EVE, until=[before]), ("home", ALICE), ("third", CAROL))
    other = net.propose("home", ALICE, OPEN_TO_ANY)
    net.agree()
    net.sign("third", DAVE, other)
    net.agree()
    assert in_force(net, "home") != other.id
    net.sign("third", EVE, other)
    net.agree()
    assert in_force(net, "home") == other.id, "who came in signs"


def test_a_charter_on_one_that_is_not_in_force_waits_for_it(net: Net) -> None:
    first = net.propose("home", ALICE, OPEN_TO_ANY)
    second = net.write(
        "home", ALICE, "charter", {"prev": first.id, "change": {"kind": "policy", "admission": "invite"}}
    )
    net.sign("home", CAROL, second)
    assert in_force(net, "home") is None
    net.sign("home", CAROL, first)
    assert in_force(net, "home") == second.id


def test_whom_delegates_had_seen_while_all_might_come_stays_when_the_door_is_shut(net: Net) -> None:
    item = net.post("home")
    net.meet("home", "worker", "third")
    net.claim("worker", BOB, item)
    net.meet()
    net.checkpoint("home", ALICE)
    net.checkpoint("third", CAROL)
    net.meet()
    agreed(net, {"kind": "policy", "admission": "invite"}, ("home", ALICE), ("third", CAROL))
    net.claim("worker", EVE, item)
    net.agree()
    assert net.item("home", item).claimers == [BOB.actor]
    admit = net.write("worker", BOB, "admit", {"actor": EVE.actor})
    net.write("worker", EVE, "join", {"admit": admit.id})
    net.claim("worker", EVE, item)
    net.agree()
    assert net.item("home", item).claimers == sorted([BOB.actor, EVE.actor])


def test_a_sponsor_s_invitations_end_with_its_log(net: Net) -> None:
    agreed(net, {"kind": "policy", "admission": "invite"}, ("home", ALICE), ("third", CAROL))
    item = net.post("home")
    letting = net.write("home", ALICE, "admit", {"actor": BOB.actor})
    net.meet()
    net.tell("home", "worker")
    net.write("worker", BOB, "join", {"admit": letting.id})
    place = net.head("worker", BOB)
    net.meet()
    agreed(net, {"kind": "ban", "actor": BOB.actor, "cuts": [place]}, ("home", ALICE), ("third", CAROL))
    admit = net.write("worker", BOB, "admit", {"actor": EVE.actor})
    net.write("worker", EVE, "join", {"admit": admit.id})
    net.claim("worker", EVE, item)
    net.agree()
    assert net.item("home", item).claimers == []


def test_what_is_hidden_stays_as_it_is_and_says_so(net: Net) -> None:
    item = net.post("home")
    net.meet("home", "third")
    before = net.node("home").index.state("bead", item)
    agreed(net, {"kind": "hide", "bead": item}, ("home", ALICE), ("third", CAROL))
    assert net.node("third").index.state("bead", item) == {**(before or {}), "hidden": True}
    agreed(net, {"kind": "unhide", "bead": item}, ("home", ALICE), ("third", CAROL))
    assert net.node("third").index.state("bead", item) == before


# -- stamps by delegates -------------------------------------------------------------------------------------------


def done(net: Net) -> tuple[str, Op, Op]:
    item = net.post("home")
    claim = net.claim("home", BOB, item)
    net.grant("home", ALICE, item, claim)
    work = net.submit("home", BOB, item)
    return item, work, net.decide("home", ALICE, "accept", item, submission=work.id, actor=BOB.actor)


def stamp(net: Net, author: Author, item: str, work: Op, accept: Op, charter: Op | None = None) -> Op:
    given = Stamp(
        subject=BOB.actor, item=item, submission=work.id, accept=accept.id, title="Fine", dims=(("quality", 4),),
        confidence=90, severity="leaf", skills=(), vc="A" * 86, charter=charter.id if charter else None,
    )  # fmt: skip
    payload: dict[str, Any] = {
        "subject": BOB.actor, "item": item, "submission": work.id, "accept": accept.id, "title": "Fine",
        "dims": [["quality", 4]], "confidence": 90, "severity": "leaf", "skills": [],
    }  # fmt: skip
    payload |= {"charter": charter.id} if charter else {}

    def complete(place: Place) -> dict[str, Any]:
        return {"vc": credential.sign_vc(facts_at(place, given), author.signer)}

    (op,) = net.node("home").write(author, lambda _: [Draft("stamp", payload, {}, complete)])
    return op


@pytest.fixture
def judged() -> Iterator[Net]:
    made = Net(found(ALICE, CAROL, DAVE, validators="poster+delegates"))
    yield made
    made.close()


def test_an_ex_delegate_s_stamp_counts_as_far_as_its_power_went(judged: Net) -> None:
    net = judged
    item, work, accept = done(net)
    early = stamp(net, DAVE, item, work, accept)
    assert early.id not in net.rules("home")
    change = delegates(ALICE, CAROL, EVE, until=[net.head("home", DAVE)])
    charter = agreed(net, change, ("home", ALICE), ("third", CAROL))
    late = stamp(net, DAVE, item, work, accept)
    fresh = stamp(net, EVE, item, work, accept, charter)
    unnamed = stamp(net, EVE, item, work, accept)
    net.agree()
    assert net.rules("third").get(late.id) == "stamp.validator"
    assert net.rules("third").get(unnamed.id) == "stamp.validator", "it names no charter by which she is a delegate"
    kept = {each.op for each in net.item("third", item).stamps}
    assert {early.id, fresh.id} <= kept


def test_of_two_stamps_by_one_author_the_later_stands(judged: Net) -> None:
    net = judged
    item, work, accept = done(net)
    first, second = (stamp(net, CAROL, item, work, accept) for _ in range(2))
    net.node("third")
    net.agree()
    kept = {each.op for each in net.item("third", item).stamps}
    assert (first.id in kept, second.id in kept) == (False, True)


def test_stamps_by_anyone_count_only_while_the_charter_in_force_says_so(net: Net) -> None:
    item, work, accept = done(net)
    agreed(net, OPEN_TO_ANY, ("home", ALICE), ("third", CAROL))
    free = stamp(net, EVE, item, work, accept)
    net.agree()
    assert free.id in {each.op for each in net.item("third", item).stamps}
    agreed(net, {"kind": "policy", "validators": "poster"}, ("home", ALICE), ("third", CAROL))
    assert net.rules("third")[free.id] == "stamp.validator"
