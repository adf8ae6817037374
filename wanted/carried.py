"""What sheets in files prove, taken along into a new one: for commons that their holder follows no longer.

1. The lines of all the files are put together and judged anew, so that a stamp that one of them shows and another
   knows to be replaced is shown no more.
2. Of an item there goes along what proves the stamps that are shown, as where a sheet is made from the commons itself
   (`wanted.portable`): no file tells more than its holder chose.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from beads import body, genesis, ids, op
from beads.op import Op
from stamps import keylog
from stamps.sheet import EarnedStamp
from wanted import proving
from wanted.errors import BundleError
from wanted.portable import Part
from wanted.proving import Proven
from wanted.sheetfile import SheetFile


class Carried(NamedTuple):
    """What files prove of their holder in one commons.

    Attributes:
        genesis: The founding document.
        key_logs: SCID → the longest that a file has.
        ops: All operations, by their ids.
        proven: The holder's stamps that count, by their operations.
        bodies: The words that the files hold, of this commons and perhaps of others.
    """

    commons: str
    name: str
    genesis: bytes
    key_logs: Mapping[str, bytes]
    ops: Mapping[str, Op]
    proven: Mapping[str, Proven]
    bodies: Sequence[bytes]

    @property
    def stamps(self) -> list[EarnedStamp]:
        """The stamps, the oldest first."""
        return sorted((each.earned for each in self.proven.values()), key=lambda stamp: (stamp.time_ms, stamp.op))


def gather(files: Sequence[SheetFile], holder: str, without: Collection[str]) -> list[Carried]:
    """Return what files prove together, for each commons but those left out.

    Args:
        files: Each of them verified.
        holder: Whose they are.
        without: Commons whose own word is at hand.
    """
    founded = {ids.commons_id(text.encode()): text.encode() for file in files for text in file.genesis}
    found = (_of(files, commons, raw, holder) for commons, raw in sorted(founded.items()) if commons not in without)
    return [each for each in found if each.proven]


def _of(files: Sequence[SheetFile], commons: str, founding: bytes, holder: str) -> Carried:
    lines = dict.fromkeys(text for file in files for text in file.lines if op.parse(text.encode()).commons == commons)
    key_logs = _longest(text.encode() for file in files for text in file.key_logs)
    parsed = genesis.parse(founding)
    keys = {scid: keylog.verify(raw) for scid, raw in key_logs.items()}
    try:
        proofs = proving.prove(list(lines), keys, {commons: parsed})
    except BundleError:
        if len(files) == 1:
            raise
        # What does not hold together holds alone: the file that tells most.
        return _of([max(files, key=lambda file: len(file.lines))], commons, founding, holder)
    proven = {each.earned.op: each for each in proofs.stamps.values() if each.earned.subject == holder}
    bodies = dict.fromkeys(text.encode() for file in files for text in file.bodies)
    return Carried(commons, parsed.name, founding, key_logs, proofs.ops, proven, tuple(bodies))


def _longest(logs: Iterable[bytes]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for raw in sorted(logs, key=len):
        found[keylog.verify(raw).scid] = raw
    return found


# -- what is shown -------------------------------------------------------------------------------------------------


def part(carried: Carried, shown: Collection[str], *, words: bool) -> Part:
    """Return what proves some of the stamps.

    Args:
        shown: Which, by their operations; those of other commons are passed over.
        words: Take along what was said with them, as far as the files do.
    """
    chosen = [stamp for stamp in carried.stamps if stamp.op in shown]
    if not chosen:
        return Part(carried.genesis, {}, (), ())
    kept = list(_kept(carried, chosen))
    logs = {one.log for one in kept}
    openings = {one.log: one for one in carried.ops.values() if one.t == "open"}
    lines = [*(openings[log] for log in sorted(logs)), *kept]
    writers = {openings[log].payload.actor for log in logs}
    key_logs = {scid: raw for scid, raw in carried.key_logs.items() if scid in writers}
    said = {one.body.h for one in kept if one.body is not None} if words else set()
    bodies = [raw for raw in carried.bodies if body.refer(raw).h in said]
    return Part(carried.genesis, key_logs, lines, [carried.proven[stamp.op].document for stamp in chosen], bodies)


def _kept(carried: Carried, chosen: Sequence[EarnedStamp]) -> Iterator[Op]:
    """Yield what proves the stamps chosen, but for the openings of logs."""
    ops = carried.ops.values()
    actors = {one.log: one.payload.actor for one in ops if one.t == "open"}
    judged = {(stamp.issuer, stamp.submission) for stamp in chosen}
    given = {one.id for one in ops if _is(one, "stamp") and (actors[one.log], one.payload.submission) in judged}
    # A dispute stands against a judgement, whatever stamp has taken the place of the one that it named.
    disputes = {one.id: one.payload.stamp for one in ops if _is(one, "stamp.dispute") and one.payload.stamp in given}
    needed = {*disputes, *disputes.values(), *(each for s in chosen for each in (s.op, s.submission, s.item))}
    items, issuers = {stamp.item for stamp in chosen}, {stamp.issuer for stamp in chosen}
    for one in ops:
        if one.t in ("stamp", "stamp.dispute", "wanted.submit", "wanted.post"):
            keep = one.id in needed
        elif one.t == "profile":
            keep = actors[one.log] in issuers
        elif _is(one, "stamp.answer"):
            keep = one.payload.dispute in disputes
        elif one.payload is not None and one.t.startswith("wanted."):
            keep = one.payload.item in items
        else:
            # Who was admitted, what was decided, what was seen: it decides what all of these do.
            keep = one.t != "open"
        if keep:
            yield one


def _is(one: Op, t: str) -> bool:
    """Say whether an operation is of a type, and can be read."""
    return one.t == t and one.payload is not None
