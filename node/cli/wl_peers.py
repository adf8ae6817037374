"""wl peer, sync, serve: this node and the others."""

import time
from pathlib import Path

import click

from beads.address import check_url
from node.cli.common import Output, Verbs, commons_option, table, verb
from node.commons import Commons, PeerResult
from node.errors import PEER
from node.founding import FIRST_SYNC
from node.home import Home, Peer, locate


@verb()
@click.argument("url")
@commons_option
@click.option("--pull-only", is_flag=True)
@click.option("--push-only", is_flag=True)
def add(output: Output, url: str, commons: str | None, pull_only: bool, push_only: bool) -> None:
    """Add a peer: a node's address, or any git repository."""
    home = Home(locate())
    address = check_url(url, str(Path.cwd()))
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
    home.remove_peer(home.choose(commons), url if url.startswith("http") else check_url(url, str(Path.cwd())))
    output.result({"removed": url}, f"Removed {url}.")


@verb()
@commons_option
@click.option("--peer", "only", metavar="URL", help="With this peer alone, listed or not.")
def sync(output: Output, commons: str | None, only: str | None) -> None:
    """Pull from and push to the peers."""
    home = Home(locate())
    with Commons(home, home.choose(commons)) as ours:
        began = time.monotonic()
        if only:
            chosen = Peer(check_url(only, str(Path.cwd())))
            results = [PeerResult(chosen, ours.sync_with(chosen, FIRST_SYNC))]
        else:
            results = ours.sync(FIRST_SYNC)
        if home.exists and ours.settle() and not only:
            results += [r for r in ours.sync(FIRST_SYNC, pull=False) if r.error]
    seconds = time.monotonic() - began
    output.result(
        {"peers": [_json(result) for result in results], "seconds": round(seconds, 3)},
        [line for result in results for line in _lines(result)] + [f"{seconds:.2f} s"]
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


peer = Verbs("peer", "With whom this node syncs.", add, list_, remove)
