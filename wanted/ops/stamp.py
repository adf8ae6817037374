"""stamp: a validator's judgement of accepted work; the rules are `stamps.stamp`, the facts come from the item."""

from typing import Any

import msgspec

from beads.governance import Governance
from beads.op import Place
from beads.rules import Context, Live, OpType, Phase
from stamps import credential
from stamps import stamp as stamp_rules
from stamps.credential import StampFacts
from stamps.stamp import Stamp
from wanted.item import Item
from wanted.ops.post import item_entity

DOMAIN = "wasteland.invalid"
"""The domain of every actor's first DID; the protocol compares SCIDs only."""


def did_of(scid: str) -> str:
    """Return the DID under which an actor began."""
    return f"did:webvh:{scid}:{DOMAIN}"


def facts_at(place: Place, stamp: Stamp) -> StampFacts:
    """Return what the credential of a stamp is built from: its own header, nothing else."""
    return StampFacts(
        commons=place.commons, log=place.log, seq=place.seq, key_did=place.key, actor_scid=place.actor,
        actor_did=did_of(place.actor), time_ms=place.hlc.ms, subject_scid=stamp.subject,
        subject_did=did_of(stamp.subject), item=stamp.item, submission=stamp.submission, accept=stamp.accept,
        title=stamp.title, dims=stamp.dims, confidence=stamp.confidence, severity=stamp.severity,
        skills=stamp.skills, body_hash=place.body, checks=stamp.checks,
    )  # fmt: skip


def facts_of(live: Live, stamp: Stamp, commons: str) -> StampFacts:
    """Return the same for a stamp that was written."""
    op = live.op
    body = op.body.h if op.body else None
    return facts_at(Place(commons, op.log, op.seq, op.hlc, live.actor, live.key, body), stamp)


def apply(bead: Any, live: Live, payload: Stamp, context: Context) -> str | None:
    """Keep the stamp if every rule holds; of two by one author on one submission the later stands."""
    item: Item | None = bead.facet
    if item is None:
        return "item.none"
    broken = stamp_rules.rule_broken(payload, _facts(item, live, payload, context))
    if broken is None:
        # Of one owner's actors the latest speaks for all.
        item.give((context.governance.owner(live.actor), payload.submission), live.actor, _kept(live, payload))
        bead.touch(live.op.hlc)
    return broken


def _facts(item: Item, live: Live, stamp: Stamp, context: Context) -> stamp_rules.RuleFacts:
    submission = item.submissions.get(stamp.submission)
    accepted = item.acceptance(stamp.accept)
    judge = accepted.judge if accepted else None
    return stamp_rules.RuleFacts(
        author_scid=live.actor,
        author_may_assert=live.device,
        same_owner=frozenset({stamp.subject} if context.governance.same(live.actor, stamp.subject) else ()),
        submission_actor=submission.actor if submission else None,
        submission_item=item.id if submission else None,
        accept=(
            stamp_rules.Accepted(accepted.submission, accepted.actor, accepted.hlc, live=True) if accepted else None
        ),
        hlc=live.op.hlc,
        is_validator=is_validator(context.governance, live, stamp.charter, judge),
        dimensions=context.governance.dimensions,
        vc_valid=credential.check(facts_of(live, stamp, context.commons), stamp.vc),
    )


def is_validator(governance: Governance, live: Live, charter: str | None, judge: str | None) -> bool:
    """Say whether an operation may stamp work that `judge` accepted, by the policy in force.

    Args:
        charter: The one by which its writer claims to be a delegate.
    """
    policy = governance.now.validators
    if policy == "any" or live.actor == judge:
        return True
    return policy == "poster+delegates" and governance.speaks(live.actor, live.op.log, live.op.seq, charter)


def _kept(live: Live, stamp: Stamp) -> dict[str, Any]:
    checked = {"checks": msgspec.to_builtins(stamp.checks)} if stamp.checks else {}
    return {
        "op": live.op.id, "author": live.actor, "subject": stamp.subject, "submission": stamp.submission,
        "accept": stamp.accept, "title": stamp.title, "dims": [list(dim) for dim in stamp.dims],
        "confidence": stamp.confidence, "severity": stamp.severity, "skills": list(stamp.skills),
        "hlc": list(live.op.hlc), **checked,
    }  # fmt: skip


def _named(payload: Stamp) -> tuple[str, ...]:
    return (payload.item, payload.submission, payload.accept)


def _problem(payload: Stamp) -> str | None:
    # Which dimensions the commons has is the fold's to judge; here every score counts as known.
    return stamp_rules.problem(payload, [name for name, _ in payload.dims])


TYPE = OpType("stamp", Stamp, item_entity, apply, Phase.STAMP, problem=_problem, names=_named)
