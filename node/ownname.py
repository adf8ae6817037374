"""How the owner is called in the commons of a home, so that the name goes along into the next one. ⚡"""

from beads.errors import BeadsError
from node import wiring
from node.commons import Commons
from node.home import Home


def of(home: Home) -> str | None:
    """Return what the owner is called, where that is one name in all public commons that have one."""
    public = [commons for commons, founded in home.commons().items() if not founded.private]
    names = {name for commons in public if (name := _in(home, commons))}
    return names.pop() if len(names) == 1 else None


def _in(home: Home, commons: str) -> str:
    try:
        index = wiring.open_index(home, commons)
    except (BeadsError, OSError):
        # A commons that is broken keeps nobody from founding another.
        return ""
    try:
        return _handle(index.state("actor", home.key_log().scid))
    finally:
        index.database.close()


def here(ours: Commons) -> str:
    """Return what the owner is called in a commons, or ""."""
    return _handle(ours.index.state("actor", ours.me))


def _handle(state: dict[str, object] | None) -> str:
    return str(state["handle"]) if state else ""
