"""Key logs: what verifies, what is refused by which rule, what waits for a newer reader."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stamps import keylog, webvh
from stamps.errors import KeyLogError
from stamps.jcs import jcs_encode
from stamps.keys import SigningKey
from tests.stamps.support import (
    DEVICE,
    LAST,
    NEXT,
    OTHER,
    TIMES,
    UPDATE,
    document,
    filled,
    first,
    hashes,
    incepted,
    names,
    signed,
    then,
)


def test_a_new_actor_s_log_verifies_and_reads_back() -> None:
    raw = incepted()
    log = keylog.verify(raw)
    assert log.raw == raw
    assert log.did == log.first_did == f"did:webvh:{log.scid}:wasteland.invalid"
    assert log.keys == {DEVICE.public.did: {"assertionMethod"}}
    assert log.device_keys() == {DEVICE.public.did}
    assert not log.deactivated


def test_a_new_actor_s_log_says_what_the_protocol_says() -> None:
    entry = json.loads(incepted())
    did = entry["state"]["id"]
    assert entry["parameters"] == {
        "method": "did:webvh:1.0",
        "scid": did.split(":")[2],
        "portable": True,
        "updateKeys": names(UPDATE),
        "nextKeyHashes": hashes(NEXT),
    }
    assert entry["versionTime"] == entry["proof"][0]["created"] == TIMES[0]
    assert entry["state"]["assertionMethod"] == [f"{did}#{DEVICE.public.multibase}"]
    assert "authentication" not in entry["state"]


def test_inception_is_a_function_of_its_arguments() -> None:
    assert incepted() == incepted()
    other = keylog.incept(update=UPDATE, next_update=NEXT.public, device=DEVICE.public, time=TIMES[1])
    assert keylog.verify(other).scid != keylog.verify(incepted()).scid


@pytest.mark.parametrize("time", ["", "2026-11-21", "2026-11-21T00:00:00+01:00"])
def test_inception_wants_a_time(time: str) -> None:
    with pytest.raises(KeyLogError) as caught:
        keylog.incept(update=UPDATE, next_update=NEXT.public, device=DEVICE.public, time=time)
    assert caught.value.reason == "time"


@pytest.mark.parametrize(("next_update", "device"), [(UPDATE, DEVICE), (NEXT, UPDATE), (NEXT, NEXT)])
def test_inception_gives_no_key_two_roles(next_update: SigningKey, device: SigningKey) -> None:
    with pytest.raises(KeyLogError) as caught:
        keylog.incept(update=UPDATE, next_update=next_update.public, device=device.public, time=TIMES[0])
    assert caught.value.reason == "keys"


def test_spacing_and_a_missing_line_feed_change_nothing() -> None:
    spaced = json.dumps(json.loads(incepted()), indent=None).encode()
    assert spaced != incepted()
    assert keylog.verify(spaced).raw == incepted()


def test_purposes_are_kept_apart() -> None:
    log = keylog.verify(first(state=document((DEVICE, "assertionMethod"), (OTHER, "authentication"), (LAST, ""))))
    assert log.allows(DEVICE.public.did, "assertionMethod")
    assert not log.allows(DEVICE.public.did, "authentication")
    assert log.allows(OTHER.public.did, "authentication")
    assert not log.allows(OTHER.public.did, "assertionMethod")
    assert log.keys[LAST.public.did] == frozenset()
    assert not log.allows("did:key:z6Mk", "assertionMethod")


def test_a_key_that_left_the_document_stays_known_and_is_no_device() -> None:
    log = first(state=document((DEVICE, "assertionMethod")))
    did = json.loads(log)["state"]["id"]
    scid = did.split(":")[2]
    verified = keylog.verify(then(log, UPDATE, state=filled(document((OTHER, "assertionMethod")), scid)))
    assert verified.allows(DEVICE.public.did, "assertionMethod")
    assert verified.device_keys() == {OTHER.public.did}


VALID: dict[str, Callable[[], bytes]] = {
    "one entry": first,
    "an update by the key of the entry before": lambda: then(first(), UPDATE),
    "a rotation, signed by the old key": lambda: then(first(), UPDATE, {"updateKeys": names(NEXT)}),
    "an update by the rotated key": lambda: then(then(first(), UPDATE, {"updateKeys": names(NEXT)}), NEXT),
    "one of two update keys": lambda: then(first({"updateKeys": names(UPDATE, OTHER)}), OTHER),
    "pre-rotation, signed by the announced key": lambda: then(
        first({"nextKeyHashes": hashes(NEXT)}),
        NEXT,
        {"updateKeys": names(NEXT), "nextKeyHashes": hashes(LAST)},
    ),
    "one of two announced keys": lambda: then(
        first({"nextKeyHashes": hashes(OTHER, NEXT)}), NEXT, {"updateKeys": names(NEXT), "nextKeyHashes": []}
    ),
    "pre-rotation ended, then the key of the entry before": lambda: then(
        then(first({"nextKeyHashes": hashes(NEXT)}), NEXT, {"updateKeys": names(NEXT), "nextKeyHashes": []}),
        NEXT,
    ),
    "pre-rotation begun by a later entry": lambda: then(first(), UPDATE, {"nextKeyHashes": hashes(NEXT)}),
    "a deactivation": lambda: then(first(), UPDATE, {"deactivated": True, "updateKeys": []}),
    "portability given up": lambda: then(first({"portable": True}), UPDATE, {"portable": False}),
    "watchers and a time to live": lambda: first({"watchers": ["https://example.com"], "ttl": 60, "witness": {}}),
    "a move": lambda: moved(first({"portable": True}), "example.org"),
}


def moved(log: bytes, domain: str, **members: Any) -> bytes:
    state = json.loads(log.splitlines()[-1])["state"]
    did: str = state["id"]
    target = f"{did.rpartition(':')[0]}:{domain}"
    return then(log, UPDATE, state={"id": target, "alsoKnownAs": [did]} | members)


@pytest.mark.parametrize("make", VALID.values(), ids=VALID.keys())
def test_a_log_verifies_with(make: Callable[[], bytes]) -> None:
    raw = make()
    log = keylog.verify(raw)
    assert log.raw == raw
    assert len(log.entries) == len(raw.splitlines())


def edited(log: bytes, old: str, new: str) -> bytes:
    assert old.encode() in log
    return log.replace(old.encode(), new.encode())


def reproved(log: bytes, **members: Any) -> bytes:
    """The last entry with its proof's members changed."""
    lines = log.splitlines()
    entry = json.loads(lines[-1])
    entry["proof"][0] |= members
    return b"\n".join([*lines[:-1], jcs_encode(entry), b""])


def unwrapped(log: bytes) -> bytes:
    entry = json.loads(log)
    return jcs_encode(entry | {"proof": entry["proof"][0]}) + b"\n"


def bare(parameters: object) -> bytes:
    body = {"versionId": "x", "versionTime": TIMES[0], "parameters": parameters, "state": {}}
    return signed(body, 1, UPDATE)


def many(count: int) -> list[tuple[SigningKey, str]]:
    return [(SigningKey.from_seed(n.to_bytes(32, "big")), "authentication") for n in range(count)]


def repurposed() -> bytes:
    log = first(state=document((OTHER, "authentication")))
    scid = json.loads(log)["parameters"]["scid"]
    return then(log, UPDATE, state=filled(document((OTHER, "assertionMethod")), scid))


PRE = first({"nextKeyHashes": hashes(NEXT)})

INVALID: dict[str, tuple[str, Callable[[], bytes]]] = {
    "nothing": ("json", lambda: b""),
    "a blank line": ("json", lambda: first() + b"\n"),
    "not JSON": ("json", lambda: b"{\n"),
    "a key twice": ("json", lambda: edited(first(), '{"parameters"', '{"proof":[],"parameters"')),
    "an array": ("entry", lambda: b"[]\n"),
    "no proof": ("entry", lambda: jcs_encode({k: v for k, v in json.loads(first()).items() if k != "proof"})),
    "an entry too long": ("size", lambda: first(state={"service": ["x" * webvh.MAX_ENTRY]})),
    "parameters that are an array": ("parameter", lambda: bare([])),
    "no update keys": ("proof", lambda: first({"updateKeys": []})),
    "update keys that are text": ("parameter", lambda: first({"updateKeys": UPDATE.public.multibase})),
    "null for a default": ("parameter", lambda: first({"nextKeyHashes": None})),
    "no method": ("parameter", lambda: bare({"scid": "x"})),
    "another SCID": ("scid", lambda: first({"scid": "QmdmPkUdYzbr9txmx8gM2rsHPgr5L6m3gHjJGAf4vUFoGE"})),
    "the first time changed": (
        "scid",
        lambda: edited(first(), f'"versionTime":"{TIMES[0]}"', f'"versionTime":"{TIMES[1]}"'),
    ),
    "a later entry changed": ("hash", lambda: edited(then(first(), UPDATE), TIMES[1], TIMES[2])),
    "the number changed": ("hash", lambda: edited(first(), '"versionId":"1-', '"versionId":"2-')),
    "an entry left out": ("hash", lambda: b"".join(then(then(first(), UPDATE), UPDATE).splitlines(True)[::2])),
    "an entry twice": ("hash", lambda: then(first(), UPDATE) + then(first(), UPDATE).splitlines(True)[1]),
    "a time that is none": ("time", lambda: first(versionTime="now")),
    "a time that is a number": ("time", lambda: first(versionTime=7)),
    "a time that stands still": ("time", lambda: then(first(), UPDATE, versionTime=TIMES[0])),
    "a document about another": ("did", lambda: first(state={"id": "did:webvh:other:example.com"})),
    "a document without a domain": ("did", lambda: first(state={"id": f"did:webvh:{webvh.PLACEHOLDER}:"})),
    "a document that is text": ("did", lambda: then(first(), UPDATE, state="x")),
    "a first entry signed by another": ("proof", lambda: first({"updateKeys": names(OTHER)})),
    "an update signed by another": ("proof", lambda: then(first(), OTHER)),
    "an update signed by the key it brings": ("proof", lambda: then(first(), NEXT, {"updateKeys": names(NEXT)})),
    "an update signed by a key rotated out": (
        "proof",
        lambda: then(then(first(), UPDATE, {"updateKeys": names(NEXT)}), UPDATE),
    ),
    "a proof that is not a list": ("proof", lambda: unwrapped(first())),
    "a proof of another time": ("proof", lambda: reproved(first(), created=TIMES[5])),
    "a proof of another purpose": ("proof", lambda: reproved(first(), proofPurpose="authentication")),
    "pre-rotation without keys": ("rotation", lambda: then(PRE, UPDATE)),
    "pre-rotation without the next hashes": ("rotation", lambda: then(PRE, NEXT, {"updateKeys": names(NEXT)})),
    "pre-rotation to a key not announced": (
        "rotation",
        lambda: then(PRE, OTHER, {"updateKeys": names(OTHER), "nextKeyHashes": []}),
    ),
    "pre-rotation to one announced key and one more": (
        "rotation",
        lambda: then(PRE, NEXT, {"updateKeys": names(NEXT, OTHER), "nextKeyHashes": []}),
    ),
    "pre-rotation signed by the old key": (
        "proof",
        lambda: then(PRE, UPDATE, {"updateKeys": names(NEXT), "nextKeyHashes": []}),
    ),
    "portability granted late": ("portable", lambda: then(first(), UPDATE, {"portable": True})),
    "portability taken back": (
        "portable",
        lambda: then(then(first({"portable": True}), UPDATE, {"portable": False}), UPDATE, {"portable": True}),
    ),
    "a move without portability": ("portable", lambda: moved(first(), "example.org")),
    "a move that hides where from": ("portable", lambda: moved(first({"portable": True}), "b.org", alsoKnownAs=[])),
    "a second SCID": ("parameter", lambda: then(first(), UPDATE, {"scid": "x"})),
    "life after deactivation": ("deactivated", lambda: then(then(first(), UPDATE, {"deactivated": True}), UPDATE)),
    "33 keys": ("keys", lambda: first(state=document(*many(33)))),
    "a key of small order": (
        "keys",
        lambda: first(state={"verificationMethod": [{"id": "#k", "type": "Multikey", "publicKeyMultibase": "z6Mk"}]}),
    ),
    "a method without an id": ("document", lambda: first(state={"verificationMethod": [{"type": "Multikey"}]})),
    "methods that are an object": ("document", lambda: first(state={"verificationMethod": {}})),
    "purposes that are text": (
        "document",
        lambda: first(state=document((OTHER, "authentication")) | {"assertionMethod": "#k"}),
    ),
    "a key that changes its purpose": ("purpose", repurposed),
}


@pytest.mark.parametrize(("reason", "make"), INVALID.values(), ids=INVALID.keys())
def test_a_log_is_invalid_for(reason: str, make: Callable[[], bytes]) -> None:
    with pytest.raises(KeyLogError) as caught:
        keylog.verify(make())
    assert (caught.value.reason, caught.value.unread) == (reason, False)


UNREAD: dict[str, tuple[str, Callable[[], bytes]]] = {
    "another method version": ("method", lambda: first({"method": "did:webvh:1.1"})),
    "another method version later": ("method", lambda: then(first(), UPDATE, {"method": "did:webvh:2.0"})),
    "an unknown parameter": ("parameter", lambda: first({"quorum": 2})),
    "an unknown member": ("entry", lambda: first(sequel=1)),
    "witnesses": ("witness", lambda: first({"witness": {"threshold": 1, "witnesses": [{"id": UPDATE.public.did}]}})),
    "an unknown member of the document": ("document", lambda: first(state={"wl.revoked": []})),
    "a key that is no Multikey": (
        "document",
        lambda: first(state={"verificationMethod": [{"id": "#k", "type": "JsonWebKey"}]}),
    ),
}


@pytest.mark.parametrize(("reason", "make"), UNREAD.values(), ids=UNREAD.keys())
def test_a_log_is_unread_for(reason: str, make: Callable[[], bytes]) -> None:
    with pytest.raises(KeyLogError) as caught:
        keylog.verify(make())
    assert (caught.value.reason, caught.value.unread) == (reason, True)
    assert "Upgrade" in caught.value.hint


def test_32_keys_and_an_entry_of_16_kib_are_read() -> None:
    assert len(keylog.verify(first(state=document(*many(32)))).keys) == 32
    room = webvh.MAX_ENTRY - len(first(state={"service": [""]}))
    full = first(state={"service": ["x" * room]})
    assert len(full) == webvh.MAX_ENTRY
    assert len(keylog.verify(full).entries) == 1
    with pytest.raises(KeyLogError):
        keylog.verify(first(state={"service": ["x" * (room + 1)]}))


def histories(vectors: Path) -> dict[str, bytes]:
    folder = vectors / "did-webvh" / "vectors"
    return {"/".join(path.parts[-3:-1]): path.read_bytes() for path in sorted(folder.glob("*/*/did.jsonl"))}


def witnessed(vectors: Path, name: str) -> bytes | None:
    path = vectors / "did-webvh" / "vectors" / name / "did-witness.json"
    return path.read_bytes() if path.is_file() else None


NOT_APPROVED = frozenset(f"witness-update/{name}" for name in ("java", "java-eecc", "python", "ts"))
"""Their second entry takes a witness out, and that witness has not approved it: the new list is active after the entry.
Two of the four makers resolve it all the same; the other two do not, and their expected results are empty."""


def test_the_histories_of_the_did_webvh_test_suite_verify(vectors: Path) -> None:
    read = {name: raw for name, raw in histories(vectors).items() if name not in NOT_APPROVED}
    assert len(read) > 56
    for name, raw in read.items():
        scid, entries = webvh.verify(raw, witnessed(vectors, name))
        result = json.loads((vectors / "did-webvh" / "vectors" / name / "resolutionResult.json").read_text())
        assert result["didDocument"]["id"] == entries[-1].did, name
        assert result["didDocumentMetadata"]["versionId"] == entries[-1].version_id, name
        assert scid == entries[0].did.split(":")[2]


@pytest.mark.parametrize("name", sorted(NOT_APPROVED))
def test_whoever_is_taken_out_as_a_witness_approves_that(vectors: Path, name: str) -> None:
    with pytest.raises(KeyLogError, match="1 of 2 witnesses have approved entry 2") as caught:
        webvh.verify(histories(vectors)[name], witnessed(vectors, name))
    assert not caught.value.unread


def test_histories_with_witnesses_are_unread_without_what_those_have_signed(vectors: Path) -> None:
    for name, raw in histories(vectors).items():
        if name.startswith("witness"):
            with pytest.raises(KeyLogError) as caught:
                webvh.verify(raw)
            assert caught.value.unread, name


def test_any_changed_letter_of_a_foreign_history_is_noticed(vectors: Path) -> None:
    raw = histories(vectors)["pre-rotation-consume/rust"]
    for at in range(0, len(raw), 37):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        with pytest.raises(KeyLogError):
            webvh.verify(changed)
