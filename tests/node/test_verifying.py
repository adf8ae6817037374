"""Checking everything again: in one process or in several, with the same result; and what is then said of it."""

import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beads import fold, genesis
from beads.body import build
from beads.clock import FOREVER_MS
from beads.fold import Snapshot
from beads.gitobject import BLOB, FILE_MODE, TREE_MODE, TreeEntry, commit, make, tree
from beads.journal import RefUpdate
from beads.verify import START, Verifier
from node import agreement, condition, verifying, wiring
from node.agreement import Standing
from node.condition import Remark
from node.home import Home
from stamps.keychange import Change, Revoke
from tests.federation.net import ALICE, BOB, CAROL, DAVE, EVE, LAPTOP, Net, extended
from tests.node.machines import looked
from tests.node.support import Person
from tests.world import Chain, Said, actor, create, found, keys_of, write
from wanted.ops.table import BOARD

CROWD = [actor(name) for name in ("alice", "bob", "carol", "dave")]
DAY_MS = 86_400_000


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home that holds four logs."""
    made = Home(tmp_path / "home")
    commons = wiring.found(made, found(CROWD[0]))
    ledger = wiring.open_ledger(made, commons)
    for n, author in enumerate(CROWD):
        write(ledger, author, *(create(f"bead {n} {m}") for m in range(70)))
    ledger.close()
    return made


def only(home: Home) -> str:
    return next(iter(home.commons()))


def damage(home: Home, author_of: int) -> str:
    """Change a letter of a signature where it lies; return the log."""
    commons = only(home)
    log = CROWD[author_of].log(commons)
    store = wiring.open_store(home, commons)
    lines = store.lines(log)
    forged = b"".join([(b"B" if lines[0].startswith(b"A") else b"A") + lines[0][1:], *lines[1:64]])
    repository, ref = store.repository, store.log_ref(log)
    target = repository.ref(ref)
    assert target is not None
    before = repository.commit(target)
    blob = make(BLOB, forged)
    inner = repository.tree(before.tree)["000"].id
    folder = repository.tree(inner).put(TreeEntry("000000.jsonl", FILE_MODE, blob.id)).made()
    root = tree([TreeEntry("000", TREE_MODE, folder.id)])
    head = commit(root.id, before.parents, "x <x@wl.invalid>", 0, before.message)
    with store.lock():
        repository.write([blob, folder, root, head], [RefUpdate(ref, target, head.id)])
    store.close()
    return log


@pytest.mark.parametrize("workers", [1, 2])
def test_everything_that_holds_is_counted_by_however_many(home: Home, workers: int) -> None:
    steps: list[int] = []
    found_ = verifying.verify(home, only(home), lambda step: steps.append(step.operations), workers)
    index = wiring.open_index(home, only(home))
    assert (found_.problems, found_.logs, found_.operations) == ((), 4, 4 * 71)
    assert found_.state_hash == index.state_hash()
    assert steps == [71, 142, 213, 284]
    index.database.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_damaged_log_is_named_and_keeps_no_other_from_being_checked(home: Home, workers: int) -> None:
    log = damage(home, 1)
    found_ = verifying.verify(home, only(home), None, workers)
    assert [(problem.where, problem.what) for problem in found_.problems] == [(f"log {log[:12]} at 0", "signature")]
    assert found_.problems[0].advice
    assert found_.operations == 3 * 71


def test_where_no_process_can_be_started_this_one_does_it_all(home: Home) -> None:
    with patch.object(verifying, "ProcessPoolExecutor", side_effect=OSError("no more processes")):
        assert verifying.verify(home, only(home), None, 4).operations == 4 * 71


@given(st.dictionaries(st.text("abc", min_size=1, max_size=4), st.integers(1, 3 * verifying.SHARE)))
def test_every_log_is_given_to_exactly_one(sizes: dict[str, int]) -> None:
    shares = verifying.shares(sizes)
    assert sorted(log for share in shares for log in share) == sorted(sizes)
    for share in shares:
        assert share
        assert len(share) == 1 or sum(sizes[log] for log in share) <= verifying.SHARE


def test_an_index_that_says_otherwise_is_named(home: Home) -> None:
    index = wiring.open_index(home, only(home))
    index.database.run("UPDATE entities SET state = replace(state, 'bead 0 7', 'bead 0 8'), id = id")
    index.database.run("DELETE FROM entities WHERE id IN (SELECT id FROM entities LIMIT 1)")
    index.database.close()
    (problem,) = verifying.verify(home, only(home)).problems
    assert (problem.where, "--fix" in problem.advice) == ("index", True)


def test_words_that_were_changed_where_they_lie_are_named(home: Home) -> None:
    store, log = wiring.open_store(home, only(home)), CROWD[2].log(only(home))
    ref = store.body_ref(log)
    target = store.repository.ref(ref)
    assert target is not None
    blob = make(BLOB, build({"title": "other words"}, b"s" * 16))
    folder = tree([TreeEntry("7.json", FILE_MODE, blob.id)])
    root = tree([TreeEntry("000000", TREE_MODE, folder.id)])
    head = commit(root.id, (), "x <x@wl.invalid>", 0, "x\n")
    with store.lock():
        store.repository.write([blob, folder, root, head], [RefUpdate(ref, target, head.id)])
    store.close()
    problems = verifying.verify(home, only(home)).problems
    assert [problem.where for problem in problems] == [f"log {log[:12]} at 7"]


# -- the verbs -----------------------------------------------------------------------------------------------------


def contents(home: Path) -> dict[str, str]:
    return {
        str(path.relative_to(home)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("*"))
        if path.is_file()
    }


def test_a_check_writes_nothing_and_ends_with_seven_where_anything_is_wrong(alice: Person) -> None:
    alice.post()
    alice.ok("wl", "browse")
    before = contents(alice.home)
    assert alice.ok("wl", "doctor", "--check", "--offline") == ""
    assert contents(alice.home) == before
    (alice.repository() / "wl-generation").write_text("another")
    assert alice.ok("wl", "doctor", "--check", "--offline") == "", "an index that is behind is no fault"
    (alice.home / "identity" / "device.key").chmod(0o644)
    done = alice.run("wl", "doctor", "--check", "--offline")
    assert done.returncode == 7
    assert done.stdout.splitlines()[0].startswith("BAD  device.key: open to others; chmod 600 ")


def test_mending_builds_the_index_anew_and_clears_what_was_left_half_written(alice: Person) -> None:
    item = alice.post()
    folder = alice.repository().parent
    (folder / "index.sqlite").write_bytes(b"no database")
    old, new = (alice.repository() / "objects" / "17" / f"tmp_obj_{name}" for name in ("old", "new"))
    old.parent.mkdir(exist_ok=True)
    for path in (old, new):
        path.write_bytes(b"half")
    shutil.os.utime(old, (0, 0))  # type: ignore[attr-defined] # the same module
    assert "half-written" in alice.ok("wl", "doctor", "--offline")
    alice.ok("wl", "doctor", "--fix", "--offline")
    assert (old.exists(), new.exists()) == (False, True), "what is new may be somebody's who still writes"
    assert alice.ask("wl", "doctor", "--offline")["ok"]
    assert alice.ask("wl", "show", item)["item"]["id"] == item


def test_a_node_that_holds_the_same_is_asked_what_it_comes_to(alice: Person, bob: Person) -> None:
    alice.post()
    with alice.serving() as url:
        bob.ok("wl", "join", url)
        assert [each["agrees"] for each in bob.ask("wl", "verify")["peers"]] == [True]
        bob.ok("wl", "post", "Not told yet", "--offline")
        assert [each["agrees"] for each in bob.ask("wl", "verify")["peers"]] == [None]
        assert "it holds something else" in bob.ok("wl", "doctor")
    assert [each["agrees"] for each in bob.ask("wl", "verify")["peers"]] == [None], "nobody is at home"


def test_another_state_of_the_same_is_somebody_s_defect() -> None:
    ours = Standing("heads", "state", 2)
    assert agreement.judge("x", ours, ours).agrees is True
    assert agreement.judge("x", ours, Standing("heads", "other", 2)).agrees is False
    assert agreement.judge("x", ours, Standing("else", "other", 2)).agrees is None
    assert agreement.judge("x", ours, Standing("heads", "other", 3)).agrees is None


def test_what_is_told_to_peers_is_what_the_operations_come_to_whatever_words_are_held(home: Home) -> None:
    index, store = wiring.open_index(home, only(home)), wiring.open_store(home, only(home))
    said = agreement.standing(home, only(home), index)
    refs = store.refs()
    wordless = {name: target for name, target in refs.items() if "/body/" not in name}
    assert said.state_hash == verifying.verify(home, only(home)).state_hash
    assert len(wordless) < len(refs)
    assert agreement.heads(wordless, store.prefix) == said.heads
    for name in wordless:
        assert agreement.heads(wordless | {name: "0" * 40}, store.prefix) != said.heads
    index.database.close()
    store.close()


# -- what a state says ---------------------------------------------------------------------------------------------


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net(found(ALICE, CAROL, DAVE))
    yield made
    made.close()


def state(net: Net, name: str) -> Snapshot:
    ledger = net.node(name)
    verifier = Verifier(ledger.commons, False, BOARD, ledger.key_log, FOREVER_MS)
    ops = [one for log in ledger.store.logs() for one in verifier.read(log, ledger.store.lines(log), START).ops]
    ops += [one for log in ledger.store.logs() for branch in ledger.branches(log) for one in branch]
    return fold.fold(ops, ledger.commons, genesis.parse(net.raw), BOARD, ledger.key_log)


def of_logs(net: Net, name: str, me: str = "") -> list[Remark]:
    return list(condition.logs(state(net, name), net.node(name).key_log, me))


def of_items(net: Net, name: str, silent_days: int = 0) -> list[Remark]:
    folded = state(net, name)
    now = net.clocks["home"].ms + silent_days * DAY_MS
    return list(condition.orphans(folded, dict.fromkeys(folded.logs, net.clocks["home"].ms), now))


def test_a_state_without_trouble_says_nothing(net: Net) -> None:
    net.claim("home", BOB, net.post("home"))
    assert of_logs(net, "home") == []
    assert of_items(net, "home", 30) == []


def test_a_log_that_forks_is_told_to_its_owner_with_what_to_do(net: Net) -> None:
    item = net.post("home")
    for name in ("worker", "copy"):
        net.tell("home", name)
        net.clocks[name].ms += len(name)
        net.claim(name, BOB, item)
    net.meet("worker", "copy")
    log = BOB.log(net.commons)
    (mine,) = of_logs(net, "copy", BOB.actor)
    (theirs,) = of_logs(net, "copy", EVE.actor)
    assert "undecided" in mine.what
    assert f"wl id repair {log[:12]}" in mine.advice
    assert BOB.actor[:12] in theirs.advice


def test_an_item_whose_home_was_revoked_without_an_heir_may_be_adopted(net: Net) -> None:
    item = net.post("home", LAPTOP)
    net.learn("home", extended(LAPTOP.key_log, "alice", Change(revoke=(_revoke(net),))))
    (cut,) = of_logs(net, "home")
    assert "its key was revoked" in cut.what
    (orphan,) = of_items(net, "home")
    assert f"wl charter propose adopt {item[:12]}" in orphan.advice


def _revoke(net: Net) -> Revoke:
    log, seq, op = net.head("home", LAPTOP)
    return Revoke(key=LAPTOP.signer.public.did, at=((log, seq, op),))


@pytest.mark.parametrize(("days", "told"), [(30, 0), (31, 1)])
def test_a_home_that_lets_somebody_wait_for_a_month_is_told(net: Net, days: int, told: int) -> None:
    quiet, waited = net.post("home"), net.post("home")
    net.claim("home", BOB, waited)
    remarks = of_items(net, "home", days)
    assert len(remarks) == told
    assert not any(quiet[:12] in remark.where for remark in remarks)


def test_a_banned_writer_s_log_says_why_it_ends(net: Net) -> None:
    net.post("home", BOB)
    charter = net.propose("home", CAROL, {"kind": "ban", "actor": BOB.actor, "cuts": []})
    net.sign("home", DAVE, charter)
    assert [remark.what for remark in of_logs(net, "home")] == ["it has no effect from 0 on: its writer was banned"]


def test_a_log_that_says_what_this_version_does_not_know_is_told(net: Net) -> None:
    chain = Chain(BOB, net.commons)
    chain.open()
    chain.add("later.thing", {"x": 1})
    net.node("home").ingest(Said(keys=keys_of(BOB), chains={chain.log: chain.raw}))
    (remark,) = of_logs(net, "home")
    assert remark == Remark(f"log {chain.log[:12]}", "this version cannot read it from 1 on", "Upgrade this program.")


def test_an_identity_that_cannot_be_read_keeps_nothing_else_from_being_checked(alice: Person) -> None:
    alice.post()
    (alice.home / "identity" / "keys.jsonl").write_text("{}\n")
    findings = {one["what"]: one["ok"] for one in looked(alice, "--offline")}
    assert findings["identity"] is False
    assert any(ok for what, ok in findings.items() if what.startswith("commons "))
