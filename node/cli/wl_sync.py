"""wl sync, wl bundle: trade with peers, over a network or by carrying a file."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click

from beads import report
from beads.address import check_url
from beads.errors import Refused
from node import carrying, proposals
from node.cli.common import Output, Verbs, commons_option, verb
from node.cli.progress import shown
from node.commons import QUICK, Commons
from node.errors import DONE, KNOWN, PEER, Usage, classify, hint_of
from node.exchange import PeerResult
from node.founding import FIRST_SYNC
from node.home import Home, locate, short
from node.peers import Peer

_FILE = click.Path(dir_okay=False, path_type=Path)


@verb()
@commons_option
@click.option("--peer", "only", metavar="URL", help="With this peer alone, listed or not; a name will do.")
@click.option(
    "--bundle", "file", type=_FILE, metavar="FILE", help="By this file alone: read what it brings, then write it."
)
@click.option("--all", "every", is_flag=True, help="Every commons that is followed here, one after the other.")
def sync(output: Output, commons: str | None, only: str | None, file: Path | None, every: bool) -> None:
    """Pull from and push to the peers of one commons, or of all; with --quiet only what went wrong is told."""
    if only and file:
        raise Usage("--peer and --bundle contradict each other", "Sync twice.")
    home = Home(locate())
    if every:
        if commons or only or file:
            raise Usage("--all takes every commons with all its peers", "Leave --commons, --peer and --bundle out.")
        _all(output, home)
        return
    with Commons(home, home.choose(commons)) as ours:
        if file is not None:
            _by_file(output, ours, file.absolute())
            return
        results, seconds, waiting = _timed(output, ours, only)
    output.result(
        {"commons": ours.id, "peers": [_json(result) for result in results], "seconds": round(seconds, 3)},
        [*_results(output, results, seconds), *waiting, *_others(output, home, ours.id)],
        () if results else ["wl peer add URL"],
    )
    if _failed(results):
        raise click.exceptions.Exit(PEER)


def _timed(output: Output, ours: Commons, only: str | None) -> tuple[list[PeerResult], float, list[str]]:
    """Sync; return what came of it, the seconds, and what a delegate is asked to sign."""
    began = time.monotonic()
    results = _by_network(output, ours, only)
    asked = ours.home.exists and not output.quiet
    waiting = proposals.waiting_lines(ours.index, ours.me, ours.handles) if asked else []
    return results, time.monotonic() - began, waiting


def _results(output: Output, results: Sequence[PeerResult], seconds: float) -> list[str]:
    lines = [line for result in results for line in _lines(result, quiet=output.quiet)]
    return lines if output.quiet else [*lines, f"{seconds:.2f} s" if results else "No peers to sync with."]


def _failed(results: Sequence[PeerResult]) -> bool:
    return bool(results) and all(result.error for result in results)


def _others(output: Output, home: Home, synced: str) -> list[str]:
    """Say which commons was synced, where others have peers, too."""
    known = home.commons()
    left = [commons for commons in known if commons != synced and home.peers(commons)]
    if output.quiet or not left:
        return []
    return [
        f"That was {known[synced].name}. Not synced: {', '.join(known[each].name for each in left)} (wl sync --all)"
    ]


# -- all of them ---------------------------------------------------------------------------------------------------


class _Synced(NamedTuple):
    """What came of syncing one of several commons: `error` is why it could not be done at all."""

    commons: str
    name: str
    results: Sequence[PeerResult]
    seconds: float
    waiting: Sequence[str] = ()
    error: Exception | None = None

    @property
    def code(self) -> int:
        """The exit code that this one alone would have."""
        return classify(self.error)[0] if self.error else PEER if _failed(self.results) else DONE


def _all(output: Output, home: Home) -> None:
    done = [_one_of_all(output, home, commons, founded.name) for commons, founded in home.commons().items()]
    output.result(
        {"commons": [_synced_json(each) for each in done], "seconds": round(sum(each.seconds for each in done), 3)},
        [line for each in done for line in _synced_lines(output, each)] or ["You follow no commons yet."],
        () if done else ["wl join URL"],
    )
    if code := max((each.code for each in done), default=DONE):
        raise click.exceptions.Exit(code)


def _one_of_all(output: Output, home: Home, commons: str, name: str) -> _Synced:
    try:
        with Commons(home, commons) as ours:
            return _Synced(commons, name, *_timed(output, ours, None))
    except (*KNOWN, OSError) as error:
        # One that is broken keeps none of the others waiting.
        return _Synced(commons, name, (), 0.0, error=error)


def _synced_json(one: _Synced) -> dict[str, object]:
    error = {"error": str(one.error), "hint": hint_of(one.error)} if one.error else {}
    return {"id": one.commons, "name": one.name, "peers": [_json(each) for each in one.results], **error}


def _synced_lines(output: Output, one: _Synced) -> list[str]:
    if one.error is not None:
        lines = [f"Error: {one.error}", *filter(None, [hint_of(one.error)])]
    else:
        lines = [*_results(output, one.results, one.seconds), *one.waiting]
    return [f"{one.name} ({short(one.commons)})", *(f"  {line}" for line in lines)] if lines else []


# -- one of them ---------------------------------------------------------------------------------------------------


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
