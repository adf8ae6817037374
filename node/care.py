"""Looking after a home: find trouble, say what to do about it, mend what is safe to mend. ⚡"""

import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from beads.errors import BeadsError, StoreError
from beads.fold import FOLD_VERSION
from beads.store import Store
from beads.wording import counted
from node import agreement, condition, sheetfiles, staleness, wiring
from node.agreement import Standing
from node.condition import Remark
from node.config import Config
from node.errors import BadConfig, NodeError, NoHome
from node.home import Home, short
from node.keybox import DEVICE, KEYS, RECOVERY
from node.peers import UNKNOWN
from node.verifying import Progress, Verification, verify
from stamps.errors import KeyFileError, StampsError

LEFTOVER_S = 3600.0
"""A half-written file that is older belongs to nobody any more."""
_LEFTOVERS = ("repo.git/objects/*/tmp_*", "repo.git/.*.????????????????", ".*.????????????????")


class Finding(NamedTuple):
    """One thing looked at.

    Attributes:
        ok: False where something is wrong.
        advice: What to do about it, or "".
        remark: It is no fault, and yet worth knowing.
    """

    what: str
    ok: bool
    detail: str = ""
    advice: str = ""
    remark: bool = False


class Way(NamedTuple):
    """How to look.

    Attributes:
        fix: Mend what is safe to mend; otherwise nothing is written.
        ask: Ask peers what they come to.
        tell: Called while logs are verified.
    """

    fix: bool = False
    ask: bool = False
    tell: Progress | None = None


def examine(home: Home, way: Way) -> Iterator[Finding]:
    """Look at everything that a node needs."""
    yield from _tools()
    yield from _settings_file(home)
    yield from _identity(home)
    for commons in home.commons():
        yield from _commons(home, commons, way)
    yield from _kept(home)


def _kept(home: Home) -> Iterator[Finding]:
    """Verify the sheets from files that this home keeps."""
    for path in sheetfiles.files(home):
        wrong = sheetfiles.check(path)
        advice = f"Get it anew from its holder, or: wl sheet forget {path.parent.name[:12]}" if wrong else ""
        yield Finding(f"sheet {path.stem[:12]} of {path.parent.name[:12]}", wrong is None, wrong or "verified", advice)


def _tools() -> Iterator[Finding]:
    path = shutil.which("git")
    yield Finding("git", path is not None, path or "there is none", "" if path else "Install git 2.39 or newer.")


def _identity(home: Home) -> Iterator[Finding]:
    if not home.exists:
        yield _nobody(home)
        return
    for name in (DEVICE, RECOVERY):
        path = home.box.path(name)
        if not path.exists():
            yield _absent(name)
            continue
        closed = not stat.S_IMODE(path.stat().st_mode) & 0o077
        yield _damage(home, name) if closed else Finding(name, False, "open to others", f"chmod 600 {path}")
    try:
        yield Finding("identity", True, home.key_log().scid)
        if home.is_revoked:
            yield Finding("this machine", False, "its key is revoked: it can read, and write no more", "wl id request")
        yield from _continuations(home)
    except KeyFileError:
        # It is a finding of its own.
        return
    except StampsError as error:
        yield Finding("identity", False, f"{home.box.path(KEYS)}: {error}")


def _absent(name: str) -> Finding:
    """Say that a key is not in this home; the recovery key may well be kept elsewhere."""
    if name == RECOVERY:
        return Finding(name, True, "not in this home", "Keep the file that holds it safe.")
    return Finding(name, False, "it is gone", "Put it back from a copy; or in another home: wl id recover")


def _damage(home: Home, name: str) -> Finding:
    try:
        home.box.public(name)
    except StampsError as error:
        return Finding(name, False, str(error), error.hint)
    return Finding(name, True)


def _settings_file(home: Home) -> Iterator[Finding]:
    """Say what is wrong with the configuration; the rest is looked at as if there were none."""
    try:
        _ = home.config
    except BadConfig as error:
        yield Finding("configuration", False, str(error), error.hint)


def _settings(home: Home) -> Config:
    try:
        return home.config
    except BadConfig:
        # It is a finding of its own.
        return Config()


def _nobody(home: Home) -> Finding:
    try:
        home.refuse_loss()
    except NoHome as lost:
        return Finding("identity", False, str(lost), lost.hint)
    return Finding("identity", False, "none yet", "wl init")


def _continuations(home: Home) -> Iterator[Finding]:
    """Say where somebody with my recovery key has gone on with another key log than this home's."""
    ours = home.key_log()
    for commons in home.commons():
        store = wiring.open_store(home, commons)
        try:
            theirs = _held_of(store, ours.scid)
        finally:
            store.close()
        if not (ours.raw.startswith(theirs) or theirs.startswith(ours.raw)):
            yield Finding(
                f"key log in {short(commons)}", False, "it is gone on with twice, here and there",
                "Go on in the home that the last change was made in.",
            )  # fmt: skip


# -- one commons ---------------------------------------------------------------------------------------------------


def _held_of(store: Store, actor: str) -> bytes:
    try:
        return store.key_log(actor) or b""
    except BeadsError:
        # That is told where the commons itself is looked at.
        return b""


def _commons(home: Home, commons: str, way: Way) -> Iterator[Finding]:
    what = f"commons {short(commons)}"
    try:
        if way.fix:
            yield from _mend(home, commons)
        found = verify(home, commons, way.tell)
        yield from (Finding(f"{what}, {each.where}", False, each.what, each.advice) for each in found.problems)
        if not found.problems:
            size = f"{counted(found.operations, 'operation')} in {counted(found.logs, 'log')}"
            yield Finding(what, True, f"{size}, every signature checked")
        yield from (_remarked(what, each) for each in _remarks(home, commons, found))
        if way.ask:
            yield from compared(home, commons, found)
        yield from _leftovers(home, commons)
        yield from _packing(home, commons)
    except StoreError as error:
        folder = home.commons_folder(commons)
        advice = f"A peer has what was synced: move {folder} elsewhere, then wl join its address."
        yield Finding(what, False, str(error), advice)
    except (BeadsError, NodeError, OSError) as error:
        yield Finding(what, False, str(error), getattr(error, "hint", ""))


def _remarked(what: str, remark: Remark) -> Finding:
    return Finding(f"{what}, {remark.where}", True, remark.what, remark.advice, remark=True)


def _remarks(home: Home, commons: str, found: Verification) -> Iterable[Remark]:
    yield from condition.logs(found.snapshot, found.keys, _me(home))
    yield from condition.orphans(found.snapshot, found.last_ms, wiring.now_ms())
    yield from _peers(home, commons)


def _me(home: Home) -> str:
    try:
        return home.key_log().scid if home.exists else ""
    except StampsError:
        # It is a finding of its own.
        return ""


def _peers(home: Home, commons: str) -> Iterator[Remark]:
    """Say which peers went back, and whether news may be kept from this node."""
    book, now, days = home.peer_book(commons), wiring.now_ms(), _settings(home).peers.stale_days
    peers, health = book.peers(), book.health()
    for peer in peers:
        back = staleness.gone_back(health.get(peer.url, UNKNOWN), now, days)
        if back is not None:
            yield Remark(peer.url, back, "If it goes on doing so: wl peer block")
    index = wiring.index_as_is(home, commons) if peers else None
    if index is not None:
        quiet = None if index.genesis.private else staleness.quiet(staleness.covered_ms(index), now, days)
        index.database.close()
        if quiet is not None:
            yield Remark("news", quiet, "Another peer can tell: wl peer discover, wl peer add URL")


def compared(home: Home, commons: str, found: Verification) -> Iterator[Finding]:
    """Compare the state with that of every peer that is a node."""
    if home.commons()[commons].private:
        return
    store = wiring.open_store(home, commons)
    try:
        ours = Standing(agreement.heads(store.refs(), store.prefix), found.state_hash, FOLD_VERSION)
        if store.generation() != found.generation:
            # Somebody wrote meanwhile: what was verified is not what is held now.
            return
    finally:
        store.close()
    for answer in agreement.ask_all(home, commons, ours):
        advice = "One of the two programs has a defect: please report it." if answer.agrees is False else ""
        yield Finding(answer.peer, answer.agrees is not False, answer.detail, advice, remark=answer.agrees is None)


# -- mending -------------------------------------------------------------------------------------------------------


def _mend(home: Home, commons: str) -> Iterator[Finding]:
    """Do what can harm nobody: build the index anew, end what was left half done, pack."""
    for leftover in home.commons_folder(commons).glob("index.sqlite*"):
        leftover.unlink(missing_ok=True)
    gone = list(_half_written(home, commons))
    for path in gone:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    store = wiring.open_store(home, commons)
    try:
        with store.lock():
            store.repository.settle()
        if store.repository.wants_packing():
            store.repository.pack()
    finally:
        store.close()
    wiring.open_ledger(home, commons).close()
    files = f", {counted(len(gone), 'half-written file')} removed" if gone else ""
    yield Finding(f"mended {short(commons)}", True, f"the index was built anew, the journal settled{files}")


def _half_written(home: Home, commons: str) -> Iterator[Path]:
    before = time.time() - LEFTOVER_S
    for pattern in _LEFTOVERS:
        for path in home.commons_folder(commons).glob(pattern):
            if path.lstat().st_mtime < before:
                yield path


def _leftovers(home: Home, commons: str) -> Iterator[Finding]:
    count = sum(1 for _ in _half_written(home, commons))
    if count:
        detail = f"{counted(count, 'half-written file')} of processes that were killed"
        yield Finding(f"files {short(commons)}", True, detail, "wl doctor --fix", remark=True)


def _packing(home: Home, commons: str) -> Iterator[Finding]:
    store = wiring.open_store(home, commons)
    try:
        if store.repository.wants_packing():
            yield Finding(f"packing {short(commons)}", True, "due", "wl doctor --fix", remark=True)
    finally:
        store.close()
