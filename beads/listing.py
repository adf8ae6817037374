"""Lists of beads: what is asked for, checked, as one query over the index.

A filter works or is an error; what contradicts itself is never an empty list.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fnmatch import translate
from typing import Any, NamedTuple

from beads import vocabulary
from beads.database import in_chunks
from beads.errors import BadWord
from beads.reading import Reader
from beads.times import text as time_text
from beads.vocabulary import OWN_TYPES, TOMBSTONE

HOUR_MS = 3_600_000
RECENT_MS = 48 * HOUR_MS
NONE = ""
"""As an assignee: nobody."""
COLUMNS = (
    "entity", "shown", "title", "status", "type", "priority", "assignee", "created", "updated", "closed", "defer",
    "due", "blocked_until", "comments",
)  # fmt: skip
_SELECT = f"SELECT {', '.join(f'b.{name}' for name in COLUMNS)} FROM beads b"
_ORDERS = {
    "priority": "b.priority, b.created DESC, b.entity",
    "oldest": "b.created, b.entity",
    "created": "b.created DESC, b.entity",
    "updated": "b.updated DESC, b.entity",
    "closed": "b.closed DESC, b.entity",
    "due": "b.due IS NULL, b.due, b.entity",
    "status": "b.status, b.priority, b.entity",
    "id": "b.shown, b.entity",
    "title": "b.title, b.entity",
    "type": "b.type, b.priority, b.entity",
    "assignee": "b.assignee IS NULL, b.assignee, b.priority, b.entity",
    # What came lately by urgency, then what has waited long by age, so that nothing starves.
    "hybrid": """b.created < :recent, CASE WHEN b.created < :recent THEN 0 ELSE b.priority END,
                 CASE WHEN b.created < :recent THEN b.created ELSE -b.created END, b.entity""",
}
SORTS = tuple(_ORDERS)


class Row(NamedTuple):
    """One bead of a list; times are milliseconds."""

    id: str
    shown: str
    title: str
    status: str
    type: str
    priority: int
    assignee: str | None
    created: int
    updated: int
    closed: int | None
    defer: int
    due: int | None
    blocked_until: int
    comments: int


@dataclass(frozen=True)
class Query:
    """What to list. None and () ask for nothing.

    Attributes:
        status: Any of these; () is everything that is not over; `all` everything that is not deleted.
        assignee: A name, or `NONE` for nobody.
        labels: All of these.
        any_labels: At least one of these.
        label_glob: A label that fits this pattern (`*`, `?`).
        label_regex: A label in which this expression is found.
        parent: Beads below this one; only its children, or all.
        free: Only what nobody has, or had for longer than the lease.
        ready: Only what nothing keeps waiting.
        blocked: Only what something keeps waiting.
    """

    status: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    priority: int | None = None
    priority_min: int | None = None
    priority_max: int | None = None
    assignee: str | None = None
    owner: str | None = None
    labels: tuple[str, ...] = ()
    any_labels: tuple[str, ...] = ()
    label_glob: str | None = None
    label_regex: str | None = None
    no_labels: bool = False
    title: str | None = None
    ids: tuple[str, ...] = ()
    parent: str | None = None
    below: bool = False
    external_ref: str | None = None
    spec: str | None = None
    mol_type: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    pinned: bool | None = None
    ephemeral: bool | None = None
    template: bool | None = None
    created_after: int | None = None
    created_before: int | None = None
    updated_after: int | None = None
    updated_before: int | None = None
    closed_after: int | None = None
    closed_before: int | None = None
    free: bool = False
    deferred: bool = False
    overdue: bool = False
    ready: bool = False
    blocked: bool = False
    sort: str = "priority"
    reverse: bool = False
    limit: int | None = 50
    now: int = field(default=0, repr=False)


def check(query: Query, reader: Reader) -> Query:
    """Return a query with its words checked and its beads found.

    Raises:
        BadWord: A word is unknown, or two conditions cannot hold at once.
    """
    known = (*reader.settings.types, *OWN_TYPES)
    statuses = tuple(s if s == "all" else status(reader, s) for s in query.status)
    types = tuple(_word(reader, "type", t, lambda t: vocabulary.issue_type(t, known)) for t in query.types)
    if query.mol_type is not None:
        _word(reader, "mol_type", query.mol_type, vocabulary.molecule_type)
    for complaint, wrong in _contradictions(query):
        if wrong:
            raise BadWord(complaint)
    parent = reader.find(query.parent) if query.parent else None
    return replace(query, status=statuses, types=types, parent=parent, ids=tuple(map(reader.find, query.ids)))


def status(reader: Reader, text: str) -> str:
    """Return the status meant: one that there is, or that some bead has.

    Raises:
        BadWord: There is none.
    """
    return _word(reader, "status", text, lambda text: vocabulary.status(text, reader.settings.statuses))


def _word(reader: Reader, column: str, text: str, meaning: Callable[[str], str]) -> str:
    """Return what a word means; beads that came from elsewhere have words that are nowhere else."""
    try:
        return meaning(text)
    except BadWord:
        if reader.rows(f"SELECT 1 FROM beads WHERE {column} = :text LIMIT 1", {"text": text}):
            return text
        raise


def _contradictions(query: Query) -> Iterable[tuple[str, bool]]:
    spans = [(f"{name}_after", f"{name}_before") for name in ("created", "updated", "closed")]
    for low, high in (*spans, ("priority_min", "priority_max")):
        first, last = getattr(query, low), getattr(query, high)
        yield f"{low} is beyond {high}: nothing can fit both", None not in (first, last) and first > last
    for name in ("priority", "priority_min", "priority_max"):
        value = getattr(query, name)
        yield f"invalid priority {value}: 0 to 4", value is not None and value not in vocabulary.PRIORITIES
    yield "a limit is 0 (no limit) or more", query.limit is not None and query.limit < 0
    yield f"cannot sort by {query.sort!r}: {', '.join(SORTS)}", query.sort not in _ORDERS
    yield "no labels and some labels: nothing can fit both", query.no_labels and bool(query.labels or query.any_labels)
    yield "ready and blocked: nothing can fit both", query.ready and query.blocked
    yield "what is ready has a status of its own: leave --status out", query.ready and bool(query.status)
    over = query.deferred or query.pinned or query.closed_after is not None or query.closed_before is not None
    yield "what is ready is not deferred, pinned or closed: nothing can fit both", query.ready and bool(over)
    yield (
        "a priority and a range of priorities: give one",
        query.priority is not None and (query.priority_min is not None or query.priority_max is not None),
    )


def rows(reader: Reader, query: Query) -> list[Row]:
    """Return the beads that fit, in order."""
    where, values = _conditions(reader, query)
    order = _ORDERS[query.sort]
    if query.reverse:
        order = ", ".join(_turned(part) for part in order.split(", "))
    limit = f" LIMIT {query.limit}" if query.limit else ""
    sql = f"{_SELECT} WHERE {' AND '.join(where)} ORDER BY {order}{limit}"
    return [Row(*row) for row in reader.rows(sql, values)]


def count(reader: Reader, query: Query, by: str | None = None) -> list[tuple[Any, int]]:
    """Return how many beads fit, in all or by a column."""
    where, values = _conditions(reader, query)
    if by == "label":
        source, column = "beads b JOIN labels g ON g.entity = b.entity", "g.label"
    else:
        source, column = "beads b", f"b.{by}" if by else "NULL"
    sql = f"SELECT {column}, COUNT(*) FROM {source} WHERE {' AND '.join(where)} GROUP BY 1 ORDER BY 1"
    found = [(key, n) for key, n in reader.rows(sql, values)]
    return found if by else found or [(None, 0)]


def _turned(part: str) -> str:
    part = part.strip()
    return part.removesuffix(" DESC") if part.endswith(" DESC") else f"{part} DESC"


_EQUAL = {
    "priority": "b.priority = :priority", "owner": "b.owner = :owner", "external_ref": "b.external_ref = :external_ref",
    "mol_type": "b.mol_type = :mol_type", "priority_min": "b.priority >= :priority_min",
    "priority_max": "b.priority <= :priority_max", "created_after": "b.created >= :created_after",
    "created_before": "b.created <= :created_before", "updated_after": "b.updated >= :updated_after",
    "updated_before": "b.updated <= :updated_before", "closed_after": "b.closed >= :closed_after",
    "closed_before": "b.closed <= :closed_before", "title": "INSTR(LOWER(b.title), LOWER(:title)) > 0",
    "spec": "(b.spec_id >= :spec AND b.spec_id < :spec || '~')",
}  # fmt: skip


def _conditions(reader: Reader, query: Query) -> tuple[list[str], dict[str, Any]]:
    given = {f.name: getattr(query, f.name) for f in fields(query)}
    values: dict[str, Any] = {"now": query.now, "recent": query.now - RECENT_MS}
    where = _status(query)
    for name, condition in _EQUAL.items():
        if given[name] is not None:
            where.append(condition)
            values[name] = given[name]
    where += _flags(query)
    if query.ready or query.blocked:
        where.append(_in_the_way(reader, values, blocked=query.blocked))
    for n, group in enumerate(_groups(reader, query)):
        where.append(group.condition.format(n=n, listed=_listed(group.values, f"g{n}_", values)))
    return where, values


def _in_the_way(reader: Reader, values: dict[str, Any], *, blocked: bool) -> str:
    """Return the condition on what other projects keep waiting, and for blocked ones on what anything does."""
    freed = _listed(reader.freed_elsewhere(), "f", values)
    waits = f"(b.outside = 1 AND b.entity NOT IN ({freed}))" if freed else "b.outside = 1"
    return f"(b.blocked_until > :now OR {waits})" if blocked else f"NOT {waits}"


class _Group(NamedTuple):
    condition: str
    values: Sequence[Any]


def _status(query: Query) -> list[str]:
    if query.ready:
        # Whoever holds a bead need not be offered it, and nobody else should be.
        held = "(b.hold_until IS NULL OR b.hold_until <= :now)"
        return ["b.workable = 1", "b.blocked_until <= :now", "b.defer <= :now", held]
    if query.ids:
        return ["1 = 1"]
    shown = [] if query.types else [f"b.type NOT IN ({', '.join(repr(t) for t in OWN_TYPES)})"]
    if "all" in query.status:
        return [f"b.status <> '{TOMBSTONE}'", *shown]
    if query.status:
        return shown or ["1 = 1"]
    # What was closed at some time is mostly over.
    closed = query.closed_after is not None or query.closed_before is not None
    return [f"b.status <> '{TOMBSTONE}'" if closed else "b.free > 0", *shown]


def _flags(query: Query) -> list[str]:
    found: list[str] = []
    for name in ("pinned", "ephemeral", "template"):
        value = getattr(query, name)
        if value is not None:
            found.append(f"b.{name} = {int(value)}")
    if query.assignee == NONE:
        found.append("COALESCE(b.assignee, '') = ''")
    if query.free:
        found.append("(COALESCE(b.assignee, '') = '' OR b.hold_until < :now)")
    if query.no_labels:
        found.append("NOT EXISTS (SELECT 1 FROM labels g WHERE g.entity = b.entity)")
    if query.deferred:
        found.append("(b.defer > :now OR b.status = 'deferred')")
    if query.overdue:
        found.append("b.due < :now")
    return found


def _groups(reader: Reader, query: Query) -> list[_Group]:
    """Return the conditions that take a list of values."""
    has_label = "EXISTS (SELECT 1 FROM labels g WHERE g.entity = b.entity AND g.label IN ({listed}))"
    found = [_Group(has_label, [label]) for label in query.labels]
    for wanted in (query.any_labels, *_patterns(reader, query)):
        found += [_Group(has_label, wanted)] if wanted else []
    if query.status and "all" not in query.status:
        found.append(_Group("b.status IN ({listed})", query.status))
    if query.types:
        found.append(_Group("b.type IN ({listed})", query.types))
    if query.ids:
        found.append(_Group("b.entity IN ({listed})", query.ids))
    if query.assignee:
        found.append(_Group("b.assignee IN ({listed})", [query.assignee]))
    if query.parent:
        found.append(_Group("b.entity IN ({listed})", sorted(below(reader, query.parent, deep=query.below)) or [NONE]))
    for key, value in query.metadata:
        found.append(_Group("b.entity IN ({listed})", _with_metadata(reader, key, value) or [NONE]))
    return found


def _patterns(reader: Reader, query: Query) -> list[list[str]]:
    """Return the labels that fit each pattern; a pattern that none fits asks for a label that nothing has."""
    found: list[list[str]] = []
    for pattern in (query.label_glob and translate(query.label_glob), query.label_regex):
        if not pattern:
            continue
        try:
            fits = re.compile(pattern)
        except re.error as error:
            raise BadWord(f"{pattern!r} is no regular expression: {error}") from None
        known = [row[0] for row in reader.rows("SELECT DISTINCT label FROM labels")]
        found.append([label for label in known if fits.search(label)] or ["\n"])
    return found


def _with_metadata(reader: Reader, key: str, value: str) -> list[str]:
    """Return the beads whose metadata has a value under a key; read one by one, for few have any."""
    sql = "SELECT id FROM entities WHERE kind = 'bead' AND INSTR(state, '\"metadata\"') > 0"
    found = []
    for (bead,) in reader.rows(sql):
        said = reader.record(reader.view(bead)).get("metadata")
        if isinstance(said, dict) and key in said and str(said[key]) == value:
            found.append(bead)
    return found


def below(reader: Reader, parent: str, *, deep: bool) -> set[str]:
    """Return the children of a bead, or all that is below it."""
    found: set[str] = set()
    level = {parent}
    while level:
        sql = "SELECT entity FROM links WHERE kind = 'parent-child' AND bead IN ({})"
        level = {row[0] for listed, chosen in in_chunks(level) for row in reader.rows(sql.format(listed), chosen)}
        level -= found
        found |= level
        if not deep:
            break
    return found - {parent}


def _listed(items: Sequence[Any], prefix: str, values: dict[str, Any]) -> str:
    names = {f"{prefix}{n}": item for n, item in enumerate(items)}
    values.update(names)
    return ", ".join(f":{name}" for name in names)


def search(reader: Reader, words: str, query: Query) -> list[Row]:
    """Return the beads in which all words occur, the best first.

    Raises:
        BadWord: There are no words.
    """
    terms = re.findall(r"[^\W_]+", words)
    if not terms:
        problem = "there is no word in it" if words.strip() else "search query is required"
        raise BadWord(problem, 'bd search "words"')
    ranked = _ranked(reader, [f'"{term}"' for term in terms])
    found: list[Row] = rows(reader, replace(query, ids=tuple(named))) if (named := _named(reader, words)) else []
    where, values = _conditions(reader, query)
    sql = f"{_SELECT} WHERE b.number IN ({{}}) AND {' AND '.join(where)}"
    for part in _in_parts(ranked, query.limit or len(ranked)):
        names = {f"n{n}": number for n, number in enumerate(part)}
        hits = reader.rows(sql.format(", ".join(f":{name}" for name in names)), {**values, **names})
        by_number = {int(hit[0][:15], 16): Row(*hit) for hit in hits}
        found += [by_number[number] for number in part if number in by_number]
        if query.limit and len(found) >= query.limit:
            break
    return list(dict.fromkeys(found))[: query.limit or None]


_POOL = 2000
"""Beads that are ranked; where words fit more of them, their titles decide."""


def _ranked(reader: Reader, terms: Sequence[str]) -> list[int]:
    """Return the numbers of the beads that fit (`beads.projection.SEARCH`), the best first."""
    whole, begun = " ".join(terms), " ".join(f"{term}*" for term in terms)
    some = _fitting(reader, whole, begun)
    if 0 < len(some) <= _POOL:
        return [row[0] for row in reader.rows(_BEST, {"match": begun})]
    titled = _fitting(reader, f"title : ({whole})", f"title : ({begun})") if some else []
    if 0 < len(titled) <= _POOL:
        return [row[0] for row in reader.rows(_BEST, {"match": f"title : ({begun})"})]
    return titled or some


def _fitting(reader: Reader, whole: str, begun: str) -> list[int]:
    """Return beads with words that begin so, one more than are ranked at most.

    Where the words themselves stand in that many, none that only begins so is looked for: before it finds the first,
    SQLite goes through all.
    """
    for match in (whole, begun):
        found = [row[0] for row in reader.rows(_FITTING, {"match": match})]
        if len(found) > _POOL:
            break
    return found


_BEST = "SELECT rowid FROM words WHERE words MATCH :match ORDER BY bm25(words, 5.0, 1.0)"
_FITTING = f"SELECT rowid FROM words WHERE words MATCH :match LIMIT {_POOL + 1}"


def _in_parts(numbers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Cut a list into pieces, the first as long as what is asked for: mostly it is enough."""
    step = max(min(size, 500), 50)
    for start in range(0, len(numbers), step):
        yield numbers[start : start + step]


def _named(reader: Reader, words: str) -> list[str]:
    """Return the bead of which the words are the id."""
    return [row[0] for row in reader.rows("SELECT entity FROM beads WHERE shown = :name", {"name": words.strip()})]


def brief(row: Row, reader: Reader) -> dict[str, Any]:
    """Return a row as JSON: what one needs to choose by."""
    found: dict[str, Any] = {
        "id": row.shown, "title": row.title, "status": row.status, "priority": row.priority, "issue_type": row.type,
        "created_at": time_text(row.created),
    }  # fmt: skip
    if row.assignee:
        found["assignee"] = row.assignee
    return found


def counts(reader: Reader, beads: Iterable[str]) -> Mapping[str, tuple[int, int]]:
    """Return how many each bead depends on, and how many depend on it (parents and children left out)."""
    out: dict[str, int] = {}
    into: dict[str, int] = {}
    chosen_beads = list(beads)
    for listed, chosen in in_chunks(chosen_beads):
        for column, found in (("entity", out), ("bead", into)):
            sql = f"""SELECT {column}, COUNT(*) FROM links WHERE {column} IN ({listed})
                      AND kind <> 'parent-child' GROUP BY 1"""
            found.update(reader.rows(sql, chosen))
    return {bead: (out.get(bead, 0), into.get(bead, 0)) for bead in chosen_beads}
