"""Taking up what a peer has: compare, verify, decide; the ledger then writes (protocol, Sync 3 to 5).

Pure: a `Source` is what the peer sent, already unpacked; the result is `Intake`, the changes and an outcome for each.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from typing import Protocol

from beads import body, forks, ids, limits, report
from beads.errors import InvalidLine
from beads.op import Line, Op, UnknownVersion, parse
from beads.rates import Rates
from beads.report import Report
from beads.verify import START, Position, Verdict, Verifier
from stamps import keylog
from stamps.errors import KeyLogError
from stamps.keylog import KeyLog


class Source(Protocol):
    """What a peer sent. Any method may raise `InvalidLine`: that thing is invalid, the others go on."""

    def key_logs(self) -> Mapping[str, bytes]:
        """Return key logs by the name they were offered under (`beads.ids.actor_ref`)."""

    def logs(self) -> Iterable[str]:
        """Return the ids of the logs offered."""

    def segments(self, log: str) -> int:
        """Return how many segments a log has."""

    def segment(self, log: str, n: int) -> Sequence[bytes]:
        """Return the lines of a segment."""

    def branches(self) -> Iterable[tuple[str, Callable[[], Iterable[bytes]]]]:
        """Return other branches of forked logs: the log's id, and how to read the lines."""

    def bodies(self) -> Iterable[tuple[str, Callable[[], Iterable[tuple[int, bytes]]]]]:
        """Return bodies: the log's id, and how to read them with their positions."""


class Known(Protocol):
    """What the ledger knows already."""

    def key_log(self, actor: str) -> KeyLog | None:
        """Return an actor's key log."""

    def length(self, log: str) -> int:
        """Return how many operations the kept chain of a log has."""

    def actor(self, log: str) -> str | None:
        """Return who writes a log."""

    def forked_at(self, log: str) -> int | None:
        """Return where a log forks, nobody having decided."""

    def prefer(self, log: str) -> forks.Prefer:
        """Return what says whether anybody has spoken for a branch of a log."""

    def position(self, log: str, seq: int) -> Position | None:
        """Return a position of a log's kept chain."""

    def op_id(self, log: str, seq: int) -> str | None:
        """Return the id of an operation of a log's kept chain."""

    def branches(self, log: str) -> Sequence[Sequence[Line]]:
        """Return the branches of a log that are not kept."""

    def lacks_body(self, log: str, seq: int) -> Op | None:
        """Return the operation whose body is missing here; None where it is held, or the operation unknown."""

    def unwelcome(self, actor: str, log: str) -> frozenset[str]:
        """Return the operations of an actor's log whose bodies are not taken: taken back, or not wanted here."""


@dataclass
class Intake:
    """What to write, and what to say."""

    key_logs: dict[str, KeyLog] = field(default_factory=dict)
    ops: dict[str, list[Op]] = field(default_factory=dict)
    forks: dict[str, tuple[int, list[Op]]] = field(default_factory=dict)
    """Log → where it forks, and the branch that the peer holds."""
    bodies: dict[str, dict[int, bytes]] = field(default_factory=dict)
    report: Report = field(default_factory=Report)
    again: bool = False
    """Something waits for what is being taken: go through the source once more after writing."""


class Intaker:
    """Goes through a source once.

    Args:
        verifier: Judges lines; its `key_log` must ask `self.key_log`.
        rates: What may be taken today, or None for all.
    """

    def __init__(self, source: Source, known: Known, verifier: Verifier, rates: Rates | None = None) -> None:
        self._source = source
        self._known = known
        self._rates = rates
        self._intake = Intake()
        self._verifier = replace(verifier, key_log=self._key_log)

    def run(self) -> Intake:
        """Return everything that can be taken: key logs first, then logs, branches and bodies."""
        for name, raw in self._source.key_logs().items():
            self._take_key_log(name, raw)
        for log in self._source.logs():
            self._guarded("log", log, partial(self._take_log, log))
        for log, lines in self._source.branches():
            self._guarded("fork", log, partial(self._take_branch, log, lines))
        for log, bodies in self._source.bodies():
            self._guarded("body", log, partial(self._take_bodies, log, bodies))
        return self._intake

    def _guarded(self, what: str, log: str, take: Callable[[], None]) -> None:
        try:
            take()
        except InvalidLine as error:
            self._intake.report.add(what, log, report.INVALID, error.reason)
        except UnknownVersion:
            self._intake.report.add(what, log, report.HELD, "version")

    def _key_log(self, actor: str) -> KeyLog | None:
        return self._intake.key_logs.get(actor) or self._known.key_log(actor)

    def _take_key_log(self, name: str, raw: bytes) -> None:
        note = self._intake.report.add
        try:
            keys = keylog.verify(raw)
        except KeyLogError as error:
            note("keys", name, report.UNREAD if error.unread else report.INVALID, error.reason)
            return
        if ids.actor_ref(keys.scid) != name:
            note("keys", name, report.INVALID, "name")
            return
        known = self._known.key_log(keys.scid)
        if known is None and self._rates is not None and not self._rates.takes_keys(name):
            note("keys", name, report.HELD, "rate")
        elif known is None or (keys.raw.startswith(known.raw) and keys.raw != known.raw):
            self._intake.key_logs[keys.scid] = keys
            note("keys", name, report.ACCEPTED, taken=1)
        elif not known.raw.startswith(keys.raw):
            # A key log that splits keeps what was seen first; votes over it come with governance.
            note("keys", name, report.FORKED)

    def _take_log(self, log: str) -> None:
        if not ids.LOG_ID.fullmatch(log):
            raise InvalidLine("ref_name")
        segments = self._source.segments(log)
        first = min(self._known.length(log) // limits.SEGMENT, segments - 1)
        if not self._agrees(log, first):
            first = 0
        self._follow("log", log, first * limits.SEGMENT, self._lines(log, first, segments))

    def _agrees(self, log: str, n: int) -> bool:
        """Say whether their segment `n` goes on as ours does: by the chain, one shared operation proves all before."""
        start = n * limits.SEGMENT
        theirs = self._source.segment(log, n)
        last = min(self._known.length(log), start + len(theirs)) - 1
        if last >= start:
            return _op_id(theirs[last - start]) == self._known.op_id(log, last)
        return start > 0 and parse(theirs[0]).prev == self._known.op_id(log, start - 1)

    def _lines(self, log: str, first: int, end: int) -> Iterator[bytes]:
        """Read segment by segment: one that is bad ends the reading before those after it cost anything."""
        for n in range(first, end):
            segment = self._source.segment(log, n)
            if n < end - 1 and len(segment) != limits.SEGMENT:
                raise InvalidLine("segment_format", "a closed segment has 64 lines")
            yield from segment

    def _take_branch(self, log: str, read: Callable[[], Iterable[bytes]]) -> None:
        if log in self._intake.ops or log in self._intake.forks:
            self._intake.again = True
            return
        lines = iter(read())
        first = next(lines, b"")
        seq = parse(first).seq
        if seq > self._known.length(log):
            self._intake.report.add("fork", log, report.HELD, "prev")
        else:
            self._follow("fork", log, seq, chain([first], lines))

    def _follow(self, what: str, log: str, at: int, lines: Iterable[bytes]) -> None:
        """Walk along our chain from `at` as long as theirs is the same, then take what goes on, or what parts."""
        theirs = iter(lines)
        length = self._known.length(log)
        for raw in theirs:
            if at < length and _op_id(raw) == self._known.op_id(log, at):
                at += 1
                continue
            take = self._take_more if at == length and self._known.forked_at(log) is None else self._take_fork
            return take(what, log, at, chain([raw], theirs))
        if at == length:
            return self._intake.report.add(what, log, report.UNCHANGED)
        return self._intake.report.add(what, log, report.STALE, f"at_{at - 1}")

    def _take_more(self, what: str, log: str, seq: int, lines: Iterable[bytes]) -> None:
        verdict = self._read(log, seq, lines)
        if verdict.ops:
            self._intake.ops[log] = verdict.ops
        self._note(what, log, verdict)

    def _take_fork(self, what: str, log: str, seq: int, lines: Iterable[bytes]) -> None:
        """Two chains part at `seq`; both sides are signed, so that is proof against the writer."""
        verdict = self._read(log, seq, lines)
        if not verdict.ops:
            self._note(what, log, verdict)
        elif not self._is_news(log, seq, verdict.ops):
            self._intake.report.add(what, log, report.UNCHANGED)
        else:
            self._intake.forks[log] = (seq, verdict.ops)
            self._intake.report.add(what, log, report.FORKED, f"at_{seq}", len(verdict.ops))

    def _read(self, log: str, seq: int, lines: Iterable[bytes]) -> Verdict:
        """Verify lines, as many as may be taken today."""
        if self._rates is None:
            return self._verifier.read(log, lines, self._before(log, seq))
        rest = iter(lines)
        verdict = self._verifier.read(log, islice(rest, self._rates.room(log, seq)), self._before(log, seq))
        if verdict.ops:
            self._rates.took(log, seq, sum(len(one.raw) for one in verdict.ops))
        if verdict.stopped is None and next(rest, None) is not None:
            return verdict._replace(stopped=(report.HELD, "rate"))
        return verdict

    def _before(self, log: str, seq: int) -> Position:
        return (self._known.position(log, seq - 1) if seq else None) or START

    def _is_news(self, log: str, seq: int, branch: Sequence[Line]) -> bool:
        """Say whether a branch proves a fork not known yet, or is to be kept in the place of one that is."""
        held = [one for one in self._known.branches(log) if one[0].seq == seq]
        undecided = self._known.forked_at(log) == seq
        if not held and not undecided:
            return True
        most = limits.FORK_BRANCHES if undecided else limits.FORK_BRANCHES - 1
        kept = forks.kept([*held, branch], self._known.prefer(log), most)
        return [(one[0].id, one[-1].id) for one in kept] != [(one[0].id, one[-1].id) for one in held]

    def _note(self, what: str, log: str, verdict: Verdict) -> None:
        status, reason = verdict.stopped or (report.ACCEPTED, "")
        if verdict.stopped is None and any(one.payload is None for one in verdict.ops):
            status, reason = report.UNREAD, "upgrade"
        self._intake.report.add(what, log, status, reason, len(verdict.ops))

    def _take_bodies(self, log: str, read: Callable[[], Iterable[tuple[int, bytes]]]) -> None:
        new = {one.seq: one for one in self._intake.ops.get(log, ()) if one.body is not None}
        unwelcome = self._unwelcome(log)
        taken = self._intake.bodies.setdefault(log, {})
        try:
            for seq, raw in read():
                wanted = self._wanted(log, seq, new)
                if wanted is None or wanted.id in unwelcome:
                    continue
                if body.matches(raw, wanted.body):
                    taken[seq] = raw
                else:
                    self._intake.report.add("body", wanted.id, report.INVALID, "body_hash")
        finally:
            if taken:
                self._intake.report.add("body", log, report.ACCEPTED, taken=len(taken))
            else:
                del self._intake.bodies[log]

    def _wanted(self, log: str, seq: int, new: Mapping[int, Op]) -> Op | None:
        """Return the operation at a position whose body is missing here."""
        beyond_fork = log in self._intake.forks and seq >= self._intake.forks[log][0]
        return None if beyond_fork else new.get(seq) or self._known.lacks_body(log, seq)

    def _unwelcome(self, log: str) -> frozenset[str]:
        actor = self._known.actor(log)
        if actor is None and log in self._intake.ops:
            actor = str(self._intake.ops[log][0].payload.actor)
        # Of a log that nobody knows no body is wanted.
        return self._known.unwelcome(actor, log) if actor is not None else frozenset()


def _op_id(raw: bytes) -> str:
    return ids.op_id(raw.rstrip(b"\n").partition(b" ")[2])
