"""Agent programs as data, and how a session of one is started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from town.errors import NotFoundError

PROMPT: Final = "{prompt}"
"""Stands in a preset's arguments where the opening words go."""

OPENING: Final = (
    "You are {agent}. Run `{gt} prime` now: it says who you are, what is on your hook and how to finish. "
    "If there is work on your hook, you run it; nobody will confirm."
)


@dataclass(frozen=True, slots=True)
class Preset:
    """One agent program, started without a terminal.

    Attributes:
        command: the program and its arguments; `{prompt}` is replaced by the opening words.
        env: set for the program beside the session's own variables.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            # The caller gives the interpreter, so the scripted agent runs in the town's own environment.
            Preset("script", ("{python}", "-m", "town.script_agent")),
            Preset(
                "claude",
                ("claude", "-p", PROMPT, "--output-format", "stream-json", "--verbose",
                 "--dangerously-skip-permissions"),
            ),
            Preset(
                "codex",
                ("codex", "exec", "--json", "--dangerously-bypass-approvals-and-sandbox", PROMPT),
            ),
            Preset("gemini", ("gemini", "--approval-mode", "yolo", "-p", PROMPT)),
        )
    }
)  # fmt: skip

_FORGOTTEN: Final = ("GT_", "GIT_", "BD_")
"""A session is told who it is; what the supervisor was told must not reach it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a session is."""

    town: Path
    rig: str
    polecat: str
    agent: str
    session: str
    token: str
    email: str
    gt: str
    python: str
    plan: str = ""


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """A process to start: no shell, a whole environment, a folder."""

    command: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path


def find_preset(name: str) -> Preset:
    """Find an agent program by name.

    Raises:
        NotFoundError: there is no such preset.
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise NotFoundError(f"There is no agent {name!r}.", f"Known: {', '.join(PRESETS)}.") from None


def launch_spec(preset: Preset, who: Identity, cwd: Path, inherited: Mapping[str, str]) -> LaunchSpec:
    """Say how a session of this agent is started."""
    words = {PROMPT: OPENING.format(agent=who.agent, gt=who.gt), "{python}": who.python}
    kept = {name: value for name, value in inherited.items() if not name.startswith(_FORGOTTEN)}
    return LaunchSpec(
        command=tuple(words.get(part, part) for part in preset.command),
        env={**kept, **preset.env, **session_env(who)},
        cwd=cwd,
    )


def session_env(who: Identity) -> dict[str, str]:
    """List the variables that tell a session who it is."""
    address = f"{who.polecat}.{who.rig}@{who.email}"
    return {
        "GT_TOWN": str(who.town),
        "GT_RIG": who.rig,
        "GT_ROLE": "polecat",
        "GT_AGENT": who.agent,
        "GT_SESSION": who.session,
        "GT_TOKEN": who.token,
        "GT_BIN": who.gt,
        "GT_SCRIPT": who.plan,
        "BD_ACTOR": who.agent,
        "GIT_AUTHOR_NAME": who.agent,
        "GIT_AUTHOR_EMAIL": address,
        "GIT_COMMITTER_NAME": who.agent,
        "GIT_COMMITTER_EMAIL": address,
        "GIT_TERMINAL_PROMPT": "0",
    }
