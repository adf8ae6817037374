"""The life of an item: every operation on every status, by everyone who might try."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from beads import ids
from beads.fold import Ignored
from beads.ledger import Author, Draft, Ledger
from beads.op import Op
from tests.world import EPOCH_MS, TERMS, Chain, Said, actor, create, found, keys_of, memory_ledger, second, write
from wanted import claims, lifecycle, view
from wanted.lifecycle import CLAIMED, COMPLETED, OPEN, TRANSITIONS, WITHDRAWN
from wanted.ops.post import terms_payload
from wanted.view import ItemView

ALICE = Author(second("alice").key_log, actor("alice").signer)
LAPTOP, AGENT = second("alice"), second("bob", "authentication")
BOB, CAROL, DAVE = Author(AGENT.key_log, actor("bob").signer), actor("carol"), actor("dave")
GENESIS = found(ALICE, BOB, threshold=2)
NOTHING = "0" * 64
UNTIL = EPOCH_MS + 10**6


@dataclass
class Board:
    """One item of Alice's, and what is done to it."""

    ledger: Ledger
    winners: int = 1
    competition: bool = False
    item: str = ""
    named: dict[str, str] = field(default_factory=dict)

    def post(self) -> None:
        terms = terms_payload(TERMS) | {"winners": self.winners, "competition": self.competition}
        self.item = self.do(ALICE, "wanted.post", terms | {"home": None, "prose": []}).id

    def do(self, author: Author, t: str, p: Mapping[str, Any], name: str = "") -> Op:
        (written,) = write(self.ledger, author, Draft(t, p))
        if name:
            self.named[name] = written.id
        return written

    def decide(self, op: str, *, by: Author = ALICE, epoch: int = 0, **p: Any) -> Op:
        return self.do(by, f"wanted.{op}", {"item": self.item, "epoch": epoch, **p})

    def claim(self, *authors: Author) -> None:
        for author in authors:
            self.do(author, "wanted.claim", {"item": self.item}, f"claim {author.actor}")

    def submit(self, author: Author) -> str:
        return self.do(author, "wanted.submit", {"item": self.item, "evidence": [], "prose": []}).id

    def grant(self, to: Author, **how: Any) -> Op:
        claim = self.named.get(f"claim {to.actor}", NOTHING)
        lease: dict[str, Any] = {"claim": claim, "actor": to.actor, "until": UNTIL}
        return self.decide("grant", **lease | how)

    def judge(self, op: str, submission: str, of: Author, **how: Any) -> Op:
        return self.decide(op, submission=submission, actor=of.actor, **how)

    @property
    def view(self) -> ItemView:
        state = self.ledger.index.state("bead", self.item)
        found = view.read(state) if state else None
        assert found is not None
        return found

    def rule(self, op: Op) -> str | None:
        return next((rule for ignored, rule in self.ledger.index.ignored() if ignored == op.id), None)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    made = memory_ledger(GENESIS)
    yield made
    made.close()


@pytest.fixture
def board(ledger: Ledger) -> Board:
    made = Board(ledger)
    made.post()
    return made


def bring(board: Board, status: str) -> None:
    """Bring an item to a status: Bob and Carol have claimed and submitted; claimed means by Bob."""
    board.claim(BOB, CAROL)
    for author in (BOB, CAROL):
        board.named[f"work {author.actor}"] = board.submit(author)
    if status == CLAIMED:
        board.grant(BOB)
    elif status in (COMPLETED, WITHDRAWN):
        board.decide("close" if status == COMPLETED else "withdraw")
    assert board.view.status == status


EDIT = terms_payload(TERMS) | {"priority": 0, "prose": []}
BOBS, CAROLS = f"work {BOB.actor}", f"work {CAROL.actor}"
OPS: dict[str, tuple[str, dict[str, Any]]] = {
    "edit": ("edit", EDIT),
    "grant to bob": ("grant", {"actor": BOB.actor, "claim": NOTHING, "until": UNTIL + 1}),
    "grant to carol": ("grant", {"actor": CAROL.actor, "claim": NOTHING, "until": UNTIL}),
    "revoke": ("revoke", {"reason": "expired"}),
    "accept bob": ("accept", {"submission": BOBS, "actor": BOB.actor}),
    "accept carol": ("accept", {"submission": CAROLS, "actor": CAROL.actor}),
    "reject bob": ("reject", {"submission": BOBS, "actor": BOB.actor, "final": False}),
    "reject bob for good": ("reject", {"submission": BOBS, "actor": BOB.actor, "final": True}),
    "reject carol for good": ("reject", {"submission": CAROLS, "actor": CAROL.actor, "final": True}),
    "close": ("close", {}),
    "withdraw": ("withdraw", {}),
    "handover": ("handover", {"to": CAROL.log(ids.commons_id(GENESIS))}),
}
STATUS = "item.status"
# Operation, status before → status after, or the rule that forbids it.
STEPS = {
    ("edit", OPEN): OPEN, ("edit", CLAIMED): STATUS,
    ("grant to bob", OPEN): CLAIMED, ("grant to bob", CLAIMED): CLAIMED,
    ("grant to carol", OPEN): CLAIMED, ("grant to carol", CLAIMED): STATUS,
    ("revoke", OPEN): STATUS, ("revoke", CLAIMED): OPEN,
    ("accept bob", OPEN): "accept.not_granted", ("accept bob", CLAIMED): COMPLETED,
    ("accept carol", OPEN): "accept.not_granted", ("accept carol", CLAIMED): "accept.not_granted",
    ("reject bob", OPEN): OPEN, ("reject bob", CLAIMED): CLAIMED,
    ("reject bob for good", OPEN): OPEN, ("reject bob for good", CLAIMED): OPEN,
    ("reject carol for good", OPEN): OPEN, ("reject carol for good", CLAIMED): CLAIMED,
    ("close", OPEN): COMPLETED, ("close", CLAIMED): COMPLETED,
    ("withdraw", OPEN): WITHDRAWN, ("withdraw", CLAIMED): WITHDRAWN,
    ("handover", OPEN): OPEN, ("handover", CLAIMED): CLAIMED,
    **{(name, final): "accept.not_granted" if "accept" in name else STATUS
       for name in OPS for final in (COMPLETED, WITHDRAWN)},
}  # fmt: skip


@pytest.mark.parametrize(("name", "status"), STEPS, ids=[f"{name} when {status}" for name, status in STEPS])
def test_every_step_from_every_status(board: Board, name: str, status: str) -> None:
    bring(board, status)
    before = board.view
    op, payload = OPS[name]
    if "submission" in payload:
        payload = payload | {"submission": board.named[payload["submission"]]}
    written = board.decide(op, **payload)
    expected = STEPS[name, status]
    if "." in expected:
        assert (board.rule(written), board.view) == (expected, before)
    else:
        assert (board.rule(written), board.view.status) == (None, expected)
        assert (board.view.holder is not None) == (expected == CLAIMED)


def test_every_row_of_the_table_was_walked() -> None:
    walked = {(f"wanted.{OPS[name][0]}", status) for (name, status), to in STEPS.items() if "." not in to}
    conditions = {(row.op, row.source) for row in TRANSITIONS} - {("wanted.post", ""), ("wanted.accept", OPEN)}
    assert walked == conditions


@pytest.mark.parametrize("op", sorted({row.op for row in TRANSITIONS}))
def test_what_is_allowed_is_what_has_a_row(op: str) -> None:
    for status in lifecycle.STATUSES:
        assert lifecycle.allowed(op, status) == (status in lifecycle.sources(op))
        assert not (status in lifecycle.FINAL and lifecycle.allowed(op, status))


# -- who decides ---------------------------------------------------------------------------------------------------

STRANGERS = {"a stranger": CAROL, "a claimer": BOB, "another device of the poster": LAPTOP}


@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS.keys())
@pytest.mark.parametrize("name", OPS)
def test_only_the_home_decides(board: Board, stranger: Author, name: str) -> None:
    bring(board, CLAIMED)
    before = board.view
    op, payload = OPS[name]
    written = board.decide(op, by=stranger, **(payload | ({"submission": NOTHING} if "submission" in payload else {})))
    assert (board.rule(written), board.view) == ("item.home", before)


@pytest.mark.parametrize("epoch", [1, 2, 99])
def test_a_foreign_epoch_counts_for_nothing(board: Board, epoch: int) -> None:
    written = board.decide("close", epoch=epoch)
    assert (board.rule(written), board.view.status) == ("item.epoch", OPEN)


def test_the_home_may_be_another_device_of_the_poster(ledger: Ledger) -> None:
    board = Board(ledger)
    terms = terms_payload(TERMS) | {"home": LAPTOP.log(ledger.commons), "prose": []}
    board.item = board.do(ALICE, "wanted.post", terms).id
    assert board.rule(board.decide("close")) == "item.home"
    assert board.rule(board.decide("close", by=LAPTOP)) is None
    assert board.view.status == COMPLETED


@pytest.mark.parametrize("home", [BOB, AGENT], ids=["another's", "an agent's"])
def test_nobody_can_be_made_a_home_by_a_post(ledger: Ledger, home: Author) -> None:
    board = Board(ledger)
    write(ledger, home, Draft("bead.comment", {"bead": NOTHING}))
    terms = terms_payload(TERMS) | {"home": home.log(ledger.commons), "prose": []}
    board.item = board.do(ALICE, "wanted.post", terms).id
    assert board.rule(board.decide("close")) == "item.home"
    if home.device:
        assert board.rule(board.decide("close", by=home)) == "item.home"
    assert board.view.status == OPEN


def test_after_a_handover_the_new_home_decides_and_the_old_one_no_more(board: Board) -> None:
    bring(board, CLAIMED)
    carols = CAROL.log(board.ledger.commons)
    assert board.rule(board.decide("handover", to=carols)) is None
    assert (board.view.home, board.view.epoch, board.view.status) == (carols, 1, CLAIMED)
    assert board.view.holder is not None
    assert board.rule(board.decide("close")) == "item.home"
    assert board.rule(board.decide("close", epoch=1)) == "item.home"
    assert board.rule(board.decide("close", by=CAROL)) in ("item.epoch", "item.home")
    assert board.view.status == CLAIMED
    assert board.rule(board.decide("close", by=CAROL, epoch=1)) is None
    assert board.view.status == COMPLETED


def test_a_handover_can_come_back(board: Board) -> None:
    board.decide("handover", to=CAROL.log(board.ledger.commons))
    board.decide("handover", by=CAROL, epoch=1, to=ALICE.log(board.ledger.commons))
    assert board.rule(board.decide("withdraw", epoch=2)) is None
    assert (board.view.status, board.view.epoch) == (WITHDRAWN, 2)


def test_decisions_fold_in_the_home_s_order_whatever_the_clocks_say(board: Board) -> None:
    """The new home's clock is a day behind, so its decision seems older than the item itself."""
    commons = board.ledger.commons
    board.decide("handover", to=DAVE.log(commons))
    late = Chain(DAVE, commons)
    late.add("open", {"actor": DAVE.actor, "key": DAVE.signer.public.did}, hlc=[EPOCH_MS - 86_400_000, 0])
    late.add("wanted.close", {"item": board.item, "epoch": 1})
    board.ledger.ingest(Said(keys=keys_of(DAVE), chains={late.log: late.raw}))
    assert late.lines[-1].hlc < board.view.created
    assert board.view.status == COMPLETED


# -- winners -------------------------------------------------------------------------------------------------------


def test_two_winners_are_two_actors(ledger: Ledger) -> None:
    board = Board(ledger, winners=2)
    board.post()
    bring(board, CLAIMED)
    first = board.submit(BOB)
    assert board.rule(board.judge("accept", first, BOB)) is None
    assert board.view.status == CLAIMED
    assert board.rule(board.judge("accept", first, BOB)) == "accept.twice"
    assert board.rule(board.judge("accept", board.submit(BOB), BOB)) == "accept.twice"
    board.decide("revoke", reason="other")
    board.grant(CAROL)
    assert board.rule(board.judge("accept", board.named[CAROLS], CAROL)) is None
    assert board.view.status == COMPLETED
    assert [accepted.actor for accepted in board.view.accepted] == [BOB.actor, CAROL.actor]


def test_who_was_granted_once_can_be_accepted_after_the_lease(board: Board) -> None:
    bring(board, CLAIMED)
    board.decide("revoke", reason="expired")
    assert board.rule(board.judge("accept", board.named[BOBS], BOB)) is None
    assert board.view.status == COMPLETED


def test_in_a_competition_anyone_can_win(ledger: Ledger) -> None:
    board = Board(ledger, competition=True)
    board.post()
    bring(board, OPEN)
    assert board.rule(board.judge("accept", board.named[CAROLS], CAROL)) is None
    assert board.view.status == COMPLETED


# -- intents -------------------------------------------------------------------------------------------------------


def test_intents_never_move_an_item(board: Board) -> None:
    board.claim(BOB, CAROL, DAVE)
    board.submit(BOB)
    board.do(CAROL, "wanted.release", {"item": board.item})
    seen = board.view
    assert (seen.status, seen.holder, seen.shown_status) == (OPEN, None, OPEN)
    assert seen.claimers == sorted([BOB.actor, DAVE.actor])
    assert seen.provisional == min(seen.claimers, key=lambda each: claims.rank(board.item, each))


def test_a_held_item_with_work_handed_in_is_shown_in_review(board: Board) -> None:
    board.claim(BOB)
    board.grant(BOB)
    assert board.view.shown_status == CLAIMED
    work = board.submit(BOB)
    assert board.view.shown_status == lifecycle.IN_REVIEW
    board.judge("reject", work, BOB, final=False)
    assert board.view.shown_status == CLAIMED


def test_a_holder_who_releases_is_giving_up_until_the_home_says_so(board: Board) -> None:
    board.claim(BOB)
    board.grant(BOB)
    board.do(BOB, "wanted.release", {"item": board.item})
    assert (board.view.giving_up, board.view.status) == (True, CLAIMED)
    board.decide("revoke", reason="released")
    assert (board.view.giving_up, board.view.status) == (False, OPEN)


def test_an_agent_s_claim_is_its_owner_s(board: Board) -> None:
    board.do(AGENT, "wanted.claim", {"item": board.item})
    assert board.view.claimers == [BOB.actor]


@pytest.mark.parametrize("t", ["wanted.claim", "wanted.release", "wanted.submit", "wanted.close"])
def test_what_is_done_to_a_plain_bead_as_if_it_were_an_item_is_reported(ledger: Ledger, t: str) -> None:
    (bead,) = write(ledger, ALICE, create("a task"))
    members: dict[str, dict[str, Any]] = {"wanted.submit": {"evidence": [], "prose": []}, "wanted.close": {"epoch": 0}}
    more = members.get(t, {})
    (written,) = write(ledger, BOB, Draft(t, {"item": bead.id, **more}))
    assert ledger.index.ignored() == [Ignored(written.id, "item.none")]


def test_what_is_done_to_an_item_that_has_not_arrived_waits(ledger: Ledger) -> None:
    write(ledger, BOB, Draft("wanted.claim", {"item": NOTHING}))
    assert ledger.index.ignored() == []
    assert ledger.index.state("bead", NOTHING) is None


# -- the bead beneath ----------------------------------------------------------------------------------------------

SETS: dict[str, tuple[Author, dict[str, Any], str | None]] = {
    "the poster sets a field": (ALICE, {"fields": [["estimate", 3]]}, None),
    "another device of the poster does": (LAPTOP, {"fields": [["estimate", 3]]}, None),
    "a stranger sets a field": (CAROL, {"fields": [["estimate", 3]]}, "bead.author"),
    "the poster sets the status": (ALICE, {"fields": [["status", "closed"]]}, "bead.facet"),
    "the poster sets the assignee": (ALICE, {"fields": [["assignee", "x"]]}, "bead.facet"),
    "the poster sets the type": (ALICE, {"fields": [["type", "x"]]}, "bead.facet"),
    "the poster sets the title": (ALICE, {"prose": ["title"]}, "bead.facet"),
}


@pytest.mark.parametrize(("author", "p", "rule"), SETS.values(), ids=SETS.keys())
def test_setting_fields_of_an_item(board: Board, author: Author, p: dict[str, Any], rule: str | None) -> None:
    written = board.do(author, "bead.set", {"bead": board.item, "fields": [], "prose": []} | p)
    assert board.rule(written) == rule
    state = board.ledger.index.state("bead", board.item)
    assert state is not None
    assert [name for name, _, _ in state["fields"]] == ([] if rule else ["estimate"])


def test_in_a_commons_by_invitation_nobody_counts_before_being_let_in() -> None:
    ledger = memory_ledger(found(ALICE, admission="invite"))
    board = Board(ledger)
    board.post()
    board.claim(BOB)
    assert board.view.claimers == []
    assert ledger.index.state("actor", BOB.actor) is None
    admit = board.do(ALICE, "admit", {"actor": BOB.actor})
    board.do(BOB, "join", {"admit": admit.id})
    board.do(BOB, "profile", {"handle": "bob", "links": []})
    assert board.view.claimers == []
    board.claim(BOB)
    assert board.view.claimers == [BOB.actor]
    state = ledger.index.state("actor", BOB.actor)
    assert state is not None
    assert (state["handle"], state["logs"]) == ("bob", [BOB.log(ledger.commons)])
    ledger.close()


def test_an_invitation_for_one_lets_no_other_in() -> None:
    ledger = memory_ledger(found(ALICE, admission="invite"))
    board = Board(ledger)
    board.post()
    admit = board.do(ALICE, "admit", {"actor": BOB.actor})
    for author in (CAROL, DAVE):
        board.do(author, "join", {"admit": admit.id})
        board.claim(author)
    again = board.do(CAROL, "admit", {"actor": DAVE.actor})
    board.do(DAVE, "join", {"admit": again.id})
    board.claim(DAVE)
    assert board.view.claimers == []
    ledger.close()


def test_members_let_members_in() -> None:
    ledger = memory_ledger(found(ALICE, admission="invite"))
    board = Board(ledger)
    board.post()
    for sponsor, guest in ((ALICE, BOB), (BOB, CAROL)):
        admit = board.do(sponsor, "admit", {"actor": guest.actor})
        board.do(guest, "join", {"admit": admit.id})
    board.claim(CAROL)
    assert board.view.claimers == [CAROL.actor]
    state = ledger.index.state("actor", BOB.actor)
    assert state is not None
    assert state["sponsors"] == [CAROL.actor]
    ledger.close()


# -- claims --------------------------------------------------------------------------------------------------------


def test_who_comes_first_is_a_hash_of_item_and_actor_and_nothing_else() -> None:
    assert claims.rank("ab", "cd") == "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589"
    names = [f"actor{n}" for n in range(20)]
    assert claims.provisional_holder("x", names) == claims.provisional_holder("x", names[::-1])
    assert len({claims.provisional_holder(f"item{n}", names) for n in range(60)}) > 10
    assert claims.provisional_holder("x", []) is None
