"""wl peer: whom this node syncs with, on what terms, and what strangers suggest."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from beads.address import check_url
from beads.errors import NotFound, RemoteError
from node import discovery, looking, staleness, wiring
from node.cli.common import Output, Verbs, commons_option, table, verb
from node.commons import Commons
from node.errors import Usage
from node.home import Home, locate
from node.localtime import clock
from node.peers import UNKNOWN, Health, Peer, PeerBook


@verb()
@click.argument("url")
@commons_option
@click.option("--name", default="", metavar="NAME", help="What to call it.")
@click.option("--pull-only", is_flag=True, help="Take from it, give it nothing.")
@click.option("--push-only", is_flag=True, help="Give to it, take nothing.")
def add(output: Output, url: str, commons: str | None, name: str, pull_only: bool, push_only: bool) -> None:
    """Add a peer: a node's address, or any git repository; whether it holds this commons is looked at."""
    if pull_only and push_only:
        raise Usage("--pull-only and --push-only contradict each other", "Leave both out to do both.")
    book, (home, chosen) = _book(commons)
    found = looking.look(check_url(url, str(Path.cwd())), chosen, home.commons()[chosen])
    book.add(Peer(found.address, pull=not push_only, push=not pull_only, name=name))
    unasked = [f"It could not be asked whether it holds this commons: {found.silent}"] if found.silent else []
    output.result(
        {"peer": found.address, "silent": found.silent or None}, [f"Added {found.address}.", *unasked], ["wl sync"]
    )


@verb(name="list")
@commons_option
def list_(output: Output, commons: str | None) -> None:
    """List the peers, their terms and how they have been doing."""
    book, (home, chosen) = _book(commons)
    peers, health, days = book.peers(), book.health(), home.config.peers.stale_days
    rows = [(p.name, p.url, _terms(p), _doing(p, health.get(p.url, UNKNOWN))) for p in peers]
    back = ((p, staleness.gone_back(health.get(p.url, UNKNOWN), wiring.now_ms(), days)) for p in peers)
    quiet = _quiet(home, chosen, days) if peers else None
    notes = [f"{p.name or p.url}: {said}" for p, said in back if said] + ([quiet] if quiet else [])
    output.result(
        {"peers": [_json(p, health.get(p.url, UNKNOWN)) for p in peers], "quiet": quiet},
        # An address that is cut short is none.
        [*(table(rows, 3) or ["No peers yet."]), *notes],
        () if peers else ["wl peer add URL"],
    )


@verb()
@click.argument("peer")
@commons_option
def remove(output: Output, peer: str, commons: str | None) -> None:
    """Take a peer off the list; what came from it stays, being verified."""
    book, _ = _book(commons)
    gone = book.remove(_meant(book, peer))
    output.result({"removed": gone.url}, f"Removed {gone.url}.")


@verb()
@click.argument("peer")
@commons_option
def block(output: Output, peer: str, commons: str | None) -> None:
    """Neither take from a peer nor give to it, whoever suggests it again."""
    book, _ = _book(commons)
    changed = book.change(_meant(book, peer), blocked=True)
    output.result({"peer": changed.url, "blocked": True}, f"Blocked {changed.url}.")


@verb()
@click.argument("peer")
@commons_option
def unblock(output: Output, peer: str, commons: str | None) -> None:
    """Sync with a blocked peer again."""
    book, _ = _book(commons)
    changed = book.change(_meant(book, peer), blocked=False)
    output.result({"peer": changed.url, "blocked": False}, f"{changed.url} is no longer blocked.", ["wl sync"])


@verb(name="set")
@click.argument("peer")
@commons_option
@click.option("--name", metavar="NAME", help="What to call it.")
@click.option("--pull/--no-pull", default=None, help="Take from it, or not.")
@click.option("--push/--no-push", default=None, help="Give to it, or not.")
@click.option(
    "--follow", "actors", multiple=True, metavar="ACTOR", help="Take this actor's logs only; may be repeated."
)
@click.option("--follow-all", is_flag=True, help="Take everybody's logs.")
@click.option("--daily", type=click.IntRange(0), metavar="N", help="Operations a day to take at most; 0 for no bound.")
def set_(
    output: Output, peer: str, commons: str | None, name: str | None, pull: bool | None, push: bool | None,
    actors: tuple[str, ...], follow_all: bool, daily: int | None,
) -> None:  # fmt: skip
    """Change on what terms a peer is synced with."""
    if actors and follow_all:
        raise Usage("--follow and --follow-all contradict each other", "Name actors, or take all.")
    book, (home, chosen) = _book(commons)
    given: dict[str, Any] = {"name": name, "pull": pull, "push": push, "daily": daily}
    terms = {what: value for what, value in given.items() if value is not None}
    if actors or follow_all:
        terms["follow"] = _found(home, chosen, actors)
    if not terms:
        raise Usage("nothing to change", "wl peer set --help")
    changed = book.change(_meant(book, peer), **terms)
    output.result(_json(changed, UNKNOWN), f"{changed.name or changed.url}: {_terms(changed)}")


@verb()
@commons_option
@click.option("--accept", metavar="URL", help="Sync with this one from now on.")
def discover(output: Output, commons: str | None, accept: str | None) -> None:
    """Ask the peers which other nodes they know of; what they say is signed, and only a suggestion."""
    book, (home, chosen) = _book(commons)
    with Commons(home, chosen) as ours:
        troubles = discovery.ask_all(home, ours.ledger)
        found = discovery.suggestions(home, ours.ledger)
        handles = ours.handles()
    if accept is not None:
        if accept not in {each.url for each in found}:
            raise NotFound(f"nobody suggests {accept}", "wl peer discover lists them; wl peer add takes any address.")
        book.add_if_new(Peer(accept, suggested=True))
        output.result({"peer": accept}, f"Added {accept}.", ["wl sync"])
        return
    known = {peer.url for peer in book.peers()}
    rows = [(handles.get(s.actor, s.actor[:12]), s.url, "known" if s.url in known else "") for s in found]
    output.result(
        {
            "suggestions": [{"url": s.url, "actor": s.actor, "ms": s.ms, "known": s.url in known} for s in found],
            "troubles": troubles,
        },
        [*(table(rows, 0) or ["Nobody suggests a node."]), *troubles],
        ["wl peer discover --accept URL"] if {row[1] for row in rows} - known else (),
    )


def _book(commons: str | None) -> tuple[PeerBook, tuple[Home, str]]:
    home = Home(locate())
    chosen = home.choose(commons)
    return home.peer_book(chosen), (home, chosen)


def _meant(book: PeerBook, wanted: str) -> str:
    """Return a name as it is, and an address in the form that it was added in."""
    if any(wanted in (peer.name, peer.url) for peer in book.peers()):
        return wanted
    try:
        return check_url(wanted, str(Path.cwd()))
    except RemoteError:
        return wanted


def _found(home: Home, commons: str, wanted: tuple[str, ...]) -> tuple[str, ...]:
    if not wanted:
        return ()
    with Commons(home, commons) as ours:
        return tuple(sorted({ours.find_actor(each) for each in wanted}))


def _terms(peer: Peer) -> str:
    if peer.blocked:
        return "blocked"
    ways = [way for way, on in (("pull", peer.pull), ("push", peer.push)) if on] or ["nothing"]
    more = [f"{len(peer.follow)} followed"] if peer.follow else []
    more += [f"{peer.daily} a day"] if peer.daily else []
    more += ["suggested"] if peer.suggested else []
    return ", ".join([" ".join(ways), *more])


def _doing(peer: Peer, health: Health) -> str:
    if peer.blocked:
        return ""
    answered = f"answered {clock(health.succeeded_ms)}" if health.succeeded_ms else ""
    if health.failures:
        before = f" ({answered})" if answered else ""
        return f"failed {health.failures} times{before}, again {_away(health.next_ms)}: {health.error}"
    return answered or "not tried yet"


def _quiet(home: Home, commons: str, days: int) -> str | None:
    index = wiring.open_index(home, commons)
    try:
        return None if index.genesis.private else staleness.quiet(staleness.covered_ms(index), wiring.now_ms(), days)
    finally:
        index.database.close()


def _away(when_ms: int) -> str:
    left = (when_ms - wiring.now_ms()) // 1000
    return f"in {left} s" if left > 0 else "now"


def _json(peer: Peer, health: Health) -> Mapping[str, Any]:
    return {
        "url": peer.url, "name": peer.name, "pull": peer.pull, "push": peer.push, "blocked": peer.blocked,
        "suggested": peer.suggested, "follow": list(peer.follow), "daily": peer.daily,
        "health": {
            "succeeded_ms": health.succeeded_ms, "failed_ms": health.failed_ms, "error": health.error,
            "failures": health.failures, "next_ms": health.next_ms, "taken_today": health.taken,
            "older_ms": health.older_ms, "older": health.older,
        },
    }  # fmt: skip


peer = Verbs("peer", "With whom this node syncs.", add, list_, remove, block, unblock, set_, discover)
