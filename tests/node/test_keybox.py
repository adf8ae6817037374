"""The files of an identity: killed at any line of a change, no key is lost and the next change goes on."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from node import identity
from node.errors import NodeError
from node.home import Home
from node.keybox import DEVICE, KEYS, RECOVERY, REQUEST, Keybox, unlock
from node.recovery import safe
from stamps import keychange, keylog
from stamps.errors import KeyLogError
from stamps.keychange import Change, extend
from stamps.keylog import ASSERTION, KeyLog
from stamps.keyring import write_key
from stamps.keys import SigningKey
from tests.node import keybox_driver
from tests.node.keybox_driver import WORKS

ROOT = Path(__file__).resolve().parents[2]
BEGUN = "2026-01-01T00:00:00Z"
PASSPHRASE = b"correct horse"


def key(n: int) -> SigningKey:
    return SigningKey.from_seed(bytes([n]) * 32)


def incepted(device: SigningKey, recovery: SigningKey) -> KeyLog:
    raw = keylog.incept(update=key(9), next_update=recovery.public, device=device.public, time=BEGUN)
    return keylog.verify(raw)


@pytest.fixture
def base(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """What there is before the work that a test is about: a home, a stick with a copy of the recovery key."""
    folder = tmp_path / "base"
    (folder / "usb").mkdir(parents=True)
    home = Home(folder / "home")
    work = request.param
    keys = incepted(key(1), key(2))
    write_key(folder / "usb" / "recovery.key", key(3 if work in ("adopt", "learn") else 2))
    if work == "adopt":
        asked = identity.request(home, None, None)
        raw = extend(keys, key(2), key(3).public, "2026-01-02T00:00:00Z", Change(add=((asked, ASSERTION),)))
        (folder / KEYS).write_bytes(raw)
    elif work == "learn":
        settle_down(home, keys)
        raw = extend(keys, key(2), key(3).public, "2026-01-02T00:00:00Z", Change())
        (folder / KEYS).write_bytes(raw)
    elif work == "recover":
        (folder / KEYS).write_bytes(keys.raw)
    elif work != "make":
        settle_down(home, keys)
    return folder


def settle_down(home: Home, keys: KeyLog) -> None:
    with home.box.opened():
        home.box.stage(DEVICE, key(1), None)
        home.box.stage(RECOVERY, key(2), None)
        home.box.commit(keys.raw)


def left_behind(base: Path, out: Path, work: str) -> Iterator[Path]:
    """Yield each folder as a killed process left it."""
    out.mkdir()
    command = [sys.executable, "-m", keybox_driver.__name__, str(base), str(out), work]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (out / "whole").is_dir()
    yield from sorted(out.iterdir())


def recovery_keys(folder: Path) -> list[Path]:
    return [*folder.glob("usb/*.key"), *folder.glob(f"home/identity/{RECOVERY}")]


@pytest.mark.parametrize(("base", "work"), [(work, work) for work in WORKS], indirect=["base"], ids=WORKS)
def test_killed_at_any_line_the_next_command_goes_on_with_all_keys(base: Path, work: str, tmp_path: Path) -> None:
    lengths = set()
    for folder in left_behind(base, tmp_path / "out", work):
        home = Home(folder / "home")
        home.box.settle()
        left = {path.name for path in home.box.folder.glob("*.key")}
        if not home.exists:
            assert left <= {REQUEST}
            again(folder, work)
            left = {path.name for path in home.box.folder.glob("*.key")}
        keys = home.key_log()
        lengths.add(len(keys.entries))
        assert DEVICE in left
        assert left <= {DEVICE, RECOVERY}
        assert home.device_key().public.did in keys.current
        counts = [path for path in recovery_keys(folder) if announced(path, keys)]
        assert counts, folder
        identity.rotate(home, safe(home, counts[0], None))
        assert len(home.key_log().entries) == len(keys.entries) + 1
    assert len(lengths) == (2 if work.startswith(("rotate", "learn")) else 1)


def announced(path: Path, keys: KeyLog) -> bool:
    return keychange.announces(keys.entries[-1], unlock(path, None).key.public)


def again(folder: Path, work: str) -> None:
    """What a person does whose command was killed before it had done anything."""
    WORKS[work](folder)


# -- by hand -------------------------------------------------------------------------------------------------------


@pytest.fixture
def box(tmp_path: Path) -> Keybox:
    home = Home(tmp_path)
    settle_down(home, incepted(key(1), key(2)))
    return home.box


def grown(box: Keybox, *changes: Change) -> KeyLog:
    """The box's key log after some changes made elsewhere."""
    keys = box.key_log
    assert keys is not None
    for n, change in enumerate(changes, len(keys.entries)):
        raw = extend(keys, key(1 + n), key(2 + n).public, f"2026-01-0{1 + n}T00:00:00Z", change)
        keys = keylog.verify(raw)
    return keys


def test_a_longer_key_log_is_learnt_and_a_shorter_one_is_not(box: Keybox) -> None:
    longer, longest = grown(box, Change()), grown(box, Change(), Change())
    assert box.learn(longest)
    assert not box.learn(longer)
    assert not box.learn(longest)
    assert box.key_log == longest


def test_a_key_log_that_goes_on_otherwise_is_not_learnt(box: Keybox) -> None:
    other = grown(box, Change(add=((key(7).public, ASSERTION),)), Change())
    assert box.learn(grown(box, Change()))
    before = box.key_log
    assert not box.learn(other)
    assert box.key_log == before


def test_a_key_log_of_another_actor_is_not_learnt(box: Keybox) -> None:
    raw = extend(incepted(key(5), key(6)), key(6), key(7).public, "2026-01-02T00:00:00Z", Change())
    assert not box.learn(keylog.verify(raw))


def test_what_does_not_verify_replaces_nothing(box: Keybox) -> None:
    before = box.path(KEYS).read_bytes()
    with box.opened(), pytest.raises(KeyLogError):
        box.commit(before + before)
    assert box.path(KEYS).read_bytes() == before


def test_a_key_that_waits_takes_its_place_once_it_is_listed(box: Keybox) -> None:
    with box.opened():
        box.wait_with(key(8), None)
    assert box.learn(grown(box, Change()))
    assert box.path(REQUEST).exists()
    assert box.learn(grown(box, Change(add=((key(8).public, ASSERTION),))))
    assert not box.path(REQUEST).exists()
    assert unlock(box.path(DEVICE), None).key.public == key(8).public


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_a_public_half_needs_no_passphrase_but_in_a_form_that_hides_it(box: Keybox, passphrase: bytes | None) -> None:
    private = Ed25519PrivateKey.from_private_bytes(key(1).seed)
    lock = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    for form, known in ((PrivateFormat.OpenSSH, True), (PrivateFormat.PKCS8, passphrase is None)):
        box.path(DEVICE).write_bytes(private.private_bytes(Encoding.PEM, form, lock))
        assert box.public(DEVICE) == (key(1).public if known else None)
    assert box.public(REQUEST) is None


def test_half_a_key_file_is_thrown_away(box: Keybox) -> None:
    box.path("recovery.next.key").write_bytes(b"-----BEGIN OPENSSH PRIVATE KEY-----\n")
    box.settle()
    assert {path.name for path in box.folder.glob("*.key")} == {DEVICE, RECOVERY}


def test_keys_behind_a_passphrase_are_changed_and_stay_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WL_PASSPHRASE", PASSPHRASE.decode())
    home = Home(tmp_path / "home")
    home.make_identity(passphrase=PASSPHRASE)
    stick = tmp_path / "recovery.key"
    write_key(stick, unlock(home.box.path(RECOVERY), None).key, PASSPHRASE)
    before = home.box.public(DEVICE)
    changed = identity.rotate_device(home, safe(home, stick, None)).changed
    assert changed.recovery == tmp_path / "recovery.2.key"
    for path in (home.box.path(DEVICE), changed.recovery):
        assert unlock(path, lambda: PASSPHRASE).passphrase == PASSPHRASE
    assert home.box.public(DEVICE) not in (None, before)
    assert not home.box.path(RECOVERY).exists()


def test_a_recovery_key_that_cannot_be_handed_over_stays_in_the_home(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make_identity()
    fresh = key(4)
    with home.box.opened():
        raw = extend(
            home.key_log(), unlock(home.box.path(RECOVERY), None).key, fresh.public, "2999-01-01T00:00:00Z", Change()
        )
        home.box.stage(RECOVERY, fresh, None)
        home.box.commit(raw)
        with pytest.raises(NodeError) as caught:
            home.box.hand_over(fresh, tmp_path / "no" / "such" / "folder.key", None)
    assert str(home.box.path(RECOVERY)) in caught.value.hint
    assert unlock(home.box.path(RECOVERY), None).key.public == fresh.public


def test_two_homes_made_at_once_are_one(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        f"from pathlib import Path; from node.home import Home; Home(Path({str(tmp_path)!r})).make_identity()",
    ]
    both = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert sorted(process.wait() for process in both) == [0, 1]
    home = Home(tmp_path)
    assert home.device_key().public.did in home.key_log().current
    assert announced(home.box.path(RECOVERY), home.key_log())
