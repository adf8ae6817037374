"""bd dep, label, comments, epic: what beads have to do with each other, and what is said of them."""

from collections.abc import Sequence
from typing import Any

import click

from beads import listing, vocabulary
from beads.deadlock import circles
from beads.errors import BadWord
from beads.listing import Query
from beads.reading import Reader
from beads.vocabulary import BLOCKS, PARENT
from node import wiring
from node.cli.bd_common import Desk, bd_verb, labels_of, marked, said_in, warn_of_parent
from node.cli.bd_read import EPICS
from node.cli.common import Verbs

TREE_DEPTH = 20


@bd_verb(name="add")
@click.argument("bead")
@click.argument("on", required=False)
@click.option("--type", "-t", "--kind", "kind", default=BLOCKS, show_default=True, help=", ".join(vocabulary.KINDS[:6]))
@click.option("--blocked-by", "--depends-on", "on_option", help="The same as ON.")
@click.option("--metadata", default="", help='JSON for the link: {"gate":"any-children"}.')
def dep_add(desk: Desk, bead: str, on: str | None, kind: str, on_option: str | None, metadata: str) -> None:
    """BEAD waits for ON (or whatever the type says)."""
    other = on or on_option
    if other is None:
        raise BadWord("what does it depend on?", "bd dep add BEAD ON")
    # A link's metadata is a text that holds JSON, as its kind of tools exchange it.
    note = "" if not metadata else f'{{"metadata":{_quoted(metadata)}}}'
    with desk.writing() as tracker:
        added = tracker.link(bead, other, kind, note)
        if added and vocabulary.kind(kind) == PARENT:
            warn_of_parent(desk, tracker.read, other)
        names = [tracker.read.name_of(tracker.end_of(one)) for one in (bead, other)]
        if vocabulary.kind(kind) not in vocabulary.KINDS:
            desk.output.trouble(f"{kind} is a type of your own: it keeps nothing waiting. (bd dep add --help)")
        data = {"issue_id": names[0], "depends_on_id": names[1], "type": kind, "added": added}
        text = f"✓ Added dependency: {names[0]} depends on {names[1]} ({kind})"
        desk.output.result(data, text if added else f"{names[0]} depends on {names[1]} ({kind}) already")


def _quoted(text: str) -> str:
    # Start-up time: rarely needed.
    import json  # noqa: PLC0415

    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise BadWord(f"--metadata is not JSON: {error}") from None
    return json.dumps(text)


@bd_verb(name="remove")
@click.argument("bead")
@click.argument("on")
@click.option("--type", "-t", "kind", help="Only this one; without it all between the two.")
def dep_remove(desk: Desk, bead: str, on: str, kind: str | None) -> None:
    """BEAD no longer waits for ON."""
    with desk.writing() as tracker:
        removed = tracker.unlink(bead, on, kind)
        names = [tracker.read.name_of(tracker.end_of(one)) for one in (bead, on)]
        text = f"✓ Removed dependency: {names[0]} no longer depends on {names[1]}"
        data = {"issue_id": names[0], "depends_on_id": names[1], "removed": removed}
        desk.output.result(data, text if removed else f"{names[0]} does not depend on {names[1]}: nothing to remove")


@bd_verb(name="list")
@click.argument("bead")
@click.option("--up", "--reverse", "up", is_flag=True, help="What depends on it, instead.")
def dep_list(desk: Desk, bead: str, up: bool) -> None:
    """What a bead depends on."""
    with desk.reading() as reader:
        found = _edges(reader, reader.find(bead), up=up)
        lines = [marked(e["status"], f"{e['id']} ({e['type']}): {e['title']}") for e in found]
        desk.array(found, lines or ("Nothing depends on it." if up else "It depends on nothing."))


def _edges(reader: Reader, bead: str, *, up: bool) -> list[dict[str, Any]]:
    here, there = ("bead", "entity") if up else ("entity", "bead")
    sql = f"""SELECT b.entity, b.shown, b.title, b.status, l.kind, l.target FROM links l
              LEFT JOIN beads b ON b.entity = l.{there} WHERE l.{here} = :bead AND COALESCE(b.status, '') <> 'tombstone'
              ORDER BY l.kind, b.priority, b.shown"""
    return [
        {"entity": entity, "id": shown or reader.name_of(target), "title": title or "", "status": status or "unknown",
         "type": kind}
        for entity, shown, title, status, kind, target in reader.rows(sql, {"bead": bead})
    ]  # fmt: skip


@bd_verb(name="tree")
@click.argument("bead")
@click.option("--up", "--reverse", "up", is_flag=True, help="What depends on it, instead.")
@click.option("--depth", type=click.IntRange(1, 100), default=TREE_DEPTH, show_default=True)
def dep_tree(desk: Desk, bead: str, up: bool, depth: int) -> None:
    """What a bead waits for, and what that waits for, down to the ground."""
    with desk.reading() as reader:
        root = reader.find(bead)
        rows = list(_tree(reader, root, up=up, depth=depth))
        head = reader.record(reader.view(root))
        lines = [marked(head["status"], f"{head['id']}: {head['title']}")]
        for one in rows:
            again = " (see above)" if one["seen"] else ""
            before = f"{'   ' * one['depth']}└─ "
            lines.append(marked(one["status"], f"{one['id']} ({one['type']}): {one['title']}{again}", before))
        desk.array([{k: v for k, v in one.items() if k != "entity"} for one in rows], lines)


def _tree(reader: Reader, root: str, *, up: bool, depth: int) -> "list[dict[str, Any]]":
    found: list[dict[str, Any]] = []
    seen = {root}
    waiting = [(1, edge) for edge in reversed(_edges(reader, root, up=up))]
    while waiting:
        level, edge = waiting.pop()
        known = edge["entity"] in seen or edge["entity"] is None
        found.append(edge | {"depth": level, "seen": known and edge["entity"] is not None})
        if not known and level < depth:
            seen.add(edge["entity"])
            waiting += [(level + 1, one) for one in reversed(_edges(reader, edge["entity"], up=up))]
    return found


@bd_verb(name="cycles")
def dep_cycles(desk: Desk) -> None:
    """Beads that wait for each other, and so for ever."""
    with desk.reading() as reader:
        found = [[reader.name_of(bead) for bead in circle] for circle in circles(reader)]
    lines = [" → ".join([*circle, circle[0]]) for circle in found]
    desk.output.result({"cycles": found, "count": len(found)}, lines or "No cycles.")


dep = Verbs("dep", "What beads wait for.", dep_add, dep_remove, dep_list, dep_tree, dep_cycles)


@bd_verb(name="add")
@click.argument("bead")
@click.argument("labels", nargs=-1, required=True)
def label_add(desk: Desk, bead: str, labels: tuple[str, ...]) -> None:
    """Put labels on a bead."""
    _label(desk, bead, add=labels_of(labels))


@bd_verb(name="remove")
@click.argument("bead")
@click.argument("labels", nargs=-1, required=True)
def label_remove(desk: Desk, bead: str, labels: tuple[str, ...]) -> None:
    """Take labels off a bead."""
    _label(desk, bead, remove=labels_of(labels))


def _label(desk: Desk, bead: str, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
    with desk.writing() as tracker:
        chosen = tracker.read.find(bead)
        before = set(tracker.read.view(chosen).labels)
        tracker.update(chosen, add_labels=add, remove_labels=remove)
        name = tracker.read.name_of(chosen)
        lines = [
            f"✓ Added label '{one}' to {name}" if one not in before else f"{name} has the label '{one}' already"
            for one in add
        ]
        lines += [
            f"✓ Removed label '{one}' from {name}" if one in before else f"{name} has no label '{one}'"
            for one in remove
        ]
        desk.output.result({"id": name, "labels": sorted(tracker.read.view(chosen).labels)}, lines)


@bd_verb(name="list")
@click.argument("bead")
def label_list(desk: Desk, bead: str) -> None:
    """The labels of a bead."""
    with desk.reading() as reader:
        chosen = reader.find(bead)
        found = sorted(reader.view(chosen).labels)
        desk.output.result({"id": reader.name_of(chosen), "labels": found}, found or "It has no labels.")


@bd_verb(name="list-all")
def label_list_all(desk: Desk) -> None:
    """All labels in use, with how many beads have them."""
    with desk.reading() as reader:
        found = listing.count(reader, Query(status=("all",), now=wiring.now_ms()), "label")
    data = [{"label": name, "count": n} for name, n in found]
    desk.array(data, [f"{one['count']:6}  {one['label']}" for one in data] or "No labels.")


label = Verbs("label", "Labels of beads.", label_add, label_remove, label_list, label_list_all)


class _Comments(Verbs):
    """`bd comments ID` lists them, too: that is how it is mostly said."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Take `ID` for `list ID`, and `ID TEXT` for `add ID TEXT`."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            said = [one for one in args[1:] if not one.startswith("-")]
            args = ["add" if said else "list", *args]
        return super().resolve_command(ctx, args)


@bd_verb(name="add")
@click.argument("bead")
@click.argument("text", nargs=-1)
@click.option("--author", help="Who says it; without it you.")
@click.option("--file", "-f", "file", type=click.File("r"), help="Read the text from a file; - is standard input.")
def comments_add(desk: Desk, bead: str, text: tuple[str, ...], author: str | None, file: Any) -> None:
    """Say something under a bead."""
    said = file.read() if file is not None else " ".join(text)
    with desk.writing() as tracker:
        chosen = tracker.read.find(bead)
        op = tracker.comment(chosen, said, author)
        desk.touched(tracker, chosen)
        name = tracker.read.name_of(chosen)
        data = {"id": op[:32], "issue_id": name, "author": author or tracker.who, "text": said}
        desk.output.result(data, f"✓ Comment added to {name}")


@bd_verb(name="list")
@click.argument("bead")
def comments_list(desk: Desk, bead: str) -> None:
    """What was said under a bead."""
    with desk.reading() as reader:
        found = reader.record(reader.view(reader.find(bead))).get("comments", [])
        lines = [line for one in found for line in said_in(one)]
        desk.array(found, lines or "No comments.")


comments = _Comments("comments", "What is said under beads.", comments_add, comments_list)


@bd_verb(name="status")
@click.option("--eligible-only", is_flag=True, help="Only those whose children are all done.")
def epic_status(desk: Desk, eligible_only: bool) -> None:
    """How far epics are."""
    with desk.reading() as reader:
        found = [
            {"id": shown, "title": title, "total_children": total, "closed_children": closed,
             "eligible_for_close": closed == total}
            for _, shown, title, total, closed in reader.rows(EPICS) if closed == total or not eligible_only
        ]  # fmt: skip
    lines = [f"{one['id']}  {one['closed_children']}/{one['total_children']}  {one['title']}" for one in found]
    desk.array(found, lines or "No open epics with children.")


@bd_verb(name="close-eligible")
@click.option("--dry-run", is_flag=True, help="Only tell which.")
def epic_close(desk: Desk, dry_run: bool) -> None:
    """Close the epics whose children are all done."""
    with desk.writing() as tracker:
        due = [bead for bead, _, _, total, closed in tracker.read.rows(EPICS) if total == closed]
        if due and not dry_run:
            due = tracker.close(due, "All children are done").closed
        records = [tracker.read.record(tracker.read.view(bead)) for bead in due]
        word = "Would close" if dry_run else "✓ Closed"
        desk.array(records, [f"{word} {one['id']}: {one['title']}" for one in records] or "No epic is due.")


epic = Verbs("epic", "Epics and their children.", epic_status, epic_close)


@bd_verb(name="graph")
@click.argument("bead", required=False)
@click.option("--dot", is_flag=True, help="For Graphviz.")
def graph(desk: Desk, bead: str | None, dot: bool) -> None:
    """Who waits for whom, among what is not over."""
    sql = """SELECT a.shown, b.shown, l.kind FROM links l JOIN beads a ON a.entity = l.entity AND a.free > 0
             JOIN beads b ON b.entity = l.bead WHERE b.status <> 'tombstone'
               AND l.kind IN ('blocks', 'conditional-blocks', 'waits-for', 'parent-child') ORDER BY 1, 2"""
    with desk.reading() as reader:
        edges = reader.rows(sql)
        if bead is not None:
            near = {reader.name_of(reader.find(bead))}
            while more := {one for edge in edges for one in edge[:2] if near & set(edge[:2])} - near:
                near |= more
            edges = [edge for edge in edges if edge[0] in near]
    found = [{"from": a, "to": b, "type": kind} for a, b, kind in edges]
    lines = [f"{a} → {b}" + ("" if kind == BLOCKS else f"  ({kind})") for a, b, kind in edges]
    if dot:
        styles = {PARENT: " [style=dotted]", BLOCKS: ""}
        lines = ["digraph beads {", *(f'  "{a}" -> "{b}"{styles.get(k, " [style=dashed]")};' for a, b, k in edges), "}"]
    desk.array(found, lines or "Nothing waits for anything.")
