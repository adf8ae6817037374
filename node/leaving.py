"""Leaving a commons, with everything that is one's own, and coming back to it. ⚡

What is left is put away, never destroyed: a node that comes back must go on with the log that it wrote, for a second
continuation would end it.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from beads import ids
from beads.errors import NotAllowed, NotFound
from node import sheetfiles
from node.commons import Commons
from node.home import Home, short
from wanted import portable
from wanted.errors import WrongStatus
from wanted.view import ItemView


class Left(NamedTuple):
    """What came of leaving.

    Attributes:
        folder: Where everything lies now.
        sheet: The stamps earned there, in a file that proves them; None where there are none.
    """

    folder: Path
    sheet: Path | None


def held(commons: Commons) -> list[str]:
    """Return the items that I hold or want there."""
    sql = """SELECT entity FROM items WHERE holder = :me AND status = 'claimed'
             UNION SELECT c.entity FROM claimers c JOIN items i ON i.entity = c.entity
             WHERE c.actor = :me AND i.status IN ('open', 'claimed')"""
    return [row[0] for row in commons.index.database.query(sql, {"me": commons.me})]


def give_up(commons: Commons) -> list[str]:
    """Give up what I hold or want there; return it. Who was banned holds nothing that giving up would free."""
    items = held(commons)
    try:
        for item in items:
            commons.release(item)
    except NotAllowed:
        return []
    return items


def leave(home: Home, chosen: str) -> Left:
    """Follow a commons no longer; what was earned there is written to a file and kept, all else is put away.

    Raises:
        NotFound: It is a ledger of one's own, which is left by nobody else.
    """
    if home.commons()[chosen].private:
        raise NotFound("that is a ledger of your own", "bd doctor looks after it.")
    with Commons(home, chosen) as ours:
        proven = _sheet(ours)
    folder = home.put_away(chosen)
    sheet = None
    if proven is not None:
        sheet = folder / "sheet.json"
        sheet.write_bytes(proven)
        # What it proves is shown on, like any sheet from elsewhere.
        sheetfiles.keep(home, proven)
    return Left(folder, sheet)


def _sheet(commons: Commons) -> bytes | None:
    part = portable.gather(commons.ledger, commons.me)
    if not part.credentials:
        return None
    return portable.export([part], commons.author, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


# -- what a fork takes over ----------------------------------------------------------------------------------------


def take_over(home: Home, chosen: str, item: str) -> ItemView:
    """Offer an open item of a fork's parent anew in the fork; the words say where it comes from.

    Raises:
        NotFound: The commons is no fork, or its parent has no such item.
        WrongStatus: It is no longer open there, or somebody has offered it anew already.
    """
    parent = home.commons()[chosen].parent
    if parent is None or parent.commons not in home.commons():
        raise NotFound("this commons is no fork of one that is followed here", "See: wl list")
    with Commons(home, parent.commons) as theirs:
        found = theirs.item(item)
        texts = [theirs.index.prose(op) for _, op in sorted(found.prose.items())]
        words = {name: text for each in texts for name, text in each.items()}
    if found.status != "open":
        raise WrongStatus(f"the item is {found.status} there")
    with Commons(home, chosen) as ours:
        origin = f"external:{short(parent.commons)}:{found.id}"
        _refuse_second(ours, origin)
        return ours.adopt(words.get("title", ""), words.get("description", ""), found.terms, origin)


def _refuse_second(ours: Commons, origin: str) -> None:
    sql = """SELECT l.entity FROM links l JOIN items i ON i.entity = l.entity
             WHERE l.kind = 'adopted-from' AND l.target = :origin AND i.status <> 'withdrawn'"""
    for (item,) in ours.index.database.query(sql, {"origin": origin}):
        raise WrongStatus(f"it was offered anew already, as {ids.short(item)}", f"See: wl show {ids.short(item)}")
