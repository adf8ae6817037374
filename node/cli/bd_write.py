"""bd create, q, update, heartbeat, release: writing the ledger."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from beads import listing, times, vocabulary
from beads.errors import BadWord, ConflictError, Refused
from beads.listing import Query
from beads.nursery import NewBead, NewLink
from beads.tracker import Tracker
from beads.vocabulary import BLOCKS, WAITS
from node import wiring
from node.cli.bd_common import (
    Desk,
    Failures,
    bd_verb,
    dated,
    labels_of,
    listed,
    moment,
    warn_of_parent,
)
from node.errors import Usage
from node.localtime import clock

_TEXT_OPTIONS = (
    click.option("--description", "-d", "--body", help="What it is about; - reads it from standard input."),
    click.option("--body-file", type=click.Path(exists=True, dir_okay=False), help="Read the description from a file."),
    click.option("--design", help="How it is to be done."),
    click.option("--acceptance", help="When it is done."),
    click.option("--notes", help="Notes."),
    click.option("--priority", "-p", help="0 (critical) to 4 (backlog), or P0 to P4."),
    click.option("--assignee", "-a", help="Whose it is to do."),
    click.option("--owner", help="Whose it is in the end."),
    click.option("--estimate", "-e", type=int, help="Minutes of work."),
    click.option("--due", help="By when: a date (by its end), 2026-12-24T18:00, 2d, tomorrow."),
    click.option("--defer", help="Not before: a date (its beginning), 2026-12-24T18:00, 2d."),
    click.option("--external-ref", help="What it is called elsewhere: gh-9, a URL."),
    click.option("--spec-id", help="The specification it is from."),
    click.option("--metadata", help="JSON of your own."),
)


def texts(function: Any) -> Any:
    """Add the options that describe a bead."""
    for option in reversed(_TEXT_OPTIONS):
        function = option(function)
    return function


def members_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Read the options that describe a bead as members of its record."""
    found = {
        "description": _description(given), "design": given["design"], "acceptance_criteria": given["acceptance"],
        "notes": given["notes"], "assignee": given["assignee"], "owner": given["owner"],
        "estimated_minutes": given["estimate"], "external_ref": given["external_ref"], "spec_id": given["spec_id"],
        "priority": None if given["priority"] is None else vocabulary.priority(given["priority"]),
        "due_at": time_of(given["due"], "--due"), "defer_until": time_of(given["defer"], "--defer"),
        "metadata": _metadata(given["metadata"]),
    }  # fmt: skip
    if (found["estimated_minutes"] or 0) < 0:
        raise BadWord("estimate must be a non-negative number of minutes")
    return {name: value for name, value in found.items() if value is not None}


def _description(given: Mapping[str, Any]) -> str | None:
    if given["body_file"]:
        return Path(given["body_file"]).read_text()
    return sys.stdin.read() if given["description"] == "-" else given["description"]


def time_of(said: str | None, option: str) -> str | None:
    """Read an option that is a point of time as it is stored; "" takes one back."""
    # By a day means by its end; not before a day, or until it, its beginning.
    ms = moment(said or None, option, whole_day=option == "--due")
    return said if ms is None else times.text(ms)


def warn_of_past(desk: Desk, until: str | None) -> None:
    """Warn of a bead that is put off until a time that is over."""
    ms = times.instant(until)
    if ms is not None and ms < wiring.now_ms():
        desk.output.warn(f"Warning: {clock(ms)} is in the past: it is ready at once.")


def _metadata(said: str | None) -> Any:
    try:
        return None if said is None else json.loads(said)
    except json.JSONDecodeError as error:
        raise BadWord(f"--metadata is not JSON: {error}") from None


@bd_verb()
@click.argument("title", required=False)
@click.option("--title", "title_", help="The title, as an option.")
@click.option("--type", "-t", "type_", default="task", show_default=True, help="bug, feature, task, epic, chore, …")
@click.option("--labels", "-l", "--label", multiple=True, help="Labels; repeat or use commas.")
@click.option("--parent", help="The bead it is part of; its id becomes PARENT.N.")
@click.option("--deps", "--dep", multiple=True, help="What it waits for: ID, TYPE:ID; blocks:ID lets ID wait for it.")
@click.option("--waits-for", help="It waits for the children of this bead.")
@click.option("--waits-for-gate", type=click.Choice(["all-children", "any-children"]), default="all-children")
@click.option("--id", "alias", help="Its id; without one it is made from the title.")
@click.option("--ephemeral", is_flag=True, help="A wisp: never ready, gone after a while.")
@click.option("--mol-type", help="swarm, patrol or work.")
@click.option("--wisp-type", help="heartbeat, patrol, recovery, …")
@click.option("--silent", is_flag=True, help="Print the id only.")
@click.option("--dry-run", is_flag=True, help="Check, and write nothing.")
@texts
def create(
    desk: Desk, title: str | None, title_: str | None, type_: str, labels: tuple[str, ...], parent: str | None,
    deps: tuple[str, ...], waits_for: str | None, waits_for_gate: str, alias: str | None, ephemeral: bool,
    mol_type: str | None, wisp_type: str | None, silent: bool, dry_run: bool, **given: Any,
) -> None:  # fmt: skip
    """Make a bead."""
    if title is None and title_ is None:
        raise BadWord("title required", 'bd create "Title"')
    members = members_of(given) | {"issue_type": type_}
    warn_of_past(desk, members.get("defer_until"))
    members |= {"ephemeral": True} if ephemeral else {}
    members |= {"mol_type": vocabulary.molecule_type(mol_type)} if mol_type else {}
    members |= {"wisp_type": wisp_type} if wisp_type else {}
    links = [_link(dep) for dep in listed(deps)]
    if waits_for:
        note = json.dumps({"metadata": json.dumps({"gate": waits_for_gate})}, separators=(",", ":"))
        links.append(NewLink(WAITS, waits_for, note))
    new = NewBead(title if title is not None else str(title_), members, labels_of(labels), links, parent, alias)
    with desk.writing() as tracker:
        if dry_run:
            tracker.checked({**members, "title": new.title})
            desk.output.result({"dry_run": True, "title": new.title}, f"Would create: {new.title}")
            return
        if parent is not None:
            warn_of_parent(desk, tracker.read, parent)
        (bead,) = tracker.create(new)
        desk.touched(tracker, bead)
        _created(desk, tracker, bead, silent=silent)


def _link(dep: str) -> NewLink:
    """Read `ID` or `TYPE:ID`; `blocked-by` and `depends-on` are `blocks`, and `blocks:ID` turns it round."""
    kind, sep, to = dep.partition(":")
    if not sep or kind == "external":
        return NewLink(BLOCKS, dep)
    if kind in ("blocked-by", "depends-on"):
        return NewLink(BLOCKS, to)
    name = vocabulary.kind(kind)
    if name not in vocabulary.KINDS:
        raise BadWord(f"invalid dependency type {kind!r}", f"One of {', '.join(vocabulary.KINDS)}.")
    return NewLink(name, to, inverse=name == BLOCKS)


def _created(desk: Desk, tracker: Tracker, bead: str, *, silent: bool) -> None:
    record = tracker.read.record(tracker.read.view(bead))
    name = record["id"]
    if silent and not desk.output.json:
        desk.output.result({}, name)
        return
    lines = [f"✓ Created issue: {name}", f"  Title: {record['title']}"]
    lines.append(f"  Priority: P{record['priority']}   Status: {record['status']}   Type: {record['issue_type']}")
    desk.output.result(record, lines, [f"bd show {name}", f"bd update {name} --claim"])


@bd_verb()
@click.argument("title")
@click.option("--type", "-t", "type_", default="task", show_default=True)
@click.option("--priority", "-p", default="2", show_default=True)
@click.option("--labels", "-l", multiple=True)
def q(desk: Desk, title: str, type_: str, priority: str, labels: tuple[str, ...]) -> None:
    """Make a bead quickly: prints its id and nothing else."""
    members = {"issue_type": type_, "priority": vocabulary.priority(priority)}
    with desk.writing() as tracker:
        (bead,) = tracker.create(NewBead(title, members, labels_of(labels)))
        desk.touched(tracker, bead)
        _created(desk, tracker, bead, silent=True)


@bd_verb()
@click.argument("beads", nargs=-1)
@click.option("--title", help="Another title.")
@click.option("--status", "-s", help="open, in_progress, blocked, deferred, closed, …")
@click.option("--type", "-t", "type_", help="Another type.")
@click.option("--append-notes", default="", help="A line more in the notes.")
@click.option("--add-label", multiple=True)
@click.option("--remove-label", multiple=True)
@click.option("--set-labels", multiple=True, help="Exactly these labels.")
@click.option("--set-metadata", multiple=True, metavar="KEY=VALUE")
@click.option("--unset-metadata", multiple=True, metavar="KEY")
@click.option("--parent", help='Part of this bead; "" for of none.')
@click.option("--pinned/--no-pinned", default=None, help="Never ready, never closed.")
@click.option("--claim", is_flag=True, help="Take it: yours and in progress, or exit code 4 where another has it.")
@click.option("--fence", type=int, help="Only while the claim with this number holds.")
@click.option("--force", is_flag=True, help="Past what stands in the way; ends another's claim.")
@texts
def update(
    desk: Desk, beads: tuple[str, ...], title: str | None, status: str | None, type_: str | None, append_notes: str,
    add_label: tuple[str, ...], remove_label: tuple[str, ...], set_labels: tuple[str, ...],
    set_metadata: tuple[str, ...], unset_metadata: tuple[str, ...], parent: str | None, pinned: bool | None,
    claim: bool, fence: int | None, force: bool, **given: Any,
) -> None:  # fmt: skip
    """Change beads; without an id the one that you touched last."""
    members = members_of(given)
    warn_of_past(desk, members.get("defer_until"))
    members |= {k: v for k, v in (("title", title), ("status", status), ("issue_type", type_)) if v is not None}
    members |= {"pinned": True if pinned else None} if pinned is not None else {}
    if claim and (status or given["assignee"]):
        raise Usage("--claim sets status and assignee itself", "Leave --status and --assignee out.")
    metadata = _changed_metadata(set_metadata, unset_metadata)
    labels = {"add_labels": labels_of(add_label), "remove_labels": labels_of(remove_label)}
    whole = listed(set_labels) if set_labels else None
    nothing = not (members or append_notes or metadata or any(labels.values()) or set_labels)
    if nothing and not claim and parent is None:
        raise Usage("nothing to change", "bd update --help")
    failures = Failures()
    with desk.writing() as tracker:
        chosen = desk.chosen(tracker.read, beads, "no issue ID provided")

        def change(name: str) -> str:
            one = tracker.read.find(name)
            if claim:
                tracker.claim(one, force=force)
            if not nothing:
                tracker.update(
                    one, members, **labels, set_labels=whole, notes=append_notes, metadata=metadata, force=force,
                    fence=fence,
                )  # fmt: skip
            if parent is not None:
                tracker.set_parent(one, parent or None)
            if parent:
                warn_of_parent(desk, tracker.read, parent)
            desk.touched(tracker, one)
            return one

        if done := failures.of_each(chosen, change):
            _changed(desk, tracker, done, "✓ Updated issue: {id}", claimed=claim)
    failures.tell()


def _changed_metadata(given: Sequence[str], gone: Sequence[str]) -> dict[str, Any] | None:
    if not given and not gone:
        return None
    pairs = [pair.partition("=") for pair in given]
    if not all(sep and key for key, sep, _ in pairs):
        raise BadWord("--set-metadata needs KEY=VALUE")
    return {key: value for key, _, value in pairs} | dict.fromkeys(gone)


def _changed(desk: Desk, tracker: Tracker, beads: Sequence[str], text: str, *, claimed: bool = False) -> None:
    records = [_with_claim(tracker, bead) for bead in beads]
    lines = [[text.format(**record), *([_held(record)] if claimed else [])] for record in records]
    desk.array(records, [line for each in lines for line in each])


def _held(record: Mapping[str, Any]) -> str:
    """Tell a new holder until when, and by which number."""
    claim = record["claim"]
    until = f" until {dated(claim['until'])}" if claim["until"] else ""
    return f"  Yours{until} (fence {claim['fence']})"


def _with_claim(tracker: Tracker, bead: str) -> dict[str, Any]:
    view = tracker.read.view(bead)
    record = tracker.read.record(view)
    if view.hold is None:
        return record
    until = None if view.hold[4] is None else times.text(view.hold[4])
    return record | {"claim": {"by": view.hold[0], "fence": view.hold[3], "until": until}}


_TRIES = 50
"""Free beads that are tried one after the other while other agents take them away."""


def claim_first(desk: Desk, asked: Query) -> None:
    """Take the first ready bead that nobody has."""
    with desk.writing() as tracker:
        asked = replace(listing.check(asked, tracker.read), free=True, limit=_TRIES)
        for row in listing.rows(tracker.read, asked):
            try:
                tracker.claim(row.id)
            except (ConflictError, Refused):
                # Another agent was quicker: the next one will do.
                continue
            desk.touched(tracker, row.id)
            _changed(desk, tracker, [row.id], "✓ Claimed {id}: {title}", claimed=True)
            return
        raise ConflictError("nothing is ready that nobody has", "bd ready --explain tells what is in the way.")


@bd_verb()
@click.argument("bead")
@click.option("--fence", type=int, help="Only while the claim with this number holds.")
def heartbeat(desk: Desk, bead: str, fence: int | None) -> None:
    """Say that you still work on a bead: renews the lease of your claim."""
    with desk.writing() as tracker:
        number = tracker.heartbeat(bead, fence)
        name = tracker.read.name_of(tracker.read.find(bead))
        desk.output.result({"id": name, "fence": number}, f"{name} is yours for another while (fence {number}).")


@bd_verb()
@click.argument("bead")
@click.option("--force", is_flag=True, help="End another's claim.")
def release(desk: Desk, bead: str, force: bool) -> None:
    """Give a bead back."""
    with desk.writing() as tracker:
        chosen = tracker.read.find(bead)
        tracker.release(chosen, force=force)
        _changed(desk, tracker, [chosen], "✓ Released {id}")
