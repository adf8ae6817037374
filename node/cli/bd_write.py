"""bd create, update, close, dep: writing the ledger."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from beads.errors import ConflictError
from beads.ledger import Draft, Ledger
from node import townhall, wiring
from node.cli.common import Output, Verbs, verb
from node.cli.wl_identity import ensure_identity
from node.errors import Usage
from node.home import Home, locate


@contextmanager
def the_ledger(output: Output) -> Iterator[tuple[Ledger, Any]]:
    """Open the owner's ledger for writing, made at first use; BD_ACTOR names the agent."""
    home = Home(locate())
    ensure_identity(home, output)
    ledger = wiring.open_ledger(home, townhall.private_ledger(home))
    author = wiring.author(home, by=os.environ.get("BD_ACTOR") or os.environ.get("GT_AGENT"))
    try:
        yield ledger, author
        wiring.tidy(ledger)
    finally:
        ledger.close()


@verb()
@click.argument("title")
@click.option("--description", "-d", default="")
@click.option("--type", "-t", "kind", default="task", show_default=True)
@click.option("--priority", "-p", type=click.IntRange(0, 4), default=2, show_default=True)
@click.option("--label", "-l", "labels", multiple=True)
@click.option("--dep", "deps", multiple=True, metavar="BEAD", help="Wait for this bead; repeat for more.")
def create(
    output: Output, title: str, description: str, kind: str, priority: int, labels: tuple[str, ...],
    deps: tuple[str, ...],
) -> None:  # fmt: skip
    """Make a bead."""
    if not title.strip() or "\n" in title:
        raise Usage("a title is one line of text", 'bd create "Title" -d "…"')
    prose = {"title": title.strip()} | ({"description": description} if description else {})
    fields = [["priority", priority], ["status", "open"]]
    with the_ledger(output) as (ledger, author):
        waits = sorted(["blocks", ledger.index.resolve("bead", dep)] for dep in deps)
        payload = {"type": kind, "fields": fields, "prose": sorted(prose)}
        (op,) = ledger.write(author, lambda _: [Draft("bead.create", payload, prose)])
        more = [Draft("bead.label", {"bead": op.id, "add": sorted(set(labels)), "remove": []})] if labels else []
        more += [Draft("bead.link", {"bead": op.id, "add": waits, "remove": []})] if waits else []
        if more:
            ledger.write(author, lambda _: more)
    output.result({"id": op.id, "title": title}, f"Created {op.id[:8]}  {title}", [f"bd show {op.id[:8]}"])


@verb()
@click.argument("bead")
@click.option("--status")
@click.option("--priority", "-p", type=click.IntRange(0, 4))
@click.option("--assignee", "-a")
@click.option("--title")
@click.option("--claim", is_flag=True, help="Take it: assignee is you, status in_progress; fails if another has it.")
def update(
    output: Output, bead: str, status: str | None, priority: int | None, assignee: str | None, title: str | None,
    claim: bool,
) -> None:  # fmt: skip
    """Change a bead's fields."""
    if claim:
        assignee, status = os.environ.get("BD_ACTOR") or os.environ.get("USER") or "me", "in_progress"
    given: dict[str, Any] = {"status": status, "priority": priority, "assignee": assignee}
    fields = sorted([name, value] for name, value in given.items() if value is not None)
    if not fields and not title:
        raise Usage("nothing to change", "bd update --help")
    prose = {"title": title} if title else {}

    def make(ledger: Ledger) -> list[Draft]:
        chosen = ledger.index.resolve("bead", bead)
        held = _field(ledger, chosen, "assignee")
        if claim and held not in (None, assignee):
            raise ConflictError(f"{chosen[:8]} is {held}'s", "bd ready shows what is free.")
        return [Draft("bead.set", {"bead": chosen, "fields": fields, "prose": sorted(prose)}, prose)]

    with the_ledger(output) as (ledger, author):
        (op,) = ledger.write(author, make)
    output.result({"id": op.p["bead"], "op": op.id}, f"Updated {op.p['bead'][:8]}")


def _field(ledger: Ledger, bead: str, name: str) -> object:
    state = ledger.index.state("bead", bead) or {"fields": []}
    return next((value for known, value, _ in state["fields"] if known == name), None)


@verb()
@click.argument("bead")
@click.option("--reason", "-m", default="", help="How it ended.")
def close(output: Output, bead: str, reason: str) -> None:
    """Say that a bead is done."""
    with the_ledger(output) as (ledger, author):
        chosen = ledger.index.resolve("bead", bead)
        fields = sorted([["status", "closed"], *([["close_reason", reason]] if reason else [])])
        ledger.write(author, lambda _: [Draft("bead.set", {"bead": chosen, "fields": fields, "prose": []})])
        freed = ledger.index.database.query(
            """SELECT b.entity, b.title FROM links l JOIN beads b ON b.entity = l.entity
               WHERE l.target = :id AND l.kind = 'blocks' AND b.blocked = 0 AND b.status = 'open'""",
            {"id": chosen},
        )
    output.result(
        {"id": chosen, "freed": [row[0] for row in freed]},
        [f"Closed {chosen[:8]}", *(f"  ready now: {row[0][:8]}  {row[1]}" for row in freed)],
        ["bd ready"],
    )


@verb(name="add")
@click.argument("bead")
@click.argument("on")
@click.option("--kind", default="blocks", show_default=True, help="blocks, parent_child, related, …")
def dep_add(output: Output, bead: str, on: str, kind: str) -> None:
    """BEAD waits for ON."""

    def make(ledger: Ledger) -> list[Draft]:
        chosen, other = ledger.index.resolve("bead", bead), ledger.index.resolve("bead", on)
        if kind == "blocks" and _reaches(ledger, other, chosen):
            raise ConflictError(f"{other[:8]} already waits for {chosen[:8]}: that would be a circle")
        return [Draft("bead.link", {"bead": chosen, "add": [[kind, other]], "remove": []})]

    with the_ledger(output) as (ledger, author):
        (op,) = ledger.write(author, make)
    target = op.p["add"][0][1]
    output.result({"id": op.p["bead"], "on": target}, f"{op.p['bead'][:8]} waits for {target[:8]}")


@verb(name="remove")
@click.argument("bead")
@click.argument("on")
def dep_remove(output: Output, bead: str, on: str) -> None:
    """BEAD no longer waits for ON."""

    def make(ledger: Ledger) -> list[Draft]:
        chosen, other = ledger.index.resolve("bead", bead), ledger.index.resolve("bead", on)
        links = (ledger.index.state("bead", chosen) or {"links": []})["links"]
        remove = [[kind, to, ops] for kind, to, ops in links if to == other]
        return [Draft("bead.link", {"bead": chosen, "add": [], "remove": remove})] if remove else []

    with the_ledger(output) as (ledger, author):
        done = ledger.write(author, make)
    output.result({"removed": bool(done)}, "Removed." if done else "There was no such link.")


def _reaches(ledger: Ledger, start: str, goal: str) -> bool:
    """Say whether `start` waits for `goal`, over any number of steps."""
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        at = ahead.pop()
        if at == goal:
            return True
        if at not in seen:
            seen.add(at)
            sql = "SELECT target FROM links WHERE entity = :id AND kind = 'blocks'"
            ahead += [row[0] for row in ledger.index.database.query(sql, {"id": at})]
    return False


dep = Verbs("dep", "What a bead waits for.", dep_add, dep_remove)
