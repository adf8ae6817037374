"""A real Chromium, driven over a pipe: what it loads, what it complains of, how a page looks."""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MISSING = "no Chromium on this machine (Debian: apt-get install chromium)"
SECONDS = 60.0
# Root, as in many a container, has no sandbox; only pages of ours are opened.
FLAGS = (
    "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check", "--disable-gpu",
    "--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking", "--disable-sync",
    "--hide-scrollbars", "--force-color-profile=srgb", "--no-sandbox",
)  # fmt: skip


class Chromium:
    """One page of a running browser.

    Attributes:
        requests: Every address that was asked for since the last `open`.
        complaints: What the console said since then.
    """

    def __init__(self, say: int, hear: int) -> None:
        self._say, self._hear = say, hear
        self._read = b""
        self._last = 0
        self._session: str | None = None
        self._events: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def open(self, url: str, *, wide: int = 1200, dark: bool = False, print_: bool = False) -> None:
        """Load a page into a window of some width."""
        self.requests.clear()
        self.complaints.clear()
        self._events.clear()
        self.call("Emulation.setDeviceMetricsOverride", width=wide, height=800, deviceScaleFactor=1, mobile=wide < 600)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme, media="print" if print_ else "")
        self.call("Page.navigate", url=url)
        self._until("Page.loadEventFired")

    def ask(self, script: str) -> Any:
        """Return what a piece of JavaScript comes to."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def picture(self, path: Path) -> None:
        """Take a picture of the whole page."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        raw = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)["data"]
        path.write_bytes(base64.b64decode(raw))

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask the browser for something, and wait for its answer."""
        self._last += 1
        session = {"sessionId": self._session} if self._session else {}
        message = {"id": self._last, "method": method, "params": parameters, **session}
        os.write(self._say, json.dumps(message).encode() + b"\0")
        while True:
            heard = self._next()
            if heard.get("id") == self._last:
                assert "error" not in heard, f"{method}: {heard['error']}"
                return dict(heard["result"])

    def _until(self, event: str) -> None:
        while not any(each["method"] == event for each in self._events):
            self._next()

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._hear], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            more = os.read(self._hear, 1 << 20)
            assert more, "the browser has gone"
            self._read += more
        raw, _, self._read = self._read.partition(b"\0")
        heard: dict[str, Any] = json.loads(raw)
        if "method" in heard:
            self._note(heard)
        return heard

    def _note(self, event: dict[str, Any]) -> None:
        self._events.append(event)
        parameters = event["params"]
        if event["method"] == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif event["method"] == "Log.entryAdded":
            self.complaints.append(parameters["entry"]["text"])
        elif event["method"] in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
            self.complaints.append(json.dumps(parameters)[:500])


@contextmanager
def chromium(more: Sequence[str] = ()) -> Iterator[Chromium]:
    """Run a browser with a profile of its own."""
    assert PROGRAM is not None, MISSING
    to_child, say = os.pipe()
    hear, from_child = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # The browser reads file 3 and writes file 4.
        command = [PROGRAM, *FLAGS, *more, f"--user-data-dir={profile}", "about:blank"]
        script = f'exec 3<&{to_child} 4>&{from_child}; exec "$@"'
        child = subprocess.Popen(
            ["bash", "-c", script, "bash", *command], pass_fds=(to_child, from_child),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_child)
        os.close(from_child)
        try:
            yield Chromium(say, hear)
        finally:
            os.close(say)
            os.close(hear)
            child.terminate()
            child.wait(SECONDS)
