"""A town's and a rig's configuration: TOML text in, checked values out.

Rules:

1. An unknown key is an error, with the nearest known one as the hint.
2. A rig without gates is an error: `gates = "none"` must be written out by whoever wants none.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec

from town.errors import ConfigError

NAME_PATTERN: Final = r"^[a-z][a-z0-9_-]{0,39}$"
Name = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
Seconds = Annotated[int, msgspec.Meta(ge=1)]


class Gate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command that must succeed on the candidate.

    Attributes:
        timeout: seconds.
    """

    name: Name
    command: Annotated[str, msgspec.Meta(min_length=1)]
    timeout: Seconds = 600


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the scripted agent does in this rig; `plan` is a file in the worktree."""

    plan: str = ""


class RigConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rig. Times are in seconds."""

    name: Name
    url: Annotated[str, msgspec.Meta(min_length=1)]
    gates: tuple[Gate, ...] | Literal["none"]
    target: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")] = "main"
    agent: str = "script"
    session_timeout: Seconds = 7200
    max_attempts: Annotated[int, msgspec.Meta(ge=1)] = 3

    @property
    def gate_list(self) -> tuple[Gate, ...]:
        """List the gates; empty only where the owner wrote `gates = "none"`."""
        return () if self.gates == "none" else self.gates


class RigFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole `rig.toml`."""

    rig: RigConfig
    script: Script = Script()


class Supervision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The numbers the supervisor works by. Times are in seconds."""

    restart_backoff: Annotated[int, msgspec.Meta(ge=0)] = 30
    restart_backoff_max: Seconds = 600
    crash_limit: Annotated[int, msgspec.Meta(ge=1)] = 5
    crash_window: Seconds = 900
    stop_grace: Annotated[int, msgspec.Meta(ge=0)] = 10
    done_grace: Annotated[int, msgspec.Meta(ge=0)] = 60
    hold_recheck: Seconds = 600
    failure_backoff: Seconds = 5
    failure_limit: Annotated[int, msgspec.Meta(ge=1)] = 5


class TownConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The town itself."""

    name: Name
    max_polecats: Annotated[int, msgspec.Meta(ge=1)] = 4
    email_domain: str = "town.invalid"


class TownFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole `town.toml`."""

    town: TownConfig
    supervision: Supervision = Supervision()


_File = TypeVar("_File", TownFile, RigFile)
_UNKNOWN: Final = re.compile(r"unknown field `(?P<key>[^`]+)`")
_KNOWN: Final[Mapping[type, tuple[type[msgspec.Struct], ...]]] = {
    TownFile: (TownFile, TownConfig, Supervision),
    RigFile: (RigFile, RigConfig, Gate, Script),
}


def parse_town(source: str) -> TownFile:
    """Read a `town.toml`.

    Raises:
        ConfigError: it is not TOML, or not a town.
    """
    return _parse(source, TownFile, "town.toml")


def parse_rig(source: str) -> RigFile:
    """Read a `rig.toml`.

    Raises:
        ConfigError: it is not TOML, or not a rig, or says nothing of gates.
    """
    file = _parse(source, RigFile, "rig.toml")
    _check_gates(file.rig)
    return file


def _parse(source: str, shape: type[_File], name: str) -> _File:
    try:
        return msgspec.convert(tomllib.loads(source), shape)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name} is not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {error}", _hint(str(error), shape)) from None


def _hint(message: str, shape: type[_File]) -> str:
    if "missing required field `gates`" in message:
        return 'List the gates as [[rig.gates]] name, command; or write gates = "none" if you want none.'
    unknown = _UNKNOWN.search(message)
    if unknown is None:
        return ""
    known = [name for part in _KNOWN[shape] for name in part.__struct_fields__]
    near = get_close_matches(unknown["key"], known, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(sorted(set(known)))}."


def _check_gates(rig: RigConfig) -> None:
    if rig.gates == ():
        raise ConfigError("rig.toml: the list of gates is empty", 'Write gates = "none" if you want none.')
    names = [gate.name for gate in rig.gate_list]
    if len(set(names)) != len(names):
        raise ConfigError("rig.toml: two gates have one name", "Give each gate its own name.")


def make_rig(name: str, url: str, gates: Sequence[Gate] | Literal["none"], **more: Any) -> RigFile:
    """Build a checked rig configuration from its parts, as if it had been read from a file.

    Raises:
        ConfigError: a value is not allowed.
    """
    plain = gates if isinstance(gates, str) else [msgspec.to_builtins(gate) for gate in gates]
    plan = more.pop("plan", "")
    rig = {"name": name, "url": url, "gates": plain, **more}
    try:
        file = msgspec.convert({"rig": rig, "script": {"plan": plan}}, RigFile)
    except msgspec.ValidationError as error:
        raise ConfigError(f"rig {name!r}: {error}", _hint(str(error), RigFile)) from None
    _check_gates(file.rig)
    return file


def render(file: TownFile | RigFile) -> str:
    """Write a configuration as TOML that `parse_town` or `parse_rig` reads back as the same value."""
    sections = msgspec.to_builtins(file)
    return "\n".join(line for name, keys in sections.items() for line in _section(name, keys))


def _section(name: str, keys: Mapping[str, Any]) -> list[str]:
    lines = [f"[{name}]"]
    lines += [f"{key} = {_value(value)}" for key, value in keys.items() if not _is_table_list(value)]
    for key, tables in keys.items():
        for table in tables if _is_table_list(tables) else ():
            lines += ["", f"[[{name}.{key}]]", *(f"{k} = {_value(v)}" for k, v in table.items())]
    return [*lines, ""]


def _is_table_list(value: object) -> bool:
    return isinstance(value, list | tuple)


def _value(value: str | int) -> str:
    # JSON writes strings as TOML's basic strings do, save DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
