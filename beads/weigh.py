"""Weighing logs: which of the verified operations are *live* (protocol, F4 to F6).

1. A log is the chain that starts at its `open`; each operation names the one before it.
2. Where two operations follow one, the writer has equivocated. Delegates' votes, or else the owner's repair, say which
   branch goes on (`beads.witness`); until they do, the common prefix is all that counts.
3. A log is read up to its first unread operation; there it freezes and says `upgrade`.
4. A revoked key's logs are cut where the key log says, those of a banned actor where the charter says: by position,
   never by date. What a threshold of delegates had covered before they could know of a revocation stays.
5. In an open commons a log counts from its start. By invitation it counts from the `join` that names an `admit` by an
   actor whose own log counted there, or by charter; those who ever were delegates count always.

Everything is evaluated once, in this order: what key logs say, charters, checkpoints, cuts, admission. Charters and
checkpoints are read only up to where their own log first forks, so that nothing here depends on itself.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec

from beads import charters, forks, ids, limits, witness
from beads.charters import Word
from beads.genesis import Genesis
from beads.governance import Ban, Governance
from beads.op import Op
from beads.ops.charter import Charter, Sign
from beads.ops.checkpoint import Checkpoint
from beads.ops.join import Admit, Join
from beads.ops.open import Open
from beads.ops.trust import Link
from beads.rules import Live
from stamps.keylog import KeyLog

KeysOf = Callable[[str], KeyLog | None]
"""Actor → its verified key log."""


@dataclass(frozen=True)
class Log:
    """A log as weighed.

    Attributes:
        counted_from: First position with effects; None while the writer is not admitted.
        frozen_at: Position of the first unread operation, or None.
        forked_at: Position at which two operations follow one and nobody has decided, or None.
        parted_at: The first position at which it ever forked, or None.
        cut_at: First position past the cut of a revoked key or a banned actor, or None.
    """

    id: str
    actor: str
    key: str
    device: bool
    counted_from: int | None
    frozen_at: int | None = None
    forked_at: int | None = None
    parted_at: int | None = None
    cut_at: int | None = None

    def counts(self, seq: int) -> bool:
        """Say whether the operation at `seq` of the kept chain has effects."""
        return self.is_read(seq) and (self.cut_at is None or seq < self.cut_at)

    def is_read(self, seq: int) -> bool:
        """Say whether it would have, were the log not cut."""
        return (
            self.counted_from is not None
            and seq >= self.counted_from
            and (self.frozen_at is None or seq < self.frozen_at)
        )


def opening(op: Op, commons: str) -> Open | None:
    """Return what opens a log, if this operation rightly does: the id proves commons, actor and key."""
    payload = op.payload
    fits = op.seq == 0 and isinstance(payload, Open) and ids.log_id(commons, payload.actor, payload.key) == op.log
    return payload if fits else None


def frozen_at(chain: Iterable[Op]) -> int | None:
    """Return the position of the first unread operation."""
    return next((op.seq for op in chain if op.payload is None), None)


CONTROL = ("admit", "join", "charter", "charter.sign", "actor.link")
"""Types of operations that say which operations are live."""


@dataclass(frozen=True)
class Opened:
    """A log whose opening was read; what weighing asks of it.

    Attributes:
        control: Its operations of `CONTROL` before `frozen_at`, in order.
    """

    id: str
    actor: str
    key: str
    device: bool
    frozen_at: int | None
    forked_at: int | None
    parted_at: int | None
    control: tuple[Op, ...]


class Evidence(NamedTuple):
    """What weighing may ask for besides, and seldom does.

    Attributes:
        keys: Looks key logs up.
        checkpoints: Returns every checkpoint of a kept chain.
        op_at: Log and position → the operation of the kept chain there, or None.
    """

    keys: KeysOf
    checkpoints: Callable[[], Iterable[Op]]
    op_at: Callable[[str, int], str | None]


class Weighed(NamedTuple):
    """The logs as they count, and what is in force."""

    logs: dict[str, Log]
    governance: Governance


def weigh(opened: Mapping[str, Opened], commons: str, genesis: Genesis, evidence: Evidence) -> Weighed:
    """Decide which operations of which logs count, and who governs."""
    return Scales(opened, commons, genesis, evidence).weigh()


class Scales:
    """Weighs the logs of a commons, once."""

    def __init__(self, opened: Mapping[str, Opened], commons: str, genesis: Genesis, evidence: Evidence) -> None:
        self._opened = opened
        self._commons = commons
        self._genesis = genesis
        self._evidence = evidence
        self._named = {log.id: self._revoked_at(log) for log in opened.values()}
        self._governance = charters.follow(genesis, self._words())
        self._seen: witness.Logs | None = None

    def weigh(self) -> Weighed:
        """Decide which operations of which logs count."""
        members = {log.id: self._member(log) for log in self._opened.values()}
        admitted = _admitted(self._opened, members, self._governance, self._from_the_start())
        logs = {log: replace(members[log], counted_from=admitted.get(log)) for log in self._opened}
        heirs = {log.id: heir for log in self._opened.values() if (heir := self._heir(log)) is not None}
        owners = _owners(self._declared(logs))
        return Weighed(logs, msgspec.structs.replace(self._governance, heirs=heirs, owners=owners))

    # -- forks -------------------------------------------------------------------------------------------------

    def decide(self, log: str, actor: str) -> forks.Decide:
        """Return what says which branch of a log goes on: delegates' votes, else the owner's repair (F7)."""

        def decide(at: int, ways: Mapping[str, Sequence[forks.Branch]]) -> str | None:
            def branch_of(seq: int, op: str) -> str | None:
                return next((start for start, each in ways.items() if forks.holds(each, seq, op)), None)

            voted = witness.chosen(log, at, self._sightings(), self._governance, branch_of)
            return voted or next((keep for seq, keep in self._repairs(log, actor) if seq == at and keep in ways), None)

        return decide

    def prefer(self, log: str, actor: str) -> forks.Prefer:
        """Return what says whether anybody has spoken for a branch of a log."""
        seen = witness.heads(log, self._sightings())
        keeps = {keep for _, keep in self._repairs(log, actor)}
        return lambda branch: branch[0].id in keeps or any(forks.holds([branch], *head) for head in seen)

    def _repairs(self, log: str, actor: str) -> list[tuple[int, str]]:
        keys = self._evidence.keys(actor)
        return [(one.seq, one.keep) for one in keys.repairs if one.log == log] if keys is not None else []

    # -- who governs -------------------------------------------------------------------------------------------

    def _words(self) -> list[Word]:
        return [
            Word(op, log.actor)
            for log in self._opened.values()
            if log.device
            for op in log.control
            if isinstance(op.payload, (Charter, Sign)) and op.seq < self._reach(log)
        ]

    def _reach(self, log: Opened) -> int:
        """Return up to where a delegate's log speaks for the commons: its first fork, or its key's cut as named."""
        cut = self._named[log.id]
        ends = (log.frozen_at, log.parted_at, None if cut is None else cut + 1)
        return min((end for end in ends if end is not None), default=limits.NO_POSITION)

    def _sightings(self) -> witness.Logs:
        if self._seen is None:
            found = [
                (op, self._opened[op.log].actor)
                for op in self._evidence.checkpoints()
                if op.log in self._opened
                and self._opened[op.log].device
                and isinstance(op.payload, Checkpoint)
                and op.seq < self._reach(self._opened[op.log])
            ]
            self._seen = witness.sightings(found, self._governance)
        return self._seen

    # -- cuts --------------------------------------------------------------------------------------------------

    def _revoked_at(self, log: Opened) -> int | None:
        """Return the last position that a key log leaves to a log, -1 for none; None where its key stands."""
        keys = self._evidence.keys(log.actor)
        if keys is None or log.key not in keys.revoked:
            return None
        cut = keys.cut(log.key, log.id)
        return cut.seq if cut is not None and self._is_there(log.id, cut.seq, cut.op) else -1

    def _is_there(self, log: str, seq: int, op: str) -> bool:
        """Say whether a position holds an operation, or may yet."""
        return self._evidence.op_at(log, seq) in (op, None)

    def _member(self, log: Opened) -> Log:
        revoked, ban = self._named[log.id], self._ban_of(log)
        ends = [] if revoked is None else [max(revoked, self._covered_unaware(log))]
        ends += [] if ban is None else [self._banned_at(log, ban)]
        cut = min(ends) + 1 if ends else None
        return Log(log.id, log.actor, log.key, log.device, None, log.frozen_at, log.forked_at, log.parted_at, cut)

    def _covered_unaware(self, log: Opened) -> int:
        """Return what delegates had covered of a log before they could know that its key was revoked (F6)."""
        keys = self._evidence.keys(log.actor)
        assert keys is not None
        cut, revoked = keys.cut(log.key, log.id), keys.revoked[log.key]
        seen = witness.unaware(self._sightings(), log.actor, revoked.version if cut is None else cut.version)
        return self._covered(log, seen)

    def _covered(self, log: Opened, seen: Iterable[witness.Sighting]) -> int:
        return witness.covered(log.id, seen, self._governance, lambda seq, op: self._is_there(log.id, seq, op))

    def _ban_of(self, log: Opened) -> Ban | None:
        """Return the ban that ends a log: the first since its actor was last let in again by charter."""
        bans = self._governance.banned.get(log.actor, ())
        back = max((self._back_at(op) for op in log.control), default=-1) if bans else -1
        return next((ban for ban in bans if ban.since > back), None)

    def _back_at(self, op: Op) -> int:
        admit = self._governance.admits.get(op.payload.admit) if isinstance(op.payload, Join) else None
        return admit[1] if admit is not None and admit[0] == self._opened[op.log].actor else -1

    def _banned_at(self, log: Opened, ban: Ban) -> int:
        if log.id not in ban.cuts:
            return self._covered(log, witness.under(self._sightings(), ban.since))
        seq, op = ban.cuts[log.id]
        return seq if self._is_there(log.id, seq, op) else -1

    # -- admission ---------------------------------------------------------------------------------------------

    def _from_the_start(self) -> set[str]:
        """Return the logs that need no invitation."""
        chain = self._governance.charters
        ever = {actor for charter in chain for actor in charter.delegates}
        if chain[-1].admission == "open":
            return set(self._opened)
        found = {log.id for log in self._opened.values() if log.actor in ever}
        if all(charter.admission == "invite" for charter in chain):
            return found
        # Those whom delegates had seen while everybody might come in stay in.
        closed = max(n for n, charter in enumerate(chain) if charter.admission == "open") + 1
        seen = list(witness.under(self._sightings(), closed))
        return found | {log.id for log in self._opened.values() if self._covered(log, seen) >= 0}

    # -- owners ------------------------------------------------------------------------------------------------

    def _declared(self, logs: Mapping[str, Log]) -> set[tuple[str, str]]:
        """Return who has declared to share an owner with whom."""
        return {
            (log.actor, op.payload.actor)
            for log in self._opened.values()
            for op in log.control
            if isinstance(op.payload, Link) and log.device and logs[log.id].counts(op.seq)
        }

    # -- heirs -------------------------------------------------------------------------------------------------

    def _heir(self, log: Opened) -> str | None:
        """Return the log that what a revoked log was the home of passes to."""
        keys = self._evidence.keys(log.actor)
        heir = keys.heir_of(log.key) if keys is not None else None
        return None if heir is None else ids.log_id(self._commons, log.actor, heir)


def _owners(declared: Collection[tuple[str, str]]) -> dict[str, str]:
    """Return what stands for the owner of each actor that shares one: links count where both have declared them."""
    groups: dict[str, set[str]] = {}
    for one, other in declared:
        if (other, one) in declared:
            joined = groups.get(one, {one}) | groups.get(other, {other})
            groups |= dict.fromkeys(joined, joined)
    return {actor: min(group) for actor, group in groups.items()}


def _admitted(
    opened: Mapping[str, Opened], members: Mapping[str, Log], governance: Governance, free: Iterable[str]
) -> dict[str, int]:
    """Decide from where each log counts: the earliest there is, whichever is looked at first.

    Members admit members. A log is looked at again whenever one that admits it counts from somewhere new.
    """
    counted = dict.fromkeys(free, 0)
    admits = {op.id: op for log in opened.values() for op in log.control if isinstance(op.payload, Admit)}
    hopeful: defaultdict[str, list[str]] = defaultdict(list)
    for log in opened.values():
        for op in log.control:
            if isinstance(op.payload, Join) and op.payload.admit in admits:
                hopeful[admits[op.payload.admit].log].append(log.id)
    waiting = deque(log for log in opened if log not in counted)
    while waiting:
        log_id = waiting.popleft()
        start = _joined_at(opened[log_id], members, governance, admits, counted)
        if start is not None and start < counted.get(log_id, limits.NO_POSITION):
            counted[log_id] = start
            waiting.extend(hopeful[log_id])
    return counted


def _joined_at(
    log: Opened, members: Mapping[str, Log], governance: Governance, admits: Mapping[str, Op],
    counted: Mapping[str, int],
) -> int | None:  # fmt: skip
    for op in log.control:
        if not isinstance(op.payload, Join):
            continue
        by_charter, admit = governance.admits.get(op.payload.admit), admits.get(op.payload.admit)
        if by_charter is not None and by_charter[0] == log.actor:
            return op.seq
        if admit is not None and admit.payload.actor == log.actor and _has_effect(admit, members, counted):
            return op.seq
    return None


def _has_effect(admit: Op, members: Mapping[str, Log], counted: Mapping[str, int]) -> bool:
    sponsor = members[admit.log]
    return sponsor.device and replace(sponsor, counted_from=counted.get(admit.log)).counts(admit.seq)


def open_log(
    log: str, start: Open, chain: Sequence[Op], forked: int | None, parted: int | None, keys: KeysOf
) -> Opened:
    """Read what weighing needs from a log's chain."""
    owner = keys(start.actor)
    device = owner is not None and owner.allows(start.key, "assertionMethod")
    frozen = frozen_at(chain)
    readable = chain if frozen is None else chain[:frozen]
    control = tuple(op for op in readable if op.t in CONTROL)
    return Opened(log, start.actor, start.key, device, frozen, forked, parted, control)


def live(op: Op, log: Log) -> Live:
    """Pair an operation with what its log says of the writer."""
    return Live(op, log.actor, log.key, log.device, past_cut=not log.counts(op.seq))
