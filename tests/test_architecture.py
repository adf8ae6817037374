"""The laws of the house (ARCHITECTURE.md), held against the syntax of every module.

1. Imports go down, never up, never round.
2. What does I/O on one floor is imported by other floors only where concrete things are named.
3. No I/O, clock, environment or randomness outside the modules listed here.
4. No import inside a function, save where start-up time is measured and the line says so.
5. No mutable module state, no work at import.
"""

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("stamps", "beads", "wanted", "town", "node")

# Law 3: modules that touch the world (⚡). A name that ends in a dot stands for all modules below it.
IO = (
    "stamps.keyring",
    "beads.alchemy", "beads.bundle", "beads.database", "beads.files", "beads.git_store", "beads.http", "beads.journal",
    "beads.precheck", "beads.prefold", "beads.remote", "beads.repository", "beads.second",
    "wanted.verify",
    "town.context", "town.decisions", "town.drivers.", "town.refinery", "town.rig", "town.runtime_state",
    "town.script_agent", "town.supervisor", "town.town",
    "node.",
)  # fmt: skip
# Node is the edge; these of its modules are pure all the same.
PURE = (
    "node", "node.errors", "node.naming", "node.regard", "node.sheets.formats", "node.sheets.markdown",
    "node.sheets.palette", "node.sheets.plain", "node.sheets.radar", "node.sheets.timeline", "node.sheets.view",
    "node.sheets.words", "node.terminal", "node.web.readme",
)  # fmt: skip

# Law 2: who may name another floor's I/O modules besides node.wiring, and why.
NAMES_CONCRETE_THINGS = {
    ("node.home", "beads.files"): "write_file, the one durable replacement of a file",
    ("node.peers", "beads.files"): "write_file, for the lists of peers",
    ("node.ledgers", "beads.files"): "write_file, for .beads/ledger.toml",
    ("node.http.keeper", "beads.files"): "write_file, for the owner's token",
    ("node.keybox", "beads.files"): "write_file, for the key log",
    ("node.keybox", "stamps.keyring"): "the owner's keys are files of the home",
    ("node.sheetfiles", "beads.files"): "write_file, for the sheets that are kept",
    ("node.sheetfiles", "wanted.verify"): "read, so that no file is read beyond the bounds of a sheet",
    ("node.cli.wl_sheetfiles", "wanted.verify"): "likewise",
    ("node.townhall", "town.town"): "the town's façade is what a node opens",
    ("node.cli.gt_verbs", "town.town"): "for annotations, and to install one",
}

WORLD = frozenset(
    (
        "asyncio", "concurrent", "ctypes", "dulwich", "fcntl", "getpass", "glob", "http", "httpx", "httpx2", "io",
        "logging", "mmap", "multiprocessing", "os", "platform", "platformdirs", "psycopg", "pty", "random", "resource",
        "secrets", "select", "selectors", "shutil", "signal", "socket", "sqlalchemy", "sqlite3", "ssl", "subprocess",
        "sys", "tempfile", "time", "urllib3", "uuid", "uvicorn",
    )
)  # fmt: skip
TOUCHES = frozenset(
    (
        "cwd", "exists", "expanduser", "fromtimestamp", "home", "is_dir", "is_file", "iterdir", "mkdir", "now",
        "read_bytes", "read_text", "rglob", "rmdir", "today", "unlink", "urandom", "utcnow", "write_bytes",
        "write_text",
    )
)  # fmt: skip
TOUCHING_BUILTINS = frozenset(("open", "input", "print", "exec", "eval", "breakpoint", "__import__"))

# Law 4: a comment says why, but stamps came before the mark.
UNMARKED_LATE_IMPORTS = frozenset(("stamps.keyring",))
TYPE_CHECKING_AT_MOST = 3

# Law 5: calls that make values and do nothing else; so does every call of a class, by its capital letter.
MAKES_A_VALUE = frozenset(
    (
        "bytes", "dict", "dict.fromkeys", "enumerate", "field", "frozenset", "get_args", "len", "object", "property",
        "range", "re.compile", "sorted", "tuple", "zip", "msgspec.Meta", "msgspec.field", "msgspec.json.Decoder",
        "msgspec.json.Encoder", "dataclass", "name.startswith", "_row", "_want", "click.Path", "click.Choice",
        "click.group", "click.option", "click.argument", "click.command", "click.version_option", "click.IntRange",
        "verb", "bd_verb", "timedelta", "lru_cache", "logging.getLogger", "datetime", "_KINDS.items",
        "FIELD_OF.items", "map", "', '.join", "\"', '\".join", "cast",
    )
)  # fmt: skip
MUTATORS = frozenset(
    (
        "add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Module:
    name: str
    path: Path

    @cached_property
    def text(self) -> list[str]:
        return self.path.read_text().splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text())

    @property
    def floor(self) -> str:
        return self.name.partition(".")[0]

    @property
    def does_io(self) -> bool:
        return self.name not in PURE and any(listed(self.name, each) for each in IO)

    def at(self, node: ast.AST, what: str) -> str:
        return f"{self.name}:{getattr(node, 'lineno', 0)}: {what}"


def listed(name: str, entry: str) -> bool:
    return name == entry.rstrip(".") or (entry.endswith(".") and name.startswith(entry))


def modules() -> dict[str, Module]:
    found: dict[str, Module] = {}
    for path in sorted(file for floor in FLOORS for file in (ROOT / floor).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = Module(name, path)
    return found


MODULES = modules()
each_module = pytest.mark.parametrize("module", MODULES.values(), ids=MODULES.keys())


def imported(module: Module, tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    """Yield the project's modules that a tree imports; `from package import module` counts as the module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, module.at(node, "a relative import")
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            known = name if name in MODULES else name.rpartition(".")[0]
            if known in MODULES:
                yield node, known


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def top_level(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield what runs at import: everything but the bodies of functions."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            defaults = [one for one in node.args.kw_defaults if one is not None]
            decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
            waiting += [*node.args.defaults, *defaults, *decorators]
        elif not is_main(node):
            waiting += ast.iter_child_nodes(node)


def is_main(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


def none(problems: Iterable[str]) -> None:
    found = sorted(problems)
    assert not found, "\n".join(found)


def test_every_listed_module_is_there() -> None:
    named = [*IO, *PURE, *UNMARKED_LATE_IMPORTS, *(name for pair in NAMES_CONCRETE_THINGS for name in pair)]
    none(entry for entry in named if entry.rstrip(".") not in MODULES)


# -- 1 -------------------------------------------------------------------------------------------------------------


@each_module
def test_a_floor_imports_only_what_lies_below_it(module: Module) -> None:
    below = FLOORS[: FLOORS.index(module.floor) + 1]
    none(module.at(node, name) for node, name in imported(module, module.tree) if name.partition(".")[0] not in below)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: {to for _, to in imported(module, module.tree)} - {name} for name, module in MODULES.items()}
    # Take away what imports nothing that is left, as long as there is such; what stays is in a circle, or needs one.
    while free := [name for name, to in graph.items() if not to & graph.keys()]:
        for name in free:
            del graph[name]
    none(f"{name} → {', '.join(sorted(to & graph.keys()))}" for name, to in graph.items())


# -- 2 -------------------------------------------------------------------------------------------------------------


@each_module
def test_io_of_another_floor_is_named_in_the_wiring_only(module: Module) -> None:
    if module.name == "node.wiring":
        return
    none(
        module.at(node, f"imports {name}")
        for node, name in imported(module, module.tree)
        if MODULES[name].does_io
        and MODULES[name].floor != module.floor
        and (module.name, name) not in NAMES_CONCRETE_THINGS
    )


@each_module
def test_private_names_stay_in_their_module(module: Module) -> None:
    none(
        module.at(node, f"imports {alias.name} of {node.module}")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in FLOORS
        for alias in node.names
        if alias.name.startswith("_")
    )


# -- 3 -------------------------------------------------------------------------------------------------------------


@each_module
def test_a_pure_module_does_not_touch_the_world(module: Module) -> None:
    if module.does_io:
        return
    none(touches(module))


def touches(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (module.at(node, a.name) for a in node.names if a.name.partition(".")[0] in WORLD)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in WORLD:
            yield module.at(node, str(node.module))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TOUCHING_BUILTINS:
            yield module.at(node, f"calls {node.func.id}")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TOUCHES:
            yield module.at(node, f"calls {ast.unparse(node.func)}")


@each_module
def test_an_io_module_says_so_in_its_first_lines(module: Module) -> None:
    if module.floor not in ("beads", "wanted"):
        return
    assert ("⚡" in (ast.get_docstring(module.tree) or "")) == module.does_io


# -- 4 -------------------------------------------------------------------------------------------------------------


@each_module
def test_an_import_inside_a_function_says_why(module: Module) -> None:
    none(
        module.at(node, ast.unparse(node))
        for function in functions(module.tree)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom) and not explained(module, node.lineno)
    )


def explained(module: Module, number: int) -> bool:
    marked = "# noqa: PLC0415" in module.text[number - 1] or module.name in UNMARKED_LATE_IMPORTS
    above = [line.strip() for line in module.text[max(number - 4, 0) : number - 1]]
    return marked and any(line.startswith("#") for line in above)


def test_few_imports_are_for_the_type_checker_alone() -> None:
    guarded = [name for name, module in MODULES.items() if any("if TYPE_CHECKING" in line for line in module.text)]
    assert len(guarded) <= TYPE_CHECKING_AT_MOST, guarded


# -- 5 -------------------------------------------------------------------------------------------------------------


@each_module
def test_module_state_is_constant(module: Module) -> None:
    none(mutable_state(module))


def mutable_state(module: Module) -> Iterator[str]:
    constants: set[str] = set()
    for statement in module.tree.body:
        value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
        if isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
            constants |= assigned(statement)
    yield from (f"{module.name}: {name} is not a constant's name" for name in constants if not name.isupper())
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Global):
            yield module.at(node, "global")
        yield from (module.at(node, f"changes {name}") for name in changed(node) if name in constants)


def assigned(node: ast.AST) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def changed(node: ast.AST) -> Iterator[str]:
    held: ast.expr | None = None
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        held = node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
        held = node.func.value
    if isinstance(held, ast.Name):
        yield held.id


@each_module
def test_importing_a_module_does_nothing_but_define(module: Module) -> None:
    none(work_at_import(module))


def work_at_import(module: Module) -> Iterator[str]:
    defines = (
        ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    )
    for statement in module.tree.body:
        constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        only_here = is_main(statement) or for_types_only(statement)
        if not isinstance(statement, defines) and not constant and not only_here:
            yield module.at(statement, ast.unparse(statement).splitlines()[0])
    for node in top_level(module.tree):
        if isinstance(node, ast.Call) and not makes_a_value(module, node):
            yield module.at(node, f"calls {ast.unparse(node.func)}")


def for_types_only(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def makes_a_value(module: Module, call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    its_class = name.rpartition(".")[2].lstrip("_")[:1].isupper()
    of_io = {alias for _, origin, alias in names_imported(module) if origin in MODULES and MODULES[origin].does_io}
    return name in MAKES_A_VALUE or (its_class and (name not in of_io or module.does_io))


def names_imported(module: Module) -> Iterator[tuple[ast.stmt, str, str]]:
    for node in module.tree.body:
        if isinstance(node, ast.ImportFrom):
            yield from ((node, str(node.module), alias.asname or alias.name) for alias in node.names)


# -- the laws bite -------------------------------------------------------------------------------------------------

CRIMES = {
    "import os": touches,
    "from time import monotonic": touches,
    "import urllib3.util": touches,
    "def f(path):\n    return path.read_text()": touches,
    "def f():\n    return open('x')": touches,
    "from datetime import datetime\ndef f():\n    return datetime.now()": touches,
    "known = {}": mutable_state,
    "KNOWN = {}\ndef f(x):\n    KNOWN[x] = 1": mutable_state,
    "KNOWN = []\ndef f(x):\n    KNOWN.append(x)": mutable_state,
    "def f():\n    global x\n    x = 1": mutable_state,
    "register('me')": work_at_import,
    "VALUE = compute()": work_at_import,
    "for n in range(3):\n    pass": work_at_import,
    "if True:\n    x = 1": work_at_import,
    "class A:\n    x = compute()": work_at_import,
    "def f(x=compute()):\n    return x": work_at_import,
}
FINE = "import re\nfrom typing import Final\nNAMES: Final = re.compile('x')\ndef f():\n    return {}\n"


@pytest.mark.parametrize(("source", "check"), CRIMES.items())
def test_a_breach_is_found(tmp_path: Path, source: str, check: Callable[[Module], Iterator[str]]) -> None:
    path = tmp_path / "crime.py"
    path.write_text(source + "\n")
    assert list(check(Module("beads.crime", path))) != []


@pytest.mark.parametrize("check", [touches, mutable_state, work_at_import])
def test_what_keeps_the_laws_is_let_be(tmp_path: Path, check: Callable[[Module], Iterator[str]]) -> None:
    path = tmp_path / "fine.py"
    path.write_text(FINE)
    assert list(check(Module("beads.fine", path))) == []


def test_a_late_import_without_a_reason_is_found(tmp_path: Path) -> None:
    path = tmp_path / "late.py"
    path.write_text("def f():\n    import json\n")
    assert not explained(Module("beads.late", path), 2)
    path.write_text("def f():\n    # It takes a second.\n    import json  # noqa: PLC0415\n")
    assert explained(Module("beads.later", path), 3)
