"""The race table: what happens when two things happen at once, each with the rule that decides it.

In every race the two sides write without knowing of each other; then everybody meets, in either order, and everybody
sees the same, for the reason that the test's name tells.
"""

from collections.abc import Callable, Iterator

import pytest

from stamps.keychange import Change, Revoke
from tests.federation.net import ALICE, BOB, CAROL, DAVE, EVE, LAPTOP, PHONE, Net, extended
from tests.world import Said, found, keys_of, said, second
from wanted import lifecycle

AGENT = second("bob", "authentication")


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net(found(ALICE, CAROL, DAVE))
    yield made
    made.close()


@pytest.fixture(params=["one way round", "the other way round"])
def either_order(request: pytest.FixtureRequest, net: Net) -> Callable[[], None]:
    """Let the two sides meet a third in either order, then everybody."""

    def meet() -> None:
        sides = ["home", "worker"] if request.param == "one way round" else ["worker", "home"]
        for side in sides:
            net.tell(side, "third")
        net.agree()

    return meet


def granted(net: Net) -> str:
    item = net.post("home")
    net.meet("home", "worker")
    claim = net.claim("worker", BOB, item)
    net.meet("home", "worker")
    net.grant("home", ALICE, item, claim)
    net.meet("home", "worker")
    return item


def test_two_offline_claims_have_one_provisional_holder_and_then_the_one_that_the_home_grants(
    net: Net, either_order: Callable[[], None]
) -> None:
    item = net.post("home")
    net.meet("home", "worker")
    mine, theirs = net.claim("home", CAROL, item), net.claim("worker", BOB, item)
    either_order()
    assert len({net.item(name, item).provisional for name in net.nodes}) == 1
    net.grant("home", ALICE, item, theirs)
    net.agree()
    assert mine.id in {intent.op for intent in net.item("worker", item).intents.values()}
    assert {net.item(name, item).holder.actor for name in net.nodes} == {BOB.actor}  # type: ignore[union-attr]


def test_a_release_against_a_grant_shows_giving_up_until_the_home_revokes(
    net: Net, either_order: Callable[[], None]
) -> None:
    item = net.post("home")
    net.meet("home", "worker")
    claim = net.claim("worker", BOB, item)
    net.meet("home", "worker")
    net.grant("home", ALICE, item, claim)
    net.release("worker", BOB, item)
    either_order()
    shown = net.item("third", item)
    assert shown.status == lifecycle.CLAIMED
    assert shown.giving_up
    net.decide("home", ALICE, "revoke", item, reason="released")
    net.agree()
    assert net.item("third", item).status == lifecycle.OPEN


def test_a_revoke_against_a_submission_leaves_the_item_open_and_the_work_to_be_judged(
    net: Net, either_order: Callable[[], None]
) -> None:
    item = granted(net)
    net.decide("home", ALICE, "revoke", item, reason="other")
    work = net.submit("worker", BOB, item)
    either_order()
    shown = net.item("third", item)
    assert (shown.status, set(shown.unjudged)) == (lifecycle.OPEN, {work.id})
    net.decide("home", ALICE, "accept", item, submission=work.id, actor=BOB.actor)
    net.agree()
    assert net.item("third", item).status == lifecycle.COMPLETED, "whoever was granted it once may still be accepted"


def test_a_rejection_against_a_new_submission_judges_only_the_one_it_names(
    net: Net, either_order: Callable[[], None]
) -> None:
    item = granted(net)
    first = net.submit("worker", BOB, item)
    net.meet("home", "worker")
    net.decide("home", ALICE, "reject", item, submission=first.id, actor=BOB.actor, final=False)
    better = net.submit("worker", BOB, item)
    either_order()
    shown = net.item("third", item)
    assert shown.shown_status == lifecycle.IN_REVIEW
    assert set(shown.unjudged) == {better.id}


def test_an_acceptance_against_a_withdrawal_goes_by_the_order_of_the_home(net: Net) -> None:
    item = granted(net)
    work = net.submit("worker", BOB, item)
    net.meet("home", "worker")
    accept = net.decide("home", ALICE, "accept", item, submission=work.id, actor=BOB.actor)
    withdraw = net.decide("home", ALICE, "withdraw", item)
    net.agree()
    assert net.item("worker", item).accepted[0].op == accept.id
    assert net.rules("worker")[withdraw.id] == "item.status"


def test_an_expired_lease_holds_until_the_home_says_so(net: Net, either_order: Callable[[], None]) -> None:
    item = granted(net)
    net.node("third")
    for clock in net.clocks.values():
        clock.ms += 30 * 86_400_000
    late = net.submit("worker", BOB, item)
    either_order()
    assert net.item("third", item).shown_status == lifecycle.IN_REVIEW
    net.decide("home", ALICE, "revoke", item, reason="expired")
    net.agree()
    assert net.item("third", item).status == lifecycle.OPEN
    assert late.id in net.item("third", item).unjudged


def test_claims_of_one_actor_from_two_devices_are_one_claim_the_latest(net: Net) -> None:
    item = net.post("home", BOB)
    net.meet("home", "worker")
    net.claim("home", LAPTOP, item)
    net.clocks["worker"].ms += 60_000
    last = net.release("worker", PHONE, item)
    net.agree()
    shown = net.item("home", item)
    assert {actor: intent.op for actor, intent in shown.intents.items()} == {ALICE.actor: last.id}
    assert shown.claimers == []


def test_only_the_home_s_own_device_judges_another_of_its_actor_s_asks_in_vain(net: Net) -> None:
    item = net.post("home", LAPTOP)
    net.meet("home", "worker")
    claim = net.claim("worker", BOB, item)
    net.meet("home", "worker")
    asked = net.decide("worker", PHONE, "grant", item, claim=claim.id, actor=BOB.actor, until=1)
    net.agree()
    assert net.rules("home")[asked.id] == "item.home"
    assert net.item("home", item).status == lifecycle.OPEN


def test_an_item_handed_over_is_decided_by_the_new_home_alone(net: Net) -> None:
    item = granted(net)
    net.decide("home", ALICE, "handover", item, to=BOB.log(net.commons))
    late = net.write("home", ALICE, "wanted.close", {"item": item, "epoch": 0})
    net.agree()
    shown = net.item("worker", item)
    assert (shown.home, shown.epoch, shown.holder and shown.holder.actor) == (BOB.log(net.commons), 1, BOB.actor)
    assert net.rules("worker")[late.id] == "item.home"
    net.decide("worker", BOB, "close", item)
    net.agree()
    assert net.item("home", item).status == lifecycle.COMPLETED


def adopted(net: Net, item: str) -> None:
    """Carol and Dave give an item whose home is silent to Carol, after what they have seen of it."""
    shown = net.item("third", item)
    place = net.head("third", ALICE)
    change = {"kind": "adopt", "item": item, "epoch": shown.epoch, "from": place, "to": CAROL.log(net.commons)}
    charter = net.propose("third", CAROL, change)
    net.sign("third", DAVE, charter)


def test_an_orphan_that_was_adopted_is_not_moved_by_a_late_grant(net: Net, either_order: Callable[[], None]) -> None:
    item = net.post("home")
    net.meet("home", "worker", "third")
    claim = net.claim("worker", BOB, item)
    other = net.claim("third", EVE, item)
    net.meet("worker", "third")
    adopted(net, item)
    net.grant("third", CAROL, item, other)
    net.tell("worker", "home")
    late = net.grant("home", ALICE, item, claim)
    either_order()
    shown = net.item("home", item)
    assert (shown.home, shown.epoch) == (CAROL.log(net.commons), 1)
    assert shown.holder is not None
    assert shown.holder.actor == EVE.actor
    assert net.rules("home")[late.id] == "item.adopted"


def test_adoption_takes_the_holder_along(net: Net) -> None:
    item = granted(net)
    net.meet("home", "worker", "third")
    adopted(net, item)
    net.agree()
    shown = net.item("home", item)
    assert (shown.epoch, shown.holder and shown.holder.actor) == (1, BOB.actor)


LATE: dict[str, Callable[[Net, str], object]] = {
    "claim": lambda net, item: net.claim("worker", BOB, item),
    "release": lambda net, item: net.release("worker", BOB, item),
    "submission": lambda net, item: net.submit("worker", BOB, item),
    "admission": lambda net, item: net.write("worker", BOB, "admit", {"actor": EVE.actor}),
}


@pytest.mark.parametrize("what", LATE)
def test_what_comes_late_changes_nothing_that_the_home_has_decided(
    net: Net, either_order: Callable[[], None], what: str
) -> None:
    item = granted(net)
    work = net.submit("worker", BOB, item)
    net.meet("home", "worker")
    net.decide("home", ALICE, "accept", item, submission=work.id, actor=BOB.actor)
    LATE[what](net, item)
    either_order()
    shown = net.item("third", item)
    assert (shown.status, [each.submission for each in shown.accepted]) == (lifecycle.COMPLETED, [work.id])


def test_lines_that_wait_for_others_count_once_those_are_here(net: Net) -> None:
    item = granted(net)
    work = net.submit("worker", BOB, item)
    net.meet("home", "worker")
    net.decide("home", ALICE, "accept", item, submission=work.id, actor=BOB.actor)
    # The third hears what the home decided before it has heard of the work, or of who did it.
    everything = said(net.node("home").store)
    alice = ALICE.log(net.commons)
    report = net.node("third").ingest(Said(chains=everything.chains))
    assert {outcome.reason for outcome in report.troubles} == {"key_log"}
    net.node("third").ingest(Said(keys=keys_of(ALICE), chains={alice: everything.chains[alice]}))
    before = net.item("third", item)
    assert (before.status, before.submissions) == (lifecycle.COMPLETED, {})
    net.agree()
    assert set(net.item("third", item).submissions) == {work.id}


def test_a_ban_ends_a_log_at_its_cut_and_what_others_built_on_it_stays(net: Net) -> None:
    item = granted(net)
    work = net.submit("worker", BOB, item)
    net.meet("home", "worker", "third")
    net.decide("home", ALICE, "accept", item, submission=work.id, actor=BOB.actor)
    before = net.head("worker", BOB)
    other = net.post("home")
    net.meet("home", "worker")
    late = net.claim("worker", BOB, other)
    assert late.seq > before[1]
    charter = net.propose("third", CAROL, {"kind": "ban", "actor": BOB.actor, "cuts": [before]})
    net.sign("third", DAVE, charter)
    net.agree()
    log = net.node("home").index.log(BOB.log(net.commons))
    assert log is not None
    assert log.cut_at == before[1] + 1
    assert net.item("home", item).status == lifecycle.COMPLETED
    assert net.item("home", other).intents == {}


def test_work_past_a_cut_can_still_be_named_by_what_was_built_on_it(net: Net) -> None:
    item = granted(net)
    before = net.head("worker", BOB)
    work = net.submit("worker", BOB, item)
    net.meet("home", "worker", "third")
    accept = net.decide("home", ALICE, "accept", item, submission=work.id, actor=BOB.actor)
    charter = net.propose("third", CAROL, {"kind": "ban", "actor": BOB.actor, "cuts": [before]})
    net.sign("third", DAVE, charter)
    net.agree()
    shown = net.item("home", item)
    assert shown.accepted[0].op == accept.id
    assert shown.submissions[work.id].past_cut
    assert shown.unjudged == {}


def test_a_banned_actor_comes_back_with_new_logs_only(net: Net) -> None:
    bob = second("bob")
    net.learn("home", bob.key_log)
    item = net.post("home")
    net.meet("home", "worker", "third")
    net.claim("worker", BOB, item)
    net.meet()
    charter = net.propose("third", CAROL, {"kind": "ban", "actor": BOB.actor, "cuts": []})
    net.sign("third", DAVE, charter)
    net.agree()
    assert net.item("home", item).claimers == []
    again = net.propose("third", CAROL, {"kind": "admit", "actor": BOB.actor})
    net.sign("third", DAVE, again)
    net.agree()
    net.claim("worker", BOB, item)
    net.agree()
    assert net.item("home", item).claimers == [], "the old log stays ended"
    net.write("worker", bob, "join", {"admit": again.id})
    net.claim("worker", bob, item)
    net.agree()
    assert net.item("home", item).claimers == [BOB.actor]


def test_words_taken_back_are_gone_on_every_node_whoever_still_offers_them(net: Net) -> None:
    item = net.post("home")
    net.meet("home", "worker")
    words = net.say("worker", BOB, item, "my number")
    net.meet("home", "worker", "third")
    net.node("worker").erase(BOB, words.id)
    net.tell("worker", "home")
    net.tell("third", "home")
    assert not net.node("home").index.has_body(words.id)
    net.agree()
    assert all(not ledger.index.has_body(words.id) for ledger in net.nodes.values())


# -- forks ---------------------------------------------------------------------------------------------------------


def copied(net: Net) -> tuple[str, str, str]:
    """Bob's device is used from two copies of a home: on each it claims another item."""
    first, other = net.post("home"), net.post("home")
    net.meet("home", "worker", "copy", "third", "dave")
    net.claim("worker", BOB, first)
    net.clocks["copy"].ms += 5
    net.claim("copy", BOB, other)
    return BOB.log(net.commons), first, other


def claimed(net: Net, name: str, *items: str) -> list[bool]:
    return [bool(net.item(name, item).claimers) for item in items]


def test_a_fork_without_votes_keeps_the_common_prefix(net: Net) -> None:
    log, first, other = copied(net)
    net.agree()
    for name in net.nodes:
        weighed = net.node(name).index.log(log)
        assert weighed is not None
        assert weighed.forked_at == 1
        assert claimed(net, name, first, other) == [False, False]


def test_one_delegate_s_checkpoint_decides_no_fork_where_two_are_needed(net: Net) -> None:
    _, first, other = copied(net)
    net.tell("worker", "third")
    net.checkpoint("third", CAROL)
    net.agree()
    assert claimed(net, "home", first, other) == [False, False]


@pytest.mark.parametrize("source", ["worker", "copy"])
def test_a_fork_goes_on_with_the_branch_that_a_threshold_of_delegates_saw_first(net: Net, source: str) -> None:
    log, first, other = copied(net)
    for name, delegate in (("third", CAROL), ("dave", DAVE)):
        net.tell(source, name)
        net.checkpoint(name, delegate)
    net.agree()
    for name in net.nodes:
        weighed = net.node(name).index.log(log)
        assert weighed is not None
        assert (weighed.forked_at, weighed.parted_at) == (None, 1)
        assert claimed(net, name, first, other) == [source == "worker", source == "copy"]
    late = net.claim("copy", BOB, first if source == "copy" else other)
    net.agree()
    assert late.id in {intent.op for intent in net.item("home", late.p["item"]).intents.values()}


def test_a_fork_below_what_was_covered_undoes_nothing(net: Net) -> None:
    """A thief with the device key forks the log under a grant that delegates have covered."""
    item = granted(net)
    net.node("thief")
    net.tell("home", "thief")
    for name, delegate in (("third", CAROL), ("dave", DAVE)):
        net.tell("home", name)
        net.checkpoint(name, delegate)
    stolen = net.node("thief").store
    head = stolen.head(ALICE.log(net.commons))
    assert head is not None
    fork = Net(net.raw)
    early = {ALICE.log(net.commons): stolen.lines(ALICE.log(net.commons))[: head.seq]}
    fork.node("thief").ingest(Said(keys=keys_of(ALICE, BOB), chains=early))
    fork.decide("thief", ALICE, "withdraw", item)
    net.nodes["thief"] = fork.node("thief")
    net.agree()
    for name in net.nodes:
        shown = net.item(name, item)
        assert (shown.status, shown.holder and shown.holder.actor) == (lifecycle.CLAIMED, BOB.actor)
    fork.close()


def test_the_owner_s_repair_decides_where_delegates_have_not(net: Net) -> None:
    log, first, other = copied(net)
    net.agree()
    branches = net.node("home").branches(log)
    keep = next(branch[0].id for branch in branches if any(line.p.get("item") == other for line in branch))
    repaired = extended(BOB.key_log, "bob", Change(repairs=((log, 1, keep),)))
    net.learn("third", repaired)
    net.agree()
    for name in net.nodes:
        assert claimed(net, name, first, other) == [False, True]


# -- keys ----------------------------------------------------------------------------------------------------------


def test_an_agent_s_key_revoked_by_position_keeps_what_it_did_before_and_nothing_after(net: Net) -> None:
    first, other = net.post("home"), net.post("home")
    net.learn("home", AGENT.key_log)
    net.meet("home", "worker")
    net.claim("worker", AGENT, first)
    place = net.head("worker", AGENT)
    net.claim("worker", AGENT, other)
    key = AGENT.signer.public.did
    keys = extended(AGENT.key_log, "bob", Change(revoke=(Revoke(key=key, at=(tuple(place),)),)))
    net.learn("third", keys)
    net.agree()
    for name in net.nodes:
        assert claimed(net, name, first, other) == [True, False]


def test_a_revocation_does_not_reach_below_what_delegates_had_covered(net: Net) -> None:
    first, other = net.post("home"), net.post("home")
    net.learn("home", AGENT.key_log)
    net.meet("home", "worker")
    net.claim("worker", AGENT, first)
    net.meet("home", "worker", "third", "dave")
    for name, delegate in (("third", CAROL), ("dave", DAVE)):
        net.checkpoint(name, delegate)
    net.meet()
    net.claim("worker", AGENT, other)
    keys = extended(AGENT.key_log, "bob", Change(revoke=(Revoke(key=AGENT.signer.public.did),)))
    net.learn("worker", keys)
    net.agree()
    for name in net.nodes:
        assert claimed(net, name, first, other) == [True, False], "covered before anybody knew of the revocation"


def test_a_ban_that_names_a_cut_reaches_below_what_delegates_had_covered(net: Net) -> None:
    item = net.post("home")
    net.meet("home", "worker")
    net.write("worker", BOB, "profile", {"handle": "bob", "links": []})
    place = net.head("worker", BOB)
    net.claim("worker", BOB, item)
    net.meet("home", "worker", "third", "dave")
    for name, delegate in (("third", CAROL), ("dave", DAVE)):
        net.checkpoint(name, delegate)
    net.meet()
    charter = net.propose("third", CAROL, {"kind": "ban", "actor": BOB.actor, "cuts": [place]})
    net.tell("third", "dave")
    net.sign("dave", DAVE, charter)
    net.agree()
    assert claimed(net, "home", item) == [False]


def test_what_was_a_revoked_device_s_home_passes_to_its_heir(net: Net) -> None:
    item = net.post("home", LAPTOP)
    net.meet("home", "worker")
    claim = net.claim("worker", BOB, item)
    net.meet("home", "worker")
    net.grant("home", LAPTOP, item, claim)
    place, heir = net.head("home", LAPTOP), PHONE.signer.public.did
    stolen = net.decide("home", LAPTOP, "withdraw", item)
    revoke = Revoke(key=LAPTOP.signer.public.did, heir=heir, at=(tuple(place),))
    net.learn("third", extended(LAPTOP.key_log, "alice", Change(revoke=(revoke,))))
    net.agree()
    shown = net.item("worker", item)
    assert stolen.seq > place[1]
    assert (shown.home, shown.epoch) == (PHONE.log(net.commons), 1)
    assert (shown.status, shown.holder and shown.holder.actor) == (lifecycle.CLAIMED, BOB.actor)
    net.decide("worker", PHONE, "revoke", item, reason="other")
    net.agree()
    assert net.item("third", item).status == lifecycle.OPEN


def test_what_a_device_gave_away_before_it_was_revoked_stays_given(net: Net) -> None:
    item = net.post("home", LAPTOP)
    net.decide("home", LAPTOP, "handover", item, to=BOB.log(net.commons))
    place, heir = net.head("home", LAPTOP), PHONE.signer.public.did
    revoke = Revoke(key=LAPTOP.signer.public.did, heir=heir, at=(tuple(place),))
    net.learn("third", extended(LAPTOP.key_log, "alice", Change(revoke=(revoke,))))
    net.agree()
    shown = net.item("third", item)
    assert (shown.home, shown.epoch) == (BOB.log(net.commons), 1)
