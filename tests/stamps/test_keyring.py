"""Private keys in files: ours, OpenSSH's and OpenSSL's."""

import base64
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from stamps import keyfile, keyring, openssh
from stamps.errors import KeyFileError, StampsError
from stamps.keys import SigningKey

OPENSSH = PrivateFormat.OpenSSH
PKCS8 = PrivateFormat.PKCS8
PASSPHRASE = b"correct horse"
P256 = ec.derive_private_key(7, ec.SECP256R1())
posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")


def by_openssl(key: SigningKey, form: PrivateFormat, passphrase: bytes | None) -> bytes:
    encryption: KeySerializationEncryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return Ed25519PrivateKey.from_private_bytes(key.seed).private_bytes(Encoding.PEM, form, encryption)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE], ids=["plain", "encrypted"])
@pytest.mark.parametrize("form", [OPENSSH, PKCS8], ids=["OpenSSH", "PKCS#8"])
def test_a_key_of_any_usual_form_is_read(
    alice: SigningKey, tmp_path: Path, form: PrivateFormat, passphrase: bytes | None
) -> None:
    path = write(tmp_path / "key", by_openssl(alice, form, passphrase))
    assert keyring.read_key(path, passphrase).seed == alice.seed


@pytest.mark.parametrize("passphrase", [None, b"", PASSPHRASE], ids=["none", "empty", "given"])
def test_a_written_key_reads_back(alice: SigningKey, tmp_path: Path, passphrase: bytes | None) -> None:
    keyring.write_key(tmp_path / "key", alice, passphrase)
    assert keyring.read_key(tmp_path / "key", passphrase).seed == alice.seed


def test_a_passphrase_for_an_unencrypted_key_is_ignored(alice: SigningKey, tmp_path: Path) -> None:
    keyring.write_key(tmp_path / "key", alice)
    assert keyring.read_key(tmp_path / "key", PASSPHRASE).seed == alice.seed
    assert keyfile.load(by_openssl(alice, PKCS8, None), PASSPHRASE).seed == alice.seed


@pytest.mark.parametrize("comment", ["", "a", "alice@laptop", "1234567"])
def test_the_plain_form_is_openssh_s(alice: SigningKey, comment: str) -> None:
    data = keyfile.dump_openssh(alice, None, comment)
    private = load_ssh_private_key(data, None)
    assert isinstance(private, Ed25519PrivateKey)
    assert private.private_bytes_raw() == alice.seed


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
@pytest.mark.parametrize("passphrase", [None, PASSPHRASE], ids=["plain", "encrypted"])
def test_ssh_keygen_reads_what_is_written(alice: SigningKey, tmp_path: Path, passphrase: bytes | None) -> None:
    keyring.write_key(tmp_path / "key", alice, passphrase)
    command = ["ssh-keygen", "-y", "-P", (passphrase or b"").decode(), "-f", str(tmp_path / "key")]
    printed = subprocess.run(command, capture_output=True, check=True).stdout
    assert keyfile.load_ssh_public(printed) == alice.public


@posix
def test_a_written_key_is_its_owner_s_alone(alice: SigningKey, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keyring.write_key(tmp_path / "key", alice)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_a_key_is_never_overwritten(alice: SigningKey, bob: SigningKey, tmp_path: Path) -> None:
    keyring.write_key(tmp_path / "key", alice)
    with pytest.raises(KeyFileError, match="exists already"):
        keyring.write_key(tmp_path / "key", bob)
    assert keyring.read_key(tmp_path / "key").seed == alice.seed


def test_a_write_that_fails_leaves_nothing_behind(
    alice: SigningKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(KeyFileError, match="No space left"):
            keyring.write_key(tmp_path / "key", alice)
    assert list(tmp_path.iterdir()) == []


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644])
def test_a_key_open_to_others_is_refused(alice: SigningKey, tmp_path: Path, mode: int) -> None:
    keyring.write_key(tmp_path / "key", alice)
    (tmp_path / "key").chmod(mode)
    with pytest.raises(KeyFileError, match="open to others") as caught:
        keyring.read_key(tmp_path / "key")
    assert caught.value.hint == f"chmod 600 {tmp_path / 'key'}"


def test_a_missing_file_or_folder_is_a_key_file_error(alice: SigningKey, tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot read"):
        keyring.read_key(tmp_path / "none")
    with pytest.raises(KeyFileError, match="cannot write"):
        keyring.write_key(tmp_path / "none" / "key", alice)


@pytest.mark.parametrize("form", [OPENSSH, PKCS8], ids=["OpenSSH", "PKCS#8"])
def test_the_fault_of_an_encrypted_file_is_named(alice: SigningKey, form: PrivateFormat) -> None:
    data = by_openssl(alice, form, PASSPHRASE)
    with pytest.raises(KeyFileError, match="is encrypted") as caught:
        keyfile.load(data, None)
    assert caught.value.hint
    with pytest.raises(KeyFileError, match="passphrase does not open"):
        keyfile.load(data, b"wrong")


def damaged(key: SigningKey) -> bytes:
    lines = openssh.dump_plain(key).splitlines()
    return b"\n".join([*lines[:2], b"AAAA", *lines[2:]])


def framed(text: bytes) -> bytes:
    return b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + text + b"\n-----END OPENSSH PRIVATE KEY-----"


def test_a_damaged_file_is_refused(alice: SigningKey, tmp_path: Path) -> None:
    whole = openssh.dump_plain(alice)
    cases = [
        b"",
        b"garbage",
        whole[:120],
        whole.replace(b"OPENSSH", b"RSA"),
        damaged(alice),
        whole[:-40] + whole[-36:],
        framed(b"A"),
        framed(b"AAAA"),
    ]
    for number, data in enumerate(cases):
        with pytest.raises(KeyFileError):
            keyring.read_key(write(tmp_path / f"key{number}", data))


def body_of(key: SigningKey) -> bytes:
    return base64.b64decode(b"".join(openssh.dump_plain(key).splitlines()[1:-1]))


def reframed(body: bytes) -> bytes:
    return framed(base64.b64encode(body))


def test_a_file_whose_seed_is_cut_is_refused(alice: SigningKey) -> None:
    """The lengths inside are all in order, so only the seed itself can be at fault."""
    body = body_of(alice)
    secret = alice.seed + alice.public.raw
    section = body[body.rindex(b"\0\0\0\x0bssh-ed25519") - 8 :]
    cut = section.replace((64).to_bytes(4, "big") + secret, (16).to_bytes(4, "big") + secret[:16])
    with pytest.raises(KeyFileError, match="no seed"):
        openssh.load_plain(reframed(body[: -len(section) - 4] + len(cut).to_bytes(4, "big") + cut))


def test_check_numbers_that_differ_are_refused(alice: SigningKey) -> None:
    body = body_of(alice)
    at = body.rindex(b"\0\0\0\x0bssh-ed25519") - 1
    with pytest.raises(KeyFileError, match="check numbers"):
        openssh.load_plain(reframed(body[:at] + b"\1" + body[at + 1 :]))


def test_a_file_of_two_keys_is_refused(alice: SigningKey) -> None:
    one = b"none\0\0\0\0\0\0\0\1"
    body = body_of(alice)
    assert body.count(one) == 1
    with pytest.raises(KeyFileError, match="more than one key"):
        openssh.load_plain(reframed(body.replace(one, one[:-1] + b"\2")))


def test_every_changed_byte_of_the_body_is_noticed_or_harmless(alice: SigningKey) -> None:
    """A flipped byte may hit the comment or the padding; it never yields another key."""
    body = openssh.dump_plain(alice, "comment").splitlines()
    text = b"".join(body[1:-1])
    for at in range(0, len(text), 3):
        changed = text[:at] + (b"A" if text[at : at + 1] != b"A" else b"B") + text[at + 1 :]
        try:
            key = openssh.load_plain(b"\n".join([body[0], changed, body[-1]]))
        except StampsError:
            continue
        assert key is None or key.seed == alice.seed


OTHERS = {
    "P-256 in PKCS#8": P256.private_bytes(Encoding.PEM, PKCS8, NoEncryption()),
    "P-256 in OpenSSH": P256.private_bytes(Encoding.PEM, OPENSSH, NoEncryption()),
    "P-256 in OpenSSH, encrypted": P256.private_bytes(Encoding.PEM, OPENSSH, BestAvailableEncryption(PASSPHRASE)),
}


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS.keys())
def test_only_ed25519_is_read(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(KeyFileError, match="not Ed25519"):
        keyring.read_key(write(tmp_path / "key", data), PASSPHRASE)


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_the_public_half_is_read_without_the_passphrase(alice: SigningKey, passphrase: bytes | None) -> None:
    assert openssh.public_of(by_openssl(alice, OPENSSH, passphrase)) == alice.public
    assert openssh.public_of(keyfile.dump_openssh(alice, passphrase)) == alice.public


def test_there_is_no_public_half_of_another_kind_or_of_half_a_file(alice: SigningKey) -> None:
    whole = openssh.dump_plain(alice).splitlines()
    cut = [b"\n".join([whole[0], b"".join(whole[1:-1])[:length], whole[-1]]) for length in range(0, 100, 4)]
    for data in (*OTHERS.values(), b"", *cut):
        with pytest.raises(StampsError):
            openssh.public_of(data)


def test_a_public_key_line_is_read(alice: SigningKey) -> None:
    public = Ed25519PrivateKey.from_private_bytes(alice.seed).public_key()
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    assert keyfile.load_ssh_public(line + b" alice@laptop\n") == alice.public


def test_other_public_key_lines_are_refused() -> None:
    other = P256.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    for line in (b"", b"ssh-ed25519 AAAA", other):
        with pytest.raises(KeyFileError):
            keyfile.load_ssh_public(line)


def test_the_openssh_test_key_is_read(vectors: Path) -> None:
    line = (vectors / "sshsig" / "ed25519.pub").read_bytes()
    assert keyfile.load_ssh_public(line).did.startswith("did:key:z6Mk")


def test_seeds_are_fresh() -> None:
    seeds = {keyring.new_seed() for _ in range(4)}
    assert len(seeds) == 4
    assert {len(seed) for seed in seeds} == {32}


def test_reading_a_plain_key_imports_no_cryptography(alice: SigningKey, tmp_path: Path) -> None:
    keyring.write_key(tmp_path / "key", alice)
    program = (
        "import sys, pathlib; from stamps import keyring; keyring.read_key(pathlib.Path(sys.argv[1]));"
        "print(sorted({'cryptography', 'bcrypt', 'rfc8785'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "key")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
