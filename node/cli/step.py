"""In step with the others: what verbs that write to a commons do before and after, and how they tell of an item."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType

from node import present, told, wiring
from node.cli.common import Output, reader_may_leave
from node.cli.owner import ensure_identity
from node.commons import Commons
from node.home import Home, locate
from node.writing import Stage
from wanted.view import ItemView

_INTERRUPTED = MappingProxyType(
    {
        Stage.BEFORE: "Interrupted: nothing was written.",
        Stage.WITHIN: "Interrupted while it was written: wl browse says whether it is there.",
        Stage.AFTER: "Interrupted: it is written, and goes out at the next sync.",
    }
)


@contextmanager
def in_step(output: Output, commons: str | None, offline: bool) -> Iterator[Commons]:
    """Open the commons, pull before and push after; a peer that is down is mentioned and waits for the next sync."""
    home = Home(locate())
    chosen = home.choose(commons)
    ensure_identity(home, output)
    with Commons(home, chosen) as ours, _interruption_told(output, ours):
        if not offline:
            for result in ours.sync(push=False):
                if result.error:
                    output.trouble(f"{result.error}; your work is kept and goes out at the next sync")
        with reader_may_leave():
            yield ours
            # What was printed is on its way before the push: a reader that has gone shows here, not at the end.
            sys.stdout.flush()
        if not offline:
            for result in ours.sync():
                for name, reason in result.exchange.refused.items() if result.exchange else ():
                    output.trouble(f"{result.peer.url} refused {name.rsplit('/', 1)[1][:12]}: {reason}")
        wiring.tidy(ours.ledger)


@contextmanager
def _interruption_told(output: Output, ours: Commons) -> Iterator[None]:
    """Say to whoever ends a verb in the middle what has become of it."""
    try:
        yield
    except KeyboardInterrupt:
        output.warn(_INTERRUPTED[ours.course.stage])
        raise


def tell(output: Output, ours: Commons, item: ItemView, first: str, *following: str) -> None:
    """Print an item after a verb."""
    whole = told.of(ours.index, item, ours.handles())
    output.result({"item": present.item_json(whole)}, [first, *present.item_lines(whole)], following)
