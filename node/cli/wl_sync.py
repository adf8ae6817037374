"""wl sync, wl bundle: trade with peers, over a network or by carrying a file."""

import time
from pathlib import Path

import click

from beads import report
from beads.address import check_url
from beads.errors import Refused
from node import carrying
from node.cli.common import Output, Verbs, commons_option, verb
from node.cli.progress import shown
from node.commons import QUICK, Commons
from node.errors import PEER, Usage
from node.exchange import PeerResult
from node.founding import FIRST_SYNC
from node.home import Home, locate
from node.peers import Peer

_FILE = click.Path(dir_okay=False, path_type=Path)


@verb()
@commons_option
@click.option("--peer", "only", metavar="URL", help="With this peer alone, listed or not; a name will do.")
@click.option(
    "--bundle", "file", type=_FILE, metavar="FILE", help="By this file alone: read what it brings, then write it."
)
def sync(output: Output, commons: str | None, only: str | None, file: Path | None) -> None:
    """Pull from and push to the peers; with --quiet only what went wrong is told."""
    if only and file:
        raise Usage("--peer and --bundle contradict each other", "Sync twice.")
    home = Home(locate())
    with Commons(home, home.choose(commons)) as ours:
        if file is not None:
            _by_file(output, ours, file.absolute())
            return
        began = time.monotonic()
        results = _by_network(output, ours, only)
    seconds = time.monotonic() - began
    lines = [line for result in results for line in _lines(result, quiet=output.quiet)]
    end = f"{seconds:.2f} s" if results else "No peers to sync with."
    output.result(
        {"peers": [_json(result) for result in results], "seconds": round(seconds, 3)},
        lines if output.quiet else [*lines, end],
        () if results else ["wl peer add URL"],
    )
    if results and all(result.error for result in results):
        raise click.exceptions.Exit(PEER)


def _by_network(output: Output, ours: Commons, only: str | None) -> list[PeerResult]:
    with shown(output, "Syncing") as tell:
        if only:
            chosen = _meant(ours, only)
            results = [PeerResult(chosen, ours.sync_with(chosen, FIRST_SYNC, progress=tell))]
        else:
            results = ours.sync(FIRST_SYNC, progress=tell)
    if ours.home.exists and ours.attend() and not only:
        # In a hurry: who did not answer a moment ago is not asked again.
        results += [r for r in ours.sync(QUICK, pull=False) if r.error]
    return results


def _meant(ours: Commons, wanted: str) -> Peer:
    listed = [peer for peer in ours.home.peers(ours.id) if wanted in (peer.name, peer.url)]
    return listed[0] if listed else Peer(check_url(wanted, str(Path.cwd())))


def _by_file(output: Output, ours: Commons, path: Path) -> None:
    taken, troubles = 0, list[str]()
    if path.is_file():
        with shown(output, "Reading") as tell:
            done = carrying.read(ours, path, progress=tell)
        taken, troubles = done.accepted, [str(outcome) for outcome in done.troubles]
        if any(outcome.status == report.HELD for outcome in done.troubles):
            hint = f"Leave it for others, and write another: wl bundle write {path.name}.2"
            raise Refused(f"{path} holds what cannot be taken here yet, so it is not written over", hint)
        if ours.home.exists:
            ours.attend()
    given = carrying.write(ours, path)
    did = f"{taken} operations taken from {path}, {given} references written to it"
    output.result(
        {"bundle": str(path), "accepted": taken, "references": given, "troubles": troubles},
        [*([] if output.quiet and not troubles else [did]), *(f"  {each}" for each in troubles)],
    )


def _json(result: PeerResult) -> dict[str, object]:
    done = result.exchange
    if done is None:
        return {"peer": result.peer.url, "error": result.error}
    return {
        "peer": result.peer.url, "accepted": done.report.accepted, "pushed": len(done.pushed), "refused": done.refused,
        "outcomes": [outcome._asdict() for outcome in done.report.outcomes],
    }  # fmt: skip


def _lines(result: PeerResult, *, quiet: bool) -> list[str]:
    done = result.exchange
    if done is None:
        return [f"{result.peer.url}: {result.error}"]
    troubles = [f"  {outcome}" for outcome in done.report.troubles]
    troubles += [f"  refused {name}: {reason}" for name, reason in done.refused.items()]
    did = f"{result.peer.url}: {done.report.accepted} operations taken, {len(done.pushed)} references given"
    return [] if quiet and not troubles else [did, *troubles]


@verb()
@click.argument("file", type=_FILE)
@commons_option
@click.option("--since", type=_FILE, metavar="FILE", help="Leave out what this older bundle has.")
def write(output: Output, file: Path, commons: str | None, since: Path | None) -> None:
    """Write the commons into one file, a bundle that stock git reads, too."""
    home = Home(locate())
    with Commons(home, home.choose(commons)) as ours:
        given = carrying.write(ours, file.absolute(), since.absolute() if since else None)
    output.result(
        {"bundle": str(file), "references": given, "bytes": file.stat().st_size},
        f"Wrote {given} references to {file}.",
        [f"wl bundle read {file.name}   (who follows the commons)", f"wl join {file.name}   (who does not yet)"],
    )


@verb()
@click.argument("file", type=_FILE)
@commons_option
def read(output: Output, file: Path, commons: str | None) -> None:
    """Take what a bundle brings, verified like anything that comes from a peer."""
    home = Home(locate())
    with Commons(home, carrying.commons_of(home, file.absolute(), commons)) as ours:
        with shown(output, "Reading") as tell:
            done = carrying.read(ours, file.absolute(), progress=tell)
        if home.exists:
            ours.attend()
    output.result(
        {"bundle": str(file), "accepted": done.accepted, "outcomes": [each._asdict() for each in done.outcomes]},
        [f"{done.accepted} operations taken from {file}", *(f"  {each}" for each in done.troubles)],
    )


bundle = Verbs("bundle", "A commons in one file, to be carried.", write, read)
