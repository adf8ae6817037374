"""Signatures checked by a second process, ahead of the one that takes up what was signed. ⚡

1. One thing is believed of it: that a key signed these bytes. They are read here, by the rules of whoever takes them
   up; and what nobody has vouched for is checked here, signature and all.
2. So a second process (`beads.second`) that is slow, dead or was never started changes the time, and nothing else.
3. Lines go over in memory that both have mapped; a byte for each piece says how it stands, so nobody waits. Whoever
   needs a piece that is not done yet does one from the other end meanwhile.
"""

import mmap
import os
import socket
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self

from beads import op, second
from beads.op import Line
from beads.verify import ParseSigned, Piece
from stamps import envelope
from stamps.errors import SignatureError
from stamps.keys import PublicKey

WORTH = 2_000
"""Lines that are checked here sooner than a process has started."""
AT_ONCE = 2
"""Loads that are kept: the one that is taken up, and the next."""
_OPEN, _TAKEN, _GOOD, _BAD = range(4)
"""How a piece stands. Only this side takes any; two that judge the same one come to the same."""
_LOAD = struct.Struct(">8sI")
_LAYOUT = b"wl-load1"
"""Changes with whatever goes over: after an upgrade, the second process may be of another version."""
_PLACE = struct.Struct(">32sQQ")
"""Of a piece: its key, and from where to where its lines lie."""


class Precheck:
    """The second process; it starts with the first load that is worth it, and ends with the context."""

    def __init__(self) -> None:
        self._loads: list[_Load] = []
        self._child: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._alone = not second.is_possible()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loads.clear()
        if self._channel is not None:
            self._channel.close()
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    def begin(self, pieces: Sequence[Piece]) -> ParseSigned:
        """Have lines checked; return what reads them, and any other line, as `beads.op.parse_signed` does."""
        if sum(len(piece.lines) for piece in pieces) < WORTH or self._alone:
            return op.parse_signed
        try:
            load = _Load(pieces, self._channel or self._start())
        except OSError:
            # No room for a process or for the lines; or it has stopped, and takes no more.
            self._alone = True
            return op.parse_signed
        self._loads = [*self._loads, load][-AT_ONCE:]
        return partial(self._parse, load)

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        self._channel = ours
        ours.setblocking(False)
        with theirs:
            self._child = second.begin("beads.precheck", str(theirs.fileno()), files=[theirs.fileno()])
        return ours

    def _parse(self, load: "_Load", raw: bytes, key: PublicKey) -> Line:
        # Each line is asked for once; whoever asks again has it checked.
        n = load.places.pop(raw, None)
        if n is None or load.pieces[n].key != key:
            return op.parse_signed(raw, key)
        while (state := load.states[n]) in (_OPEN, _TAKEN) and self._do_one():
            pass
        # One that is being done over there at this moment is done here, too: nobody waits.
        return op.parse(raw) if state == _GOOD else op.parse_signed(raw, key)

    def _do_one(self) -> bool:
        # What is taken up last first: over there they come to it last.
        return any(load.do_last() for load in reversed(self._loads))


class _Load:
    """Pieces that are being checked.

    Args:
        channel: Where the second process hears of them.

    Attributes:
        places: Line → its piece, until it was asked for. A line that stands in several belongs to the last of them.
        states: How each piece stands.
    """

    def __init__(self, pieces: Sequence[Piece], channel: socket.socket) -> None:
        self.pieces = pieces
        self.places = {line: n for n, piece in enumerate(pieces) for line in piece.lines}
        self._last = len(pieces)
        with second.memory() as shared:
            for part in _laid_out(pieces):
                shared.write(part)
            shared.flush()
            self.states = mmap.mmap(shared.fileno(), 0)
            socket.send_fds(channel, [_LOAD.pack(_LAYOUT, len(pieces))], [shared.fileno()])

    def do_last(self) -> bool:
        """Check the last piece that nobody has begun; say whether there was one."""
        while self._last > 0:
            self._last -= 1
            if self.states[self._last] == _OPEN:
                self.states[self._last] = _TAKEN
                key, lines = self.pieces[self._last]
                self.states[self._last] = _judged(lines, key)
                return True
        return False


def _laid_out(pieces: Sequence[Piece]) -> Iterator[bytes]:
    """Yield a load as it lies there: the states, the places, the lines."""
    yield bytes([_OPEN]) * len(pieces)
    at = len(pieces) * (1 + _PLACE.size)
    for piece in pieces:
        end = at + sum(map(len, piece.lines))
        yield _PLACE.pack(piece.key.raw, at, end)
        at = end
    for piece in pieces:
        yield from piece.lines


def _judged(lines: Sequence[bytes], key: PublicKey) -> int:
    return _GOOD if all(_is_signed(line, key) for line in lines) else _BAD


def _is_signed(line: bytes, key: PublicKey) -> bool:
    try:
        signature, header = envelope.split(line)
    except SignatureError:
        return False
    return key.verify(envelope.pae(header), signature)


# -- the second process --------------------------------------------------------------------------------------------


def main(channel: str) -> None:
    """Run as the second process, until whoever began it is done.

    Args:
        channel: Number of the open socket over which loads come.
    """
    with suppress(KeyboardInterrupt), socket.socket(fileno=int(channel)) as given:
        check_all(given)


def check_all(channel: socket.socket) -> None:
    """Check what comes over a channel, load after load, until it is closed."""
    while True:
        message, files, _, _ = socket.recv_fds(channel, _LOAD.size, 1)
        if not files:
            return
        try:
            mapped = mmap.mmap(files[0], 0)
        finally:
            os.close(files[0])
        layout, count = _LOAD.unpack(message)
        if layout != _LAYOUT:
            return
        with mapped:
            _check_load(mapped, count)


def _check_load(mapped: mmap.mmap, count: int) -> None:
    keys: dict[bytes, PublicKey] = {}
    for n in range(count):
        if mapped[n] != _OPEN:
            continue
        raw, start, end = _PLACE.unpack_from(mapped, count + n * _PLACE.size)
        key = keys.get(raw) or keys.setdefault(raw, PublicKey(raw))
        # No line of a segment holds a CR, so these are the lines that were given.
        mapped[n] = _judged(mapped[start:end].splitlines(keepends=True), key)
