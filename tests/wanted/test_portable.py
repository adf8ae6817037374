"""Portable sheets: what verifies with nothing but the file, and every forgery that does not."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from beads import checkpoints
from beads.errors import NotFound
from beads.ledger import Draft
from stamps import dataintegrity
from stamps.encoding import b64u_encode
from stamps.jcs import jcs_encode
from stamps.stamp import CheckRun
from tests.wanted.sheets import (
    ALICE,
    BOB,
    CAROL,
    CREATED,
    MALLORY,
    earn,
    home,
    read,
    represent,
    sheet,
    shown,
    verify,
)  # fmt: skip
from wanted import board, portable, sheetfile, telling
from wanted.board import Judgement
from wanted.errors import BundleError


def test_a_sheet_proves_its_stamps() -> None:
    found = verify(sheet(stamps=2))
    assert found.holder == BOB.actor
    assert [stamp.title for stamp in found.stamps] == ["Fix door 0", "Fix door 1"]
    assert {stamp.issuer for stamp in found.stamps} == {ALICE.actor}
    assert list(found.commons.values()) == ["Test Commons"]


def test_a_sheet_over_two_commons_keeps_where_each_stamp_was_earned() -> None:
    ledgers = [home(ALICE), home(MALLORY)]
    earn(ledgers[0], ALICE, BOB)
    earn(ledgers[1], MALLORY, BOB)
    raw = portable.export([portable.gather(each, BOB.actor) for each in ledgers], BOB, CREATED)
    assert {s.commons for s in read(raw).stamps} == {each.commons for each in ledgers}


@pytest.mark.parametrize("answered", [False, True])
def test_what_was_said_against_a_stamp_travels_with_it(answered: bool) -> None:
    ledger = home(ALICE)
    earn(ledger, ALICE, BOB)
    ((item,),) = ledger.index.database.query("SELECT DISTINCT entity FROM stamps")
    given = board.load(ledger, item).stamps[0].op
    (disputed,) = ledger.write(BOB, lambda at: board.dispute(board.load(at, item), given, BOB.actor, "Not so."))
    if answered:
        ledger.write(ALICE, lambda at: board.answer(board.load(at, item), disputed.id, ALICE.actor, "It is."))
    raw = portable.export([portable.gather(ledger, BOB.actor)], BOB, CREATED)
    (stamp,) = read(raw).stamps
    assert (stamp.disputed, stamp.answered) == (True, answered)


def test_a_dispute_of_what_was_then_given_anew_travels_too() -> None:
    ledger = home(ALICE)
    item = earn(ledger, ALICE, BOB)
    given = board.load(ledger, item).stamps[0].op
    ledger.write(BOB, lambda at: board.dispute(board.load(at, item), given, BOB.actor, "Not so."))
    again = Judgement("Anew", {"quality": 1}, 90, "leaf", [], "")
    found = board.load(ledger, item)
    ledger.write(ALICE, lambda _: board.stamp(found, found.accepted[0].submission, "", ALICE.signer, again))
    (stamp,) = read(portable.export([portable.gather(ledger, BOB.actor)], BOB, CREATED)).stamps
    assert stamp.op != given
    assert (stamp.title, stamp.disputed, stamp.answered) == ("Anew", True, False)


def test_the_checkpoint_that_covers_a_stamp_goes_along() -> None:
    ledger = home(CAROL)
    earn(ledger, ALICE, BOB)
    assert verify(shown(ledger)).covered == frozenset()
    ledger.write(CAROL, lambda at: checkpoints.due(at, CAROL.actor))
    earn(ledger, ALICE, BOB, "Not seen by then")
    first, later = verify(shown(ledger)).stamps
    assert verify(shown(ledger)).covered == {first.op}
    assert verify(shown(ledger, chosen=lambda stamp: stamp.op != first.op)).covered == frozenset()
    ledger.write(CAROL, lambda at: checkpoints.due(at, CAROL.actor))
    assert verify(shown(ledger)).covered == {first.op, later.op}


def test_an_issuer_is_named_by_its_own_latest_word_and_nobody_else_s() -> None:
    ledger = home(ALICE)
    earn(ledger, ALICE, BOB)
    for who, handle in (ALICE, "alicia"), (ALICE, "alice"), (CAROL, "carol"):
        ledger.write(who, lambda _, named=handle: [Draft("profile", {"handle": named, "links": []})])  # type: ignore[misc]
    found = verify(shown(ledger))
    assert found.handles == {(ledger.commons, ALICE.actor): "alice"}
    (said,) = [line for line in telling.lines(found) if "issued by" in line]
    assert said == f'  issued by    {ALICE.actor} (calls itself "alice"): 1'
    assert any(f'by "alice" ({ALICE.actor[:12]})' in line for line in telling.lines(found))
    assert telling.as_json(found)["issuers"] == [{"actor": ALICE.actor, "handles": ["alice"], "stamps": 1}]
    assert verify(sheet()).handles == {}


@pytest.mark.parametrize(("exits", "said"), [((0, 0), "2 checks passed"), ((1,), "0 of 1 check passed"), ((), None)])
def test_the_checks_that_an_issuer_ran_are_told(exits: tuple[int, ...], said: str | None) -> None:
    run = CheckRun(command="make test", commit="a" * 40, exit=0, seconds=3, output="b" * 64)
    runs = tuple(msgspec.structs.replace(run, exit=code) for code in exits)
    found = verify(sheet())
    (stamp,) = found.stamps
    checked = found._replace(stamps=(msgspec.structs.replace(stamp, checks=runs),))
    told = [line for line in telling.lines(checked) if "check" in line]
    assert ([said in line for line in told] if said else told) == ([True] if said else [])
    assert [run["exit"] for run in telling.as_json(checked)["stamps"][0]["checks"]] == list(exits)


def test_what_is_missing_in_a_file_is_said_in_plain_words() -> None:
    with pytest.raises(BundleError, match="the file is empty"):
        read(b"\n")
    file = sheet()
    with pytest.raises(BundleError, match=r"names a holder, .*, whose keys it does not hold"):
        verify(file | {"holder": "QmNobody"})


def test_who_is_no_delegate_covers_nothing() -> None:
    ledger = home(CAROL)
    earn(ledger, ALICE, BOB)
    head = ledger.index.heads()[ALICE.log(ledger.commons)]
    said = {"heads": [[ALICE.log(ledger.commons), head.seq, head.op]], "keys": []}
    ledger.write(MALLORY, lambda _: [Draft("checkpoint", said)])
    assert verify(shown(ledger)).covered == frozenset()


def test_a_holder_may_leave_a_stamp_out() -> None:
    file = sheet(stamps=2)
    del file["presentation"]["verifiableCredential"][0]
    assert [stamp.title for stamp in verify(represent(file)).stamps] == ["Fix door 1"]


def test_there_is_nothing_to_export_without_stamps() -> None:
    ledger = home(ALICE)
    ledger.refresh()
    with pytest.raises(NotFound):
        portable.export([portable.gather(ledger, BOB.actor)], BOB, CREATED)


def test_by_invitation_an_issuer_needs_an_admission_that_the_file_shows() -> None:
    ledger = home(MALLORY, admission="invite")
    (admit, other) = ledger.write(
        MALLORY, lambda _: [Draft("admit", {"actor": ALICE.actor}), Draft("admit", {"actor": BOB.actor})]
    )
    ledger.write(ALICE, lambda _: [Draft("join", {"admit": admit.id})])
    ledger.write(BOB, lambda _: [Draft("join", {"admit": other.id})])
    earn(ledger, ALICE, BOB)
    file = json.loads(portable.export([portable.gather(ledger, BOB.actor)], BOB, CREATED))
    assert len(verify(file).stamps) == 1
    with pytest.raises(BundleError) as refused:
        verify(_drop("admit")(file))
    assert refused.value.reason == "not_admitted"


def test_a_line_signed_for_another_commons_proves_nothing_here() -> None:
    ledgers = [home(ALICE), home(MALLORY)]
    for each in ledgers:
        earn(each, ALICE, BOB)
    file = json.loads(portable.export([portable.gather(each, BOB.actor) for each in ledgers], BOB, CREATED))
    file["genesis"] = file["genesis"][:1]
    with pytest.raises(BundleError) as refused:
        verify(file)
    assert refused.value.reason == "genesis"


Forge = Callable[[dict[str, Any]], dict[str, Any]]


def _change_score(file: dict[str, Any]) -> dict[str, Any]:
    for result in file["presentation"]["verifiableCredential"][0]["credentialSubject"]["result"]:
        if result["value"] == "5":
            result["value"] = "4"
    return represent(file)


def _change_name(file: dict[str, Any]) -> dict[str, Any]:
    file["presentation"]["verifiableCredential"][0]["name"] = "A better door"
    return represent(file)


def _reissue(file: dict[str, Any]) -> dict[str, Any]:
    """A credential signed anew by the holder's own key: the issuer then is not who stamped."""
    document = file["presentation"]["verifiableCredential"][0]
    unsigned = {name: value for name, value in document.items() if name != "proof"} | {"name": "A better door"}
    unsigned["issuer"] = unsigned["issuer"] | {"id": BOB.signer.public.did}
    file["presentation"]["verifiableCredential"][0] = dataintegrity.sign(
        unsigned, BOB.signer, created=document["proof"]["created"], purpose="assertionMethod"
    )
    return represent(file)


def _steal(file: dict[str, Any]) -> dict[str, Any]:
    """Mallory presents Bob's stamps as hers."""
    file["holder"] = MALLORY.actor
    file["presentation"]["holder"] = MALLORY.key_log.first_did
    file["key_logs"].append(MALLORY.key_log.raw.decode())
    return represent(file, MALLORY)


def _sign_for_another(file: dict[str, Any]) -> dict[str, Any]:
    return represent(file, MALLORY)


def _drop(what: str) -> Forge:
    def forge(file: dict[str, Any]) -> dict[str, Any]:
        file["lines"] = [line for line in file["lines"] if f'"t":"{what}"' not in line]
        return file

    return forge


def _flip(what: str) -> Forge:
    """Change one letter of one operation's signature."""

    def forge(file: dict[str, Any]) -> dict[str, Any]:
        at = next(n for n, line in enumerate(file["lines"]) if f'"t":"{what}"' in line)
        line = file["lines"][at]
        file["lines"][at] = ("A" if line[0] != "A" else "B") + line[1:]
        return file

    return forge


def _edit_line(file: dict[str, Any]) -> dict[str, Any]:
    file["lines"] = [line.replace('"confidence":90', '"confidence":99') for line in file["lines"]]
    return file


def _without(member: str) -> Forge:
    def forge(file: dict[str, Any]) -> dict[str, Any]:
        file[member] = []
        return file

    return forge


def _twice(file: dict[str, Any]) -> dict[str, Any]:
    credential = file["presentation"]["verifiableCredential"][0]
    proof = credential["proof"]
    credential["proof"] = proof * 2 if isinstance(proof, list) else [proof, proof]
    return represent(file)


def _unsigned(file: dict[str, Any]) -> dict[str, Any]:
    del file["presentation"]["verifiableCredential"][0]["proof"]
    return represent(file)


def _other_suite(file: dict[str, Any]) -> dict[str, Any]:
    file["presentation"]["proof"]["cryptosuite"] = "eddsa-rdfc-2022"
    return file


def _other_context(file: dict[str, Any]) -> dict[str, Any]:
    file["presentation"]["verifiableCredential"][0]["@context"].append("https://evil.example/v1")
    return represent(file)


def _another_genesis(file: dict[str, Any]) -> dict[str, Any]:
    file["genesis"] = [text.replace("Test Commons", "West Commons") for text in file["genesis"]]
    return file


def _newer_schema(file: dict[str, Any]) -> dict[str, Any]:
    return file | {"schema": "wasteland-sheet/9"}


def _unknown_member(file: dict[str, Any]) -> dict[str, Any]:
    return file | {"score": 5}


FORGERIES: list[tuple[str, Forge, str]] = [
    ("a changed score", _change_score, "signature"),
    ("a changed title", _change_name, "signature"),
    ("a credential issued by its own subject", _reissue, "credential"),
    ("somebody else's stamps", _steal, "subject"),
    ("a presentation signed by somebody else", _sign_for_another, "holder"),
    ("a missing acceptance", _drop("wanted.accept"), "stamp.accept"),
    ("a missing submission", _drop("wanted.submit"), "stamp.submission"),
    ("a missing grant", _drop("wanted.grant"), "stamp.accept"),
    ("a missing stamp", _drop("stamp"), "evidence"),
    ("a missing post", _drop("wanted.post"), "item"),
    ("a missing opening", _drop("open"), "open"),
    ("a stamp's signature flipped", _flip("stamp"), "signature"),
    ("an acceptance's signature flipped", _flip("wanted.accept"), "signature"),
    ("a changed line", _edit_line, "signature"),
    ("no key logs", _without("key_logs"), "key_log"),
    ("no genesis", _without("genesis"), "genesis"),
    ("another genesis", _another_genesis, "genesis"),
    ("a doubly signed credential", _twice, "proof"),
    ("an unsigned credential", _unsigned, "proof"),
    ("an unknown suite", _other_suite, "suite"),
    ("an unknown context", _other_context, "context"),
    ("a newer kind of file", _newer_schema, "schema"),
    ("a member that nobody knows", _unknown_member, "format"),
]


@pytest.mark.parametrize(("forge", "reason"), [f[1:] for f in FORGERIES], ids=[f[0] for f in FORGERIES])
def test_a_forged_sheet_is_refused_with_its_reason(forge: Forge, reason: str) -> None:
    with pytest.raises(BundleError) as refused:
        verify(forge(sheet()))
    assert refused.value.reason == reason
    assert str(refused.value)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "format"),
        (b"not json", "format"),
        (b"[]", "format"),
        (b'{"schema": "wasteland-sheet/1", "schema": "wasteland-sheet/1"}', "format"),
        (b" " * (sheetfile.MAX_BYTES + 1), "too_large"),
        (b"[" * 100_000, "format"),
    ],
    ids=["nothing", "no JSON", "a list", "a key twice", "too large", "too deep"],
)
def test_what_is_no_sheet_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(BundleError) as refused:
        read(raw)
    assert refused.value.reason == reason


def test_a_stamp_that_breaks_a_rule_proves_nothing() -> None:
    """Bob posts, claims, accepts and stamps his own work with two of his own keys: `stamp.self`."""
    ledger = home(ALICE)
    earn(ledger, BOB, BOB)
    assert [ignored.rule for ignored in ledger.index.ignored()] == ["stamp.self"]
    assert portable.gather(ledger, BOB.actor).credentials == []


def test_the_file_is_plain_json_that_others_can_read() -> None:
    file = sheet()
    assert jcs_encode(file["presentation"])
    assert file["presentation"]["type"] == ["VerifiablePresentation"]
    assert all(line.split(" ", 1)[1].startswith(('{"c":"wlc1', '{"body":')) for line in file["lines"])
    assert len(b64u_encode(b"x" * 64)) == len(file["lines"][0].split(" ")[0])


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        found += [place for name, inner in value.items() for place in _places(inner, (*path, name))]
    elif isinstance(value, list):
        found += [place for n, inner in enumerate(value) for place in _places(inner, (*path, n))]
    return found


@pytest.mark.parametrize("odd", [None, 7, 1.5, True, "", "x", [], {}, [None], {"id": 3}], ids=repr)
def test_no_odd_value_anywhere_gets_through_or_crashes(odd: Any) -> None:
    """Every place of a sheet, replaced by something odd: refused by name, or it changed nothing that is proven."""
    file = sheet()
    honest = verify(file).stamps
    for path in _places(file):
        forged = json.loads(json.dumps(file))
        at = forged
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = odd
        with suppress(BundleError):
            assert verify(forged).stamps == honest, path
