"""Catching up: what a store holds beyond its index, after a kill, another process, or a new start."""

from collections.abc import Mapping, Sequence

from beads import body, op
from beads.indexer import Delta, Indexer
from beads.op import Op
from beads.report import Report
from beads.store import Store
from beads.verify import START, Position, Verdict, Verifier


class Replay:
    """Reads a store into an index, log by log, verifying again: the disk is not above suspicion.

    Args:
        verifier: Judges lines; nothing is too new for it.
    """

    def __init__(self, store: Store, indexer: Indexer, verifier: Verifier) -> None:
        self._store = store
        self._indexer = indexer
        self._index = indexer.index
        self._verifier = verifier
        self._report = Report()

    def run(self, generation: str) -> Report:
        """Take up what the index lacks, and let go of what the store does; return what does not verify.

        Args:
            generation: The store's token, read before the store is.
        """
        fresh = self._fresh()
        if fresh is None:
            # The store went back behind the index (a restored copy): only a new start is right.
            self._index.clear()
            fresh = self._fresh() or {}
        ops = {log: self._verified(log, lines, self._index.end(log) or START).ops for log, lines in fresh.items()}
        bodies, gone = self._bodies(ops)
        delta = Delta(generation, ops, bodies=bodies, erased=frozenset(gone), new_keys=True)
        self._indexer.apply(delta)
        return self._report

    def _fresh(self) -> dict[str, list[bytes]] | None:
        """Return the lines of each log that the index lacks; None where the store lacks what the index has."""
        heads = self._index.heads()
        found: dict[str, list[bytes]] = {}
        for log in self._store.logs():
            head = heads.pop(log, None)
            lines = self._store.lines(log, head.seq if head else 0)
            if head is not None and (not lines or op.recall(lines.pop(0)).id != head.op):
                return None
            found[log] = lines
        return None if heads else found

    def _verified(self, log: str, lines: Sequence[bytes], at: Position) -> Verdict:
        verdict = self._verifier.read(log, lines, at)
        if verdict.stopped:
            self._report.add("log", log, *verdict.stopped, len(verdict.ops))
        return verdict

    def _bodies(self, ops: Mapping[str, Sequence[Op]]) -> tuple[dict[str, bytes], list[str]]:
        """Return the bodies that the index lacks, by operation, and the operations whose bodies have gone."""
        found: dict[str, bytes] = {}
        gone: list[str] = []
        for log in ops:
            new = {one.seq: one for one in ops[log]}
            indexed = self._index.bodies_of(log)
            held = self._store.body_seqs(log)
            gone += [indexed[seq] for seq in indexed.keys() - set(held)]
            for seq in (seq for seq in held if seq not in indexed):
                one = new.get(seq) or self._index.op_at(log, seq)
                raw = self._store.body(log, seq)
                if one is not None and raw is not None and body.matches(raw, one.body):
                    found[one.id] = raw
        return found, gone
