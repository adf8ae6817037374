"""The server: speaks the Model Context Protocol over standard input and output. ⚡"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import anyio
from anyio import CapacityLimiter, to_thread
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from node.errors import KNOWN
from node.mcp.answers import shown
from node.mcp.calls import call, told
from node.mcp.tools import BY_NAME, EVERYWHERE, SHOW_TEXT, TOOLS, Tool

INSTRUCTIONS = """\
Beads: a ledger of work. Call prime first. Take work with claim, make a bead for whatever you find on the way \
(create with deps ["discovered-from:ID"]), close what is done. Ids may be shortened. Lists are brief: ask for \
members by fields. Every tool takes workspace (a folder; else where the server was started) and actor (your name; \
else BD_ACTOR). Errors have a message and a hint."""


def tools() -> list[types.Tool]:
    """Return the tools as the protocol has them."""
    return [
        types.Tool(
            name=tool.name, description=tool.text, input_schema=tool.schema(),
            annotations=types.ToolAnnotations(read_only_hint=True) if tool.reads else None,
        )
        for tool in TOOLS
    ]  # fmt: skip


def answer(name: str, given: Mapping[str, Any]) -> types.CallToolResult:
    """Call a tool: what the verb says, or an error that says what to do."""
    tool = BY_NAME.get(name)
    if tool is None:
        return _failed("not_found", f"there is no tool {name!r}", f"There are {', '.join(BY_NAME)}.")
    try:
        words = _command(tool, given)
    except KNOWN as error:
        return _failed(*told(error))
    workspace, actor = (None if given.get(name) is None else str(given[name]) for name in EVERYWHERE)
    done = call(words, workspace, actor)
    # Of several beads some may be done while others fail: both are told.
    texts = shown(tool, given, done.out) if done.out or done.error is None else []
    if done.error is not None:
        return _failed(*done.error, texts)
    texts += [done.notes] if done.notes else []
    return types.CallToolResult(content=[types.TextContent(text=text) for text in texts])


def _command(tool: Tool, given: Mapping[str, Any]) -> list[str]:
    if tool.name == "show":
        given = {"max_text": SHOW_TEXT, **given}
    verb, *rest = tool.command(given)
    return [verb, *rest] if tool.name == "prime" else _as_json(verb, rest)


def _as_json(verb: str, rest: list[str]) -> list[str]:
    """Ask for JSON; the option stands with the innermost verb, before its arguments."""
    at = rest.index("--")
    return [verb, *rest[:at], "--json", *rest[at:]]


def _failed(code: str, message: str, hint: str, done: Sequence[str] = ()) -> types.CallToolResult:
    said = json.dumps({"error": {"code": code, "message": message, "hint": hint}}, ensure_ascii=False)
    return types.CallToolResult(content=[types.TextContent(text=text) for text in (said, *done)], is_error=True)


def build() -> Server[Any]:
    """Put the server together."""
    # One call at a time, beside the loop: pings are answered while a write waits for another process.
    one = CapacityLimiter(1)

    async def on_list_tools(context: Any, asked: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=tools())

    async def on_call_tool(context: Any, asked: types.CallToolRequestParams) -> types.CallToolResult:
        return await to_thread.run_sync(partial(answer, asked.name, asked.arguments or {}), limiter=one)

    return Server("beads", instructions=INSTRUCTIONS, on_list_tools=on_list_tools, on_call_tool=on_call_tool)


async def _serve() -> None:
    server = build()
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def main() -> None:
    """Serve until standard input ends."""
    anyio.run(_serve)
