"""What a stranger's command can do in the sandbox: nothing that matters (protocol, section 10)."""

import hashlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

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


def test_the_system_cannot_be_written(source: Path) -> None:
    ended = run("touch /usr/x /bin/x /etc/x 2>&1 | grep -c 'Read-only file system'", source)
    assert ended.output.strip() == b"3"


def test_a_full_disk_ends_in_the_sandbox(source: Path) -> None:
    ended = run("head -c 64000000 /dev/zero > big", source)
    assert ended.exit != 0
    assert b"No space left" in ended.output or b"too large" in ended.output.lower()


@pytest.mark.parametrize("path", ["/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory"])
def test_what_governs_the_machine_cannot_be_written_even_by_root(path: str, source: Path) -> None:
    ended = run(f"exec 3>> {path}", source)
    assert ended.exit != 0
    assert b"Read-only" in ended.output or b"denied" in ended.output


@pytest.mark.parametrize("folder", ["/", "/etc", "/dev", "/proc", "/usr"])
def test_nothing_is_written_where_nothing_bounds_it(folder: str, source: Path) -> None:
    assert run(f"touch {folder}/x", source).exit != 0
    sizes = run("df --block-size=1 --output=size /tmp /work | tail -n +2", source)
    assert [int(size) for size in sizes.output.split()] == [SMALL.disk, SMALL.disk]


def test_shared_memory_works_and_is_bounded(source: Path) -> None:
    assert run("echo x > /dev/shm/x && cat /dev/shm/x", source).output == b"x\n"
    assert run("head -c 100000000 /dev/zero > /dev/shm/big", source, limits=Limits()).exit != 0


def test_keys_in_the_kernel_are_not_there(source: Path) -> None:
    """A session's keyring passes from process to process; tools keep tokens in it."""
    name = f"wl-test-{os.getpid()}"
    add = f"""import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall(250, 1, None)
libc.syscall(248, b'user', b'{name}', b'secret', 6, -3)
from pathlib import Path
from town.drivers.sandbox import Sandbox
print('{name}' in Path('/proc/keys').read_text(), Sandbox().run('cat /proc/keys', Path('{source}'), 20).output)
"""
    done = subprocess.run([sys.executable, "-c", add], capture_output=True, text=True, check=True, cwd=Path.cwd())
    seen, _, inside = done.stdout.partition(" ")
    if os.uname().machine != "x86_64" or seen != "True":
        pytest.skip("this kernel keeps no keys that could be seen")
    assert name not in inside


def test_work_that_does_not_fit_is_no_failed_command(source: Path) -> None:
    (source / "large").write_bytes(bytes(2 * MIB))
    with pytest.raises(SandboxError, match="could not be prepared"):
        run("true", source, limits=Limits(disk=MIB))


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
    """Whoever runs the tests: root's processes are not counted, so root's commands run as nobody."""
    ended = run("f() { sleep 3600 & f; }; f", source, 5, Limits(disk=16 * MIB, processes=64))
    assert ended.exit not in (0, None)
    assert b"fork" in ended.output.lower()


def test_output_without_end_is_kept_in_part_and_told_whole(source: Path) -> None:
    ended = run(f"head -c {KEPT + 1000} /dev/zero", source)
    assert len(ended.output) == KEPT
    assert ended.digest == hashlib.sha256(bytes(KEPT + 1000)).hexdigest()


def test_a_folder_that_may_be_read_has_its_programs_on_the_path(source: Path) -> None:
    # Root's commands run as nobody, who has no way into root's own folders.
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        tools = Path(name) / "bin"
        tools.mkdir()
        (tools / "greet").write_text("#!/bin/sh\necho hello\n")
        (tools / "greet").chmod(0o755)
        ended = Sandbox([tools.parent]).run("greet && ! touch $(dirname $(which greet))/x", source, SECONDS)
    assert ended.exit == 0
    assert b"hello" in ended.output


def test_a_folder_that_is_to_be_read_and_cannot_be_is_told(source: Path) -> None:
    with pytest.raises(SandboxError, match="/nowhere"):
        Sandbox([Path("/nowhere")]).run("true", source, SECONDS)


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
