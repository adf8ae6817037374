"""What people look at: `python -m tests.node.looks` writes docs/images anew; with a FOLDER also pictures of pages."""

import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from node.circle import around
from node.home import Home
from node.http.app import build, listen
from node.sheets import drawn
from node.sheets.formats import FORMATS
from node.sheets.view import SheetView
from tests.node import gallery
from tests.node.browser import Chromium, chromium
from tests.world import actor

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SIZES = (1200, 360)
FRAME = """<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>Pictures</title>
<body style="padding: 1rem; background: light-dark(#fff, #0d1117)">{}</body>"""


@contextmanager
def served(home: Home) -> Iterator[str]:
    """Serve a home's pages from this process, which may live at another time."""
    sock = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(build(home, ()), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def view(home: Home, name: str) -> SheetView:
    """Return somebody's sheet, as a home sees it."""
    with gallery.clock_at(gallery.NOW), around(home) as here:
        return here.view(actor(name).actor)


def samples(home: Home) -> dict[str, str]:
    """Return what docs/images holds: the keys of the home that looks differ each time, so its name stands alone."""
    star = view(home, "mira")
    star = star._replace(named=star.named._replace(seer="ann"))
    return {"sheet.svg": drawn.card(star), "badge.svg": drawn.badge(star)}


def take(folder: Path) -> None:
    """Take pictures of everything, by day and by night, wide and narrow."""
    with tempfile.TemporaryDirectory() as temporary:
        home, quiet = Home(Path(temporary) / "home"), Home(Path(temporary) / "quiet")
        world, silent = gallery.build(home), gallery.empty(quiet)
        shown = _files(home, folder)
        with gallery.clock_at(gallery.NOW), served(home) as at, served(quiet) as elsewhere, chromium() as browser:
            shown |= {
                "actor": f"{at}/c/{world.harbour}/actors/{gallery.STAR}", "leaderboard": f"{at}/leaderboard",
                "newcomer": f"{at}/c/{world.harbour}/actors/{actor('newcomer').actor}",
                "empty-actor": f"{elsewhere}/c/{silent}/actors/{quiet.key_log().scid}",
                "empty-leaderboard": f"{elsewhere}/leaderboard",
            }  # fmt: skip
            _pictures(browser, shown, folder)


def _pictures(browser: Chromium, shown: Mapping[str, str], folder: Path) -> None:
    for name, url in shown.items():
        for wide in SIZES:
            for scheme in ("light", "dark"):
                browser.open(url, wide=wide, dark=scheme == "dark")
                browser.picture(folder / f"{name}-{wide}-{scheme}.png")


def _files(home: Home, folder: Path) -> dict[str, str]:
    """Write every form of a sheet, and everybody's badge and card in a page of images; return their addresses."""
    folder.mkdir(parents=True, exist_ok=True)
    views = {name: view(home, name) for name in gallery.PEOPLE}
    for form in FORMATS.values():
        (folder / f"sheet.{form.suffix}").write_text(form.make(views["mira"]))
    for kind, draw in (("badge", drawn.badge), ("card", drawn.card)):
        for name, one in views.items():
            (folder / f"{kind}-{name}.svg").write_text(draw(one))
        images = (f'<p><img src="{kind}-{name}.svg" alt="" style="max-width: 100%"></p>' for name in views)
        (folder / f"{kind}s.html").write_text(FRAME.format("".join(images)))
    return {name: (folder / f"{name}.html").as_uri() for name in ("sheet", "badges", "cards")}


def _write_samples() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        home = Home(Path(temporary) / "home")
        gallery.build(home)
        for name, text in samples(home).items():
            (IMAGES / name).write_text(text)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        take(Path(sys.argv[1]).resolve())
    _write_samples()
