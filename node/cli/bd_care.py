"""bd init, config, doctor, lint, sync, where: setting a ledger up and keeping it well."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from beads import alias, genesis, ids, settings
from beads.deadlock import circles
from beads.errors import BadWord, NotFound, RemoteError
from beads.limits import PATIENCE
from beads.listing import Query, check, rows
from beads.reading import Reader
from beads.sync import fetch_founding
from beads.tracker import Tracker
from node import exchange, ledgers, wiring
from node.cli.bd_common import Desk, bd_verb
from node.cli.common import Verbs
from node.cli.owner import ensure_identity
from node.errors import Usage
from node.home import Home
from node.ledgers import Place
from node.peers import Peer
from stamps.encoding import b64u_encode


@bd_verb()
@click.option("--prefix", "-p", help="What ids begin with. Default: the folder's name.")
@click.option("--ledger", help="Share a ledger that is on this machine already: its id, or how it begins.")
@click.option("--peer", "peers", multiple=True, help="A git repository to share it through; repeat for more.")
@click.option(
    "--from", "source", metavar="URL", help="Fetch the ledger from a git repository that it is shared through."
)
def init(desk: Desk, prefix: str | None, ledger: str | None, peers: tuple[str, ...], source: str | None) -> None:
    """Set up a ledger for this repository: one small file, .beads/ledger.toml; git is not touched."""
    home = desk.home
    top = ledgers.top(Path.cwd())
    folder = top / ".beads"
    known = _known(home, top)
    ensure_identity(home, desk.output)
    if known is not None:
        if prefix not in (None, known.prefix) or ledger:
            raise Usage("this repository has a ledger already", "bd where shows it; .beads/ledger.toml names it.")
        _more_peers(home, folder, known, (*peers, *((source,) if source else ())))
        if not (home.commons_folder(known.ledger) / "repo.git").is_dir():
            _fetch(home, known.ledger, source or next(iter(known.peers), None), known.peers)
        _say_init(desk, known, top, again=True)
        return
    name = alias.prefix_for(top.name) if prefix is None else prefix
    if not alias.PREFIX.fullmatch(name):
        raise BadWord(f"{name!r} cannot be a prefix", "Lower-case letters, digits, - and _: --prefix shop")
    chosen = _existing(home, ledger, source) or found_ledger(home, name)
    place = Place(chosen, folder, name, (*peers, *((source,) if source and source not in peers else ())))
    for peer in place.peers:
        home.peer_book(chosen).add(Peer(peer))
    ledgers.write(folder, place)
    with desk.writing() as tracker:
        if not tracker.read.settings.values.get("issue_prefix"):
            tracker.set_setting("issue_prefix", name)
    _say_init(desk, place, top, again=False)


def _known(home: Home, top: Path) -> Place | None:
    """Return what stands here already; a linked worktree has what its main one has, or they would drift apart."""
    found = ledgers.find(home, {}, top)
    if found is None or found.folder is None:
        return None
    return found if found.folder == top / ".beads" or (top / ".git").exists() else None


def _more_peers(home: Home, folder: Path, known: Place, peers: Sequence[str]) -> None:
    """Share a ledger through more repositories."""
    new = [peer for peer in peers if peer not in known.peers]
    for peer in new:
        home.peer_book(known.ledger).add(Peer(peer))
    if new:
        ledgers.write(folder, known._replace(peers=(*known.peers, *new)))


def _existing(home: Home, ledger: str | None, source: str | None) -> str | None:
    if ledger and source:
        raise Usage("--ledger and --from: give one")
    if ledger:
        fits = [known for known, g in home.commons().items() if g.private and known.startswith(ledger)]
        if len(fits) != 1:
            raise NotFound(f"no ledger {ledger} here", "bd where shows the one in use; wl list --private shows all.")
        return fits[0]
    return _fetch(home, None, source, ()) if source else None


def found_ledger(home: Home, name: str) -> str:
    """Make a ledger; return its id."""
    raw = genesis.build(
        name=name, salt=b64u_encode(wiring.salt()), created=wiring.now_ms(), delegates=(home.key_log().scid,),
        private=True,
    )  # fmt: skip
    return wiring.found(home, raw)


def _fetch(home: Home, wanted: str | None, source: str | None, peers: Sequence[str]) -> str:
    """Bring a ledger here from a repository that it is shared through."""
    if source is None:
        raise NotFound("the ledger is not on this machine, and its file names nobody who has it", "bd init --from URL")
    founding = fetch_founding(wiring.remote(source, PATIENCE), wanted)
    chosen = ids.commons_id(founding.genesis)
    if (wanted is not None and chosen != wanted) or not genesis.parse(founding.genesis).private:
        raise NotFound(f"{source} holds no such ledger", "It may hold a commons: wl join URL")
    wiring.found(home, founding.genesis)
    for peer in {source, *peers}:
        home.peer_book(chosen).add(Peer(peer))
    ledger = wiring.open_ledger(home, chosen)
    try:
        wiring.syncer(ledger, wiring.remote(source, PATIENCE)).sync(push=False)
    finally:
        ledger.close()
    return chosen


def _say_init(desk: Desk, place: Place, top: Path, *, again: bool) -> None:
    data = {"ledger": place.ledger, "prefix": place.prefix, "file": str((place.folder or top) / ledgers.FILE)}
    issues = top / ".beads" / ledgers.ISSUES
    lines = [f"✓ bd {'was' if again else ''} initialized successfully{' before' if again else '!'}".replace("  ", " ")]
    lines += [f"  Ledger: {place.ledger[:20]}…", f"  Prefix: {place.prefix} (ids like {place.prefix}-a3f)"]
    hints = ['bd create "Title"', "bd ready", f"Commit {Path('.beads') / ledgers.FILE}: clones and worktrees find it."]
    if issues.is_file() and not again:
        hints.insert(0, "bd import   (there is a .beads/issues.jsonl)")
    desk.output.result(data, lines, hints)


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
        ((total,),) = reader.rows("SELECT COUNT(*) FROM beads")
    desk.output.result({"status": "ok", "beads": total}, "ok")


@bd_verb(name="set")
@click.argument("key")
@click.argument("value")
def config_set(desk: Desk, key: str, value: str) -> None:
    """Set KEY to VALUE, for every clone of the ledger."""
    odd = settings.check(key, value)
    with desk.writing() as tracker:
        tracker.set_setting(key, value)
    if odd:
        desk.output.trouble(f"Warning: {odd}")
    desk.output.result({"key": key, "value": value}, f"Set {key} = {value}")


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
    with desk.reading() as reader:
        values: Mapping[str, str] = settings.KNOWN if known else dict(sorted(reader.settings.values.items()))
    lines = [f"{key} = {value}" if not known else f"{key:<28}  {value}" for key, value in values.items()]
    desk.output.result({"settings": dict(values)}, lines or "Nothing is set.")


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
        ((total,),) = reader.rows("SELECT COUNT(*) FROM beads")
    lines = [f"✓ {total} beads, index up to date"]
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
        "did": f"{done.report.accepted} operation(s) pulled, {len(done.pushed)} log(s) pushed",
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
