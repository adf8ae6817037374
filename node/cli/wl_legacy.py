"""wl import, wl legacy: what the reference's commons said, brought along and told for what it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from beads.errors import NotFound
from node import legacy, present, wiring
from node.cli.common import Output, commons_option, offline_option, table, verb
from node.cli.step import in_step
from node.home import Home, locate
from node.legacy import Shown
from node.sheets.words import counted
from node.terminal import visible
from wanted import addresses
from wanted.legacy import UNSIGNED, WEIGHT, LegacyStamp
from wanted.ops.legacy import CLIENTS

SHOWN = 10
_CALLED = {"wanted": "item"}


@verb(name="import")
@click.argument("dump", type=click.Path(path_type=Path, exists=True))
@click.option("--from", "source", help="What that commons was called; by default as the dump or its file is.")
@click.option("--client", type=click.Choice(CLIENTS), help="Whose tables they are; by default told by their columns.")
@click.option("--offer", is_flag=True, help="Offer the items that were open there anew, as mine.")
@click.option("--dry-run", is_flag=True, help="Say what would be brought in, and write nothing.")
@commons_option
@offline_option
def import_(
    output: Output, dump: Path, source: str | None, client: str | None, offer: bool, dry_run: bool,
    commons: str | None, offline: bool,
) -> None:  # fmt: skip
    """Bring a commons of the reference along: a folder of tables (CSV, JSON), a .json or a .sql file.

    Ids stay, e-mail addresses do not. Nobody signed any of it, so its stamps are shown and weigh nothing.
    """
    read, name = legacy.read(dump, client)
    chosen = legacy.check_source(source or name or dump.stem)
    shown = _first([f"  left out: {visible(each)}" for each in read.left_out])
    shown += _first([f"  {visible(address)} is called {called}" for address, called in read.called.items()])
    about = {"left_out": list(read.left_out), "called": dict(read.called)}
    if dry_run:
        counts = _counts([record.kind for record in read.records])
        said = [f"Would bring from {visible(chosen)}: {_listed(counts)}.", *shown]
        output.result({"source": chosen, "would_write": counts, **about}, said)
        return
    with in_step(output, commons, offline) as ours:
        done = legacy.bring(ours, chosen, read.records, offer=offer)
        lines = [f"Brought from {visible(chosen)}: {_listed(done.written)}; {UNSIGNED}."]
        lines += [f"  {done.known} stood here already"] if done.known else []
        lines += [f"  {counted(len(done.offered), 'open item')} offered anew"] if offer else []
        output.result(
            {"source": chosen, "written": done.written, "known": done.known, "offered": list(done.offered), **about},
            [*lines, *shown],
            ["wl legacy", *(["wl browse"] if done.offered else ["wl import DUMP --offer"])],
        )  # fmt: skip


@verb(name="legacy")
@click.argument("handle", required=False)
@click.option("--items", is_flag=True, help="List the items, with their ids there.")
@commons_option
def legacy_(output: Output, handle: str | None, items: bool, commons: str | None) -> None:
    """List what was brought along from the reference, or the stamps that somebody had there."""
    home = Home(locate())
    index = wiring.open_index(home, home.choose(commons))
    if items:
        named = ("id", "title", "status", "source")
        listed = [dict(zip(named, each, strict=True)) for each in legacy.items(index)]
        rows = [tuple(map(visible, each.values())) for each in listed]
        output.result({"items": listed}, table(rows, 1) or ["No items were brought along."], ["wl import DUMP --offer"])
        return
    if handle is None:
        found = legacy.sources(index)
        rows = [(visible(source), kind, str(count)) for source, kind, count in found]
        output.result(
            {"rows": [{"source": source, "kind": kind, "count": count} for source, kind, count in found]},
            table(rows, 0) or ["Nothing was brought along."], ["wl legacy HANDLE"] if found else ["wl import DUMP"],
        )  # fmt: skip
        return
    stamps = legacy.stamps_of(index, handle, home.key_log().scid if home.exists else None)
    if not stamps and addresses.left_out(handle) == handle:
        raise NotFound(f"nobody called {visible(handle)} had stamps there", "wl legacy lists what was brought along.")
    said = [f"{visible(handle)} had {counted(len(stamps), 'stamp')} there, {UNSIGNED}: they weigh nothing."]
    if not stamps and addresses.left_out(handle) != handle:
        said.append("E-mail addresses were left out: wl import DUMP --dry-run says what stands for each.")
    names = present.names_in(index) if any(each.differing for each in stamps) else {}
    output.result(
        {"handle": handle, "signed": False, "weight": WEIGHT,
         "stamps": [_json(each) for each in stamps]},
        [*said, *table([_line(each, names) for each in stamps], 3)],
    )  # fmt: skip


def _line(each: Shown, names: Mapping[str, str]) -> tuple[str, ...]:
    one = each.stamp
    told = (one.created[:10], each.source, one.author, _scores(one), one.id, _differing(each, names))
    return tuple(map(visible, told))


def _differing(each: Shown, names: Mapping[str, str]) -> str:
    if not each.differing:
        return ""
    who = present.name(each.importer, names)
    return f"as {who} has it; {counted(len(each.differing), 'other')} otherwise"


def _json(each: Shown) -> dict[str, Any]:
    where = {"source": each.source, "importer": each.importer, "differing": list(each.differing), "op": each.op}
    return {**where, **each.stamp._asdict(), "dims": dict(each.stamp.dims)}


def _scores(one: LegacyStamp) -> str:
    scores = ", ".join(f"{name} {score:g}/5" for name, score in one.dims) or "no score"
    return f"{scores}, a warning" if one.warning else f"{scores}, {one.severity or 'no severity'}"


def _first(lines: list[str]) -> list[str]:
    return lines[:SHOWN] + ([f"  and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else [])


def _counts(kinds: list[str]) -> dict[str, int]:
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(counted(count, _CALLED.get(kind, kind)) for kind, count in counts.items()) or "nothing new"
