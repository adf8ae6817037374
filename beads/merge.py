"""Two versions of a bead made one: what to take over from theirs into ours, given what both came from.

1. Every key on its own. What one side alone changed is taken; where both did, the side with the later `updated_at`
   wins, then the greater canonical JSON: never who happens to be called ours. What lost is reported.
2. Absent, null, false, "" and [] are the same; so is a point of time however it is spelled. Zero is a value, except
   in `ZERO_IS_ABSENT`.
3. `CLOSING` travels with the status: whoever wins one brings the others. Deletion is a status like any.
4. Labels are a set; dependencies are keyed by what is depended on and type, and are small records by themselves;
   comments are keyed by author, moment and text and are never removed.
5. `BOOKKEEPING` follows from the rest and is not compared; `updated_at` is the later one.
6. Without a common ancestor nothing counts as removed, and what is absent never wipes what is there.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from beads.jsonl import Record, canonical
from beads.times import instant

BOOKKEEPING: Final = frozenset(
    ("_type", "id", "content_hash", "updated_at", "dependency_count", "dependent_count", "comment_count", "parent")
)
CLOSING: Final = (
    "closed_at", "close_reason", "closed_by_session", "deleted_at", "deleted_by", "delete_reason", "original_type",
)  # fmt: skip
TIMES: Final = frozenset(
    (
        "created_at", "updated_at", "started_at", "closed_at", "due_at", "defer_until", "compacted_at", "deleted_at",
        "last_activity",
    )
)  # fmt: skip
_PRIORITY: Final = "priority"
ZERO_IS_ABSENT: Final = frozenset(("compaction_level", "original_size", "timeout"))
"""Numbers that upstream leaves out when zero; a priority or an estimate of zero says something."""
SETS: Final = frozenset(("labels", "dependencies", "comments"))
_STATUS: Final = "status"


class Policy(StrEnum):
    """Who wins what both sides changed, and whether anybody may."""

    NEWER = "newer"
    THEIRS = "theirs"
    """Theirs does; what only ours changed stays."""
    SKIP = "skip"
    """Nothing of ours is overwritten or removed; theirs may add."""
    FAIL = "fail"
    """Where there is any conflict, nothing is taken at all."""


class Side(StrEnum):
    """Ours is what is changed, theirs what comes in."""

    OURS = "ours"
    THEIRS = "theirs"


class Conflict(NamedTuple):
    """Two values for one place.

    Attributes:
        key: Of the record; `dependencies/<type>/<depends_on_id>/<key>` inside of a dependency.
        base: What both came from; None where absent, as in the others.
        kept: What is in the outcome.
        lost: What is not.
        winner: Whose value was kept.
    """

    key: str
    base: Any
    kept: Any
    lost: Any
    winner: Side


DependencyKey = tuple[str, str]
"""What is depended on, and the type."""


@dataclass(slots=True)
class Difference:
    """What to do to ours.

    Attributes:
        values: Key → the value to write; None takes the key away.
        dependencies_added: Also those that ours has with other values: they replace them.
        updated_at: Theirs, where it is the later one.
        stale: Theirs is an older snapshot than the one we came from, so nothing of it was taken but comments.
    """

    values: dict[str, Any] = field(default_factory=dict)
    labels_added: list[str] = field(default_factory=list)
    labels_removed: list[str] = field(default_factory=list)
    dependencies_added: list[Record] = field(default_factory=list)
    dependencies_removed: list[DependencyKey] = field(default_factory=list)
    comments_added: list[Record] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    updated_at: str | None = None
    stale: bool = False

    @property
    def changes(self) -> bool:
        """Whether ours gets other content; a later `updated_at` alone is none."""
        sets = self.labels_added, self.labels_removed, self.dependencies_added, self.dependencies_removed
        return bool(self.values or self.comments_added or any(sets))


def compare(
    base: Record | None, ours: Record, theirs: Record, policy: Policy = Policy.NEWER, *, snapshot: bool = False
) -> Difference:
    """Say what to take over from theirs.

    Under `NEWER` the outcome is the same whichever side is called ours, up to spelling and rule 5.

    Args:
        base: What both came from, or None where that is not known.
        snapshot: Theirs is a file that may be older than the base, not a branch from it: if its `updated_at` is
            the earlier one, it has no news but comments, and its values that differ are reported as lost. The
            policy `THEIRS` takes them all the same.
    """
    stale = snapshot and base is not None and policy is not Policy.THEIRS and is_older(theirs, base)
    found = _Comparison(base, ours, theirs, policy, stale).run()
    if policy is Policy.FAIL and found.conflicts:
        return Difference(conflicts=found.conflicts, stale=stale)
    return found


def is_older(record: Record, than: Record) -> bool:
    """Say whether a record was last changed before another; an unreadable time is never earlier."""
    at, then = instant(record.get("updated_at")), instant(than.get("updated_at"))
    return at is not None and then is not None and at < then


def apply(ours: Record, difference: Difference) -> Record:
    """Return ours with a difference put in; what it does not touch stays as it was, and in its place."""
    record = {key: value for key, value in {**ours, **difference.values}.items() if not _taken_away(key, difference)}
    if difference.updated_at is not None:
        record["updated_at"] = difference.updated_at
    _put(record, "labels", _labels(ours, difference))
    _put(record, "dependencies", _dependencies(ours, difference))
    _put(record, "comments", _comments(ours, difference))
    return record


def same(key: str, a: object, b: object) -> bool:
    """Say whether two values of a key mean the same (rule 2)."""
    return (type(a) is str and a == b) or _meaning(key, a) == _meaning(key, b)


def dependency_key(one: Mapping[str, Any]) -> DependencyKey:
    """Return what makes a dependency the same one."""
    return str(one.get("depends_on_id", "")), str(one.get("type", ""))


def comment_key(one: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return what makes a comment the same one: its `id` is a number that other clones give to others."""
    at = one.get("created_at")
    moment = instant(at)
    return str(one.get("author", "")), str(at if moment is None else moment), str(one.get("text", ""))


def _meaning(key: str, value: object) -> Hashable:
    """Return what is equal exactly for values that mean the same; None for absent ones."""
    if value is None and key == _PRIORITY:
        # Early tools left out every zero, and with it the most urgent priority.
        value = 0
    if value is None or value is False or value == "" or value == [] or (value == 0 and key in ZERO_IS_ABSENT):
        return None
    moment = instant(value) if key in TIMES else None
    return canonical(value) if moment is None else moment


# -- comparing -----------------------------------------------------------------------------------------------------


class _Comparison:
    """One comparison under way.

    Attributes:
        later: The side that was changed last, or None where that is the same.
    """

    def __init__(self, base: Record | None, ours: Record, theirs: Record, policy: Policy, stale: bool) -> None:
        self.base, self.ours, self.theirs = base, ours, theirs
        self.policy, self.stale = policy, stale
        self.later = _later(ours.get("updated_at"), theirs.get("updated_at"))
        self.found = Difference(stale=stale)

    def run(self) -> Difference:
        sets = {key for key in SETS if self._well_formed(key)}
        apart = BOOKKEEPING | sets | {_STATUS, *CLOSING}
        for key in _union(self.ours, self.theirs):
            if key not in apart:
                self._scalar(key)
        self._status()
        for key, compared in (("labels", self._labels), ("dependencies", self._edges), ("comments", self._said)):
            if key in sets:
                compared()
        self._touched()
        return self.found

    def _well_formed(self, key: str) -> bool:
        member = str if key == "labels" else dict
        lists = [one.get(key) or [] for one in (self.base or {}, self.ours, self.theirs)]
        return all(isinstance(one, list) and all(isinstance(each, member) for each in one) for one in lists)

    # -- values --

    def _scalar(self, key: str) -> None:
        winner = self._decide(key, self.base, self.ours, self.theirs)
        if winner is Side.THEIRS:
            self.found.values[key] = self.theirs.get(key)

    def _decide(
        self, key: str, base: Record | None, ours: Record, theirs: Record, path: str = "", quiet: bool = False
    ) -> Side | None:
        """Return whose value stands where they differ, and note a conflict; None where they are the same."""
        b, o, t = None if base is None else base.get(key), ours.get(key), theirs.get(key)
        if same(key, o, t):
            return None
        winner, disputed = self._winner(key, base is not None, b, o, t)
        if disputed and not quiet:
            kept, lost = (o, t) if winner is Side.OURS else (t, o)
            self.found.conflicts.append(Conflict(path + key, b, kept, lost, winner))
        return winner

    def _winner(self, key: str, based: bool, b: object, o: object, t: object) -> tuple[Side, bool]:
        """Return who wins, and whether the other had something to lose."""
        # Without a base, b is None: absent on one side then counts as not changed there, which is rule 6; but a
        # priority of zero says something.
        said = not based and key == _PRIORITY and None not in (o, t)
        theirs_changed, ours_changed = said or not same(key, b, t), said or not same(key, b, o)
        if not theirs_changed or ours_changed:
            return (self._wins(o, t), True) if theirs_changed else (Side.OURS, False)
        overwrites = based and not same(key, o, None)
        if self.stale or (self.policy is Policy.SKIP and overwrites):
            return Side.OURS, True
        return Side.THEIRS, False

    def _wins(self, ours: object, theirs: object) -> Side:
        if self.stale or self.policy is Policy.SKIP:
            return Side.OURS
        if self.policy is Policy.THEIRS:
            return Side.THEIRS
        return self.later or (Side.OURS if canonical(ours) > canonical(theirs) else Side.THEIRS)

    def _status(self) -> None:
        winner = self._decide(_STATUS, self.base, self.ours, self.theirs)
        if winner is None:
            for key in CLOSING:
                self._scalar(key)
            return
        if winner is Side.THEIRS:
            self.found.values[_STATUS] = self.theirs.get(_STATUS)
        for key in CLOSING:
            self._travel(key, winner)

    def _travel(self, key: str, winner: Side) -> None:
        b, o, t = (self.base or {}).get(key), self.ours.get(key), self.theirs.get(key)
        if self.policy is Policy.SKIP and not same(key, o, None):
            winner = Side.OURS
        kept, lost = (o, t) if winner is Side.OURS else (t, o)
        if same(key, kept, lost):
            return
        if not same(key, lost, b):
            self.found.conflicts.append(Conflict(key, b, kept, lost, winner))
        if winner is Side.THEIRS:
            self.found.values[key] = t

    # -- sets --

    @property
    def _may_remove(self) -> bool:
        return self.base is not None and not self.stale and self.policy is not Policy.SKIP

    def _labels(self) -> None:
        base, ours, theirs = (set((one or {}).get("labels") or ()) for one in (self.base, self.ours, self.theirs))
        if not self.stale:
            self.found.labels_added = sorted(theirs - base - ours)
        if self._may_remove:
            self.found.labels_removed = sorted((base - theirs) & ours)

    def _edges(self) -> None:
        base, ours, theirs = (_keyed((one or {}).get("dependencies")) for one in (self.base, self.ours, self.theirs))
        if self._may_remove:
            self.found.dependencies_removed = sorted((base.keys() - theirs.keys()) & ours.keys())
        if not self.stale:
            self.found.dependencies_added += [theirs[key] for key in sorted(theirs.keys() - base.keys() - ours.keys())]
        for key in sorted(ours.keys() & theirs.keys()):
            self._edge(key, base.get(key), ours[key], theirs[key])

    def _edge(self, key: DependencyKey, base: Record | None, ours: Record, theirs: Record) -> None:
        path = f"dependencies/{key[1]}/{key[0]}/"
        taken = {}
        for name in _union(ours, theirs):
            # Which clone noted an edge first is no loss to anybody.
            noted = name in ("created_at", "created_by")
            if name != "issue_id" and self._decide(name, base, ours, theirs, path, quiet=noted) is Side.THEIRS:
                taken[name] = theirs.get(name)
        if taken:
            self.found.dependencies_added.append(_without_none({**ours, **taken}))

    def _said(self) -> None:
        ours = {comment_key(one) for one in self.ours.get("comments") or ()}
        new = {comment_key(one): one for one in self.theirs.get("comments") or ()}
        self.found.comments_added = [one for key, one in new.items() if key not in ours]

    def _touched(self) -> None:
        ours, theirs = self.ours.get("updated_at"), self.theirs.get("updated_at")
        if isinstance(theirs, str) and self.policy is not Policy.SKIP:
            unreadable = self.later is None and instant(ours) is None and theirs > str(ours or "")
            if self.later is Side.THEIRS or unreadable:
                self.found.updated_at = theirs


def _later(ours: object, theirs: object) -> Side | None:
    a, b = instant(ours), instant(theirs)
    if a == b:
        return None
    return Side.OURS if b is None or (a is not None and a > b) else Side.THEIRS


def _union(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterable[str]:
    return {**a, **b}


def _keyed(dependencies: Sequence[Record] | None) -> dict[DependencyKey, Record]:
    return {dependency_key(one): one for one in dependencies or ()}


def _without_none(record: Record) -> Record:
    return {key: value for key, value in record.items() if value is not None}


# -- applying ------------------------------------------------------------------------------------------------------


def _taken_away(key: str, difference: Difference) -> bool:
    return key in difference.values and difference.values[key] is None


def _put(record: Record, key: str, members: list[Any] | None) -> None:
    """Write a set that changed (None: it did not); an empty one is left out, as upstream does."""
    if members:
        record[key] = members
    elif members is not None:
        record.pop(key, None)


def _labels(ours: Record, difference: Difference) -> list[str] | None:
    if not difference.labels_added and not difference.labels_removed:
        return None
    return sorted({*(ours.get("labels") or ()), *difference.labels_added} - {*difference.labels_removed})


def _dependencies(ours: Record, difference: Difference) -> list[Record] | None:
    added = _keyed(difference.dependencies_added)
    removed = set(difference.dependencies_removed)
    if not added and not removed:
        return None
    kept = _keyed(ours.get("dependencies"))
    return sorted((one for key, one in {**kept, **added}.items() if key not in removed), key=_moment)


def _comments(ours: Record, difference: Difference) -> list[Record] | None:
    if not difference.comments_added:
        return None
    return sorted([*(ours.get("comments") or ()), *difference.comments_added], key=_moment)


def _moment(one: Mapping[str, Any]) -> int:
    return instant(one.get("created_at")) or 0
