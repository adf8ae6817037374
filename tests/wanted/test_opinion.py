"""What is said of stamps stays: a stamp given anew is no answer, and one taken back stays on record."""

from collections.abc import Iterator

import pytest

from beads.ledger import Ledger
from tests.wanted.sheets import ALICE, BOB, CAROL, earn, home
from tests.world import write
from wanted import board
from wanted.board import Judgement
from wanted.view import ItemView


class Stage:
    """A stamp by Alice on work of Bob's."""

    def __init__(self) -> None:
        self.ledger: Ledger = home()
        self.id = earn(self.ledger, ALICE, BOB, quality=1)

    @property
    def item(self) -> ItemView:
        return board.load(self.ledger, self.id)

    @property
    def stamp(self) -> str:
        (one,) = self.item.stamps
        return one.op

    def again(self, quality: int) -> None:
        said = Judgement("Anew", {"quality": quality}, 90, "leaf", [], "")
        write(self.ledger, ALICE, *board.stamp(self.item, self.item.accepted[0].submission, "", ALICE.signer, said))

    def dispute(self) -> None:
        write(self.ledger, BOB, *board.dispute(self.item, self.stamp, BOB.actor, "Unfair."))

    def answer(self) -> None:
        write(self.ledger, ALICE, *board.answer(self.item, self.item.disputes[-1].op, ALICE.actor, "It is not."))

    def withdraw(self) -> None:
        write(self.ledger, ALICE, *board.unstamp(self.item, self.stamp, ALICE.actor, ""))


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    assert made.ledger.index.ignored() == []
    made.ledger.close()


def test_whoever_stamps_again_does_not_get_rid_of_a_dispute(stage: Stage) -> None:
    stage.dispute()
    stage.again(1)
    assert [each.stamp for each in stage.item.disputes] == [stage.stamp]
    assert stage.item.is_disputed(stage.stamp)
    assert not stage.item.is_answered(stage.stamp)
    stage.answer()
    assert stage.item.is_answered(stage.stamp)
    stage.again(4)
    assert stage.item.is_answered(stage.stamp)
    assert dict(stage.item.stamps[0].dims) == {"quality": 4}


def test_a_stamp_that_was_taken_back_is_on_record_when_another_is_given(stage: Stage) -> None:
    first = stage.stamp
    stage.withdraw()
    assert stage.item.stamps == ()
    stage.again(5)
    assert [each.stamp for each in stage.item.withdrawn] == [first]
    assert stage.stamp != first


def test_what_was_said_against_a_stamp_goes_with_it(stage: Stage) -> None:
    stage.dispute()
    stage.withdraw()
    assert stage.item.disputes == ()
    stage.again(5)
    assert stage.item.disputes == ()
    assert len(stage.item.withdrawn) == 1


def test_a_stamp_that_took_the_place_of_another_leaves_nothing_when_it_is_taken_back(stage: Stage) -> None:
    stage.again(5)
    stage.withdraw()
    assert stage.item.stamps == ()


def test_only_its_author_takes_a_stamp_back() -> None:
    stage = Stage()
    stage.again(5)
    (draft,) = board.unstamp(stage.item, stage.stamp, ALICE.actor, "")
    write(stage.ledger, CAROL, draft)
    assert [each.rule for each in stage.ledger.index.ignored()] == ["stamp.author"]
    write(stage.ledger, ALICE, draft._replace(p={**draft.p, "stamp": "0" * 64}))
    assert {each.rule for each in stage.ledger.index.ignored()} == {"stamp.author", "withdraw.stamp"}
    assert stage.item.withdrawn == ()
    stage.ledger.close()
