"""bd init: which ledger a repository has, and through which repositories it is shared."""

from collections.abc import Sequence
from pathlib import Path

import click

from beads import alias, genesis, ids
from beads.address import check_url
from beads.errors import BadWord, NotFound
from beads.limits import PATIENCE
from beads.sync import fetch_founding
from node import ledgers, wiring
from node.cli.bd_common import Desk, bd_verb
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
    top = ledgers.top(Path.cwd())
    source = None if source is None else _whole(source)
    asked = tuple(dict.fromkeys([*map(_whole, peers), *filter(None, [source])]))
    known = _known(desk.home, top)
    ensure_identity(desk.home, desk.output)
    if known is not None and (prefix not in (None, known.prefix) or ledger):
        raise Usage("this repository has a ledger already", "bd where shows it; .beads/ledger.toml names it.")
    place = _first(desk, top, prefix, ledger, source, asked) if known is None else known
    new = _agree(desk.home, place.ledger, asked) if known is None else _again(desk.home, top, known, source, asked)
    _say(desk, place, top, asked, new, again=known is not None)


def _whole(url: str) -> str:
    """Return an address that holds in every folder: the file is read from those below, and by clones."""
    return check_url(url, str(Path.cwd()))


def _first(
    desk: Desk, top: Path, prefix: str | None, ledger: str | None, source: str | None, asked: tuple[str, ...]
) -> Place:  # fmt: skip
    """Give a repository a ledger."""
    name = alias.prefix_for(top.name) if prefix is None else prefix
    if not alias.PREFIX.fullmatch(name):
        raise BadWord(f"{name!r} cannot be a prefix", "Lower-case letters, digits, - and _: --prefix shop")
    chosen = _existing(desk.home, ledger, source) or found_ledger(desk.home, name)
    place = Place(chosen, top / ".beads", name, asked)
    ledgers.write(top / ".beads", place)
    with desk.writing() as tracker:
        if not tracker.read.settings.values.get("issue_prefix"):
            tracker.set_setting("issue_prefix", name)
    return place


def _again(home: Home, top: Path, known: Place, source: str | None, asked: Sequence[str]) -> Sequence[str]:
    """Bring a ledger here that the repository names, and share it as asked; return what it was not shared through."""
    if not (home.commons_folder(known.ledger) / "repo.git").is_dir():
        _fetch(home, known.ledger, source or next(iter((*known.peers, *asked)), None), known.peers)
    unnamed = [peer for peer in asked if peer not in known.peers]
    if unnamed:
        ledgers.write(top / ".beads", known._replace(peers=(*known.peers, *unnamed)))
    return _agree(home, known.ledger, asked)


def _agree(home: Home, ledger: str, asked: Sequence[str]) -> Sequence[str]:
    """Share a ledger through repositories; return those that it was not shared through before."""
    book = home.peer_book(ledger)
    before = {peer.url for peer in book.peers()}
    for peer in asked:
        book.add_if_new(Peer(peer))
    return [peer for peer in asked if peer not in before]


def _known(home: Home, top: Path) -> Place | None:
    """Return what stands here already; a linked worktree has what its main one has, or they would drift apart."""
    found = ledgers.find(home, {}, top)
    if found is None or found.folder is None:
        return None
    return found if found.folder == top / ".beads" or (top / ".git").exists() else None


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
    _agree(home, chosen, peers)
    ledger = wiring.open_ledger(home, chosen)
    try:
        wiring.syncer(ledger, wiring.remote(source, PATIENCE)).sync(push=False)
    finally:
        ledger.close()
    return chosen


def _say(
    desk: Desk, place: Place, top: Path, asked: Sequence[str], new: Sequence[str], *, again: bool
) -> None:  # fmt: skip
    data = {
        "ledger": place.ledger, "prefix": place.prefix, "file": str((place.folder or top) / ledgers.FILE),
        "peers": list(dict.fromkeys([*place.peers, *asked])), "new_peers": list(new),
    }  # fmt: skip
    issues = top / ".beads" / ledgers.ISSUES
    lines = [f"✓ bd {'was' if again else ''} initialized successfully{' before' if again else '!'}".replace("  ", " ")]
    lines += [f"  Ledger: {place.ledger[:20]}…", f"  Prefix: {place.prefix} (ids like {place.prefix}-a3f)"]
    lines += [f"  Shared through {peer}{' from now on' if peer in new else ', as before'}" for peer in asked]
    hints = ['bd create "Title"', "bd ready", f"Commit {Path('.beads') / ledgers.FILE}: clones and worktrees find it."]
    if issues.is_file() and not again:
        hints.insert(0, "bd import   (there is a .beads/issues.jsonl)")
    if new:
        hints.insert(0, "bd sync")
    desk.output.result(data, lines, hints)
