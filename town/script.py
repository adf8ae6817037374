r"""Scenarios for the scripted agent: a list of steps, from TOML or JSON.

```toml
[[steps]]
do = "write"            # write, append, run, commit, hang, crash, lie, done, exit
path = "hello.txt"
text = "{title}\n"      # {bead} {short} {title} {description} {branch} {target} {attempts} are filled in
on_session = 1          # only in the first session of this bead; left out: in every one
```

A scenario that ends without `done`, `exit`, `lie`, `hang` or `crash` ends with `done`.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from town.errors import ConfigError


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do"):
    """One thing the agent does. 0 in `on_session` and `on_attempt` means always; attempts are counted from 1."""

    on_session: int = 0
    on_attempt: int = 0


class Write(Step, frozen=True, tag="write"):
    """Write a file."""

    path: str = "WORKLOG.md"
    text: str = ""


class Append(Step, frozen=True, tag="append"):
    """Add to the end of a file."""

    path: str = "WORKLOG.md"
    text: str = ""


class Run(Step, frozen=True, tag="run"):
    """Run a shell command in the worktree; its failure ends the session."""

    command: Annotated[str, msgspec.Meta(min_length=1)] = "true"


class Commit(Step, frozen=True, tag="commit"):
    """Commit everything."""

    message: str = "{title}"


class Done(Step, frozen=True, tag="done"):
    """Hand the work in and end."""

    summary: str = "Did what the bead asks."


class Lie(Step, frozen=True, tag="lie"):
    """Say it is done, whatever is there, and end."""


class Hang(Step, frozen=True, tag="hang"):
    """Do nothing for ever."""


class Crash(Step, frozen=True, tag="crash"):
    """End at once with this exit code."""

    code: int = 1


class Exit(Step, frozen=True, tag="exit"):
    """End as if all were well, without handing anything in."""


AnyStep = Write | Append | Run | Commit | Done | Lie | Hang | Crash | Exit


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the agent does, in order."""

    steps: tuple[AnyStep, ...]


# A file a bead: two workers that append to one file would conflict in the merge queue.
DEFAULT: Final = Scenario(
    (Append(path="worklog/{short}.md", text="{title}\n"), Commit(message="Note {short} in the work log"))
)


def parse_scenario(source: str) -> Scenario:
    """Read a scenario; JSON if it begins with a brace.

    Raises:
        ConfigError: it is not a scenario.
    """
    try:
        plain = json.loads(source) if source.lstrip().startswith("{") else tomllib.loads(source)
        return msgspec.convert(plain, Scenario)
    except (ValueError, msgspec.ValidationError) as error:
        raise ConfigError(f"The script is not a scenario: {error}", "See town/script.py for its form.") from None


def applies(step: AnyStep, session: int, attempt: int) -> bool:
    """Tell whether a step is for this session and this attempt."""
    return step.on_session in (0, session) and step.on_attempt in (0, attempt)


def fill(words: str, facts: Mapping[str, str]) -> str:
    """Put facts into a step's words; braces that name no fact stay as they are."""
    for name, value in facts.items():
        words = words.replace(f"{{{name}}}", value)
    return words
