"""The tools that agents see: few, with small schemas, each of them a verb of `bd`.

What a tool takes becomes the words of a command line, so that it means what the verb means, and errs as it does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from beads.errors import BadWord

LIST_LIMIT, SHOW_TEXT, MEMORY_TEXT = 20, 4000, 160
EVERYWHERE = ("workspace", "actor")
"""Parameters that every tool takes."""
_JSON_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str, int), "integer": (int, str), "boolean": (bool,), "array": (list, str),
}  # fmt: skip


class Parameter(NamedTuple):
    """What a tool takes, and what it is called on the command line.

    Attributes:
        kind: Its JSON type; an array holds strings.
        option: The verb's option; "" for an argument.
        off: The option for `false`.
    """

    name: str
    kind: str = "string"
    option: str = ""
    text: str = ""
    among: tuple[str, ...] = ()
    off: str = ""

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        found: dict[str, Any] = {"type": self.kind}
        if self.kind == "array":
            found["items"] = {"type": "string"}
        if self.among:
            found["enum"] = list(self.among)
        return found | ({"description": self.text} if self.text else {})

    def words(self, value: Any) -> list[str]:
        """Return a value as it stands on the command line.

        Raises:
            BadWord: It is of another type.
        """
        if not isinstance(value, _JSON_KINDS[self.kind]) or (isinstance(value, bool) and self.kind != "boolean"):
            raise BadWord(f"{self.name} is not of type {self.kind}: {value!r}")
        if self.among and value not in self.among:
            raise BadWord(f"{self.name} is one of {', '.join(self.among)}, not {value!r}")
        if self.kind == "boolean":
            return [one for one in (self.option if value else self.off,) if one]
        values = value if isinstance(value, list) else [value]
        return [f"{self.option}={one}" if self.option else str(one) for one in values]


@dataclass(frozen=True)
class Tool:
    """A tool.

    Attributes:
        verb: The words that its command line begins with, unless `choose` tells.
        choose: Returns these words from what was given.
        reads: It changes nothing.
        brief: Its answer names the beads that it changed, and is not to repeat them whole.
        limit: It lists; so many at most, unless told otherwise.
    """

    name: str
    text: str
    parameters: tuple[Parameter, ...] = ()
    verb: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    choose: Callable[[Mapping[str, Any]], Sequence[str]] | None = None
    reads: bool = False
    brief: bool = False
    limit: int = 0

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of what it takes."""
        properties = {one.name: one.schema() for one in self.parameters}
        properties |= {name: {"type": "string"} for name in EVERYWHERE}
        wanted: dict[str, Any] = {"required": list(self.required)} if self.required else {}
        return {"type": "object", "properties": properties, **wanted, "additionalProperties": False}

    def command(self, given: Mapping[str, Any]) -> list[str]:
        """Return the command line for what was given.

        Raises:
            BadWord: Something is missing, unknown or of another type.
        """
        args = {name: value for name, value in given.items() if value is not None and name not in EVERYWHERE}
        self._check(args)
        words = list(self.choose(args) if self.choose else self.verb or (self.name,))
        if self.limit and "limit" not in args:
            words.append(f"--limit={self.limit}")
        taken = [one for one in self.parameters if one.name in args and one.name != "action"]
        options = [word for one in taken if one.option for word in one.words(args[one.name])]
        arguments = [word for one in taken if not one.option for word in one.words(args[one.name])]
        return [*words, *options, "--", *arguments]

    def _check(self, given: Mapping[str, Any]) -> None:
        known = {one.name: one for one in self.parameters}
        missing = [name for name in self.required if given.get(name) in (None, "", [])]
        if missing:
            raise BadWord(f"{self.name} needs {', '.join(missing)}")
        for name, value in given.items():
            if name not in known:
                raise BadWord(f"{self.name} takes no {name!r}", f"It takes {', '.join((*known, *EVERYWHERE))}.")
            known[name].words(value)


def _claim(given: Mapping[str, Any]) -> tuple[str, ...]:
    action = str(given.get("action", "take"))
    if action == "take":
        return ("update", "--claim") if "id" in given else ("ready", "--claim")
    if "id" not in given:
        raise BadWord(f"claim needs an id to {action}")
    return ({"renew": "heartbeat"}.get(action, action),)


def _dep(given: Mapping[str, Any]) -> tuple[str, ...]:
    return "dep", str(given.get("action", "add"))


def _recall(given: Mapping[str, Any]) -> tuple[str, ...]:
    return ("recall",) if "words" in given else ("memories", f"--limit={LIST_LIMIT}")


_PRIORITY = Parameter("priority", "integer", "--priority", "0 critical to 4 backlog")
_ID, _IDS = Parameter("id"), Parameter("ids", "array")
_REASON = Parameter("reason", option="--reason")
_FENCE = Parameter("fence", "integer", "--fence", "refuse unless your claim with this number still holds")
_FORCE = Parameter("force", "boolean", "--force")
_FIELDS = Parameter("fields", option="--fields", text="only these members, with commas")
_TYPE, _PARENT = Parameter("type", option="--type"), Parameter("parent", option="--parent")
_ASSIGNEE = Parameter("assignee", option="--assignee")
_STATUS = Parameter("status", option="--status")
_DUE, _DEFER = Parameter("due", option="--due"), Parameter("defer", option="--defer", text="not before: date, 2d")
_SCOPE = Parameter("scope", option="--scope")
_TEXTS = (
    Parameter("description", option="--description"), Parameter("design", option="--design"),
    Parameter("acceptance", option="--acceptance"),
)  # fmt: skip
_FILTERS = (
    _TYPE, _PRIORITY, _ASSIGNEE, Parameter("labels", "array", "--label"), _PARENT,
    Parameter("limit", "integer", "--limit"), _FIELDS, Parameter("full", "boolean", "--full"),
)  # fmt: skip

TOOLS = (
    Tool(
        "prime", "Start here: your work, what is ready, what was remembered.",
        (Parameter("budget", "integer", "--budget", "tokens, about"), _SCOPE), ("prime", "--brief"), reads=True,
    ),
    Tool(
        "ready", "Work that nothing keeps waiting, most urgent first. Brief records.",
        (*_FILTERS, Parameter("explain", "boolean", "--explain")), reads=True, limit=LIST_LIMIT,
    ),
    Tool(
        "list", 'Beads that are not over. status: one or more with commas, or "all". assignee "": nobody\'s.',
        (_STATUS, *_FILTERS, Parameter("sort", option="--sort")), reads=True, limit=LIST_LIMIT,
    ),
    Tool(
        "search", "Full-text search over all beads, closed ones too.",
        (Parameter("query"), _STATUS, *_FILTERS), required=("query",), reads=True, limit=LIST_LIMIT,
    ),
    Tool("blocked", "Work that something keeps waiting, with blocked_by.", _FILTERS, reads=True, limit=LIST_LIMIT),
    Tool(
        "show", "Whole beads: texts, links, comments, claim.",
        (_IDS, _FIELDS, Parameter("max_text", "integer", "--max-text", "cut texts; 0: whole")),
        required=("ids",), reads=True,
    ),
    Tool(
        "create", 'Make a bead. deps: "ID" (waits for it), "blocks:ID", "discovered-from:ID", …',
        (
            Parameter("title", option="--title"), _TYPE, _PRIORITY, *_TEXTS, Parameter("labels", "array", "--labels"),
            _PARENT, Parameter("deps", "array", "--deps"), _ASSIGNEE, _DUE, _DEFER,
            Parameter("external_ref", option="--external-ref"),
        ), required=("title",), brief=True,
    ),
    Tool(
        "update", "Change beads. notes are appended.",
        (
            _IDS, Parameter("title", option="--title"), _STATUS, _TYPE, _PRIORITY, *_TEXTS,
            Parameter("notes", option="--append-notes"), Parameter("add_labels", "array", "--add-label"),
            Parameter("remove_labels", "array", "--remove-label"), _PARENT, _ASSIGNEE, _DUE, _DEFER, _FENCE,
        ), required=("ids",), brief=True,
    ),
    Tool(
        "claim", "Take a bead to work on it, or the first ready one; an error if another has it.",
        (_ID, Parameter("action", among=("take", "renew", "release"))), choose=_claim, brief=True,
    ),
    Tool(
        "close", "Say that beads are done; tells what that unblocked.",
        (_IDS, _REASON, Parameter("failed", "boolean", "--failed", off="--succeeded"), _FORCE, _FENCE),
        ("close", "--suggest-next"), ("ids",), brief=True,
    ),
    Tool("reopen", "Open closed beads again.", (_IDS, _REASON), required=("ids",), brief=True),
    Tool(
        "dep", "Dependencies: id waits for on.",
        (
            Parameter("action", among=("add", "remove", "list", "tree")), _ID, Parameter("on"),
            Parameter("type", option="--type", text="blocks, parent-child, related, …"),
        ), required=("id",), choose=_dep,
    ),
    Tool("comment", "Say something under a bead.", (_ID, Parameter("text")), ("comments", "add"), ("id", "text")),
    Tool("stats", "Counts by status.", reads=True),
    Tool(
        "remember", "Keep a text for later sessions; the same key replaces it.",
        (Parameter("text"), Parameter("key", option="--key"), _SCOPE), required=("text",),
    ),
    Tool(
        "recall", "What was remembered: under a key or of some words, whole; without words an index.",
        (Parameter("words"), _SCOPE), choose=_recall, reads=True,
    ),
)  # fmt: skip
BY_NAME: Mapping[str, Tool] = {tool.name: tool for tool in TOOLS}
