"""Accounts elsewhere: which can be proven, where the proof must lie, and what is no proof."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from beads.ledger import Author
from stamps import account
from stamps.errors import CredentialError
from tests.world import actor

ANN, BOB = actor("ann"), actor("bob")
NOW = "2026-11-21T00:00:00Z"
PLACES = {
    "github.com/ann": "https://raw.githubusercontent.com/ann/ann/HEAD/wasteland.json",
    "https://www.github.com/Ann/": "https://raw.githubusercontent.com/Ann/Ann/HEAD/wasteland.json",
    "gitlab.com/ann": "https://gitlab.com/ann/ann/-/raw/HEAD/wasteland.json",
    "codeberg.org/ann": "https://codeberg.org/ann/ann/raw/branch/main/wasteland.json",
    "example.org": "https://example.org/.well-known/wasteland.json",
    "http://127.0.0.1:8000": "http://127.0.0.1:8000/.well-known/wasteland.json",
}


@pytest.mark.parametrize(("said", "place"), PLACES.items())
def test_the_place_follows_from_the_account(said: str, place: str) -> None:
    chosen = account.normal(said)
    assert account.normal(chosen) == chosen
    assert account.place(chosen) == place


@pytest.mark.parametrize(
    "said",
    [
        "", "github.com", "github.com/ann/repo", "example.org/ann", "ftp://example.org", "https://ann@example.org",
        "example.org?x", "example.org#x", "exa mple.org", "github.com/..%2fbob", "https://", "x" * 200,
        "github.com/a\nb", "gist.github.com/ann/1", "http://[x", "https://[::1]x", "github.com/..", "github.com/.",
        "github.com/-ann", "example.org:99999", "example.org:0", "example.org:x",
    ],
)  # fmt: skip
def test_what_cannot_be_proven_is_refused(said: str) -> None:
    with pytest.raises(CredentialError):
        account.normal(said)


def proof(of: Author = ANN, where: str = "https://github.com/ann", **changes: Any) -> dict[str, Any]:
    document = account.build(where, of.key_log.first_did, of.signer, NOW)
    return {**document, **changes}


def test_a_proof_holds() -> None:
    account.check(proof(), "https://github.com/ann", ANN.key_log)


def test_forges_tell_no_names_apart_by_their_capitals() -> None:
    account.check(proof(where="https://github.com/Ann"), "https://github.com/ann", ANN.key_log)
    assert account.same("https://github.com/Ann", "https://github.com/ann")
    assert not account.same("https://github.com/Ann", "https://gitlab.com/ann")


def changed(document: dict[str, Any]) -> dict[str, Any]:
    made = copy.deepcopy(document)
    made["credentialSubject"]["account"] = "https://github.com/bob"
    return made


def by_another_key() -> dict[str, Any]:
    return account.build("https://github.com/ann", ANN.key_log.first_did, BOB.signer, NOW)


NO_PROOFS: dict[str, tuple[Callable[[], Any], str]] = {
    "text": (lambda: "hello", "format"),
    "an array": (lambda: [proof()], "format"),
    "no subject": (lambda: proof(credentialSubject="ann"), "format"),
    "unsigned": (lambda: {k: v for k, v in proof().items() if k != "proof"}, "proof"),
    "changed": (lambda: changed(proof()), "signature"),
    "another's": (lambda: proof(BOB), "subject"),
    "for no account": (lambda: proof(where=""), "account"),
    "for another account": (lambda: proof(where="https://github.com/bob"), "account"),
    "in Ann's name by Bob's key": (by_another_key, "key"),
}


@pytest.mark.parametrize(("made", "reason"), NO_PROOFS.values(), ids=NO_PROOFS.keys())
def test_what_is_no_proof(made: Callable[[], Any], reason: str) -> None:
    with pytest.raises(CredentialError) as caught:
        account.check(made(), "https://github.com/ann", ANN.key_log)
    assert caught.value.reason == reason
