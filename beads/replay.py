"""Catching up: what a store holds beyond its index, after a kill, another process, a new start or an upgrade."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from beads import body, limits, op
from beads.indexer import Delta, Indexer
from beads.op import Op
from beads.precheck import Precheck
from beads.report import Report
from beads.store import Store
from beads.verify import START, Piece, Position, Verdict, Verifier

PORTION = 128 * limits.SEGMENT
"""Lines that go into the tables at once; no more are read of a log at once."""
ROOM = 32 << 20
"""Bytes of words that go into the tables at once; one text may go beyond."""


class Replay:
    """Reads a store into an index, log by log, verifying again: the disk is not above suspicion.

    Portion after portion, so that a long store takes more time and no more memory; all is folded with the last. Killed
    in between it leaves an index that no store has come to, and the next one goes on from there.

    Args:
        verifier: Judges lines; nothing is too new for it.
        notice: Called once, where it will take long.
    """

    def __init__(self, store: Store, indexer: Indexer, verifier: Verifier, notice: Callable[[], None]) -> None:
        self._store = store
        self._indexer = indexer
        self._index = indexer.index
        self._verifier = verifier
        self._notice: Callable[[], None] | None = notice
        self._report = Report()
        self._gone: set[str] = set()

    def run(self, generation: str) -> Report:
        """Take up what the index lacks, and let go of what the store does; return what does not verify.

        Args:
            generation: The store's token, read before the store is.
        """
        if not self._goes_on():
            # The store went back behind the index (a restored copy): only a new start is right.
            self._index.clear()
        portion = _Portion(partial(self._apply_part, f"{generation}, in part"))
        with Precheck() as precheck:
            for log in self._store.logs():
                self._take(log, portion, precheck)
        self._indexer.apply(replace(portion.delta(generation), erased=frozenset(self._gone), new_keys=True))
        return self._report

    def _apply_part(self, generation: str, portion: "_Portion") -> None:
        notice, self._notice = self._notice, None
        if notice is not None:
            notice()
        self._indexer.apply(portion.delta(generation, more=True))

    def _goes_on(self) -> bool:
        """Say whether the store has all that the index has."""
        for log, head in self._index.heads().items():
            lines = self._store.lines(log, head.seq, head.seq + 1)
            if not lines or op.recall(lines[0]).id != head.op:
                return False
        return True

    def _take(self, log: str, portion: "_Portion", precheck: Precheck) -> None:
        at = self._index.end(log) or START
        held, indexed = set(self._store.body_seqs(log)), self._index.bodies_of(log)
        self._gone |= {indexed[seq] for seq in indexed.keys() - held}
        late = [seq for seq in held - indexed.keys() if seq < _next(at)]
        self._take_words(log, filter(None, (self._index.op_at(log, seq) for seq in late)), portion)
        taken = 0
        while lines := self._store.lines(log, _next(at), _next(at) + PORTION):
            verdict = self._verified(log, lines, at, precheck)
            taken += len(verdict.ops)
            portion.add(log, verdict.ops)
            self._take_words(log, (one for one in verdict.ops if one.seq in held), portion)
            portion.make_room()
            if verdict.stopped:
                self._report.add("log", log, *verdict.stopped, taken)
                return
            at = verdict.end

    def _take_words(self, log: str, ops: Iterable[Op], portion: "_Portion") -> None:
        wanted = {one.seq: one for one in ops}
        for seq, raw in self._store.bodies(log, sorted(wanted)):
            if body.matches(raw, wanted[seq].body):
                portion.say(wanted[seq].id, raw)

    def _verified(self, log: str, lines: Sequence[bytes], at: Position, precheck: Precheck) -> Verdict:
        """Verify lines; the signatures of many by two processes."""
        if at.writer is None:
            # What opens a log says who signs the rest.
            opening = self._verifier.read(log, lines[:1], at)
            if opening.stopped or len(lines) == 1:
                return opening
            rest = self._verified(log, lines[1:], opening.end, precheck)
            return rest._replace(ops=[*opening.ops, *rest.ops])
        cut = range(0, len(lines), limits.SEGMENT)
        pieces = [Piece(at.writer.key, lines[n : n + limits.SEGMENT]) for n in cut]
        return replace(self._verifier, parse_signed=precheck.begin(pieces)).read(log, lines, at)


@dataclass
class _Portion:
    """What goes into the tables at once.

    Args:
        when_full: Takes it; it is empty then.
    """

    when_full: Callable[["_Portion"], None]
    ops: dict[str, list[Op]] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)
    lines: int = 0
    size: int = 0

    def add(self, log: str, ops: Sequence[Op]) -> None:
        self.ops.setdefault(log, []).extend(ops)
        self.lines += len(ops)

    def say(self, op_id: str, raw: bytes) -> None:
        self.bodies[op_id] = raw
        self.size += len(raw)
        if self.size >= ROOM:
            self._hand_over()

    def make_room(self) -> None:
        """Have it taken, if it is long enough."""
        if self.lines >= PORTION:
            self._hand_over()

    def _hand_over(self) -> None:
        self.when_full(self)
        self.ops, self.bodies, self.lines, self.size = {}, {}, 0, 0

    def delta(self, generation: str, *, more: bool = False) -> Delta:
        return Delta(generation, self.ops, bodies=self.bodies, more=more)


def _next(at: Position) -> int:
    return at.head.seq + 1 if at.head else 0
