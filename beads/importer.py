"""Bringing in `issues.jsonl`: each line against the bead that it stands for, three ways.

1. Files are branches. A file grew from the latest one that came in before and that it can have seen; what the line of
   a bead said there is the base. A line that came in before has no news.
2. A bead that is new here is named after its origin, so that every clone that brings it in has the same.
3. What changed on both sides is decided by the later `updated_at`; the loser is kept and shown (`bd conflicts`). A
   value that the bead has had before is an old one, never a conflict.
4. A file in which some beads are older than their base and none is newer is an old copy: nothing of it counts but what
   was said.
5. Nothing is dropped: the line itself is kept with the bead, and what cannot be read is reported by its number.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from beads import ids, jsonl, keeping, limits, memory, merge, oddities, past, times
from beads import record as records
from beads.database import in_chunks
from beads.errors import ConflictError
from beads.fields import Value
from beads.garbage import collection_paused
from beads.jsonl import Document, Kind, Line, Problem
from beads.ledger import Draft
from beads.merge import Conflict, Difference, Policy, Side
from beads.op import Op
from beads.ops.link import NOTE_LENGTH
from beads.reading import Reader
from beads.record import BeadView, Record
from beads.remembering import remember
from beads.rules import LINE_LENGTH, Entity, one_line
from beads.setting import setting
from beads.tracker import Tracker
from beads.wording import counted

BATCH = 4000
"""Lines of one write; a run that is killed has brought in whole batches, and another goes on from there."""
_LABELS, _LINKS, _TEXTS = 60, 15, 60
_FIELDS_ROOM = 8_000
_TEXTS_ROOM = limits.BODY - 8_192
_NOTED = ("metadata", "thread_id")


class Change(NamedTuple):
    """What a line does to a bead: `created`, `updated`, `conflict`."""

    id: str
    what: str
    members: Mapping[str, Any] = {}


@dataclass
class Imported:
    """What came of it.

    Attributes:
        unchanged: Lines that said nothing new.
        stale: Beads whose line was older than what is known.
        contested: Ids under which another bead is known here already: both are kept.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    stale: int = 0
    memories: int = 0
    conflicts: list[tuple[str, Conflict]] = field(default_factory=list)
    contested: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)


class _Known(NamedTuple):
    """A bead that goes by an id here."""

    bead: str
    created_ms: int
    title: str


def bring_in(tracker: Tracker, raw: bytes, policy: Policy = Policy.NEWER, *, dry_run: bool = False) -> Imported:
    """Take up the beads and memories of a file.

    Raises:
        ConflictError: The policy is `fail` and both sides changed something; nothing was written.
    """
    tracker.ledger.refresh()
    with collection_paused():
        return _bring_in(tracker, jsonl.read(raw), policy, dry_run=dry_run)


def _bring_in(tracker: Tracker, document: Document, policy: Policy, *, dry_run: bool) -> Imported:
    done = Imported(problems=list(document.problems))
    # What git wrote between the sides of a conflict, where it was told to.
    between = {line.id: line.record for line in document.lines if line.side is jsonl.Side.BASE and line.record}
    counted = [
        _merged(document, line, between.get(bead_id) or _came_last(tracker.read, bead_id), done)
        if bead_id in document.repeated
        else line
        for bead_id, line in document.counted.items()
    ]
    lines = [_whole(line) for line in counted if _is_id(line, done)]
    if policy is Policy.FAIL:
        _refuse_conflicts(tracker, lines)
    origin = _origin_of(tracker, lines)
    rest = iter(lines)
    while batch := list(islice(rest, BATCH)):
        _Batch(tracker, policy, done, origin).run(batch, dry_run=dry_run)
    if not dry_run:
        done.memories = _memories(tracker, document)
    done.problems.sort(key=lambda one: one.line)
    return done


def _is_id(line: Line, done: Imported) -> bool:
    """Say whether a bead can go by the id in a line; report where it cannot."""
    if one_line(keeping.whole(line.id)):
        return True
    sentence = f"Line {line.number}: the id is not one line of up to {LINE_LENGTH} characters; the bead was left out."
    done.problems.append(Problem(line.number, "odd_id", sentence, "Give it another id."))
    return False


def _whole(line: Line) -> Line:
    # In UTF-8 a half of a surrogate pair can only be an escape.
    may_hold_halves = b"\\ud" in line.raw or b"\\uD" in line.raw
    return line._replace(record=keeping.whole(line.record)) if may_hold_halves else line


class _Past:
    """The lines that a bead has come in by, each with the number of the run that brought it in, the latest last."""

    def __init__(self, came: Sequence[tuple[int, bytes]]) -> None:
        self.came = came
        self.raws = [raw for _, raw in came]

    @classmethod
    def of(cls, reader: Reader, bead: str) -> "_Past":
        """Read them from the history of a bead."""
        lives = sorted(reader.index.ops_of(Entity("bead", bead)), key=lambda live: (live.op.hlc, live.op.log))
        texts = [(live.op, reader.index.prose(live.op.id).get("line")) for live in lives if _brings_line(live.op)]
        return cls([(dict(op.p["fields"]).get("line_run", 1), keeping.line_bytes(text)) for op, text in texts if text])

    def base(self, parent: int) -> Record | None:
        """Return what the line said after a run; None where the bead was not there yet."""
        before = [raw for run, raw in self.came if run <= parent]
        return jsonl.one(before[-1]) if before else None

    @property
    def last(self) -> Record | None:
        """What the latest line said."""
        return self.base(max((run for run, _ in self.came), default=0))


def _brings_line(op: Op) -> bool:
    return "line" in op.p.get("prose", ())


class _Origin(NamedTuple):
    """Where a file comes from.

    Attributes:
        parent: The run that brought in the file which this one grew from.
        old_copy: It did not grow: it is an older copy of that.
        run: The number of this run.
        made: Id → when its bead was made.
        titles: What beads are called in it.
    """

    parent: int
    old_copy: bool
    run: int
    made: Mapping[str, int]
    titles: frozenset[str]


def _origin_of(tracker: Tracker, lines: Sequence[Line]) -> _Origin:
    """Find out what a file grew from.

    It cannot have seen a line in whose place it has the one before; of what is left, what it is the nearest to.
    """
    ((latest,),) = tracker.read.rows("SELECT MAX(line_run) FROM beads WHERE line_run IS NOT NULL")
    last = int(latest or 0)
    pasts = list(_pasts(tracker.read, lines))
    unseen = [past.came[past.raws.index(line.raw) + 1][0] for line, past in pasts if line.raw in past.raws[:-1]]
    newest = min([last, *(run - 1 for run in unseen)])
    runs = {run for _, past in pasts for run, _ in past.came if run <= newest} | {newest}
    parent = min(sorted(runs, reverse=True)[:_RUNS], key=lambda run: _distance(pasts, run))
    changed = [(line.record or {}, past.base(parent)) for line, past in pasts if line.raw not in past.raws]
    ages = [merge.is_older(record, base) for record, base in changed if base is not None]
    read = {line.id: line.record for line in lines if line.record}
    made = {name: _origin(record) for name, record in read.items()}
    titles = frozenset(str(record.get("title")) for record in read.values())
    return _Origin(parent, bool(ages) and all(ages), last + 1, made, titles)


_RUNS = 8
"""How many former runs are looked at."""
_NEW = 3
"""How far from the beads of a run one is that was not among them."""
_OLDER = 5
"""The same of one that says to be older: time rarely goes back."""
_NO_NEWS = frozenset(("updated_at", "content_hash"))


def _distance(pasts: Sequence[tuple[Line, "_Past"]], run: int) -> int:
    """Return in how many values the lines of a file differ from what a run brought in."""
    return sum(_differences(line.record or {}, past.base(run)) for line, past in pasts)


def _differences(record: Record, base: Record | None) -> int:
    if base is None:
        return _NEW
    names = (record.keys() | base.keys()) - _NO_NEWS
    back = _OLDER if merge.is_older(record, base) else 0
    return back + sum(not merge.same(name, record.get(name), base.get(name)) for name in names)


def _pasts(reader: Reader, lines: Sequence[Line]) -> Iterator[tuple[Line, _Past]]:
    """Yield the lines that say something else than what came in last, each with what came in before."""
    by_id = {line.id: line for line in lines}
    for listed, chosen in in_chunks(by_id):
        for name, bead in reader.rows(f"SELECT alias, entity FROM beads WHERE alias IN ({listed})", chosen):
            past = _Past.of(reader, bead)
            if past.came and past.raws[-1] != by_id[name].raw:
                yield by_id[name], past


def _merged(document: Document, line: Line, base: Record | None, done: Imported) -> Line:
    """Return what a file says of a bead that it says twice (a merge left open): both sides, by what they grew from.

    What both changed is reported; the file is all that has had the loser.
    """
    merged = line.record or {}
    for other in document.repeated[line.id]:
        if other is not line and other.record is not None and other.side is not jsonl.Side.BASE:
            found = merge.compare(base, merged, other.record)
            merged = merge.apply(merged, found)
            done.problems += [_decided(line, one) for one in found.conflicts]
    return line if merged == line.record else jsonl.line(merged, line.raw)._replace(number=line.number)


def _came_last(reader: Reader, bead_id: str) -> Record | None:
    """Return what came in last under an id; None where that is nothing, or of several beads."""
    known = reader.rows("SELECT entity FROM beads WHERE alias = :name", {"name": bead_id})
    return _Past.of(reader, known[0][0]).last if len(known) == 1 else None


def _decided(line: Line, conflict: Conflict) -> Problem:
    kept, lost = (str(value)[:60] for value in (conflict.kept, conflict.lost))
    what = f"both sides changed {conflict.key} of {line.id}: {kept!r} stands, {lost!r} does not"
    sentence = f"Line {line.number}: {what}."
    return Problem(line.number, "both_sides", sentence, f"bd update {line.id} decides otherwise.")


def _refuse_conflicts(tracker: Tracker, lines: Sequence[Line]) -> None:
    trial = Imported()
    _Batch(tracker, Policy.NEWER, trial, _origin_of(tracker, lines)).run(lines, dry_run=True)
    if trial.conflicts:
        shown = ", ".join(sorted({name for name, _ in trial.conflicts})[:5])
        raise ConflictError(
            f"both sides changed {counted(len(trial.conflicts), 'value')}: {shown}",
            "bd import --dry-run shows them; --policy newer, skip or theirs decides.",
        )


def _memories(tracker: Tracker, document: Document) -> int:
    known = {one.key: one.text for one in memory.memories(tracker.read)}
    found = 0
    for line in document.lines:
        said = line.record if line.kind is Kind.MEMORY and line.record else {}
        key, value = said.get("key"), said.get("value")
        if isinstance(key, str) and isinstance(value, str) and value and known.get(key) != value:
            remember(tracker, value, key if memory.is_key(key) else memory.slug(key))
            found += 1
    return found


class _Batch:
    """Some lines that are brought in by one write."""

    def __init__(self, tracker: Tracker, policy: Policy, done: Imported, origin: _Origin) -> None:
        self._origin = origin
        self._tracker = tracker
        self._read = tracker.read
        self._policy = policy
        self._done = done
        self._origins = origin.made
        self._known: dict[str, list[_Known]] = {}

    def run(self, lines: Sequence[Line], *, dry_run: bool) -> None:
        """Write what the lines have of news; or find out only what that would be."""

        def make() -> Iterable[Draft]:
            self._look_up(lines)
            drafts = [draft for line in lines for draft in self._drafts(line)]
            return [] if dry_run else drafts

        self._tracker.write(make)

    def _look_up(self, lines: Sequence[Line]) -> None:
        """Find the beads that go by the ids in the lines, and those that their links name."""
        names = {name for line in lines for name in _names(line.record or {})}
        self._known = {}
        for listed, chosen in in_chunks(sorted(names)):
            sql = f"SELECT alias, entity, created, title FROM beads WHERE alias IN ({listed}) ORDER BY created, entity"
            for name, *row in self._read.rows(sql, chosen):
                self._known.setdefault(name, []).append(_Known(*row))

    def _drafts(self, line: Line) -> Iterator[Draft]:
        record = line.record
        if record is None or not isinstance(record.get("id"), str):
            return
        known = self._bead_of(record)
        if known is None:
            if self._known.get(record["id"]):
                self._done.contested.append(record["id"])
            yield from self._create(line, record)
        else:
            yield from self._update(line, record, known)

    def _bead_of(self, record: Record) -> str | None:
        """Return the bead that a record stands for.

        The same id, and made at the same time or called the same; or one that the file's parent had under that id,
        if what it was called stands elsewhere in the file: there ids were given anew.
        """
        fits = self._known.get(record["id"], [])
        created = times.instant(record.get("created_at"))
        for one in fits:
            if created is None or one.created_ms == created or one.title == keeping.nfc(record.get("title")):
                return one.bead
        for one in fits:
            base = _Past.of(self._read, one.bead).base(self._origin.parent)
            if base is not None and str(base.get("title")) in self._origin.titles:
                return one.bead
        return None

    # -- new ones ----------------------------------------------------------------------------------------------

    def _create(self, line: Line, record: Record) -> Iterator[Draft]:
        self._done.created += 1
        self._done.problems += oddities.of(line, self._read.settings.statuses)
        self._note(record["id"], "created", {"title": record.get("title")})
        name, at = record["id"], _at(record)
        created = _origin(record)
        bead = ids.imported_bead(self._tracker.ledger.commons, name, created)
        found = _cells(record)
        found.fields.update(alias=name, line_no=line.number, line_run=self._origin.run)
        texts, later = self._fitting(line, found.texts)
        labels, ends = _labels(record), [end for end in self._ends(record) if end[1] != bead]
        payload = {
            "type": found.fields.pop("type", None) or "task", "prose": sorted(texts), "origin": [name, created],
            "fields": sorted((name, value) for name, value in found.fields.items() if value is not None),
        }  # fmt: skip
        more = {"labels": labels[:_LABELS], "links": ends[:_LINKS], "at": at}
        yield Draft("bead.create", payload | {name: value for name, value in more.items() if value}, texts)
        blank = _blank(bead)
        for text in later:
            yield from setting(blank, {}, text, at)
        yield from _more(bead, labels[_LABELS:], ends[_LINKS:], at)
        yield from self._said(line, bead, _comments(record), at)

    def _fitting(self, line: Line, texts: Mapping[str, str]) -> tuple[dict[str, str], list[dict[str, str]]]:
        """Split texts into what fits the first body, and what comes in others; the line itself comes last."""
        said = keeping.line_text(line.raw)
        whole = {name: text for name, text in texts.items() if text} | ({"line": said} if said else {})
        first: dict[str, str] = {}
        later: list[dict[str, str]] = []
        room = _TEXTS_ROOM
        for name, text in whole.items():
            size = _size(text)
            if not self._fits(line, name, text):
                continue
            if size <= room and len(first) < _TEXTS:
                first[name] = text
                room -= size
            else:
                later.append({name: text})
        return first, later

    def _fits(self, line: Line, name: str, value: Any) -> bool:
        """Say whether a value fits a body; report where it does not."""
        size = _size(value)
        if size <= _TEXTS_ROOM:
            return True
        size_of = f"{size} of {_TEXTS_ROOM} bytes"
        sentence = f"Line {line.number}: {name} is longer than a text may be ({size_of}) and was left out."
        self._done.problems.append(Problem(line.number, "too_long", sentence, "Shorten it in the file."))
        return False

    def _said(self, line: Line, bead: str, comments: Iterable[Record], at: int | None) -> Iterator[Draft]:
        drafts = (_comment(bead, one, at) for one in comments if records.is_comment(one))
        return (draft for draft in drafts if self._fits(line, "a comment", dict(draft.prose)))

    def _ends(self, record: Record) -> list[list[str]]:
        found: set[tuple[str, str, str]] = set()
        for one in _dependencies(record):
            kind, to = records.dependency_key(one)
            end = self._end(to)
            if one_line(kind, 40) and one_line(end):
                found.add((kind, end, _note_of(one)))
        return [list(end) for end in sorted(found)]

    def _end(self, name: str) -> str:
        """Return what a dependency leads to: a bead that is known, one of the same file, or a name for later."""
        if name.startswith("external:"):
            return name
        if name in self._origins:
            known = self._known.get(name, [])
            same = [one.bead for one in known if one.created_ms == self._origins[name]]
            if known:
                return same[0] if same else known[0].bead
            return ids.imported_bead(self._tracker.ledger.commons, name, self._origins[name])
        others = self._known.get(name, [])
        return others[0].bead if others else f"alias:{name}"

    # -- those that are here -----------------------------------------------------------------------------------

    def _update(self, line: Line, theirs: Record, bead: str) -> Iterator[Draft]:
        view = self._read.view(bead)
        if view.line and view.line == keeping.line_text(line.raw):
            # The base itself: it has no news, whatever happened here since.
            self._done.unchanged += 1
            return
        ours, past_lines = self._read.record(view, jsonl.one(keeping.line_bytes(view.line))), _Past.of(self._read, bead)
        if jsonl.same(ours, theirs) or line.raw in past_lines.raws:
            self._done.unchanged += 1
            return
        last = past_lines.last
        if last is not None and view.updated_ms <= (times.instant(view.text("updated_at")) or 0):
            # What came in last was changed when it says, not when it came in.
            ours["updated_at"] = last.get("updated_at", ours["updated_at"])
        base = past_lines.base(self._origin.parent)
        found = merge.compare(base, ours, theirs, self._policy, snapshot=self._origin.old_copy)
        drafts = list(self._apply(line, view, ours, theirs, found))
        self._done.stale += found.stale
        if found.changes:
            self._done.updated += 1
            self._done.problems += oddities.of(line, self._read.settings.statuses)
            self._note(theirs["id"], "updated", _shown(found))
        else:
            self._done.unchanged += 1
        yield from drafts

    def _apply(self, line: Line, view: BeadView, ours: Record, theirs: Record, found: Difference) -> Iterator[Draft]:
        at = max(_at(theirs) or 0, view.updated_ms)
        disputed = self._disputes(view, found)
        kept_back = {conflict.key for conflict in found.conflicts if conflict not in disputed}
        for key in kept_back & found.values.keys():
            # An old value of ours that the other side never touched.
            del found.values[key]
        for conflict in disputed:
            self._done.conflicts.append((theirs["id"], conflict))
            self._note(theirs["id"], "conflict", {conflict.key: [conflict.kept, conflict.lost]})
        won = {c.key for c in disputed if c.winner is Side.THEIRS}
        found.values = {key: value for key, value in found.values.items() if self._fits(line, key, value)}
        yield from self._set(view, {k: v for k, v in found.values.items() if k not in won}, at)
        yield from _unseen(self._set(view, {k: v for k, v in found.values.items() if k in won}, at))
        lost = {c.key: c.lost for c in disputed if c.winner is Side.OURS and not c.key.startswith("dependencies/")}
        before = min(_at(theirs) or view.updated_ms, view.updated_ms) - 1
        yield from _unseen(self._set(view, lost, max(before, 1)))
        yield from self._sets(line, view, found, at)
        said = keeping.line_text(line.raw)
        if said and not found.stale and _size(said) < _TEXTS_ROOM:
            yield from setting(view, _when(view, found) | {"line_run": self._origin.run}, {"line": said}, at)

    def _disputes(self, view: BeadView, found: Difference) -> list[Conflict]:
        """Return the conflicts that are any: not those over a value which the bead has had before."""
        if not found.conflicts:
            return []
        had = _values_of_old(self._read, view)
        return [
            one for one in found.conflicts
            if not (_theirs(one) in had.get(one.key, ()) and _theirs(one) not in ("", None))
        ]  # fmt: skip

    def _set(self, view: BeadView, members: Mapping[str, Any], at: int | None) -> list[Draft]:
        values = {key: _or_left_out(key, value) for key, value in members.items()}
        return self._tracker.changes(view, values, at, own=()) if values else []

    def _sets(self, line: Line, view: BeadView, found: Difference, at: int | None) -> Iterator[Draft]:
        gone = [(label, view.labels[label]) for label in found.labels_removed if label in view.labels]
        new = sorted(label for label in found.labels_added if records.is_label(label))
        stated = {"at": at} if at else {}
        for add, remove in _cut(new, gone, _LABELS):
            yield Draft("bead.label", {"bead": view.id, "add": add, "remove": remove, **stated})
        removed = {(kind, self._end(to)) for to, kind in found.dependencies_removed}
        ends = [end for end in self._ends({"dependencies": found.dependencies_added}) if end[1] != view.id]
        added = {(end[0], end[1]) for end in ends}
        drop = [link for link in view.links if (link[0], self._linked(link[1])) in removed | added]
        for add, remove in _cut(ends, drop, _LINKS):
            yield Draft("bead.link", {"bead": view.id, "add": add, "remove": remove, **stated})
        yield from self._said(line, view.id, found.comments_added, at)

    def _linked(self, end: str) -> str:
        return self._end(end.removeprefix("alias:")) if end.startswith("alias:") else end

    def _note(self, name: str, what: str, members: Mapping[str, Any]) -> None:
        self._done.changes.append(Change(name, what, members))


def _cut(add: Sequence[Any], remove: Iterable[Sequence[Any]], most: int) -> Iterator[tuple[list[Any], list[list[Any]]]]:
    """Cut additions and removals into what fits one operation each; what is removed goes first."""
    each = [[*one, [op]] for *one, ops in remove for op in ops]
    for n in range(0, len(each), _REMOVALS):
        part = each[n : n + _REMOVALS]
        merged: dict[tuple[Any, ...], list[str]] = {}
        for *one, (op,) in part:
            merged.setdefault(tuple(one), []).append(op)
        yield [], [[*one, ops] for one, ops in merged.items()]
    for n in range(0, len(add), most):
        yield list(add[n : n + most]), []


_REMOVALS = 30


def _or_left_out(key: str, value: Any) -> Any:
    """Return what it means that a line leaves a member out."""
    if value is not None:
        return value
    return "" if key in records.TEXTS else records.LEFT_OUT.get(key)


def _theirs(conflict: Conflict) -> Any:
    return conflict.lost if conflict.winner is Side.OURS else conflict.kept


def _values_of_old(read: Any, view: BeadView) -> dict[str, set[Any]]:
    """Return the values that members of a bead have had, the present ones left out."""
    had: dict[str, set[Any]] = {}
    for event in past.history(read, view.id):
        for name, value in event.changes.items():
            if isinstance(value, str | int):
                had.setdefault("issue_type" if name == "type" else name, set()).add(value)
    return had


def _when(view: BeadView, found: Difference) -> dict[str, Value]:
    news = found.updated_at
    return {"updated_at": news} if news is not None and view.fields.get("updated_at") != news else {}


def _unseen(drafts: Iterable[Draft]) -> Iterator[Draft]:
    """Let drafts name nothing that they take the place of: what stood, or what is written, stays as lost."""
    for draft in drafts:
        yield draft._replace(p={name: value for name, value in draft.p.items() if name != "seen"})


def _shown(found: Difference) -> dict[str, Any]:
    shown: dict[str, Any] = dict(found.values)
    for name in ("labels_added", "labels_removed", "dependencies_added", "dependencies_removed", "comments_added"):
        if getattr(found, name):
            shown[name] = getattr(found, name)
    return shown


def _names(record: Record) -> Iterator[str]:
    if isinstance(record.get("id"), str):
        yield record["id"]
    for one in _dependencies(record):
        yield records.dependency_key(one)[1]


def _origin(record: Record) -> int:
    """Return when a bead was made, milliseconds; 0 where the line does not say."""
    ms = times.instant(record.get("created_at"))
    return ms if ms is not None and 0 <= ms < limits.HLC_MS else 0


def _at(record: Record) -> int | None:
    """Return when a record was last changed, milliseconds."""
    ms = times.instant(record.get("updated_at")) or times.instant(record.get("created_at"))
    return ms if ms is not None and 0 < ms < limits.HLC_MS else None


def _cells(record: Record) -> records.Cells:
    """Return the cells of a record; fields that would not fit one line become texts."""
    found = records.cells({**records.LEFT_OUT, **records.without_empty(record)})
    while sum(len(str(value)) for value in found.fields.values()) > _FIELDS_ROOM:
        name = max(found.fields, key=lambda name: len(str(found.fields[name])))
        value = found.fields.pop(name)
        found.texts[records.odd_name(name)] = jsonl.canonical(value).decode(errors="replace")
    return found


def _size(value: Any) -> int:
    # In a body it is a JSON string: quotes and control characters take more than one byte; so do those of JSON in it.
    said = jsonl.canonical(value)
    return len(said if isinstance(value, str) else jsonl.canonical(said.decode(errors="replace")))


def _labels(record: Record) -> list[str]:
    said = record.get("labels")
    return sorted({one for one in said if records.is_label(one)}) if isinstance(said, list) else []


def _dependencies(record: Record) -> list[Record]:
    said = record.get("dependencies")
    return [one for one in said if isinstance(one, dict)] if isinstance(said, list) else []


def _comments(record: Record) -> list[Record]:
    said = record.get("comments")
    return [one for one in said if isinstance(one, dict)] if isinstance(said, list) else []


def _note_of(dependency: Mapping[str, Any]) -> str:
    """Return what is kept with a link: what changes its meaning."""
    kept = {name: dependency[name] for name in _NOTED if dependency.get(name)}
    note = jsonl.canonical(kept).decode() if kept else ""
    return note if len(note) <= NOTE_LENGTH else ""


def _comment(bead: str, said: Mapping[str, Any], at: int | None) -> Draft:
    """Return the draft of a comment; one that does not tell when it was said was said when its bead was changed."""
    texts = {name: str(said[name]) for name in ("author", "text", "created_at") if said.get(name)}
    if "id" in said:
        texts["id"] = jsonl.canonical(said["id"]).decode()
    ms = times.instant(said.get("created_at")) or 0
    stated = ms if 0 < ms < limits.HLC_MS else at
    return Draft("bead.comment", {"bead": bead} | ({"at": stated} if stated else {}), texts)


def _more(bead: str, labels: Sequence[str], ends: Sequence[list[str]], at: int | None) -> Iterator[Draft]:
    """Write what of labels and links does not fit the creating operation."""
    stated = {"at": at} if at else {}
    for n in range(0, len(labels), _LABELS):
        yield Draft("bead.label", {"bead": bead, "add": list(labels[n : n + _LABELS]), "remove": [], **stated})
    for n in range(0, len(ends), _LINKS):
        yield Draft("bead.link", {"bead": bead, "add": list(ends[n : n + _LINKS]), "remove": [], **stated})


def _blank(bead: str) -> BeadView:
    return BeadView(bead, "", "", 0, 0, {}, {}, {}, (), (), {})
