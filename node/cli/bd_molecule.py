"""bd mol, swarm: work made of templates, how far it is, and how it ends."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from beads import settings
from beads.cooked import Cooked
from beads.errors import NotFound
from beads.molecule import BONDS, WISP_TTL_MS
from beads.reading import Reader
from beads.tracker import NOTHING, Tracker
from beads.wording import counted
from beads.workflow import Poured, Workflow
from beads.workflow_swarm import status, validate
from beads.workflow_tree import Part, Tree, existing, is_workable, open_molecules, tree
from node import wiring
from node.cli.bd_common import MARKS, Desk, bd_verb, listed
from node.cli.bd_formula import cooked_of, shelf, show_cooked, values_of
from node.cli.common import Verbs

VAPOR = "vapor"


def _source(desk: Desk, given: str, values: Mapping[str, str]) -> tuple[Cooked | str, Mapping[str, str]]:
    """Return what was cooked of a formula, or the id of a proto with its values: a formula's name comes first."""
    is_file = "/" in given or given.endswith((".toml", ".json"))
    if is_file or given in shelf(desk).files():
        return cooked_of(desk, given, values), NOTHING
    with desk.reading() as reader:
        try:
            return reader.find(given), values
        except NotFound:
            hint = "bd formula list, or bd list --label template --templates"
            raise NotFound(f"no formula or proto {given!r}", hint) from None


_MAKING = (
    click.argument("source"),
    click.option("--var", "given", multiple=True, metavar="KEY=VALUE", help="A variable's value; repeat for more."),
    click.option("--title", default="", help="Another title of the molecule."),
    click.option("--assignee", "-a", default="", help="Whose the molecule is."),
    click.option("--label", "-l", "labels", multiple=True, help="Labels of the molecule; repeat or use commas."),
    click.option("--parent", help="The bead that it is part of."),
    click.option("--dry-run", is_flag=True, help="Show what would be made; write nothing."),
)


def _making(function: Any) -> Any:
    for option in reversed(_MAKING):
        function = option(function)
    return function


@bd_verb()
@_making
def pour(
    desk: Desk, source: str, given: tuple[str, ...], title: str, assignee: str, labels: tuple[str, ...],
    parent: str | None, dry_run: bool,
) -> None:  # fmt: skip
    """Make a molecule of a formula or proto: SOURCE is a formula's name or file, or a proto's id."""
    found, values = _source(desk, source, values_of(given))
    if isinstance(found, Cooked) and found.phase == VAPOR:
        desk.output.note(f"{found.formula} is meant to pass: bd mol wisp {source} makes one that leaves no trace.")
    if dry_run:
        _show(desk, found, values)
        return
    with desk.writing() as tracker:
        made = Workflow(tracker).pour(
            found, values=values, title=title, assignee=assignee, labels=listed(labels), parent=parent
        )
        _made(desk, tracker, made, "Poured")


@bd_verb()
@_making
@click.option("--type", "wisp_type", default="", help=f"How long it lives: {', '.join(WISP_TTL_MS)}, or your own.")
def wisp(
    desk: Desk, source: str, given: tuple[str, ...], title: str, assignee: str, labels: tuple[str, ...],
    parent: str | None, dry_run: bool, wisp_type: str,
) -> None:  # fmt: skip
    """Make a molecule that is thrown away in the end: never ready, to be squashed or burned."""
    found, values = _source(desk, source, values_of(given))
    if dry_run:
        _show(desk, found, values)
        return
    with desk.writing() as tracker:
        made = Workflow(tracker).wisp(
            found, wisp_type=wisp_type, values=values, title=title, assignee=assignee, labels=listed(labels),
            parent=parent,
        )  # fmt: skip
        _made(desk, tracker, made, "Made wisp")


def _show(desk: Desk, found: Cooked | str, values: Mapping[str, str]) -> None:
    """Print what would be made."""
    if isinstance(found, Cooked):
        show_cooked(desk, found)
        return
    with desk.writing() as tracker:
        titles = [item.title for item in Workflow(tracker).plan(found, values).items]
        data = {"dry_run": True, "title": titles[0], "beads": titles}
        desk.output.result(data, [f"Would make {counted(len(titles), 'bead')}:", *(f"  {title}" for title in titles)])


def _made(desk: Desk, tracker: Tracker, made: Poured, word: str) -> None:
    desk.touched(tracker, made.root)
    found = existing(tracker.read, made.root)
    root = found.parts[made.root]
    names = {key: found.parts[bead].shown for key, bead in made.beads.items()}
    ready = [part.shown for part in found.steps if is_workable(part, tracker.now_ms())]
    text = [f"✓ {word} {root.shown}: {root.title} ({counted(len(names), 'bead')})"]
    text.append(f"  To begin with: {', '.join(ready) or 'nothing yet: gates hold it back (bd gate list)'}")
    following = [f"bd mol show {root.shown}", *(f"bd update {name} --claim" for name in ready[:1])]
    desk.output.result({"id": root.shown, "title": root.title, "beads": names, "ready": ready}, text, following)


# -- reading -------------------------------------------------------------------------------------------------------


@bd_verb(name="show")
@click.argument("molecule")
def mol_show(desk: Desk, molecule: str) -> None:
    """A molecule with all that is below it."""
    now = wiring.now_ms()
    with desk.reading() as reader:
        found = existing(reader, molecule)
        done = found.progress(now)
        needs: dict[str, list[str]] = {part: [] for part in found.parts}
        for edge in found.edges:
            if edge.kind != "parent-child":
                needs[edge.key].append(found.parts[edge.on].shown)
        lines = _drawn(found, needs, now)
        beads = [_part(part, found, now) | {"needs": needs[part.id]} for part in found.parts.values()]
        data = {"id": found.parts[found.root].shown, "done": done.done, "total": done.total, "beads": beads}
        desk.output.result(data, [*lines, "", _progress_line(found, now)])


def _drawn(found: Tree, needs: Mapping[str, Sequence[str]], now: int) -> list[str]:
    lines: list[str] = []
    for part in found.parts.values():
        depth, at = 0, part.id
        while at in found.parents and depth < 20:
            depth, at = depth + 1, found.parents[at]
        waits = f"  ← {', '.join(needs[part.id])}" if needs[part.id] and part.free > now else ""
        lines.append(f"{'  ' * depth}{_mark(part, now)} {part.shown}  {part.title}{waits}")
    return lines


def _mark(part: Part, now: int) -> str:
    if part.free <= now:
        return MARKS["closed"]
    if part.status == "open" and part.blocked_until > now:
        return MARKS["blocked"]
    return MARKS.get(part.status, "·")


def _part(part: Part, found: Tree, now: int) -> dict[str, Any]:
    parent = found.parents.get(part.id)
    said = {
        "id": part.shown, "title": part.title, "status": part.status, "issue_type": part.type,
        "assignee": part.assignee, "parent": found.parts[parent].shown if parent else None,
        "blocked": part.free > now and part.blocked_until > now,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}


def _progress_line(found: Tree, now: int) -> str:
    done = found.progress(now)
    root = found.parts[found.root]
    return f"{root.shown}  {root.title}: {done.done} of {done.total} done ({done.percent}%)"


def _chosen(reader: Reader, molecule: str | None, now: int) -> list[Tree]:
    if molecule is not None:
        return [existing(reader, molecule)]
    return [tree(reader, root) for root in open_molecules(reader, now)]


@bd_verb()
@click.argument("molecule", required=False)
def current(desk: Desk, molecule: str | None) -> None:
    """The steps that are worked on, or can be; of all open molecules where none is named."""
    now = wiring.now_ms()
    with desk.reading() as reader:
        trees = _chosen(reader, molecule, now)
        lines: list[str] = []
        for found in trees:
            steps = [found.parts[bead] for bead in found.progress(now).current]
            lines.append(_progress_line(found, now))
            lines += [f"  {_mark(part, now)} {part.shown}  {part.title}{_whose(part)}" for part in steps]
            over = found.closable(now)
            lines += [f"  {part.shown}  {part.title}: all of it is done — bd close {part.shown}" for part in over]
            lines += [] if steps or over else ["  nothing can be worked on now"]
        data = {"molecules": [_current(found, now) for found in trees]}
        desk.output.result(data, lines or "No open molecules.")


def _whose(part: Part) -> str:
    return f" ({part.assignee})" if part.assignee else ""


def _current(found: Tree, now: int) -> dict[str, Any]:
    steps = [_part(found.parts[bead], found, now) for bead in found.progress(now).current]
    return _counted(found, now) | {"current": steps, "closable": [part.shown for part in found.closable(now)]}


def _counted(found: Tree, now: int) -> dict[str, Any]:
    done = found.progress(now)
    root = found.parts[found.root]
    return {"id": root.shown, "title": root.title, "done": done.done, "total": done.total, "percent": done.percent}


@bd_verb()
@click.argument("molecule", required=False)
def progress(desk: Desk, molecule: str | None) -> None:
    """How far a molecule is; all open ones where none is named."""
    now = wiring.now_ms()
    with desk.reading() as reader:
        trees = _chosen(reader, molecule, now)
        rows = [_counted(found, now) for found in trees]
        desk.output.result({"molecules": rows}, [_progress_line(found, now) for found in trees] or "No open molecules.")


# -- bonds, ends ---------------------------------------------------------------------------------------------------


@bd_verb()
@click.argument("first")
@click.argument("second")
@click.option("--type", "-t", "kind", type=click.Choice(tuple(BONDS)), help="sequential, unless the point says other.")
@click.option("--point", default="", help="A bond point of FIRST, named in its formula.")
def bond(desk: Desk, first: str, second: str, kind: str | None, point: str) -> None:
    """Join two molecules: SECOND begins after FIRST, beside it (parallel), or if it fails (conditional)."""
    with desk.writing() as tracker:
        done = Workflow(tracker).bond(first, second, kind or "", point)
        names = [tracker.read.name_of(tracker.read.find(one)) for one in (first, second)]
        edges = [(tracker.read.name_of(e.key), tracker.read.name_of(e.on), e.kind) for e in done.edges]
        said = done.bonded_from["bond_type"]
        words = {
            "sequential": f"{names[1]} begins when {names[0]} is done",
            "parallel": f"{names[1]} is part of {names[0]}, and waits for nothing",
            "conditional": f"{names[1]} begins if {names[0]} fails",
        }
        text = f"✓ Bonded: {words[said]}{f' (at {point})' if point else ''}"
        links = [{"issue_id": key, "depends_on_id": on, "type": kind_} for key, on, kind_ in edges]
        desk.output.result({"first": names[0], "second": names[1], "bond_type": said, "dependencies": links}, text)


@bd_verb()
@click.argument("molecule")
@click.option("--summary", "-m", default="", help="What a reader should know of it.")
@click.option("--force", is_flag=True, help="Even though steps are not done.")
@click.option("--erase", is_flag=True, help="Take back the words of the wisps as well, everywhere; for good.")
def squash(desk: Desk, molecule: str, summary: str, force: bool, erase: bool) -> None:
    """Sum a molecule of wisps up in one bead that stays, and delete the wisps."""
    with desk.writing() as tracker:
        ending = Workflow(tracker).ending
        done = ending.squash(molecule, summary, force=force)
        erased = ending.erase(done.gone) if erase else 0
        digest, gone = tracker.read.name_of(done.digest), [tracker.read.name_of(bead) for bead in done.gone]
        text = f"✓ Squashed {counted(len(gone), 'wisp')} into {digest}{' and erased their words' if erase else ''}"
        desk.output.result({"digest": digest, "deleted": gone, "erased": erased}, text, [f"bd show {digest}"])


@bd_verb()
@click.argument("molecule")
@click.option("--force", is_flag=True, help="Beads that are no wisps, too.")
@click.option("--erase", is_flag=True, help="Take back their words as well, everywhere; for good.")
def burn(desk: Desk, molecule: str, force: bool, erase: bool) -> None:
    """Delete a molecule of wisps and leave no summary."""
    with desk.writing() as tracker:
        ending = Workflow(tracker).ending
        name = tracker.read.name_of(tracker.read.find(molecule))
        gone = ending.burn(molecule, force=force)
        erased = ending.erase(gone) if erase else 0
        text = f"✓ Burned {name}: {counted(len(gone), 'bead')}{' and their words' if erase else ''}"
        desk.output.result({"deleted": [tracker.read.name_of(bead) for bead in gone], "erased": erased}, text)


@bd_verb()
@click.option("--older", help="Wisps of any type that nobody touched for so long: 24h, 7d.")
@click.option("--dry-run", is_flag=True, help="Only show them.")
def gc(desk: Desk, older: str | None, dry_run: bool) -> None:
    """Delete the wisps whose time is over: six hours, a day or a week, by their type."""
    older_ms = None if older is None else settings.duration(older)
    with desk.writing() as tracker:
        flow = Workflow(tracker)
        gone = flow.stale(older_ms) if dry_run else flow.ending.collect(older_ms)
        names = [tracker.read.name_of(bead) for bead in gone]
        word = "Would delete" if dry_run else "Deleted"
        data = {"dry_run": dry_run, "deleted": [] if dry_run else names, **({"stale": names} if dry_run else {})}
        desk.output.result(
            data, f"{word} {counted(len(names), 'wisp')}: {', '.join(names)}" if names else "No stale wisps."
        )


mol = Verbs(
    "mol", "Molecules: pour, wisp, show, current, progress, bond, squash, burn, gc.",
    pour, wisp, mol_show, current, progress, bond, squash, burn, gc,
)  # fmt: skip


# -- swarm ---------------------------------------------------------------------------------------------------------


@bd_verb(name="validate")
@click.argument("epic")
def swarm_validate(desk: Desk, epic: str) -> None:
    """How the work below an epic can be shared out: what can be done at the same time, wave after wave."""
    now = wiring.now_ms()
    with desk.reading() as reader:
        found = validate(reader, existing(reader, epic), now)
        lines = [f"Wave {n}: {', '.join(part.shown for part in front)}" for n, front in enumerate(found.fronts, 1)]
        lines += [f"Warning: {warning}" for warning in found.warnings]
        lines.append(f"Swarmable: {'yes' if found.swarmable else 'no'}; at most {found.max_parallelism} at a time.")
        fronts = [{"wave": n, "issues": [p.shown for p in front]} for n, front in enumerate(found.fronts, 1)]
        data = {
            "epic_id": reader.name_of(reader.find(epic)), "ready_fronts": fronts, "warnings": list(found.warnings),
            "max_parallelism": found.max_parallelism, "swarmable": found.swarmable,
        }  # fmt: skip
        desk.output.result(data, lines)


@bd_verb(name="status")
@click.argument("epic")
def swarm_status(desk: Desk, epic: str) -> None:
    """How the work below an epic stands: done, worked on, ready, blocked."""
    now = wiring.now_ms()
    with desk.reading() as reader:
        found = existing(reader, epic)
        standing = status(reader, found, now)
        groups = {"completed": standing.done, "active": standing.active, "ready": standing.ready}
        groups |= {"other": standing.other} if standing.other else {}
        blocked = [(part, [reader.name_of(b.bead) for b in blockers]) for part, blockers in standing.blocked]
        lines = [_progress_line(found, now)]
        for name, parts in groups.items():
            lines += [f"{name.capitalize()}:", *(f"  {p.shown}  {p.title}{_whose(p)}" for p in parts)] if parts else []
        if blocked:
            lines += ["Blocked:", *(f"  {p.shown}  {p.title} ← {', '.join(by)}" for p, by in blocked)]
        data: dict[str, Any] = {name: [_part(p, found, now) for p in parts] for name, parts in groups.items()}
        data["blocked"] = [_part(part, found, now) | {"blocked_by": by} for part, by in blocked]
        desk.output.result(_counted(found, now) | data, lines)


swarm = Verbs("swarm", "Many at one epic: validate, status.", swarm_validate, swarm_status)
