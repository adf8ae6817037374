"""Whatever bytes come, a parser gives a value or its own named error, and the fold of it is a state."""

import copy
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from beads import genesis, gitobject, ids, op, segment
from beads.body import matches, refer
from beads.errors import InvalidGenesis, InvalidLine
from beads.fold import fold
from beads.op import Op, UnknownVersion
from beads.verify import START, Verifier
from stamps import canon, envelope, keylog
from stamps.errors import CanonError, KeyLogError
from tests.world import EPOCH_MS, TERMS, Chain, Said, actor, found, keys_of, memory_ledger, prose, second
from wanted.ops.post import terms_payload
from wanted.ops.table import BOARD

ALICE, BOB = actor("alice"), actor("bob")
GENESIS = found(ALICE, validators="any")
COMMONS = ids.commons_id(GENESIS)
OP = "a" * 64


def opened() -> Chain:
    chain = Chain(ALICE, COMMONS)
    chain.open()
    chain.add("wanted.post", terms_payload(TERMS) | {"home": None, "prose": []})
    return chain


START_OF_LOG = opened()
ITEM = START_OF_LOG.lines[-1].id
HOME = {"item": ITEM, "epoch": 0}
CHECK = {"command": "make test", "repo": None, "timeout": 600}
SAMPLES: dict[str, dict[str, Any]] = {
    "open": {"actor": ALICE.actor, "key": ALICE.signer.public.did},
    "join": {"admit": OP},
    "admit": {"actor": BOB.actor},
    "profile": {"handle": "a", "links": ["https://example.org"]},
    "erase": {"op": ITEM},
    "checkpoint": {"heads": [[START_OF_LOG.log, 0, OP]], "keys": [[ALICE.actor, 1]]},
    "charter": {"prev": None, "change": {"kind": "ban", "actor": BOB.actor, "cuts": [[START_OF_LOG.log, 0, OP]]}},
    "charter.sign": {"charter": OP},
    "bead.create": {
        "type": "task", "fields": [["a", 1], ["b", "x"]], "prose": ["title"], "labels": ["a"],
        "links": [["blocks", OP, ""]], "origin": ["bd-1", 1], "at": 1,
    },
    "bead.set": {"bead": ITEM, "fields": [["a", None]], "prose": [], "seen": [OP], "at": 1},
    "bead.label": {"bead": ITEM, "add": ["a"], "remove": [["b", [OP]]]},
    "bead.link": {"bead": ITEM, "add": [["blocks", OP, ""]], "remove": [["blocks", OP, "", [OP]]]},
    "bead.comment": {"bead": ITEM, "at": 1},
    "bead.claim": {"bead": ITEM, "who": "a", "until": 1},
    "bead.release": {"bead": ITEM, "fence": 1},
    "wanted.post": terms_payload(TERMS) | {"home": None, "prose": ["title"], "checks": [CHECK]},
    "wanted.edit": terms_payload(TERMS) | HOME | {"prose": []},
    "wanted.claim": {"item": ITEM},
    "wanted.release": {"item": ITEM},
    "wanted.submit": {"item": ITEM, "evidence": [{"kind": "url", "n": 1, "ok": True}], "prose": []},
    "wanted.grant": HOME | {"claim": OP, "actor": BOB.actor, "until": 1},
    "wanted.revoke": HOME | {"reason": "expired"},
    "wanted.accept": HOME | {"submission": OP, "actor": BOB.actor},
    "wanted.reject": HOME | {"submission": OP, "actor": BOB.actor, "final": True},
    "wanted.close": HOME,
    "wanted.withdraw": HOME,
    "wanted.handover": HOME | {"to": START_OF_LOG.log},
    "stamp": {
        "subject": BOB.actor, "item": ITEM, "submission": OP, "accept": OP, "title": "x", "dims": [["quality", 1]],
        "confidence": 1, "severity": "leaf", "skills": ["a"], "vc": "A" * 86,
        "checks": [{"command": "make test", "commit": "a" * 40, "exit": 0, "seconds": 1, "output": OP}],
    },
    "stamp.withdraw": {"item": ITEM, "stamp": OP, "prose": ["reason"]},
    "stamp.dispute": {"item": ITEM, "stamp": OP, "prose": ["reason"]},
    "stamp.answer": {"item": ITEM, "dispute": OP, "prose": ["reason"]},
    "trust": {"actor": BOB.actor, "weight": 1},
    "actor.link": {"actor": BOB.actor},
    "legacy": {
        "source": "hop/wl-commons", "kind": "stamp", "id": "s-1", "client": "gt", "fields": [["author", "a"]],
        "prose": ["message"],
    },
}  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**53 - 1, -(2**53) + 1, "", "a", "\0", "\n", "ü", "\u202e", "x" * 3000, "A" * 86,
    OP, ITEM, ALICE.actor, [], {}, [[]], [None], [OP], [OP, OP], ["a", 1], {"a": 1}, [["a", 1], ["a", 2]], EPOCH_MS,
)  # fmt: skip


def test_there_is_a_sample_of_every_type() -> None:
    assert SAMPLES.keys() == BOARD.types.keys()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to everything inside a value."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*path, key)
            yield from places(value[key], (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    made = copy.deepcopy(value)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return made


@pytest.mark.parametrize("t", sorted(SAMPLES))
def test_every_member_may_be_anything_at_all(t: str) -> None:
    """Each place of each sample, each odd value: read, or refused by name."""
    chain = opened()
    for path in [(), *places(SAMPLES[t])]:
        for odd in ODD:
            payload = changed(SAMPLES[t], path, odd) if path else odd
            header = chain.header(t, {}) | {"p": payload}
            with suppress(CanonError, InvalidLine):
                BOARD.read(op.read_header(canon.encode(header), bytes(64)))


@given(st.data())
@settings(max_examples=400)
def test_no_payload_breaks_the_verifier_the_index_or_the_fold(data: st.DataObject) -> None:
    t = data.draw(st.sampled_from(sorted(SAMPLES)))
    payload: Any = SAMPLES[t]
    for _ in range(data.draw(st.integers(0, 3))):
        path = data.draw(st.sampled_from(list(places(payload)) or [("x",)]))
        payload = changed(payload, path, data.draw(st.sampled_from(ODD)))
    chain = opened()
    try:
        header = canon.encode(chain.header(t, payload))
    except CanonError:
        # Nested too deep to be written at all.
        reject()
    line = envelope.seal(header, ALICE.signer)
    ledger = memory_ledger(GENESIS)
    keys = {ALICE.actor: ALICE.key_log}
    ledger.ingest(Said(keys=keys_of(ALICE), chains={chain.log: [*chain.raw, line]}))
    ops = Verifier(COMMONS, False, BOARD, keys.get, 1 << 48).read(chain.log, [*chain.raw, line], START).ops
    pure = fold(ops, COMMONS, genesis.parse(GENESIS), BOARD, keys.get)
    assert ledger.index.state_hash() == pure.state_hash()
    ledger.close()


@given(st.data())
@settings(max_examples=300)
def test_no_header_is_anything_but_read_or_refused(data: st.DataObject) -> None:
    header: Any = opened().header("wanted.claim", SAMPLES["wanted.claim"]) | {"by": "x", "body": {"h": OP, "n": 1}}
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(places(header))))
        header = changed(header, path, data.draw(st.sampled_from(ODD)))
    line = read_or(lambda: op.parse(envelope.seal(canon.encode(header), ALICE.signer)), InvalidLine, UnknownVersion)
    if line is not None:
        assert op.recall(line.raw) == line
        one = read_or(lambda: BOARD.read(line), InvalidLine)
        assert one is None or isinstance(one, Op)


def read_or(read: Callable[[], Any], *errors: type[Exception]) -> Any:
    try:
        return read()
    except errors:
        return None


HONEST: dict[str, tuple[bytes, Callable[[bytes], Any], tuple[type[Exception], ...]]] = {
    "a line": (START_OF_LOG.raw[1], op.parse, (InvalidLine, UnknownVersion)),
    "a genesis": (GENESIS, genesis.parse, (InvalidGenesis,)),
    "a key log": (second("alice").key_log.raw, keylog.verify, (KeyLogError,)),
    "a tree": (segment.append(segment.EMPTY, START_OF_LOG.lines)[0][1].data, gitobject.read_tree, (InvalidLine,)),
    "a commit": (segment.append(segment.EMPTY, START_OF_LOG.lines)[0][3].data, gitobject.read_commit, (InvalidLine,)),
    "a segment": (b"".join(START_OF_LOG.raw), segment.split, (InvalidLine,)),
    "canonical JSON": (GENESIS, canon.parse, (CanonError,)),
    "a body": (prose(text="x"), lambda raw: matches(raw, refer(raw)), ()),
}


@pytest.mark.parametrize(("honest", "read", "errors"), HONEST.values(), ids=HONEST.keys())
def test_bytes_changed_anywhere_give_a_value_or_the_parser_s_own_error(
    honest: bytes, read: Callable[[bytes], Any], errors: tuple[type[Exception], ...]
) -> None:
    assert read(honest) is not None

    @given(st.data())
    @settings(max_examples=150)
    def look(data: st.DataObject) -> None:
        raw = bytearray(honest)
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(raw)))
            raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        read_or(lambda: read(bytes(raw)), *errors)

    look()


@pytest.mark.parametrize(("read", "errors"), [case[1:] for case in HONEST.values()], ids=HONEST.keys())
def test_any_bytes_give_a_value_or_the_parser_s_own_error(
    read: Callable[[bytes], Any], errors: tuple[type[Exception], ...]
) -> None:
    @given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
    def look(raw: bytes) -> None:
        read_or(lambda: read(raw), *errors)

    look()


DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(("read", "errors"), [case[1:] for case in HONEST.values()], ids=HONEST.keys())
def test_deep_nesting_is_refused_not_followed(
    read: Callable[[bytes], Any], errors: tuple[type[Exception], ...]
) -> None:
    for raw in (DEEP, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b"A" * 86 + b" " + DEEP[:16_000] + b"\n"):
        read_or(lambda raw=raw: read(raw), *errors)  # type: ignore[misc]
