"""Which submission is meant: for judging, stamping and reviewing by the same rules, over what became of each."""

from collections.abc import Iterator, Mapping
from datetime import timedelta, timezone
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beads.clock import Hlc
from beads.errors import NotFound
from tests.world import TERMS, actor, found, memory_ledger, write
from wanted import board, lifecycle, meant
from wanted.errors import WrongStatus
from wanted.item import Accepted, Rejected, Submission
from wanted.meant import TO_JUDGE, TO_REVIEW, TO_STAMP, Asked, Purpose
from wanted.view import ACCEPTED, CUT, NOT_CHOSEN, REJECTED, WAITING, ItemView

ALICE, BOB, CAROL = actor("alice"), actor("bob"), actor("carol")
A, AB, B, C = ("a" * 64, "ab" + "0" * 62, "b" * 64, "c" * 64)
NOON_MS = 1_790_078_400_000
"""2026-09-22, noon UTC."""


@pytest.fixture(scope="module")
def posted() -> Iterator[ItemView]:
    ledger = memory_ledger(found(ALICE))
    (post,) = write(ledger, ALICE, *board.post("Fix it", "", TERMS))
    yield board.load(ledger, post.id)
    ledger.close()


def with_work(item: ItemView, work: Mapping[str, str]) -> ItemView:
    """Give an item submissions of which this became, by carol and bob in turn, a minute apart."""
    made = {
        op: Submission((CAROL, BOB)[n % 2].actor, (), Hlc(NOON_MS + n * 60_000, 0), past_cut=verdict == CUT)
        for n, (op, verdict) in enumerate(work.items())
    }
    over = NOT_CHOSEN in work.values()
    changed = item._replace(
        submissions=made,
        status=lifecycle.COMPLETED if over else lifecycle.OPEN,
        accepted=tuple(
            Accepted(op, made[op].actor, "d" * 64, ALICE.actor, made[op].hlc) for op in work if work[op] == ACCEPTED
        ),
        rejected=tuple(Rejected(op, made[op].actor, "e" * 64, final=False) for op in work if work[op] == REJECTED),
    )
    assert all(changed.verdict(op) == verdict for op, verdict in work.items())
    return changed


NONE: Mapping[str, str] = MappingProxyType({})
Row = tuple[Purpose, Mapping[str, str], str | None, str | type[Exception]]
TABLE: dict[str, Row] = {
    "none to judge": (TO_JUDGE, NONE, None, WrongStatus),
    "none to stamp": (TO_STAMP, NONE, None, WrongStatus),
    "none to review": (TO_REVIEW, NONE, None, WrongStatus),
    "the one that waits": (TO_JUDGE, {A: WAITING}, None, A),
    "the one that was accepted": (TO_STAMP, {A: ACCEPTED}, None, A),
    "the one that was handed in, whatever became of it": (TO_REVIEW, {A: REJECTED}, None, A),
    "an empty name is none": (TO_JUDGE, {A: WAITING}, "", A),
    "several wait": (TO_JUDGE, {A: WAITING, B: WAITING}, None, NotFound),
    "several were accepted": (TO_STAMP, {A: ACCEPTED, B: ACCEPTED}, None, NotFound),
    "several were judged": (TO_REVIEW, {A: ACCEPTED, B: REJECTED}, None, NotFound),
    "several wait to be reviewed": (TO_REVIEW, {A: WAITING, B: WAITING, C: REJECTED}, None, NotFound),
    "what waits comes before what was judged": (TO_REVIEW, {A: ACCEPTED, B: WAITING, C: CUT}, None, B),
    "one of several by its beginning": (TO_JUDGE, {A: WAITING, B: WAITING}, "b", B),
    "one of several by its whole id": (TO_STAMP, {A: ACCEPTED, B: ACCEPTED}, B, B),
    "what is named comes before what waits": (TO_REVIEW, {A: WAITING, B: REJECTED}, "b", B),
    "a beginning that fits two": (TO_JUDGE, {A: WAITING, AB: WAITING}, "a", NotFound),
    "a beginning that fits two to stamp": (TO_STAMP, {A: ACCEPTED, AB: ACCEPTED}, "a", NotFound),
    "a beginning that fits two to review": (TO_REVIEW, {A: WAITING, AB: REJECTED}, "a", NotFound),
    "a beginning that fits two, of which one comes into question": (TO_JUDGE, {A: WAITING, AB: REJECTED}, "a", A),
    "a beginning that fits nothing": (TO_JUDGE, {A: WAITING}, "c", NotFound),
    "a beginning that fits nothing to stamp": (TO_STAMP, {A: ACCEPTED}, "c", NotFound),
    "a beginning that fits nothing to review": (TO_REVIEW, {A: WAITING}, "c", NotFound),
    "rejected work does not wait": (TO_JUDGE, {A: REJECTED}, None, WrongStatus),
    "rejected work does not wait, however it is named": (TO_JUDGE, {A: REJECTED, B: WAITING}, "a", NotFound),
    "rejected work is not stamped": (TO_STAMP, {A: REJECTED, B: ACCEPTED}, None, B),
    "work past a cut does not wait": (TO_JUDGE, {A: CUT}, None, WrongStatus),
    "work past a cut can be looked at": (TO_REVIEW, {A: CUT}, None, A),
    "accepted work is not judged again": (TO_JUDGE, {A: ACCEPTED}, None, WrongStatus),
    "work that waits is not stamped": (TO_STAMP, {A: WAITING}, None, WrongStatus),
    "what was not chosen can still be named, to be told that it is over": (TO_JUDGE, {A: NOT_CHOSEN}, None, A),
}


@pytest.mark.parametrize(("purpose", "work", "said", "expected"), TABLE.values(), ids=TABLE.keys())
def test_which_submission_is_meant(
    posted: ItemView, purpose: Purpose, work: Mapping[str, str], said: str | None, expected: str | type[Exception]
) -> None:
    item = with_work(posted, work)
    if isinstance(expected, str):
        assert meant.submission(item, said, purpose) == expected
        return
    with pytest.raises(expected) as refused:
        meant.submission(item, said, purpose)
    assert getattr(refused.value, "hint", "")


def test_work_that_was_accepted_unseen_is_none_to_stamp(posted: ItemView) -> None:
    accepted = Accepted("f" * 64, BOB.actor, "d" * 64, ALICE.actor, Hlc(NOON_MS, 0))
    with pytest.raises(WrongStatus, match="nothing was accepted"):
        meant.submission(posted._replace(accepted=(accepted,)), None, TO_STAMP)


def test_whoever_must_choose_reads_whose_each_is_in_their_own_words_and_zone(posted: ItemView) -> None:
    item = with_work(posted, {A: WAITING, B: REJECTED, C: WAITING})
    asked = Asked({CAROL.actor: "carol · Qm"}, timezone(timedelta(hours=14)))
    for said in (None, "d"):
        with pytest.raises(NotFound) as several:
            meant.submission(item, said, TO_JUDGE, asked)
        assert several.value.hint == (
            "Name one with --submission: aaaaaaaaaaaa by carol · Qm, 2026-09-23 02:00:00+14:00; "
            "cccccccccccc by carol · Qm, 2026-09-23 02:02:00+14:00"
        )


@given(
    work=st.dictionaries(st.sampled_from((A, AB, B, C)), st.sampled_from((ACCEPTED, REJECTED, CUT, WAITING))),
    said=st.sampled_from((None, "", "a", "ab", "b", C)),
    purpose=st.sampled_from((TO_JUDGE, TO_STAMP, TO_REVIEW)),
)
def test_what_is_meant_always_comes_into_question(
    posted: ItemView, work: dict[str, str], said: str | None, purpose: Purpose
) -> None:
    item = with_work(posted, work)
    among = {op for op in work if work[op] in purpose.verdicts}
    try:
        chosen = meant.submission(item, said, purpose)
    except WrongStatus:
        assert not among
    except NotFound:
        assert len({op for op in among if op.startswith(said or "")}) != 1
    else:
        assert chosen in among
        assert chosen.startswith(said or "")
