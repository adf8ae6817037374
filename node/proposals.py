"""What delegates have proposed, who stands behind it, whose signature it waits for, and what it would change."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from beads import ids
from beads.governance import Charter
from beads.index import Index

Change = Mapping[str, Any]

IN_FORCE, OPEN = "in force", "open"
PASSED_OVER = "passed over"
"""Another charter came into force first, and each says which one it follows."""


class Proposal(NamedTuple):
    """A charter that somebody has proposed.

    Attributes:
        by: Who proposed it.
        behind: Delegates in force who have proposed or signed it.
        needed: How many there must be.
        standing: `in force`, `open`, or `passed over` where another took its place.
    """

    id: str
    change: Change
    by: str
    behind: tuple[str, ...]
    needed: int
    standing: str


class Standing(NamedTuple):
    """Who governs now, and what is proposed."""

    now: Charter
    number: int
    hidden: tuple[str, ...]
    banned: tuple[str, ...]
    proposals: tuple[Proposal, ...]


def standing(index: Index) -> Standing:
    """Return who governs a commons, and what is proposed."""
    known = index.context.governance
    state = index.state("commons", index.context.commons) or {}
    places = {charter.id: n for n, charter in enumerate(known.charters)}
    found = []
    for op, prev, change, by, behind in state.get("proposals", ()):
        before = known.charters[places[prev]] if prev in places else known.now
        said = IN_FORCE if op in places else OPEN if prev == known.now.id else PASSED_OVER
        agreed = tuple(actor for actor in behind if actor in before.delegates)
        found.append((places.get(op, len(places)), Proposal(op, change, by, agreed, before.threshold, said)))
    ordered = tuple(each for _, each in sorted(found, key=lambda pair: (pair[0], pair[1].id)))
    return Standing(known.now, len(known.charters) - 1, known.hidden, tuple(sorted(known.banned)), ordered)


def to_sign(index: Index, me: str) -> list[Proposal]:
    """Return the open proposals that wait for the signature of a delegate; none for whoever is none."""
    if me not in index.context.governance.now.delegates:
        return []
    return [each for each in standing(index).proposals if each.standing == OPEN and me not in each.behind]


def change_text(change: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Say what a charter changes, in one line."""

    def who(actor: str) -> str:
        return names.get(actor) or actor[:12]

    match change["kind"]:
        case "delegates":
            listed = ", ".join(map(who, change["delegates"]))
            return f"delegates {listed}; {change['threshold']} act together"
        case "policy":
            said = {name: value for name, value in change.items() if name != "kind"}
            return ", ".join(
                f"{name} {value if isinstance(value, str) else ', '.join(value)}" for name, value in said.items()
            )
        case "admit":
            return f"{who(change['actor'])} is let in"
        case "ban":
            kept = "what was seen of it stays" if change["cuts"] else "with all that was not covered"
            return f"{who(change['actor'])} is banned, {kept}"
        case "adopt":
            return f"item {change['item'][:12]} has another home, {change['to'][:12]}"
        case kind:
            return f"{kind} {change['bead'][:12]}"


def waiting_lines(index: Index, me: str, handles: Callable[[], Mapping[str, str]]) -> list[str]:
    """Say, to a delegate, which proposals wait for a signature, and how it is given.

    Args:
        handles: Returns what to call the actors; asked only where something waits.
    """
    waiting = to_sign(index, me)
    names = handles() if waiting else {}
    return [
        f"Proposed, and not signed by you: {change_text(each.change, names)} (wl charter sign {ids.short(each.id)})"
        for each in waiting
    ]
