"""What agents keep, and take back, among their memories (`beads.memory`)."""

from beads.errors import BadWord, NotFound
from beads.ledger import Draft
from beads.memory import KEY_LENGTH, is_key, key_for, memories, under
from beads.tracker import Tracker
from beads.vocabulary import CLOSED


def remember(tracker: Tracker, text: str, key: str | None = None, scope: str = "") -> str:
    """Keep a text; return its key. Only under a key that was given does it take the place of another.

    Raises:
        BadWord: It says nothing, or the key cannot be one.
    """
    if not text.strip():
        raise BadWord("there is nothing to remember", 'bd remember "text"')
    name = key or key_for(text, {one.key: one.text for one in memories(tracker.read) if one.scope == scope})
    if not is_key(name):
        raise BadWord(f"{name!r} cannot be a key", f"Up to {KEY_LENGTH} letters, digits, - _ . : /")

    def make() -> list[Draft]:
        known = under(tracker.read, name, scope)
        if known:
            return tracker.changes(tracker.read.view(known[-1]), {"description": text, "created_by": tracker.who})
        pairs = {"created_by": tracker.who, "key": name, "status": CLOSED} | ({"scope": scope} if scope else {})
        payload = {"type": "memory", "fields": sorted(pairs.items()), "prose": ["description", "title"]}
        return [Draft("bead.create", payload, {"title": name, "description": text})]

    tracker.write(make)
    return name


def forget(tracker: Tracker, key: str, scope: str | None = None) -> int:
    """Take memories back, words and all; return how many.

    Raises:
        NotFound: There are none under the key.
    """
    known = under(tracker.read, key, scope)
    if not known:
        raise NotFound(f"nothing is remembered under {key!r}", "bd memories lists the keys.")
    for bead in known:
        words = set(tracker.read.view(bead).written.items())
        tracker.delete(bead, "forgotten")
        for op in sorted({op for (kind, name), op in words if kind == "text" and name == "description"}):
            tracker.erase(op)
    return len(known)
