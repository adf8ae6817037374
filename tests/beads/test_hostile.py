"""What strangers may send: each case is refused, held or survived with its reason, and every other log goes on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from beads import genesis, gitobject, ids, limits, report, segment
from beads.clock import Hlc
from beads.errors import InvalidGenesis, LimitExceeded, RemoteError
from beads.gitobject import BLOB, COMMIT, FILE_MODE, TREE, TREE_MODE, GitObject, TreeEntry
from beads.ledger import Author, Ledger
from beads.refs import Offer
from beads.report import Outcome
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
    before = len(ledger.store.lines(log))
    done = ledger.ingest(theirs)
    assert ledger.store.lines(HONEST.log) == HONEST.raw
    outcome = done.of("log", log)
    assert outcome is not None
    assert ledger.store.lines(log) == list(lines)[: before + outcome.taken]
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

        def line(fill: int) -> bytes:
            fields = [[f"f{n}", "x" * min(2000, max(fill - 2000 * n, 0))] for n in range(9)]
            return signed(canon.encode(chain.header("bead.create", {"type": "task", "fields": fields, "prose": []})))

        made = line(size - len(line(0)))
        assert len(made) == size
        return [*chain.raw, made]

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


def opened_by(t: str = "open", **p: Any) -> Callable[[], list[bytes]]:
    def make() -> list[bytes]:
        chain = Chain(EVE, COMMONS)
        good = {"actor": EVE.actor, "key": EVE.signer.public.did}
        return [chain.line(t, good | p).raw]

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
    "the farthest time there is": Case(odd(hlc=[limits.HLC_MS - 1, 0]), report.HELD, "future"),
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
    "a line without its signature": invalid(lambda: [*eve().raw, b"{}\n"], "line_format"),
    "two lines in one": invalid(lambda: [*eve().raw, b"".join(eve(4).raw[2:])], "line_format"),
    "too deep": invalid(text(lambda h: h.replace(b'"eve"', b"[" * 9 + b"]" * 9)), "canonical"),
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
    "a type of two lines": invalid(odd(t="later.thing\nx"), "header_format"),
    "a type that ends a commit message early": invalid(odd(t="later\0thing"), "header_format"),
    "a type in capitals": invalid(odd(t="Later.thing"), "header_format"),
    "a type of no letters": invalid(odd(t=""), "header_format"),
    "a type of 60 letters": Case(payload("t" * 60), report.UNREAD, "upgrade", 3),
    "a type of 61 letters": invalid(odd(t="t" * 61), "header_format"),
    "an unknown member": Case(odd(x=1), report.UNREAD, "upgrade", 3),
    "an unknown type": Case(payload("later.thing", x=1), report.UNREAD, "upgrade", 3),
    "an unknown member of a payload": Case(payload("profile", handle="e", links=[], x=1), report.UNREAD, "upgrade", 3),
    "a member of a payload missing": invalid(payload("profile", handle="e"), "payload"),
    "a member of a payload of another kind": invalid(payload("profile", handle=1, links=[]), "payload"),
    "a line of 16 KiB": fine(sized(limits.LINE)),
    "a line of 16 KiB and a byte": invalid(sized(limits.LINE + 1), "line_too_long"),
    "16 operations named": fine(payload("bead.link", bead=OP, add=[["blocks", op, ""] for op in ops(15)], remove=[])),
    "17 operations named": invalid(
        payload("bead.link", bead=OP, add=[["blocks", op, ""] for op in ops(16)], remove=[]), "payload"
    ),
    "64 removals": fine(payload("bead.label", bead=OP, add=[], remove=[["x", ops(64)]])),
    "65 removals": invalid(payload("bead.label", bead=OP, add=[], remove=[["x", ops(64)], ["y", [OP]]]), "payload"),
    "120 heads": fine(payload("checkpoint", heads=[[log, 0, OP] for log in logs(119)], keys=[[EVE.actor, 1]])),
    "121 heads": invalid(payload("checkpoint", heads=[[log, 0, OP] for log in logs(120)], keys=[["a", 1]]), "payload"),
    "heads out of order": invalid(
        payload("checkpoint", heads=[[log, 0, OP] for log in logs(2)[::-1]], keys=[]), "payload"
    ),
    "a bead that depends on itself": invalid(
        payload("bead.link", bead=OP, add=[["blocks", OP, ""]], remove=[]), "payload"
    ),
    "a bead of the board's type": invalid(payload("bead.create", type="wanted", fields=[], prose=[]), "payload"),
    "fields out of order": invalid(payload("bead.create", type="t", fields=[["b", 1], ["a", 1]], prose=[]), "payload"),
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


def test_a_later_version_behind_a_closed_segment_is_held(ledger: Ledger) -> None:
    chain = eve(64)
    assert offer(ledger, chain.raw).taken == 64
    later = signed(canon.encode(chain.header("profile", {"handle": "e", "links": []}) | {"v": 2}))
    assert offer(ledger, [*chain.raw, later]) == Outcome("log", chain.log, report.HELD, "version")


def test_a_branch_of_a_later_version_is_held(ledger: Ledger) -> None:
    chain = eve(3)
    later = signed(canon.encode(chain.fork(2).header("profile", {"handle": "e", "links": []}) | {"v": 2}))
    done = ledger.ingest(
        Said(
            keys=keys_of(BOB, EVE), chains={chain.log: chain.raw, HONEST.log: HONEST.raw}, forks=[(chain.log, [later])]
        )
    )
    assert done.of("fork", chain.log) == Outcome("fork", chain.log, report.HELD, "version")
    again = ledger.ingest(Said(forks=[(chain.log, [later])]))
    assert again.of("fork", chain.log) == Outcome("fork", chain.log, report.HELD, "version")
    assert ledger.store.lines(HONEST.log) == HONEST.raw


def test_words_beyond_a_fork_are_not_taken_with_it(ledger: Ledger) -> None:
    chain = with_body(prose(text="words"))
    offer(ledger, chain.raw)
    fork = chain.fork(1)
    fork.add("bead.comment", {"bead": OP})
    ledger.ingest(Said(chains={chain.log: fork.raw}, prose={chain.log: [(2, prose(text="words"))]}))
    assert (ledger.store.lines(chain.log), list(ledger.store.bodies(chain.log))) == (chain.raw[:1], [])
    assert ledger.index.prose(chain.lines[2].id) == {}


# -- time ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ahead", "status"), [(0, report.ACCEPTED), (1, report.HELD)], ids=["at", "past"])
def test_ten_minutes_ahead_is_the_most(ahead: int, status: str) -> None:
    clock = Clock()
    ledger = memory_ledger(GENESIS, clock)
    chain = eve()
    # The clock ticks once when it is read.
    chain.add("profile", {"handle": "e", "links": []}, hlc=[clock.ms + 1 + limits.FUTURE_SKEW_MS + ahead, 0])
    assert offer(ledger, chain.raw).status == status
    ledger.close()


def test_what_is_held_does_not_move_the_local_clock_and_is_taken_when_its_time_has_come() -> None:
    clock = Clock()
    ledger = memory_ledger(GENESIS, clock)
    chain = eve()
    late = clock.ms + 10 * limits.FUTURE_SKEW_MS
    chain.add("profile", {"handle": "e", "links": []}, hlc=[late, 0])
    assert offer(ledger, chain.raw).reason == "future"
    (mine,) = write(ledger, ALICE, create("now"))
    assert mine.hlc.ms < EPOCH_MS + 1000
    clock.ms = late
    assert offer(ledger, chain.raw) == Outcome("log", EVE.log(COMMONS), report.ACCEPTED, "", 1)
    (mine,) = write(ledger, ALICE, create("then"))
    assert mine.hlc > Hlc(late, 0)
    ledger.close()


# -- keys ----------------------------------------------------------------------------------------------------------


def test_a_log_waits_for_its_key_log(ledger: Ledger) -> None:
    chain = eve()
    theirs = Said(keys=keys_of(BOB), chains={chain.log: chain.raw, HONEST.log: HONEST.raw})
    done = ledger.ingest(theirs)
    assert done.of("log", chain.log) == Outcome("log", chain.log, report.HELD, "key_log")
    assert ledger.store.logs() == [HONEST.log]
    assert offer(ledger, chain.raw).status == report.ACCEPTED


BAD_KEYS: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "json"),
    "no JSON": (lambda: b"no JSON\n", "json"),
    "a bit flipped": (lambda: EVE.key_log.raw.replace(b"2026-09-21", b"2026-09-22"), "scid"),
    "another actor's": (lambda: BOB.key_log.raw, "name"),
    "an entry twice": (lambda: EVE.key_log.raw * 2, "hash"),
    "an entry of 16 KiB and more": (lambda: EVE.key_log.raw[:-1] + b" " * 16_384 + b"\n", "size"),
}


@pytest.mark.parametrize(("make", "reason"), BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_a_bad_key_log_is_refused_and_its_logs_wait(ledger: Ledger, make: Callable[[], bytes], reason: str) -> None:
    chain = eve()
    name = ids.actor_ref(EVE.actor)
    theirs = Said(keys=keys_of(BOB) | {name: make()}, chains={chain.log: chain.raw, HONEST.log: HONEST.raw})
    done = ledger.ingest(theirs)
    assert done.of("keys", name) == Outcome("keys", name, report.INVALID, reason)
    assert done.of("log", chain.log) == Outcome("log", chain.log, report.HELD, "key_log")
    assert ledger.store.logs() == [HONEST.log]
    assert set(ledger.store.key_logs()) == {BOB.actor}


def test_a_key_log_grows_and_never_shrinks(ledger: Ledger) -> None:
    name = ids.actor_ref(EVE.actor)
    for raw, status in (
        (EVE.key_log.raw, report.ACCEPTED),
        (AGENT.key_log.raw, report.ACCEPTED),
        (second("eve").key_log.raw, report.FORKED),
    ):
        done = ledger.ingest(Said(keys={name: raw}))
        assert [outcome.status for outcome in done.outcomes] == [status]
    for raw in (AGENT.key_log.raw, EVE.key_log.raw, AGENT.key_log.raw.replace(b'{"parameters', b' {"parameters')):
        assert ledger.ingest(Said(keys={name: raw})).outcomes == []
    assert ledger.store.key_logs() == {EVE.actor: AGENT.key_log.raw}


def test_a_key_that_no_key_log_lists_writes_nothing(ledger: Ledger) -> None:
    stranger = Author(EVE.key_log, SigningKey.from_seed(seed("stranger")))
    chain = Chain(stranger, COMMONS)
    chain.open()
    assert offer(ledger, chain.raw, chain.log) == Outcome("log", chain.log, report.INVALID, "key_purpose")


DEVICE_ONLY: dict[str, dict[str, Any]] = {
    "profile": {"handle": "e", "links": []},
    "bead.create": {"type": "task", "fields": [], "prose": []},
    "bead.set": {"bead": OP, "fields": [["a", 1]], "prose": []},
    "bead.label": {"bead": OP, "add": ["a"], "remove": []},
    "bead.link": {"bead": OP, "add": [], "remove": []},
    "admit": {"actor": EVE.actor},
    "checkpoint": {"heads": [], "keys": []},
    "wanted.grant": {"item": OP, "epoch": 0, "claim": OP, "actor": EVE.actor, "until": 1},
    "wanted.revoke": {"item": OP, "epoch": 0, "reason": "other"},
    "wanted.accept": {"item": OP, "epoch": 0, "submission": OP, "actor": EVE.actor},
    "wanted.reject": {"item": OP, "epoch": 0, "submission": OP, "actor": EVE.actor, "final": True},
    "wanted.close": {"item": OP, "epoch": 0},
    "wanted.withdraw": {"item": OP, "epoch": 0},
    "wanted.handover": {"item": OP, "epoch": 0, "to": EVE.log(COMMONS)},
}
AGENTS_TOO: dict[str, dict[str, Any]] = {
    "join": {"admit": OP},
    "bead.comment": {"bead": OP},
    "erase": {"op": OP},
    "wanted.claim": {"item": OP},
    "wanted.release": {"item": OP},
    "wanted.submit": {"item": OP, "evidence": [], "prose": []},
}
PRIVATE_AGENTS_TOO = frozenset(("bead.create", "bead.set", "bead.label", "bead.link"))


@pytest.mark.parametrize("t", [*DEVICE_ONLY, *AGENTS_TOO])
@pytest.mark.parametrize("private", [False, True], ids=["in a commons", "in a private ledger"])
def test_an_agent_s_key_writes_only_what_agents_may(t: str, private: bool) -> None:
    raw = found(EVE, private=private)
    ledger = memory_ledger(raw)
    chain = Chain(AGENT, ledger.commons)
    chain.open()
    chain.add(t, (DEVICE_ONLY | AGENTS_TOO)[t])
    name = ids.actor_ref(EVE.actor)
    done = ledger.ingest(Said(keys={name: AGENT.key_log.raw}, chains={chain.log: chain.raw}))
    may = t in AGENTS_TOO or (private and t in PRIVATE_AGENTS_TOO)
    expected = (report.ACCEPTED, "", 2) if may else (report.INVALID, "key_purpose", 1)
    assert done.of("log", chain.log) == Outcome("log", chain.log, *expected)
    ledger.close()


# -- bodies --------------------------------------------------------------------------------------------------------


def with_body(raw: bytes) -> Chain:
    chain = eve()
    chain.add("bead.comment", {"bead": OP}, body=raw)
    return chain


def salted(size: int) -> bytes:
    """A body of exactly so many bytes."""
    return prose(text="x" * (size - len(prose(text=""))))


BODIES: dict[str, tuple[bytes, bytes, bool]] = {
    "the words themselves": (prose(text="words"), prose(text="words"), True),
    "256 KiB": (salted(limits.BODY), salted(limits.BODY), True),
    "other words": (prose(text="words"), prose(text="wordz"), False),
    "words cut short": (prose(text="words"), prose(text="words")[:-1], False),
    "words without salt": (b'{"text":"words"}', b'{"text":"words"}', False),
    "words with a short salt": (b'{"salt":"AAAA","text":"x"}', b'{"salt":"AAAA","text":"x"}', False),
    "no JSON": (b"words", b"words", False),
    "JSON in another form": (b'{ "salt":"AAAAAAAAAAAAAAAAAAAAAA"}', b'{ "salt":"AAAAAAAAAAAAAAAAAAAAAA"}', False),
}


@pytest.mark.parametrize(("promised", "sent", "fits"), BODIES.values(), ids=BODIES.keys())
def test_a_body_must_be_what_its_operation_promised(ledger: Ledger, promised: bytes, sent: bytes, fits: bool) -> None:
    chain = with_body(promised)
    assert offer(ledger, chain.raw, prose={chain.log: [(2, sent)]}).status == report.ACCEPTED
    assert ledger.store.body(chain.log, 2) == (sent if fits else None)
    done = ledger.ingest(Said(prose={chain.log: [(2, sent)]}))
    outcome = done.of("body", chain.lines[2].id)
    assert (outcome.reason if outcome else None) == (None if fits else "body_hash")


def test_bodies_that_nobody_promised_are_passed_over(ledger: Ledger) -> None:
    chain = with_body(prose(text="words"))
    extra = [(0, prose(text="a")), (1, prose(text="b")), (7, prose(text="c"))]
    assert offer(ledger, chain.raw, prose={chain.log: extra, "x" * 32: extra}).status == report.ACCEPTED
    assert list(ledger.store.bodies(chain.log)) == []


def test_a_missing_body_is_taken_later(ledger: Ledger) -> None:
    chain = with_body(prose(text="words"))
    offer(ledger, chain.raw)
    offer(ledger, chain.raw, prose={chain.log: [(2, prose(text="words"))]})
    assert ledger.store.body(chain.log, 2) == prose(text="words")


def erasing(chain: Chain, by: Chain) -> None:
    by.add("erase", {"op": chain.lines[2].id}, hlc=[EPOCH_MS + 100, 0])


ERASERS = {"the same log": EVE, "another device of the author": second("eve")}


@pytest.mark.parametrize("eraser", ERASERS.values(), ids=ERASERS.keys())
@pytest.mark.parametrize("order", ["words first", "erasure first", "both at once"])
def test_erased_words_are_dropped_and_never_taken_again(ledger: Ledger, eraser: Author, order: str) -> None:
    chain = with_body(prose(text="words"))
    by = chain if eraser is EVE else Chain(eraser, COMMONS)
    if by is not chain:
        by.open()
    words = Said(chains={chain.log: chain.raw}, prose={chain.log: [(2, prose(text="words"))]})
    erasing(chain, by)
    erasure = Said(chains={by.log: by.raw})
    ledger.ingest(Said(keys={ids.actor_ref(EVE.actor): eraser.key_log.raw}))
    both = Said(chains={**words.chains, **erasure.chains}, prose=words.prose)
    for each in {"words first": [words, erasure], "erasure first": [erasure, words], "both at once": [both]}[order]:
        ledger.ingest(each)
    assert ledger.store.body(chain.log, 2) is None
    ledger.ingest(both)
    assert ledger.store.body(chain.log, 2) is None
    assert len(ledger.store.lines(chain.log)) >= 3


def test_an_agent_erases_what_it_wrote_and_nothing_of_its_owner_s(ledger: Ledger) -> None:
    owners, agents = with_body(prose(text="owner")), Chain(AGENT, COMMONS)
    agents.open()
    own = agents.add("bead.comment", {"bead": OP}, body=prose(text="agent"))
    agents.add("erase", {"op": owners.lines[2].id})
    agents.add("erase", {"op": own.id})
    theirs = Said(
        keys={ids.actor_ref(EVE.actor): AGENT.key_log.raw}, chains={owners.log: owners.raw, agents.log: agents.raw},
        prose={owners.log: [(2, prose(text="owner"))], agents.log: [(1, prose(text="agent"))]},
    )  # fmt: skip
    for _ in range(2):
        ledger.ingest(theirs)
        assert ledger.store.body(owners.log, 2) == prose(text="owner")
        assert ledger.store.body(agents.log, 1) is None


def test_nobody_erases_another_s_words(ledger: Ledger) -> None:
    chain = with_body(prose(text="words"))
    bobs = Chain(BOB, COMMONS, HONEST.lines)
    bobs.add("erase", {"op": chain.lines[2].id})
    theirs = Said(
        keys=keys_of(EVE, BOB), chains={chain.log: chain.raw, bobs.log: bobs.raw},
        prose={chain.log: [(2, prose(text="words"))]},
    )  # fmt: skip
    ledger.ingest(theirs)
    assert ledger.store.body(chain.log, 2) == prose(text="words")


# -- objects and trees ---------------------------------------------------------------------------------------------

EVES = eve(130)
FILES = [b"".join(EVES.raw[n : n + 64]) for n in (0, 64, 128)]
ONE, TWO, THREE = (gitobject.make(BLOB, raw) for raw in FILES)


def entry(name: str, obj: GitObject, mode: bytes = b"") -> TreeEntry:
    return TreeEntry(name, mode or (TREE_MODE if obj.kind == TREE else FILE_MODE), obj.id)


def folder(*files: TreeEntry) -> GitObject:
    """A tree as it is given: neither sorted nor checked."""
    return gitobject.make(TREE, b"".join(f.mode + b" " + f.name.encode() + b"\0" + bytes.fromhex(f.id) for f in files))


def over(*folders: TreeEntry) -> GitObject:
    return gitobject.commit(folder(*folders).id, (), "x <x@x>", 0, "x 0-1: x\n")


def rooted_on(*entries: TreeEntry) -> list[GitObject]:
    return [folder(*entries), over(*entries)]


@dataclass
class Tree:
    """Objects, the last of which a reference shall name."""

    objects: list[GitObject] = field(default_factory=list)

    @classmethod
    def of(cls, *folders: tuple[str, Sequence[TreeEntry]]) -> "Tree":
        inner = {name: folder(*files) for name, files in folders}
        entries = [entry(name, tree) for name, tree in inner.items()]
        return cls([ONE, TWO, THREE, *inner.values(), *rooted_on(*entries)])

    @classmethod
    def file(cls, *raws: bytes) -> "Tree":
        """A log whose segments are these."""
        blobs = [gitobject.make(BLOB, raw) for raw in raws]
        made = cls.of(("000", [entry(f"{n:06d}.jsonl", blob) for n, blob in enumerate(blobs)]))
        return cls([*blobs, *made.objects])


GOOD = [entry("000000.jsonl", ONE), entry("000001.jsonl", TWO), entry("000002.jsonl", THREE)]
DEEP = folder(entry("x", ONE))
TREES: dict[str, tuple[Tree, str]] = {
    "a symlink": (Tree.of(("000", [entry("000000.jsonl", ONE, b"120000")])), "tree_mode"),
    "a gitlink": (Tree.of(("000", [entry("000000.jsonl", ONE, b"160000"), *GOOD[1:]])), "tree_mode"),
    "an executable": (Tree.of(("000", [entry("000000.jsonl", ONE, b"100755")])), "tree_mode"),
    "a file others may write": (Tree.of(("000", [entry("000000.jsonl", ONE, b"100664")])), "tree_mode"),
    "a folder with a leading zero in its mode": (
        Tree([ONE, DEEP, *rooted_on(entry("000", DEEP, b"040000"))]), "tree_mode",
    ),
    "a folder in the place of a segment": (
        Tree([DEEP, *Tree.of(("000", [entry("000000.jsonl", DEEP)])).objects]), "tree_name",
    ),
    "a segment in the place of a folder": (Tree([ONE, *rooted_on(entry("000", ONE))]), "missing_object"),
    "a name that climbs": (Tree.of(("000", [entry("..", ONE)])), "tree_name"),
    "a folder that climbs": (Tree.of(("..", GOOD)), "tree_name"),
    "a name of git's": (Tree.of(("000", [entry(".git", ONE), *GOOD])), "tree_name"),
    "a file of modules": (Tree.of(("000", [*GOOD, entry(".gitmodules", ONE)])), "tree_name"),
    "another ending": (Tree.of(("000", [entry("000000.JSONL", ONE)])), "tree_name"),
    "digits of another script": (Tree.of(("000", [entry("00000٣.jsonl", ONE)])), "tree_name"),
    "one folder too many": (Tree.of(("000", GOOD), ("001", [])), "tree_name"),
    "the wrong folder": (Tree.of(("001", GOOD)), "tree_name"),
    "a gap": (Tree.of(("000", [GOOD[0], GOOD[2]])), "tree_name"),
    "a file twice": (Tree.of(("000", [GOOD[0], GOOD[0]])), "tree_name"),
    "out of order": (Tree.of(("000", [GOOD[1], GOOD[0]])), "tree_name"),
    "a log without its beginning": (Tree.of(("000", GOOD[1:])), "tree_name"),
    "an empty folder": (Tree.of(("000", [])), "tree_name"),
    "an empty tree": (Tree([folder(), over()]), "tree_format"),
    "a closed segment of 63 lines": (Tree.file(b"".join(EVES.raw[:63]), b"".join(EVES.raw[63:])), "segment_format"),
    "a segment of 65 lines": (Tree.file(b"".join(EVES.raw[:65])), "segment_format"),
    "an empty segment": (Tree.file(b""), "segment_format"),
    "a last line without end": (Tree.file(FILES[0][:-1]), "segment_format"),
    "a carriage return": (Tree.file(FILES[0].replace(b"\n", b"\r\n")), "segment_format"),
    "an empty line": (Tree.file(b"\n" + EVES.raw[0]), "line_format"),
    "a line that never ends": (Tree.file(b"x" * (limits.LINE + 1) + b"\n"), "line_too_long"),
    "a file in place of a commit": (Tree([ONE]), "missing_object"),
    "a tree in place of a commit": (Tree([ONE, folder(GOOD[0])]), "missing_object"),
}  # fmt: skip


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Ledger]:
    made = git_ledger(GENESIS, tmp_path / "node")
    yield made
    made.close()


def bad_relay(tmp_path: Path, objects: Sequence[GitObject], kind: str, name: str) -> Path:
    """A relay that holds Bob's log as it should be, and under one reference of Eve's whatever is given."""
    path = relay(tmp_path)
    publish_keys(path, COMMONS, BOB, EVE)
    publish(path, COMMONS, HONEST.lines)
    put(path, objects, {f"{PREFIX}/{kind}/{name[:2]}/{name}": objects[-1].id})
    return path


def holds(ledger: Ledger, objects: Sequence[GitObject]) -> list[str]:
    repository = store_of(ledger).repository
    return [f"{obj.kind} {obj.id}" for obj in objects if obj.id in repository]


@pytest.mark.parametrize(("tree", "reason"), TREES.values(), ids=TREES.keys())
def test_a_bad_tree_is_refused_and_nothing_of_it_is_stored(
    node: Ledger, tmp_path: Path, tree: Tree, reason: str
) -> None:
    log = EVE.log(COMMONS)
    path = bad_relay(tmp_path, tree.objects, "log", log)
    done = syncer(node, path).sync()
    assert done.report.of("log", log) == Outcome("log", log, report.INVALID, reason)
    assert node.store.logs() == [HONEST.log]
    assert node.store.lines(HONEST.log) == HONEST.raw
    assert holds(node, tree.objects) == []
    assert [name for name in done.pushed if "/log/" in name] == []


def test_the_same_tree_done_well_is_taken(node: Ledger, tmp_path: Path) -> None:
    log = EVE.log(COMMONS)
    syncer(node, bad_relay(tmp_path, Tree.of(("000", GOOD)).objects, "log", log)).sync()
    assert node.store.lines(log) == EVES.raw


def test_a_log_is_taken_up_to_the_segment_that_is_bad(node: Ledger, tmp_path: Path) -> None:
    log = EVE.log(COMMONS)
    done = syncer(node, bad_relay(tmp_path, Tree.file(FILES[0], FILES[1], b"junk\n").objects, "log", log)).sync()
    assert done.report.of("log", log) == Outcome("log", log, report.INVALID, "line_format", 128)
    assert node.store.lines(log) == EVES.raw[:128]


ODD_ITEMS: tuple[Any, ...] = ("a\0b", "a\nb", "\u202e", ["x"], {"x": 1}, 7, True, "A" * 64, "a" * 64)


def test_odd_payloads_of_unknown_types_make_no_odd_commits(node: Ledger, tmp_path: Path) -> None:
    chain = eve()
    for item in ODD_ITEMS:
        chain.add("later.thing", {"item": item})
    path = bad_relay(tmp_path, Tree.file(b"".join(chain.raw)).objects, "log", chain.log)
    syncer(node, path).sync()
    assert node.store.lines(chain.log) == chain.raw
    repository = store_of(node).repository.path
    assert git(repository, "fsck", "--strict", "--no-dangling") == b""
    message = git(repository, "log", "-1", "--format=%B", store_of(node).log_ref(chain.log)).decode()
    entries = [line.rsplit(" ", 1)[1] for line in message.splitlines()[4:] if line]
    assert entries == ["-"] * (len(ODD_ITEMS) - 1) + ["a" * 12]


WORDY = with_body(prose(text="words"))
WORDS = gitobject.make(BLOB, prose(text="words"))
WRONG_WORDS = gitobject.make(BLOB, prose(text="wordz"))
BODY_TREES: dict[str, tuple[Tree, str]] = {
    "a symlink": (Tree.of(("000000", [entry("2.json", WORDS, b"120000")])), "tree_mode"),
    "another folder": (Tree.of(("000001", [entry("2.json", WORDS)])), "tree_name"),
    "a name with a zero before it": (Tree.of(("000000", [entry("02.json", WORDS)])), "tree_name"),
    "a name that climbs": (Tree.of(("000000", [entry("..", WORDS)])), "tree_name"),
    "a folder in the place of a body": (
        Tree([DEEP, *Tree.of(("000000", [entry("2.json", DEEP)])).objects]), "tree_name",
    ),
    "a file in the place of a folder": (Tree(rooted_on(entry("000000", WORDS))), "missing_object"),
    "a file in place of a commit": (Tree([]), "missing_object"),
}  # fmt: skip


@pytest.mark.parametrize(("tree", "reason"), BODY_TREES.values(), ids=BODY_TREES.keys())
def test_a_bad_tree_of_bodies_is_refused_and_the_log_stands(
    node: Ledger, tmp_path: Path, tree: Tree, reason: str
) -> None:
    path = bad_relay(tmp_path, [WORDS, *tree.objects], "body", WORDY.log)
    publish(path, COMMONS, WORDY.lines)
    done = syncer(node, path).sync()
    assert done.report.of("body", WORDY.log) == Outcome("body", WORDY.log, report.INVALID, reason)
    assert node.store.lines(WORDY.log) == WORDY.raw
    assert holds(node, [WORDS]) == []


def test_words_that_do_not_fit_are_not_stored(node: Ledger, tmp_path: Path) -> None:
    tree = Tree.of(("000000", [entry("2.json", WRONG_WORDS)]))
    path = bad_relay(tmp_path, [WRONG_WORDS, *tree.objects], "body", WORDY.log)
    publish(path, COMMONS, WORDY.lines)
    done = syncer(node, path).sync()
    outcome = done.report.of("body", WORDY.lines[2].id)
    assert outcome is not None
    assert outcome.reason == "body_hash"
    assert holds(node, [WRONG_WORDS]) == []


FORKED = EVES.fork(1)
FORKED.add("bead.comment", {"bead": OP})
BRANCH = gitobject.make(BLOB, FORKED.raw[1])
FORK_TREES: dict[str, tuple[Tree, str]] = {
    "a symlink": (Tree.of(("000", [entry("000000.jsonl", BRANCH, b"120000")])), "tree_mode"),
    "a name that climbs": (Tree.of(("..", [entry("000000.jsonl", BRANCH)])), "tree_name"),
    "no operation": (Tree.file(b"junk\n"), "line_format"),
    "an empty tree": (Tree([folder(), over()]), "tree_format"),
}


@pytest.mark.parametrize(("tree", "reason"), FORK_TREES.values(), ids=FORK_TREES.keys())
def test_a_bad_branch_proves_nothing(node: Ledger, tmp_path: Path, tree: Tree, reason: str) -> None:
    log = EVE.log(COMMONS)
    path = bad_relay(tmp_path, Tree.of(("000", GOOD)).objects, "log", log)
    put(path, [BRANCH, *tree.objects], {f"{PREFIX}/fork/{log[:2]}/{log}/{'a' * 32}": tree.objects[-1].id})
    done = syncer(node, path).sync()
    assert done.report.of("fork", log) == Outcome("fork", log, report.INVALID, reason)
    assert node.store.lines(log) == EVES.raw
    assert node.store.branches(log) == []


@pytest.mark.parametrize("files", [{}, {"other": b"x"}, {"keys.jsonl": b""}, {"keys.jsonl": b"junk\n"}], ids=str)
def test_a_bad_key_log_reference_is_refused(node: Ledger, tmp_path: Path, files: Mapping[str, bytes]) -> None:
    path = bad_relay(tmp_path, Tree.of(("000", GOOD)).objects, "log", EVE.log(COMMONS))
    name = ids.actor_ref(EVE.actor)
    put_files(path, f"{PREFIX}/id/{name}", files)
    done = syncer(node, path).sync()
    outcome = done.report.of("keys", name)
    assert outcome is not None
    assert outcome.status == report.INVALID
    assert set(node.store.key_logs()) == {BOB.actor}
    assert node.store.logs() == [HONEST.log]


# -- what a pack leaves out, or has too much of --------------------------------------------------------------------


@dataclass
class Objects:
    """Finds objects, and counts how often it is asked."""

    by_id: dict[str, GitObject]
    asked: int = 0

    def __call__(self, object_id: str) -> tuple[str, bytes] | None:
        self.asked += 1
        found = self.by_id.get(object_id)
        return (found.kind, found.data) if found else None


def offered(objects: Sequence[GitObject], ref: str, target: str) -> tuple[Offer, Objects]:
    find = Objects({obj.id: obj for obj in objects})
    honest, head = segment.append(segment.EMPTY, HONEST.lines)
    find.by_id |= {obj.id: obj for obj in honest}
    refs = {ref: target, f"{PREFIX}/log/{HONEST.log[:2]}/{HONEST.log}": head}
    return Offer(f"{PREFIX}/", refs, find, {}), find


def log_ref(log: str, kind: str = "log") -> str:
    return f"{PREFIX}/{kind}/{log[:2]}/{log}"


@pytest.fixture
def knowing(ledger: Ledger) -> Ledger:
    """A ledger that knows everybody's keys."""
    ledger.ingest(Said(keys=keys_of(BOB, EVE)))
    return ledger


@pytest.mark.parametrize("kind", [BLOB, TREE, COMMIT])
def test_missing_objects_make_a_log_invalid_and_no_other(knowing: Ledger, kind: str) -> None:
    objects = Tree.of(("000", GOOD)).objects
    left = [obj for obj in objects if obj.kind != kind]
    offer, _ = offered(left, log_ref(EVES.log), objects[-1].id)
    done = knowing.ingest(offer)
    assert done.of("log", EVES.log) == Outcome("log", EVES.log, report.INVALID, "missing_object")
    assert knowing.store.logs() == [HONEST.log]


BROKEN_OBJECTS = {
    "a commit without a tree": [gitobject.make(COMMIT, b"parent " + b"0" * 40 + b"\n\nx")],
    "an empty commit": [gitobject.make(COMMIT, b"")],
    "a tree cut short": [
        tree := gitobject.make(TREE, folder(GOOD[0]).data[:-1]), gitobject.commit(tree.id, (), "x", 0, "x"),
    ],
    "a tree of noise": [
        noise := gitobject.make(TREE, b"\xff" * 100), gitobject.commit(noise.id, (), "x", 0, "x"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("objects", BROKEN_OBJECTS.values(), ids=BROKEN_OBJECTS.keys())
def test_broken_objects_make_a_log_invalid_and_no_other(knowing: Ledger, objects: Sequence[GitObject]) -> None:
    offer, _ = offered(objects, log_ref(EVES.log), objects[-1].id)
    outcome = knowing.ingest(offer).of("log", EVES.log)
    assert outcome is not None
    assert (outcome.status, outcome.taken) == (report.INVALID, 0)
    assert knowing.store.logs() == [HONEST.log]


def rooted(*inner: tuple[str, GitObject]) -> list[GitObject]:
    """Folders, the tree that names them, and its commit."""
    entries = [entry(name, tree) for name, tree in inner]
    return [*(tree for _, tree in inner), folder(*entries), over(*entries)]


def segments_of(blob: GitObject, first: int) -> GitObject:
    return folder(*(entry(f"{n:06d}.jsonl", blob) for n in range(first, first + 256)))


SAME_SEGMENTS = folder(*(entry(f"{n:06d}.jsonl", ONE) for n in range(1000)))
SAME_BODIES = folder(*(entry(f"{n}.json", ONE) for n in range(1000)))
# A few objects that stand for a million: what is named again and again must be read once, or not at all.
REPEATED = {
    "log": (log_ref(EVES.log), rooted(*((f"{n:03d}", segments_of(ONE, 256 * n)) for n in range(100)))),
    "fork": (
        f"{log_ref(EVES.log, 'fork')}/{'a' * 32}", rooted(*((f"{n:03d}", SAME_SEGMENTS) for n in range(1000)))
    ),
    "body": (log_ref(EVES.log, "body"), rooted(*((f"{n:06d}", SAME_BODIES) for n in range(1000)))),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "ref", "objects"), [(kind, *case) for kind, case in REPEATED.items()], ids=REPEATED)
def test_a_tree_that_names_the_same_again_and_again_is_not_walked(
    knowing: Ledger, kind: str, ref: str, objects: Sequence[GitObject]
) -> None:
    knowing.ingest(Said(chains={EVES.log: EVES.raw[:1]}))
    offer, find = offered([ONE, *objects], ref, objects[-1].id)
    outcome = knowing.ingest(offer).of(kind, EVES.log)
    assert outcome is not None
    assert outcome.status == report.INVALID
    assert find.asked < 300
    assert knowing.store.lines(HONEST.log) == HONEST.raw


# -- whole relays --------------------------------------------------------------------------------------------------


def test_a_log_with_an_object_too_large_does_not_keep_the_others_out(node: Ledger, tmp_path: Path) -> None:
    log = EVE.log(COMMONS)
    path = relay(tmp_path)
    huge = git(path, "hash-object", "-w", "--stdin", stdin=bytes(3 * limits.OBJECT)).decode().strip()
    bomb = Tree.of(("000", [TreeEntry("000000.jsonl", FILE_MODE, huge)]))
    publish_keys(path, COMMONS, ALICE, BOB, EVE)
    publish(path, COMMONS, HONEST.lines)
    put(path, bomb.objects, {log_ref(log): bomb.objects[-1].id})
    done = syncer(node, path).sync()
    assert done.report.of("log", log) == Outcome("log", log, report.HELD, "limit")
    assert node.store.lines(HONEST.log) == HONEST.raw
    assert holds(node, [GitObject(huge, BLOB, b"")]) == []
    assert set(node.store.key_logs()) == {ALICE.actor, BOB.actor, EVE.actor}


def test_a_log_that_is_broken_over_there_does_not_keep_the_others_out(node: Ledger, tmp_path: Path) -> None:
    tree = Tree.of(("000", GOOD))
    path = bad_relay(tmp_path, [obj for obj in tree.objects if obj is not TWO], "log", EVES.log)
    done = syncer(node, path).sync()
    assert done.report.of("log", EVES.log) == Outcome("log", EVES.log, report.HELD, "peer")
    assert node.store.lines(HONEST.log) == HONEST.raw


ODD_NAMES = (
    "refs/heads/main", "refs/tags/v1", "refs/replace/{op}", "refs/wl/-x", "refs/wl/{commons}/log/aa/bb", "refs/notes/x",
    "refs/wl/{commons}/log/zz/{log}", "refs/wl/{commons}/LOG/{shard}/{log}", "refs/wl/{commons}/genesis/x",
    "refs/wl/{commons}/log/{shard}/{log}/deeper", "refs/wl/{other}/log/{shard}/{log}x", "refs/wl/{commons}/head",
)  # fmt: skip


def many_refs(path: Path, count: int, target: str) -> None:
    names = [f"refs/odd/{n:06d}" for n in range(count)]
    lines = [f"{target} {name}" for name in sorted(names)]
    (path / "packed-refs").write_text("# pack-refs with: peeled fully-peeled sorted \n" + "\n".join(lines) + "\n")


def test_odd_references_are_passed_over(node: Ledger, tmp_path: Path) -> None:
    path = bad_relay(tmp_path, [ONE, *rooted_on(entry("x", ONE))], "log", EVE.log(COMMONS))
    target = remote_refs(path)[log_ref(HONEST.log)]
    for n, name in enumerate(ODD_NAMES):
        log = encoding.base32_lower(sha256(b"%d" % n).digest())[:32]
        put(path, [], {name.format(op="0" * 40, commons=COMMONS, other=OTHER_COMMONS, log=log, shard=log[:2]): target})
    done = syncer(node, path).sync()
    assert node.store.logs() == [HONEST.log]
    assert {outcome.id for outcome in done.report.outcomes if outcome.what == "log"} <= {HONEST.log, EVE.log(COMMONS)}


def test_forty_thousand_references_of_others_are_borne(node: Ledger, tmp_path: Path) -> None:
    path = bad_relay(tmp_path, Tree.of(("000", GOOD)).objects, "log", EVE.log(COMMONS))
    many_refs(path, 40_000, remote_refs(path)[log_ref(HONEST.log)])
    syncer(node, path).sync(push=False)
    assert node.store.logs() == sorted([HONEST.log, EVE.log(COMMONS)])


def test_a_hundred_thousand_references_are_refused(node: Ledger, tmp_path: Path) -> None:
    write(node, ALICE, create("mine"))
    before = node.index.state_hash()
    path = bad_relay(tmp_path, Tree.of(("000", GOOD)).objects, "log", EVE.log(COMMONS))
    many_refs(path, 100_000, remote_refs(path)[log_ref(HONEST.log)])
    with pytest.raises(LimitExceeded):
        syncer(node, path).sync()
    assert node.index.state_hash() == before


def test_a_private_ledger_beside_a_public_one_is_neither_taken_nor_given(tmp_path: Path) -> None:
    path = relay(tmp_path)
    private_raw = found(ALICE, private=True)
    public, private = git_ledger(GENESIS, tmp_path / "public"), git_ledger(private_raw, tmp_path / "private")
    write(public, ALICE, create("for all"))
    write(private, ALICE, create("for me"))
    syncer(private, path).sync()
    hidden = remote_refs(path)
    other = git_ledger(GENESIS, tmp_path / "other")
    for each in (public, other):
        syncer(each, path).sync()
    assert {name: target for name, target in remote_refs(path).items() if private.commons in name} == hidden
    for each in (public, other):
        assert not any(private.commons in name for name in store_of(each).repository.refs("refs/"))
        # The key log is the same in both.
        secret = [GitObject(target, COMMIT, b"") for name, target in hidden.items() if "/id/" not in name]
        assert holds(each, secret) == []
    assert other.index.state_hash() == public.index.state_hash()
    for each in (public, private, other):
        each.close()


def test_a_relay_that_is_no_repository_is_a_remote_error(node: Ledger, tmp_path: Path) -> None:
    with pytest.raises(RemoteError):
        syncer(node, tmp_path).sync()


BAD_GENESES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "65 delegates": lambda g: g | {"delegates": [f"d{n:02d}" for n in range(65)], "threshold": 33},
    "no delegates": lambda g: g | {"delegates": [], "threshold": 0},
    "half of the delegates": lambda g: g | {"delegates": ["a", "b"], "threshold": 1},
    "delegates out of order": lambda g: g | {"delegates": ["b", "a"], "threshold": 2},
    "a later version": lambda g: g | {"v": 2},
    "an unknown member": lambda g: g | {"x": 1},
    "a name of two lines": lambda g: g | {"name": "a\nb"},
    "no name": lambda g: g | {"name": ""},
    "an unknown admission": lambda g: g | {"admission": "money"},
    "a parent without its cut": lambda g: g | {"parent": {"commons": OTHER_COMMONS}},
}


@pytest.mark.parametrize("change", BAD_GENESES.values(), ids=BAD_GENESES.keys())
def test_a_genesis_that_breaks_the_protocol_founds_nothing(change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    good = canon.parse(GENESIS)
    assert isinstance(good, dict)
    with pytest.raises(InvalidGenesis):
        genesis.parse(canon.encode(change(dict(good))))


def test_64_delegates_are_the_most() -> None:
    names = tuple(f"d{n:02d}" for n in range(64))
    made = genesis.build(name="many", salt="A" * 22, created=1, delegates=names)
    assert len(genesis.parse(made).delegates) == 64
