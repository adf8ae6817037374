"""The board's commands: each looks at the item as it stands and returns the operations to write.

They are the friendly half of the rules: what they refuse, the fold would ignore; they say why, and what to do.
Give them to `Ledger.write` as `make`, so that what they saw still holds when it is written.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from beads import ids
from beads.ledger import Draft, Ledger
from beads.op import Place
from stamps import canon, credential
from stamps import stamp as stamp_rules
from stamps.errors import StampsError
from stamps.keys import Signer
from stamps.stamp import CheckRun, Stamp
from wanted import lifecycle, lookup, meant
from wanted.errors import BadItem, NotYours, Taken, WrongStatus
from wanted.item import Evidence, Terms
from wanted.meant import ANYBODY, Asked
from wanted.ops.post import terms_payload, terms_problem
from wanted.ops.stamp import facts_at
from wanted.policy import Decision
from wanted.view import ItemView

NO_SIGNATURE = "A" * 86
"""Stands for a credential's signature while a stamp's shape is checked."""


def load(ledger: Ledger, item: str) -> ItemView:
    """Return an item by its id or any unique prefix.

    Raises:
        NotFound: There is no such item here.
        Ambiguous: The prefix fits several.
        BadItem: It is a bead, but no wanted item.
    """
    return lookup.find(ledger.index, item)


def post(title: str, description: str, terms: Terms, home: str | None = None) -> list[Draft]:
    """Offer work.

    Raises:
        BadItem: The title or the terms are not sound.
    """
    prose = _offered(title, terms) | ({"description": description} if description else {})
    return [Draft("wanted.post", terms_payload(terms) | {"home": home, "prose": sorted(prose)}, prose)]


def edit(
    item: ItemView, log: str, terms: Terms, title: str | None = None, description: str | None = None
) -> list[Draft]:
    """Change an offer that nobody has been granted: the terms whole, of the texts those that are given.

    Raises:
        NotYours: This log is not the item's home.
        WrongStatus: It is open no more.
        BadItem: The title or the terms are not sound.
    """
    _check_home(item, log)
    _check_open("wanted.edit", item)
    prose = _offered(title, terms) | ({} if description is None else {"description": description})
    return [Draft("wanted.edit", terms_payload(terms) | _home(item) | {"prose": sorted(prose)}, prose)]


def _offered(title: str | None, terms: Terms) -> dict[str, str]:
    """Hold an offer against what is sound; return its title as a text."""
    problem = terms_problem(terms)
    if title is not None and (not title.strip() or not canon.is_line(title)):
        raise BadItem("a title is one line of text", 'wl post "Title" --description "…"')
    if problem:
        raise BadItem(problem, "wl post --help says what an offer can have.")
    return {} if title is None else {"title": title.strip()}


def claim(item: ItemView, actor: str) -> list[Draft]:
    """Want an item.

    Raises:
        WrongStatus: It is over.
        Taken: Another holds it.
    """
    if item.status in lifecycle.FINAL:
        raise WrongStatus(f"the item is {item.status}", "See: wl browse --status open")
    if item.holder is not None and item.holder.actor != actor:
        raise Taken("the item was granted to another", "Pick an open one: wl browse --status open")
    if actor in item.claimers:
        return []
    return [Draft("wanted.claim", {"item": item.id})]


def release(item: ItemView, actor: str) -> list[Draft]:
    """Give an item up.

    Raises:
        NotYours: The actor neither holds nor claims it.
    """
    if actor not in item.claimers:
        raise NotYours("you have no claim on this item")
    return [Draft("wanted.release", {"item": item.id})]


def submit(item: ItemView, actor: str, evidence: Sequence[Evidence], summary: str) -> list[Draft]:
    """Hand work in.

    Raises:
        WrongStatus: The item is over.
        Taken: Another holds it and it is no open competition.
        BadItem: There is no evidence.
    """
    if item.status in lifecycle.FINAL:
        raise WrongStatus(f"the item is {item.status}", "See: wl browse --status open")
    held_by_another = item.holder is not None and item.holder.actor != actor
    if held_by_another and not item.terms.competition:
        raise Taken("the item was granted to another")
    if not evidence and not summary:
        raise BadItem("say what was done", "Give --commit, --url or --summary.")
    prose = {"summary": summary} if summary else {}
    payload: dict[str, Any] = {"item": item.id, "evidence": [dict(e) for e in evidence], "prose": sorted(prose)}
    return [Draft("wanted.submit", payload, prose)]


def accept(item: ItemView, log: str, submission: str | None, asked: Asked = ANYBODY) -> list[Draft]:
    """Take a submission as what was asked for; without one named, the only one that waits.

    Args:
        asked: Who has to choose, should several wait.

    Raises:
        NotYours: This log is not the item's home.
        WrongStatus: The item is over, or nothing waits.
        NotFound: No submission that waits is called so, or several are.
        Taken: The submitter was never granted the item.
    """
    check_acceptable(item, log)
    chosen = meant.submission(item, submission, meant.TO_JUDGE, asked)
    actor = item.submissions[chosen].actor
    if actor not in item.granted and not item.terms.competition:
        hint = f"Grant it first: wl grant {ids.short(item.id)} {actor}"
        raise Taken("the submitter was never granted this item", hint)
    return [Draft("wanted.accept", _home(item) | {"submission": chosen, "actor": actor})]


def check_acceptable(item: ItemView, log: str) -> None:
    """Find out whether anything of an item can be accepted, before it is asked what.

    Raises:
        NotYours: This log is not the item's home.
        WrongStatus: The item is over.
    """
    _check_home(item, log)
    _check_open("wanted.accept", item)


def grant(item: ItemView, log: str, actor: str, until: int) -> list[Draft]:
    """Give the item to an actor who wants it, or renew the holder's lease.

    Raises:
        NotYours: This log is not the item's home.
        Taken: Another holds it.
        WrongStatus: The item is over, or the actor has neither claimed nor handed anything in.
    """
    _check_home(item, log)
    _check_open("wanted.grant", item)
    if item.holder is not None and item.holder.actor != actor:
        hint = f"Reject their work for good first: wl reject {ids.short(item.id)} --final"
        raise Taken("another holds the item", hint)
    intent = item.intents.get(actor)
    submission = item.submission_of(actor)
    claim_op = intent.op if intent is not None and intent.kind == "claim" else submission
    if claim_op is None:
        raise WrongStatus("that actor has neither claimed the item nor handed anything in")
    return [Draft("wanted.grant", _home(item) | {"claim": claim_op, "actor": actor, "until": until})]


def reject(
    item: ItemView, log: str, submission: str | None, reason: str, asked: Asked = ANYBODY, *, final: bool
) -> list[Draft]:  # fmt: skip
    """Refuse a submission, with the reason in the body.

    Args:
        asked: Who has to choose, should several wait.

    Raises:
        NotYours: This log is not the item's home.
        WrongStatus: The item is over, or nothing waits.
        NotFound: No submission that waits is called so, or several are.
    """
    _check_home(item, log)
    _check_open("wanted.reject", item)
    chosen = meant.submission(item, submission, meant.TO_JUDGE, asked)
    payload = _home(item) | {"submission": chosen, "actor": item.submissions[chosen].actor, "final": final}
    return [Draft("wanted.reject", payload, {"reason": reason} if reason else {})]


def end(item: ItemView, log: str, op: str) -> list[Draft]:
    """Close or withdraw an item.

    Raises:
        NotYours: This log is not the item's home.
        WrongStatus: It is over already.
    """
    _check_home(item, log)
    _check_open(op, item)
    return [Draft(op, _home(item))]


def decided(decision: Decision) -> Draft:
    """Write down what the policy decided."""
    item = decision.item
    if decision.t == "wanted.revoke":
        return Draft(decision.t, _home(item) | {"reason": decision.reason})
    claim_op = item.intents[decision.actor].op
    payload = _home(item) | {"claim": claim_op, "actor": decision.actor, "until": decision.until}
    return Draft(decision.t, payload)


class Judgement(NamedTuple):
    """What a validator says of a piece of work.

    Attributes:
        charter: The one by which the validator is a delegate, unless that is the genesis.
        checks: What was run on the work before.
    """

    title: str
    dims: Mapping[str, int]
    confidence: int
    severity: str
    skills: Sequence[str]
    message: str
    charter: str | None = None
    checks: Sequence[CheckRun] = ()


def stamp(
    item: ItemView, submission: str, actor: str, signer: Signer, judged: Judgement,
    dimensions: Collection[str] | None = None,
) -> list[Draft]:  # fmt: skip
    """Judge accepted work; the credential is signed when the operation's place in the log is known.

    Args:
        dimensions: Those of the commons, if they are to be held to before the fold does.

    Raises:
        WrongStatus: The submission was not accepted.
        BadItem: The stamp is not sound.
    """
    accepted = item.accepted_of(submission)
    if accepted is None:
        hint = f"Accept it first: wl accept {ids.short(item.id)} --stamp …"
        raise WrongStatus("only accepted work can be stamped", hint)
    if accepted.actor == actor:
        raise NotYours("nobody stamps their own work", "Stamps are for others to give.")
    payload = _judged(item, submission, accepted.op, judged)
    unsigned = _sound(payload, judged.dims if dimensions is None else dimensions)

    def complete(place: Place) -> Mapping[str, Any]:
        return {"vc": credential.sign_vc(facts_at(place, unsigned), signer)}

    return [Draft("stamp", payload, {"message": judged.message} if judged.message else {}, complete)]


def check_judgement(item: ItemView, submission: str, judged: Judgement, dimensions: Collection[str]) -> None:
    """Find out whether a submission could be stamped so, before it is accepted for that.

    Raises:
        BadItem: It could not.
    """
    _sound(_judged(item, submission, submission, judged), dimensions)


def _judged(item: ItemView, submission: str, accept: str, judged: Judgement) -> dict[str, Any]:
    return {
        "subject": item.submissions[submission].actor, "item": item.id, "submission": submission, "accept": accept,
        "title": judged.title, "dims": sorted([name, score] for name, score in judged.dims.items()),
        "confidence": judged.confidence, "severity": judged.severity, "skills": sorted(set(judged.skills)),
        **({} if judged.charter is None else {"charter": judged.charter}),
        **({"checks": msgspec.to_builtins(judged.checks)} if judged.checks else {}),
    }  # fmt: skip


def _sound(payload: Mapping[str, Any], dimensions: Collection[str]) -> Stamp:
    try:
        unsigned = stamp_rules.parse({**payload, "vc": NO_SIGNATURE})
    except StampsError as error:
        raise BadItem(str(error), f"A severity is one of {', '.join(stamp_rules.SEVERITIES)}.") from None
    problem = stamp_rules.problem(unsigned, dimensions)
    if problem:
        raise BadItem(problem)
    return unsigned


def unstamp(item: ItemView, stamp: str, actor: str, reason: str) -> list[Draft]:
    """Take a stamp of one's own back.

    Raises:
        NotYours: Another gave it.
    """
    if next(each for each in item.stamps if each.op == stamp).author != actor:
        hint = f"Its subject can dispute it: wl dispute {ids.short(item.id)} --reason …"
        raise NotYours("only its author takes a stamp back", hint)
    return [_opinion("stamp.withdraw", {"item": item.id, "stamp": stamp}, {"reason": reason} if reason else {})]


def dispute(item: ItemView, stamp: str, actor: str, reason: str) -> list[Draft]:
    """Say that a stamp one was given is wrong.

    Raises:
        NotYours: It was given to another.
    """
    if next(each for each in item.stamps if each.op == stamp).subject != actor:
        raise NotYours("only whoever was stamped disputes it", _speak(item))
    return [_opinion("stamp.dispute", {"item": item.id, "stamp": stamp}, {"reason": reason})]


def answer(item: ItemView, disputed: str, actor: str, text: str) -> list[Draft]:
    """Answer a dispute of a stamp of one's own.

    Raises:
        NotYours: Another gave the stamp.
    """
    stamp = next(each.stamp for each in item.disputes if each.op == disputed)
    if next(each for each in item.stamps if each.op == stamp).author != actor:
        raise NotYours("only the author of a stamp answers for it", _speak(item))
    return [_opinion("stamp.answer", {"item": item.id, "dispute": disputed}, {"text": text})]


def _speak(item: ItemView) -> str:
    return f"Say what you think: wl comment {ids.short(item.id)} …"


def _opinion(t: str, payload: dict[str, Any], prose: dict[str, str]) -> Draft:
    return Draft(t, payload | {"prose": sorted(prose)}, prose)


def _check_home(item: ItemView, log: str) -> None:
    if item.home != log:
        raise NotYours("only the item's home decides", f"Ask its poster; see: wl show {ids.short(item.id)}")


def _check_open(op: str, item: ItemView) -> None:
    if not lifecycle.allowed(op, item.status):
        judge = f"; judge what was accepted: wl stamp {ids.short(item.id)}" if item.accepted else ""
        raise WrongStatus(f"the item is {item.status}", f"See: wl show {ids.short(item.id)}{judge}")


def _home(item: ItemView) -> dict[str, Any]:
    return {"item": item.id, "epoch": item.epoch}
