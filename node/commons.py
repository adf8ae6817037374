"""A commons as its members work with it: every verb, once, for the command line, HTTP and pages alike. ⚡"""

from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from beads import checkpoints, ids
from beads.errors import NotFound
from beads.index import Index
from beads.ledger import Author, Draft, Ledger
from beads.limits import Patience
from beads.op import Op
from beads.report import Exchange
from beads.terms import Step
from node import checked, exchange, present, told, typed, whom, wiring, writing
from node.errors import Usage
from node.exchange import PeerResult
from node.home import Home
from node.localtime import LocalZone
from node.meeting import meet
from node.peers import Peer
from node.writing import Course
from stamps.sheet import EarnedStamp
from wanted import board, earned, meant, policy, view
from wanted.board import Judgement
from wanted.errors import NotYours
from wanted.item import Evidence, Terms
from wanted.meant import Asked
from wanted.policy import DAY_MS
from wanted.view import ItemView

QUICK = Patience(connect_s=3.0, total_s=20.0)
"""Before and after a verb: a peer that is down must not make people wait."""
TITLE_LENGTH = 120
LEAST_LETTERS = 4
"""Of an item's id, where an operation is signed: fewer name another item tomorrow."""
EXPIRY_REMEMBERED_MS = 30 * DAY_MS
"""How long a lease that ran out counts against its holder."""


class Commons:
    """One commons on this node.

    Args:
        author: Who writes, or None for reading only.
    """

    def __init__(self, home: Home, commons: str, author: Author | None = None) -> None:
        self.home = home
        self.id = commons
        self.ledger: Ledger = wiring.open_ledger(home, commons)
        self._author = author
        self.course = Course()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give what is open back."""
        self.ledger.close()

    @property
    def index(self) -> Index:
        """The folded state."""
        return self.ledger.index

    @property
    def author(self) -> Author:
        """Who writes; loads the device key at first use."""
        if self._author is None:
            # Somebody may have pushed a newer key log of mine to this node.
            meet(self.home.box, self.ledger)
            self._author = wiring.author(self.home)
        return self._author

    @property
    def me(self) -> str:
        """My SCID."""
        return self.home.key_log().scid

    # -- the board ---------------------------------------------------------------------------------------------

    def item(self, item: str) -> ItemView:
        """Return an item by its id or a unique prefix."""
        return board.load(self.ledger, item)

    def post(self, title: str, description: str, terms: Terms) -> ItemView:
        """Offer work."""
        (op,) = self.write(lambda _: board.post(title, description, terms))
        return self.item(op.id)

    def edit(self, item: str, terms: Terms, title: str | None, description: str | None) -> ItemView:
        """Change an offer that nobody has been granted."""
        return self._on(item, lambda it: board.edit(it, self.log, terms, title, description))

    def adopt(self, title: str, description: str, terms: Terms, origin: str) -> ItemView:
        """Offer anew what another commons offered; a link says where it was."""
        drafts = board.post(title, description, terms)
        added = {"add": [["adopted-from", origin, ""]], "remove": []}
        drafts.append(Draft("bead.link", added, following=lambda ops: {"bead": ops[-1].id}))
        op, _ = self.write(lambda _: drafts)
        return self.item(op.id)

    def claim(self, item: str) -> ItemView:
        """Want an item; where this node is its home, the grant follows at once."""
        return self._on(item, lambda it: board.claim(it, self.author.actor))

    def release(self, item: str) -> ItemView:
        """Give an item up."""
        return self._on(item, lambda it: board.release(it, self.author.actor))

    def submit(self, item: str, evidence: Sequence[Evidence], summary: str) -> ItemView:
        """Hand work in."""
        return self._on(item, lambda it: board.submit(it, self.author.actor, evidence, summary))

    def accept(self, item: str, submission: str | None, judgement: Judgement | None) -> ItemView:
        """Take a submission as what was asked for, and stamp it if there is a judgement."""
        before = self.item(item)
        if judgement is not None:
            board.check_acceptable(before, self.log)
            chosen = meant.submission(before, submission, meant.TO_JUDGE, self.asked())
            self._refuse_own(before.submissions[chosen].actor)
            judged = self._completed(before, chosen, judgement)
            board.check_judgement(before, chosen, judged, self.index.context.governance.dimensions)
        after = self._on(before.id, lambda it: board.accept(it, self.log, submission, self.asked()))
        if judgement is not None:
            new = {a.submission for a in after.accepted} - {a.submission for a in before.accepted}
            return self.stamp(after.id, next(iter(new)), judgement)
        return after

    def stamp(self, item: str, submission: str | None, judgement: Judgement) -> ItemView:
        """Judge accepted work; without a submission named, the only accepted one."""

        def make(it: ItemView) -> list[Draft]:
            chosen = meant.submission(it, submission, meant.TO_STAMP, self.asked())
            self._refuse_own(it.submissions[chosen].actor)
            judged, dimensions = self._completed(it, chosen, judgement), self.index.context.governance.dimensions
            return board.stamp(it, chosen, self.author.actor, self.author.signer, judged, dimensions)

        return self._on(item, make)

    def _completed(self, item: ItemView, submission: str, judgement: Judgement) -> Judgement:
        """Add to a judgement what this node knows: a title, by which charter I judge, what was run before."""
        checks = checked.recorded(self.home, submission)
        title = judgement.title or self._title(item)
        return judgement._replace(title=title, charter=self._charter(), checks=checks)

    def _refuse_own(self, subject: str) -> None:
        """Stop before a stamp that the fold would ignore."""
        if self.index.context.governance.same(self.me, subject):
            whose = "their own work" if subject == self.me else "the work of an actor of the same owner"
            raise NotYours(f"nobody stamps {whose}", "Stamps are for others to give; accept without --stamp.")

    def unstamp(self, item: str, stamp: str | None, reason: str) -> ItemView:
        """Take a stamp of mine back."""
        return self._on(item, lambda it: board.unstamp(it, self._given(it, stamp), self.author.actor, reason))

    def dispute(self, item: str, stamp: str | None, reason: str) -> ItemView:
        """Say that a stamp that I was given is wrong."""

        def make(it: ItemView) -> list[Draft]:
            chosen = meant.stamp(it, stamp, lambda each: each.subject == self.author.actor, self.asked())
            return board.dispute(it, chosen, self.author.actor, reason)

        return self._on(item, make)

    def answer(self, item: str, stamp: str | None, text: str) -> ItemView:
        """Answer what was said against a stamp of mine; the latest of several disputes."""

        def make(it: ItemView) -> list[Draft]:
            chosen = self._given(it, stamp)
            disputed = [each.op for each in told.objections(self.index, it, chosen)]
            if not disputed:
                raise NotFound("nobody disputes that stamp", f"See: wl show {it.id[:12]}")
            return board.answer(it, disputed[-1], self.author.actor, text)

        return self._on(item, make)

    def _given(self, item: ItemView, stamp: str | None) -> str:
        return meant.stamp(item, stamp, lambda each: each.author == self.author.actor, self.asked())

    def trust(self, actor: str, weight: int) -> str:
        """Say how much I trust somebody, in hundredths, -100 to 100; return the SCID."""
        chosen = self.find_actor(actor)
        if chosen == self.me:
            raise NotYours("nobody vouches for themselves", "Trust is for others to give.")
        self.write(lambda _: [Draft("trust", {"actor": chosen, "weight": weight})])
        return chosen

    def trusts(self) -> list[tuple[str, int]]:
        """Return whom I have said how much I trust, in hundredths."""
        state = self.index.state("actor", self.me)
        return [(actor, weight) for actor, weight, _ in (state or {}).get("trusts", ())]

    def _charter(self) -> str | None:
        """Return the charter by which I judge, where I am a delegate."""
        now = self.index.context.governance.now
        return now.id if self.me in now.delegates else None

    def _title(self, item: ItemView) -> str:
        title = self.index.prose(item.prose["title"]).get("title", "") if "title" in item.prose else ""
        return title[:TITLE_LENGTH] or "Accepted work"

    def reject(self, item: str, submission: str | None, reason: str, *, final: bool) -> ItemView:
        """Refuse a submission."""
        return self._on(item, lambda it: board.reject(it, self.log, submission, reason, self.asked(), final=final))

    def grant(self, item: str, actor: str) -> ItemView:
        """Give an item to an actor by hand, for the lease that the configuration says."""
        chosen = self.find_actor(actor)
        until = wiring.now_ms() + self.home.config.policy.lease_ms
        return self._on(item, lambda it: board.grant(it, self.log, chosen, until))

    def end(self, item: str, op: str) -> ItemView:
        """Close or withdraw an item."""
        return self._on(item, lambda it: board.end(it, self.log, op))

    def comment(self, item: str, text: str) -> ItemView:
        """Say something under an item."""
        if not text.strip():
            raise Usage("there is nothing to say", 'wl comment ITEM "What you want to say"')
        return self._on(item, lambda it: [Draft("bead.comment", {"bead": it.id}, {"text": text})])

    def profile(self, handle: str) -> None:
        """Say how I want to be called here."""
        typed.check_handle(handle)
        self._describe(handle, self._profile()[1])

    def link(self, links: Sequence[str]) -> None:
        """Say which accounts elsewhere are mine."""
        self._describe(self._profile()[0], sorted(set(links)))

    def same_owner(self, actor: str) -> str:
        """Say that an actor is mine, too; return the SCID."""
        chosen = self.find_actor(actor)
        if chosen == self.me:
            raise NotYours("that is you", "Name another actor of yours.")
        self.write(lambda _: [Draft("actor.link", {"actor": chosen})])
        return chosen

    def _profile(self) -> tuple[str, Sequence[str]]:
        state = self.index.state("actor", self.me)
        return (state["handle"] if state else "") or ids.short(self.me), state["links"] if state else ()

    def _describe(self, handle: str, links: Sequence[str]) -> None:
        self.write(lambda _: [Draft("profile", {"handle": handle, "links": list(links)})])

    def attend(self) -> bool:
        """Do what is left to do as a home and as a delegate: decide on claims, cover what was seen.

        Returns:
            Whether anything was written.
        """
        decided = self.settle()
        return self.checkpoint() > 0 or bool(decided)

    def settle(self) -> list[policy.Decision]:
        """Decide, as a home, what the policy says: grants, releases, expiries. Whose key is revoked decides nothing."""
        made: list[policy.Decision] = []
        governance = self.index.context.governance
        if self.home.is_revoked or governance.is_out(self.me):
            return made

        def make(ledger: Ledger) -> list[Draft]:
            items = [item for item in map(self._load, self._undecided()) if item is not None]
            rules, expired = self.home.config.policy, self._expired()
            made.extend(policy.decide(items, self.log, wiring.now_ms(), rules, expired, governance.is_out))
            return [board.decided(decision) for decision in made]

        if self._undecided():
            self.write(make)
        return made

    def _expired(self) -> dict[str, int]:
        """Count the leases of this home that each actor let run out within a month."""
        since = wiring.now_ms() - EXPIRY_REMEMBERED_MS
        sql = "SELECT id, entity, seq FROM ops WHERE log = :log AND t = 'wanted.revoke' AND ms > :since"
        found: Counter[str] = Counter()
        for op_id, item, seq in self.index.database.query(sql, {"log": self.log, "since": since}):
            revoke = self.index.op(op_id)
            if revoke is not None and revoke.p["reason"] == "expired":
                found.update(self._granted_before(item, seq))
        return found

    def _granted_before(self, item: str, seq: int) -> list[str]:
        sql = """SELECT id FROM ops WHERE log = :log AND t = 'wanted.grant' AND kind = 'bead' AND entity = :item
                 AND seq < :seq ORDER BY seq DESC LIMIT 1"""
        rows = self.index.database.query(sql, {"log": self.log, "item": item, "seq": seq})
        grants = [self.index.op(row[0]) for row in rows]
        return [str(grant.p["actor"]) for grant in grants if grant is not None]

    def checkpoint(self) -> int:
        """As a delegate, cover what has moved since the last time; return how many heads that were.

        A checkpoint alone is nothing to cover, or two delegates would cover each other's for ever.
        """
        if self.home.is_revoked or self.me not in self.index.context.governance.now.delegates:
            return 0
        if not checkpoints.due(self.ledger, self.me):
            # Whoever protects the key is not asked for it in vain.
            return 0
        drafts: list[Draft] = []

        def make(ledger: Ledger) -> list[Draft]:
            drafts.extend(checkpoints.due(ledger, self.me))
            return drafts

        self.write(make)
        return sum(len(draft.p["heads"]) for draft in drafts)

    def _undecided(self) -> list[str]:
        sql = """SELECT entity FROM items WHERE home = :home AND status IN ('open', 'claimed', 'in_review')
                 AND (claims > 0 OR holder IS NOT NULL)"""
        return [row[0] for row in self.index.database.query(sql, {"home": self.log})]

    def _load(self, item: str) -> ItemView | None:
        state = self.index.state("bead", item)
        return view.read(state) if state else None

    @property
    def log(self) -> str:
        """The log that this machine writes here."""
        return self.author.log(self.id)

    def _on(self, item: str, make: Callable[[ItemView], list[Draft]]) -> ItemView:
        if len(item) < LEAST_LETTERS:
            raise Usage(f"{item!r} is too short to sign for", f"Give {LEAST_LETTERS} letters of the id, or more.")
        chosen = self.item(item).id
        self.write(lambda ledger: make(board.load(ledger, chosen)))
        if self.item(chosen).home == self.log:
            self.settle()
        return self.item(chosen)

    def write(self, make: Callable[[Ledger], Sequence[Draft]]) -> list[Op]:
        """Sign and write what `make` decides; by invitation one comes in first.

        Raises:
            NotAllowed: Nobody has invited me, or my key may not write this.
            Usage: What was typed cannot be signed.
        """
        return writing.write(self.ledger, self.author, make, self.course)

    # -- stamps ------------------------------------------------------------------------------------------------

    def earned(self, actor: str) -> list[EarnedStamp]:
        """Return the stamps that an actor has earned here."""
        return earned.by(self.index, self.id, actor)

    # -- peers -------------------------------------------------------------------------------------------------

    def sync_with(
        self, peer: Peer, patience: Patience, *,
        pull: bool = True, push: bool = True, progress: Callable[[Step], None] | None = None,
    ) -> Exchange:  # fmt: skip
        """Sync with one peer; see `node.exchange.with_one`."""
        return exchange.with_one(self.home, self.ledger, peer, patience, pull=pull, push=push, progress=progress)

    def sync(
        self, patience: Patience = QUICK, *,
        pull: bool = True, push: bool = True, progress: Callable[[Step], None] | None = None,
    ) -> list[PeerResult]:  # fmt: skip
        """Sync with every peer, in a hurry without those that failed a moment ago; see `node.exchange.with_all`."""
        return exchange.with_all(
            self.home, self.ledger, patience, pull=pull, push=push, waiting=patience != QUICK, progress=progress
        )

    def handles(self) -> dict[str, str]:
        """Return what to call the actors that have given themselves a name."""
        return present.names_in(self.index)

    def asked(self) -> Asked:
        """Return who has to choose where several things can be meant: the owner, at this machine."""
        return Asked(self.handles(), LocalZone())

    def find_actor(self, wanted: str) -> str:
        """Return the actor of this commons that is meant; see `node.whom`.

        Raises:
            NotFound: There is none.
            Ambiguous: There are several.
        """
        try:
            return whom.meant(wanted, whom.known_in([self.index]), self.me)
        except NotFound:
            whom.refuse_outsider(self.home, wanted)
            raise
