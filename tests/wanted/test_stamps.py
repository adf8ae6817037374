"""When a stamp counts, through the fold: each rule by its name."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
import pytest

from beads import ids
from beads.clock import Hlc
from beads.ledger import Author, Draft, Ledger
from beads.op import Place
from stamps import credential
from stamps.stamp import Stamp
from tests.world import EPOCH_MS, TERMS, Chain, Said, actor, found, keys_of, memory_ledger, second, write
from wanted import view
from wanted.ops.post import terms_payload
from wanted.ops.stamp import facts_at
from wanted.view import Stamped

ALICE, BOB, CAROL, DAVE = (actor(name) for name in ("alice", "bob", "carol", "dave"))
LAPTOP = second("alice")
NOTHING = "0" * 64


class Work(NamedTuple):
    """An item of Alice's, Bob's work on it, and its acceptance."""

    ledger: Ledger
    item: str
    submission: str
    accept: str


def worked(ledger: Ledger, worker: Author = BOB) -> Work:
    home: dict[str, Any] = {"epoch": 0}
    (post,) = write(ledger, ALICE, Draft("wanted.post", terms_payload(TERMS) | {"home": None, "prose": []}))
    (claim,) = write(ledger, worker, Draft("wanted.claim", {"item": post.id}))
    lease = {"claim": claim.id, "actor": worker.actor, "until": EPOCH_MS}
    write(ledger, ALICE, Draft("wanted.grant", home | {"item": post.id} | lease))
    (submit,) = write(ledger, worker, Draft("wanted.submit", {"item": post.id, "evidence": [], "prose": []}))
    judged = {"item": post.id, "submission": submit.id, "actor": worker.actor}
    (accept,) = write(ledger, ALICE, Draft("wanted.accept", home | judged))
    return Work(ledger, post.id, submit.id, accept.id)


@pytest.fixture
def work() -> Iterator[Work]:
    ledger = memory_ledger(found(ALICE, CAROL))
    yield worked(ledger)
    ledger.close()


def stamp(work: Work, **changes: Any) -> Stamp:
    plain: dict[str, Any] = {
        "subject": BOB.actor, "item": work.item, "submission": work.submission, "accept": work.accept,
        "title": "Well done", "dims": (("quality", 4),), "confidence": 90, "severity": "leaf", "skills": (),
        "vc": "A" * 86,
    }  # fmt: skip
    return Stamp(**plain | changes)


def give(work: Work, by: Author = ALICE, *, signed: bool = True, **changes: Any) -> str | None:
    """Write a stamp and return the rule it breaks, or None."""
    given = stamp(work, **changes)

    def complete(place: Place) -> dict[str, Any]:
        return {"vc": credential.sign_vc(facts_at(place, given), by.signer)} if signed else {}

    payload = msgspec.to_builtins(given)
    (written,) = write(work.ledger, by, Draft("stamp", payload, {}, complete))
    return next((rule for op, rule in work.ledger.index.ignored() if op == written.id), None)


def kept(work: Work) -> tuple[Stamped, ...]:
    state = work.ledger.index.state("bead", work.item)
    found = view.read(state) if state else None
    assert found is not None
    return found.stamps


def test_the_poster_s_stamp_counts(work: Work) -> None:
    assert give(work) is None
    assert [(each.author, each.subject, each.submission) for each in kept(work)] == [
        (ALICE.actor, BOB.actor, work.submission)
    ]


def test_another_device_of_the_poster_stamps_as_well(work: Work) -> None:
    assert give(work, LAPTOP) is None


RULES: dict[str, tuple[Callable[[Work], str | None], str]] = {
    "a stamp for oneself": (lambda w: give(w, BOB), "stamp.self"),
    "a stamp for oneself by another device": (
        lambda w: give(worked(w.ledger, LAPTOP), ALICE, subject=ALICE.actor),
        "stamp.self",
    ),
    "a submission nobody sent": (lambda w: give(w, submission=NOTHING), "stamp.submission"),
    "another's submission": (lambda w: give(w, subject=DAVE.actor), "stamp.submission"),
    "an acceptance nobody wrote": (lambda w: give(w, accept=NOTHING), "stamp.accept"),
    "the submission in place of the acceptance": (lambda w: give(w, accept=w.submission), "stamp.accept"),
    "the acceptance of another item": (lambda w: give(w, accept=worked(w.ledger).accept), "stamp.accept"),
    "a stranger": (lambda w: give(w, DAVE), "stamp.validator"),
    "a delegate where only the poster may": (lambda w: give(w, CAROL), "stamp.validator"),
    "a dimension the commons has not": (lambda w: give(w, dims=(("speed", 4),)), "stamp.dimension"),
    "no signature of the credential": (lambda w: give(w, signed=False), "stamp.vc"),
}


@pytest.mark.parametrize(("do", "rule"), RULES.values(), ids=RULES.keys())
def test_each_rule_has_its_name(work: Work, do: Callable[[Work], str | None], rule: str) -> None:
    assert do(work) == rule
    assert kept(work) == ()


TAMPERED: dict[str, dict[str, Any]] = {
    "a better score": {"dims": [["quality", 5]]},
    "more confidence": {"confidence": 100},
    "a graver matter": {"severity": "root"},
    "another title": {"title": "Superb"},
    "another skill": {"skills": ["magic"]},
}


@pytest.mark.parametrize("changes", TAMPERED.values(), ids=TAMPERED.keys())
def test_a_credential_for_another_judgement_counts_for_nothing(work: Work, changes: dict[str, Any]) -> None:
    given = stamp(work)

    def complete(place: Place) -> dict[str, Any]:
        return {"vc": credential.sign_vc(facts_at(place, given), ALICE.signer)} | changes

    (written,) = write(work.ledger, ALICE, Draft("stamp", msgspec.to_builtins(given), {}, complete))
    assert (written.id, "stamp.vc") in work.ledger.index.ignored()
    assert kept(work) == ()


def test_a_credential_moved_to_another_place_counts_for_nothing(work: Work) -> None:
    assert give(work) is None
    (first,) = kept(work)
    copied = work.ledger.index.op(first.op)
    assert copied is not None
    (written,) = write(work.ledger, ALICE, Draft("stamp", copied.p))
    assert (written.id, "stamp.vc") in work.ledger.index.ignored()
    assert kept(work) == (first,)


def test_a_stamp_dated_before_its_acceptance_counts_for_nothing(work: Work) -> None:
    """The judge has a second device whose clock is behind, or says so."""
    accept = work.ledger.index.op(work.accept)
    assert accept is not None
    for ms, rule in ((accept.hlc.ms - 1, "stamp.time"), (accept.hlc.ms, "stamp.time"), (accept.hlc.ms + 1, None)):
        ledger = memory_ledger(work.ledger.store.genesis)
        chain = Chain(LAPTOP, ledger.commons)
        chain.add("open", {"actor": LAPTOP.actor, "key": LAPTOP.signer.public.did}, hlc=[EPOCH_MS - 10, 0])
        given = stamp(work)
        place = Place(ledger.commons, chain.log, 1, Hlc(ms, 0), LAPTOP.actor, LAPTOP.signer.public.did, None)
        payload = msgspec.to_builtins(given) | {"vc": credential.sign_vc(facts_at(place, given), LAPTOP.signer)}
        line = chain.add("stamp", payload, hlc=[ms, 0])
        logs = work.ledger.store.logs()
        theirs = Said(
            keys=keys_of(BOB) | {ids.actor_ref(LAPTOP.actor): LAPTOP.key_log.raw},
            chains={log: work.ledger.store.lines(log) for log in logs} | {chain.log: chain.raw},
        )
        ledger.ingest(theirs)
        assert [(each.op, each.rule) for each in ledger.index.ignored()] == ([(line.id, rule)] if rule else [])
        ledger.close()


@pytest.mark.parametrize(
    ("validators", "author", "rule"),
    [
        ("poster", CAROL, "stamp.validator"),
        ("poster+delegates", CAROL, None),
        ("poster+delegates", DAVE, "stamp.validator"),
        ("any", CAROL, None),
        ("any", DAVE, None),
        ("any", BOB, "stamp.self"),
    ],
    ids=lambda value: {CAROL.actor: "delegate", DAVE.actor: "stranger", BOB.actor: "subject"}.get(
        getattr(value, "actor", ""), str(value)
    ),
)
def test_who_may_judge_is_the_charter_s_to_say(validators: str, author: Author, rule: str | None) -> None:
    ledger = memory_ledger(found(ALICE, CAROL, validators=validators))
    assert give(worked(ledger), author) == rule
    ledger.close()


def test_a_dimension_of_the_charter_counts() -> None:
    ledger = memory_ledger(found(ALICE, dimensions=("speed",)))
    assert give(worked(ledger), dims=(("quality", 1), ("speed", 5))) is None
    ledger.close()


def test_of_two_by_one_author_the_later_stands(work: Work) -> None:
    assert give(work) is None
    assert give(work, dims=(("quality", 1),)) is None
    assert [each.dims for each in kept(work)] == [(("quality", 1),)]


def test_two_judges_both_count() -> None:
    ledger = memory_ledger(found(ALICE, validators="any"))
    done = worked(ledger)
    assert [give(done, author) for author in (ALICE, CAROL, DAVE)] == [None, None, None]
    assert {each.author for each in kept(done)} == {ALICE.actor, CAROL.actor, DAVE.actor}
    ledger.close()


def test_the_judge_is_the_home_that_accepted_even_after_a_handover(work: Work) -> None:
    ledger = memory_ledger(found(ALICE))
    (post,) = write(ledger, ALICE, Draft("wanted.post", terms_payload(TERMS) | {"home": None, "prose": []}))
    daves = DAVE.log(ledger.commons)
    write(ledger, ALICE, Draft("wanted.handover", {"item": post.id, "epoch": 0, "to": daves}))
    (claim,) = write(ledger, BOB, Draft("wanted.claim", {"item": post.id}))
    home = {"item": post.id, "epoch": 1}
    lease = {"claim": claim.id, "actor": BOB.actor, "until": EPOCH_MS}
    write(ledger, DAVE, Draft("wanted.grant", home | lease))
    (submit,) = write(ledger, BOB, Draft("wanted.submit", {"item": post.id, "evidence": [], "prose": []}))
    (accept,) = write(ledger, DAVE, Draft("wanted.accept", home | {"submission": submit.id, "actor": BOB.actor}))
    done = Work(ledger, post.id, submit.id, accept.id)
    assert give(done, ALICE) == "stamp.validator"
    assert give(done, DAVE) is None
    ledger.close()
