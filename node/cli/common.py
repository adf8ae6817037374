"""What every verb shares: lazy loading, text for people or JSON for programs, and errors with hints. ⚡"""

import atexit
import gc
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import update_wrapper
from types import MappingProxyType
from typing import Any, NoReturn

import click

from beads.errors import DamagedIndex
from node.errors import KNOWN, REFUSED, USAGE, SomeFailed, classify, hint_of
from node.terminal import Shown, fit, has_colours, shown, width

SCHEMA_VERSION = 1
Tint = Callable[[int, str], str]
NOTHING: Mapping[str, str] = MappingProxyType({})


class LazyGroup(click.Group):
    """A group that imports a verb's module when the verb is used: start-up is most of a cold verb's time.

    Args:
        verbs: Verb → (module, attribute, one-line help). The help stands here so that `--help` imports nothing.
        sections: Heading → the first verb under it, in the order of the verbs; none for one list.
        said: Other words → the verbs that they mean.
    """

    def __init__(
        self, *args: Any, verbs: Mapping[str, tuple[str, str, str]], sections: Mapping[str, str] = NOTHING,
        said: Mapping[str, str] = NOTHING, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(*args, **kwargs)
        self._verbs = verbs
        self._said = said
        self._headings = {verb: heading for heading, verb in sections.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order they are told."""
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb."""
        if cmd_name not in self._verbs:
            return None
        module, attribute, _ = self._verbs[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find a verb by its name or another that people say; suggest one for what is none."""
        given = args[0] if args else ""
        name = self._said.get(given, given)
        if given and not given.startswith("-") and name not in self._verbs:
            # Start-up time: only a verb that there is not needs it.
            from difflib import get_close_matches  # noqa: PLC0415

            near = get_close_matches(given, self._verbs, 1, 0.6)
            raise click.UsageError(f"No such command {given!r}." + (f" Did you mean {near[0]}?" if near else ""), ctx)
        return super().resolve_command(ctx, [name, *args[1:]] if args else args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs with their help."""
        parts: dict[str, list[tuple[str, str]]] = {}
        heading = "Verbs"
        for name, (_, _, text) in self._verbs.items():
            heading = self._headings.get(name, heading)
            parts.setdefault(heading, []).append((name, text))
        # One width for all, so that the sections stand in one column.
        width = max(map(len, self._verbs), default=0)
        for heading, rows in parts.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows])


class Verbs(click.Group):
    """A verb that has verbs of its own, put together from them."""

    def __init__(self, name: str, text: str, *verbs: click.Command) -> None:
        super().__init__(name, help=text, commands=list(verbs))


@dataclass(frozen=True)
class Output:
    """How to answer: JSON, or text with hints on a terminal.

    Attributes:
        json: Print one JSON document.
        quiet: Print the answer alone: no hints, no notes, no progress.
    """

    json: bool
    quiet: bool

    def result(self, data: Mapping[str, Any], text: str | Sequence[str], following: Sequence[str] = ()) -> None:
        """Print what came of a verb, and what one may do next; each text is one line, whoever wrote its words."""
        if self.json:
            click.echo(json.dumps({"schema_version": SCHEMA_VERSION, **data}, ensure_ascii=False, indent=1))
            return
        lines = [text] if isinstance(text, str) else text
        for line in lines:
            click.echo(shown(line))
        if following and not self.quiet and sys.stdout.isatty():
            for n, line in enumerate(following):
                click.secho(f"{'Next:' if n == 0 else '     '} {shown(line)}", dim=True)

    def note(self, text: str) -> None:
        """Say something beside the result that one can do without."""
        if not self.quiet:
            self.trouble(text)

    def trouble(self, text: str) -> None:
        """Say something beside the result that people must see; programs read it in the result."""
        if not self.json:
            click.secho(shown(text), err=True, dim=True)

    def warn(self, text: str) -> None:
        """Say what must be seen whoever reads the result."""
        click.echo(shown(text), err=True)


def verb(**settings: Any) -> Callable[[Callable[..., None]], click.Command]:
    """Make a function a verb: it gets an `Output` first, and the options --json and --quiet."""

    def make(function: Callable[..., None]) -> click.Command:
        def run(*args: Any, json_: bool, quiet: bool, **kwargs: Any) -> None:
            above = click.get_current_context().find_root().params
            function(Output(json_ or bool(above.get("json_")), quiet), *args, **kwargs)

        update_wrapper(run, function)
        # Options of the function's own decorators are kept by click on the function.
        run.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
        decorated = click.option("--json", "json_", is_flag=True, help="Print JSON.")(run)
        decorated = click.option(
            "--quiet", "-q", is_flag=True, help="Print the answer alone: no hints, notes or progress."
        )(decorated)
        command: click.Command = click.command(**settings)(decorated)
        return command

    return make


def commons_option(function: Callable[..., None]) -> Callable[..., None]:
    """Add --commons."""
    return click.option("--commons", "-c", metavar="NAME", help="Which commons: its name or id, or how it begins.")(
        function
    )


def offline_option(function: Callable[..., None]) -> Callable[..., None]:
    """Add --offline."""
    return click.option("--offline", is_flag=True, help="Neither pull before nor push after.")(function)


GARBAGE = 50_000
"""Objects made before they are looked through for what nothing needs any more."""


def main(group: click.Group, program: str) -> NoReturn:
    """Run a command line; every known error becomes one message, one hint and an exit code."""
    # What a verb imports is ten thousands of objects that all stay; looking again and again for what could be thrown
    # away takes a twentieth of its time.
    gc.set_threshold(GARBAGE)
    # In the end all of it goes with the process; looking through it once more takes a seventh.
    atexit.register(gc.freeze)
    try:
        # Without its own error handling click returns the code of an early end, and raises everything else.
        code = _run(group, program)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(error.exit_code)
    except UnicodeError:
        _say({"code": "usage", "message": "a text is not UTF-8", "hint": "Write it, or save the file, as UTF-8."})
        sys.exit(USAGE)
    except click.ClickException as error:
        _say({"code": "usage", "message": error.format_message(), "hint": _usage_hint(error, program)})
        sys.exit(error.exit_code)
    except KNOWN as error:
        for each in error.errors if isinstance(error, SomeFailed) else (error,):
            reason = {"reason": each.reason} if hasattr(each, "reason") else {}
            _say({"code": classify(each)[2], **reason, "message": str(each), "hint": hint_of(each)})
        sys.exit(classify(error)[0])
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            # The reader has gone, as in `wl browse | head`; nobody is left to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        where = f": {error.filename}" if error.filename else ""
        _say({"code": "system", "message": f"{error.strerror or error}{where}", "hint": ""})
        sys.exit(REFUSED)
    sys.exit(code)


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Go on with what is still to be done when nobody reads what is printed any more, as in `wl done | head -1`."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(group: click.Group, program: str) -> int:
    try:
        code = group.main(prog_name=program, standalone_mode=False, color=_colour())
    except DamagedIndex:
        # It is only an index: it was marked, and this time it is built anew.
        code = group.main(prog_name=program, standalone_mode=False, color=_colour())
    return code if isinstance(code, int) else 0


def _colour() -> bool | None:
    """Return what `click` asks for: False for no colours anywhere, None for colours on a terminal."""
    return None if has_colours(os.environ) else False


def _usage_hint(error: click.ClickException, program: str) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path if context else program} --help"


def _say(error: Mapping[str, str]) -> None:
    if "--json" in sys.argv:
        click.echo(json.dumps({"error": error}, ensure_ascii=False), err=True)
        return
    # A message may be several lines long, as where `click` lists what there is to choose from.
    message = "\n".join(map(shown, error["message"].split("\n")))
    click.echo(click.style("Error: ", fg="red", bold=True) + message, err=True, color=_colour())
    if error["hint"]:
        click.echo(click.style("Hint:  ", bold=True) + shown(error["hint"]), err=True, color=_colour())


def table(rows: Sequence[Sequence[str]], flexible: int, tint: Tint | None = None) -> list[str]:
    """Lay rows out in columns.

    Args:
        flexible: The column that is cut so that a row fits the terminal.
        tint: Colours a cell, given its column and its text.
    """
    if not rows:
        return []
    rows = [[shown(cell) for cell in row] for row in rows]
    widths = [max(width(row[n]) for row in rows) for n in range(len(rows[0]))]
    # Here: 2 ms at every start, for tables alone.
    import shutil  # noqa: PLC0415

    room = shutil.get_terminal_size((100, 24)).columns - sum(widths) + widths[flexible] - 2 * (len(widths) - 1)
    widths[flexible] = max(min(widths[flexible], room), 16)
    return [Shown("  ".join(_laid(row, widths, tint)).rstrip()) for row in rows]


def _laid(row: Sequence[str], widths: Sequence[int], tint: Tint | None) -> Iterator[str]:
    for column, (cell, room) in enumerate(zip(row, widths, strict=True)):
        laid = fit(cell, room)
        yield tint(column, laid) if tint else laid
