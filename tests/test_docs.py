"""What can be done is documented: verbs, routes, settings, operation types, rules, reasons, error codes.

After a change of the command lines: `python -m tests.test_docs` writes docs/reference/verbs.md anew.
"""

import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from starlette.routing import Mount, Route

from beads import report
from node import errors
from node.cli import bd, gt, wl
from node.config import Config
from node.home import Home
from node.http.app import LOOPBACK, build
from wanted.ops.table import BOARD

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
VERBS_PAGE = DOCS / "reference" / "verbs.md"
PACKAGES = ("stamps", "beads", "wanted", "node")
LINES = {"wl": (wl.wl, wl.VERBS), "gt": (gt.gt, gt.VERBS), "bd": (bd.bd, bd.VERBS)}
_RAISED = r'{name}\(\s*"([a-z_]+)"'


@cache
def page(name: str) -> str:
    return (DOCS / name).read_text()


@cache
def code(packages: tuple[str, ...] = PACKAGES) -> str:
    return "\n".join(path.read_text() for package in packages for path in sorted((ROOT / package).rglob("*.py")))


def raised(name: str) -> list[str]:
    """The reasons that the code gives to one kind of error."""
    return sorted(set(re.findall(_RAISED.format(name=name), code())))


# -- verbs -----------------------------------------------------------------------------------------------------


def commands(program: str) -> Iterator[tuple[str, click.Command]]:
    """Every verb of a program with its subverbs, by the words one types."""
    _, verbs = LINES[program]
    for verb, (module, attribute, _) in verbs.items():
        yield from _with_subverbs(f"{program} {verb}", getattr(importlib.import_module(module), attribute))


def _with_subverbs(words: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield words, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _with_subverbs(f"{words} {name}", inner)


def verbs_page() -> str:
    """docs/reference/verbs.md as it should be."""
    parts = [
        "# Verbs\n",
        "Written by `python -m tests.test_docs` from the command lines themselves; a test compares.\n",
        "Every verb takes `--json` (one JSON document instead of text), `--quiet` (the answer alone: no hints, notes",
        "or progress; what went wrong is told all the same) and `--help`. Ids may be shortened to any unique prefix.",
        "Exit codes: [errors.md](errors.md).\n",
    ]
    for program, (group, verbs) in LINES.items():
        parts.append(f"## {program}\n")
        parts.append(f"{(group.help or '').strip()}\n")
        for words, command in commands(program):
            said = verbs[words.split()[1]][2] if len(words.split()) == 2 else command.get_short_help_str(200)
            parts += _entry(words, command, said)
    return "\n".join(parts)


def _entry(words: str, command: click.Command, said: str) -> list[str]:
    arguments = "".join(f" {_argument(p)}" for p in command.params if isinstance(p, click.Argument))
    options = [p for p in command.params if isinstance(p, click.Option)]
    rows = [_option(p) for p in options if p.name not in ("json_", "quiet", "actor_")]
    table = ["| option | |", "|---|---|", *rows, ""] if rows else []
    return [f"### {words}{arguments}\n", f"{said}\n", *table]


def _argument(argument: click.Argument) -> str:
    name = argument.human_readable_name.upper()
    return name if argument.required else f"[{name}]"


def _option(option: click.Option) -> str:
    value = "" if option.is_flag else f" {option.metavar or _kind(option.type)}"
    notes = [option.help or ""]
    if option.required:
        notes.append("Required.")
    if option.show_default and not option.is_flag:
        notes.append(f"Default: {option.default}.")
    if option.multiple and "repeat" not in notes[0]:
        notes.append("May be repeated.")
    return f"| `{', '.join(option.opts)}{value}` | {' '.join(filter(None, notes))} |"


def _kind(kind: Any) -> str:
    if isinstance(kind, click.Choice):
        return "/".join(map(str, kind.choices))
    if isinstance(kind, click.IntRange):
        return f"{kind.min}-{kind.max}"
    return str(kind.name).upper()


def test_the_page_of_verbs_is_that_of_the_command_lines() -> None:
    assert VERBS_PAGE.read_text() == verbs_page(), "python -m tests.test_docs"


@pytest.mark.parametrize("program", sorted(LINES))
def test_every_verb_is_documented_with_the_words_of_its_table(program: str) -> None:
    for verb, (_, _, said) in LINES[program][1].items():
        assert f"### {program} {verb}" in VERBS_PAGE.read_text()
        assert said in VERBS_PAGE.read_text()


# -- routes, settings, errors ----------------------------------------------------------------------------------


def test_every_route_is_documented(tmp_path: Path) -> None:
    routes = build(Home(tmp_path), LOOPBACK).routes
    assert routes
    for route in routes:
        assert isinstance(route, (Route, Mount))
        assert f"| `{route.path}` |" in page("reference/http.md")


def test_every_documented_route_is_answered(tmp_path: Path) -> None:
    answered = {getattr(route, "path", "") for route in build(Home(tmp_path), LOOPBACK).routes}
    assert set(re.findall(r"^\| `(/[^`]*)` \|", page("reference/http.md"), re.MULTILINE)) == answered


def settings(shape: type[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting with its default."""
    for each in msgspec.structs.fields(shape):
        if isinstance(each.default, msgspec.Struct):
            yield from settings(type(each.default), f"{prefix}{each.name}.")
        else:
            made = each.default_factory is not msgspec.NODEFAULT
            yield prefix + each.name, each.default_factory() if made else each.default


@pytest.mark.parametrize(("name", "default"), list(settings(Config)), ids=lambda value: str(value))
def test_every_setting_is_documented_with_its_default(name: str, default: object) -> None:
    shown = msgspec.json.encode(default).decode()
    assert f"| `{name}` | `{shown}` |" in page("reference/configuration.md")


def test_the_example_of_the_configuration_is_the_default() -> None:
    example = page("reference/configuration.md").split("```toml\n")[1].split("```")[0]
    assert msgspec.toml.decode(example, type=Config) == Config()


def test_every_error_code_is_documented_with_its_exit_code_and_status() -> None:
    rows = [*((row[1:]) for row in errors._TABLE), (errors.REFUSED, 400, "refused"), (errors.REFUSED, 500, "internal")]
    for exit_code, status, name in rows:
        assert f"| `{name}` | {exit_code} | {status} |" in page("reference/errors.md")


# -- the protocol ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(BOARD.types))
def test_every_operation_type_is_in_the_protocol(name: str) -> None:
    assert f"| `{name}` |" in page("protocol.md")


@pytest.mark.parametrize("status", [value for name, value in vars(report).items() if name.isupper()])
def test_every_outcome_is_in_the_protocol(status: str) -> None:
    assert f"| `{status}` |" in page("protocol.md")


@pytest.mark.parametrize("name", ["InvalidLine", "KeyLogError", "Held", "BundleError"])
def test_every_reason_is_in_the_protocol(name: str) -> None:
    found = raised(name)
    assert found
    for reason in found:
        assert f"`{reason}`" in page("protocol.md"), reason


def test_every_reason_that_a_report_adds_by_itself_is_in_the_protocol() -> None:
    added = set(re.findall(r'report\.[A-Z]+, "([a-z_]+)"', code()))
    assert added
    for reason in sorted(added):
        assert f"`{reason}`" in page("protocol.md"), reason


def test_every_rule_is_in_the_protocol() -> None:
    rules = set(re.findall(r'"((?:bead|item|accept|stamp|checkpoint)\.[a-z_]+)"', code(("stamps", "beads", "wanted"))))
    rules -= BOARD.types.keys()
    assert {"item.status", "stamp.vc", "accept.twice"} <= rules
    for rule in sorted(rules):
        assert f"`{rule}`" in page("protocol.md"), rule


# -- the pages themselves --------------------------------------------------------------------------------------


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_the_pages_lead_somewhere(path: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)", path.read_text()):
        linked = (path.parent / target).resolve() if target else path
        assert linked.exists(), target
        if anchor and linked.suffix == ".md":
            assert anchor in _anchors(linked.read_text()), f"{target}#{anchor}"


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_every_decision_is_listed() -> None:
    for path in (DOCS / "adr").glob("0*.md"):
        assert f"]({path.name})" in page("adr/README.md")


if __name__ == "__main__":
    VERBS_PAGE.write_text(verbs_page())
