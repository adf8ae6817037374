"""Signatures checked by a second process, ahead of the one that takes up what was signed. ⚡

1. It only spares work: a line that nobody has vouched for is checked by whoever reads it. A second process that is
   slow, dead or was never started changes the time, and nothing else.
2. Lines go over in a file that both have mapped; a byte for each piece says how it stands, so nobody waits. Whoever
   needs a piece that is not done yet does one from the other end meanwhile.
"""

import mmap
import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self

from beads import op
from beads.errors import BeadsError
from beads.op import Line
from beads.verify import ParseSigned, Piece
from stamps.keys import PublicKey

WORTH = 2_000
"""Lines that are checked here sooner than a process has started."""
AT_ONCE = 2
"""Loads that are kept: the one that is taken up, and the next."""
_OPEN, _TAKEN, _GOOD, _BAD = range(4)
_COUNT = struct.Struct(">I")
_PLACE = struct.Struct(">32sQQ")
"""Of a piece: its key, and from where to where its lines lie."""


class Precheck:
    """The second process; it starts with the first load that is worth it, and ends with the context."""

    def __init__(self) -> None:
        self._loads: list[_Load] = []
        self._child: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._alone = (os.cpu_count() or 1) == 1

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
            channel = self._channel or self._start()
            load = _Load(pieces)
            load.send(channel)
        except OSError:
            # No room for a file or a process.
            self._alone = True
            return op.parse_signed
        self._loads = [*self._loads, load][-AT_ONCE:]
        return partial(self._parse, load)

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        self._channel = ours
        with theirs:
            # A fork would take along threads and open files. What lies in the working folder must not be imported.
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
        return ours

    def _parse(self, load: "_Load", raw: bytes, key: PublicKey) -> Line:
        n = load.places.pop(raw, None)
        if n is None or load.pieces[n].key != key:
            return op.parse_signed(raw, key)
        while (state := load.states[n]) in (_OPEN, _TAKEN) and self._do_one():
            pass
        # One that is being done over there at this moment is done here, too: nobody waits.
        return op.recall(raw) if state == _GOOD else op.parse_signed(raw, key)

    def _do_one(self) -> bool:
        return any(load.do_last() for load in reversed(self._loads))


class _Load:
    """Pieces that are being checked.

    Attributes:
        places: Line → its piece, until it was asked for.
        states: How each piece stands.
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces
        self.places = {line: n for n, piece in enumerate(pieces) for line in piece.lines}
        self._last = len(pieces)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - until it is sent
        self._file.write(_laid_out(pieces))
        self._file.flush()
        self.states = mmap.mmap(self._file.fileno(), 0)

    def send(self, channel: socket.socket) -> None:
        with self._file:
            socket.send_fds(channel, [_COUNT.pack(len(self.pieces))], [self._file.fileno()])

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


def _laid_out(pieces: Sequence[Piece]) -> bytes:
    """Return a load as it lies in its file: the states, the places, the lines."""
    texts = [b"".join(piece.lines) for piece in pieces]
    at = len(pieces) * (1 + _PLACE.size)
    places: list[bytes] = []
    for piece, text in zip(pieces, texts, strict=True):
        places.append(_PLACE.pack(piece.key.raw, at, at + len(text)))
        at += len(text)
    return b"".join([bytes([_OPEN]) * len(pieces), *places, *texts])


def _judged(lines: Sequence[bytes], key: PublicKey) -> int:
    try:
        for line in lines:
            op.parse_signed(line, key)
    except BeadsError:
        return _BAD
    return _GOOD


# -- the second process --------------------------------------------------------------------------------------------


def check_all(channel: socket.socket) -> None:
    """Check what comes over a channel, load after load, until it is closed."""
    while True:
        message, files, _, _ = socket.recv_fds(channel, _COUNT.size, 1)
        if not files:
            return
        try:
            mapped = mmap.mmap(files[0], 0)
        finally:
            os.close(files[0])
        with mapped:
            _check_load(mapped, *_COUNT.unpack(message))


def _check_load(mapped: mmap.mmap, count: int) -> None:
    keys: dict[bytes, PublicKey] = {}
    for n in range(count):
        if mapped[n] != _OPEN:
            continue
        raw, start, end = _PLACE.unpack_from(mapped, count + n * _PLACE.size)
        key = keys.get(raw) or keys.setdefault(raw, PublicKey(raw))
        mapped[n] = _judged(mapped[start:end].splitlines(keepends=True), key)


if __name__ == "__main__":
    # Who began this decides when it ends.
    with suppress(KeyboardInterrupt), socket.socket(fileno=int(sys.argv[1])) as given:
        check_all(given)
