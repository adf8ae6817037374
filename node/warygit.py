"""Git on what strangers sent: with none of the reviewer's settings, and a time, a memory and a size. ⚡"""

import os
import re
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from beads.address import Reach, check_url
from beads.errors import RemoteError
from node import wiring
from node.errors import NodeError
from node.terminal import visible

SECONDS = 600
REPOSITORY_BYTES = 1 << 30
MEMORY_BYTES = 4 << 30

_WATCH_S = 0.2
_HOST = re.compile("[a-z0-9.-]{1,253}")
_OWN = ("PATH", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_EXEC_PATH")
"""What a git that speaks to a stranger is given of this environment: nothing that names a password or a program."""
_PORTS = {"http": 80, "https": 443}
_SETTINGS = (
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.quotePath=false", "protocol.ext.allow=never",
    "submodule.recurse=false", "fetch.recurseSubmodules=false", "fetch.unpackLimit=1", "transfer.fsckObjects=true",
    "gc.auto=0", "maintenance.auto=false", "init.defaultBranch=main",
)  # fmt: skip
_STRANGERS = (
    "credential.helper=", "http.followRedirects=false", "http.proxy=", "protocol.allow=never",
    "protocol.http.allow=always", "protocol.https.allow=always",
)  # fmt: skip


class Place(NamedTuple):
    """Where a repository is.

    Attributes:
        url: Its address, or a path.
        reach: How far it may lead as a stranger's; None where the reviewer gave it.
    """

    url: str
    reach: Reach | None


class Answer(NamedTuple):
    """What git answered, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def reason(self) -> str:
        """What it said was fatal, else the last that it said."""
        lines = [line for line in self.err.split("\n") if line.strip()]
        fatal = [line.removeprefix("fatal: ") for line in lines if line.startswith("fatal: ")]
        return visible((fatal[:1] or lines[-1:] or ["git said nothing"])[0][:300])


class WaryGit:
    """Runs git in one repository.

    Args:
        folder: A folder for it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._quiet = wiring.git_environment()

    def fetch(self, place: Place, *names: str) -> Answer:
        """Fetch references.

        Raises:
            RemoteError: The place may not be reached, takes too long or sends too much.
        """
        url = check_url(place.url, str(Path.cwd()))
        words = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", url, *names)
        if place.reach is None:
            own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
            return self._run(words, (), own)
        return self._run(words, (*_STRANGERS, f"http.curloptResolve={_pin(url, place.reach)}"), self._nobodys())

    def answer(self, *words: str) -> Answer:
        """Return what git answers, success or not."""
        return self._run(words, (), self._quiet)

    def output(self, *words: str) -> str:
        """Return what git prints; "" where it refuses."""
        return self.answer(*words).out.strip()

    def do(self, *words: str) -> None:
        """Run what must succeed.

        Raises:
            NodeError: It did not.
        """
        done = self.answer(*words)
        if done.code != 0:
            raise NodeError(f"git {words[0]} failed: {done.reason}")

    def beginning(self, most: int, *words: str) -> tuple[str, bool]:
        """Return the first bytes of what git prints, and whether there is more."""
        raw = bytearray()
        with closing(self._chunks(words)) as chunks:
            for chunk in chunks:
                raw += chunk
                if len(raw) > most:
                    break
        return raw[:most].decode(errors="replace"), len(raw) > most

    def entries(self, *words: str) -> Generator[bytes]:
        """Yield what git prints, split at each zero byte."""
        rest = b""
        with closing(self._chunks(words)) as chunks:
            for chunk in chunks:
                *whole, rest = (rest + chunk).split(b"\0")
                yield from whole

    def _nobodys(self) -> dict[str, str]:
        """Return an environment in which there is no password to be had: curl looks for a .netrc in HOME."""
        own = {name: os.environ[name] for name in _OWN if name in os.environ}
        quiet = {"GIT_ASKPASS": "false", "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
        return own | quiet | {"HOME": str(self.folder), "GIT_CONFIG_GLOBAL": os.devnull}

    def _run(self, words: Sequence[str], settings: Sequence[str], environment: Mapping[str, str]) -> Answer:
        """Run git to its end, and watch what it writes."""
        until = time.monotonic() + SECONDS
        with self._child(words, settings, environment, subprocess.PIPE) as child:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    out, err = child.communicate(timeout=_WATCH_S)
                    return Answer(child.returncode, out.decode(errors="replace"), err.decode(errors="replace"))
                if time.monotonic() > until:
                    raise RemoteError(f"git {words[0]} took more than {SECONDS} s", "Is the repository reachable?")
                if _size(self.folder) > REPOSITORY_BYTES:
                    raise RemoteError(f"the repository is larger than {REPOSITORY_BYTES >> 20} MiB", "Reject it.")

    def _chunks(self, words: Sequence[str]) -> Generator[bytes]:
        """Yield what git prints as it comes.

        Raises:
            NodeError: It took too long, or failed, so that what came is not all there is.
        """
        until = time.monotonic() + SECONDS
        with self._child(words, (), self._quiet, subprocess.DEVNULL) as child:
            assert child.stdout is not None
            fd = child.stdout.fileno()
            while select.select([fd], [], [], max(0.0, until - time.monotonic()))[0]:
                chunk = os.read(fd, 1 << 16)
                if not chunk:
                    break
                yield chunk
            else:
                raise NodeError(f"git {words[0]} took more than {SECONDS} s", "Reject it, or ask for less.")
            if child.wait() != 0:
                raise NodeError(f"git {words[0]} failed, so what the work changes is not known")

    @contextmanager
    def _child(
        self, words: Sequence[str], settings: Sequence[str], environment: Mapping[str, str], errors: int
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """Start git as the first of a group; where it is not let come to its end, its helpers end with it."""
        child = subprocess.Popen(
            _command(words, settings), cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
        )  # fmt: skip
        with child:
            try:
                yield child
            finally:
                # One that was waited for has given its number back.
                if child.returncode is None:
                    os.killpg(child.pid, signal.SIGKILL)


def _pin(url: str, reach: Reach) -> str:
    """Resolve a stranger's address, once; return the host with its numbers as curl takes them."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    # Of a name in another script curl looks up another form than the one that is pinned.
    if parts.scheme not in _PORTS or not _HOST.fullmatch(host):
        yours = shlex.quote(visible(url))
        raise RemoteError(f"the work is at {visible(url)[:200]}, which only you can say to open", f"--repo {yours}")
    port = parts.port or _PORTS[parts.scheme]
    try:
        numbers = wiring.resolve(host, port, reach)
    except OSError as error:
        raise RemoteError(f"{host} has no address: {error}", "Give --repo if it is elsewhere.") from None
    return f"{host}:{port}:" + ",".join(f"[{each}]" if ":" in each else each for each in numbers)


def _command(words: Sequence[str], settings: Sequence[str] = ()) -> list[str]:
    given = [word for setting in (*_SETTINGS, *settings) for word in ("-c", setting)]
    limits = f"ulimit -f {REPOSITORY_BYTES // 512}; ulimit -v {MEMORY_BYTES // 1024}"
    return ["/bin/sh", "-c", f'{limits}; exec "$@"', "sh", "git", *given, *words]


def _size(folder: Path) -> int:
    """Return how many bytes lie below a folder, as far as they can be seen while somebody writes there."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += Path(place, name).stat().st_size
    return total
