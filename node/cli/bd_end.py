"""bd close, reopen, defer, delete, …: how beads end, and come back."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from beads.errors import BadWord, NotFound
from beads.listing import Query
from beads.record import Record
from beads.tracker import Tracker
from beads.wording import counted
from node import wiring
from node.cli.bd_common import Desk, Failures, bd_verb, dated
from node.cli.bd_write import claim_first, time_of, warn_of_past


@bd_verb()
@click.argument("beads", nargs=-1)
@click.option("--reason", "-r", "-m", default="", help="How it ended.")
@click.option("--reason-file", type=click.Path(exists=True, dir_okay=False), help="Read the reason from a file.")
@click.option("--failed/--succeeded", "failed", default=None, help="Whether it failed; else the reason's words tell.")
@click.option("--session", default="", envvar="CLAUDE_SESSION_ID", help="The session that closed it.")
@click.option("--force", "-f", is_flag=True, help="Even while something is in the way.")
@click.option("--fence", type=int, help="Only while the claim with this number holds.")
@click.option("--suggest-next", is_flag=True, help="Tell what is ready now.")
@click.option("--claim-next", is_flag=True, help="Take the next ready bead.")
def close(
    desk: Desk, beads: tuple[str, ...], reason: str, reason_file: str | None, failed: bool | None, session: str,
    force: bool, fence: int | None, suggest_next: bool, claim_next: bool,
) -> None:  # fmt: skip
    """Say that beads are done; without an id the one that you touched last."""
    said = Path(reason_file).read_text().strip() if reason_file else reason
    outcome = None if failed is None else "failure" if failed else "success"
    failures = Failures()
    with desk.writing() as tracker:
        chosen = desk.chosen(tracker.read, beads, "no issue ID provided")
        done = tracker.close(chosen, said, force=force, session=session, outcome=outcome, fence=fence)
        for _, error in done.refused:
            failures.add(error)
        if done.closed:
            desk.touched(tracker, done.closed[-1])
            _closed(desk, tracker, done.closed, done.freed, said, suggest=suggest_next)
    # What was not closed is still there to be done: no other work is taken.
    failures.tell()
    if claim_next:
        claim_first(desk, Query(ready=True, limit=20, now=wiring.now_ms()))


def _closed(
    desk: Desk, tracker: Tracker, closed: Sequence[str], freed: Sequence[str], reason: str, *, suggest: bool
) -> None:
    records = [tracker.read.record(tracker.read.view(bead)) for bead in closed]
    free = [tracker.read.record(tracker.read.view(bead)) for bead in freed]
    lines = [f"✓ Closed {one['id']}: {reason or one['title']}" for one in records]
    lines += [f"  ready now: {one['id']}  {one['title']}" for one in free]
    if desk.output.json and suggest:
        desk.output.result({"closed": records, "unblocked": free}, [])
        return
    desk.array(records, lines, ["bd ready"])


@bd_verb()
@click.argument("beads", nargs=-1, required=True)
@click.option("--reason", "-r", default="", help="Why.")
def reopen(desk: Desk, beads: tuple[str, ...], reason: str) -> None:
    """Open closed beads again."""
    _each(desk, beads, lambda t, bead: t.reopen(bead, reason), "✓ Reopened {id}", "{id} is already open")


def _each(desk: Desk, beads: Sequence[str], act: Any, did: str, did_not: str) -> None:
    failures = Failures()
    with desk.writing() as tracker:

        def act_on(name: str) -> tuple[Record, str]:
            bead = tracker.read.find(name)
            changed = act(tracker, bead)
            desk.touched(tracker, bead)
            record = tracker.read.record(tracker.read.view(bead))
            return record, (did if changed else did_not).format(**record)

        if done := failures.of_each(beads, act_on):
            desk.array([record for record, _ in done], [line for _, line in done])
    failures.tell()


@bd_verb()
@click.argument("beads", nargs=-1, required=True)
@click.option("--until", help="A date (its beginning), 2026-12-24T18:00, 2d, tomorrow.")
def defer(desk: Desk, beads: tuple[str, ...], until: str | None) -> None:
    """Put beads off until a point of time; then they are ready again by themselves."""
    if until is None:
        raise BadWord("deferred until when?", "bd defer ID --until 2d (or a date)")
    moment_ = str(time_of(until, "--until"))
    warn_of_past(desk, moment_)

    def act(tracker: Tracker, bead: str) -> bool:
        tracker.defer(bead, moment_)
        return True

    _each(desk, beads, act, f"✓ Deferred {{id}} until {dated(moment_)}", "")


@bd_verb()
@click.argument("beads", nargs=-1, required=True)
def undefer(desk: Desk, beads: tuple[str, ...]) -> None:
    """Take beads up again that were put off."""
    _each(desk, beads, lambda t, bead: t.undefer(bead), "✓ Undeferred {id}", "{id} is not deferred")


@bd_verb()
@click.argument("bead")
@click.option("--of", "other", required=True, help="The bead that stays.")
def duplicate(desk: Desk, bead: str, other: str) -> None:
    """Close a bead as another's duplicate."""
    _replace(desk, bead, other, "✓ Closed {id} as a duplicate of {other}", duplicate=True)


@bd_verb()
@click.argument("bead")
@click.option("--with", "other", required=True, help="The bead that takes its place.")
def supersede(desk: Desk, bead: str, other: str) -> None:
    """Close a bead that another takes the place of."""
    _replace(desk, bead, other, "✓ Closed {id}: superseded by {other}", duplicate=False)


def _replace(desk: Desk, bead: str, other: str, text: str, *, duplicate: bool) -> None:
    with desk.writing() as tracker:
        chosen = tracker.read.find(bead)
        name = tracker.read.name_of(tracker.read.find(other))
        tracker.replace(chosen, other, duplicate=duplicate)
        record = tracker.read.record(tracker.read.view(chosen))
        desk.array([record], text.format(id=record["id"], other=name))


@bd_verb()
@click.argument("beads", nargs=-1)
@click.option("--force", "-f", is_flag=True, help="Do it; without it only a preview is shown.")
@click.option("--reason", default="", help="Why.")
@click.option("--dry-run", is_flag=True, help="Only the preview.")
def delete(desk: Desk, beads: tuple[str, ...], force: bool, reason: str, dry_run: bool) -> None:
    """Delete beads: each leaves a tombstone, and bd restore brings it back."""
    if not beads:
        raise BadWord("no issue IDs provided", "bd delete ID --force")
    failures = Failures()
    with desk.writing() as tracker:
        chosen = failures.of_each(beads, partial(_present, tracker))
        if chosen and force and not dry_run:
            _deleted(desk, failures.of_each(chosen, partial(_delete, tracker, reason)))
        elif chosen:
            _preview(desk, tracker, chosen)
    failures.tell()


def _delete(tracker: Tracker, reason: str, bead: str) -> Record:
    record = tracker.read.record(tracker.read.view(bead))
    tracker.delete(bead, reason)
    return record


def _deleted(desk: Desk, records: Sequence[Record]) -> None:
    if records:
        data = {"deleted": [one["id"] for one in records]}
        desk.output.result(data, [f"✓ Deleted {one['id']}: {one['title']} (bd restore {one['id']})" for one in records])


def _present(tracker: Tracker, bead: str) -> str:
    try:
        return tracker.read.find(bead)
    except NotFound:
        raise NotFound(f"issue {bead} not found", "bd list --all shows what there is.") from None


def _preview(desk: Desk, tracker: Tracker, chosen: Sequence[str]) -> None:
    records = [tracker.read.record(tracker.read.view(bead)) for bead in chosen]
    lines = ["DELETE PREVIEW", ""]
    for bead, one in zip(chosen, records, strict=True):
        ((links,),) = tracker.read.rows("SELECT COUNT(*) FROM links WHERE bead = :b OR entity = :b", {"b": bead})
        lines.append(f"  {one['id']}  {one['title']}  ({counted(links, 'link')})")
    lines += ["", "Nothing was deleted. --force deletes; bd restore brings back."]
    desk.output.result({"preview": [one["id"] for one in records], "deleted": []}, lines)


@bd_verb()
@click.argument("beads", nargs=-1, required=True)
def restore(desk: Desk, beads: tuple[str, ...]) -> None:
    """Bring deleted beads back as they were."""

    def act(tracker: Tracker, bead: str) -> bool:
        tracker.restore(bead)
        return True

    _each(desk, beads, act, "✓ Restored {id}: {title}", "")
