"""What a stranger's command can do in the sandbox: nothing that matters (protocol, section 10)."""

import hashlib
import os
import shutil
import socket
from pathlib import Path

import pytest

from town.drivers.process import identify, wait_end
from town.drivers.sandbox import KEPT, Ended, Sandbox
from town.errors import SandboxError
from town.sandbox import Limits

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
SECONDS = 20
MIB = 1 << 20


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "a").write_text("as it was\n")
    return folder


SMALL = Limits(disk=16 * MIB)


def run(command: str, source: Path, seconds: float = SECONDS, limits: Limits = SMALL) -> Ended:
    return Sandbox(limits=limits).run(command, source, seconds)


def test_the_work_is_there_and_is_a_copy(source: Path) -> None:
    ended = run("cat a; echo changed > a; cat a; mkdir b; pwd", source)
    assert (ended.exit, ended.output) == (0, b"as it was\nchanged\n/work\n")
    assert (source / "a").read_text() == "as it was\n"
    assert not (source / "b").exists()


@pytest.mark.parametrize(
    ("command", "code"), [("true", 0), ("exit 3", 3), ("no-such-program", 127), ("kill -9 $$", 137)]
)
def test_the_exit_code_is_the_commands(command: str, code: int, source: Path) -> None:
    assert run(command, source).exit == code


def test_there_is_no_network(source: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connect = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
        ended = run(f'python3 -c "{connect}"', source)
    assert ended.exit != 0
    assert b"refused" in ended.output or b"not found" in ended.output


@pytest.mark.parametrize("path", [str(Path.home()), "/etc/passwd", "/root", "/home", "/var", "/run", "/sys"])
def test_other_peoples_files_are_not_there(path: str, source: Path) -> None:
    assert run(f"test ! -e {path}", source).exit == 0


def test_secrets_of_the_environment_are_not_there(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    ended = run("env; cat /proc/*/environ", source)
    assert b"s3cret" not in ended.output


def test_no_other_process_is_seen(source: Path) -> None:
    ended = run("ls /proc | grep -c '^[0-9]'", source)
    assert int(ended.output) < 10


def test_the_source_and_the_system_cannot_be_written(source: Path) -> None:
    ended = run("touch /source/x /usr/x /bin/x 2>&1 | grep -c 'Read-only file system'", source)
    assert ended.output.strip() == b"3"


def test_a_full_disk_ends_in_the_sandbox(source: Path) -> None:
    ended = run("head -c 64000000 /dev/zero > big", source)
    assert ended.exit != 0
    assert b"No space left" in ended.output or b"too large" in ended.output.lower()


def test_a_further_sandbox_cannot_be_made(source: Path) -> None:
    """User namespaces are where holes in kernels are found."""
    assert run("unshare --user true", source).exit != 0


def test_too_long_is_stopped_with_all_that_it_started(source: Path) -> None:
    marker = f"{os.getpid()}{id(source)}"
    ended = run(f"echo began; sleep 3600.{marker} & sleep 3600.{marker}", source, 0.7)
    assert (ended.exit, ended.output) == (None, b"began\n")
    assert all_end(marker)


def test_what_is_left_running_is_ended(source: Path) -> None:
    marker = f"{os.getpid()}{id(source)}"
    ended = run(f"setsid sleep 3600.{marker} > /dev/null 2>&1 & echo done", source)
    assert ended.exit == 0
    assert all_end(marker)


def test_a_fork_bomb_is_held(source: Path) -> None:
    ended = run("f() { f | f & }; f; sleep 3600", source, 1.5, Limits(disk=16 * MIB, processes=64))
    assert ended.exit is None or ended.exit > 0


def test_output_without_end_is_kept_in_part_and_told_whole(source: Path) -> None:
    ended = run(f"head -c {KEPT + 1000} /dev/zero", source)
    assert len(ended.output) == KEPT
    assert ended.digest == hashlib.sha256(bytes(KEPT + 1000)).hexdigest()


def test_a_folder_that_may_be_read_has_its_programs_on_the_path(source: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools" / "bin"
    tools.mkdir(parents=True)
    (tools / "greet").write_text("#!/bin/sh\necho hello\n")
    (tools / "greet").chmod(0o755)
    ended = Sandbox([tools.parent]).run("greet && ! touch $(dirname $(which greet))/x", source, SECONDS)
    assert ended.exit == 0
    assert b"hello" in ended.output


@pytest.mark.parametrize("script", ["exit 1", "echo 'bwrap: No permissions to create new namespace' >&2; exit 1"])
def test_without_a_sandbox_nothing_runs(
    script: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError):
        Sandbox().check(source)


def test_without_bubblewrap_nothing_runs(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SandboxError, match="bubblewrap is not installed"):
        Sandbox().run("true", source, SECONDS)


def all_end(marker: str) -> bool:
    """Wait for every process whose command holds a word: the kernel ends those of a sandbox after its first."""
    numbers = [path.name for path in Path("/proc").iterdir() if path.name.isdigit()]
    found = [identify(int(number)) for number in numbers if marker.encode() in read(Path("/proc", number, "cmdline"))]
    return all(process is None or wait_end(process, SECONDS) for process in found)


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
