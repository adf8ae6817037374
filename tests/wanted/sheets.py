"""Sheets for tests: earned by real operations in real ledgers, with a clock in hand."""

import json
from typing import Any

import msgspec

from beads.ledger import Author, Draft, Ledger
from stamps import dataintegrity
from tests.world import TERMS, Clock, actor, found, memory_ledger
from wanted import board, policy, portable, sheetfile, verifying
from wanted.board import Judgement
from wanted.sheetfile import SheetFile
from wanted.verifying import VerifiedSheet

STARTED_MS = 1_600_000_000_000
CREATED = "2020-09-14T00:00:00Z"
NOW_MS = STARTED_MS + 7 * 86_400_000
ALICE, BOB, CAROL, MALLORY = actor("alice"), actor("bob"), actor("carol"), actor("mallory")


def earn(ledger: Ledger, poster: Author, worker: Author, title: str = "Fix the door", quality: int = 5) -> str:
    """One item from post to stamp; return its id."""
    (post,) = ledger.write(poster, lambda _: board.post(title, "", TERMS))
    ledger.write(worker, lambda at: board.claim(board.load(at, post.id), worker.actor))

    def decide(at: Ledger) -> list[Draft]:
        item = board.load(at, post.id)
        return [board.decided(d) for d in policy.decide([item], poster.log(at.commons), 1, policy.Policy(), {})]

    ledger.write(poster, decide)
    evidence = [{"kind": "url", "url": "https://example.org"}]
    ledger.write(worker, lambda at: board.submit(board.load(at, post.id), worker.actor, evidence, "done"))  # type: ignore[arg-type]
    ledger.write(poster, lambda at: board.accept(board.load(at, post.id), poster.log(at.commons), None))
    item = board.load(ledger, post.id)
    stamp = board.stamp(
        item, item.accepted[0].submission, "", poster.signer,
        Judgement(title, {"quality": quality}, 90, "leaf", ["python"], "well done"),
    )  # fmt: skip
    ledger.write(poster, lambda _: stamp)
    return post.id


def home(*delegates: Author, started_ms: int = STARTED_MS, **options: Any) -> Ledger:
    """A commons whose clock shows a day long past, so that whatever clock verifies it is later."""
    return memory_ledger(found(*(delegates or (ALICE,)), **options), Clock(started_ms))


def shown(*ledgers: Ledger, **options: Any) -> dict[str, Any]:
    """Bob's sheet over some commons, as the JSON object in its file."""
    parts = [portable.gather(each, BOB.actor, **options) for each in ledgers]
    file: dict[str, Any] = json.loads(portable.export(parts, BOB, CREATED))
    return file


def sheet(*, stamps: int = 1) -> dict[str, Any]:
    ledger = home()
    for n in range(stamps):
        earn(ledger, ALICE, BOB, f"Fix door {n}")
    return shown(ledger)


def verify(file: dict[str, Any]) -> VerifiedSheet:
    return read(json.dumps(file).encode())


def read(raw: bytes) -> VerifiedSheet:
    found = verifying.verify_file(raw, NOW_MS)
    assert isinstance(found, VerifiedSheet)
    return found


def represent(file: dict[str, Any], author: Author = BOB) -> dict[str, Any]:
    """Sign the presentation again, as a forger with a key of their own would, for all that is in the file."""
    file["presentation"]["id"] = sheetfile.name_of(msgspec.convert(file, SheetFile))
    unsigned = {name: value for name, value in file["presentation"].items() if name != "proof"}
    file["presentation"] = dataintegrity.sign(unsigned, author.signer, created=CREATED, purpose="assertionMethod")
    return file
