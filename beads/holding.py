"""Who works on a bead: claims with a lease and a fence."""

from beads import times
from beads.errors import ConflictError, Refused
from beads.ledger import Draft
from beads.record import BeadView
from beads.vocabulary import IN_PROGRESS, OPEN
from beads.writer import Writer


class Holding(Writer):
    """Verbs on claims."""

    def claim(self, bead: str, *, force: bool = False) -> int:
        """Take a bead to work on it, or renew the lease; return the fence.

        Raises:
            ConflictError: Somebody else has it.
            Refused: It is not there to be worked on.
        """
        chosen = ""

        def make() -> list[Draft]:
            nonlocal chosen
            view = self.read.view(self.read.find(bead))
            chosen = view.id
            return self.claim_drafts(view, force=force)

        self.write(make)
        hold = self.read.view(chosen).hold
        if hold is None or (hold[0], hold[1]) != (self.who, self._log):
            raise ConflictError(f"{self.read.name_of(chosen)} is {hold[0] if hold else 'nobody'}'s")
        return hold[3]

    def claim_drafts(self, view: BeadView, *, force: bool = False) -> list[Draft]:
        """Return the drafts that claim a bead, or refuse."""
        name = self.read.name_of(view.id)
        holder, mine = self.holder(view), self._is_mine(view)
        if view.status not in (OPEN, IN_PROGRESS) and self.read.settings.statuses.get(view.status) != "active":
            raise Refused(f"{name} is not claimable: status {view.status}", f"bd show {name}")
        drafts: list[Draft] = []
        if holder is not None and not mine:
            if not force:
                raise ConflictError(f"{name} is already claimed by {holder}", "bd ready shows what is free.")
            drafts = [Draft("bead.release", {"bead": view.id, "fence": view.hold[3]})] if view.hold else []
        started = {} if view.text("started_at") else {"started_at": self._now()}
        return [*drafts, self._claim(view.id), *self.changes(view, started)]

    def _claim(self, bead: str) -> Draft:
        lease = self.read.settings.lease_ms
        until = {} if lease is None else {"until": self.now_ms() + lease}
        return Draft("bead.claim", {"bead": bead, "who": self.who, **until})

    def holder(self, view: BeadView) -> str | None:
        """Return who works on a bead: by a lease that has not run out, or as its assignee."""
        if view.hold is not None:
            return view.hold[0] if view.hold[4] is None or view.hold[4] > self.now_ms() else None
        return view.text("assignee") or None

    def _is_mine(self, view: BeadView) -> bool:
        if view.hold is not None:
            return (view.hold[0], view.hold[1]) == (self.who, self._log)
        return view.text("assignee") == self.who

    @property
    def _log(self) -> str:
        return self.author.log(self.ledger.commons)

    def _sign_of_life(self, view: BeadView, wrote: bool) -> list[Draft]:
        """Return the draft that renews the lease of a holder who writes."""
        if not wrote or view.hold is None or view.hold[4] is None or not self._is_mine(view):
            return []
        lease = self.read.settings.lease_ms or 0
        return [self._claim(view.id)] if view.hold[4] - self.now_ms() < lease // 2 else []

    def check_hold(self, view: BeadView, *, force: bool = False) -> None:
        """Refuse to end the hold of somebody else who is at work."""
        holder = self.holder(view) if view.hold is not None else None
        if holder is not None and not self._is_mine(view) and not force:
            until = "" if view.hold is None or view.hold[4] is None else f" until {times.text(view.hold[4])}"
            raise ConflictError(
                f"{self.read.name_of(view.id)} is {holder}'s{until}", "bd release ID --force ends their hold."
            )

    def check_fence(self, view: BeadView, fence: int | None) -> None:
        """Refuse a writer that lost its hold in the meantime."""
        if fence is None:
            return
        now = view.hold[3] if view.hold else None
        if now != fence:
            state = "nobody holds it now" if now is None else f"its hold is number {now} now"
            raise ConflictError(
                f"{self.read.name_of(view.id)} is not held with fence {fence}: {state}", "Look again before you write."
            )

    def heartbeat(self, bead: str, fence: int | None = None) -> int:
        """Renew the lease of a bead that one holds; return the fence."""

        def make() -> list[Draft]:
            view = self.read.view(self.read.find(bead))
            self.check_fence(view, fence)
            if view.hold is None or not self._is_mine(view):
                raise ConflictError(f"{self.read.name_of(view.id)} is not yours", "bd update ID --claim")
            return [self._claim(view.id)]

        (op,) = self.write(make)
        hold = self.read.view(str(op.p["bead"])).hold
        return hold[3] if hold else 0

    def release(self, bead: str, *, force: bool = False) -> None:
        """Give a bead back."""

        def make() -> list[Draft]:
            view = self.read.view(self.read.find(bead))
            if view.hold is None:
                return self.changes(view, {"assignee": None, "status": OPEN})
            if not self._is_mine(view) and not force:
                raise ConflictError(f"{self.read.name_of(view.id)} is {view.hold[0]}'s", "--force ends their hold.")
            return [Draft("bead.release", {"bead": view.id, "fence": view.hold[3]})]

        self.write(make)
