"""A commons in one file, a bundle of git's: written for a USB stick or a mail, read like any peer, as strictly. ⚡

1. The file is git's own format (gitformat-bundle(5), version 2; 3 is read, too), so stock git reads it.
2. Reading goes the way of a pull: the header within bounds, the pack by `beads.pack`, then every signature.
3. A bundle that continues another leaves out the references that have not moved since, and what lies behind the last
   closed segment there: closed segments never change, so whoever read the older one has them.
"""

import contextlib
import mmap
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from beads import gitobject, limits
from beads.errors import InvalidLine, LimitExceeded, Refused, RemoteError, StoreError
from beads.files import flush_folder, git_environment
from beads.gitobject import COMMIT, GitObject
from beads.pack import Bounds, Outside, Pack
from beads.remote import REFS_BYTES, Choose, Fetched, RefMove

BOUNDS = Bounds(limits.BUNDLE_OBJECTS, limits.BUNDLE_BYTES, limits.FOUNDING_OBJECT)
_SIGNATURES = (b"# v2 git bundle\n", b"# v3 git bundle\n")
_SHA1 = b"@object-format=sha1\n"
_LINE = re.compile(rb"(?P<needed>-)?(?P<id>[0-9a-f]{40})(?: (?P<name>[^\n]{0,1000}))?\n")


class Header(NamedTuple):
    """What a bundle says of itself.

    Attributes:
        refs: Its references and their commits.
        needed: Commits that it builds on and does not hold.
        size: Bytes of the header.
    """

    refs: dict[str, str]
    needed: tuple[str, ...]
    size: int


def is_bundle(url: str) -> bool:
    """Say whether an address is that of a bundle on this machine."""
    path = Path(url.removeprefix("file://"))
    if not path.is_absolute() or not path.is_file():
        return False
    with path.open("rb") as handle:
        return handle.read(len(_SIGNATURES[0])) in _SIGNATURES


def read_header(handle: IO[bytes]) -> Header:
    """Read up to where the pack begins.

    Raises:
        RemoteError: It is no bundle, or one of another kind.
        LimitExceeded: It names more than may be.
    """
    if handle.readline(len(_SIGNATURES[0])) not in _SIGNATURES:
        raise RemoteError("not a bundle of git", "wl bundle write makes one.")
    refs: dict[str, str] = {}
    needed: list[str] = []
    while (line := handle.readline(1100)) != b"\n":
        found = _LINE.fullmatch(line)
        if line == _SHA1 and not refs:
            continue
        if found is None:
            raise RemoteError("the bundle is broken, or of a kind that is not read here")
        if found["needed"]:
            needed.append(found["id"].decode())
        else:
            refs[(found["name"] or b"").decode("utf-8", "replace")] = found["id"].decode()
        if len(refs) + len(needed) > limits.REFS or handle.tell() > REFS_BYTES:
            raise LimitExceeded(f"the bundle names more than {limits.REFS} references")
    return Header(refs, tuple(needed), handle.tell())


class BundleFile:
    """A bundle as a peer to pull from; see `beads.remote.Remote`.

    Raises:
        RemoteError: There is none at `path`, or it is broken.
    """

    def __init__(self, path: Path) -> None:
        self.url = str(path)
        with _copied(path) as copy:
            self.header = _named(path, copy)
            self._raw = memoryview(mmap.mmap(copy.fileno(), 0, access=mmap.ACCESS_READ))[self.header.size :]
        self._pack: Pack | None = None

    @contextlib.contextmanager
    def fetch(self, choose: Choose, outside: Outside, bounds: Bounds = BOUNDS, known: str = "") -> Iterator[Fetched]:
        """Read what `choose` wants; the bounds are always those of a bundle.

        Raises:
            RemoteError: It is broken, or continues another that was not read here.
            LimitExceeded: It holds too much.
        """
        # Before anything is chosen: a file that is broken is so as a whole.
        received = self.pack(outside)
        choose(self.header.refs)
        yield Fetched(self.header.refs, received)

    def pack(self, outside: Outside) -> Pack:
        """Return what it holds.

        Raises:
            RemoteError: It is broken, or continues another that was not read here.
        """
        if any(outside(each) is None for each in self.header.needed):
            hint = "Read that one first, or have a whole one written: wl bundle write FILE"
            raise RemoteError("the bundle continues an older one that was not read here", hint)
        if self._pack is None:
            self._pack = Pack(self._raw, outside, BOUNDS)
        return self._pack

    def push(self, moves: Sequence[RefMove], objects: Callable[[], Sequence[GitObject]]) -> dict[str, str | None]:
        """Refuse: a bundle is written whole.

        Raises:
            RemoteError: Always.
        """
        raise RemoteError("a bundle takes nothing", "Write another: wl bundle write FILE")


def write(path: Path, repository: Path, refs: Mapping[str, str], since: BundleFile | None = None) -> int:
    """Write references and all they reach into a bundle; the file stands there whole or not at all.

    Args:
        since: Leave out what this one has.

    Returns:
        How many references went in.

    Raises:
        Refused: Nothing has changed since.
        StoreError: It cannot be written.
    """
    named = {name: target for name, target in refs.items() if since is None or since.header.refs.get(name) != target}
    if not named:
        raise Refused("nothing is new since that bundle")
    _check_target(path)
    behind = _closed_before(since, named.keys()) if since else []
    making = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        _run_git(repository, making, [*named, *(f"^{commit}" for commit in behind)])
        making.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        making.unlink(missing_ok=True)
    return len(named)


def _check_target(path: Path) -> None:
    if not path.parent.is_dir():
        raise StoreError(
            f"{path} cannot be written: there is no folder {path.parent}", "Make it, or name another file."
        )
    if path.exists() and path.stat().st_size and not is_bundle(str(path.absolute())):
        raise Refused(f"{path} is there already and is no bundle, so it is not written over", "Name another file.")


def _closed_before(since: BundleFile, names: Iterable[str]) -> list[str]:
    """Return the last closed segments of what the older bundle has: an open one may be gone wherever it was read."""
    pack = since.pack(_assumed)
    found: list[str] = []
    for name in names:
        tip = since.header.refs.get(name)
        with contextlib.suppress(KeyError, InvalidLine):
            found += gitobject.read_commit(pack.get(tip)[1]).parents if tip else ()
    return found


def _assumed(_: str) -> tuple[str, bytes]:
    """Stand for what an older bundle builds on: nothing is read of it here, only named."""
    return COMMIT, b""


def _run_git(repository: Path, into: Path, revisions: Sequence[str]) -> None:
    argv = ["git", f"--git-dir={repository}", "bundle", "create", "--quiet", "--version=2", str(into), "--stdin"]
    said = "\n".join(revisions) + "\n"
    done = subprocess.run(argv, input=said, text=True, env=git_environment(), capture_output=True, check=False)
    if done.returncode:
        raise StoreError(f"the bundle cannot be written: {done.stderr.strip()[-200:]}")
    with into.open("rb") as handle:
        os.fsync(handle.fileno())


def _named(path: Path, copy: IO[bytes]) -> Header:
    try:
        return read_header(copy)
    except RemoteError as error:
        raise RemoteError(f"{path}: {error}", error.hint) from error


def _copied(path: Path) -> IO[bytes]:
    """Copy a file to where nobody else can change it, or pull it out, while it is read."""
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
    try:
        with path.open("rb") as handle:
            shutil.copyfileobj(handle, copy)
    except OSError as error:
        copy.close()
        raise RemoteError(f"cannot read {path}: {error.strerror}", "Is the stick in?") from error
    copy.seek(0)
    return copy
