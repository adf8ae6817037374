"""A wanted item as read from the index: what lists, pages and decisions ask of it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from beads.clock import Hlc
from stamps.stamp import CheckRun, Severity
from wanted import lifecycle
from wanted.claims import in_line, provisional_holder
from wanted.item import Accepted, Evidence, Holder, Intent, Rejected, Submission, Terms

ACCEPTED, REJECTED, CUT, NOT_CHOSEN, WAITING = "accepted", "rejected", "cut", "not_chosen", "waiting"
"""What becomes of a submission: `cut` lies past its log's cut, `not_chosen` is left when the item is over."""


class Stamped(msgspec.Struct, frozen=True):
    """A stamp that counts, as the item keeps it."""

    op: str
    author: str
    subject: str
    submission: str
    accept: str
    title: str
    dims: tuple[tuple[str, int], ...]
    confidence: int
    severity: Severity
    skills: tuple[str, ...]
    hlc: tuple[int, int]
    checks: tuple[CheckRun, ...] = ()


class Dispute(NamedTuple):
    """What a subject says against a stamp, and what its author answers, by their operations."""

    op: str
    stamp: str
    answer: str | None


class Withdrawn(NamedTuple):
    """A stamp that its author has taken back."""

    stamp: str
    op: str
    author: str


class ItemView(NamedTuple):
    """The state of one item."""

    id: str
    poster: str
    home: str
    epoch: int
    status: str
    terms: Terms
    holder: Holder | None
    granted: frozenset[str]
    accepted: tuple[Accepted, ...]
    rejected: tuple[Rejected, ...]
    intents: Mapping[str, Intent]
    submissions: Mapping[str, Submission]
    stamps: tuple[Stamped, ...]
    withdrawn: tuple[Withdrawn, ...]
    disputes: tuple[Dispute, ...]
    prose: Mapping[str, str]
    created: Hlc
    updated: Hlc

    @property
    def claimers(self) -> list[str]:
        """Actors whose latest intent is a claim, sorted."""
        return sorted(actor for actor, intent in self.intents.items() if intent.kind == "claim")

    @property
    def in_line(self) -> list[str]:
        """The claimers in the order in which the item would go to them."""
        return in_line(self.id, self.claimers)

    @property
    def handed_in(self) -> list[str]:
        """The submissions by time, the earliest first."""
        return sorted(self.submissions, key=lambda op: (self.submissions[op].hlc, op))

    @property
    def unjudged(self) -> dict[str, Submission]:
        """Submissions that count and that the home has neither accepted nor rejected."""
        judged = {a.submission for a in self.accepted} | {r.submission for r in self.rejected}
        return {op: s for op, s in self.submissions.items() if op not in judged and not s.past_cut}

    @property
    def provisional(self) -> str | None:
        """Who comes first among the claimers while the home has not spoken."""
        return provisional_holder(self.id, self.claimers) if self.status == lifecycle.OPEN else None

    @property
    def giving_up(self) -> bool:
        """True while the holder's release waits for the home."""
        intent = self.intents.get(self.holder.actor) if self.holder else None
        return intent is not None and intent.kind == "release"

    @property
    def shown_status(self) -> str:
        """The status with the overlay of intents (F1)."""
        holder = self.holder.actor if self.holder else None
        waiting = {s.actor for s in self.unjudged.values()}
        if self.status == lifecycle.CLAIMED and holder in waiting:
            return lifecycle.IN_REVIEW
        if self.status == lifecycle.OPEN and self.terms.competition and waiting:
            return lifecycle.IN_REVIEW
        return self.status

    def submission_of(self, actor: str) -> str | None:
        """Return an actor's latest unjudged submission."""
        mine = [(s.hlc, op) for op, s in self.unjudged.items() if s.actor == actor]
        return max(mine)[1] if mine else None

    def accepted_of(self, submission: str) -> Accepted | None:
        """Return the acceptance of a submission."""
        return next((a for a in self.accepted if a.submission == submission), None)

    def rejection_of(self, submission: str) -> Rejected | None:
        """Return the latest rejection of a submission."""
        return next((r for r in reversed(self.rejected) if r.submission == submission), None)

    def verdict(self, submission: str) -> str:
        """Say what became of a submission: ACCEPTED, REJECTED, CUT, NOT_CHOSEN or, so far, WAITING."""
        if self.accepted_of(submission) is not None:
            return ACCEPTED
        if self.rejection_of(submission) is not None:
            return REJECTED
        if self.submissions[submission].past_cut:
            return CUT
        return NOT_CHOSEN if self.status in lifecycle.FINAL else WAITING

    def is_disputed(self, stamp: str) -> bool:
        """Say whether the subject contests a stamp."""
        return any(dispute.stamp == stamp for dispute in self.disputes)

    def is_answered(self, stamp: str) -> bool:
        """Say whether the author of a stamp has answered everything that was said against it."""
        answers = [dispute.answer for dispute in self.disputes if dispute.stamp == stamp]
        return bool(answers) and None not in answers


def read(state: Mapping[str, Any]) -> ItemView | None:
    """Read an item from a bead's state; None where the bead is no wanted item."""
    facet = state.get("facet")
    if facet is None:
        return None
    return ItemView(
        id=state["id"],
        poster=facet["poster"],
        home=facet["home"],
        epoch=facet["epoch"],
        status=facet["status"],
        terms=msgspec.convert(facet["terms"], Terms),
        holder=Holder(*facet["holder"]) if "holder" in facet else None,
        granted=frozenset(facet["granted"]),
        accepted=tuple(Accepted(s, a, op, judge, Hlc(*hlc)) for s, a, op, judge, hlc in facet["accepted"]),
        rejected=tuple(Rejected(*row) for row in facet["rejected"]),
        intents={actor: Intent(kind, op) for actor, kind, op in facet["intents"]},
        submissions={op: _submission(*row) for op, *row in facet["submissions"]},
        stamps=tuple(msgspec.convert(row, Stamped) for row in facet["stamps"]),
        withdrawn=tuple(Withdrawn(*row) for row in facet.get("withdrawn", ())),
        disputes=tuple(Dispute(*row) for row in facet.get("disputes", ())),
        prose=dict(state["prose"]),
        created=Hlc(*state["created"]),
        updated=Hlc(*state["updated"]),
    )


def _submission(actor: str, evidence: list[Evidence], hlc: list[int], past_cut: bool = False) -> Submission:
    return Submission(actor, tuple(evidence), Hlc(*hlc), past_cut)
