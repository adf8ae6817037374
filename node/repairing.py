"""A log of mine that goes on in two ways: how that came, and which way I want to stand (protocol, F7). ⚡

It happens to whoever uses one key from two copies of a home: a copy restored from a backup, a disk that was cloned.
Both ways are signed, so nobody else can tell which one was meant. Delegates' votes decide; where they have not, the
owner does, once, in the key log.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from beads.errors import Ambiguous, NotFound
from beads.ledger import Ledger
from beads.op import Op
from node.commons import Commons
from node.home import Home, short
from node.localtime import clock
from node.recovery import Changed, Safe, change
from stamps.keychange import Change

_T = TypeVar("_T")


class Way(NamedTuple):
    """One of the ways in which a log goes on, from where they part."""

    ops: tuple[Op, ...]

    @property
    def start(self) -> str:
        """The operation that tells it from the others."""
        return self.ops[0].id


class Parting(NamedTuple):
    """A log of mine that waits for a decision.

    Attributes:
        at: The position of the first operation that is not the same in all ways.
    """

    commons: str
    log: str
    at: int
    ways: tuple[Way, ...]


def partings(home: Home) -> list[Parting]:
    """Return my logs that go on in several ways, in all commons followed here."""
    me, found = home.key_log().scid, list[Parting]()
    for commons in home.commons():
        with Commons(home, commons) as ours:
            found += _partings(ours.ledger, me)
    return found


def _partings(ledger: Ledger, me: str) -> list[Parting]:
    return [
        Parting(ledger.commons, log.id, log.forked_at, _ways(ledger, log.id, log.forked_at))
        for log in ledger.index.logs().values()
        if log.actor == me and log.forked_at is not None
    ]


def _ways(ledger: Ledger, log: str, at: int) -> tuple[Way, ...]:
    return tuple(Way(tuple(branch)) for branch in ledger.branches(log) if branch[0].seq == at)


def find(found: Sequence[Parting], log: str | None) -> Parting:
    """Return the one that is meant: by how the log's id begins, or the only one.

    Raises:
        NotFound: There is none.
        Ambiguous: There are several.
    """
    return _only(found, [each for each in found if each.log.startswith(log or "")], log or "it", lambda each: each.log)


def choose(parting: Parting, op: str) -> Way:
    """Return the way that an operation lies on, given how its id begins.

    Raises:
        NotFound: It is on none.
        Ambiguous: The beginning fits operations of several ways.
    """
    fits = [way for way in parting.ways if any(one.id.startswith(op) for one in way.ops)]
    return _only(parting.ways, fits, op, lambda way: way.start)


def _only(all_: Sequence[_T], fits: Sequence[_T], wanted: str, name: Callable[[_T], str]) -> _T:
    if len(fits) == 1:
        return fits[0]
    if len(fits) > 1:
        raise Ambiguous(wanted, [name(each) for each in fits])
    if not all_:
        raise NotFound("no log of yours waits to be repaired", "See: wl doctor")
    raise NotFound(f"none of them fits {wanted}", f"There are: {', '.join(name(each)[:12] for each in all_)}")


def repair(home: Home, kept: Safe, parting: Parting, way: Way) -> Changed:
    """Say, once and for all, which way stands; it has effect unless delegates decide otherwise."""
    return change(home, kept, lambda _: Change(repairs=((parting.log, parting.at, way.start),)))


# -- telling -------------------------------------------------------------------------------------------------------

WHY = (
    "Its key was used from two copies of your home. Nobody but you can say which way was meant; what stands on the",
    "other has no effect any more. Decide once: it cannot be changed later.",
)
THEN = (
    "What was written on the other copy has its words there: they come with its next sync.",
    "Never sign with one key in two places again: on one of them, wl id rotate --device.",
)


def lines(parting: Parting) -> Iterator[str]:
    """Tell of a log and its ways, as text."""
    yield f"Log {parting.log[:12]} in {short(parting.commons)} goes on in {len(parting.ways)} ways from {parting.at}:"
    for way in parting.ways:
        what = ", ".join(f"{n} {t}" for t, n in sorted(Counter(one.t for one in way.ops).items()))
        yield f"  {way.start[:12]}  until {clock(way.ops[-1].hlc.ms)}: {what}"


def as_json(parting: Parting) -> dict[str, Any]:
    """Tell of a log and its ways, as JSON."""
    ways = [{"start": way.start, "operations": [one.id for one in way.ops]} for way in parting.ways]
    return {"commons": parting.commons, "log": parting.log, "at": parting.at, "ways": ways}
