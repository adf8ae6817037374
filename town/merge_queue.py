"""The merge queue's head: order, batches, and who is to blame.

The rules:

1. Higher priority first, and every hour of waiting counts `AGEING` points, so nothing waits for ever.
2. A batch is tested as one candidate. Green: all of it lands.
3. Red: once more, for a flaky gate. Red again: the bare target. If that is red too nobody is to blame; the queue holds.
4. Otherwise split: what is found good so far is the ground on which the next half is tested, so a member is blamed
   exactly when it fails on top of everything good before it. Nobody is blamed on one failure alone.
5. What is found good has been tested whole, as the very list that lands.

`sift` asks for tests and is told their outcome; it runs nothing. Where a gate failure once there never goes away by
adding more members, the result is the same as testing the members one after another.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Final

BATCH_LIMIT: Final = 5
PRIORITY_STEP: Final = 100
AGEING: Final = 25
_HOUR_MS: Final = 3_600_000
_PATIENCE: Final = 2
"""Failures it takes to believe one."""

Trial = tuple[str, ...]
"""Members in order, to be stacked on the target and tested; the empty trial is the target itself."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One submission in the queue.

    Attributes:
        priority: 0 (most urgent) to 4.
        since_ms: when it was submitted.
    """

    id: str
    priority: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a batch came to: `good` lands, `culprits` go back; `held`: the target itself fails."""

    good: Trial = ()
    culprits: Trial = ()
    held: bool = False


def score(entry: Entry, now_ms: int) -> int:
    """Weigh an entry: 100 for each step of priority, 25 for each hour of waiting."""
    waited = max(0, now_ms - entry.since_ms)
    return PRIORITY_STEP * (4 - entry.priority) + AGEING * waited // _HOUR_MS


def order(entries: Sequence[Entry], now_ms: int) -> tuple[Entry, ...]:
    """Sort a queue, the next to merge first; of equals the longest waiting."""
    return tuple(sorted(entries, key=lambda entry: (-score(entry, now_ms), entry.since_ms, entry.id)))


def next_batch(entries: Sequence[Entry], now_ms: int, limit: int = BATCH_LIMIT) -> Trial:
    """Take the front of the queue."""
    return tuple(entry.id for entry in order(entries, now_ms)[:limit])


def sift(batch: Trial) -> Generator[Trial, bool, Verdict]:
    """Find what of a batch can land. Yields trials, is sent whether each passed, returns the verdict."""
    if not batch or (yield from _passes(batch, _PATIENCE)):
        return Verdict(good=batch)
    if not (yield ()):
        return Verdict(held=True)
    good, culprits = yield from _divide((), batch, _PATIENCE)
    return Verdict(good, culprits)


def _passes(trial: Trial, times: int) -> Generator[Trial, bool, bool]:
    """Try up to so many times; with none left the trial is known to fail."""
    for _ in range(times):
        if (yield trial):
            return True
    return False


def _divide(good: Trial, suspects: Trial, failures: int) -> Generator[Trial, bool, tuple[Trial, Trial]]:
    """Sift suspects on good ground, where `good + suspects` has failed so many times already."""
    patience = _PATIENCE if len(suspects) == 1 else 1
    if (yield from _passes(good + suspects, patience - failures)):
        return good + suspects, ()
    if len(suspects) == 1:
        return good, suspects
    left, right = suspects[: len(suspects) // 2], suspects[len(suspects) // 2 :]
    ground, blamed = yield from _divide(good, left, 0)
    # With the whole left half good, the right half on top of it is the trial that failed just now.
    known = max(failures, patience) if ground == good + left else 0
    ground, more = yield from _divide(ground, right, known)
    return ground, blamed + more
