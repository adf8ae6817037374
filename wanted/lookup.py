"""Items by what people call them. Apart from the view, which a verifier without an index reads, too."""

from beads.errors import Ambiguous, NotFound
from beads.index import Index
from wanted import view
from wanted.errors import BadItem
from wanted.view import ItemView


def find(index: Index, item: str) -> ItemView:
    """Return an item by its id or any unique prefix.

    Raises:
        NotFound: There is no such item here.
        Ambiguous: The prefix fits several.
        BadItem: It is a bead, but no wanted item.
    """
    try:
        state = index.state("bead", index.resolve("bead", item))
    except Ambiguous:
        raise
    except NotFound:
        raise NotFound(f"no item {item} here", "wl browse lists them; wl sync fetches what is new.") from None
    found = view.read(state) if state else None
    if found is None:
        raise BadItem(f"{item} is not a wanted item", "See: wl browse")
    return found
