"""bd config, doctor, lint, sync, where, ping: keeping a ledger well."""

from collections.abc import Mapping
from typing import Any

import click

from beads import known_settings
from beads.deadlock import circles
from beads.errors import RemoteError
from beads.limits import PATIENCE
from beads.listing import Query, check, rows
from beads.reading import NOT_OWN, Reader
from beads.tracker import Tracker
from beads.vocabulary import TOMBSTONE
from beads.wording import counted
from node import exchange, ledgers, wiring
from node.cli.bd_common import Desk, bd_verb
from node.cli.common import Verbs
from node.errors import Usage
from node.home import Home
from node.ledgers import Place
from node.peers import Peer


@bd_verb()
def where(desk: Desk) -> None:
    """Which ledger is meant here, and where it lies."""
    place = ledgers.require(desk.home)
    lies = desk.home.commons_folder(place.ledger)
    named = str(place.folder / ledgers.FILE) if place.folder else "your home (no .beads/ledger.toml above this folder)"
    data = {"ledger": place.ledger, "named_by": named, "path": str(lies), "prefix": place.prefix}
    desk.output.result(data, [f"{name.replace('_', ' ').capitalize()}: {value}" for name, value in data.items()])


@bd_verb()
def ping(desk: Desk) -> None:
    """Say whether the ledger answers."""
    with desk.reading() as reader:
        total = _total(reader)
    desk.output.result({"status": "ok", "beads": total}, "ok")


def _total(reader: Reader) -> int:
    """Count the beads, without what the ledger keeps about itself."""
    ((total,),) = reader.rows(f"SELECT COUNT(*) FROM beads WHERE {NOT_OWN} AND status <> '{TOMBSTONE}'")
    return int(total)


@bd_verb(name="set")
@click.argument("key")
@click.argument("value")
def config_set(desk: Desk, key: str, value: str) -> None:
    """Set KEY to VALUE, for every clone of the ledger."""
    odd = known_settings.check(key, value)
    with desk.writing() as tracker:
        tracker.set_setting(key, value)
    if odd:
        desk.output.trouble(f"Warning: {odd}")
    desk.output.result({"key": key, "value": value, "warning": odd}, f"Set {key} = {value}")


@bd_verb(name="get")
@click.argument("key")
def config_get(desk: Desk, key: str) -> None:
    """Show what KEY is set to."""
    with desk.reading() as reader:
        value = reader.settings.values.get(key)
    desk.output.result({"key": key, "value": value}, f"{key} is not set" if value is None else value)


@bd_verb(name="unset")
@click.argument("key")
def config_unset(desk: Desk, key: str) -> None:
    """Take a setting back."""
    with desk.writing() as tracker:
        had = key in tracker.read.settings.values
        tracker.set_setting(key, None)
    desk.output.result({"key": key, "unset": had}, f"Unset {key}" if had else f"{key} was not set")


@bd_verb(name="list")
@click.option("--known", is_flag=True, help="What can be set.")
def config_list(desk: Desk, known: bool) -> None:
    """Show all settings."""
    if known:
        what = {key: one.what for key, one in known_settings.KNOWN.items()}
        desk.output.result({"settings": what}, [f"{key:<28}  {text}" for key, text in what.items()])
        return
    with desk.reading() as reader:
        values = dict(sorted(reader.settings.values.items()))
    desk.output.result({"settings": values}, [f"{key} = {value}" for key, value in values.items()] or "Nothing is set.")


config = Verbs("config", "The ledger's settings.", config_set, config_get, config_unset, config_list)

_SECTIONS: Mapping[str, tuple[str, ...]] = {
    "bug": ("Steps to Reproduce", "Acceptance Criteria"), "task": ("Acceptance Criteria",),
    "feature": ("Acceptance Criteria",), "story": ("Acceptance Criteria",), "epic": ("Success Criteria",),
    "decision": ("Decision", "Rationale", "Alternatives Considered"), "spike": ("Goal", "Findings"),
}  # fmt: skip


@bd_verb()
@click.argument("beads", nargs=-1)
@click.option("--type", "-t", "types", multiple=True, help="Only of this type.")
def lint(desk: Desk, beads: tuple[str, ...], types: tuple[str, ...]) -> None:
    """Beads whose description lacks the sections that their type calls for; exits 1 where there are any."""
    with desk.reading() as reader:
        asked = check(Query(ids=beads, types=types, limit=None, now=wiring.now_ms(), sort="id"), reader)
        found = [
            {"id": row.shown, "title": row.title, "type": row.type, "missing": missing}
            for row in rows(reader, asked)
            if (missing := _missing(reader, row.id, row.type))
        ]
    lines = [f"{one['id']}  {one['title']}: no {', no '.join(one['missing'])}" for one in found]
    desk.output.result({"violations": found, "count": len(found)}, lines or "Nothing is missing.")
    if found:
        raise click.exceptions.Exit(1)


def _missing(reader: Reader, bead: str, type_: str) -> list[str]:
    texts = reader.view(bead).texts
    said = "\n".join(texts.get(name, "") for name in ("description", "design", "notes")).lower()
    wanted = _SECTIONS.get(type_, ())
    has_own = {"Acceptance Criteria"} if texts.get("acceptance_criteria") else set()
    return [name for name in wanted if f"# {name.lower()}" not in said and name not in has_own]


_CHECKS: Mapping[str, tuple[str, str]] = {
    "links to nothing": (
        """SELECT b.shown || ' → ' || SUBSTR(l.target, INSTR(l.target, ':') + 1) FROM links l
           JOIN beads b ON b.entity = l.entity WHERE l.bead IS NULL AND l.target LIKE 'alias:%' AND b.free > 0""",
        "They never block; bd dep remove takes them back.",
    ),
    "ids that two beads came to": (
        "SELECT alias || ': ' || shown FROM beads WHERE shown <> alias AND alias <> ''",
        "The bead that was made first keeps the id; the other is shown with a longer one.",
    ),
    "claims whose lease ran out": (
        "SELECT shown || ' (' || COALESCE(assignee, '') || ')' FROM beads WHERE hold_until < :now AND free > 0",
        "Anybody may claim them now.",
    ),
    "deferred without a date": (
        "SELECT shown FROM beads WHERE status = 'deferred' AND defer = 0",
        "They never wake by themselves: bd undefer, or bd defer --until.",
    ),
}


@bd_verb()
def doctor(desk: Desk) -> None:
    """Look for what is odd in the ledger; exits 1 where work is stuck for ever."""
    with desk.reading() as reader:
        stuck = [" → ".join(reader.name_of(bead) for bead in circle) for circle in circles(reader)]
        now = {"now": wiring.now_ms()}
        found = {name: [row[0] for row in reader.rows(sql, now)] for name, (sql, _) in _CHECKS.items()}
        lost = [
            row[0] for row in reader.rows("SELECT DISTINCT b.shown FROM lost l JOIN beads b ON b.entity = l.entity")
        ]
        total = _total(reader)
    lines = [f"✓ {counted(total, 'bead')}, index up to date"]
    for name, hits in (("beads that wait for each other for ever", stuck), *found.items(), ("conflicts", lost)):
        if hits:
            hint = _CHECKS.get(name, ("", "bd dep cycles" if hits is stuck else "bd conflicts"))[1]
            lines += [f"! {name}: {len(hits)}", *(f"    {one}" for one in hits[:10]), f"    {hint}"]
    data = {"beads": total, "cycles": stuck, "conflicts": lost, **{k.replace(" ", "_"): v for k, v in found.items()}}
    desk.output.result(data, lines)
    if stuck:
        raise click.exceptions.Exit(1)


@bd_verb()
@click.option("--pull-only", is_flag=True)
@click.option("--push-only", is_flag=True)
@click.option("--accept-peers", is_flag=True, help="Trade with the peers that .beads/ledger.toml names from now on.")
def sync(desk: Desk, pull_only: bool, push_only: bool, accept_peers: bool) -> None:
    """Trade with the repositories that this ledger is shared through; tell what was lost to others.

    With --quiet only that is told, and what went wrong.
    """
    if pull_only and push_only:
        raise Usage("--pull-only and --push-only: give one")
    place = ledgers.require(desk.home)
    with desk.writing() as tracker:
        peers = _peers(desk, place, accept=accept_peers)
        before = _losses(tracker)
        results = [_with(desk.home, tracker, peer, pull=not push_only, push=not pull_only) for peer in peers]
        news = _losses(tracker) - before
        lines = [
            f"{'✗' if one['error'] else '✓'} {one['peer']}: {one['error'] or one['did']}"
            for one in results
            if one["error"] or not desk.output.quiet
        ]
        told = _told(tracker, news)
        desk.output.result({"peers": results, "lost": told}, [*lines, *(one["text"] for one in told)])
    if any(one["error"] for one in results) and all(one["error"] for one in results):
        raise RemoteError("no peer answered", "Nothing is lost: try again later.")


def _peers(desk: Desk, place: Place, *, accept: bool) -> list[Peer]:
    """Return whom to trade with: those that the owner has agreed to, for anybody can write into a repository's file."""
    known = {peer.url for peer in desk.home.peers(place.ledger)}
    new = [url for url in place.peers if url not in known]
    if new and accept:
        for url in new:
            desk.home.peer_book(place.ledger).add(Peer(url))
    elif new:
        desk.output.note(
            f"Not asked: {', '.join(new)}, which .beads/ledger.toml names. Agree with: bd sync --accept-peers"
        )
    peers = [peer for peer in desk.home.peers(place.ledger) if not peer.blocked]
    if not peers:
        raise Usage("this ledger is shared with nobody", "bd init --peer URL, or bd sync --accept-peers")
    return peers


def _with(home: Home, tracker: Tracker, peer: Peer, *, pull: bool, push: bool) -> dict[str, Any]:
    try:
        done = exchange.with_one(home, tracker.ledger, peer, PATIENCE, pull=pull, push=push)
    except RemoteError as error:
        return {"peer": peer.url, "did": "", "error": str(error)}
    return {
        "peer": peer.url,
        "did": f"{counted(done.report.accepted, 'operation')} pulled, {counted(len(done.pushed), 'log')} pushed",
        "error": "",
    }


def _losses(tracker: Tracker) -> set[tuple[str, str]]:
    return {(one.op, one.rule) for one in tracker.ledger.index.ignored()}


def _told(tracker: Tracker, news: set[tuple[str, str]]) -> list[dict[str, str]]:
    """Tell of my claims that another's came before."""
    found = []
    for op_id, rule in sorted(news):
        op = tracker.ledger.index.op(op_id)
        if op is None or rule != "bead.held" or op.log != tracker.author.log(tracker.ledger.commons):
            continue
        view = tracker.read.view(str(op.p["bead"]))
        name, holder = tracker.read.name_of(view.id), view.hold[0] if view.hold else "somebody"
        found.append({"id": name, "holder": holder, "text": f"! {name} is {holder}'s: their claim came before yours."})
    return found
