"""What anyone admitted may want of an item: claim, release, submit. Intents; the home decides (protocol, F1)."""

from typing import Any

import msgspec

from beads import fields, ids
from beads.rules import Context, Live, OpType, Phase, first_problem, one_line
from wanted.item import Evidence, Intent, Item, Submission
from wanted.ops.post import item_entity, named

MAX_EVIDENCE = 16
KINDS = ("git_commit", "url", "file", "test_report")
"""Kinds of evidence that this version explains; others are carried and shown as they are."""


class Claim(msgspec.Struct, frozen=True):
    """Payload of claim and release."""

    item: str


class Submit(msgspec.Struct, frozen=True):
    """Payload: work handed in.

    Attributes:
        evidence: Objects with a member `kind`; values are short texts, integers or truths.
    """

    item: str
    evidence: tuple[dict[str, str | int | bool], ...]
    prose: tuple[str, ...]


def _problem(payload: Claim) -> str | None:
    return None if ids.HEX64.fullmatch(payload.item) else "item is not an operation id"


def _submit_problem(payload: Submit) -> str | None:
    return first_problem(
        (bool(ids.HEX64.fullmatch(payload.item)), "item is not an operation id"),
        (len(payload.evidence) <= MAX_EVIDENCE, f"more than {MAX_EVIDENCE} pieces of evidence"),
        (all(map(_sound, payload.evidence)), "evidence needs a kind and short values"),
        (fields.valid_prose(payload.prose), "prose must be sorted names"),
    )


def _sound(evidence: Evidence) -> bool:
    kind = evidence.get("kind")
    return (
        isinstance(kind, str)
        and ids.is_name(kind)
        and all(not isinstance(value, str) or one_line(value, 2000) or not value for value in evidence.values())
    )


def _want(kind: str) -> Any:
    def apply(bead: Any, live: Live, payload: Claim, context: Context) -> str | None:
        item: Item | None = bead.facet
        if item is None:
            return "item.none"
        item.intents[live.actor] = Intent(kind, live.op.id)
        return None

    return apply


def submit(bead: Any, live: Live, payload: Submit, context: Context) -> str | None:
    """Keep the submission; whether it wins is the home's to say."""
    item: Item | None = bead.facet
    if item is None:
        return "item.none"
    item.submissions[live.op.id] = Submission(live.actor, payload.evidence, live.op.hlc, live.past_cut)
    if not live.past_cut:
        bead.touch(live.op.hlc)
    return None


CLAIM = OpType(
    "wanted.claim", Claim, item_entity, _want("claim"), Phase.INTENT, problem=_problem, names=named, agent=True
)
RELEASE = OpType(
    "wanted.release", Claim, item_entity, _want("release"), Phase.INTENT, problem=_problem, names=named, agent=True
)
SUBMIT = OpType(
    "wanted.submit",
    Submit,
    item_entity,
    submit,
    Phase.INTENT,
    problem=_submit_problem,
    names=named,
    agent=True,
    named_past_cut=True,
)
