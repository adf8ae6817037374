"""Weighing a set of operations whole, in memory: logs are graphs, walked as far as it is decided where they go.

What an index does step by step (`beads.index`), done at once: the oracle of tests, and of `wl verify`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from beads.genesis import Genesis
from beads.op import Op
from beads.weigh import Evidence, KeysOf, Opened, Scales, Weighed, open_log, opening


def weigh_all(ops: Iterable[Op], commons: str, genesis: Genesis, keys: KeysOf) -> tuple[Weighed, list[Op]]:
    """Weigh a set of verified operations, all in memory.

    Returns:
        The logs as weighed, and the kept operations of all of them (live or not).
    """
    return _InMemory(ops, commons, genesis, keys).weigh()


class _InMemory:
    """Logs as graphs of operations, walked as far as it is decided where they go."""

    def __init__(self, ops: Iterable[Op], commons: str, genesis: Genesis, keys: KeysOf) -> None:
        self._commons, self._genesis, self._keys = commons, genesis, keys
        self._after: defaultdict[tuple[str, str | None], dict[str, Op]] = defaultdict(dict)
        for op in ops:
            self._after[op.log, op.prev][op.id] = op
        self._logs = {log for log, _ in self._after}
        self._kept: dict[str, list[Op]] = {}
        self._opened: dict[str, Opened] = {}

    def weigh(self) -> tuple[Weighed, list[Op]]:
        for log in self._logs:
            self._walk(log, None)
        before = self._scales()
        for log in [log for log, opened in self._opened.items() if opened.forked_at is not None]:
            self._walk(log, before)
        return self._scales().weigh(), [op for chain in self._kept.values() for op in chain]

    def _scales(self) -> Scales:
        evidence = Evidence(self._keys, self._checkpoints, self._op_at)
        return Scales(self._opened, self._commons, self._genesis, evidence)

    def _checkpoints(self) -> Iterable[Op]:
        return (op for chain in self._kept.values() for op in chain if op.t == "checkpoint")

    def _op_at(self, log: str, seq: int) -> str | None:
        return self._kept[log][seq].id if log in self._kept and seq < len(self._kept[log]) else None

    def _walk(self, log: str, scales: Scales | None) -> None:
        """Follow a log to its end or to a fork that nobody has decided; without scales to its first fork.

        Operations whose predecessors are missing are left out: they are held until those arrive.
        """
        chain: list[Op] = []
        parted: int | None = None
        while ways := self._after[log, chain[-1].id if chain else None]:
            chosen = next(iter(ways))
            if len(ways) > 1:
                parted = len(chain) if parted is None else parted
                voted = self._decided(log, len(chain), ways, scales)
                if voted is None:
                    break
                chosen = voted
            chain.append(ways[chosen])
        # A log that forks at its very start has no kept chain; either opening tells whose it is.
        first = (opening(op, self._commons) for op in chain[:1] or self._after[log, None].values())
        start = next(filter(None, first), None)
        if start is not None:
            forked = len(chain) if ways else None
            self._opened[log] = open_log(log, start, chain, forked, parted, self._keys)
            self._kept[log] = chain

    def _decided(self, log: str, at: int, ways: Mapping[str, Op], scales: Scales | None) -> str | None:
        if scales is None or log not in self._opened:
            return None
        branches = {start: list(self._branches(log, op)) for start, op in ways.items()}
        return scales.decide(log, self._opened[log].actor)(at, branches)

    def _branches(self, log: str, first: Op) -> Iterable[list[Op]]:
        """Yield every way that goes on from an operation, each from it to its end."""
        paths = [[first]]
        while paths:
            path = paths.pop()
            ends = self._after[log, path[-1].id]
            if not ends:
                yield path
            paths += [[*path, op] for op in ends.values()]
