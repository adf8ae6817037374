"""Which ledger `bd` means here: the repository's, named in `.beads/ledger.toml`, or the owner's own. ⚡

The file is found from any folder below it. A linked worktree finds that of its main one through git's common
directory, so it needs nothing. Git itself is never run, and nothing of it is written.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from beads import genesis, ids
from beads.files import write_file
from node import wiring
from node.errors import BadConfig, NoHome
from node.home import Home
from stamps.encoding import b64u_encode

FILE = "ledger.toml"
ISSUES = "issues.jsonl"
_HOPS = 4


class Place(NamedTuple):
    """Where a ledger was found.

    Attributes:
        ledger: Its id.
        folder: The `.beads` folder that names it, or None for the owner's own.
        prefix: What ids begin with where the ledger does not say.
        peers: Git repositories that it is shared through.
    """

    ledger: str
    folder: Path | None
    prefix: str = "bd"
    peers: tuple[str, ...] = ()


def find(home: Home, environment: Mapping[str, str] | None = None, start: Path | None = None) -> Place | None:
    """Return the ledger that is meant in a folder; None where there is none at all."""
    given = (os.environ if environment is None else environment).get("BEADS_DIR")
    folders = [Path(given)] if given else list(candidates(start or Path.cwd()))
    for folder in folders:
        named = _redirected(folder)
        if (named / FILE).is_file():
            return read(named)
        if given or named != folder:
            hint = "BEADS_DIR and .beads/redirect name a folder that bd init made."
            raise BadConfig(f"{named} holds no {FILE}", hint)
    own = home.ledger_id()
    return None if own is None else Place(own, None)


def require(home: Home) -> Place:
    """Return the ledger that is meant here.

    Raises:
        NoHome: There is none.
    """
    found = find(home)
    if found is None:
        raise NoHome("no ledger here yet", 'bd init makes one for this repository; bd create "Title" one of your own.')
    return found


def candidates(start: Path) -> Iterator[Path]:
    """Yield the `.beads` folders that may speak for a folder, the nearest first."""
    for folder in (start, *start.parents):
        yield folder / ".beads"
        common = common_dir(folder / ".git")
        if common is not None:
            # The main worktree holds its repository; a bare one has its folder beside or in it.
            yield common.parent / ".beads"
            yield common / ".beads"
            return


def common_dir(git: Path) -> Path | None:
    """Return the directory that all worktrees of a repository share (gitrepository-layout, commondir)."""
    if git.is_dir():
        return git
    if not git.is_file():
        return None
    said = git.read_text(errors="replace").strip()
    if not said.startswith("gitdir:"):
        return None
    own = (git.parent / said.removeprefix("gitdir:").strip()).resolve()
    pointer = own / "commondir"
    return (own / pointer.read_text().strip()).resolve() if pointer.is_file() else own


def in_repository() -> bool:
    """Say whether the working folder is in a git repository."""
    here = Path.cwd()
    return any((folder / ".git").exists() for folder in (here, *here.parents))


def top(start: Path) -> Path:
    """Return the root of the repository's worktree that a folder is in; the folder itself outside of any."""
    return next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), start)


def read(folder: Path) -> Place:
    """Read a `.beads` folder.

    Raises:
        BadConfig: Its file makes no sense.
    """
    path = folder / FILE
    try:
        said = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConfig(f"cannot read {path}: {error}", "Mend it, or remove it and run bd init again.") from error
    ledger, peers = said.get("ledger"), said.get("peers", [])
    if not isinstance(ledger, str) or not ids.COMMONS_ID.fullmatch(ledger) or not isinstance(peers, list):
        raise BadConfig(f"{path} names no ledger", 'ledger = "wlc1…", and perhaps peers = ["URL"]')
    return Place(ledger, folder, str(said.get("prefix", "bd")), tuple(map(str, peers)))


def write(folder: Path, place: Place) -> None:
    """Name a ledger in a `.beads` folder."""
    peers = ", ".join(_quoted(peer) for peer in place.peers)
    lines = [
        "# The ledger of this repository (bd). Commit this file, and every clone and worktree finds it.",
        f"ledger = {_quoted(place.ledger)}",
        f"prefix = {_quoted(place.prefix)}",
        f"peers = [{peers}]",
    ]
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / FILE, ("\n".join(lines) + "\n").encode())


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _redirected(folder: Path) -> Path:
    """Follow `.beads/redirect`, which points a clone at another's folder; a few hops, or it goes in circles."""
    for _ in range(_HOPS):
        pointer = folder / "redirect"
        if not pointer.is_file():
            break
        folder = (folder.parent / pointer.read_text().strip()).resolve()
    return folder


def own(home: Home) -> str:
    """Return the id of the owner's private ledger, made at first use: a commons of one, shared with nobody."""
    known = home.ledger_id()
    if known is not None and home.commons_folder(known).is_dir():
        return known
    keys = home.key_log() if home.exists else home.make_identity()
    raw = genesis.build(
        name="private ledger", salt=b64u_encode(wiring.salt()), created=wiring.now_ms(), delegates=(keys.scid,),
        private=True,
    )  # fmt: skip
    commons = wiring.found(home, raw)
    home.set_ledger(commons)
    return commons
