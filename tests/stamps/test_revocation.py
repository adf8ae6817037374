"""What a key log takes back: where it counts from, and every way in which it cannot be taken back again."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from stamps import keylog
from stamps.errors import KeyLogError
from stamps.keylog import KeyLog
from stamps.keys import SigningKey
from stamps.revocation import Cut, Repair
from tests.stamps.support import DEVICE, LAST, OTHER, UPDATE, Members, document, filled, first, then

A, B = "a" * 32, "b" * 32
ONE, TWO = "1" * 64, "2" * 64
DEVICES = (DEVICE, OTHER)


def history(*documents: Members) -> bytes:
    """A key log with these documents; a key listed is a device."""
    raw = first(state=documents[0])
    scid = json.loads(raw)["parameters"]["scid"]
    for each in documents[1:]:
        raw = then(raw, UPDATE, state=filled(each, scid))
    return raw


def listing(*keys: SigningKey, **wl: Any) -> Members:
    return document(*((key, "assertionMethod") for key in keys)) | ({"wl": wl} if wl else {})


def revoked(key: SigningKey, *at: list[Any], **members: Any) -> Members:
    return {"key": key.public.did, "at": list(at)} | members


def by_key(*entries: Members) -> list[Members]:
    return sorted(entries, key=lambda one: str(one["key"]))


def then_revoked(*more: Members) -> bytes:
    """DEVICE and OTHER, then DEVICE revoked at (A, 5, ONE), then what `more` says."""
    return history(listing(*DEVICES), listing(OTHER, revoked=[revoked(DEVICE, [A, 5, ONE])]), *more)


def test_a_revoked_key_stays_known_and_is_current_no_longer() -> None:
    log = keylog.verify(then_revoked())
    assert log.allows(DEVICE.public.did, "assertionMethod")
    assert log.purposes(DEVICE.public.did) == {"assertionMethod"}
    assert log.device_keys() == {OTHER.public.did}
    assert log.revoked.keys() == {DEVICE.public.did}


def test_a_cut_is_found_by_key_and_log() -> None:
    log = keylog.verify(then_revoked())
    assert log.cut(DEVICE.public.did, A) == Cut(A, 5, ONE, 2)
    assert log.cut(DEVICE.public.did, B) is None
    assert log.cut(OTHER.public.did, A) is None
    assert log.heir_of(DEVICE.public.did) is None
    assert log.heir_of(OTHER.public.did) is None


def test_without_revocations_nothing_is_withdrawn() -> None:
    log = keylog.verify(history(listing(DEVICE), listing(DEVICE) | {"wl": {}}))
    assert (log.revoked, log.repairs) == ({}, ())


def test_a_raised_cut_counts_from_the_entry_that_raised_it() -> None:
    log = keylog.verify(
        then_revoked(
            listing(OTHER, revoked=[revoked(DEVICE, [A, 5, ONE], [B, 0, TWO])]),
            listing(OTHER, revoked=[revoked(DEVICE, [A, 7, TWO], [B, 0, TWO])]),
        )
    )
    found = log.revoked[DEVICE.public.did]
    assert found.version == 2
    assert found.at == (Cut(A, 7, TWO, 4), Cut(B, 0, TWO, 3))


def test_an_heir_may_be_named_later_and_be_revoked_in_its_turn() -> None:
    entries = by_key(
        revoked(DEVICE, [A, 5, ONE], heir=OTHER.public.did), revoked(OTHER, heir=LAST.public.did)
    )  # fmt: skip
    log = keylog.verify(
        then_revoked(
            listing(OTHER, LAST, revoked=[revoked(DEVICE, [A, 5, ONE], heir=OTHER.public.did)]),
            listing(LAST, revoked=entries),
        )
    )
    assert log.heir_of(DEVICE.public.did) == OTHER.public.did
    assert log.heir_of(OTHER.public.did) == LAST.public.did
    assert {key: one.version for key, one in log.revoked.items()} == {DEVICE.public.did: 2, OTHER.public.did: 4}


def test_repairs_gather() -> None:
    one, two = {"log": A, "seq": 3, "keep": ONE}, {"log": A, "seq": 1, "keep": TWO}
    log = keylog.verify(history(listing(DEVICE), listing(DEVICE, repairs=[one]), listing(DEVICE, repairs=[two, one])))
    assert log.repairs == (Repair(A, 1, TWO, 3), Repair(A, 3, ONE, 2))


def test_a_key_that_left_the_document_can_still_be_revoked() -> None:
    log = keylog.verify(history(listing(*DEVICES), listing(OTHER), listing(OTHER, revoked=[revoked(DEVICE)])))
    assert log.revoked[DEVICE.public.did].version == 3


def with_wl(value: Any) -> Callable[[], bytes]:
    return lambda: history(listing(*DEVICES), listing(OTHER) | {"wl": value})


def with_cut(*at: Any) -> Callable[[], bytes]:
    return with_wl({"revoked": [{"key": DEVICE.public.did, "at": list(at)}]})


def after(*members: Members, keys: tuple[SigningKey, ...] = (OTHER,)) -> Callable[[], bytes]:
    return lambda: then_revoked(listing(*keys, revoked=list(members)))


MAX = 2**53 - 1
REPAIR = {"log": A, "seq": 0, "keep": ONE}
BOTH = by_key(revoked(DEVICE), revoked(OTHER))

INVALID: dict[str, tuple[str, Callable[[], bytes]]] = {
    "an array instead of what is withdrawn": ("wl", with_wl([])),
    "revocations that are an object": ("wl", with_wl({"revoked": {}})),
    "a revocation without cuts": ("wl", with_wl({"revoked": [{"key": DEVICE.public.did}]})),
    "a revocation without a key": ("wl", with_wl({"revoked": [{"at": []}]})),
    "an heir that is null": ("wl", with_wl({"revoked": [revoked(DEVICE, heir=None)]})),
    "an heir that is no key": ("wl", with_wl({"revoked": [revoked(DEVICE, heir="did:key:z6Mk")]})),
    "a key that is none": ("wl", with_wl({"revoked": [{"key": "did:web:example.org", "at": []}]})),
    "a cut of two members": ("wl", with_cut([A, 5])),
    "a cut of four members": ("wl", with_cut([A, 5, ONE, 0])),
    "a log's id in capitals": ("wl", with_cut(["A" * 32, 5, ONE])),
    "a log's id that is too long": ("wl", with_cut([A + "a", 5, ONE])),
    "a log's id with a line feed": ("wl", with_cut([A[:-1] + "\n", 5, ONE])),
    "a position below 0": ("wl", with_cut([A, -1, ONE])),
    "a position that is a truth value": ("wl", with_cut([A, True, ONE])),
    "a position that is no integer": ("wl", with_cut([A, 0.5, ONE])),
    "an operation in capitals": ("wl", with_cut([A, 5, "A" * 64])),
    "an operation that is too short": ("wl", with_cut([A, 5, ONE[1:]])),
    "cuts that are not sorted": ("wl", with_cut([B, 0, ONE], [A, 0, ONE])),
    "two cuts of one log": ("wl", with_cut([A, 0, ONE], [A, 1, ONE])),
    "revocations that are not sorted": (
        "wl",
        lambda: history(listing(*DEVICES), listing(LAST, revoked=BOTH[::-1])),
    ),
    "a key revoked twice": ("wl", with_wl({"revoked": [revoked(DEVICE), revoked(DEVICE)]})),
    "a repair without what it keeps": ("wl", with_wl({"repairs": [{"log": A, "seq": 0}]})),
    "two repairs of one place": ("wl", with_wl({"repairs": [REPAIR, REPAIR | {"keep": TWO}]})),
    "a key revoked that nobody lists": ("revoked", with_wl({"revoked": [revoked(LAST)]})),
    "a key revoked by the entry that brings it": (
        "revoked",
        lambda: history(listing(OTHER), listing(OTHER, DEVICE, revoked=[revoked(DEVICE)])),
    ),
    "a key revoked by the first entry": ("revoked", lambda: history(listing(OTHER, revoked=[revoked(DEVICE)]))),
    "a revoked key that stays listed": (
        "revoked",
        lambda: history(listing(*DEVICES), listing(*DEVICES, revoked=[revoked(DEVICE)])),
    ),
    "a revoked key that comes back": ("revoked", after(revoked(DEVICE, [A, 5, ONE]), keys=DEVICES)),
    "a revocation that is dropped": ("revoked", lambda: then_revoked(listing(OTHER))),
    "a revocation that gives way to another": ("revoked", after(revoked(OTHER), keys=(LAST,))),
    "a cut that is dropped": ("cut", after(revoked(DEVICE))),
    "a cut that is lowered": ("cut", after(revoked(DEVICE, [A, 4, ONE]))),
    "a cut of another operation": ("cut", after(revoked(DEVICE, [A, 5, TWO]))),
    "a cut that moves to another log": ("cut", after(revoked(DEVICE, [B, 5, ONE]))),
    "an heir that is not listed": ("heir", after(revoked(DEVICE, [A, 5, ONE], heir=LAST.public.did))),
    "an heir that is the revoked key": ("heir", after(revoked(DEVICE, [A, 5, ONE], heir=DEVICE.public.did))),
    "an heir that is an agent": (
        "heir",
        lambda: history(
            listing(DEVICE),
            document((OTHER, "authentication")) | {"wl": {"revoked": [revoked(DEVICE, heir=OTHER.public.did)]}},
        ),
    ),
    "an heir that is revoked at once": (
        "heir",
        lambda: history(
            listing(*DEVICES),
            listing(LAST, revoked=by_key(revoked(DEVICE, heir=OTHER.public.did), revoked(OTHER))),
        ),
    ),
    "an heir that is exchanged": (
        "heir",
        lambda: then_revoked(
            listing(OTHER, LAST, revoked=[revoked(DEVICE, [A, 5, ONE], heir=OTHER.public.did)]),
            listing(OTHER, LAST, revoked=[revoked(DEVICE, [A, 5, ONE], heir=LAST.public.did)]),
        ),
    ),
    "an heir that is dropped": (
        "heir",
        lambda: then_revoked(
            listing(OTHER, revoked=[revoked(DEVICE, [A, 5, ONE], heir=OTHER.public.did)]),
            listing(OTHER, revoked=[revoked(DEVICE, [A, 5, ONE])]),
        ),
    ),
    "a repair that is dropped": (
        "repair",
        lambda: history(listing(DEVICE), listing(DEVICE, repairs=[REPAIR]), listing(DEVICE)),
    ),
    "a repair that is changed": (
        "repair",
        lambda: history(
            listing(DEVICE), listing(DEVICE, repairs=[REPAIR]), listing(DEVICE, repairs=[REPAIR | {"keep": TWO}])
        ),
    ),
}


@pytest.mark.parametrize(("reason", "make"), INVALID.values(), ids=INVALID.keys())
def test_a_log_is_invalid_for(reason: str, make: Callable[[], bytes]) -> None:
    with pytest.raises(KeyLogError) as caught:
        keylog.verify(make())
    assert (caught.value.reason, caught.value.unread) == (reason, False)


UNREAD: dict[str, Callable[[], bytes]] = {
    "something new beside revocations": with_wl({"delegates": []}),
    "a revocation with a new member": with_wl({"revoked": [revoked(DEVICE, until=3)]}),
    "a repair with a new member": with_wl({"repairs": [REPAIR | {"why": ""}]}),
}


@pytest.mark.parametrize("make", UNREAD.values(), ids=UNREAD.keys())
def test_a_log_is_unread_for(make: Callable[[], bytes]) -> None:
    with pytest.raises(KeyLogError) as caught:
        keylog.verify(make())
    assert (caught.value.reason, caught.value.unread) == ("document", True)


def test_the_highest_position_there_can_be_is_read() -> None:
    log: KeyLog = keylog.verify(with_cut([A, MAX, ONE])())
    found = log.cut(DEVICE.public.did, A)
    assert found is not None
    assert found.seq == MAX
    with pytest.raises(KeyLogError) as caught:
        keylog.verify(with_cut([A, MAX, ONE])().replace(str(MAX).encode(), str(MAX + 1).encode()))
    assert caught.value.reason == "json"
