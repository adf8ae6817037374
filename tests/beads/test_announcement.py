"""Announcements as bytes: one signature, one meaning, one week; and no crowd takes all the room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beads import announcement
from beads.announcement import KEPT, KEPT_OF_AN_ACTOR, LIFETIME_MS, Announcement, kept, make, read
from beads.errors import InvalidLine, RemoteError
from beads.limits import FUTURE_SKEW_MS
from stamps import canon, envelope
from stamps.keylog import KeyLog
from tests.world import EPOCH_MS, actor, second

ALICE = actor("alice")
COMMONS = "wlc1" + "a" * 52
URL = f"https://example.org/git/{COMMONS}"
LINE = make(COMMONS, URL, ALICE.actor, ALICE.signer, EPOCH_MS)


def key_log(scid: str) -> KeyLog | None:
    return ALICE.key_log if scid == ALICE.actor else None


def test_what_was_signed_is_read() -> None:
    assert read(LINE, COMMONS, key_log, EPOCH_MS) == Announcement(URL, ALICE.actor, EPOCH_MS, LINE)


@pytest.mark.parametrize(
    ("now_ms", "counts"),
    [
        (EPOCH_MS + LIFETIME_MS - 1, True),
        (EPOCH_MS + LIFETIME_MS, False),
        (EPOCH_MS - FUTURE_SKEW_MS, True),
        (EPOCH_MS - FUTURE_SKEW_MS - 1, False),
    ],
)
def test_it_counts_for_a_week(now_ms: int, counts: bool) -> None:
    if counts:
        assert read(LINE, COMMONS, key_log, now_ms).url == URL
    else:
        with pytest.raises(InvalidLine, match="announcement_time"):
            read(LINE, COMMONS, key_log, now_ms)


@given(st.integers(0, len(LINE) - 2), st.integers(1, 255))
def test_no_byte_of_it_can_be_another(at: int, change: int) -> None:
    other = LINE[:at] + bytes([LINE[at] ^ change]) + LINE[at + 1 :]
    with pytest.raises(InvalidLine):
        read(other, COMMONS, key_log, EPOCH_MS)


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(raw: bytes) -> None:
    with pytest.raises(InvalidLine):
        read(raw, COMMONS, key_log, EPOCH_MS)


def test_an_agent_s_key_announces_nothing() -> None:
    agent = second("alice", "authentication")
    line = make(COMMONS, URL, agent.actor, agent.signer, EPOCH_MS)
    with pytest.raises(InvalidLine, match="announcement_key"):
        read(line, COMMONS, lambda _: agent.key_log, EPOCH_MS)


def test_it_is_no_operation_and_no_operation_is_one() -> None:
    _, header = envelope.split(LINE)
    with pytest.raises(InvalidLine, match="announcement_signature"):
        read(envelope.seal(header, ALICE.signer), COMMONS, key_log, EPOCH_MS)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"c": "wlc1" + "b" * 52}, "announcement_commons"),
        ({"v": 2}, "announcement_format"),
        ({"more": 1}, "announcement_format"),
        ({"ms": "1"}, "announcement_format"),
        ({"ms": True}, "announcement_format"),
        ({"url": f"file:///git/{COMMONS}"}, "announcement_url"),
        ({"url": 1}, "announcement_format"),
        ({"key": "did:key:zzz"}, "announcement_key"),
        ({"actor": "nobody"}, "announcement_key"),
    ],
)  # fmt: skip
def test_what_is_signed_but_makes_no_sense_is_refused(change: dict[str, object], reason: str) -> None:
    _, header = envelope.split(LINE)
    said = dict(canon.parse(header)) | change  # type: ignore[arg-type]  # an object, as made above
    line = envelope.seal(canon.encode(said), ALICE.signer, announcement.PAYLOAD_TYPE)
    with pytest.raises(InvalidLine, match=reason):
        read(line, COMMONS, key_log, EPOCH_MS)


def test_nobody_signs_an_address_that_others_would_not_take() -> None:
    with pytest.raises(RemoteError):
        make(COMMONS, "ssh://example.org/x", ALICE.actor, ALICE.signer, EPOCH_MS)


SAID = st.builds(
    Announcement, st.sampled_from(["a", "b", "c", "d"]), st.sampled_from(["x", "y", "z"]),
    st.integers(EPOCH_MS - 2 * LIFETIME_MS, EPOCH_MS), st.just(b""),
)  # fmt: skip


@given(st.lists(SAID, max_size=20), st.lists(SAID, max_size=20))
def test_what_is_kept_is_bounded_current_and_the_latest(known: list[Announcement], new: list[Announcement]) -> None:
    first = kept([], known, EPOCH_MS)
    found = kept(first, new, EPOCH_MS)
    assert len({(each.actor, each.url) for each in found}) == len(found)
    assert all(each.ms > EPOCH_MS - LIFETIME_MS for each in found)
    for whose in {each.actor for each in found}:
        assert sum(each.actor == whose for each in found) <= KEPT_OF_AN_ACTOR
    # Who was there stays, with the latest that was said of the place.
    for each in first:
        said = [other.ms for other in (each, *new) if (other.actor, other.url) == (each.actor, each.url)]
        assert max(said) in [other.ms for other in found if (other.actor, other.url) == (each.actor, each.url)]
    assert kept(found, new, EPOCH_MS) == found


def test_a_crowd_of_new_actors_crowds_out_nobody() -> None:
    first = [Announcement(URL, f"first {n}", EPOCH_MS, b"") for n in range(KEPT)]
    crowd = [Announcement(URL, f"crowd {n}", EPOCH_MS + 1, b"") for n in range(KEPT)]
    assert kept(first, crowd, EPOCH_MS) == first
    assert len(kept(first[1:], crowd, EPOCH_MS)) == KEPT
