"""Entities folded by two processes: one lays rows into the tables, and both work rows out. ⚡

1. The second process opens the same tables for reading, and sees what is committed. It works out parts from the first
   on; this one takes from the other end whenever it would have to wait.
2. A second process that is slow, dead or was never started changes the time, and nothing else: what it has not done is
   done here.
"""

import mmap
import struct
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, suppress
from importlib import import_module
from queue import Queue
from threading import Thread
from typing import IO, Self

import msgspec

from beads import second
from beads.index import Index
from beads.layout import Layout, lay_out
from beads.rules import Entity

AHEAD = 3
"""Parts that wait to be laid, at most."""
_OPEN, _TAKEN, _BEGUN = range(3)
"""How a part stands: this side takes, the other begins. Where both come to one at once, what is done first counts."""
_ANSWER = struct.Struct(">II")
"""Which part, and how many bytes."""


def layouts(index: Index, parts: Sequence[Sequence[Entity]]) -> Generator[Layout]:
    """Yield how the entities of each part lie in the tables, in no order."""
    left = dict(enumerate(parts))
    with ExitStack() as opened:
        if index.elsewhere and second.is_possible():
            # Where there is no room for a process, it is done without.
            try:
                helper = opened.enter_context(_Second(index.elsewhere, parts))
            except OSError:
                pass
            else:
                yield from _shared(index, left, helper)
    for part in left.values():
        yield lay_out(index, part, {})


def _shared(index: Index, left: dict[int, Sequence[Entity]], helper: "_Second") -> Iterator[Layout]:
    """Yield parts as long as the second process lives, and take them out of `left`."""
    while left:
        own = helper.take_last(left) if helper.is_empty() else None
        if own is not None:
            yield lay_out(index, left.pop(own), {})
            continue
        answer = helper.next()
        if answer is None:
            return
        if left.pop(answer[0], None) is not None:
            yield msgspec.msgpack.decode(answer[1], type=Layout)


class _Second:
    """The second process, and what it has worked out."""

    def __init__(self, elsewhere: Sequence[str], parts: Sequence[Sequence[Entity]]) -> None:
        self._answers: Queue[tuple[int, bytes] | None] = Queue(AHEAD)
        with second.memory() as shared:
            shared.write(bytes([_OPEN]) * len(parts))
            shared.write(msgspec.msgpack.encode(parts))
            shared.flush()
            self._states = mmap.mmap(shared.fileno(), 0)
            number = shared.fileno()
            self._child = second.begin(
                "beads.prefold", str(number), str(len(parts)), *elsewhere, files=[number], answers=True
            )
        self._reader = Thread(target=self._read, daemon=True)
        self._has_ended = False

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        # The reader may wait for room.
        while not self._has_ended:
            self.next()
        self._reader.join()
        self._child.wait()

    def is_empty(self) -> bool:
        """Say whether nothing is ready."""
        return self._answers.empty()

    def next(self) -> tuple[int, bytes] | None:
        """Wait for a part and return its number and layout; None where no more come."""
        answer = self._answers.get()
        self._has_ended = answer is None
        return answer

    def take_last(self, left: dict[int, Sequence[Entity]]) -> int | None:
        """Take the last part that nobody has begun, and return its number."""
        number = next((n for n in reversed(left) if self._states[n] == _OPEN), None)
        if number is not None:
            self._states[number] = _TAKEN
        return number

    def _read(self) -> None:
        assert self._child.stdout is not None
        try:
            with self._child.stdout as answers:
                while len(head := answers.read(_ANSWER.size)) == _ANSWER.size:
                    number, size = _ANSWER.unpack(head)
                    raw = answers.read(size)
                    if len(raw) < size:
                        return
                    self._answers.put((number, raw))
        finally:
            self._answers.put(None)


# -- the second process --------------------------------------------------------------------------------------------


def main(file: str, count: str, module: str, function: str, *arguments: str) -> None:
    """Run as the second process.

    Args:
        file: Number of the open file that holds how the parts stand, and the parts.
        module: Where the function is that opens the tables, given the arguments.
    """
    index: Index = getattr(import_module(module), function)(*arguments)
    with mmap.mmap(int(file), 0) as shared, suppress(BrokenPipeError, KeyboardInterrupt):
        parts = msgspec.msgpack.decode(shared[int(count) :], type=list[list[Entity]])
        work_out(index, parts, shared, sys.stdout.buffer)


def work_out(index: Index, parts: Sequence[Sequence[Entity]], states: mmap.mmap, answers: IO[bytes]) -> None:
    """Lay parts out from the first on, up to what the other process has taken."""
    for number, part in enumerate(parts):
        if states[number] == _TAKEN:
            return
        states[number] = _BEGUN
        raw = msgspec.msgpack.encode(lay_out(index, part, {}))
        answers.write(_ANSWER.pack(number, len(raw)) + raw)
        answers.flush()
