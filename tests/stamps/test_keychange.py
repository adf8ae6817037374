"""Writing key logs: whatever is asked of one, what is written verifies and says what was asked."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stamps import keylog, timestamp, webvh
from stamps.errors import KeyLogError
from stamps.keychange import Change, Place, Revoke, announces, extend
from stamps.keylog import ASSERTION, AUTHENTICATION, KeyLog
from stamps.keys import SigningKey
from stamps.revocation import Repair
from tests.stamps.support import DEVICE, LAST, NEXT, OTHER, TIMES, UPDATE, document, first, incepted, then

A, B = "a" * 32, "b" * 32
ONE, TWO = "1" * 64, "2" * 64
ADD_OTHER = Change(add=((OTHER.public, ASSERTION),))
AGENT = Change(add=((DEVICE.public, AUTHENTICATION),))


@cache
def key(n: int) -> SigningKey:
    return SigningKey.from_seed(n.to_bytes(32, "big"))


def grown(*changes: Change) -> KeyLog:
    """A new actor's log with one entry a change."""
    log, update = keylog.verify(incepted()), NEXT
    for n, change in enumerate(changes, 1):
        log = keylog.verify(extend(log, update, key(n).public, TIMES[n], change))
        update = key(n)
    return log


def test_an_entry_goes_on_from_the_log_and_leaves_it_as_it_was() -> None:
    before = grown()
    raw = extend(before, NEXT, LAST.public, TIMES[1], ADD_OTHER)
    log = keylog.verify(raw)
    assert raw.startswith(before.raw)
    assert log.raw == raw
    assert log.device_keys() == {DEVICE.public.did, OTHER.public.did}
    assert grown().current == before.current


def test_an_entry_names_its_update_key_and_announces_the_next() -> None:
    log = grown(Change())
    assert log.entries[-1].update_keys == (NEXT.public.multibase,)
    assert log.entries[-1].next_key_hashes == (webvh.key_hash(key(1).public),)
    assert announces(log.entries[-1], key(1).public)
    assert not announces(log.entries[-1], NEXT.public)
    assert log.current == grown().current


def test_a_device_and_an_agent_are_added_for_what_they_are() -> None:
    log = grown(ADD_OTHER, Change(add=((LAST.public, AUTHENTICATION),)))
    assert log.current == {DEVICE.public.did: {ASSERTION}, OTHER.public.did: {ASSERTION},
                           LAST.public.did: {AUTHENTICATION}}  # fmt: skip


def test_a_key_is_revoked_where_another_takes_its_place() -> None:
    revoke = Revoke(key=DEVICE.public.did, heir=OTHER.public.did, at=((B, 3, TWO), (A, 7, ONE)))
    log = grown(Change(add=((OTHER.public, ASSERTION),), revoke=(revoke,)))
    assert log.device_keys() == {OTHER.public.did}
    assert log.heir_of(DEVICE.public.did) == OTHER.public.did
    assert [cut.log for cut in log.revoked[DEVICE.public.did].at] == [A, B]
    state = json.loads(log.raw.splitlines()[-1])["state"]
    assert state["assertionMethod"] == [f"{log.did}#{OTHER.public.multibase}"]
    assert [one["publicKeyMultibase"] for one in state["verificationMethod"]] == [OTHER.public.multibase]


def test_a_change_repeats_what_was_withdrawn_before() -> None:
    revoke = Revoke(key=DEVICE.public.did, at=((A, 7, ONE),))
    log = grown(
        Change(add=((OTHER.public, ASSERTION),), revoke=(revoke,)),
        Change(repairs=((B, 2, TWO),)),
        Change(revoke=(Revoke(key=DEVICE.public.did, heir=OTHER.public.did, at=((A, 9, TWO), (B, 0, ONE))),)),
    )
    found = log.revoked[DEVICE.public.did]
    assert [(cut.log, cut.seq, cut.version) for cut in found.at] == [(A, 9, 4), (B, 0, 4)]
    assert (found.version, found.heir) == (2, OTHER.public.did)
    assert log.repairs == (Repair(B, 2, TWO, 3),)


def test_a_did_that_moves_takes_its_keys_along_and_names_where_it_was() -> None:
    log = grown(Change(location="example.org:people:ann"), ADD_OTHER, Change(location="example.com"))
    first_did, second = f"did:webvh:{log.scid}:wasteland.invalid", f"did:webvh:{log.scid}:example.org:people:ann"
    state = log.entries[-1].document
    assert (log.did, log.first_did) == (f"did:webvh:{log.scid}:example.com", first_did)
    assert state["alsoKnownAs"] == [first_did, second]
    assert {method["controller"] for method in state["verificationMethod"]} == {log.did}
    assert log.device_keys() == {DEVICE.public.did, OTHER.public.did}


def test_a_did_may_move_back_and_a_move_to_where_it_is_changes_nothing() -> None:
    log = grown(Change(location="example.org"), Change(location="wasteland.invalid"))
    assert log.did == log.first_did
    assert log.entries[-1].document["alsoKnownAs"] == [f"did:webvh:{log.scid}:example.org"]
    assert "alsoKnownAs" not in grown(Change(location="wasteland.invalid")).entries[-1].document


def test_a_history_without_pre_rotation_is_gone_on_with_by_its_own_key() -> None:
    log = keylog.verify(first(state=document((DEVICE, ASSERTION))))
    longer = keylog.verify(extend(log, UPDATE, NEXT.public, TIMES[1], ADD_OTHER))
    assert longer.device_keys() == {DEVICE.public.did, OTHER.public.did}
    assert announces(longer.entries[-1], NEXT.public)


def test_what_a_document_says_besides_stays() -> None:
    scid = webvh.PLACEHOLDER
    service = [{"id": f"did:webvh:{scid}:example.com#site", "type": "Site", "serviceEndpoint": "https://example.com"}]
    log = keylog.verify(first({"portable": True}, document((DEVICE, ASSERTION)) | {"service": service}))
    moved = keylog.verify(extend(log, UPDATE, NEXT.public, TIMES[1], Change(location="example.com.au")))
    (found,) = moved.entries[-1].document["service"]
    assert found == {"id": f"{moved.did}#site", "type": "Site", "serviceEndpoint": "https://example.com"}


REFUSED: dict[str, tuple[str, Callable[[], object]]] = {
    "a key that was not announced": ("rotation", lambda: extend(grown(), OTHER, LAST.public, TIMES[1], Change())),
    "a device's key for the recovery key": (
        "rotation",
        lambda: extend(grown(), DEVICE, LAST.public, TIMES[1], ADD_OTHER),
    ),
    "the first update key again": ("rotation", lambda: extend(grown(), UPDATE, LAST.public, TIMES[1], Change())),
    "a recovery key that is spent": (
        "rotation",
        lambda: extend(grown(Change()), NEXT, LAST.public, TIMES[2], Change()),
    ),
    "a next key that is the same": ("keys", lambda: extend(grown(), NEXT, NEXT.public, TIMES[1], Change())),
    "a next key that was used before": ("keys", lambda: extend(grown(), NEXT, UPDATE.public, TIMES[1], Change())),
    "a next key that is a device's": ("keys", lambda: extend(grown(), NEXT, DEVICE.public, TIMES[1], Change())),
    "a new device that is the next key": ("keys", lambda: extend(grown(), NEXT, OTHER.public, TIMES[1], ADD_OTHER)),
    "a new device that is an update key": ("keys", lambda: grown(Change(add=((NEXT.public, ASSERTION),)))),
    "a device that is listed": ("keys", lambda: grown(Change(add=((DEVICE.public, ASSERTION),)))),
    "a purpose that signs nothing here": ("purpose", lambda: grown(Change(add=((OTHER.public, "keyAgreement"),)))),
    "a device that comes back as an agent": ("purpose", lambda: extended(without_device(), AGENT)),
    "a revoked key that comes back": (
        "revoked",
        lambda: grown(Change(revoke=(Revoke(key=DEVICE.public.did),)), Change(add=((DEVICE.public, ASSERTION),))),
    ),
    "a key that nobody knows": ("revoked", lambda: grown(Change(revoke=(Revoke(key=LAST.public.did),)))),
    "an heir that nobody knows": (
        "heir",
        lambda: grown(Change(revoke=(Revoke(key=DEVICE.public.did, heir=LAST.public.did),))),
    ),
    "a cut that is lowered": (
        "cut",
        lambda: grown(
            Change(revoke=(Revoke(key=DEVICE.public.did, at=((A, 3, ONE),)),)),
            Change(revoke=(Revoke(key=DEVICE.public.did, at=((A, 2, ONE),)),)),
        ),
    ),
    "a repair that is changed": (
        "repair",
        lambda: grown(Change(repairs=((A, 1, ONE),)), Change(repairs=((A, 1, TWO),))),
    ),
    "a time that is none": ("time", lambda: extend(grown(), NEXT, LAST.public, "now", Change())),
    "a time that stands still": ("time", lambda: extend(grown(), NEXT, LAST.public, TIMES[0], Change())),
    "anything after the end": ("deactivated", lambda: grown(Change(deactivate=True), Change())),
    "a 33rd key": ("keys", lambda: grown(Change(add=tuple((key(n).public, ASSERTION) for n in range(100, 132))))),
    "an entry that is too long": ("size", lambda: grown(Change(repairs=tuple((A, n, ONE) for n in range(150))))),
    "a move that portability does not cover": (
        "portable",
        lambda: extended(keylog.verify(first(state=document((DEVICE, ASSERTION)))), Change(location="example.org")),
    ),
}


def without_device() -> KeyLog:
    """A history of others' making that lists the device's key no longer, and does not revoke it."""
    raw = first(state=document((DEVICE, ASSERTION)))
    return keylog.verify(then(raw, UPDATE, state={"id": json.loads(raw)["state"]["id"]}))


def extended(log: KeyLog, change: Change) -> bytes:
    return extend(log, UPDATE, NEXT.public, TIMES[5], change)


@pytest.mark.parametrize(("reason", "make"), REFUSED.values(), ids=REFUSED.keys())
def test_an_entry_is_refused_for(reason: str, make: Callable[[], object]) -> None:
    with pytest.raises(KeyLogError) as caught:
        make()
    assert caught.value.reason == reason


def test_32_keys_are_taken() -> None:
    assert len(grown(Change(add=tuple((key(n).public, ASSERTION) for n in range(100, 131)))).current) == 32


# -- any sequence of changes ---------------------------------------------------------------------------------------


@dataclass
class Model:
    """What a key log should say, told without any key log."""

    log: KeyLog
    update: SigningKey
    current: dict[str, str]
    revoked: dict[str, tuple[str | None, int, dict[str, tuple[int, str, int]]]] = field(default_factory=dict)
    repairs: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    prefixes: list[bytes] = field(default_factory=list)

    def apply(self, change: Change) -> None:
        number = len(self.log.entries) + 1
        fresh = key(1_000_000 + number)
        raw = extend(self.log, self.update, fresh.public, timestamp.from_ms(2_000_000_000_000 + number * 1000), change)
        self.prefixes.append(self.log.raw)
        self.log, self.update = keylog.verify(raw), fresh
        self.current |= {added.did: purpose for added, purpose in change.add}
        for one in change.revoke:
            self.current.pop(one.key, None)
            heir, version, cuts = self.revoked.get(one.key, (None, number, {}))
            news = {log: (seq, op, number) for log, seq, op in one.at if cuts.get(log, (-1,))[0] != seq}
            self.revoked[one.key] = (heir or one.heir, version, cuts | news)
        for log, seq, keep in change.repairs:
            self.repairs.setdefault((log, seq), (keep, number))


@st.composite
def changes(draw: st.DrawFn, model: Model) -> Change:
    """One change that the rules allow where the model stands."""
    unused = [key(n).public for n in range(12) if key(n).public.did not in model.log.keys]
    add = draw(st.lists(st.tuples(st.sampled_from(unused), PURPOSES), max_size=2, unique_by=lambda pair: pair[0].did))
    listed = sorted({*model.current, *model.revoked})
    keys = draw(st.lists(st.sampled_from(listed), max_size=2, unique=True))
    devices = [did for did, purpose in model.current.items() if purpose == ASSERTION and did not in keys]
    heirs = [*devices, *(added.did for added, purpose in add if purpose == ASSERTION)]
    repairs = draw(st.lists(PLACES, max_size=1))
    return Change(
        add=tuple(add),
        revoke=tuple(draw(revocations(model, one, heirs)) for one in keys),
        repairs=tuple(place for place in repairs if place[:2] not in model.repairs),
        location=draw(st.sampled_from([None, "example.org", "example.org:ann", "wasteland.invalid"])),
    )


@st.composite
def revocations(draw: st.DrawFn, model: Model, did: str, heirs: list[str]) -> Revoke:
    heir, _, cuts = model.revoked.get(did, (None, 0, {}))
    if heir is None and heirs:
        heir = draw(st.sampled_from([None, *heirs]))
    places: list[Place] = []
    for log, seq, op in draw(st.lists(PLACES, max_size=2, unique_by=lambda place: place[0])):
        before = cuts.get(log)
        places.append((log, seq, op) if before is None else (log, before[0] + seq, before[1] if seq == 0 else op))
    return Revoke(key=did, heir=heir, at=tuple(places))


PURPOSES = st.sampled_from([ASSERTION, AUTHENTICATION])
PLACES = st.tuples(st.sampled_from([A, B]), st.integers(0, 3), st.sampled_from([ONE, TWO]))


@st.composite
def models(draw: st.DrawFn) -> Model:
    model = Model(keylog.verify(incepted()), NEXT, {DEVICE.public.did: ASSERTION})
    for _ in range(draw(st.integers(1, 5))):
        model.apply(draw(changes(model)))
    return model


@given(models())
def test_any_sequence_of_changes_verifies_and_says_what_was_asked(model: Model) -> None:
    log = model.log
    assert log.current == {did: frozenset((purpose,)) for did, purpose in model.current.items()}
    assert {did: (one.heir, one.version, {c.log: (c.seq, c.op, c.version) for c in one.at})
            for did, one in log.revoked.items()} == model.revoked  # fmt: skip
    assert {(one.log, one.seq): (one.keep, one.version) for one in log.repairs} == model.repairs
    assert log.keys.keys() == {*model.current, *model.revoked}


@given(models())
def test_every_beginning_of_a_log_verifies_and_allows_no_other_key(model: Model) -> None:
    for raw in model.prefixes:
        shorter = keylog.verify(raw)
        assert model.log.raw.startswith(shorter.raw)
        assert shorter.revoked.keys() <= model.log.revoked.keys()
        assert not announces(shorter.entries[-1], model.update.public)


@given(models(), st.data())
@settings(max_examples=50)
def test_any_changed_byte_is_noticed(model: Model, data: st.DataObject) -> None:
    raw = model.log.raw
    at = data.draw(st.integers(0, len(raw) - 2))
    changed = raw[:at] + bytes([raw[at] ^ data.draw(st.integers(1, 255))]) + raw[at + 1 :]
    with pytest.raises(KeyLogError):
        keylog.verify(changed)


def test_every_byte_of_an_entry_counts() -> None:
    revoke = Revoke(key=DEVICE.public.did, heir=OTHER.public.did, at=((A, 7, ONE),))
    before, raw = grown(), grown(Change(add=((OTHER.public, ASSERTION),), revoke=(revoke,))).raw
    for at in range(len(before.raw), len(raw) - 1):
        with pytest.raises(KeyLogError):
            keylog.verify(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
