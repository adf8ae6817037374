"""Whatever is pushed, the door answers: what verifies is taken, all else is refused, and nothing else escapes."""

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from beads import ids
from beads.errors import RemoteError
from node import wiring
from node.home import Home
from node.http.app import LOOPBACK, build
from node.http.git import read_commands
from tests.counting import steps
from tests.fuzz import changed, corpus
from tests.world import actor, found, write
from tests.world import create as bead

ALICE = actor("alice")
GENESIS = found(ALICE)
COMMONS = ids.commons_id(GENESIS)
ANSWERS = (200, 413, 422)


class Door(NamedTuple):
    """A node with one commons, which holds one log."""

    home: Home
    app: Starlette

    def push(self, body: bytes) -> tuple[int, bytes]:
        return asyncio.run(_post(self.app, f"/git/{COMMONS}/git-receive-pack", body))

    def logs(self) -> dict[str, list[bytes]]:
        store = wiring.open_store(self.home, COMMONS)
        try:
            return {log: store.lines(log) for log in store.logs()}
        finally:
            store.close()


async def _post(app: Starlette, path: str, body: bytes) -> tuple[int, bytes]:
    waiting = [{"type": "http.request", "body": body, "more_body": False}]
    status, said = 0, b""

    async def receive() -> dict[str, Any]:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status, said
        status = message.get("status", status)
        said += message.get("body", b"")

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80), "headers": [(b"host", b"localhost")],
    }  # fmt: skip
    await app(scope, receive, send)
    return status, said


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Door:
    return opened(tmp_path_factory.mktemp("node"))


def opened(folder: Path) -> Door:
    home = Home(folder)
    wiring.found(home, GENESIS)
    ledger = wiring.open_ledger(home, COMMONS)
    write(ledger, ALICE, bead("mine"))
    ledger.close()
    return Door(home, build(home, LOOPBACK))


@pytest.mark.parametrize("name", corpus("push"))
def test_what_was_pushed_before_is_answered(door: Door, name: str) -> None:
    ours = door.logs()[ALICE.log(COMMONS)]
    status, said = door.push(corpus("push")[name])
    assert status == (200 if name.startswith("good") else 422), said
    assert door.logs()[ALICE.log(COMMONS)] == ours


def test_an_honest_push_of_the_corpus_is_taken(tmp_path: Path) -> None:
    door = opened(tmp_path)
    status, said = door.push(corpus("push")["good-log"])
    assert status == 200
    assert b"unpack ok" in said
    assert b"ng " not in said
    assert len(door.logs()) == 2


@given(raw=changed("push"))
@settings(max_examples=max(settings().max_examples // 4, 20))
def test_no_push_breaks_the_door(door: Door, raw: bytes) -> None:
    ours = door.logs()[ALICE.log(COMMONS)]
    status, said = door.push(raw)
    assert status in ANSWERS, (status, said)
    assert door.logs()[ALICE.log(COMMONS)] == ours


@given(changed("push") | st.binary(max_size=100))
def test_no_commands_break_their_reader(raw: bytes) -> None:
    def read() -> None:
        try:
            commands, at = read_commands(memoryview(raw))
        except RemoteError:
            return
        assert all(len(command.old) == len(command.new) == 40 for command in commands)
        assert at <= len(raw)

    assert steps(read) <= 500 + 20 * len(raw)
