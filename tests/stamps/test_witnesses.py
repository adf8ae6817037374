"""Witnesses of a history: how many must approve what, and what their signatures do not say."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from stamps import dataintegrity, webvh, witnesses
from stamps.errors import KeyLogError
from stamps.keys import SigningKey
from tests.stamps.support import UPDATE, first, then

NOW = "2026-01-01T00:00:00Z"
ANN, BOB, CAT = (SigningKey.from_seed(bytes([n]) * 32) for n in (21, 22, 23))


def of(threshold: int, *keys: SigningKey) -> dict[str, Any]:
    return {"threshold": threshold, "witnesses": [{"id": key.public.did} for key in keys]}


def ids(raw: bytes) -> list[str]:
    return [json.loads(line)["versionId"] for line in raw.splitlines()]


def signed(version_id: str, *keys: SigningKey) -> dict[str, Any]:
    proofs = [dataintegrity.sign({"versionId": version_id}, key, created=NOW)["proof"] for key in keys]
    return {"versionId": version_id, "proof": proofs}


def file(*entries: Mapping[str, Any]) -> bytes:
    return json.dumps(entries).encode()


ONE = first({"witness": of(2, ANN, BOB, CAT)})
TWO = then(ONE, UPDATE)
CHANGED = then(ONE, UPDATE, {"witness": of(1, CAT)})
DROPPED = then(ONE, UPDATE, {"witness": {}})
LATER = then(first(), UPDATE, {"witness": of(1, ANN)})

HOLDS: dict[str, tuple[bytes, Callable[[list[str]], bytes]]] = {
    "enough have signed": (ONE, lambda v: file(signed(v[0], ANN, CAT))),
    "all have": (ONE, lambda v: file(signed(v[0], ANN, BOB, CAT))),
    "a signature on a later entry speaks for those before": (TWO, lambda v: file(signed(v[1], ANN, BOB))),
    "each on another entry": (TWO, lambda v: file(signed(v[1], ANN, BOB), signed(v[0], CAT))),
    "the old list approves the new one": (CHANGED, lambda v: file(signed(v[1], ANN, BOB))),
    "the old list approves that there is none": (DROPPED, lambda v: file(signed(v[1], BOB, CAT))),
    "a list that came later binds what follows": (LATER, lambda v: file()),
    "one proof that is no array": (
        first({"witness": of(1, ANN)}), lambda v: file({**signed(v[0], ANN), "proof": signed(v[0], ANN)["proof"][0]}),
    ),
    "a Multikey for a did:key": (
        first({"witness": {"threshold": 1, "witnesses": [{"id": ANN.public.multibase}]}}),
        lambda v: file(signed(v[0], ANN)),
    ),
    "signatures on entries that are not there": (ONE, lambda v: file(signed("9-Qmx", ANN), signed(v[0], ANN, BOB))),
}  # fmt: skip
FAILS: dict[str, tuple[bytes, Callable[[list[str]], bytes]]] = {
    "nobody": (ONE, lambda v: file()),
    "too few": (ONE, lambda v: file(signed(v[0], ANN))),
    "one twice": (ONE, lambda v: file(signed(v[0], ANN, ANN))),
    "somebody else": (ONE, lambda v: file(signed(v[0], ANN, UPDATE))),
    "the first alone where there is a second": (TWO, lambda v: file(signed(v[0], ANN, BOB))),
    "the new list approves itself": (CHANGED, lambda v: file(signed(v[0], ANN, BOB), signed(v[1], CAT))),
    "an entry that is not there": (ONE, lambda v: file(signed("2-" + v[0][2:], ANN, BOB))),
    "a signature of another version": (ONE, lambda v: file({**signed("x", ANN, BOB), "versionId": v[0]})),
    "no array": (ONE, lambda v: b"{}"),
    "no JSON": (ONE, lambda v: b"["),
    "too much": (ONE, lambda v: b"[" + b" " * witnesses.MAX_FILE + b"]"),
}


@pytest.mark.parametrize(("raw", "made"), HOLDS.values(), ids=HOLDS.keys())
def test_a_history_is_approved(raw: bytes, made: Callable[[list[str]], bytes]) -> None:
    _, entries = webvh.verify(raw, made(ids(raw)))
    assert [entry.version_id for entry in entries] == ids(raw)


@pytest.mark.parametrize(("raw", "made"), FAILS.values(), ids=FAILS.keys())
def test_a_history_is_not_approved(raw: bytes, made: Callable[[list[str]], bytes]) -> None:
    with pytest.raises(KeyLogError) as caught:
        webvh.verify(raw, made(ids(raw)))
    assert (caught.value.reason, caught.value.unread) == ("witness", False)


@pytest.mark.parametrize(
    "value",
    [of(0, ANN), of(2, ANN), of(-1), of(1, ANN, ANN), {"threshold": 1}, {"threshold": "1", "witnesses": []}, [], "x"],
)
def test_a_list_that_makes_no_sense(value: Any) -> None:
    with pytest.raises(KeyLogError) as caught:
        webvh.verify(first({"witness": value}), file())
    assert (caught.value.reason, caught.value.unread) == ("witness", False)
