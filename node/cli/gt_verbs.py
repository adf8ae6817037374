"""The verbs of `gt`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from node import ledgers, townhall
from node.cli.common import Output, Verbs, table, verb
from node.cli.owner import ensure_identity
from node.errors import Usage
from node.home import Home, locate
from town.config import Gate
from town.ledger import WorkBead
from town.town import Town


@contextmanager
def the_town() -> Iterator[Town]:
    """Open the town of this home, or of this session."""
    home = Home(locate())
    town, ledger = townhall.open_town(home, townhall.folder(home, os.environ), os.environ.get("GT_AGENT"))
    try:
        yield town
    finally:
        ledger.close()


def bead_json(bead: WorkBead) -> dict[str, object]:
    """Return a bead of the town as JSON."""
    return {
        "id": bead.id, "title": bead.title, "status": bead.status, "state": bead.fields.get("state", "ready"),
        "assignee": bead.assignee, "priority": bead.priority,
        "fields": {name: value for name, value in bead.fields.items() if name != "token_hash"},
    }  # fmt: skip


def bead_row(bead: WorkBead) -> tuple[str, ...]:
    """Return a bead of the town as a row."""
    fields = bead.fields
    commit = str(fields.get("landed_commit") or fields.get("head") or "")[:12]
    return (bead.short, str(fields.get("state", "ready")), str(fields.get("rig") or ""), bead.title, commit)


@verb()
@click.option("--name", default="town", show_default=True)
@click.option("--max-polecats", type=click.IntRange(1, 100), default=4, show_default=True, help="Sessions at a time.")
def install(output: Output, name: str, max_polecats: int) -> None:
    """Make a town in this home."""
    home = Home(locate())
    ensure_identity(home, output)
    path = home.path / "town"
    Town.install(path, name, max_polecats=max_polecats)
    ledger = ledgers.own(home)
    output.result(
        {"town": str(path), "ledger": ledger}, f"Town {name} is at {path}.", ["gt rig add NAME URL --gate 'make test'"]
    )


@verb(name="add")
@click.argument("name")
@click.argument("url")
@click.option("--gate", "gates", multiple=True, metavar="COMMAND", help="Must succeed before a merge; repeat for more.")
@click.option("--no-gates", is_flag=True, help="Merge untested; said on purpose, or not at all.")
@click.option("--target", default="main", show_default=True, help="The branch that work lands on.")
@click.option("--agent", default="script", show_default=True, help="script, claude, codex or gemini.")
@click.option("--plan", help="A scenario for the script agent: a file in the repository.")
def rig_add(
    output: Output, name: str, url: str, gates: tuple[str, ...], no_gates: bool, target: str, agent: str,
    plan: str | None,
) -> None:  # fmt: skip
    """Add a repository: a shared bare clone, and a worktree for the merge queue."""
    if bool(gates) == no_gates:
        raise Usage("say how work is tested", "Give --gate COMMAND (repeat for more), or --no-gates on purpose.")
    chosen = [Gate(name=f"gate{n}", command=command) for n, command in enumerate(gates, 1)]
    address = url if "://" in url or not Path(url).exists() else str(Path(url).resolve())
    with the_town() as town:
        options = {"plan": plan} if plan else {}
        config = town.rig_add(name, address, gates=chosen or "none", target=target, agent=agent, **options)
    output.result(
        {"rig": name, "url": address, "target": config.target, "agent": config.agent, "gates": list(gates)},
        f"Rig {name} works on {address}, branch {config.target}.",
        ["gt up", f'bd create "Title"; gt sling BEAD {name}', f"wl claim ITEM --rig {name}"],
    )


@verb(name="list")
def rig_list(output: Output) -> None:
    """List the rigs."""
    with the_town() as town:
        rigs = town.rig_list()
    rows = [(r.name, r.agent, r.target, ", ".join(r.gates) or "no gates", r.error or r.url) for r in rigs]
    output.result(
        {"rigs": [{"name": r.name, "url": r.url, "target": r.target, "error": r.error} for r in rigs]},
        table(rows, 4) or "No rigs yet.",
        ["gt rig add NAME URL --gate COMMAND"] if not rows else (),
    )


@verb()
@click.option("--foreground", is_flag=True, help="Supervise in this process.")
def up(output: Output, foreground: bool) -> None:
    """Start the supervisor: it starts sessions, merges what passes, and hands in evidence."""
    with the_town() as town:
        if not foreground:
            pid = town.up_detached([*townhall.GT, "up", "--foreground"])
            output.result({"pid": pid}, f"The town is up, process {pid}.", ["gt status", "gt down"])
            return
        courier = townhall.Courier(Home(locate()), output.warn)
        courier.start()
        try:
            town.up()
        finally:
            courier.stop()


@verb()
def down(output: Output) -> None:
    """Stop the supervisor and every session; no work is lost."""
    with the_town() as town:
        ran = town.down()
    output.result({"stopped": ran}, "The town is down." if ran else "The town was down.")


@verb()
def status(output: Output) -> None:
    """What moves, and what waits for you."""
    with the_town() as town:
        now = town.status()
    rows = [bead_row(bead) for bead in now.beads]
    waiting = [f"needs you: {b.short}  {b.title}: {b.fields.get('reason', '')}" for b in now.needs_human]
    output.result(
        {
            "town": now.name, "supervisor": now.supervisor,
            "rigs": [
                {"name": r.name, "queue": len(r.queue), "hold": str(r.hold) if r.hold else None} for r in now.rigs
            ],
            "beads": [bead_json(bead) for bead in now.beads], "needs_human": [b.id for b in now.needs_human],
        },
        [
            f"Town {now.name}: {'up, process ' + str(now.supervisor) if now.supervisor else 'down'}",
            *(f"rig {r.name}: {len(r.queue)} in the queue{f', held: {r.hold}' if r.hold else ''}" for r in now.rigs),
            *table(rows, 3), *waiting,
        ],
        () if now.supervisor else ["gt up"],
    )  # fmt: skip


@verb()
@click.argument("bead")
@click.argument("rig_name", metavar="RIG")
def sling(output: Output, bead: str, rig_name: str) -> None:
    """Put a bead on a rig's hook; the supervisor starts a session for it."""
    with the_town() as town:
        slung = town.sling(bead, rig_name)
        running = town.running()
    output.result(
        {"bead": bead_json(slung)}, f"Bead {slung.short} is on the hook of {slung.assignee}.",
        ["gt status"] if running else ["gt up"],
    )  # fmt: skip


@verb()
@click.argument("agent", required=False)
def hook(output: Output, agent: str | None) -> None:
    """What is on an agent's hook; in a session, on its own."""
    chosen = agent or os.environ.get("GT_AGENT")
    if not chosen:
        raise Usage("whose hook?", "gt hook RIG/polecats/NAME; gt status lists the agents.")
    with the_town() as town:
        bead = town.hook(chosen)
    text = f"{bead.short}  {bead.title}" if bead else "The hook is empty."
    output.result({"agent": chosen, "bead": bead_json(bead) if bead else None}, text)


@verb()
@click.argument("agent", required=False)
def prime(output: Output, agent: str | None) -> None:
    """What an agent is told when its session starts."""
    chosen = agent or os.environ.get("GT_AGENT")
    if not chosen:
        raise Usage("who is asking?", "Run it in a session, or name an agent: gt prime RIG/polecats/NAME")
    session = os.environ.get("GT_SESSION", "")
    with the_town() as town:
        output.result(town.prime_json(chosen, session), town.prime_text(chosen, session).splitlines())


@verb()
@click.option("--summary", "-m", default="", help="What was done.")
def done(output: Output, summary: str) -> None:
    """An agent says its work is ready to be merged; done is not landed."""
    agent, token = os.environ.get("GT_AGENT"), os.environ.get("GT_TOKEN")
    if not agent or not token:
        raise Usage("gt done is for an agent in its session", "People close beads with: bd close ID")
    with the_town() as town:
        bead = town.done(agent, token, summary)
    output.result(
        {"bead": bead_json(bead)}, f"Bead {bead.short} is {bead.fields.get('state')}; the merge queue has it."
    )


@verb(name="list")
@click.argument("rig_name", metavar="RIG", required=False)
def mq_list(output: Output, rig_name: str | None) -> None:
    """List what waits to be merged, the next first."""
    with the_town() as town:
        queue = town.mq_list(rig_name)
    output.result({"queue": [bead_json(b) for b in queue]}, table([bead_row(b) for b in queue], 3) or "Nothing waits.")


@verb(name="retry")
@click.argument("bead")
def mq_retry(output: Output, bead: str) -> None:
    """Try a bead again."""
    with the_town() as town:
        again = town.mq_retry(bead)
    output.result({"bead": bead_json(again)}, f"Bead {again.short} is in the queue again.")


@verb(name="release")
@click.argument("rig_name", metavar="RIG")
def mq_release(output: Output, rig_name: str) -> None:
    """Test a held queue again: what failed on the target itself is thought to be mended."""
    with the_town() as town:
        town.mq_release(rig_name)
    output.result({"rig": rig_name}, f"The queue of {rig_name} goes on.")


@verb()
@click.argument("bead")
def resume(output: Output, bead: str) -> None:
    """Give a bead that needs you back to its worker."""
    with the_town() as town:
        again = town.resume(bead)
    output.result({"bead": bead_json(again)}, f"Bead {again.short} is on the hook of {again.assignee} again.")


@verb()
@click.argument("bead")
def unsling(output: Output, bead: str) -> None:
    """Take a bead off its hook; what was committed stays under refs/rescue."""
    with the_town() as town:
        free = town.unsling(bead)
    output.result({"bead": bead_json(free)}, f"Bead {free.short} is ready again.")


@verb()
@click.argument("rig_name", metavar="RIG")
def rescue(output: Output, rig_name: str) -> None:
    """List what was saved from worktrees that are gone."""
    with the_town() as town:
        found = town.rescue_list(rig_name)
    output.result({"rescued": dict(found)}, [f"{commit[:12]}  {ref}" for ref, commit in found.items()] or "Nothing.")


@verb(name="reject")
@click.argument("bead")
@click.option("--reason", "-m", required=True)
def mq_reject(output: Output, bead: str, reason: str) -> None:
    """Send a bead back to its worker."""
    with the_town() as town:
        back = town.mq_reject(bead, reason)
    output.result({"bead": bead_json(back)}, f"Bead {back.short} goes back to {back.assignee}.")


rig = Verbs("rig", "Repositories the town works on.", rig_add, rig_list)
mq = Verbs("mq", "The merge queue.", mq_list, mq_retry, mq_reject, mq_release)
