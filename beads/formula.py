"""Formulas: templates of steps, from TOML or JSON. `beads.cook` makes beads of them.

`beads.formula_read` takes one file, `beads.formula_check` looks at a formula as a whole; both name the place of what is
wrong. The rules:

1. An unknown key, step, variable or word is an error, with the nearest known one as the hint.
2. The ids of a formula's steps and their children are unique; so are those of a loop's body, seen from inside it.
3. No step waits for itself, however far round: a parent is done after its children, a child begins after what its
   parent needs is done.
4. A formula that extends others may name their steps; it is checked when it is joined with them.
5. Numbers bound what a stranger's formula can cost: see the constants below.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Final

import msgspec

from beads.errors import BeadsError

SIZE: Final = 1024 * 1024
STEPS: Final = 1000
"""Steps in a file, and beads after cooking."""
REPEATS: Final = 100
NESTING: Final = 8
NEEDS: Final = 100
VALUE_LENGTH: Final = 200
"""Characters of a value that a pattern is held against, and of a pattern."""
PATTERN_COST: Final = 1_000_000

KINDS: Final = ("workflow", "expansion", "aspect", "convoy")
PHASES: Final = ("liquid", "vapor")
VAR_TYPES: Final = ("string", "int", "bool")
WAITS: Final = ("all-children", "any-children")
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", re.ASCII)
CONDITION: Final = re.compile(
    r"\s*(?:(?P<no>!?)\s*\{\{\s*(?P<truth>[\w-]+)\s*\}\}|\{\{\s*(?P<var>[\w-]+)\s*\}\}\s*(?P<op>==|!=)\s*(?P<value>.*?))\s*"
)


class FormulaError(BeadsError):
    """A formula that cannot be used.

    Args:
        place: Where, such as `steps[2].needs`; "" for the file as a whole.
        formula: Its name.
    """

    def __init__(self, place: str, problem: str, hint: str = "", formula: str = "") -> None:
        super().__init__(": ".join(filter(None, (formula, place, problem))), hint)
        self.place = place
        self.problem = problem
        self.formula = formula

    def of(self, formula: str) -> FormulaError:
        """Return the same error with the formula's name, if it has none yet."""
        return self if self.formula else FormulaError(self.place, self.problem, self.hint, formula)


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


Words = tuple[str, ...]
Scalar = str | int | bool


class Var(_Table, frozen=True):
    """A variable; numbers and booleans in `default` and `enum` are read as their text."""

    description: str = ""
    default: str | None = None
    required: bool = False
    enum: Words = ()
    pattern: str = ""
    type: str = "string"


class Gate(_Table, frozen=True):
    """What a step waits for besides steps; `id` is the older name of `await_id`."""

    type: str
    id: str = ""
    await_id: str = ""
    timeout: str = ""


class Loop(_Table, frozen=True):
    """Steps to be repeated: `count` times, for each number of `range`, or `until` something, at most `max` times."""

    body: tuple[Step, ...]
    count: int | None = None
    until: str = ""
    max: int | None = None
    range: str = ""
    var: str = ""


class OnComplete(_Table, frozen=True):
    """A formula to be bonded for each item of a step's output; `{item}`, `{item.x}`, `{index}` are for run time."""

    for_each: str
    bond: str
    vars: dict[str, str] = {}
    parallel: bool = False
    sequential: bool = False


class Step(_Table, frozen=True):
    """One step; `needs` and `depends_on` mean the same and are joined."""

    id: str
    title: str = ""
    description: str = ""
    notes: str = ""
    type: str = ""
    priority: Annotated[int, msgspec.Meta(ge=0, le=4)] | None = None
    labels: Words = ()
    metadata: dict[str, Scalar] = {}
    depends_on: Words = ()
    needs: Words = ()
    waits_for: str = ""
    assignee: str = ""
    expand: str = ""
    expand_vars: dict[str, str] = {}
    condition: str = ""
    children: tuple[Step, ...] = ()
    gate: Gate | None = None
    loop: Loop | None = None
    on_complete: OnComplete | None = None

    @property
    def all_needs(self) -> Words:
        """What must be done before, each once."""
        return tuple(dict.fromkeys((*self.needs, *self.depends_on)))


class BondPoint(_Table, frozen=True):
    """A named place where another molecule may be bonded."""

    id: str
    description: str = ""
    after_step: str = ""
    before_step: str = ""
    parallel: bool = False


class Hook(_Table, frozen=True):
    """A formula to be attached to beads that fit `label:x`, `type:x` or `priority:0-1`; for run time."""

    trigger: str
    attach: str
    at: str = ""
    vars: dict[str, str] = {}


class ExpandRule(_Table, frozen=True):
    """Replace one step by an expansion."""

    target: str
    with_: str = msgspec.field(name="with")
    vars: dict[str, str] = {}


class MapRule(_Table, frozen=True):
    """Replace every step that a glob selects."""

    select: str
    with_: str = msgspec.field(name="with")
    vars: dict[str, str] = {}


class BranchRule(_Table, frozen=True):
    """Let steps begin together after one step, and be joined by another."""

    from_: str = msgspec.field(name="from")
    steps: Words
    join: str


class GateRule(_Table, frozen=True):
    """A condition that must hold before a step."""

    before: str
    condition: str


class Compose(_Table, frozen=True):
    """How a formula is joined with others."""

    bond_points: tuple[BondPoint, ...] = ()
    hooks: tuple[Hook, ...] = ()
    expand: tuple[ExpandRule, ...] = ()
    map: tuple[MapRule, ...] = ()
    branch: tuple[BranchRule, ...] = ()
    gate: tuple[GateRule, ...] = ()
    aspects: Words = ()


class AdviceStep(_Table, frozen=True):
    """A step put before or after another; `{step.id}` and `{step.title}` are that one's."""

    id: str
    title: str = ""
    description: str = ""
    type: str = ""
    args: dict[str, str] = {}
    output: dict[str, str] = {}


class Around(_Table, frozen=True):
    """Steps on both sides."""

    before: tuple[AdviceStep, ...] = ()
    after: tuple[AdviceStep, ...] = ()


class Advice(_Table, frozen=True):
    """What to put around the steps that a glob selects."""

    target: str
    before: AdviceStep | None = None
    after: AdviceStep | None = None
    around: Around = Around()

    @property
    def befores(self) -> tuple[AdviceStep, ...]:
        """What comes before, in order."""
        return (*([self.before] if self.before else []), *self.around.before)

    @property
    def afters(self) -> tuple[AdviceStep, ...]:
        """What comes after, in order."""
        return (*([self.after] if self.after else []), *self.around.after)


class Pointcut(_Table, frozen=True):
    """Which steps advice is for: all that is written must fit."""

    glob: str = ""
    type: str = ""
    label: str = ""


class Formula(_Table, frozen=True):
    """A whole formula."""

    formula: str
    description: str = ""
    version: Annotated[int, msgspec.Meta(ge=1)] = 1
    type: str = "workflow"
    extends: Words = ()
    vars: dict[str, Var] = {}
    steps: tuple[Step, ...] = ()
    template: tuple[Step, ...] = ()
    compose: Compose = Compose()
    advice: tuple[Advice, ...] = ()
    pointcuts: tuple[Pointcut, ...] = ()
    phase: str = ""
    pour: bool = False


def nearest(word: str, known: Iterable[str], what: str) -> str:
    """Make a hint for a word that nobody knows: the nearest known one, or a list of them."""
    names = sorted(known)
    near = get_close_matches(word[:VALUE_LENGTH], names[:STEPS], n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Known {what}: {', '.join(names[:40])}." if names else f"There are no {what} here."
