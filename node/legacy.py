"""Bringing the reference's commons along: its rows as they were, unsigned, and its open items offered anew. ⚡"""

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from beads.errors import NotFound
from beads.index import Index
from beads.ledger import Draft
from beads.rules import one_line
from node.commons import TITLE_LENGTH, Commons
from node.errors import Usage
from node.terminal import visible
from stamps import canon
from stamps.stamp import MAX_SKILL, MAX_SKILLS
from wanted import addresses, dump, dump_sql, legacy
from wanted.dump import Read, Record, Tables
from wanted.errors import BundleError
from wanted.item import Terms
from wanted.legacy import LegacyStamp
from wanted.ops.legacy import entity_of, is_source
from wanted.ops.post import EFFORTS

LARGEST = 256 << 20
BATCH = 500


class Brought(NamedTuple):
    """What came of bringing a dump in.

    Attributes:
        written: How many rows, by kind.
        known: How many stood here already, just so.
        offered: Op ids of items that were offered anew.
    """

    written: dict[str, int]
    known: int
    offered: tuple[str, ...]


def read(path: Path, client: str | None) -> tuple[Read, str]:
    """Read a dump; return its rows and what its commons is called, "" where it does not say.

    Raises:
        BundleError: It is no dump.
        Usage: It is too large, or there are no rows in it.
    """
    tables = _tables(path)
    name = next((row.get("value", "") for row in tables.get("_meta", ()) if row.get("key") == "wasteland_name"), "")
    found = dump.records({table: rows for table, rows in tables.items() if table != "_meta"}, client)
    if not found.records:
        raise Usage("there is nothing in it that could be brought in", "Tables: rigs, wanted, completions, stamps.")
    return found, name


def check_source(name: str) -> str:
    """Return what a commons of the reference was called, if it can be kept.

    Raises:
        Usage: It cannot, or it would give somebody's address away.
    """
    if not is_source(name) or addresses.left_out(name) != name:
        raise Usage(f"{visible(name[:80])!r} cannot name a commons", "Say what it was called: --from hop/wl-commons.")
    return name


def bring(ours: Commons, source: str, records: Sequence[Record], *, offer: bool) -> Brought:
    """Write what is new, and offer open items anew if asked; both do nothing twice."""
    written: dict[str, int] = {}
    fresh = [record for record in records if not _stands(ours, source, record)]
    for at in range(0, len(fresh), BATCH):
        batch = fresh[at : at + BATCH]
        _write(ours, [_draft(source, record) for record in batch])
        for record in batch:
            written[record.kind] = written.get(record.kind, 0) + 1
    return Brought(written, len(records) - len(fresh), _offered(ours, source, records) if offer else ())


def _write(ours: Commons, drafts: Sequence[Draft]) -> None:
    ours.write(lambda _: drafts)


class Shown(NamedTuple):
    """A stamp of the reference: where it was given, and which operation of whom brought it here.

    Attributes:
        differing: Importers who say otherwise.
    """

    source: str
    importer: str
    op: str
    stamp: LegacyStamp
    differing: tuple[str, ...]


def stamps_of(index: Index, handle: str, me: str | None) -> list[Shown]:
    """Return the stamps that somebody had in the reference; where importers differ I am believed, else the first."""
    sql = """SELECT l.entity, l.source, l.importer, l.op, l.row, l.client, l.fields
             FROM legacy l JOIN ops o ON o.id = l.op
             WHERE l.kind = 'stamp' AND l.entity IN (SELECT entity FROM legacy WHERE subject = :handle)
             ORDER BY l.source, l.row, l.importer = :me DESC, o.ms, o.counter, l.importer"""
    rows = index.database.query(sql, {"handle": handle, "me": me or ""})
    shown = [_shown(said) for _, said in groupby(rows, key=itemgetter(0))]
    return [each for each in shown if each.stamp.subject == handle]


def _shown(said: Iterable[Sequence[Any]]) -> Shown:
    """Return what the first of those who brought a row says."""
    (_, source, importer, op, row, client, fields), *others = said
    differing = tuple(other[2] for other in others if (other[5], other[6]) != (client, fields))
    return Shown(source, importer, op, legacy.stamp(row, client, dict(json.loads(fields))), differing)


def items(index: Index) -> list[tuple[str, str, str, str]]:
    """Return id, title, status and source of the items that were brought."""
    sql = """SELECT row, title, fields, source FROM legacy WHERE kind = 'wanted' GROUP BY entity ORDER BY source, row"""
    return [
        (str(row), str(title), str(dict(json.loads(fields)).get("status", "open")), str(source))
        for row, title, fields, source in index.database.query(sql)
    ]


def sources(index: Index) -> list[tuple[str, str, int]]:
    """Return source, kind and how many rows of it were brought."""
    sql = "SELECT source, kind, count(DISTINCT entity) FROM legacy GROUP BY source, kind ORDER BY source, kind"
    return [(str(source), str(kind), int(count)) for source, kind, count in index.database.query(sql)]


def _tables(path: Path) -> Tables:
    if path.is_dir():
        files = [each for each in sorted(path.iterdir()) if each.suffix in (".csv", ".json")]
        return {each.stem: _table(each) for each in files}
    text = _text(path)
    return dump_sql.read(text) if path.suffix == ".sql" else dump.from_json(text)


def _table(path: Path) -> Sequence[dump.Row]:
    text = _text(path)
    return dump.table_from_csv(text) if path.suffix == ".csv" else dump.table_from_json(text)


def _text(path: Path) -> str:
    if not path.is_file():
        raise NotFound(f"there is no {path}", "A folder of tables, a .json or a .sql file.")
    if path.stat().st_size > LARGEST:
        raise Usage(f"{path} is larger than {LARGEST >> 20} MiB", "Write it out as a folder of tables.")
    try:
        # As bytes: whatever ends the lines inside a value stays as it is.
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BundleError("format", f"{path} is not UTF-8", "Write the dump out as UTF-8.") from None


def _draft(source: str, record: Record) -> Draft:
    payload = {
        "source": source, "kind": record.kind, "id": record.id, "client": record.client,
        "fields": [list(pair) for pair in record.fields], "prose": sorted(record.texts),
    }  # fmt: skip
    return Draft("legacy", payload, record.texts)


def _stands(ours: Commons, source: str, record: Record) -> bool:
    """Say whether I have brought that row before, just so; words that were erased since stay erased."""
    state = ours.index.state("legacy", entity_of(source, record.kind, record.id))
    for actor, op, client, fields, prose in state["said"] if state else ():
        same = client == record.client and [tuple(pair) for pair in fields] == list(record.fields)
        if actor == ours.me and same and prose == sorted(record.texts):
            words = {name: text for name, text in ours.index.prose(op).items() if name in record.texts}
            return not words or words == dict(record.texts)
    return False


# -- items -------------------------------------------------------------------------------------------------------------


def _offered(ours: Commons, source: str, records: Sequence[Record]) -> tuple[str, ...]:
    wanted = [each for each in records if each.kind == "wanted" and dict(each.fields).get("status", "open") == "open"]
    made: list[str] = []
    for record in wanted:
        origin = f"external:{source}:{record.id}"
        there = ours.index.database.query("SELECT 1 FROM links WHERE target = :origin LIMIT 1", {"origin": origin})
        if not there:
            made.append(ours.adopt(_title(record), record.texts.get("description", ""), _terms(record), origin).id)
    return tuple(made)


def _title(record: Record) -> str:
    title = " ".join(record.texts.get("title", "").split())[:TITLE_LENGTH]
    return title if title and canon.is_line(title) else record.id


def _terms(record: Record) -> Terms:
    values = dict(record.fields)
    effort, priority = values.get("effort_level", ""), values.get("priority", "")
    project = values.get("project", "")
    return Terms(
        project=project if one_line(project, 80) else None,
        effort=effort if effort in EFFORTS else "medium",
        priority=int(priority) if priority in ("0", "1", "2", "3", "4") else 2,
        skills=_skills(values.get("tags", "")), dimensions=(), winners=1, competition=False, checks=(), deadline=None,
    )  # fmt: skip


def _skills(tags: str) -> tuple[str, ...]:
    """Read tags: a JSON array, or words between commas."""
    try:
        listed = msgspec.json.decode(tags, type=list[str])
    except msgspec.DecodeError:
        listed = tags.split(",")
    fits = {tag.strip() for tag in listed if one_line(tag.strip(), MAX_SKILL)}
    return tuple(sorted(fits)[:MAX_SKILLS])
