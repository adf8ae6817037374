"""bd formula, cook: templates of work, from files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from beads.cook import cook as cook_formula
from beads.cooked import Cooked, Edge, Node
from beads.errors import BadWord, NotFound
from beads.formula import SIZE, Formula, FormulaError, Step, nearest
from beads.formula_read import parse
from beads.molecule import waves
from beads.wording import counted
from beads.workflow import Workflow
from node import ledgers
from node.cli.bd_common import Desk, bd_verb
from node.cli.common import Verbs, table

ENDINGS = (".formula.toml", ".formula.json")
FOLDER = "formulas"
_WIDTH = 60


class Shelf:
    """Where formulas are found: beside a file that names them, in `.beads/formulas`, in the home."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders

    def beside(self, path: Path) -> "Shelf":
        """Return a shelf that looks beside a file first."""
        return Shelf(path.parent, *self._folders)

    def files(self) -> dict[str, Path]:
        """Return the formulas that can be named, by name; the first folder counts."""
        found: dict[str, Path] = {}
        for folder in self._folders:
            for path in sorted(folder.glob("*")) if folder.is_dir() else ():
                name = _name(path.name)
                if name is not None:
                    found.setdefault(name, path)
        return dict(sorted(found.items()))

    def find(self, name: str) -> Formula:
        """Read the formula of a name.

        Raises:
            NotFound: There is none.
            FormulaError: It cannot be used.
        """
        files = self.files()
        if name not in files:
            where = " or ".join(str(folder) for folder in self._folders)
            hint = nearest(name, files, "formulas") if files else f"Put {name}{ENDINGS[0]} into {where}."
            raise NotFound(f"no formula {name!r}", hint)
        return _checked(read(files[name]), name)

    def open(self, given: str) -> tuple[Formula, "Shelf"]:
        """Read the formula that a name or path means; return it with the shelf for those that it names."""
        path = Path(given)
        if "/" in given or given.endswith((".toml", ".json")):
            return read(path), self.beside(path)
        return self.find(given), self


def shelf(desk: Desk) -> Shelf:
    """Return the shelf that is meant here."""
    place = ledgers.find(desk.home)
    folders = [place.folder / FOLDER] if place is not None and place.folder is not None else []
    return Shelf(*folders, desk.home.path / FOLDER)


def _name(file: str) -> str | None:
    return next((file.removesuffix(ending) for ending in ENDINGS if file.endswith(ending)), None) or None


def read(path: Path) -> Formula:
    """Read a formula's file.

    Raises:
        NotFound: There is none.
        FormulaError: It cannot be used.
    """
    if not path.is_file():
        raise NotFound(f"no formula at {path}", "bd formula list shows those that have a name.")
    with path.open("rb") as file:
        return parse(file.read(SIZE + 1), path.name)


def _checked(formula: Formula, name: str) -> Formula:
    if formula.formula != name:
        raise FormulaError("formula", f"the file is called {name}", "Name both alike.", formula.formula)
    return formula


def values_of(given: Sequence[str]) -> dict[str, str]:
    """Read the options --var KEY=VALUE.

    Raises:
        BadWord: One is no pair, or is given twice.
    """
    found: dict[str, str] = {}
    for pair in given:
        name, sep, value = pair.partition("=")
        if not sep or not name or name in found:
            raise BadWord(f"--var {pair}: {'given twice' if name in found else 'not a pair'}", "--var KEY=VALUE")
        found[name] = value
    return found


def cooked_of(desk: Desk, given: str, values: Mapping[str, str]) -> Cooked:
    """Cook the formula that a name or path means."""
    formula, where = shelf(desk).open(given)
    return cook_formula(formula, values, where.find)


# -- formula -------------------------------------------------------------------------------------------------------


@bd_verb(name="list")
def formula_list(desk: Desk) -> None:
    """The formulas that can be named here."""
    where = shelf(desk)
    rows = [_row(name, path) for name, path in where.files().items()]
    lines = table([(one["name"], one["type"], one.get("error", one["description"])) for one in rows], 2)
    hint = f"No formulas yet. Put NAME{ENDINGS[0]} into .beads/{FOLDER} or {desk.home.path / FOLDER}."
    desk.array(rows, lines or hint)


def _row(name: str, path: Path) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "type": "?", "description": "", "path": str(path)}
    try:
        formula = _checked(read(path), name)
    except FormulaError as error:
        return row | {"error": f"cannot be used: {error}"}
    return row | {"type": formula.type, "description": formula.description, "steps": _count(formula.steps)}


def _count(steps: Sequence[Step]) -> int:
    return sum(1 + _count(step.children) for step in steps)


@bd_verb(name="show")
@click.argument("formula")
def formula_show(desk: Desk, formula: str) -> None:
    """What a formula asks for, and its steps."""
    found, _ = shelf(desk).open(formula)
    lines = [f"{found.formula} ({found.type}, version {found.version})", *filter(None, [found.description])]
    lines += [f"Extends: {', '.join(found.extends)}"] if found.extends else []
    lines += ["", "Variables:", *(f"  {name}: {_var(var)}" for name, var in found.vars.items())] if found.vars else []
    lines += ["", "Steps:", *_steps(found.steps or found.template, "  ")] if found.steps or found.template else []
    data = {"formula": msgspec.to_builtins(found)}
    desk.output.result(data, lines, [f"bd cook {formula} --dry-run", f"bd mol pour {formula}"])


def _var(var: Any) -> str:
    said = ["required"] if var.required else [f"default {var.default!r}"] if var.default is not None else ["optional"]
    said += [f"one of {', '.join(var.enum)}"] if var.enum else []
    said += [f"like {var.pattern}"] if var.pattern else []
    said += [var.type] if var.type != "string" else []
    return f"{var.description + ' ' if var.description else ''}({'; '.join(said)})"


def _steps(steps: Sequence[Step], indent: str) -> list[str]:
    lines: list[str] = []
    for step in steps:
        needs = f"  ← {', '.join(step.all_needs)}" if step.all_needs else ""
        only = f"  if {step.condition}" if step.condition else ""
        lines.append(f"{indent}{step.id}: {step.title}{needs}{only}")
        lines += _steps(step.children, indent + "  ")
    return lines


@bd_verb(name="check")
@click.argument("formulas", nargs=-1, required=True)
def formula_check(desk: Desk, formulas: tuple[str, ...]) -> None:
    """Read formulas, and say what is wrong with the first that cannot be used."""
    found = [shelf(desk).open(one)[0] for one in formulas]
    data = {"ok": [one.formula for one in found]}
    desk.output.result(
        data, [f"✓ {one.formula}: {counted(_count(one.steps or one.template), 'step')}" for one in found]
    )


formula = Verbs("formula", "Templates of work: list, show, check.", formula_list, formula_show, formula_check)


# -- cook ----------------------------------------------------------------------------------------------------------


@bd_verb()
@click.argument("formula")
@click.option("--var", "given", multiple=True, metavar="KEY=VALUE", help="The value of a variable; repeat for more.")
@click.option("--dry-run", is_flag=True, help="Show what comes out; write nothing. This is so by default.")
@click.option("--proto", is_flag=True, help="Keep it in the ledger, to be poured from there.")
def cook(desk: Desk, formula: str, given: tuple[str, ...], dry_run: bool, proto: bool) -> None:
    """Show the beads that a formula comes to: FORMULA is a name or a file."""
    if proto and dry_run:
        raise BadWord("--proto writes, and --dry-run writes nothing: give one")
    cooked = cooked_of(desk, formula, values_of(given))
    if not proto:
        show_cooked(desk, cooked)
        return
    with desk.writing() as tracker:
        made = Workflow(tracker).cook(cooked)
        name = tracker.read.name_of(made.root)
        desk.touched(tracker, made.root)
        data = {"id": name, "formula": cooked.formula, "beads": len(made.beads)}
        text = f"✓ Kept {cooked.formula} as proto {name} ({counted(len(made.beads), 'bead')})"
        desk.output.result(data, text, [f"bd mol pour {name}", f"bd mol show {name}"])


def show_cooked(desk: Desk, cooked: Cooked) -> None:
    """Print what was cooked, in waves."""
    gates = {node.key for node in cooked.nodes if node.gate}
    laid = waves((node.key for node in cooked.nodes), cooked.edges, gates)
    lines = [
        f"{cooked.root.title}: {counted(len(cooked.nodes) - 1, 'bead')} below the molecule; nothing was written.",
        "",
    ]
    titles = {node.key: node.title for node in cooked.nodes}
    for number, front in enumerate(laid.fronts, 1):
        lines.append(f"Wave {number}:")
        lines += [f"  {key}: {titles[key]}" for key in front]
    lines += ["", "Gates:", *(f"  {key}: {titles[key]}" for key in titles if key in gates)] if gates else []
    data = {
        "formula": cooked.formula, "title": cooked.root.title, "phase": cooked.phase, "vars": dict(cooked.values),
        "nodes": [_node(node) for node in cooked.nodes], "edges": [_edge(edge) for edge in cooked.edges],
        "waves": [list(front) for front in laid.fronts],
    }  # fmt: skip
    desk.output.result(data, lines)


def _node(node: Node) -> dict[str, Any]:
    said = {
        "key": node.key, "title": node.title, "description": node.description, "notes": node.notes,
        "issue_type": node.type, "priority": node.priority, "labels": list(node.labels),
        "metadata": dict(node.metadata), "assignee": node.assignee, "parent": node.parent,
        "gate": node.gate._asdict() if node.gate else None,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value not in ("", None, [], {})}


def _edge(edge: Edge) -> dict[str, str]:
    return {"from": edge.key, "to": edge.on, "type": edge.kind, **({"note": edge.note} if edge.note else {})}
