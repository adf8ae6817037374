"""Looking after a home: verify everything again, find trouble, mend what is safe to mend. ⚡"""

import shutil
import stat
from collections.abc import Iterator
from typing import NamedTuple

from beads import fold
from beads.errors import BeadsError
from beads.ledger import FOREVER_MS, Ledger
from beads.op import Op
from beads.verify import START, Verifier
from node import wiring
from node.home import Home, short
from node.keybox import DEVICE, KEYS, RECOVERY
from stamps.errors import StampsError


class Verification(NamedTuple):
    """What a full check found."""

    logs: int
    operations: int
    state_hash: str
    problems: tuple[str, ...]


class Finding(NamedTuple):
    """One thing looked at."""

    what: str
    ok: bool
    detail: str = ""


def verify(home: Home, commons: str) -> Verification:
    """Verify every line of a commons from git, fold it from nothing, and compare with the index."""
    ledger = wiring.open_ledger(home, commons)
    try:
        problems: list[str] = []
        ops: list[Op] = []
        logs = ledger.store.logs()
        for log in logs:
            ops += _verified(ledger, log, problems)
        fresh = fold.fold(ops, ledger.commons, ledger.genesis, ledger.rules, ledger.key_log).state_hash()
        if fresh != ledger.index.state_hash():
            problems.append("the index is not what the operations fold to")
        return Verification(len(logs), len(ops), fresh, tuple(problems))
    finally:
        ledger.close()


def _verified(ledger: Ledger, log: str, problems: list[str]) -> list[Op]:
    verifier = Verifier(ledger.commons, ledger.genesis.private, ledger.rules, ledger.key_log, FOREVER_MS)
    try:
        chain = verifier.read(log, ledger.store.lines(log), START)
        verdicts = [chain] + [verifier.read(log, branch, chain.end) for branch in ledger.store.branches(log)]
    except BeadsError as error:
        problems.append(f"log {log[:12]}: {error}")
        return []
    for verdict in verdicts:
        if verdict.stopped:
            at = verdict.end.head.seq + 1 if verdict.end.head else 0
            problems.append(f"log {log[:12]} at {at}: {verdict.stopped[1]}")
    return [one for verdict in verdicts for one in verdict.ops]


def examine(home: Home, *, fix: bool) -> list[Finding]:
    """Look at everything that a node needs."""
    return [*_tools(), *_identity(home), *(f for commons in home.commons() for f in _commons(home, commons, fix=fix))]


def _tools() -> Iterator[Finding]:
    path = shutil.which("git")
    yield Finding("git", path is not None, path or "install git 2.39 or newer")


def _identity(home: Home) -> Iterator[Finding]:
    if not home.exists:
        yield Finding("identity", False, "none yet: wl init")
        return
    for name in (DEVICE, RECOVERY):
        path = home.box.path(name)
        closed = path.is_file() and not stat.S_IMODE(path.stat().st_mode) & 0o077
        missing = name == RECOVERY and not path.exists()
        hint = "not in this home; keep the file that holds it safe" if missing else f"chmod 600 {path}"
        yield Finding(name, closed or missing, "" if closed else hint)
    try:
        yield Finding("identity", True, home.key_log().scid)
        if home.is_revoked:
            yield Finding("this machine", False, "its key is revoked: it can read, and write no more (wl id request)")
        yield from _continuations(home)
    except StampsError as error:
        yield Finding("identity", False, f"{home.box.path(KEYS)}: {error}")


def _continuations(home: Home) -> Iterator[Finding]:
    """Say where somebody with my recovery key has gone on with another key log than this home's."""
    ours = home.key_log()
    for commons in home.commons():
        store = wiring.open_store(home, commons)
        try:
            theirs = store.key_log(ours.scid) or b""
        finally:
            store.close()
        if not (ours.raw.startswith(theirs) or theirs.startswith(ours.raw)):
            yield Finding(
                f"key log in {short(commons)}", False,
                "it is gone on with twice, here and there; go on in the home that the last change was made in",
            )  # fmt: skip


def _commons(home: Home, commons: str, *, fix: bool) -> Iterator[Finding]:
    what = f"commons {short(commons)}"
    try:
        if fix:
            for leftover in home.commons_folder(commons).glob("index.sqlite*"):
                leftover.unlink()
        found = verify(home, commons)
        yield Finding(what, not found.problems, "; ".join(found.problems) or f"{found.operations} operations")
        yield from _packing(home, commons, fix=fix)
    except (BeadsError, OSError) as error:
        yield Finding(what, False, str(error))


def _packing(home: Home, commons: str, *, fix: bool) -> Iterator[Finding]:
    store = wiring.open_store(home, commons)
    try:
        due = store.repository.wants_packing()
        if due and fix:
            store.repository.pack()
        yield Finding(f"packing {short(commons)}", not due or fix, "due: wl doctor --fix" if due and not fix else "")
    finally:
        store.close()
