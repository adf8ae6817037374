"""`bd mcp` over real pipes: the SDK's own client against a real process."""

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import click
import pytest
from mcp import ClientSession, StdioServerParameters, types
from mcp.client.stdio import stdio_client

from node.cli.bd import bd
from node.mcp.server import INSTRUCTIONS, tools
from node.mcp.tools import TOOLS, Tool
from tests.node.support import Person, environment

SCHEMAS_AT_MOST = 10_000
"""Characters, which are about 2 500 tokens."""


@dataclass(frozen=True)
class Agent:
    """A session with a server."""

    session: ClientSession

    async def raw(self, tool: str, **given: Any) -> types.CallToolResult:
        done = await self.session.call_tool(tool, given)
        assert isinstance(done, types.CallToolResult)
        return done

    async def texts(self, tool: str, **given: Any) -> list[str]:
        done = await self.raw(tool, **given)
        texts = [part.text for part in done.content if isinstance(part, types.TextContent)]
        assert not done.is_error, texts
        return texts

    async def ask(self, tool: str, **given: Any) -> Any:
        return json.loads((await self.texts(tool, **given))[0])

    async def fails(self, tool: str, **given: Any) -> dict[str, str]:
        done = await self.raw(tool, **given)
        assert done.is_error
        (part,) = done.content
        assert isinstance(part, types.TextContent)
        error: dict[str, str] = json.loads(part.text)["error"]
        assert error.keys() == {"code", "message", "hint"}
        return error

    async def titles(self, tool: str, **given: Any) -> list[str]:
        return [one["title"] for one in await self.ask(tool, **given)]


@dataclass(frozen=True)
class Place:
    """A repository with a ledger."""

    person: Person
    folder: Path

    @asynccontextmanager
    async def agent(self, name: str = "ann") -> AsyncIterator[Agent]:
        server = StdioServerParameters(
            command=sys.executable, args=["-m", "node.cli.bd", "mcp"], cwd=self.folder,
            env=environment(self.person.home) | {"BD_ACTOR": name},
        )  # fmt: skip
        async with stdio_client(server) as (incoming, outgoing), ClientSession(incoming, outgoing) as session:
            await session.initialize()
            yield Agent(session)

    def run(self, story: Callable[[Agent], Awaitable[None]]) -> None:
        """Tell a story to one agent."""

        async def tell() -> None:
            async with self.agent() as agent:
                await story(agent)

        anyio.run(tell)


@pytest.fixture
def place(person: Callable[[str], Person], tmp_path: Path) -> Place:
    folder = tmp_path / "shop"
    folder.mkdir()
    found = Place(person("ann"), folder)
    assert found.person.run("bd", "init", "--prefix", "shop", cwd=folder).returncode == 0
    return found


# -- what agents see -------------------------------------------------------------------------------------------


def test_the_schemas_cost_little() -> None:
    said = [tool.model_dump(by_alias=True, exclude_none=True) for tool in tools()]
    assert len(json.dumps(said, separators=(",", ":"))) + len(INSTRUCTIONS) < SCHEMAS_AT_MOST


def test_the_tools_are_those_of_the_table_and_say_which_only_read(place: Place) -> None:
    async def story(agent: Agent) -> None:
        listed = (await agent.session.list_tools()).tools
        assert [tool.name for tool in listed] == [tool.name for tool in TOOLS]
        reading = {tool.name for tool in listed if tool.annotations and tool.annotations.read_only_hint}
        assert reading == {"prime", "ready", "list", "search", "blocked", "show", "stats", "recall"}
        assert all(tool.description and tool.input_schema["additionalProperties"] is False for tool in listed)
        assert agent.session.instructions == INSTRUCTIONS

    place.run(story)


def parsed(words: list[str]) -> dict[str, Any]:
    """What a verb takes a command line for; raises what click complains about."""
    command: click.Command | None = bd
    with click.Context(bd) as context:
        while isinstance(command, click.Group):
            command = command.get_command(context, words.pop(0))
        assert command is not None
        return command.make_context("verb", words).params


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_parameter_of_a_tool_is_one_of_its_verb(tool: Tool) -> None:
    values: dict[str, Any] = {"string": "x", "integer": 200, "boolean": True, "array": ["x"]}
    always = {p.name: values[p.kind] for p in tool.parameters if p.name in (*tool.required, "id", "on")}
    for one in tool.parameters:
        for value in one.among or (values[one.kind],):
            if value not in ("list", "tree"):
                assert parsed(tool.command(always | {one.name: value}))


# -- a day of an agent -----------------------------------------------------------------------------------------


def test_from_making_a_bead_to_closing_it(place: Place) -> None:
    async def story(agent: Agent) -> None:
        made = await agent.ask("create", title="Fix the door", type="bug", priority=1, labels=["wood"])
        assert made.keys() == {"id", "title", "status", "priority", "issue_type"}
        assert made["id"].startswith("shop-")
        later = await agent.ask("create", title="Paint it", deps=[made["id"]], description="Green. " * 1000)
        assert await agent.titles("ready") == ["Fix the door"]
        assert (await agent.ask("blocked"))[0]["blocked_by"] == [made["id"]]
        claimed = await agent.ask("claim", id=made["id"])
        assert (claimed[0]["assignee"], claimed[0]["status"]) == ("ann", "in_progress")
        done = await agent.ask("close", ids=[made["id"]], reason="It closes now.")
        assert [one["id"] for one in done["unblocked"]] == [later["id"]]
        assert await agent.titles("ready") == ["Paint it"]
        (whole,) = await agent.ask("show", ids=[later["id"]])
        assert len(whole["description"]) == 4001
        (whole,) = await agent.ask("show", ids=[later["id"]], max_text=0, fields="description,blocked_by")
        assert whole == {"description": "Green. " * 1000, "blocked_by": []}
        await agent.ask("reopen", ids=[made["id"]], reason="It jams.")
        assert await agent.titles("ready") == ["Fix the door"]

    place.run(story)


def test_what_one_agent_claimed_is_an_error_for_another_until_it_is_released(place: Place) -> None:
    async def story(ann: Agent) -> None:
        bead = (await ann.ask("create", title="Fix the door"))["id"]
        (claimed,) = await ann.ask("claim")
        assert claimed["id"] == bead
        async with place.agent("bob") as bob:
            error = await bob.fails("claim", id=bead)
            assert error["code"] == "conflict"
            assert "already claimed by ann" in error["message"]
            assert error["hint"]
            assert (await bob.fails("claim"))["code"] == "conflict"
            renewed = await ann.ask("claim", id=bead, action="renew")
            assert renewed["id"] == bead
            assert (await ann.ask("claim", id=bead, action="release"))[0]["status"] == "open"
            fence = (await bob.ask("claim", id=bead))[0]["claim"]["fence"]
            assert (await ann.fails("close", ids=[bead], fence=fence + 7))["code"] == "conflict"
            assert (await ann.fails("claim", id=bead, actor="cy"))["code"] == "conflict"

    place.run(story)


def test_two_servers_at_once_lose_nothing(place: Place) -> None:
    async def make(agent: Agent, name: str) -> None:
        for n in range(5):
            await agent.ask("create", title=f"{name} {n}")

    async def story(ann: Agent) -> None:
        async with place.agent("bob") as bob, anyio.create_task_group() as group:
            group.start_soon(make, ann, "Ann")
            group.start_soon(make, bob, "Bob")
        assert sorted(await ann.titles("list")) == [f"{name} {n}" for name in ("Ann", "Bob") for n in range(5)]

    place.run(story)
    done = place.person.run("bd", "count", cwd=place.folder)
    assert done.stdout.strip() == "10"


def test_calls_of_one_session_may_come_all_at_once(place: Place) -> None:
    async def story(ann: Agent) -> None:
        async def make(n: int) -> None:
            await ann.ask("create", title=f"Bead {n}", actor=f"agent{n}")

        async with anyio.create_task_group() as group:
            for n in range(8):
                group.start_soon(make, n)
        found = await ann.ask("list", full=True)
        assert sorted((one["title"], one["created_by"]) for one in found) == [
            (f"Bead {n}", f"agent{n}") for n in range(8)
        ]

    place.run(story)


def test_answers_stay_small(place: Place) -> None:
    async def story(ann: Agent) -> None:
        for n in range(23):
            await ann.ask("create", title=f"Bead {n}", description="x" * 5000)
        for tool in ("list", "ready"):
            listed, more = await ann.texts(tool)
            assert len(json.loads(listed)) == 20
            assert "limit=40" in more
            assert len(listed) < 5000
        assert len(await ann.ask("list", limit=40)) == 23
        assert {len(one["description"]) for one in await ann.ask("list", limit=2, fields="description")} == {5000}
        assert {len(one) for one in await ann.ask("ready", limit=0, fields="id,title")} == {2}

    place.run(story)


def test_what_is_remembered_comes_back(place: Place) -> None:
    async def story(ann: Agent) -> None:
        kept = await ann.ask("remember", text="The hinge is left-handed.\nAsk Cy for another.", key="hinge")
        assert kept["key"] == "hinge"
        assert (await ann.ask("recall"))[0]["text"] == "The hinge is left-handed.…"
        assert (await ann.ask("recall", words="left-handed"))[0]["text"].endswith("Ask Cy for another.")
        bead = (await ann.ask("create", title="Fix the door"))["id"]
        (said,) = await ann.texts("prime")
        assert "You are ann." in said
        assert bead in said
        assert "hinge" in said
        (said,) = await ann.texts("prime", actor="bob")
        assert "You are bob." in said
        assert (await ann.ask("stats"))["summary"]["open_issues"] == 1

    place.run(story)


def test_beads_are_changed_linked_and_talked_about(place: Place) -> None:
    async def story(ann: Agent) -> None:
        door, paint = [(await ann.ask("create", title=title))["id"] for title in ("Door", "Paint")]
        await ann.ask("dep", id=paint, on=door)
        assert (await ann.ask("dep", action="list", id=paint))[0]["id"] == door
        assert (await ann.fails("dep", id=door, on=paint))["code"] == "refused"
        await ann.ask("dep", action="remove", id=paint, on=door)
        changed = await ann.ask("update", ids=[door, paint], priority=0, add_labels=["now"], notes="Soon.")
        assert [one["priority"] for one in changed] == [0, 0]
        await ann.ask("comment", id=door, text="--json is not an option here")
        (whole,) = await ann.ask("show", ids=[door])
        assert whole["comments"][0]["text"] == "--json is not an option here"
        assert (whole["labels"], whole["notes"]) == (["now"], "Soon.")
        assert await ann.titles("search", query="soon", labels=["now"], priority=0) != []
        dash = await ann.ask("create", title="-x", description="-")
        assert (await ann.ask("show", ids=[dash["id"]]))[0]["description"] == "-"

    place.run(story)


# -- what goes wrong -------------------------------------------------------------------------------------------


MISTAKES: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("show", {"ids": ["nope"]}, "not_found", "no issue found"),
    ("show", {"ids": []}, "bad_word", "show needs ids"),
    ("show", {"ids": [""]}, "not_found", "no issue found"),
    ("show", {}, "bad_word", "show needs ids"),
    ("list", {"colour": "red"}, "bad_word", "list takes no 'colour'"),
    ("list", {"limit": "many"}, "usage", "'many' is not a valid integer"),
    ("list", {"limit": True}, "bad_word", "limit is not of type integer"),
    ("list", {"status": "finished"}, "bad_word", "status"),
    ("ready", {"full": "yes"}, "bad_word", "full is not of type boolean"),
    ("create", {"title": "x", "priority": 99}, "bad_word", "invalid priority"),
    ("create", {"title": " "}, "bad_word", "title is required"),
    ("claim", {"id": ""}, "not_found", "no issue found"),
    ("claim", {"action": "renew"}, "bad_word", "claim needs an id to renew"),
    ("claim", {"action": "steal", "id": "x"}, "bad_word", "one of take, renew, release"),
    ("dep", {"id": "x"}, "bad_word", "what does it depend on?"),
    ("update", {"ids": ["x"]}, "usage", "nothing to change"),
    ("recall", {"words": "nothing like it"}, "not_found", "nothing is remembered"),
    ("list", {"workspace": "/nonexistent"}, "not_found", "there is no folder"),
    ("dance", {}, "not_found", "there is no tool 'dance'"),
)


def test_an_error_is_the_tools_and_the_session_goes_on(place: Place) -> None:
    async def story(ann: Agent) -> None:
        for tool, given, code, message in MISTAKES:
            error = await ann.fails(tool, **given)
            assert error["code"] == code, (tool, given, error)
            assert message in error["message"]
        assert await ann.ask("list") == []

    place.run(story)


def test_of_several_beads_what_was_done_and_what_was_not_are_both_told(place: Place) -> None:
    async def story(ann: Agent) -> None:
        bead = (await ann.ask("create", title="Fix the door"))["id"]
        done = await ann.raw("close", ids=[bead, "nope"])
        assert done.is_error
        error, closed = (json.loads(part.text) for part in done.content if isinstance(part, types.TextContent))
        assert error["error"]["code"] == "not_found"
        assert bead in json.dumps(closed)

    place.run(story)


def test_a_workspace_is_another_folders_ledger(place: Place, tmp_path: Path) -> None:
    other = Place(place.person, tmp_path / "garden")
    other.folder.mkdir()
    assert other.person.run("bd", "init", cwd=other.folder).returncode == 0

    async def story(ann: Agent) -> None:
        made = await ann.ask("create", title="Dig", workspace=str(other.folder))
        assert made["id"].startswith("garden-")
        assert await ann.titles("list") == []
        assert await ann.titles("list", workspace=str(other.folder)) == ["Dig"]
        assert (await ann.raw("list", workspace="/nonexistent")).is_error
        assert await ann.titles("list") == []

    place.run(story)


def test_without_the_sdk_it_says_how_to_get_it(place: Place, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "mcp.py").write_text("raise ModuleNotFoundError(\"No module named 'mcp'\", name='mcp')\n")
    done = Person(place.person.home, (("PYTHONPATH", str(hidden)),)).run("bd", "mcp", cwd=place.folder)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "pip install '.[mcp]'" in done.stderr
    assert "Traceback" not in done.stderr
