"""Answers of tools: small, for every character of them is read by a model."""

import json
from collections.abc import Mapping
from typing import Any

from node.mcp.tools import LIST_LIMIT, MEMORY_TEXT, Tool

BRIEF = ("id", "title", "status", "priority", "issue_type", "assignee", "claim", "fence")


def shown(tool: Tool, given: Mapping[str, Any], out: str) -> list[str]:
    """Return what a verb printed as the tool says it: the answer, and perhaps a word about it."""
    if tool.name == "prime":
        return [out.strip() or "There is no ledger here yet: bd init makes one, and so does create."]
    said = json.loads(out)
    if tool.brief:
        said = _brief(said)
    if tool.name == "recall" and given.get("words") is None:
        said = [one | {"text": _beginning(one["text"])} for one in said]
    return [_dumped(said), *_more(tool, given, said)]


def _brief(said: Any) -> Any:
    if isinstance(said, list):
        return [_brief(one) for one in said]
    if "id" not in said:
        return {name: _brief(their) if isinstance(their, list) else their for name, their in said.items()}
    return {name: said[name] for name in BRIEF if name in said}


def _beginning(text: str) -> str:
    first = text.split("\n", 1)[0]
    return text if len(text) <= MEMORY_TEXT and first == text else f"{first[:MEMORY_TEXT]}…"


def _dumped(said: Any) -> str:
    if isinstance(said, list):
        return "[" + ",\n".join(map(_dumped, said)) + "]"
    if isinstance(said, dict):
        said = {name: value for name, value in said.items() if name != "schema_version"}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def _more(tool: Tool, given: Mapping[str, Any], said: Any) -> list[str]:
    """Say that a list may go on."""
    limit = int(given.get("limit") or LIST_LIMIT)
    full = tool.limit and isinstance(said, list) and len(said) >= limit and str(given.get("limit")) != "0"
    return [f"There may be more: limit={2 * limit}, or ask for less."] if full else []
