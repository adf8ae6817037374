"""Reading a stranger's log: every line is checked before anything is believed (protocol, Sync 3).

1. The bytes are split and their signature is checked first; then exactly those bytes are parsed.
2. A line follows the one before it: log, commons, `seq`, `prev`, and a rising hlc.
3. The first line opens the log; the log's id proves the key, and the actor's key log must list it.
4. What fails is an outcome with a reason, never an exception: the other logs go on.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from beads import ids, limits, op
from beads.clock import ZERO, Hlc
from beads.errors import BeadsError, InvalidLine
from beads.op import Head, Line, Op, UnknownVersion
from beads.ops.open import Open
from beads.rules import Rules
from stamps.errors import KeyFormatError
from stamps.keys import PublicKey


class Keys(Protocol):
    """What verification asks of an actor's key log (`stamps.keylog.KeyLog`)."""

    def allows(self, key: str, purpose: str) -> bool:
        """Say whether the log lists a did:key for a purpose."""


class Held(BeadsError):
    """Cannot be judged yet: something it needs is missing here. Fetched again at the next sync."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Writer(NamedTuple):
    """Who writes a log; `device` keys may do everything, agent keys little."""

    actor: str
    key: PublicKey
    device: bool


class Position(NamedTuple):
    """The end of what is known of a log."""

    head: Head | None
    hlc: Hlc
    writer: Writer | None


START = Position(None, ZERO, None)


class Piece(NamedTuple):
    """Lines that follow each other in one log, and the key that should have signed them."""

    key: PublicKey
    lines: Sequence[bytes]


ParseSigned = Callable[[bytes, PublicKey], Line]
"""Reads a line that a key should have signed, as `beads.op.parse_signed` does."""


class Verdict(NamedTuple):
    """What came of a log's lines.

    Attributes:
        ops: Those that are verified and follow on.
        stopped: `held` or `invalid` with the reason, when a line stopped the reading; else None.
    """

    ops: list[Op]
    end: Position
    stopped: tuple[str, str] | None = None


@dataclass(frozen=True)
class Verifier:
    """Judges lines by the rules of one commons.

    Attributes:
        key_log: Returns an actor's verified key log, or None.
        now_ms: The local clock, read once; only used to hold lines from the future.
        parse_signed: Checks signatures; may have done so ahead.
    """

    commons: str
    private: bool
    rules: Rules
    key_log: Callable[[str], Keys | None]
    now_ms: int
    parse_signed: ParseSigned = op.parse_signed

    def read(self, log: str, lines: Iterable[bytes], start: Position) -> Verdict:
        """Verify lines that should follow `start`, up to the first that does not hold."""
        ops: list[Op] = []
        at = start
        try:
            for raw in lines:
                verified, at = self._next(log, raw, at)
                ops.append(verified)
        except Held as held:
            return Verdict(ops, at, ("held", held.reason))
        except UnknownVersion:
            return Verdict(ops, at, ("held", "version"))
        except InvalidLine as error:
            # Of a line, or of where the lines are read from: what came before it stands.
            return Verdict(ops, at, ("invalid", error.reason))
        return Verdict(ops, at)

    def _next(self, log: str, raw: bytes, at: Position) -> tuple[Op, Position]:
        if at.writer is None:
            line = op.parse(raw)
            writer = self._opened_by(log, line)
            op.verify(line, writer.key)
        else:
            writer = at.writer
            line = self.parse_signed(raw, writer.key)
        self._check_place(log, line, at)
        if not self.rules.may_write(line.t, device=writer.device, private=self.private):
            raise InvalidLine("key_purpose", line.t)
        return self.rules.read(line), Position(Head(line.seq, line.id), line.hlc, writer)

    def _check_place(self, log: str, line: Line, at: Position) -> None:
        if line.commons != self.commons:
            raise InvalidLine("commons", "signed for another commons")
        if line.log != log:
            raise InvalidLine("log", "signed for another log")
        seq, prev = (0, None) if at.head is None else (at.head.seq + 1, at.head.op)
        if line.seq != seq:
            raise InvalidLine("seq", f"{line.seq} where {seq} follows")
        if line.prev != prev:
            raise InvalidLine("prev", f"does not follow operation {seq - 1}")
        if line.hlc <= at.hlc:
            raise InvalidLine("hlc_order")
        if line.hlc.ms > self.now_ms + limits.FUTURE_SKEW_MS:
            raise Held("future")

    def _opened_by(self, log: str, line: Line) -> Writer:
        start = self.rules.read(line).payload
        if line.seq != 0 or not isinstance(start, Open):
            raise InvalidLine("open", "a log starts with open")
        if ids.log_id(self.commons, start.actor, start.key) != log:
            raise InvalidLine("log", "the id does not prove this commons, actor and key")
        keys = self.key_log(start.actor)
        if keys is None:
            raise Held("key_log")
        return writer_of(keys, start.actor, start.key)


def writer_of(keys: Keys, actor: str, key: str) -> Writer:
    """Look a key up in its actor's key log.

    Raises:
        InvalidLine: The log does not list it.
    """
    device = keys.allows(key, "assertionMethod")
    if not device and not keys.allows(key, "authentication"):
        raise InvalidLine("key_purpose", "the key log does not list this key")
    try:
        return Writer(actor, PublicKey.from_did(key), device)
    except KeyFormatError as error:
        raise InvalidLine("key_purpose", str(error)) from None
