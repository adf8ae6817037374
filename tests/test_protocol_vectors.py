"""The test vectors of docs/protocol.md, made by the code and compared with the text.

After a wanted change of the protocol: `python -m tests.test_protocol_vectors` writes the section anew.
"""

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from beads import fold, ids, limits
from beads.git_store import GitStore
from beads.ledger import Author, Draft, Ledger
from beads.op import Op
from beads.rules import Live
from stamps import credential, envelope, jcs
from stamps.keys import SigningKey
from tests.world import EPOCH_MS, TERMS, actor, found, git_ledger, seed, write
from wanted import board, lifecycle
from wanted.board import Judgement
from wanted.item import Evidence
from wanted.ops.stamp import facts_of
from wanted.ops.table import BOARD

PAGE = Path(__file__).parent.parent / "docs" / "protocol.md"
BEGIN, END = "<!-- vectors -->\n", "<!-- /vectors -->"
WEEK_MS = 7 * 24 * 60 * 60 * 1000
EVIDENCE: Evidence = {"kind": "git_commit", "commit": "f" * 40, "repo": "https://example.org/door.git"}


class Story(NamedTuple):
    """One item from post to stamp: alice founds, offers and judges, bob works."""

    alice: Author
    bob: Author
    genesis: bytes
    ops: dict[str, Op]
    lines: dict[str, bytes]
    bodies: dict[str, bytes]
    refs: dict[str, str]
    message: str
    state_hash: str


def tell(folder: Path) -> Story:
    alice, bob = actor("alice"), actor("bob")
    genesis = found(alice)
    ledger = git_ledger(genesis, folder)
    (post,) = write(ledger, alice, *board.post("Fix the door", "It squeaks.", TERMS))
    (claim,) = write(ledger, bob, *board.claim(board.load(ledger, post.id), bob.actor))
    terms = {"item": post.id, "epoch": 0}
    grant_payload = {**terms, "claim": claim.id, "actor": bob.actor, "until": EPOCH_MS + WEEK_MS}
    (grant,) = write(ledger, alice, Draft("wanted.grant", grant_payload))
    (submit,) = write(ledger, bob, *board.submit(board.load(ledger, post.id), bob.actor, [EVIDENCE], "Oiled."))
    home = alice.log(ledger.commons)
    (accept,) = write(ledger, alice, *board.accept(board.load(ledger, post.id), home, None))
    (stamp,) = write(ledger, alice, *_stamp(ledger, post.id, submit.id, alice))
    mine, his = ledger.store.lines(home), ledger.store.lines(bob.log(ledger.commons))
    assert isinstance(ledger.store, GitStore)
    named = {"open": mine[0], "post": mine[1], "claim": his[1], "grant": mine[2], "submit": his[2]}
    story = Story(
        alice,
        bob,
        genesis,
        {"post": post, "claim": claim, "grant": grant, "submit": submit, "accept": accept, "stamp": stamp},
        {**named, "accept": mine[3], "stamp": mine[4]},
        {"post": _body(ledger, post), "submit": _body(ledger, submit), "stamp": _body(ledger, stamp)},
        ledger.store.refs(),
        ledger.store.repository.commit(ledger.store.refs()[ledger.store.log_ref(home)]).message,
        ledger.index.state_hash(),
    )
    ledger.close()
    return story


def _stamp(ledger: Ledger, item: str, submission: str, author: Author) -> list[Draft]:
    return board.stamp(
        board.load(ledger, item), submission, author.actor, author.signer,
        Judgement("Quick and quiet", {"quality": 4}, 80, "leaf", ["oil"], "Thank you."),
    )  # fmt: skip


def _body(ledger: Ledger, op: Op) -> bytes:
    raw = ledger.store.body(op.log, op.seq)
    assert raw is not None
    return raw


def section(story: Story) -> str:
    """The text between the marks."""
    return "\n" + "\n".join(_parts(story)) + "\n"


def _parts(story: Story) -> Iterator[str]:
    commons = ids.commons_id(story.genesis)
    for name, author in (("alice", story.alice), ("bob", story.bob)):
        yield f"### {name}\n"
        yield _table(
            ("update seed", seed(f"{name} update").hex()),
            ("next update seed", seed(f"{name} next").hex()),
            ("device seed", seed(f"{name} device").hex()),
            ("device key", author.signer.public.did),
            ("actor", author.actor),
            ("actor reference", ids.actor_ref(author.actor)),
            ("log id", author.log(commons)),
        )
        yield "Key log, one line:\n"
        yield _block(author.key_log.raw.decode())
    yield "### The commons\n"
    yield _block(story.genesis.decode() + "\n")
    yield _table(("commons id", commons))
    yield "### Operations\n"
    header = _header(story.lines["open"])
    yield f"The first line of alice's log; signed are the {len(envelope.pae(header))} bytes of"
    yield f"`{envelope.pae(header)[: -len(header)].decode().rstrip()}` SP header.\n"
    for name, line in story.lines.items():
        yield f"`{name}`, operation id `{ids.op_id(_header(line))}`:\n"
        yield _block(line.decode())
        if name in story.bodies:
            yield "with the body\n"
            yield _block(story.bodies[name].decode() + "\n")
    yield "### In git\n"
    yield "Commits, by reference under `refs/wl/<commons>/`:\n"
    yield _table(*((ref.split("/", 3)[3], commit) for ref, commit in sorted(story.refs.items())))
    yield "Message of the commit of alice's log:\n"
    yield _block(story.message)
    yield "### The fold\n"
    yield _table(("state hash", story.state_hash))
    yield "### The credential that the stamp stands for\n"
    yield _block(json.dumps(_credential(story), indent=1, ensure_ascii=False) + "\n", "json")


def _credential(story: Story) -> dict[str, Any]:
    op = story.ops["stamp"]
    live = Live(op, story.alice.actor, story.alice.signer.public.did, True)
    document = credential.complete(facts_of(live, op.payload, op.commons), op.payload.vc)
    credential.verify_credential(document)
    return document


def _header(line: bytes) -> bytes:
    return envelope.split(line)[1]


def _table(*rows: tuple[str, str]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | `{value}` |" for name, value in rows), ""])


def _block(text: str, kind: str = "text") -> str:
    return f"```{kind}\n{text}```\n"


def test_the_page_holds_the_vectors_that_the_code_makes(tmp_path: Path) -> None:
    page = PAGE.read_text()
    assert page.split(BEGIN)[1].split(END)[0] == section(tell(tmp_path)), "python -m tests.test_protocol_vectors"


def test_the_story_is_complete_and_its_stamp_counts(tmp_path: Path) -> None:
    story = tell(tmp_path)
    ledger = git_ledger(story.genesis, tmp_path)
    assert ledger.index.ignored() == []
    item = board.load(ledger, story.ops["post"].id)
    assert item.status == lifecycle.COMPLETED
    assert [stamp.op for stamp in item.stamps] == [story.ops["stamp"].id]
    assert jcs.jcs_encode(_credential(story))
    ledger.close()


def test_the_example_commit_in_the_text_is_that_of_a_real_log(tmp_path: Path) -> None:
    ledger = git_ledger(found(actor("alice")), tmp_path)
    write(ledger, actor("alice"), *board.post("Fix the door", "It squeaks.", TERMS))
    assert isinstance(ledger.store, GitStore)
    log = actor("alice").log(ledger.commons)
    shown = ledger.store.repository.data(ledger.store.refs()[ledger.store.log_ref(log)]).decode()
    assert shown in PAGE.read_text()
    ledger.close()


@pytest.mark.parametrize("name", sorted(BOARD.types))
def test_the_table_of_types_says_which_keys_may_write(name: str) -> None:
    kind = BOARD.types[name]
    wanted = "agent" if kind.agent else "agent (private)" if kind.private_agent else "device"
    (row,) = re.findall(rf"^\| `{re.escape(name)}` \|(.*)\|(.*)\|(.*)\|(.*)\|$", PAGE.read_text(), re.MULTILINE)
    assert row[1].strip() == wanted
    for member in kind.payload.__struct_encode_fields__:
        assert member in _members_of(name, row[0]), f"{name}: {member}"


def _members_of(name: str, cell: str) -> str:
    page = PAGE.read_text()
    if cell.strip() == "section 11":
        return page.split("The payload of `stamp`")[1].split("\n\n")[0]
    terms = page.split("- **terms** are nine members")[1].split("\n- ")[0] if "terms" in cell else ""
    return cell + terms


@pytest.mark.parametrize("name", sorted(BOARD.types))
def test_the_table_of_phases_has_every_type_in_its_phase(name: str) -> None:
    phase = BOARD.types[name].phase
    (row,) = re.findall(rf"^\| {int(phase)} {phase.name.lower()} \|(.*)\|.*\|$", PAGE.read_text(), re.MULTILINE)
    said = f"`{name}`" in row or f"`{name.removeprefix('wanted.')}`" in row
    assert said or "all others" in row


@pytest.mark.parametrize("row", lifecycle.TRANSITIONS, ids=str)
def test_the_table_of_the_lifecycle_has_every_row_of_the_code(row: lifecycle.Transition) -> None:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{row.op}` |")]
    fits = [line for line in lines if f"`{row.source}`" in line.split("|")[2] or not row.source]
    assert any(row.target in line or "as before" in line for line in fits)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("| operation line with signature and LF | 16 KiB |", limits.LINE == 16 << 10),
        ("| body | 256 KiB |", limits.BODY == 256 << 10),
        ("| 16; 64; 120 |", (limits.NAMED_OPERATIONS, limits.SET_REMOVALS, limits.CHECKPOINT_HEADS) == (16, 64, 120)),
        ("| 64; 32; 16 KiB |", (limits.DELEGATES, limits.KEY_LOG_ENTRY) == (64, 16 << 10)),
        ("below 2^47; below 2^16", (limits.HLC_MS, limits.HLC_COUNTER) == (1 << 47, 1 << 16)),
        ("| 10 min |", limits.FUTURE_SKEW_MS == 600_000),
        ("| 50 000; 256 MiB; 1 MiB |", (limits.FETCH_OBJECTS, limits.FETCH_BYTES, limits.OBJECT)
         == (50_000, 256 << 20, 1 << 20)),
        ("| 50 000; 16 MiB |", limits.REFS == 50_000),
        ("files in a folder; folders | 64; 256; 1000 |", limits.SEGMENT == 64),
        ('["fold",3]', fold.FOLD_VERSION == 3),
    ],
)  # fmt: skip
def test_the_limits_in_the_text_are_those_of_the_code(text: str, value: bool) -> None:
    assert text in PAGE.read_text()
    assert value


def test_seeds_make_the_keys_that_the_text_names() -> None:
    assert SigningKey.from_seed(seed("alice device")).public == actor("alice").signer.public


def main(make: Callable[[Path], Story] = tell) -> None:
    """Write the section anew."""
    with tempfile.TemporaryDirectory() as folder:
        text = section(make(Path(folder)))
    head, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(head + BEGIN + text + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
