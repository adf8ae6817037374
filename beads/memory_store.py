"""A store in memory: for tests, simulations and tools that read a bundle."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from beads import ids
from beads.errors import ConflictError
from beads.op import Head, Line
from beads.store import Changes


class MemoryStore:
    """See `beads.store.Store`."""

    def __init__(self, genesis: bytes) -> None:
        self._genesis = genesis
        self._mutex = threading.Lock()
        self._lost: dict[str, list[tuple[int, bytes]]] = {}
        self._generation = 0
        self._key_logs: dict[str, bytes] = {}
        self._lines: dict[str, list[Line]] = {}
        self._branches: dict[str, list[list[bytes]]] = {}
        self._bodies: dict[str, dict[int, bytes]] = {}

    @property
    def commons(self) -> str:
        """The commons' id."""
        return ids.commons_id(self._genesis)

    @property
    def genesis(self) -> bytes:
        """Its founding document."""
        return self._genesis

    def close(self) -> None:
        """Nothing is open."""

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep every other writer out."""
        with self._mutex:
            yield

    def generation(self) -> str:
        """Return a token that differs after any write."""
        return str(self._generation)

    def key_log(self, actor: str) -> bytes | None:
        """Return one actor's key log, or None."""
        return self._key_logs.get(actor)

    def key_logs(self) -> dict[str, bytes]:
        """Return the key logs by actor."""
        return dict(self._key_logs)

    def logs(self) -> list[str]:
        """Return the ids of the logs, sorted."""
        return sorted({log for log, lines in self._lines.items() if lines}.union(self.forked()))

    def forked(self) -> list[str]:
        """Return the logs that have branches beside the kept chain, sorted."""
        return sorted(log for log, branches in self._branches.items() if branches)

    def head(self, log: str) -> Head | None:
        """Return where a log's kept chain ends."""
        lines = self._lines.get(log)
        return Head(lines[-1].seq, lines[-1].id) if lines else None

    def lines(self, log: str, start: int = 0, stop: int | None = None) -> list[bytes]:
        """Return the lines of a log's kept chain from a position on, up to another or the end."""
        return [line.raw for line in self._lines.get(log, [])[start:stop]]

    def branches(self, log: str) -> list[list[bytes]]:
        """Return the branches of a forked log that are not kept."""
        return [list(branch) for branch in self._branches.get(log, [])]

    def body(self, log: str, seq: int) -> bytes | None:
        """Return a body, or None."""
        return self._bodies.get(log, {}).get(seq)

    def body_seqs(self, log: str) -> list[int]:
        """Return the positions whose bodies are held, in order."""
        return sorted(self._bodies.get(log, ()))

    def bodies(self, log: str, wanted: Iterable[int] | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield the bodies of a log with their positions: all in order, or the wanted, as far as they are held."""
        held = self._bodies.get(log, {})
        yield from ((seq, held[seq]) for seq in (sorted(held) if wanted is None else wanted) if seq in held)

    def lost_bodies(self, log: str) -> Iterator[tuple[int, bytes]]:
        """Yield the bodies that forks took off a log."""
        yield from self._lost.get(log, [])

    def write(self, changes: Changes) -> None:
        """Take the changes over."""
        after = {log: self._extended(log, changes) for log in {*changes.lines, *changes.rewinds}}
        self._generation += 1
        self._key_logs.update(changes.key_logs)
        self._lines.update(after)
        for log, branches in changes.branches.items():
            ordered = sorted(branches, key=lambda branch: branch[0].id)
            self._branches[log] = [[line.raw for line in branch] for branch in ordered]
        for log, fork in changes.rewinds.items():
            self._lost.setdefault(log, []).extend(each for each in self._bodies.get(log, {}).items() if each[0] >= fork)
            self._bodies[log] = {seq: raw for seq, raw in self._bodies.get(log, {}).items() if seq < fork}
        for log, bodies in changes.bodies.items():
            self._bodies.setdefault(log, {}).update(bodies)
        for log, seqs in changes.erased.items():
            self._lost.pop(log, None)
            for seq in seqs:
                self._bodies.get(log, {}).pop(seq, None)

    def _extended(self, log: str, changes: Changes) -> list[Line]:
        lines = list(self._lines.get(log, []))
        if log in changes.rewinds:
            del lines[changes.rewinds[log] :]
        for line in changes.lines.get(log, ()):
            if line.seq != len(lines) or line.prev != (lines[-1].id if lines else None):
                raise ConflictError(f"log {log[:8]} does not end before {line.seq}")
            lines.append(line)
        return lines
