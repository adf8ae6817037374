"""Taking up what a peer has: compare, verify, decide; the ledger then writes (protocol, Sync 3 to 5).

Pure: a `Source` is what the peer sent, already unpacked; the result is `Intake`, the changes and an outcome for each.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from typing import Protocol

from beads import body, ids, limits, report
from beads.errors import InvalidLine
from beads.op import Op, parse
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

    def branches(self) -> Iterable[tuple[str, Sequence[bytes]]]:
        """Return other branches of forked logs, each with the log's id."""

    def bodies(self) -> Iterable[tuple[str, int, bytes]]:
        """Return bodies with log and position."""


class Known(Protocol):
    """What the ledger knows already."""

    def key_log(self, actor: str) -> KeyLog | None:
        """Return an actor's key log."""

    def length(self, log: str) -> int:
        """Return how many operations the kept chain of a log has."""

    def forked_at(self, log: str) -> int | None:
        """Return where a log forks."""

    def position(self, log: str, seq: int) -> Position | None:
        """Return a position of a log's kept chain."""

    def op_id(self, log: str, seq: int) -> str | None:
        """Return the id of an operation of a log's kept chain."""

    def branch_starts(self, log: str) -> Sequence[str]:
        """Return the first operation of each branch that is not kept."""

    def wants_body(self, log: str, seq: int) -> Op | None:
        """Return the operation whose body is missing here and welcome; None where held, erased or unknown."""


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
    """

    def __init__(self, source: Source, known: Known, verifier: Verifier) -> None:
        self._source = source
        self._known = known
        self._intake = Intake()
        self._verifier = Verifier(verifier.commons, verifier.private, verifier.rules, self._key_log, verifier.now_ms)

    def run(self) -> Intake:
        """Return everything that can be taken: key logs first, then logs, branches and bodies."""
        for name, raw in self._source.key_logs().items():
            self._take_key_log(name, raw)
        for log in self._source.logs():
            self._guarded("log", log, partial(self._take_log, log))
        for log, lines in self._source.branches():
            self._guarded("fork", log, partial(self._take_branch, log, lines))
        for log, seq, raw in self._source.bodies():
            self._take_body(log, seq, raw)
        return self._intake

    def _guarded(self, what: str, log: str, take: Callable[[], None]) -> None:
        try:
            take()
        except InvalidLine as error:
            self._intake.report.add(what, log, report.INVALID, error.reason)

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
        if known is None or (raw.startswith(known.raw) and raw != known.raw):
            self._intake.key_logs[keys.scid] = keys
            note("keys", name, report.ACCEPTED, taken=1)
        elif not known.raw.startswith(raw):
            # A key log that splits keeps what was seen first; votes over it come with governance.
            note("keys", name, report.FORKED)

    def _take_log(self, log: str) -> None:
        if not ids.LOG_ID.fullmatch(log):
            raise InvalidLine("ref_name")
        ours = self._known.length(log)
        segments = self._source.segments(log)
        first = min(ours // limits.SEGMENT, segments - 1)
        theirs = self._lines(log, first, segments)
        start = first * limits.SEGMENT
        length = start + len(theirs)
        if not self._continues(log, start, theirs):
            self._take_divergence(log, segments)
        elif length <= ours:
            status = report.UNCHANGED if length == ours else report.STALE
            self._intake.report.add("log", log, status)
        else:
            self._take_more(log, theirs[max(ours - start, 0) :])

    def _lines(self, log: str, first: int, end: int) -> list[bytes]:
        lines: list[bytes] = []
        for n in range(first, end):
            segment = self._source.segment(log, n)
            if n < end - 1 and len(segment) != limits.SEGMENT:
                raise InvalidLine("segment_format", "a closed segment has 64 lines")
            lines += segment
        return lines

    def _continues(self, log: str, start: int, theirs: Sequence[bytes]) -> bool:
        """Say whether their lines from `start` agree with ours: by the chain, one shared operation proves the rest."""
        last = min(self._known.length(log) - 1, start + len(theirs) - 1)
        if last >= start:
            return _op_id(theirs[last - start]) == self._known.op_id(log, last)
        return start == 0 or parse(theirs[0]).prev == self._known.op_id(log, start - 1)

    def _take_more(self, log: str, lines: Sequence[bytes]) -> None:
        forked = self._known.forked_at(log)
        if forked is not None:
            self._intake.report.add("log", log, report.FORKED, f"at_{forked}")
            return
        length = self._known.length(log)
        at = self._known.position(log, length - 1) if length else START
        assert at is not None
        verdict = self._verifier.read(log, lines, at)
        if verdict.ops:
            self._intake.ops[log] = verdict.ops
        self._note("log", log, verdict)

    def _take_divergence(self, log: str, segments: int) -> None:
        """Find where the two chains part, and prove it: both sides must be signed."""
        theirs = self._lines(log, 0, segments)
        shared = zip(theirs, range(self._known.length(log)), strict=False)
        agree = sum(1 for _ in takewhile(lambda pair: _op_id(pair[0]) == self._known.op_id(log, pair[1]), shared))
        self._take_fork("log", log, agree, theirs[agree:])

    def _take_branch(self, log: str, lines: Sequence[bytes]) -> None:
        if log in self._intake.ops or log in self._intake.forks:
            self._intake.again = True
            return
        first = parse(lines[0])
        length = self._known.length(log)
        if first.seq > length:
            self._intake.report.add("fork", log, report.HELD, "prev")
        elif first.seq < length and self._known.op_id(log, first.seq) == first.id:
            self._intake.report.add("fork", log, report.UNCHANGED)
        elif first.seq == length and self._known.forked_at(log) is None:
            self._take_more(log, lines)
        else:
            self._take_fork("fork", log, first.seq, lines)

    def _take_fork(self, what: str, log: str, seq: int, lines: Sequence[bytes]) -> None:
        forked = self._known.forked_at(log)
        if forked is not None and seq >= forked and self._have_branch(log, lines):
            self._intake.report.add(what, log, report.UNCHANGED)
            return
        before = self._known.position(log, seq - 1) if seq else START
        verdict = self._verifier.read(log, lines, before or START)
        if verdict.ops:
            self._intake.forks[log] = (seq, verdict.ops)
            self._intake.report.add(what, log, report.FORKED, f"at_{seq}", len(verdict.ops))
        else:
            self._note(what, log, verdict)

    def _have_branch(self, log: str, lines: Sequence[bytes]) -> bool:
        starts = self._known.branch_starts(log)
        return len(starts) >= limits.FORK_BRANCHES or _op_id(lines[0]) in starts

    def _note(self, what: str, log: str, verdict: Verdict) -> None:
        status, reason = verdict.stopped or (report.ACCEPTED, "")
        if verdict.stopped is None and any(one.payload is None for one in verdict.ops):
            status, reason = report.UNREAD, "upgrade"
        self._intake.report.add(what, log, status, reason, len(verdict.ops))

    def _take_body(self, log: str, seq: int, raw: bytes) -> None:
        wanted = next((one for one in self._intake.ops.get(log, ()) if one.seq == seq), None)
        wanted = wanted or self._known.wants_body(log, seq)
        if wanted is None:
            return
        if body.matches(raw, wanted.body):
            self._intake.bodies.setdefault(log, {})[seq] = raw
        else:
            self._intake.report.add("body", wanted.id, report.INVALID, "body_hash")


def _op_id(raw: bytes) -> str:
    return ids.op_id(raw.rstrip(b"\n").partition(b" ")[2])
