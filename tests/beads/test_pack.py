"""Packs from strangers: what is honest reads back, what is not is refused before it costs anything."""

import io
import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha1
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beads import gitobject, limits
from beads.errors import LimitExceeded, RemoteError
from beads.gitobject import BLOB, COMMIT, TREE
from beads.pack import DELTA_DEPTH, USUAL, Bounds, Pack, apply_delta, write
from tests.world import git, relay

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = {COMMIT: 1, TREE: 2, BLOB: 3}
OFS, REF = 6, 7


class Raw(NamedTuple):
    """An entry of a pack as its sender wants it."""

    kind: int
    data: bytes
    base: int | str = 0
    size: int | None = None
    """What it claims."""

    def encode(self, starts: Sequence[int], at: int) -> bytes:
        size = len(self.data) if self.size is None else self.size
        head = number((self.kind << 4) | (size & 15), size >> 4)
        if self.kind == OFS:
            head += offset(at - (starts[self.base] if isinstance(self.base, int) else 0))
        elif self.kind == REF:
            head += bytes.fromhex(str(self.base))
        return head + zlib.compress(self.data, 1)


def number(first: int, rest: int) -> bytes:
    out = bytearray([first])
    while rest:
        out[-1] |= 0x80
        out.append(rest & 0x7F)
        rest >>= 7
    return bytes(out)


def offset(distance: int) -> bytes:
    out = bytearray([distance & 0x7F])
    while distance := distance >> 7:
        distance -= 1
        out.insert(0, 0x80 | (distance & 0x7F))
    return bytes(out)


def packed(*entries: Raw, count: int | None = None) -> bytes:
    out = bytearray(b"PACK" + (2).to_bytes(4, "big") + (len(entries) if count is None else count).to_bytes(4, "big"))
    starts: list[int] = []
    for entry in entries:
        starts.append(len(out))
        out += entry.encode(starts, len(out))
    return bytes(out) + sha1(out, usedforsecurity=False).digest()


def blob(data: bytes, size: int | None = None) -> Raw:
    return Raw(NUMBERS[BLOB], data, size=size)


def varint(value: int) -> bytes:
    return number(value & 0x7F, value >> 7)


def delta(source: int, target: int, *commands: bytes) -> bytes:
    return varint(source) + varint(target) + b"".join(commands)


def copy(at: int, size: int) -> bytes:
    return bytes([0b1111_1111]) + at.to_bytes(4, "little") + size.to_bytes(3, "little")


def insert(data: bytes) -> bytes:
    return bytes([len(data)]) + data


def nowhere(_: str) -> tuple[str, bytes] | None:
    return None


def read(raw: bytes, bounds: Bounds = USUAL, outside: Callable[[str], tuple[str, bytes] | None] = nowhere) -> Pack:
    return Pack(memoryview(raw), outside, bounds)


def name(data: bytes) -> str:
    return gitobject.object_id(BLOB, data)


# -- honest --------------------------------------------------------------------------------------------------------


def test_what_git_packs_reads_back_with_its_deltas(tmp_path: Path) -> None:
    path = relay(tmp_path)
    texts = [b"".join(b"line %d of %d\n" % (n, each) for n in range(400 + each)) for each in range(30)]
    names = [git(path, "hash-object", "-w", "--stdin", stdin=text).decode().strip() for text in texts]
    listed = "\n".join(names).encode()
    for options in ([], ["--delta-base-offset"]):
        raw = git(path, "pack-objects", "--stdout", "-q", "--window=20", *options, stdin=listed)
        pack = read(raw)
        assert len(pack) == 30
        assert [pack.get(each) for each in names] == [(BLOB, text) for text in texts]


def test_deltas_may_come_before_what_they_build_on() -> None:
    base, made = b"hello world", b"world hello"
    change = delta(11, 11, copy(6, 5), insert(b" "), copy(0, 5))
    pack = read(packed(Raw(REF, change, name(base)), blob(base)))
    assert pack.get(name(made)) == (BLOB, made)


def test_a_thin_pack_builds_on_what_is_here() -> None:
    base = b"hello world"
    change = delta(11, 5, copy(0, 5))
    pack = read(packed(Raw(REF, change, name(base))), outside={name(base): (BLOB, base)}.get)
    assert pack.get(name(b"hello")) == (BLOB, b"hello")
    assert name(base) not in pack


def test_what_lies_in_the_pack_is_not_asked_for_outside() -> None:
    first, second, third = b"one", b"one two", b"one two three"
    asked: list[str] = []

    def outside(object_id: str) -> tuple[str, bytes]:
        asked.append(object_id)
        return BLOB, b"something else"

    on_second = Raw(REF, delta(7, 13, copy(0, 7), insert(b" three")), name(second))
    on_first = Raw(REF, delta(3, 7, copy(0, 3), insert(b" two")), name(first))
    pack = read(packed(on_second, on_first, blob(first)), outside=outside)
    assert [pack.get(name(each)) for each in (first, second, third)] == [(BLOB, first), (BLOB, second), (BLOB, third)]
    assert not asked


def test_two_deltas_on_each_other_are_what_they_were_made_from() -> None:
    """Both lie here already, so each can be made; but not from the other."""
    one, two = b"one and two", b"two and one"
    held = {name(one): (BLOB, one), name(two): (BLOB, two)}
    ring = packed(Raw(REF, delta(11, 11, insert(two)), name(one)), Raw(REF, delta(11, 11, insert(one)), name(two)))
    pack = read(ring, outside=held.get)
    assert [pack.get(name(each)) for each in (one, two)] == [(BLOB, one), (BLOB, two)]


def test_a_chain_whose_every_base_lies_here_too_is_as_deep_as_it_is_made() -> None:
    texts = [b"text %d" % n * 3 for n in range(2500)]
    held = {name(text): (BLOB, text) for text in texts}
    chain = [Raw(REF, delta(len(base), len(text), insert(text)), name(base)) for base, text in pairwise(texts)]
    for entries in (chain[::-1], chain):
        try:
            pack = read(packed(*entries), outside=held.get)
        except LimitExceeded:
            continue
        assert all(pack.get(name(text)) == (BLOB, text) for text in texts[1:])


def test_a_chain_of_sixty_is_read_from_either_end() -> None:
    entries = [blob(b"x" * 10)]
    for n in range(DELTA_DEPTH):
        entries.append(Raw(OFS, delta(10 + n, 11 + n, copy(0, 10 + n), insert(b"y")), n))
    last = b"x" * 10 + b"y" * DELTA_DEPTH
    assert read(packed(*entries)).get(name(last)) == (BLOB, last)


def test_an_empty_object_and_an_empty_pack_are_fine() -> None:
    assert read(packed(blob(b""))).get(name(b"")) == (BLOB, b"")
    assert len(read(packed())) == 0


@pytest.mark.parametrize("size", [0, 1, 15, 16, 2047, 2048, 4096, 4097, 70_000])
def test_a_pack_that_was_written_is_one_to_git_and_to_us(size: int, tmp_path: Path) -> None:
    random = b"".join(sha1(b"%d" % n, usedforsecurity=False).digest() for n in range(size // 20 + 1))[:size]
    objects = [gitobject.make(BLOB, random), gitobject.make(BLOB, b"a" * size + b"."), gitobject.make(TREE, b"")]
    raw = io.BytesIO()
    places, checksum = write(raw.write, objects)
    assert raw.getvalue().endswith(checksum)
    path = relay(tmp_path)
    listed = git(path, "index-pack", "--stdin", "--strict", "-v", stdin=raw.getvalue()).decode()
    assert checksum.hex() in listed
    shown = git(path, "show-index", stdin=next((path / "objects" / "pack").glob("*.idx")).read_bytes()).decode().split()
    expected = {(sha.hex(), place.offset, f"({place.crc:08x})") for sha, place in places.items()}
    assert set(zip(shown[1::3], map(int, shown[::3]), shown[2::3], strict=True)) == expected
    pack = read(raw.getvalue())
    assert {(each, *pack.get(each)) for each in pack} == {(obj.id, obj.kind, obj.data) for obj in objects}


@given(st.binary(max_size=300), st.lists(st.tuples(st.integers(0, 299), st.integers(1, 300), st.binary(max_size=9))))
def test_a_delta_makes_what_its_commands_say(base: bytes, pieces: list[tuple[int, int, bytes]]) -> None:
    commands: list[bytes] = []
    made = b""
    for at, size, added in pieces:
        if at + size <= len(base):
            commands.append(copy(at, size))
            made += base[at : at + size]
        if added:
            commands.append(insert(added))
            made += added
    assert apply_delta(base, delta(len(base), len(made), *commands), 1 << 20) == made


# -- not honest ----------------------------------------------------------------------------------------------------

SMALL = Bounds(objects=4, total=1000, largest=400)
LONG = [blob(b"x" * 10), *(Raw(OFS, delta(10, 10, copy(0, 10)), n) for n in range(DELTA_DEPTH + 1))]
BOMB_OF_DELTAS = [blob(b"x" * 300), *(Raw(OFS, delta(300, 400, copy(0, 300), copy(0, 100)), 0) for _ in range(3))]

TOO_MUCH = {
    "one object more than allowed": packed(*(blob(b"%d" % n) for n in range(5))),
    "a count of four thousand million": packed(count=0xFFFF_FFFF),
    "an object one byte too large": packed(blob(b"x" * 401)),
    "a claim that is too large, whatever follows": packed(blob(b"", size=1 << 40)),
    "objects too large together": packed(*(blob(b"%d" % n * 350) for n in range(3))),
    "a delta whose target is too large": packed(blob(b"x" * 9), Raw(OFS, delta(9, 401, *[copy(0, 9)] * 45), 0)),
    "deltas whose targets are too large together": packed(*BOMB_OF_DELTAS),
}
TOO_DEEP = packed(*LONG)

BROKEN = {
    "nothing": b"",
    "not a pack": b"JUNK" + packed(blob(b"x"))[4:],
    "a version nobody knows": b"PACK\0\0\0\4\0\0\0\0",
    "fewer objects than it says": packed(blob(b"x"), count=2),
    "an object shorter than it says": packed(blob(b"x" * 10, size=11)),
    "an object longer than it says": packed(blob(b"x" * 10, size=9)),
    "an object that says it is empty": packed(blob(b"x" * 300, size=0)),
    "a tag": packed(Raw(4, b"object " + b"0" * 40)),
    "an object of no type": packed(Raw(0, b"x")),
    "an object of the reserved type": packed(Raw(5, b"x")),
    "a delta on nothing": packed(Raw(REF, delta(1, 1, copy(0, 1)), "0" * 40)),
    "a delta on itself": packed(Raw(OFS, delta(1, 1, copy(0, 1)), 0)),
    "a delta on what lies before the pack": packed(blob(b"x"), Raw(OFS, delta(1, 1, copy(0, 1)), "x")),
    "a delta for another base": packed(blob(b"xy"), Raw(OFS, delta(1, 1, copy(0, 1)), 0)),
    "a delta that makes less than it says": packed(blob(b"x"), Raw(OFS, delta(1, 2, copy(0, 1)), 0)),
    "a delta that makes more than it says": packed(blob(b"xy"), Raw(OFS, delta(2, 1, copy(0, 2)), 0)),
    "a delta that reaches beyond its base": packed(blob(b"x"), Raw(OFS, delta(1, 2, copy(0, 2)), 0)),
    "a delta that begins beyond its base": packed(blob(b"x"), Raw(OFS, delta(1, 1, copy(5, 1)), 0)),
    "a delta that is cut short": packed(blob(b"x"), Raw(OFS, delta(1, 1, b"\xff"), 0)),
    "a delta with a reserved command": packed(blob(b"x"), Raw(OFS, delta(1, 1, b"\0"), 0)),
    "a delta without sizes": packed(blob(b"x"), Raw(OFS, b"", 0)),
    "a delta whose size never ends": packed(blob(b"x"), Raw(OFS, b"\xff" * 12, 0)),
    "no deflated data": packed(blob(b"x"))[:13] + b"\xff" * 20,
    "a size that never ends": b"PACK\0\0\0\2\0\0\0\1" + b"\xbf" + b"\xff" * 30,
    "an offset that never ends": b"PACK\0\0\0\2\0\0\0\1" + b"\x61" + b"\xff" * 30,
}  # fmt: skip


@pytest.mark.parametrize("raw", TOO_MUCH.values(), ids=TOO_MUCH.keys())
def test_a_pack_beyond_its_bounds_is_refused(raw: bytes) -> None:
    with pytest.raises(LimitExceeded):
        read(raw, SMALL)


def test_a_chain_of_deltas_beyond_sixty_is_refused() -> None:
    with pytest.raises(LimitExceeded, match="chain"):
        read(TOO_DEEP)


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_pack_is_a_remote_error(raw: bytes) -> None:
    with pytest.raises(RemoteError) as caught:
        read(raw)
    assert not isinstance(caught.value, LimitExceeded)


def test_a_pack_cut_anywhere_is_refused() -> None:
    raw = packed(
        blob(b"hello world"), Raw(OFS, delta(11, 5, copy(0, 5)), 0), Raw(REF, delta(11, 0), name(b"hello world"))
    )
    for end in range(len(raw) - 20):
        with pytest.raises(RemoteError):
            read(raw[:end])


@given(st.data())
def test_a_pack_changed_anywhere_never_gives_a_wrong_object(data: st.DataObject) -> None:
    honest = [b"hello world", b"hello", b"x" * 200]
    raw = bytearray(packed(blob(honest[0]), Raw(OFS, delta(11, 5, copy(0, 5)), 0), blob(honest[2])))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        pack = read(bytes(raw))
    except RemoteError:
        return
    for each in honest:
        if name(each) in pack:
            assert pack.get(name(each)) == (BLOB, each)


def test_work_does_not_multiply_through_a_long_chain() -> None:
    """Thousands of little deltas at the end of a chain of large ones: each large one is made once, not each time."""
    size = 1_000_000
    entries = [blob(bytes(size))]
    for n in range(DELTA_DEPTH - 1):
        entries.append(Raw(OFS, delta(size, size, copy(0, size - 1), insert(b"%c" % (n + 1))), n))
    deepest = len(entries) - 1
    entries += [Raw(OFS, delta(size, 4, insert(b"%04d" % n)), deepest) for n in range(4000)]
    used = os.times().user
    pack = read(packed(*entries))
    used = os.times().user - used
    assert len(pack) == DELTA_DEPTH + 4000
    # Making each anew would copy 240 GB; once, it is 60 MB.
    assert used < 2


CHILD = """
import sys
from beads.errors import RemoteError
from beads.pack import USUAL, Pack

def peak():
    # getrusage counts what this process was before it became this program, too: its parent, large as that may be.
    try:
        line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
        return int(line.split()[1])
    except OSError:
        return peak()

raw = open(sys.argv[1], "rb").read()
before = peak()
try:
    Pack(memoryview(raw), lambda _: None, USUAL)
    print("taken")
except RemoteError as error:
    print(type(error).__name__, error)
print(before, peak())
"""
CLAIMS = {
    "as large as it is": (1 << 30, "LimitExceeded an object of 1073741824 bytes; 1048576 are allowed"),
    "small": (1000, "RemoteError an object is not as long as its pack says"),
    "just small enough": (limits.OBJECT, "RemoteError an object is not as long as its pack says"),
}


@cache
def zeros(size: int) -> bytes:
    """That many zero bytes, deflated, without ever having them all."""
    machine = zlib.compressobj(9)
    block = bytes(1 << 20)
    return b"".join([*(machine.compress(block) for _ in range(size >> 20)), machine.flush()])


@pytest.mark.parametrize(("claimed", "answer"), CLAIMS.values(), ids=CLAIMS.keys())
def test_a_gigabyte_of_zeros_in_a_small_pack_is_refused_in_little_memory(
    tmp_path: Path, claimed: int, answer: str
) -> None:
    head = b"PACK" + (2).to_bytes(4, "big") + (1).to_bytes(4, "big") + number((3 << 4) | (claimed & 15), claimed >> 4)
    bomb = tmp_path / "bomb"
    bomb.write_bytes(head + zeros(1 << 30))
    command = [sys.executable, "-c", CHILD, str(bomb)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    said, figures = done.stdout.splitlines()
    before, peak = map(int, figures.split())
    print(f"a pack of {bomb.stat().st_size / 1e6:.2f} MB: {before // 1024} MB before, {peak // 1024} MB at most")
    assert said == answer
    assert peak < 200 * 1024
