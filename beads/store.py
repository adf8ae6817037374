"""What the ledger asks of a store; `MemoryStore` and `GitStore` pass one contract suite.

A store keeps verified lines and nothing else of a log: it never judges. One writer at a time holds `lock`;
`write` makes a change durable before anybody can see it, bodies before the lines that name them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from beads.op import Head, Line


@dataclass(frozen=True)
class Changes:
    """One write.

    Attributes:
        key_logs: Actor (SCID) → the whole key log.
        rewinds: Log → first position to take off its kept chain, with bodies: another branch goes on there, or none.
        lines: Log → lines that follow its kept chain after any rewind.
        branches: Log → the branches not kept, all of them, each from the fork on.
        bodies: Log → position → body.
        erased: Log → positions whose bodies go.
    """

    key_logs: Mapping[str, bytes] = field(default_factory=dict)
    rewinds: Mapping[str, int] = field(default_factory=dict)
    lines: Mapping[str, Sequence[Line]] = field(default_factory=dict)
    branches: Mapping[str, Sequence[Sequence[Line]]] = field(default_factory=dict)
    bodies: Mapping[str, Mapping[int, bytes]] = field(default_factory=dict)
    erased: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        parts = (self.key_logs, self.rewinds, self.lines, self.branches, self.bodies, self.erased)
        return any(parts)


class Store(Protocol):
    """The verified contents of one commons."""

    @property
    def commons(self) -> str:
        """The commons' id."""

    @property
    def genesis(self) -> bytes:
        """Its founding document."""

    def close(self) -> None:
        """Give what is open back."""

    def lock(self) -> AbstractContextManager[None]:
        """Keep every other writer out, in this process and in others; not reentrant."""

    def generation(self) -> str:
        """Return a token that differs after any write, even one that was killed half way."""

    def key_log(self, actor: str) -> bytes | None:
        """Return one actor's key log, or None."""

    def key_logs(self) -> dict[str, bytes]:
        """Return the key logs by actor."""

    def logs(self) -> list[str]:
        """Return the ids of the logs, sorted."""

    def forked(self) -> list[str]:
        """Return the logs that have branches beside the kept chain, sorted."""

    def head(self, log: str) -> Head | None:
        """Return where a log's kept chain ends."""

    def lines(self, log: str, start: int = 0, stop: int | None = None) -> list[bytes]:
        """Return the lines of a log's kept chain from a position on, up to another or the end."""

    def branches(self, log: str) -> list[list[bytes]]:
        """Return the branches of a forked log that are not kept."""

    def body(self, log: str, seq: int) -> bytes | None:
        """Return a body, or None where it is missing or erased."""

    def body_seqs(self, log: str) -> list[int]:
        """Return the positions whose bodies are held, in order."""

    def bodies(self, log: str, wanted: Iterable[int] | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield the bodies of a log with their positions: all in order, or the wanted, as far as they are held."""

    def lost_bodies(self, log: str) -> Iterator[tuple[int, bytes]]:
        """Yield the bodies that forks took off a log, with the positions they had; several may have had the same."""

    def write(self, changes: Changes) -> None:
        """Make changes durable, then visible. The caller holds `lock`.

        Raises:
            ConflictError: The store is not as the caller thinks; nothing was written.
            StoreError: The disk refused; what was there before is whole.
        """
