"""The board's commands: what they write, and what they refuse with a reason rather than write in vain."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from beads.errors import Ambiguous, NotFound
from beads.ledger import Author, Draft, Ledger
from tests.world import EPOCH_MS, TERMS, actor, create, found, memory_ledger, write
from wanted import board, view
from wanted.board import Judgement
from wanted.check import Check
from wanted.errors import BadItem, NotYours, Taken, WantedError, WrongStatus
from wanted.item import Terms
from wanted.policy import Policy, decide
from wanted.view import ItemView

ALICE, BOB, CAROL = actor("alice"), actor("bob"), actor("carol")
GENESIS = found(ALICE)


class Desk:
    """A board with one item, used through its commands only."""

    def __init__(self, ledger: Ledger, **terms: Any) -> None:
        self.ledger = ledger
        self.home = ALICE.log(ledger.commons)
        (post,) = write(ledger, ALICE, *board.post("Fix it", "All of it", changed(**terms)))
        self.id = post.id

    @property
    def item(self) -> ItemView:
        return board.load(self.ledger, self.id)

    def run(self, author: Author, drafts: Sequence[Draft]) -> None:
        write(self.ledger, author, *drafts)

    def claim(self, author: Author) -> None:
        self.run(author, board.claim(self.item, author.actor))

    def submit(self, author: Author) -> None:
        self.run(author, board.submit(self.item, author.actor, [{"kind": "git_commit", "id": "abc"}], "done"))

    def settle(self) -> None:
        for decision in decide([self.item], self.home, EPOCH_MS + 100, Policy(), {}):
            self.run(ALICE, [board.decided(decision)])


def changed(**terms: Any) -> Terms:
    return Terms(**{name: getattr(TERMS, name) for name in TERMS.__struct_fields__} | terms)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    made = memory_ledger(GENESIS)
    yield made
    made.close()


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    return Desk(ledger)


def claimed(desk: Desk) -> None:
    desk.claim(BOB)
    desk.settle()


def handed_in(desk: Desk) -> None:
    claimed(desk)
    desk.submit(BOB)


def over(desk: Desk) -> None:
    desk.run(ALICE, board.end(desk.item, desk.home, "wanted.withdraw"))


def nothing(desk: Desk) -> None:
    pass


def two_submissions(desk: Desk) -> None:
    handed_in(desk)
    desk.submit(BOB)


def uninvited_work(desk: Desk) -> None:
    desk.submit(CAROL)


def check(**members: Any) -> Check:
    return Check(**{"command": "make test", "repo": None, "timeout": 600, **members})


def no_terms(desk: Desk, **terms: Any) -> list[Draft]:
    return board.post("Title", "", changed(**terms))


Refused = tuple[Callable[[Desk], None], Callable[[Desk], object], type[WantedError | NotFound]]
REFUSALS: dict[str, Refused] = {
    "an empty title": (nothing, lambda d: board.post("  ", "", TERMS), BadItem),
    "a title of two lines": (nothing, lambda d: board.post("a\nb", "", TERMS), BadItem),
    "a title with a carriage return": (nothing, lambda d: board.post("a\rb", "", TERMS), BadItem),
    "a title that turns the text around": (nothing, lambda d: board.post("a\u202eb", "", TERMS), BadItem),
    "an unknown effort": (nothing, lambda d: no_terms(d, effort="vast"), BadItem),
    "a priority too low": (nothing, lambda d: no_terms(d, priority=5), BadItem),
    "no winners": (nothing, lambda d: no_terms(d, winners=0), BadItem),
    "skills out of order": (nothing, lambda d: no_terms(d, skills=("b", "a")), BadItem),
    "a dimension that is no name": (nothing, lambda d: no_terms(d, dimensions=("Speed!",)), BadItem),
    "a check of two lines": (nothing, lambda d: no_terms(d, checks=(check(command="a\nb"),)), BadItem),
    "a check without a command": (nothing, lambda d: no_terms(d, checks=(check(command=""),)), BadItem),
    "a check of two repositories": (nothing, lambda d: no_terms(d, checks=(check(repo="a\nb"),)), BadItem),
    "a check that takes no time": (nothing, lambda d: no_terms(d, checks=(check(timeout=0),)), BadItem),
    "a check that takes for ever": (nothing, lambda d: no_terms(d, checks=(check(timeout=1 << 40),)), BadItem),
    "too many checks": (nothing, lambda d: no_terms(d, checks=(check(),) * 17), BadItem),
    "a deadline before time": (nothing, lambda d: no_terms(d, deadline=0), BadItem),
    "claiming what another holds": (claimed, lambda d: board.claim(d.item, CAROL.actor), Taken),
    "claiming what is over": (over, lambda d: board.claim(d.item, BOB.actor), WrongStatus),
    "releasing what one never claimed": (nothing, lambda d: board.release(d.item, BOB.actor), NotYours),
    "submitting to what another holds": (claimed, lambda d: board.submit(d.item, CAROL.actor, [], "x"), Taken),
    "submitting to what is over": (over, lambda d: board.submit(d.item, BOB.actor, [], "x"), WrongStatus),
    "submitting nothing": (claimed, lambda d: board.submit(d.item, BOB.actor, [], ""), BadItem),
    "accepting in another's place": (handed_in, lambda d: board.accept(d.item, "x" * 32, None), NotYours),
    "accepting what is over": (over, lambda d: board.accept(d.item, d.home, None), WrongStatus),
    "accepting where nothing waits": (claimed, lambda d: board.accept(d.item, d.home, None), WrongStatus),
    "accepting one of two": (two_submissions, lambda d: board.accept(d.item, d.home, None), NotFound),
    "accepting who was never granted": (uninvited_work, lambda d: board.accept(d.item, d.home, None), Taken),
    "accepting what nobody sent": (handed_in, lambda d: board.accept(d.item, d.home, "f" * 64), NotFound),
    "rejecting in another's place": (
        handed_in, lambda d: board.reject(d.item, "x" * 32, None, "", final=False), NotYours,
    ),
    "rejecting where nothing waits": (
        claimed, lambda d: board.reject(d.item, d.home, None, "", final=False), WrongStatus,
    ),
    "closing in another's place": (nothing, lambda d: board.end(d.item, "x" * 32, "wanted.close"), NotYours),
    "closing what is over": (over, lambda d: board.end(d.item, d.home, "wanted.close"), WrongStatus),
    "stamping work that was not accepted": (handed_in, lambda d: stamp(d), WrongStatus),
}  # fmt: skip


def stamp(desk: Desk, **how: Any) -> list[Draft]:
    submission = next(iter(desk.item.submissions))
    plain: dict[str, Any] = {
        "title": "Well done", "dims": {"quality": 4}, "confidence": 80, "severity": "leaf", "skills": ["git"],
        "message": "Thank you",
    }  # fmt: skip
    return board.stamp(desk.item, submission, ALICE.actor, ALICE.signer, Judgement(**plain | how))


@pytest.mark.parametrize(("prepare", "command", "error"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refused_with_a_reason(
    desk: Desk, prepare: Callable[[Desk], None], command: Callable[[Desk], object], error: type[WantedError | NotFound]
) -> None:
    prepare(desk)
    before = desk.ledger.index.state_hash()
    with pytest.raises(error) as caught:
        command(desk)
    assert str(caught.value)
    assert "ITEM" not in getattr(caught.value, "hint", ""), "the item is known"
    assert desk.ledger.index.state_hash() == before


BAD_STAMPS: Mapping[str, dict[str, Any]] = {
    "no title": {"title": ""},
    "a title of 121 characters": {"title": "x" * 121},
    "no dimension": {"dims": {}},
    "a score of six": {"dims": {"quality": 6}},
    "a score below nothing": {"dims": {"quality": -1}},
    "more than certain": {"confidence": 101},
    "a severity nobody knows": {"severity": "trunk"},
    "a skill of two lines": {"skills": ["a\nb"]},
}


@pytest.mark.parametrize("how", BAD_STAMPS.values(), ids=BAD_STAMPS.keys())
def test_a_stamp_that_is_not_sound_is_refused(desk: Desk, how: dict[str, Any]) -> None:
    handed_in(desk)
    desk.run(ALICE, board.accept(desk.item, desk.home, None))
    with pytest.raises(BadItem):
        stamp(desk, **how)


def test_the_whole_way_leaves_nothing_ignored(desk: Desk) -> None:
    handed_in(desk)
    assert desk.item.shown_status == "in_review"
    desk.run(ALICE, board.accept(desk.item, desk.home, None))
    desk.run(ALICE, stamp(desk))
    seen = desk.item
    assert (seen.status, seen.accepted[0].actor, seen.holder) == ("completed", BOB.actor, None)
    (stamped,) = seen.stamps
    assert (stamped.author, stamped.subject, stamped.dims) == (ALICE.actor, BOB.actor, (("quality", 4),))
    assert desk.ledger.index.ignored() == []
    assert desk.ledger.index.prose(stamped.op) == {"message": "Thank you"}
    assert desk.ledger.index.prose(seen.prose["title"]) == {"title": "Fix it", "description": "All of it"}


def test_claiming_twice_writes_nothing_more(desk: Desk) -> None:
    desk.claim(BOB)
    assert board.claim(desk.item, BOB.actor) == []


def test_rejected_work_can_be_handed_in_again(desk: Desk) -> None:
    handed_in(desk)
    desk.run(ALICE, board.reject(desk.item, desk.home, None, "not yet", final=False))
    assert (desk.item.status, desk.item.shown_status) == ("claimed", "claimed")
    desk.submit(BOB)
    desk.run(ALICE, board.accept(desk.item, desk.home, None))
    assert desk.item.status == "completed"


def test_a_final_rejection_opens_the_item(desk: Desk) -> None:
    handed_in(desk)
    desk.run(ALICE, board.reject(desk.item, desk.home, None, "no", final=True))
    assert (desk.item.status, desk.item.holder) == ("open", None)


def test_a_submission_is_named_by_any_prefix(desk: Desk) -> None:
    two_submissions(desk)
    chosen = sorted(desk.item.submissions)[0]
    desk.run(ALICE, board.accept(desk.item, desk.home, chosen[:10]))
    assert desk.item.accepted[0].submission == chosen


def test_in_a_competition_anyone_hands_in_and_wins(ledger: Ledger) -> None:
    desk = Desk(ledger, competition=True)
    desk.submit(CAROL)
    desk.claim(BOB)
    desk.settle()
    assert desk.item.holder is None
    desk.run(ALICE, board.accept(desk.item, desk.home, None))
    assert desk.item.status == "completed"


def test_of_two_who_claim_at_once_the_one_shown_first_is_granted(desk: Desk) -> None:
    desk.claim(BOB)
    desk.claim(CAROL)
    shown = desk.item.provisional
    desk.settle()
    assert desk.item.holder is not None
    assert desk.item.holder.actor == shown


def test_an_item_is_found_by_any_prefix_that_is_its_own(desk: Desk) -> None:
    assert board.load(desk.ledger, desk.id[:12]).id == desk.id
    assert board.load(desk.ledger, desk.id.upper()[:12]).id == desk.id
    with pytest.raises(NotFound):
        board.load(desk.ledger, "0123456789abcdef")
    with pytest.raises(NotFound):
        board.load(desk.ledger, "")
    (bead,) = write(desk.ledger, ALICE, create("a task"))
    with pytest.raises(BadItem):
        board.load(desk.ledger, bead.id)


def test_a_prefix_that_fits_several_lists_them(ledger: Ledger) -> None:
    made = [Desk(ledger).id for _ in range(40)]
    prefix = next(each[0] for each in made if sum(other[0] == each[0] for other in made) > 1)
    with pytest.raises(Ambiguous) as caught:
        board.load(ledger, prefix)
    assert set(caught.value.candidates) <= {each for each in made if each.startswith(prefix)}


def test_the_tables_of_the_board_follow(desk: Desk) -> None:
    desk.claim(BOB)
    row = "SELECT title, status, holder, provisional, claims FROM items"
    assert desk.ledger.index.database.query(row) == [("Fix it", "open", None, BOB.actor, 1)]
    desk.settle()
    assert desk.ledger.index.database.query(row) == [("Fix it", "claimed", BOB.actor, None, 1)]
    desk.submit(BOB)
    assert desk.ledger.index.database.query("SELECT actor, verdict FROM submissions") == [(BOB.actor, "waiting")]
    desk.run(ALICE, board.accept(desk.item, desk.home, None))
    assert desk.ledger.index.database.query("SELECT actor, verdict FROM submissions") == [(BOB.actor, "accepted")]
    assert desk.ledger.index.database.query("SELECT status FROM beads") == [("completed",)]


def test_an_erased_title_is_gone_from_the_tables(desk: Desk) -> None:
    desk.ledger.erase(ALICE, desk.id)
    assert desk.ledger.index.database.query("SELECT title FROM items") == [("",)]
    assert view.read(desk.ledger.index.state("bead", desk.id) or {}) is not None
