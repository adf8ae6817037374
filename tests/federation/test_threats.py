"""The table of threats (docs/threats.md) names tests that exist; and those of them that had no better place."""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from nacl import bindings

from beads import ids, op, report
from beads.errors import LimitExceeded
from beads.files import git_environment
from beads.ledger import Draft
from beads.pack import USUAL, Pack
from stamps import envelope
from stamps.keys import SigningKey
from tests.counting import steps
from tests.federation.net import ALICE, BOB, CAROL, DAVE, EVE, Net
from tests.wanted.test_stamps import give, worked
from tests.world import Chain, Said, found, git, keys_of, memory_ledger, relay, seed, write

ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+) \|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_DECISION = re.compile(r"\]\((adr/\d{4}-[\w-]+\.md)\)")


# -- the page ------------------------------------------------------------------------------------------------------


def rows() -> list[tuple[str, str]]:
    """Each row's number and what shows it."""
    page = (ROOT / "docs" / "threats.md").read_text()
    return [(match[1], match[4]) for match in _ROW.finditer(page)]


@cache
def defined_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def missing(shown: str) -> list[str]:
    """What a row names and there is not."""
    gone = [name for path, name in _TEST.findall(shown) if not is_test(path, name)]
    return gone + [page for page in _DECISION.findall(shown) if not (ROOT / "docs" / page).is_file()]


def is_test(path: str, name: str) -> bool:
    collected = Path(path).name.startswith("test_") and name.startswith("test_")
    return collected and (ROOT / path).is_file() and name in defined_in(path)


def test_every_attack_has_a_row() -> None:
    assert [number for number, _ in rows()] == [str(n) for n in range(1, 32)]


@pytest.mark.parametrize(("number", "shown"), rows(), ids=[f"row {number}" for number, _ in rows()])
def test_every_row_names_what_shows_it_and_that_exists(number: str, shown: str) -> None:
    assert _TEST.search(shown) or _DECISION.search(shown), f"row {number} names no test and no decision"
    assert missing(shown) == []


def test_a_test_that_is_not_there_is_noticed() -> None:
    here = "tests/federation/test_threats.py"
    assert missing(f"`{here}::test_there_is_none`") == ["test_there_is_none"]
    assert missing(f"`{here}::missing`") == ["missing"], "a function that nobody collects is no test"
    assert missing("`tests/test_nowhere.py::test_x`") == ["test_x"]
    assert missing("[0099](adr/0099-nothing.md)") == ["adr/0099-nothing.md"]


# -- 11, 13: those who govern and decide ---------------------------------------------------------------------------


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net(found(ALICE, CAROL, DAVE))
    yield made
    made.close()


def test_a_home_that_tells_two_workers_two_things_is_found_out_when_they_meet(net: Net) -> None:
    """Alice grants one item twice, at one position of her log, and shows each worker the grant that it likes."""
    item = net.post("home")
    net.meet("home", "bob", "eve")
    claims = {"bob": net.claim("bob", BOB, item), "eve": net.claim("eve", EVE, item)}
    net.meet("home", "bob", "eve")
    other = Net(net.raw)
    other.node("home").ingest(_everything(net, "home"))
    grants = [net.grant("home", ALICE, item, claims["bob"]), other.grant("home", ALICE, item, claims["eve"])]
    net.tell("home", "bob")
    net.node("eve").ingest(_everything(other, "home"))
    assert [_holder(net, name, item) for name in ("bob", "eve")] == [BOB.actor, EVE.actor]
    net.meet("bob", "eve")
    for name in ("bob", "eve"):
        assert _holder(net, name, item) is None
        branches = net.node(name).branches(ALICE.log(net.commons))
        assert sorted(branch[0].id for branch in branches) == sorted(grant.id for grant in grants)
    for name, delegate in (("carol", CAROL), ("dave", DAVE)):
        net.node(name).ingest(_everything(other, "home"))
        net.checkpoint(name, delegate)
    net.agree()
    assert {_holder(net, name, item) for name in net.nodes} == {EVE.actor}, "delegates saw hers first"
    other.close()


def _everything(net: Net, name: str) -> Said:
    store = net.node(name).store
    chains = {log: store.lines(log) for log in store.logs()}
    return Said(keys={ids.actor_ref(who): raw for who, raw in store.key_logs().items()}, chains=chains)


def _holder(net: Net, name: str, item: str) -> str | None:
    holder = net.item(name, item).holder
    return holder.actor if holder is not None else None


def test_a_delegate_that_agrees_many_times_is_one(net: Net) -> None:
    charter = net.propose("home", CAROL, {"kind": "policy", "admission": "invite"})
    for _ in range(3):
        net.sign("home", CAROL, charter)
    net.tell("home", "third")
    assert net.node("third").index.context.governance.now.admission == "open"
    net.sign("third", DAVE, charter)
    assert net.node("third").index.context.governance.now.admission == "invite"


# -- 15, 18: objects and references --------------------------------------------------------------------------------


class Counting:
    """Bytes that count how many of them are read."""

    def __init__(self, raw: bytes) -> None:
        self._raw = memoryview(raw)
        self.read = 0

    def __getitem__(self, wanted: Any) -> Any:
        found = self._raw[wanted]
        self.read += len(found) if isinstance(found, memoryview) else 1
        return found


def test_a_pack_of_a_hundred_thousand_trees_is_refused_by_its_first_bytes() -> None:
    empty_tree = bytes.fromhex("20") + b"\x78\x9c\x03\x00\x00\x00\x00\x01"
    raw = Counting(b"PACK" + (2).to_bytes(4, "big") + (100_000).to_bytes(4, "big") + empty_tree * 100_000)
    with pytest.raises(LimitExceeded, match="100000 objects"):
        Pack(raw, lambda _: None, USUAL)  # type: ignore[arg-type] # it counts what is read
    assert raw.read <= 12


def test_no_object_is_given_out_in_the_place_of_another(tmp_path: Path) -> None:
    path = relay(tmp_path)
    asked, other = (git(path, "hash-object", "-w", "--stdin", stdin=raw).decode().strip() for raw in (b"a", b"b"))
    (path / "refs" / "replace").mkdir(parents=True)
    (path / "refs" / "replace" / asked).write_text(other + "\n")
    command = ["git", f"--git-dir={path}", "cat-file", "blob", asked]
    told = git_environment()
    known = subprocess.run(command, capture_output=True, check=True, env=told).stdout
    fooled = {name: value for name, value in told.items() if name != "GIT_NO_REPLACE_OBJECTS"}
    assert (known, subprocess.run(command, capture_output=True, check=True, env=fooled).stdout) == (b"a", b"b")


# -- 22: signatures ------------------------------------------------------------------------------------------------


def sign_otherwise(key: SigningKey, message: bytes) -> bytes:
    """Another good signature of the same key: RFC 8032 section 5.1.6 with a nonce of our own choice."""
    secret = bindings.crypto_sign_ed25519_sk_to_curve25519(key.seed + key.public.raw)
    nonce = bindings.crypto_core_ed25519_scalar_reduce(b"\x07" * 64)
    point = bindings.crypto_scalarmult_ed25519_base_noclamp(nonce)
    challenge = bindings.crypto_core_ed25519_scalar_reduce(sha512(point + key.public.raw + message))
    scalar = bindings.crypto_core_ed25519_scalar_reduce(secret + bytes(32))
    product = bindings.crypto_core_ed25519_scalar_mul(challenge, scalar)
    return point + bindings.crypto_core_ed25519_scalar_add(nonce, product)


def sha512(raw: bytes) -> bytes:
    return bytes(bindings.crypto_hash_sha512(raw))


def test_a_second_signature_makes_no_second_operation() -> None:
    raw = found(ALICE)
    chain = Chain(BOB, ids.commons_id(raw))
    chain.open()
    header = chain.lines[0].header
    key = SigningKey.from_seed(seed("bob device"))
    assert key.public == BOB.signer.public
    twin = op.read_header(header, sign_otherwise(key, envelope.pae(header)))
    assert twin.raw != chain.lines[0].raw
    assert twin.id == chain.lines[0].id
    ledger = memory_ledger(raw)
    first = ledger.ingest(Said(keys=keys_of(BOB), chains={chain.log: [twin.raw]})).of("log", chain.log)
    second = ledger.ingest(Said(chains={chain.log: chain.raw})).of("log", chain.log)
    assert first is not None
    assert second is not None
    assert (first.status, second.status) == (report.ACCEPTED, report.UNCHANGED)
    assert ledger.store.lines(chain.log) == [twin.raw], "the first seen stays"
    ledger.close()


# -- 25: amounts -- -----------------------------------------------------------------------------------------------


def test_twice_as_many_operations_on_an_item_are_twice_the_work() -> None:
    few, many = (steps(_told(count)) for count in (100, 200))
    assert many < 2.4 * few


def _told(count: int) -> Callable[[], object]:
    """Take up so many comments and claims on one item, and fold it."""
    raw = found(ALICE)
    ledger = memory_ledger(raw)
    home = Chain(ALICE, ledger.commons)
    home.open()
    item = home.add("bead.create", {"type": "task", "fields": [], "prose": []}).id
    chain = Chain(BOB, ledger.commons)
    chain.open()
    for n in range(count):
        chain.add("bead.comment" if n % 2 else "bead.label", _about(item, n))
    ledger.ingest(Said(keys=keys_of(ALICE, BOB), chains={home.log: home.raw}))
    return lambda: ledger.ingest(Said(chains={chain.log: chain.raw}))


def _about(item: str, n: int) -> dict[str, Any]:
    return {"bead": item} if n % 2 else {"bead": item, "add": [f"label {n}"], "remove": []}


def test_lines_that_wait_for_others_are_not_kept() -> None:
    """Labels on a thousand beads that nobody has made: stored with their log, they make no state at all."""
    ledger = memory_ledger(found(ALICE))
    chain = Chain(BOB, ledger.commons)
    chain.open()
    for n in range(300):
        chain.add("bead.label", {"bead": f"{n:064x}", "add": ["x"], "remove": []})
    cut = chain.raw[2:]
    ledger.ingest(Said(keys=keys_of(BOB), chains={chain.log: cut}))
    assert ledger.store.lines(chain.log) == [], "without what comes before them they are not even that"
    ledger.ingest(Said(chains={chain.log: chain.raw}))
    assert ledger.index.state("bead", f"{7:064x}") is None
    assert ledger.index.database.query("SELECT count(*) FROM entities WHERE kind = 'bead'") == [(0,)]
    ledger.close()


# -- 2: one owner --------------------------------------------------------------------------------------------------


def test_two_who_declare_one_owner_do_not_stamp_each_other() -> None:
    """One alone can declare nothing; once both have, it counts for what was given before, too."""
    ledger = memory_ledger(found(ALICE))
    before = give(worked(ledger))
    write(ledger, BOB, Draft("actor.link", {"actor": ALICE.actor}))
    alone = give(worked(ledger))
    write(ledger, ALICE, Draft("actor.link", {"actor": BOB.actor}))
    after = give(worked(ledger))
    assert (before, alone, after) == (None, None, "stamp.self")
    assert sorted(rule for _, rule in ledger.index.ignored()) == ["stamp.self"] * 3
    ledger.close()
