"""Runs one piece of work again and again, each time in a fresh copy of a node, killed one step later than before.

    python -m tests.beads.crash_driver BASE OUT WORK

Leaves OUT/1, OUT/2, … as the killed processes left them, and OUT/whole where the work was done.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from beads.database import Sqlite
from beads.ledger import Draft, Ledger
from tests.world import Chain, Said, actor, create, found, git_ledger, keys_of, prose, write

ALICE, BOB, CAROL = actor("alice"), actor("bob"), actor("carol")
GENESIS = found(ALICE)
STEPS_AT_MOST = 400


def prepare(folder: Path) -> None:
    """A node with two logs, one of them over a segment's border, with words."""
    ledger = git_ledger(GENESIS, folder)
    write(ledger, ALICE, *(create(f"a{n}", n=n) for n in range(6)))
    write(ledger, ALICE, *(Draft("bead.comment", {"bead": "0" * 64}) for _ in range(56)))
    write(ledger, BOB, create("b"))
    ledger.close()


def offered(commons: str) -> Said:
    """Logs of two others, with words."""
    chains: dict[str, list[bytes]] = {}
    words: dict[str, list[tuple[int, bytes]]] = {}
    for author in (CAROL, actor("dave")):
        chain = Chain(author, commons)
        chain.open()
        for n in range(66):
            chain.add("bead.create", {"type": "task", "fields": [], "prose": ["title"]}, body=prose(title=f"{n}"))
        chains[chain.log] = chain.raw
        words[chain.log] = [(line.seq, prose(title=f"{line.seq - 1}")) for line in chain.lines[1:]]
    return Said(keys=keys_of(CAROL, actor("dave")), chains=chains, prose=words)


def fork_of_bob(ledger: Ledger) -> Said:
    """Another continuation of Bob's log."""
    chain = Chain(BOB, ledger.commons)
    chain.open()
    chain.add("bead.create", {"type": "task", "fields": [], "prose": []})
    return Said(chains={chain.log: chain.raw})


def first_of_alice(ledger: Ledger) -> str:
    op_id = ledger.index.op_id(ALICE.log(ledger.commons), 5)
    assert op_id is not None
    return op_id


def drop_index(folder: Path) -> None:
    for file in folder.glob("index.sqlite*"):
        file.unlink()


def append(folder: Path) -> None:
    with_ledger(folder, lambda ledger: write(ledger, ALICE, create("one more"), create("and one")))


def begin(folder: Path) -> None:
    with_ledger(folder, lambda ledger: write(ledger, CAROL, create("first")))


def append_many(folder: Path) -> None:
    with_ledger(folder, lambda ledger: write(ledger, BOB, *(create(f"m{n}") for n in range(150))))


def ingest(folder: Path) -> None:
    with_ledger(folder, lambda ledger: ledger.ingest(offered(ledger.commons)))


def fork(folder: Path) -> None:
    with_ledger(folder, lambda ledger: ledger.ingest(fork_of_bob(ledger)))


def erase(folder: Path) -> None:
    with_ledger(folder, lambda ledger: ledger.erase(ALICE, first_of_alice(ledger)))


def settle(folder: Path) -> None:
    with mock.patch("beads.repository.SETTLE_AT", 1):
        append(folder)


def rebuild(folder: Path) -> None:
    drop_index(folder)
    with_ledger(folder, lambda ledger: None)


def with_ledger(folder: Path, work: Callable[[Ledger], Any]) -> None:
    ledger = git_ledger(GENESIS, folder)
    ledger.refresh()
    work(ledger)
    ledger.close()


WORKS: dict[str, Callable[[Path], None]] = {
    "append": append,
    "begin": begin,
    "append_many": append_many,
    "ingest": ingest,
    "fork": fork,
    "erase": erase,
    "settle": settle,
    "rebuild": rebuild,
}


class Fuse:
    """Kills this process before the n-th step that changes anything on the disk."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def burn(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def lay(self) -> None:
        for name in ("fsync", "replace", "rename", "unlink", "mkdir", "pwrite", "rmdir", "ftruncate", "open"):
            setattr(os, name, self._before(getattr(os, name)))
        os.write = self._torn(os.write)
        subprocess.run = self._before(subprocess.run)
        query = Sqlite.query

        def burning(database: Sqlite, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
            if sql.startswith(("BEGIN", "INSERT OR REPLACE INTO meta", "COMMIT", "DROP", "CREATE TABLE meta")):
                self.burn()
            return query(database, sql, parameters)

        setattr(Sqlite, "query", burning)  # noqa: B010

    def _torn(self, write: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
        """Let a write come in two halves, each a step."""

        def burning(handle: int, raw: Any) -> int:
            self.burn()
            half = write(handle, raw[: len(raw) // 2])
            self.burn()
            return half + write(handle, raw[half:])

        return burning

    def _before(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def burning(*arguments: Any, **named: Any) -> Any:
            self.burn()
            return step(*arguments, **named)

        return burning


def killed(folder: Path, work: Callable[[Path], None], steps: int) -> bool:
    child = os.fork()
    if child == 0:
        Fuse(steps).lay()
        work(folder)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def main(base: Path, out: Path, name: str) -> None:
    for steps in range(1, STEPS_AT_MOST):
        folder = out / str(steps)
        shutil.copytree(base, folder)
        if not killed(folder, WORKS[name], steps):
            folder.rename(out / "whole")
            return
    raise AssertionError("the work takes more steps than anybody would wait for")


def append_in_turns(folder: Path, count: int) -> None:
    """Write operations one by one, as another process does the same."""
    ledger = git_ledger(GENESIS, folder)
    for n in range(count):
        write(ledger, ALICE, Draft("bead.comment", {"bead": f"{n:064x}"}))
    ledger.close()


if __name__ == "__main__":
    if sys.argv[1] == "turns":
        append_in_turns(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
