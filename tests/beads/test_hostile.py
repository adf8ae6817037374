"""What strangers may send: each case is refused, held or survived with its reason, and every other log goes on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from beads import genesis, gitobject, ids, limits, report, segment
from beads.clock import Hlc
from beads.errors import InvalidGenesis, InvalidLine, LimitExceeded, RemoteError
from beads.gitobject import BLOB, COMMIT, FILE_MODE, TREE, TREE_MODE, GitObject, TreeEntry
from beads.ledger import Author, Draft, Ledger
from beads.memory_store import MemoryStore
from beads.op import Line
from beads.refs import Offer
from beads.report import Outcome, Report
from stamps import canon, encoding, envelope
from stamps.keys import SigningKey
from tests.world import (
    EPOCH_MS,
    Chain,
    Clock,
    Said,
    actor,
    create,
    found,
    git,
    git_ledger,
    keys_of,
    memory_ledger,
    prose,
    publish,
    publish_keys,
    put,
    put_files,
    relay,
    remote_refs,
    said,
    second,
    seed,
    store_of,
    syncer,
    write,
)

ALICE, BOB, EVE = actor("alice"), actor("bob"), actor("eve")
AGENT = second("eve", "authentication")
GENESIS = found(ALICE)
COMMONS = ids.commons_id(GENESIS)
PREFIX = f"refs/wl/{COMMONS}"
OTHER_COMMONS = ids.commons_id(found(BOB))
HONEST = Chain(BOB, COMMONS)
HONEST.open()
for _ in range(3):
    HONEST.add("bead.create", {"type": "task", "fields": [], "prose": []})
OP = "a" * 64


def eve(length: int = 2) -> Chain:
    chain = Chain(EVE, COMMONS)
    chain.open()
    while len(chain.lines) < length:
        chain.add("bead.create", {"type": "task", "fields": [], "prose": []})
    return chain


def signed(header: bytes, author: Author = EVE) -> bytes:
    return envelope.seal(header, author.signer)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    made = memory_ledger(GENESIS)
    yield made
    made.close()


def offer(ledger: Ledger, lines: Sequence[bytes], log: str = EVE.log(COMMONS), **more: Any) -> Outcome:
    """Offer Eve's log beside Bob's, which must be taken whatever hers is like; return what came of hers."""
    theirs = Said(keys=keys_of(ALICE, BOB, EVE), chains={log: list(lines), HONEST.log: HONEST.raw}, **more)
    done = ledger.ingest(theirs)
    assert ledger.store.lines(HONEST.log) == HONEST.raw
    outcome = done.of("log", log)
    assert outcome is not None
    assert ledger.store.lines(log) == list(lines)[: outcome.taken]
    return outcome


def payload(t: str, **p: Any) -> Callable[[], list[bytes]]:
    def make() -> list[bytes]:
        chain = eve()
        chain.add(t, p)
        return chain.raw

    return make


def odd(**members: Any) -> Callable[[], list[bytes]]:
    """A third line like an honest one but for these members of its header."""

    def make() -> list[bytes]:
        chain = eve()
        return [*chain.raw, signed(canon.encode(chain.header("profile", {"handle": "eve", "links": []}) | members))]

    return make


def text(change: Callable[[bytes], bytes]) -> Callable[[], list[bytes]]:
    """A third line whose signed header is not quite JSON as it should be."""

    def make() -> list[bytes]:
        chain = eve()
        header = canon.encode(chain.header("profile", {"handle": "eve", "links": []}))
        return [*chain.raw, signed(change(header))]

    return make


def sized(size: int) -> Callable[[], list[bytes]]:
    """A third line of exactly so many bytes."""

    def make() -> list[bytes]:
        chain = eve()
        fields = [[f"f{n:02d}", "x" * 2000] for n in range(8)] + [["z", ""]]
        values: dict[str, Any] = {"type": "task", "fields": fields, "prose": []}
        missing = size - len(signed(canon.encode(chain.header("bead.create", values))))
        fields[-2][1], missing = fields[-2][1][: 2000 + min(missing, 0)], max(missing, 0)
        fields[-1][1] = "x" * missing
        line = signed(canon.encode(chain.header("bead.create", values)))
        assert len(line) == size
        return [*chain.raw, line]

    return make


def ops(count: int) -> list[str]:
    return sorted(sha256(b"%d" % n).hexdigest() for n in range(count))


def logs(count: int) -> list[str]:
    return sorted(encoding.base32_lower(sha256(b"%d" % n).digest())[:32] for n in range(count))


def copied() -> list[bytes]:
    return [*eve().raw, Chain(BOB, COMMONS, HONEST.lines[:2]).line("bead.comment", {"bead": OP}).raw]


def other_key() -> list[bytes]:
    chain = eve()
    return [*chain.raw, chain.line("bead.comment", {"bead": OP}, signer=BOB.signer).raw]


def repeated() -> list[bytes]:
    chain = eve(3)
    return [*chain.raw, chain.raw[2]]


def resigned() -> list[bytes]:
    """The same header again, in the next place."""
    chain = eve()
    return [*chain.raw, chain.raw[1].replace(b'"seq":1', b'"seq":2')]


class Case(NamedTuple):
    make: Callable[[], list[bytes]]
    status: str
    reason: str
    taken: int = 2


def invalid(make: Callable[[], list[bytes]], reason: str, taken: int = 2) -> Case:
    return Case(make, report.INVALID, reason, taken)


def fine(make: Callable[[], list[bytes]]) -> Case:
    return Case(make, report.ACCEPTED, "", 3)


def opened_by(t: str = "open", log: str | None = None, **p: Any) -> Callable[[], list[bytes]]:
    def make() -> list[bytes]:
        chain = Chain(EVE, COMMONS)
        good = {"actor": EVE.actor, "key": EVE.signer.public.did}
        return [chain.line(t, good | p, **({"log": log} if log else {})).raw]

    return make


LINES = {
    "a key that is not the log's": invalid(other_key, "signature"),
    "an operation of another log": invalid(copied, "signature"),
    "an operation signed for another commons": invalid(odd(c=OTHER_COMMONS), "commons"),
    "an operation signed for another log": invalid(odd(log=BOB.log(COMMONS)), "log"),
    "an operation sent twice": invalid(repeated, "seq", 3),
    "an operation moved to the next place": invalid(resigned, "signature"),
    "a gap": invalid(odd(seq=3), "seq"),
    "a position before": invalid(odd(seq=1), "seq"),
    "a position below zero": invalid(odd(seq=-1), "header_format"),
    "another predecessor": invalid(odd(prev=OP), "prev"),
    "no predecessor": invalid(odd(prev=None), "header_format"),
    "a predecessor that is no id": invalid(odd(prev="A" * 64), "header_format"),
    "a time that does not rise": invalid(odd(hlc=[EPOCH_MS + 1, 0]), "hlc_order"),
    "a time that goes back": invalid(odd(hlc=[EPOCH_MS, 9]), "hlc_order"),
    "a counter that rises": fine(odd(hlc=[EPOCH_MS + 1, 1])),
    "a counter as high as may be": fine(odd(hlc=[EPOCH_MS + 1, limits.HLC_COUNTER - 1])),
    "a counter too high": invalid(odd(hlc=[EPOCH_MS + 1, limits.HLC_COUNTER]), "hlc_range"),
    "a time beyond 2^47": invalid(odd(hlc=[limits.HLC_MS, 0]), "hlc_range"),
    "a time below zero": invalid(odd(hlc=[-1, 0]), "hlc_range"),
    "a time of one number": invalid(odd(hlc=[EPOCH_MS + 9]), "header_format"),
    "a time that is true": invalid(odd(hlc=[True, 0]), "header_format"),
    "the farthest time that still can come": Case(
        odd(hlc=[limits.HLC_MS - 1, 0]), report.HELD, "future"
    ),
    "a duplicate key": invalid(text(lambda h: h.replace(b'{"c"', b'{"c":"","c"')), "canonical"),
    "a float": invalid(text(lambda h: h.replace(b'"seq":2', b'"seq":2.0')), "canonical"),
    "an exponent": invalid(text(lambda h: h.replace(b'"seq":2', b'"seq":2e0')), "canonical"),
    "an integer beyond 2^53": invalid(odd(p={"handle": 2**53 - 1, "links": []}), "payload"),
    "a byte order mark": invalid(text(lambda h: b"\xef\xbb\xbf" + h), "canonical"),
    "white space": invalid(text(lambda h: h.replace(b":", b": ", 1)), "canonical"),
    "keys out of order": invalid(text(lambda h: b'{"v":1,' + h[1:].replace(b',"v":1}', b"}")), "canonical"),
    "a lone surrogate": invalid(text(lambda h: h.replace(b'"eve"', b'"\\ud800"')), "canonical"),
    "bytes that are no text": invalid(text(lambda h: h.replace(b'"eve"', b'"\xff"')), "canonical"),
    "an array": invalid(text(lambda _: b"[]"), "header_format"),
    "nothing at all": invalid(lambda: [*eve().raw, b"\n"], "line_format"),
    "a line without its signature": invalid(text(lambda h: h).__call__ and (lambda: [*eve().raw, b"{}\n"]), "line_format"),
    "too deep": invalid(odd(p={"a": [[[[[[[[]]]]]]]]}), "canonical") if False else invalid(
        text(lambda h: h.replace(b'"eve"', b"[" * 9 + b"]" * 9)), "canonical"
    ),
    "a later version": Case(odd(v=2), report.HELD, "version"),
    "a version that is a text": invalid(odd(v="1"), "header_format"),
    "a version that is true": invalid(odd(v=True), "header_format"),
    "an explicit null for by": invalid(odd(by=None), "header_format"),
    "an explicit null for body": invalid(odd(body=None), "header_format"),
    "two lines in by": invalid(odd(by="a\nb"), "header_format"),
    "a name that turns the text around in by": invalid(odd(by="a\u202eb"), "header_format"),
    "an empty by": invalid(odd(by=""), "header_format"),
    "a by of 120 characters": fine(odd(by="x" * 120)),
    "a by of 121 characters": invalid(odd(by="x" * 121), "header_format"),
    "a body of 256 KiB": fine(odd(body={"h": OP, "n": limits.BODY})),
    "a body of 256 KiB and a byte": invalid(odd(body={"h": OP, "n": limits.BODY + 1}), "body_format"),
    "a body of no bytes": invalid(odd(body={"h": OP, "n": 0}), "body_format"),
    "a body whose hash is none": invalid(odd(body={"h": "x", "n": 1}), "body_format"),
    "a body with another member": invalid(odd(body={"h": OP, "n": 1, "x": 1}), "header_format"),
    "an unknown member": Case(odd(x=1), report.UNREAD, "upgrade", 3),
    "an unknown type": Case(payload("later.thing", x=1), report.UNREAD, "upgrade", 3),
    "an unknown member of a payload": Case(payload("profile", handle="e", links=[], x=1), report.UNREAD, "upgrade", 3),
    "a member of a payload missing": invalid(payload("profile", handle="e"), "payload"),
    "a member of a payload of another kind": invalid(payload("profile", handle=1, links=[]), "payload"),
    "a line of 16 KiB": fine(sized(limits.LINE)),
    "a line of 16 KiB and a byte": invalid(sized(limits.LINE + 1), "line_too_long"),
    "16 operations named": fine(payload("bead.link", bead=OP, add=[["blocks", op] for op in ops(15)], remove=[])),
    "17 operations named": invalid(
        payload("bead.link", bead=OP, add=[["blocks", op] for op in ops(16)], remove=[]), "payload"
    ),
    "64 removals": fine(payload("bead.label", bead=OP, add=[], remove=[["x", ops(64)]])),
    "65 removals": invalid(payload("bead.label", bead=OP, add=[], remove=[["x", ops(64)], ["y", [OP]]]), "payload"),
    "120 heads": fine(payload("checkpoint", heads=[[log, 0, OP] for log in logs(119)], keys=[[EVE.actor, 1]])),
    "121 heads": invalid(payload("checkpoint", heads=[[log, 0, OP] for log in logs(120)], keys=[["a", 1]]), "payload"),
    "heads out of order": invalid(
        payload("checkpoint", heads=[[log, 0, OP] for log in logs(2)[::-1]], keys=[]), "payload"
    ),
    "a bead that depends on itself": invalid(payload("bead.link", bead=OP, add=[["blocks", OP]], remove=[]), "payload"),
    "a bead of the board's type": invalid(payload("bead.create", type="wanted", fields=[], prose=[]), "payload"),
    "fields out of order": invalid(
        payload("bead.create", type="t", fields=[["b", 1], ["a", 1]], prose=[]), "payload"
    ),
    "a handle of two lines": invalid(payload("profile", handle="a\nb", links=[]), "payload"),
    "a log that does not begin with open": invalid(opened_by("profile", handle="e", links=[]), "open", 0),
    "a log opened for another key": invalid(opened_by(key=BOB.signer.public.did), "log", 0),
    "a log opened for another actor": invalid(opened_by(actor=BOB.actor), "log", 0),
    "a log that begins in the middle": invalid(lambda: eve(3).raw[1:], "open", 0),
}  # fmt: skip


@pytest.mark.parametrize("case", LINES.values(), ids=LINES.keys())
def test_a_bad_line_ends_its_log_and_no_other(ledger: Ledger, case: Case) -> None:
    lines = case.make()
    outcome = offer(ledger, lines)
    assert (outcome.status, outcome.reason, outcome.taken) == case[1:]


def test_a_bit_flipped_anywhere_ends_the_log_there() -> None:
    chain = eve(3)
    for at in range(len(chain.raw[1])):
        ledger = memory_ledger(GENESIS)
        line = bytearray(chain.raw[1])
        line[at] ^= 1
        outcome = offer(ledger, [chain.raw[0], bytes(line), chain.raw[2]])
        assert (outcome.status, outcome.taken) == (report.INVALID, 1), f"byte {at}"
        ledger.close()
