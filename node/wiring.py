"""The one place that names concrete stores, databases and drivers. ⚡"""

import getpass
import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from beads import files, genesis, ids
from beads.address import TYPED, Reach
from beads.database import Sqlite
from beads.errors import StoreError
from beads.index import Index
from beads.journal import Journal, start_of_system
from beads.limits import Patience
from beads.projection import BEADS, SEARCH
from node.home import Home
from stamps.errors import PassphraseNeeded
from stamps.keylog import KeyLog
from wanted.ops.table import BOARD
from wanted.projection import TABLES

if TYPE_CHECKING:
    from beads.bundle import BundleFile
    from beads.git_store import GitStore
    from beads.http import Web
    from beads.ledger import Author, Ledger
    from beads.remote import Remote
    from beads.sync import Syncer
    from beads.terms import Terms
    from town.drivers.sandbox import Sandbox

PROJECTIONS = (BEADS, SEARCH, *TABLES)


def now_ms() -> int:
    """Read the wall clock, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def salt() -> bytes:
    """Make 16 random bytes."""
    return os.urandom(16)


def open_store(home: Home, commons: str) -> "GitStore":
    """Open the repository of a commons."""
    # dulwich takes a third of a cold verb's time; verbs that only read the index never come here.
    from beads.git_store import GitStore  # noqa: PLC0415

    return GitStore(home.commons_folder(commons) / "repo.git")


def found(home: Home, genesis_raw: bytes, cut: bytes | None = None) -> str:
    """Make the repository of a commons, if there is none yet; return the commons' id."""
    # Start-up time: see `open_store`.
    from beads.git_store import GitStore  # noqa: PLC0415

    commons = ids.commons_id(genesis_raw)
    GitStore.create(home.commons_folder(commons) / "repo.git", genesis_raw, cut).close()
    return commons


def remote(url: str, patience: Patience, reach: Reach = TYPED) -> "Remote":
    """Name a git repository elsewhere, or a file that one was written to."""
    # Start-up time: HTTP is imported by verbs that have a peer to talk to, and by no others.
    from beads.bundle import BundleFile  # noqa: PLC0415
    from beads.remote import GitRemote  # noqa: PLC0415

    return BundleFile(Path(url)) if is_bundle(url) else GitRemote(url, patience, reach=reach)


def names_at(url: str, patience: Patience) -> list[str]:
    """Return the names of the references that a repository elsewhere holds; nothing of it is fetched.

    Raises:
        RemoteError: It cannot be reached or misbehaves.
    """
    # Start-up time: see `remote`.
    from beads.remote import GitRemote, Wanted  # noqa: PLC0415

    with GitRemote(url, patience).fetch(lambda _: Wanted((), ()), lambda _: None) as fetched:
        return list(fetched.refs)


def is_bundle(url: str) -> bool:
    """Say whether an address is that of a file that a commons was written to."""
    # Start-up time: see `remote`.
    from beads import bundle  # noqa: PLC0415

    return bundle.is_bundle(url)


def bundle(path: Path) -> "BundleFile":
    """Open a file that a commons was written to."""
    # Start-up time: see `remote`.
    from beads.bundle import BundleFile  # noqa: PLC0415

    return BundleFile(path)


def write_bundle(path: Path, store: "GitStore", since: Path | None) -> int:
    """Write a commons to a file, without what an older one has; return how many references went in."""
    # Start-up time: see `remote`.
    from beads.bundle import write  # noqa: PLC0415

    return write(path, store.repository.path, store.refs(), bundle(since) if since else None)


def syncer(ledger: "Ledger", to: "Remote", terms: "Terms | None" = None) -> "Syncer":
    """Pair a ledger that `open_ledger` made with a peer."""
    # Start-up time: see `remote`.
    from beads.sync import Syncer  # noqa: PLC0415

    return Syncer(ledger, store_of(ledger), to, terms)


def web(url: str, patience: Patience, largest: int, reach: Reach = TYPED) -> "Web":
    """Open an exchange with a node's other doors."""
    # Start-up time: see `remote`.
    from beads.http import Meter, Web  # noqa: PLC0415

    return Web(url, Meter(patience.total_s, largest), patience, reach)


def resolve(host: str, port: int, reach: Reach) -> list[str]:
    """Return the numbers of a host, each of which may be reached.

    Raises:
        RemoteError: One may not.
        OSError: It has none.
    """
    # Start-up time: see `remote`.
    from beads.http import resolve as resolved  # noqa: PLC0415

    return [str(address[0]) for *_, address in resolved(host, port, reach)]


def sandbox(read: Sequence[Path]) -> "Sandbox":
    """Return where commands of strangers run."""
    # Start-up time: only who reviews runs any.
    from town.drivers.sandbox import Sandbox  # noqa: PLC0415

    return Sandbox(read)


def store_of(ledger: "Ledger") -> "GitStore":
    """Return the repository under a ledger that `open_ledger` made."""
    return cast("GitStore", ledger.store)


def tidy(ledger: "Ledger") -> None:
    """Have the repository packed when that is due, by a process that nobody waits for."""
    repository = store_of(ledger).repository
    if repository.wants_packing():
        repository.pack_apart()


def open_ledger(home: Home, commons: str) -> "Ledger":
    """Open a commons for reading and writing, its index up to date."""
    # Start-up time: see `open_store`.
    from beads.ledger import Ledger  # noqa: PLC0415

    store = open_store(home, commons)
    database = Sqlite(home.commons_folder(commons) / "index.sqlite")

    def index(ledger: "Ledger") -> Index:
        elsewhere = (__name__, second_index.__name__, str(home.path), commons)
        return Index(database, ledger.commons, ledger.genesis, BOARD, PROJECTIONS, ledger.key_log, elsewhere)

    ledger = Ledger(store, index, BOARD, now_ms, salt, partial(home.shunned, commons), _say_why_it_takes_long)
    ledger.refresh()
    return ledger


def _say_why_it_takes_long() -> None:
    print("Building the index anew from git; with very many operations it takes a minute.", file=sys.stderr)


def open_index(home: Home, commons: str) -> Index:
    """Open the index of a commons for reading; where it is behind, bring it up first.

    Raises:
        StoreError: It is behind, and cannot be brought up, for nothing can be written there.
    """
    found = index_as_is(home, commons)
    if found is None and not _is_writable(home, commons):
        raise StoreError(
            f"the index is not up to date, and {home.path} cannot be written to",
            "Run any verb once where it can be written, or set WL_HOME to a copy of it.",
        )
    return found or open_ledger(home, commons).index


def index_as_is(home: Home, commons: str) -> Index | None:
    """Open the index of a commons for reading, and write nothing; None where it is behind."""
    folder = home.commons_folder(commons)
    if not (folder / "index.sqlite").is_file():
        return None
    index = _reading(home, commons, read_only=not _is_writable(home, commons))
    # After a restart of the system the token may be older than what was written: the journal tells.
    stale = Journal(folder / "repo.git", start_of_system()).is_stale()
    if not stale and index.generation() == generation(home, commons):
        return index
    index.database.close()
    return None


def second_index(home: str, commons: str) -> Index:
    """Open the tables that another process of this home fills, to read what is committed there."""
    return _reading(Home(Path(home)), commons, read_only=True)


def _reading(home: Home, commons: str, *, read_only: bool) -> Index:
    folder = home.commons_folder(commons)
    founding = genesis.parse((folder / "repo.git" / "wl-genesis.json").read_bytes())
    database = Sqlite(folder / "index.sqlite", read_only=read_only)
    return Index(database, commons, founding, BOARD, PROJECTIONS, _no_new_logs)


def _is_writable(home: Home, commons: str) -> bool:
    return os.access(home.commons_folder(commons), os.W_OK)


def replace_file(path: Path, raw: bytes) -> None:
    """Replace a file durably: it is there whole, as it was or as it is."""
    files.write_file(path, raw)


def git_user() -> str:
    """Return the name that the user has given to git, or ""."""
    # Start-up time: asked only where the system does not say who is there.
    import subprocess  # noqa: PLC0415

    done = subprocess.run(["git", "config", "user.name"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def git_commit(name: str) -> str:
    """Return the commit that a name stands for in the repository of this folder; "" where there is none."""
    # Start-up time: see `git_user`.
    import subprocess  # noqa: PLC0415

    command = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def git_environment() -> dict[str, str]:
    """Return an environment in which git reads no configuration but the repository's and asks nobody."""
    return files.git_environment()


def author(home: Home, by: str | None = None) -> "Author":
    """Return the home's owner, ready to sign; asks for the passphrase as `passphrase` does."""
    # Start-up time: see `open_store`.
    from beads.ledger import author_of  # noqa: PLC0415

    return author_of(home.key_log(), home.device_key(lambda: passphrase("device key")), by)


def passphrase(what: str) -> bytes:
    """Ask for the passphrase of a key on a terminal, or take WL_PASSPHRASE.

    Raises:
        PassphraseNeeded: There is nobody to ask.
    """
    given = os.environ.get("WL_PASSPHRASE")
    if given is not None:
        return given.encode()
    if not sys.stdin.isatty():
        raise PassphraseNeeded(f"the {what} is encrypted", "Run it on a terminal, or set WL_PASSPHRASE.")
    return getpass.getpass(f"Passphrase of the {what}: ").encode()


def generation(home: Home, commons: str) -> str:
    """Return the token of a commons' store: it differs after any write by any process."""
    return files.read_generation(home.commons_folder(commons) / "repo.git")


def _no_new_logs(actor: str) -> KeyLog | None:
    raise AssertionError("a reader never takes up new logs")
