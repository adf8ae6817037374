"""What is in force in a commons: its charters, and what follows from them (protocol, A commons)."""

from collections.abc import Mapping, Sequence

import msgspec

from beads.genesis import DIMENSIONS, Genesis


class Charter(msgspec.Struct, frozen=True, kw_only=True):
    """What is in force after one change.

    Attributes:
        id: The operation, null for the genesis.
        ended: Logs of those who are delegates no longer, with the first position that has no delegate's power.
    """

    id: str | None
    delegates: tuple[str, ...]
    threshold: int
    admission: str
    validators: str
    dimensions: tuple[str, ...]
    ended: Mapping[str, int] = {}


class Ban(msgspec.Struct, frozen=True):
    """An actor's logs were ended.

    Attributes:
        since: The place in the chain of the charter that did it.
        cuts: Log → the last position that keeps its effect, and the operation there.
    """

    since: int
    cuts: Mapping[str, tuple[int, str]]


class Adoption(msgspec.Struct, frozen=True):
    """An item that was given another home after the operation at `seq` of `log`."""

    log: str
    seq: int
    to: str


class Governance(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from all charters that took effect.

    Attributes:
        charters: From the genesis on, at least one.
        admits: Charter operation → the actor whom it let in, and its place in the chain.
        banned: Actor → every ban, in order.
        hidden: Beads, sorted.
        adoptions: Item → epoch that ended → where it went.
        heirs: Home log of a revoked key → the log of its heir.
        owners: Actor → the least id among those that belong to the same owner, where there are others.
    """

    charters: tuple[Charter, ...]
    admits: Mapping[str, tuple[str, int]] = {}
    banned: Mapping[str, tuple[Ban, ...]] = {}
    hidden: tuple[str, ...] = ()
    adoptions: Mapping[str, Mapping[int, Adoption]] = {}
    heirs: Mapping[str, str] = {}
    owners: Mapping[str, str] = {}

    def owner(self, actor: str) -> str:
        """Return what stands for whoever owns an actor."""
        return self.owners.get(actor, actor)

    def same(self, one: str, other: str) -> bool:
        """Say whether two actors are one, or belong to one owner by what both have declared."""
        return self.owner(one) == self.owner(other)

    def is_out(self, actor: str) -> bool:
        """Say whether an actor was banned, and not let in again since."""
        return actor in self.banned and not self.let_in_again(actor)

    def let_in_again(self, actor: str) -> list[str]:
        """Return the charter operations that let an actor in after its last ban."""
        since = max((ban.since for ban in self.banned.get(actor, ())), default=-1)
        return [op for op, (let_in, place) in self.admits.items() if let_in == actor and place > since]

    @property
    def now(self) -> Charter:
        """The charter in force."""
        return self.charters[-1]

    @property
    def dimensions(self) -> frozenset[str]:
        """All that any charter has allowed: what was judged by one stays judged."""
        return frozenset(DIMENSIONS).union(*(charter.dimensions for charter in self.charters))

    def place(self, charter: str | None) -> int | None:
        """Return where a charter stands in the chain; None where it is not in it."""
        return next((n for n, each in enumerate(self.charters) if each.id == charter), None)

    def speaks(self, actor: str, log: str, seq: int, charter: str | None) -> bool:
        """Say whether an operation that names a charter has a delegate's power."""
        place = self.place(charter)
        return place is not None and speaks(self.charters, actor, log, seq, place)


def speaks(charters: Sequence[Charter], actor: str, log: str, seq: int, place: int) -> bool:
    """Say whether an actor is a delegate under a charter, and the position of its log not past its power's end."""
    if actor not in charters[place].delegates:
        return False
    left = next((charter for charter in charters[place + 1 :] if actor not in charter.delegates), None)
    return left is None or seq < left.ended.get(log, 0)


def founded(genesis: Genesis) -> Governance:
    """Return what is in force before any charter."""
    first = Charter(
        id=None, delegates=genesis.delegates, threshold=genesis.threshold, admission=genesis.admission,
        validators=genesis.validators, dimensions=genesis.dimensions,
    )  # fmt: skip
    return Governance(charters=(first,))
