"""wl peer, sync, serve: this node and the others."""

import sys
import time

import click

from beads.remote import check_url
from node import wiring
from node.cli.common import Output, commons_option, table, verb
from node.commons import Commons, PeerResult
from node.errors import PEER
from node.founding import FIRST_SYNC
from node.home import Home, Peer, locate
from node.http.app import listen
from node.http.app import serve as answer


@click.group()
def peer() -> None:
    """With whom this node syncs."""


@verb()
@click.argument("url")
@commons_option
@click.option("--pull-only", is_flag=True)
@click.option("--push-only", is_flag=True)
def add(output: Output, url: str, commons: str | None, pull_only: bool, push_only: bool) -> None:
    """Add a peer: a node's address, or any git repository."""
    home = Home(locate())
    address = check_url(url)
    home.add_peer(home.choose(commons), Peer(address, pull=not push_only, push=not pull_only))
    output.result({"peer": address}, f"Added {address}.", ["wl sync"])


@verb(name="list")
@commons_option
def list_(output: Output, commons: str | None) -> None:
    """List the peers."""
    home = Home(locate())
    peers = home.peers(home.choose(commons))
    rows = [(p.url, "pull" if p.pull else "", "push" if p.push else "") for p in peers]
    output.result(
        {"peers": [{"url": p.url, "pull": p.pull, "push": p.push} for p in peers]},
        table(rows, 0) or "No peers yet.",
        () if peers else ["wl peer add URL"],
    )


@verb()
@click.argument("url")
@commons_option
def remove(output: Output, url: str, commons: str | None) -> None:
    """Take a peer off the list; what came from it stays, being verified."""
    home = Home(locate())
    home.remove_peer(home.choose(commons), url if url.startswith("http") else check_url(url))
    output.result({"removed": url}, f"Removed {url}.")


for each in (add, list_, remove):
    peer.add_command(each)


@verb()
@commons_option
@click.option("--peer", "only", metavar="URL", help="With this peer alone, listed or not.")
def sync(output: Output, commons: str | None, only: str | None) -> None:
    """Pull from and push to the peers."""
    home = Home(locate())
    with Commons(home, home.choose(commons)) as ours:
        began = time.monotonic()
        if only:
            chosen = Peer(check_url(only))
            results = [PeerResult(chosen, ours.sync_with(chosen, FIRST_SYNC))]
        else:
            results = ours.sync(FIRST_SYNC)
        if home.exists and ours.settle() and not only:
            results += [r for r in ours.sync(FIRST_SYNC, pull=False) if r.error]
        state = ours.index.state_hash()
    seconds = time.monotonic() - began
    output.result(
        {"peers": [_json(result) for result in results], "state_hash": state},
        [line for result in results for line in _lines(result)] + [f"state {state[:16]}, {seconds:.2f} s"]
        if results
        else ["No peers to sync with."],
        () if results else ["wl peer add URL"],
    )
    if results and all(result.error for result in results):
        raise click.exceptions.Exit(PEER)


def _json(result: PeerResult) -> dict[str, object]:
    done = result.exchange
    if done is None:
        return {"peer": result.peer.url, "error": result.error}
    return {
        "peer": result.peer.url, "accepted": done.report.accepted, "pushed": len(done.pushed), "refused": done.refused,
        "outcomes": [outcome._asdict() for outcome in done.report.outcomes],
    }  # fmt: skip


def _lines(result: PeerResult) -> list[str]:
    done = result.exchange
    if done is None:
        return [f"{result.peer.url}: {result.error}"]
    lines = [f"{result.peer.url}: {done.report.accepted} operations taken, {len(done.pushed)} references given"]
    lines += [f"  {outcome}" for outcome in done.report.troubles]
    return lines + [f"  refused {name}: {reason}" for name, reason in done.refused.items()]


@verb()
@click.option("--host", help="Address to listen on; 127.0.0.1 unless config.toml says otherwise.")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes any free one.")
def serve(output: Output, host: str | None, port: int | None) -> None:
    """Serve git, pages and news to others, and settle claims as the home of what was posted here."""
    home = Home(locate())
    settings = home.config.serve
    if home.exists:
        wiring.author(home)  # asks for the passphrase now, not when a claim comes in
    sock = listen(host or settings.host, settings.port if port is None else port)
    name, number = sock.getsockname()[:2]
    base = f"http://{f'[{name}]' if ':' in name else name}:{number}"
    public = {c: g.name for c, g in home.commons().items() if not g.private}
    output.result(
        {"url": base, "commons": [{"id": c, "name": n, "git": f"{base}/git/{c}"} for c, n in public.items()]},
        [f"Serving at {base}/ (stop with Ctrl-C)", *(f"  {n}: wl join {base}/git/{c}" for c, n in public.items())],
    )
    sys.stdout.flush()
    answer(home, sock, settings.names)
