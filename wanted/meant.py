"""Which submission or stamp of an item is meant: by the beginning of its id, or the only one that can be.

1. What a submission is looked for says which come into question, by what became of them.
2. Where none is named, one that waits is meant before one that was judged.
3. That there is none of the kind is a matter of the item's status. That none is called so, or several are, is not
   found; those that come into question are listed, with whose each is and of what time.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, tzinfo
from types import MappingProxyType
from typing import NamedTuple

from beads import ids, times
from beads.errors import NotFound
from wanted.errors import WrongStatus
from wanted.view import ACCEPTED, CUT, NOT_CHOSEN, REJECTED, WAITING, ItemView, Stamped


class Asked(NamedTuple):
    """Who has to choose, should there be several.

    Attributes:
        names: What they call the actors.
        zone: Where they are.
    """

    names: Mapping[str, str] = MappingProxyType({})
    zone: tzinfo = UTC


ANYBODY = Asked()


class Purpose(NamedTuple):
    """What a submission is looked for.

    Attributes:
        verdicts: What became of those that come into question.
        none: What to say where there is none.
        then: What to do then; the item's id stands in it.
    """

    verdicts: tuple[str, ...]
    none: str
    then: str


TO_JUDGE = Purpose((WAITING, NOT_CHOSEN), "no submission waits for you", "The worker hands it in with: wl done {}")
TO_STAMP = Purpose((ACCEPTED,), "nothing was accepted yet", "Accept it first: wl accept {} --stamp …")
TO_REVIEW = Purpose(
    (WAITING, NOT_CHOSEN, ACCEPTED, REJECTED, CUT), "nothing was handed in yet", "The worker does it with: wl done {}"
)  # fmt: skip


def submission(item: ItemView, said: str | None, purpose: Purpose, asked: Asked = ANYBODY) -> str:
    """Return the submission that is meant.

    Args:
        said: How its id begins; None for the only one that can be meant.

    Raises:
        WrongStatus: None comes into question.
        NotFound: None that does is called so, or several are.
    """
    among = [op for op in item.handed_in if item.verdict(op) in purpose.verdicts]
    if not among:
        raise WrongStatus(purpose.none, purpose.then.format(ids.short(item.id)))
    waiting = [op for op in among if item.verdict(op) == WAITING]
    fits = [op for op in among if op.startswith(said)] if said else waiting or among
    if len(fits) == 1:
        return fits[0]
    what = "several submissions can be meant" if fits else "none of the submissions that can be meant is called so"
    made = ((op, item.submissions[op].actor, item.submissions[op].hlc.ms) for op in fits or among)
    raise NotFound(what, _name_one("--submission", made, asked))


def stamp(item: ItemView, said: str | None, mine: Callable[[Stamped], bool], asked: Asked = ANYBODY) -> str:
    """Return the stamp that is meant: by the beginning of its id, or the only one of mine.

    Raises:
        NotFound: None or several fit.
    """
    fits = [each for each in item.stamps if (each.op.startswith(said) if said else mine(each))]
    if len(fits) == 1:
        return fits[0].op
    if not fits:
        others = ", but by others" if item.stamps and not said else ""
        raise NotFound(f"there is no such stamp on this item{others}", f"See: wl show {ids.short(item.id)}")
    made = ((each.op, each.author, each.hlc[0]) for each in fits)
    raise NotFound("several stamps fit", _name_one("--stamp", made, asked))


def _name_one(option: str, made: Iterable[tuple[str, str, int]], asked: Asked) -> str:
    """Ask for one of several operations, by saying whose each is and of what time."""
    return f"Name one with {option}: {'; '.join(_made(*each, asked) for each in made)}"


def _made(op: str, actor: str, ms: int, asked: Asked) -> str:
    return f"{ids.short(op)} by {asked.names.get(actor) or ids.short(actor)}, {times.local(ms, asked.zone)}"
