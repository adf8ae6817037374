"""The table of forged sheets: each is refused with its reason, in a sentence that names the thing, with exit code 7.

A forger changes bytes and leaves the signatures (rows marked `left`), or holds the holder's own key and signs the
presentation anew (`signed`). Both are tried wherever a credential is changed: the reason must not hang on it.
"""

import json
import tracemalloc
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from beads import op
from beads.ledger import Author, Draft, Ledger
from beads.op import Line
from stamps import dataintegrity, keychange, timestamp
from stamps.dataintegrity import Document
from stamps.keychange import Change, Revoke
from stamps.keylog import KeyLog
from stamps.keys import SigningKey
from tests.node.support import Resident
from tests.wanted.sheets import (
    ALICE,
    BOB,
    CREATED,
    MALLORY,
    NOW_MS,
    STARTED_MS,
    earn,
    home,
    represent,
    sheet,
    shown,
    verify,
)  # fmt: skip
from tests.world import Chain, second, seed
from wanted import board, portable, sheetfile, verifying
from wanted import verify as door
from wanted.board import Judgement
from wanted.errors import BundleError

File = dict[str, Any]
Forge = Callable[[File], File]
LATER = "2026-11-21T00:00:00Z"


class Row(NamedTuple):
    """A forgery.

    Attributes:
        forge: Makes it out of an honest file.
        reason: The slug of its refusal.
        says: Words that its sentence must hold.
    """

    forge: Callable[[], File]
    reason: str
    says: str


@cache
def _honest() -> str:
    return json.dumps(sheet(stamps=2))


def honest() -> File:
    file: File = json.loads(_honest())
    return file


def first(file: File) -> Document:
    document: Document = file["presentation"]["verifiableCredential"][0]
    return document


def on_credential(change: Callable[[Document], None]) -> Forge:
    def forge(file: File) -> File:
        change(first(file))
        return file

    return forge


def left(forge: Forge) -> Callable[[], File]:
    return lambda: forge(honest())


def signed(forge: Forge) -> Callable[[], File]:
    return lambda: represent(forge(honest()))


def reissued(change: Callable[[Document], None], by: Author) -> Callable[[], File]:
    """A credential changed and signed anew with somebody's key, and the presentation with the holder's."""

    def forge(file: File) -> File:
        document = {name: value for name, value in first(file).items() if name != "proof"}
        change(document)
        again = dataintegrity.sign(document, by.signer, created=document["validFrom"])
        file["presentation"]["verifiableCredential"][0] = again
        return file

    return signed(forge)


def put(**members: Any) -> Callable[[Document], None]:
    return lambda document: document.update(members)


def in_proof(**members: Any) -> Callable[[Document], None]:
    return lambda document: document["proof"].update(members)


# -- what is said of the work --------------------------------------------------------------------------------------


def _score(document: Document) -> None:
    document["credentialSubject"]["result"][0]["value"] = "4"


def _subject(document: Document) -> None:
    document["credentialSubject"]["id"] = "did:webvh:QmMallory:wasteland.invalid"


def _skills(document: Document) -> None:
    document["credentialSubject"]["achievement"]["tag"] = ["magic"]


def _evidence(name: str) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        (entry,) = (each for each in document["evidence"] if each["name"] == name)
        entry["id"] = entry["id"][:-8] + "00000000"

    return change


CHANGED: dict[str, tuple[Callable[[Document], None], str]] = {
    "a changed score": (_score, 'its quality is "4" here and "5" there'),
    "a changed message": (_evidence("message"), "its evidence (message)"),
    "a changed date": (put(validFrom="2019-01-01T00:00:00Z"), "its date"),
    "a changed subject": (_subject, "whose work it is"),
    "a changed evidence hash": (_evidence("submission"), "its evidence (submission)"),
    "a changed acceptance": (_evidence("accept"), "its evidence (accept)"),
    "a changed title": (put(name="A better door"), "its title"),
    "changed skills": (_skills, "its skills"),
}


def changed() -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for name, (change, says) in CHANGED.items():
        forge = on_credential(change)
        rows |= {f"{name}, {way.__name__}": Row(way(forge), "signature", says) for way in (left, signed)}
        # An issuer who says one thing in the ledger and another in a credential.
        rows[f"{name}, signed by the issuer"] = Row(reissued(change, ALICE), "credential", says)
    return rows


# -- stamps that do not count --------------------------------------------------------------------------------------


def said(ledger: Ledger, t: str) -> list[str]:
    rows = ledger.index.database.query("SELECT id FROM ops WHERE t = :t", {"t": t})
    found = [ledger.index.op(row[0]) for row in rows]
    return [each.raw.decode().rstrip("\n") for each in found if each is not None]


def withdrawn() -> File:
    ledger = home()
    item = earn(ledger, ALICE, BOB)
    file = shown(ledger)
    given = board.load(ledger, item).stamps[0].op
    ledger.write(ALICE, lambda at: board.unstamp(board.load(at, item), given, ALICE.actor, "I was wrong."))
    file["lines"] += said(ledger, "stamp.withdraw")
    return file


def replaced() -> File:
    ledger = home()
    item = earn(ledger, ALICE, BOB)
    file = shown(ledger)
    accepted = board.load(ledger, item)
    again = board.stamp(
        accepted, accepted.accepted[0].submission, "", ALICE.signer,
        Judgement("Not so good", {"quality": 1}, 90, "leaf", [], ""),
    )  # fmt: skip
    ledger.write(ALICE, lambda _: again)
    file["lines"] += [line for line in said(ledger, "stamp") if line not in file["lines"]]
    return file


def revoked(log: KeyLog, key: str, *at: tuple[str, int, str]) -> str:
    """Alice's key log after she has revoked a key, with what is left of its logs."""
    added = SigningKey.from_seed(seed("alice added")).public
    change = Change(add=((added, "assertionMethod"),), revoke=(Revoke(key=key, at=at),))
    update, following = (SigningKey.from_seed(seed(f"alice {name}")) for name in ("next", "third"))
    return keychange.extend(log, update, following.public, LATER, change).decode()


def by_a_revoked_key(keep: str | None) -> Callable[[], File]:
    """A stamp past the cut: after the operation of a type that is kept, or with nothing kept at all."""

    def forge() -> File:
        file = honest()
        lines = [json.loads(line.split(" ", 1)[1]) for line in file["lines"]]
        mine = [line for line in lines if line["log"] == ALICE.log(line["c"])]
        cut = next((line for line in mine if line["t"] == keep), None)
        at = [(cut["log"], cut["seq"], _op_id(file, cut))] if cut else []
        newer = revoked(ALICE.key_log, ALICE.signer.public.did, *at)
        file["key_logs"] = [newer if text == ALICE.key_log.raw.decode() else text for text in file["key_logs"]]
        return file

    return forge


def _op_id(file: File, header: Document) -> str:
    following = header["seq"] + 1
    lines = [json.loads(line.split(" ", 1)[1]) for line in file["lines"]]
    return next(str(line["prev"]) for line in lines if (line["log"], line["seq"]) == (header["log"], following))


def by_a_banned_issuer() -> File:
    """What an honest export has no more: the stamp of before, and the charter that bans who gave it."""
    ledger = home(MALLORY)
    earn(ledger, ALICE, BOB)
    file = shown(ledger)
    ban = {"kind": "ban", "actor": ALICE.actor, "cuts": []}
    now = ledger.index.context.governance.now.id
    ledger.write(MALLORY, lambda _: [Draft("charter", {"prev": now, "change": ban})])
    file["lines"] += [*said(ledger, "charter"), *(line for line in said(ledger, "open") if line not in file["lines"])]
    file["key_logs"].append(MALLORY.key_log.raw.decode())
    return file


def without(t: str) -> Callable[[], File]:
    """An honest sheet with a dispute and its answer, one of which somebody has taken out."""

    def forge() -> File:
        ledger = home()
        item = earn(ledger, ALICE, BOB)
        given = board.load(ledger, item).stamps[0].op
        ledger.write(BOB, lambda at: board.dispute(board.load(at, item), given, BOB.actor, "Not so."))
        said = board.load(ledger, item).disputes[0].op
        ledger.write(ALICE, lambda at: board.answer(board.load(at, item), said, ALICE.actor, "It is."))
        file = shown(ledger)
        verify(file)
        file["lines"] = [line for line in file["lines"] if json.loads(line.split(" ", 1)[1])["t"] != t]
        return file

    return forge


def of_somebody_else() -> File:
    """Bob shows a stamp of Mallory's, with all that proves it."""
    ledger = home()
    earn(ledger, ALICE, BOB)
    earn(ledger, ALICE, MALLORY, "A door of Mallory's")
    file, other = shown(ledger), shown_by(ledger, MALLORY)
    file["presentation"]["verifiableCredential"] += other["presentation"]["verifiableCredential"]
    file["lines"] = sorted({*file["lines"], *other["lines"]})
    file["key_logs"] = sorted({*file["key_logs"], *other["key_logs"]})
    return represent(file)


def shown_by(ledger: Ledger, author: Author) -> File:
    return dict(json.loads(portable.export([portable.gather(ledger, author.actor)], author, CREATED)))


def of_another_commons() -> File:
    """A credential of a commons of whose operations the file shows none."""
    elsewhere = home(MALLORY)
    earn(elsewhere, MALLORY, BOB)
    file = honest()
    file["presentation"]["verifiableCredential"] += shown(elsewhere)["presentation"]["verifiableCredential"]
    return represent(file)


def from_the_future() -> File:
    ledger = home(started_ms=4_000_000_000_000)
    earn(ledger, ALICE, BOB)
    return shown(ledger)


def uncounted() -> dict[str, Row]:
    return {
        "a stamp and its withdrawal": Row(withdrawn, "withdrawn", "was taken back by who gave it"),
        "a stamp and the one that took its place": Row(replaced, "replaced", "was replaced by a later one"),
        "an answer taken out": Row(without("stamp.answer"), "lines", "taken out"),
        "a dispute taken out, and its answer left": Row(without("stamp.dispute"), "lines", "taken out"),
        "a revoked key's later stamp": Row(by_a_revoked_key("wanted.accept"), "revoked", "a key that its owner had"),
        "a revoked key's stamp, nothing of it kept": Row(by_a_revoked_key(None), "revoked", "had revoked by then"),
        "a banned issuer's stamp": Row(by_a_banned_issuer, "banned", "whom the commons had banned"),
        "a foreign stamp with its operations": Row(of_somebody_else, "subject", "is somebody else's"),
        "a foreign stamp without its operations": Row(of_another_commons, "evidence", "no stamp behind it"),
        "a stamp dated in the future": Row(from_the_future, "future", "dated in the future"),
    }


# -- signatures ----------------------------------------------------------------------------------------------------


def _double(document: Document) -> None:
    document["proof"] = [document["proof"], document["proof"]]


def _unsigned(document: Document) -> None:
    del document["proof"]


def _context(document: Document) -> None:
    document["@context"].append("https://evil.example/v1")


PROOFS: dict[str, tuple[Callable[[Document], None], str, str]] = {
    "unsigned": (_unsigned, "proof", "it is not signed"),
    "doubly signed": (_double, "proof", "it is signed 2 times"),
    "with an unknown suite": (in_proof(cryptosuite="eddsa-rdfc-2022"), "suite", '"eddsa-rdfc-2022"'),
    "with a proof of an unknown type": (in_proof(type="Ed25519Signature2020"), "suite", '"Ed25519Signature2020"'),
    "with an unknown method": (in_proof(verificationMethod="did:web:evil.example#k"), "method", "did:web:evil.exam"),
    "with an unknown purpose": (in_proof(proofPurpose="authentication"), "purpose", "purpose is not assertionMethod"),
    "with a signature cut short": (in_proof(proofValue="z2"), "signature", "signature"),
    "with an unknown @context": (_context, "context", "context"),
    "with an unknown member in its proof": (in_proof(expires="2030-01-01T00:00:00Z"), "proof", '"expires"'),
}


def proofs() -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for name, (change, reason, says) in PROOFS.items():
        rows |= {
            f"a credential {name}, {way.__name__}": Row(way(on_credential(change)), reason, says)
            for way in (left, signed)
        }
        rows[f"a presentation {name}"] = Row(left(on_presentation(change)), reason, "the holder's own signature")
    return rows


def on_presentation(change: Callable[[Document], None]) -> Forge:
    def forge(file: File) -> File:
        change(file["presentation"])
        return file

    return forge


def _key_of(author: Author) -> Callable[[Document], None]:
    return put(issuer={"id": author.signer.public.did, "type": ["Profile"]})


def _leave_one_out(file: File) -> File:
    del file["presentation"]["verifiableCredential"][0]
    return file


def _dated(created: str) -> Callable[[], File]:
    def forge() -> File:
        file = honest()
        unsigned = {name: value for name, value in file["presentation"].items() if name != "proof"}
        return file | {"presentation": dataintegrity.sign(unsigned, BOB.signer, created=created)}

    return forge


def _signed_after_revoking() -> File:
    """Whoever found Bob's key signs with it although his key log says that it is revoked."""
    file = honest()
    change = Change(
        add=((SigningKey.from_seed(seed("bob added")).public, "assertionMethod"),),
        revoke=(Revoke(key=BOB.signer.public.did, at=()),),
    )
    update, following = (SigningKey.from_seed(seed(f"bob {name}")) for name in ("next", "third"))
    newer = keychange.extend(BOB.key_log, update, following.public, LATER, change).decode()
    # His own logs end with it as well, but for the submissions that others have judged.
    file["key_logs"] = [newer if text == BOB.key_log.raw.decode() else text for text in file["key_logs"]]
    return file


def keys() -> dict[str, Row]:
    past, future = "2010-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
    return {
        "a credential by a stranger's key": Row(reissued(put(name="X"), MALLORY), "issuer", "another key than its"),
        "a credential by a stranger who says so": Row(reissued(_key_of(MALLORY), MALLORY), "credential", "who issued"),
        "a credential by its own subject": Row(reissued(_key_of(BOB), BOB), "credential", "who issued it"),
        "an expired credential": Row(reissued(put(validUntil=past), ALICE), "expired", "it has expired"),
        "a credential of the future": Row(reissued(put(validFrom=future), ALICE), "future", "in the future"),
        "a stamp left out without signing": Row(left(_leave_one_out), "signature", "the holder's own signature"),
        "a presentation of the future": Row(_dated(future), "future", "dated in the future"),
        "a presentation by another": Row(lambda: represent(honest(), MALLORY), "holder", "is not its holder"),
        "a presentation by a revoked key": Row(_signed_after_revoking, "holder", "a key that its holder has revoked"),
    }  # fmt: skip


# -- the file ------------------------------------------------------------------------------------------------------


def _twice(member: str) -> Forge:
    def forge(file: File) -> File:
        listed = file if member in file else file["presentation"]
        listed[member] = [*listed[member], listed[member][0]]
        return represent(file)

    return forge


def _two_key_logs(file: File) -> File:
    file["key_logs"].append(second("alice").key_log.raw.decode())
    return file


def _two_ways() -> File:
    """Alice signs a second operation where she has signed one: the file shows both."""
    ledger = home()
    earn(ledger, ALICE, BOB)
    file = shown(ledger)
    lines: list[Line] = [op.parse(line.encode()) for line in file["lines"]]
    mine = [line for line in lines if line.log == ALICE.log(ledger.commons)]
    chain = Chain(ALICE, ledger.commons, [mine[-2]])
    file["lines"].append(chain.add("wanted.close", {"epoch": 0, "item": mine[1].id}).raw.decode().rstrip("\n"))
    return file


def _many(count: int) -> Forge:
    def forge(file: File) -> File:
        small = {"@context": first(file)["@context"], "type": ["VerifiableCredential"]}
        file["presentation"]["verifiableCredential"] = [small | {"id": f"urn:wl:{n}"} for n in range(count)]
        return file

    return forge


def _evil_names(file: File) -> File:
    first(file)["id"] = "\x1b[2Jurn:wl:x"
    first(file)["name"] = "\x1b[2J"
    first(file)["proof"]["cryptosuite"] = "\x1b[2J"
    return file


def _other_words(file: File) -> File:
    return file | {"bodies": ['{"message":"brilliant","salt":"AAAAAAAAAAAAAAAAAAAAAA"}']}


def files() -> dict[str, Row]:
    return {
        "a credential twice": Row(left(_twice("verifiableCredential")), "twice", "one stamp twice"),
        "a line twice": Row(left(_twice("lines")), "twice", "stands in it twice"),
        "two key logs of one actor": Row(left(_two_key_logs), "key_log", "two key logs"),
        "a log that goes on in two ways": Row(_two_ways, "forked", "said two things"),
        "ten thousand stamps": Row(left(_many(10_000)), "too_many", "4096 is the most"),
        "words that were never signed": Row(left(_other_words), "body", "not those that were signed"),
        "control characters everywhere": Row(left(_evil_names), "suite", "does not hold"),
    }


ROWS = changed() | uncounted() | proofs() | keys() | files()
rows = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())


@rows
def test_a_forged_sheet_is_refused_with_its_reason(row: Row) -> None:
    with pytest.raises(BundleError) as refused:
        verify(row.forge())
    assert (refused.value.reason, row.says in str(refused.value)) == (row.reason, True), str(refused.value)


@rows
def test_at_both_doors_it_ends_with_seven_and_a_sentence(
    row: Row, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "sheet.json"
    path.write_text(json.dumps(row.forge()))
    done = Resident(tmp_path / "nobody").run("wl", "sheet", "verify", str(path))
    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr.startswith("Error: ")
    assert row.says in done.stderr
    assert "\x1b" not in done.stderr
    assert door.main([str(path)]) == 7
    assert capsys.readouterr().err == done.stderr


@pytest.mark.parametrize("name", ["schema", "holder"])
def test_a_key_that_stands_twice_is_refused_and_named(name: str) -> None:
    raw = json.dumps(honest()).replace(f'"{name}":', f'"{name}": "x", "{name}":', 1)
    with pytest.raises(BundleError, match=f'the key "{name}" stands twice') as refused:
        verifying.verify_file(raw.encode(), NOW_MS)
    assert refused.value.reason == "format"


# -- limits --------------------------------------------------------------------------------------------------------


def test_a_file_of_a_hundred_megabytes_is_refused_unread(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    tracemalloc.start()
    assert door.main([str(path), "--json"]) == 7
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1_000_000
    error = json.loads(capsys.readouterr().err)["error"]
    assert (error["reason"], "32 MiB" in error["message"]) == ("too_large", True)
    done = Resident(tmp_path / "nobody").run("wl", "sheet", "verify", str(path))
    assert (done.returncode, "32 MiB" in done.stderr) == (7, True)


def test_a_pipe_that_never_ends_is_read_no_further_than_a_sheet_may_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheetfile, "MAX_BYTES", 1 << 20)
    with pytest.raises(BundleError) as refused:
        door.read(Path("/dev/zero"))
    assert refused.value.reason == "too_large"


def test_a_sheet_at_the_limit_of_stamps_is_read_and_one_more_is_not() -> None:
    for count, reason in ((sheetfile.MAX_STAMPS, "proof"), (sheetfile.MAX_STAMPS + 1, "too_many")):
        with pytest.raises(BundleError) as refused:
            verify(_many(count)(honest()))
        assert refused.value.reason == reason


# -- what the file can and cannot show -----------------------------------------------------------------------------


def test_who_leaves_the_newer_key_log_out_can_hide_a_revocation() -> None:
    """A file proves what it shows. Whoever needs to know what was revoked since asks a peer."""
    assert len(verify(honest()).stamps) == 2
    with pytest.raises(BundleError) as refused:
        verify(by_a_revoked_key("wanted.accept")())
    assert refused.value.reason == "revoked"


def test_clocks_may_differ_by_ten_minutes() -> None:
    ledger = home(started_ms=STARTED_MS)
    earn(ledger, ALICE, BOB)
    file = sheetfile.read(shown(ledger))
    last = STARTED_MS + 100
    assert verifying.verify_sheet(_as_of(file, last), last - 9 * 60_000).stamps
    with pytest.raises(BundleError) as refused:
        verifying.verify_sheet(_as_of(file, last), last - 11 * 60_000)
    assert refused.value.reason == "future"


def _as_of(file: sheetfile.SheetFile, ms: int) -> sheetfile.SheetFile:
    """The same file, its presentation signed at some time."""
    unsigned = {name: value for name, value in deepcopy(file.presentation).items() if name != "proof"}
    created = timestamp.from_ms(ms)
    return msgspec.structs.replace(file, presentation=dataintegrity.sign(unsigned, BOB.signer, created=created))
