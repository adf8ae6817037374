"""bd import, bd export: trading beads with tools that keep them in `issues.jsonl`."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from beads import exporter, importer, jsonl, listing, oddities
from beads.errors import NotFound, Refused
from beads.exporter import ORDERS
from beads.importer import Imported
from beads.jsonl import Problem
from beads.merge import Policy
from beads.wording import counted
from node import ledgers
from node.cli.bd_common import Desk, bd_verb, export_file
from node.home import Home

FEW = 20
"""Problems of one kind that are told one by one."""


@bd_verb(name="import")
@click.argument("file", required=False)
@click.option("--input", "-i", "input_", help="The same as FILE.")
@click.option(
    "--policy",
    type=click.Choice([p.value for p in Policy]),
    default="newer",
    show_default=True,
    help="Where both sides changed something: the later one, ours, theirs, or stop.",
)
@click.option("--dry-run", is_flag=True, help="Tell what would change, and write nothing.")
@click.option("--strict", is_flag=True, help="Write nothing if a line, or a value, cannot be read.")
def import_(desk: Desk, file: str | None, input_: str | None, policy: str, dry_run: bool, strict: bool) -> None:
    """Bring in a file of beads, one JSON object a line; without FILE .beads/issues.jsonl, - is standard input."""
    source = file or input_ or str(_issues(desk.home))
    raw = sys.stdin.buffer.read() if source == "-" else _read(Path(source))
    document = jsonl.read(raw)
    if strict:
        _refuse(document.problems)
    with desk.writing() as tracker:
        if strict:
            _refuse(oddities.unreadable(document, tracker.read.settings.statuses))
        done = importer.bring_in(tracker, raw, Policy(policy), dry_run=dry_run)
    _report(desk, source, done, dry_run=dry_run)


def _issues(home: Home) -> Path:
    place = ledgers.find(home)
    if place is None or place.folder is None:
        raise NotFound("which file?", "bd import FILE; bd init names a .beads folder for this repository.")
    return place.folder / ledgers.ISSUES


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}") from None


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise Refused(problems[0].sentence, f"{counted(len(problems), 'problem')} in all; {problems[0].hint}")


def _report(desk: Desk, source: str, done: Imported, *, dry_run: bool) -> None:
    for text in _told(done.problems):
        desk.output.trouble(text)
    data: dict[str, Any] = {
        "source": source, "created": done.created, "updated": done.updated, "skipped": done.unchanged,
        "memories": done.memories, "dry_run": dry_run, "stale": done.stale, "contested": done.contested,
        "conflicts": [
            {"id": name, "member": one.key, "kept": one.kept, "lost": one.lost} for name, one in done.conflicts
        ],
        "problems": [
            {"line": one.line, "code": one.code, "message": one.sentence, "hint": one.hint} for one in done.problems
        ],
    }  # fmt: skip
    if dry_run:
        data["changes"] = [{"id": one.id, "what": one.what, "members": dict(one.members)} for one in done.changes]
    word = "Would import" if dry_run else "✓ Imported"
    lines = [f"{word} from {source}: {done.created} new, {done.updated} changed, {done.unchanged} as they were"]
    lines += [f"  {remark}" for remark in _remarks(done)]
    if dry_run:
        lines += [f"  {one.what:<8}  {one.id}  {_members(one.members)}" for one in done.changes]
    desk.output.result(data, lines, ["bd conflicts"] if done.conflicts else [])


def _told(problems: Sequence[Problem]) -> Iterator[str]:
    """Tell of problems, of each kind the first few."""
    kinds: Counter[str] = Counter()
    for one in problems:
        kinds[one.code] += 1
        if kinds[one.code] <= FEW:
            yield f"{one.sentence} {one.hint}"
    for code, count in kinds.items():
        if count > FEW:
            yield f"… and {count - FEW} more: {jsonl.PROBLEMS[code][0] if code in jsonl.PROBLEMS else code} (--json)"


def _remarks(done: Imported) -> Iterator[str]:
    if done.memories:
        yield counted(done.memories, "memory", "memories")
    if done.stale:
        yield f"{done.stale} older than what is known here: left as they are"
    if done.conflicts:
        yield f"{len(done.conflicts)} changed on both sides: the later one stands, the other is kept (bd conflicts)"
    if done.contested:
        shown = ", ".join(done.contested[:5])
        yield f"{len(done.contested)} under an id that another bead has: both are kept ({shown})"
    if done.problems:
        yield f"{counted(len(done.problems), 'problem')}, see above"


def _members(members: Any) -> str:
    shown = "; ".join(f"{name}: {value}" for name, value in members.items())
    return shown if len(shown) <= 100 else f"{shown[:99]}…"


@bd_verb()
@click.option("--output", "-o", help="The file to write; without it standard output.")
@click.option("--order", type=click.Choice(sorted(ORDERS)), help="Default: as the file is, or by id.")
@click.option("--status", "-s", help="Only of this status.")
@click.option("--include-memories", is_flag=True, help="What is remembered, too.")
def export(desk: Desk, output: str | None, order: str | None, status: str | None, include_memories: bool) -> None:
    """Write the beads as one JSON object a line; a line that did not change is the one that came in."""
    with desk.reading() as reader:
        status = None if status is None else listing.status(reader, status)
        chosen = ORDERS[order] if order else None
        if output is None:
            sys.stdout.buffer.write(exporter.export(reader, None, chosen, status, memories=include_memories))
            return
        count = export_file(reader, Path(output), chosen, status, memories=include_memories)
    desk.output.result({"file": output, "exported": count}, f"✓ Exported {counted(count, 'bead')} to {output}")
