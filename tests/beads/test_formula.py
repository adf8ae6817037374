"""Whatever bytes come, a formula is read or refused by name: the place, the problem, a hint."""

import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from beads.circles import circle
from beads.formula import NESTING, REPEATS, SIZE, STEPS, Formula, FormulaError
from beads.formula_check import check
from beads.formula_read import parse
from beads.pattern import pattern_finds

EXAMPLES = Path(__file__).parents[2] / "examples" / "formulas"
A: dict[str, Any] = {"id": "a", "title": "A"}
B: dict[str, Any] = {"id": "b", "title": "B"}


def formula(*steps: dict[str, Any], **more: Any) -> bytes:
    return msgspec.json.encode({"formula": "f", **({"steps": steps} if steps else {}), **more})


def refusal(raw: bytes, name: str = "f.json") -> FormulaError:
    with pytest.raises(FormulaError) as caught:
        parse(raw, name)
    return caught.value


def test_the_examples_are_read() -> None:
    found = [parse(path.read_bytes(), path.name) for path in sorted(EXAMPLES.glob("*.toml"))]
    assert [each.formula for each in found] == ["patrol", "release", "review"]


def test_toml_and_json_give_the_same() -> None:
    toml = b'formula = "f"\n[vars]\nx = "1"\nn = 2\n[[steps]]\nid = "a"\ntitle = "A"\npriority = 0\n'
    json = formula({**A, "priority": 0}, vars={"x": {"default": "1"}, "n": {"default": "2"}})
    assert parse(toml, "f.toml") == parse(json, "f.json") == parse(b" \n" + json, "no ending")


def test_what_is_left_out_has_a_default() -> None:
    found = parse(formula(A), "f.json")
    assert (found.version, found.type, found.phase, found.pour, found.steps[0].priority) == (
        1,
        "workflow",
        "",
        False,
        None,
    )


def test_needs_and_depends_on_are_joined() -> None:
    found = parse(formula(A, B, {**A, "id": "c", "needs": ["a", "b"], "depends_on": ["b"]}), "f.json")
    assert found.steps[2].all_needs == ("a", "b")


def step(**more: Any) -> bytes:
    return formula(A, {**B, **more})


LOOP = {"id": "l", "loop": {"count": 2, "body": [A]}}
REFUSED: list[tuple[bytes, str, str, str]] = [
    (formula(A, nmae="x"), "nmae", "unknown key", "Known keys"),
    (formula(A, phases="x"), "phases", "unknown key", "'phase'"),
    (step(nedds=["a"]), "steps[1].nedds", "unknown key", "'needs'"),
    (step(children=[{**A, "id": "c", "titel": "x"}]), "steps[1].children[0].titel", "unknown key", "'title'"),
    (step(gate={"type": "human", "time_out": "1h"}), "steps[1].gate.time_out", "unknown key", "'timeout'"),
    (formula(A, compose={"expand": [{"target": "a", "whit": "x"}]}), "compose.expand[0].whit", "unknown", "'with'"),
    (formula(A, vars={"x": {"requird": True}}), "vars.x.requird", "unknown key", "'required'"),
    (step(needs=["aa"]), "steps[1].needs", "unknown step 'aa'", "'a'"),
    (step(depends_on=["zzz"]), "steps[1].depends_on", "unknown step", "Known steps: a, b"),
    (step(id="a"), "steps[1].id", "there twice", "steps[0]"),
    (step(children=[A]), "steps[1].children[0].id", "there twice", "steps[0]"),
    (step(needs=["b"]), "steps[1].needs", "b → b", ""),
    (formula({**A, "needs": ["b"]}, {**B, "needs": ["a"]}), "steps[0].needs", "waits for itself", ""),
    (step(needs=["c"], children=[{**A, "id": "c"}]), "steps[1].needs", "waits for itself", ""),
    (step(children=[{**A, "id": "c", "needs": ["b"]}]), "", "waits for itself", ""),
    (step(title=""), "steps[1].title", "missing", ""),
    (formula(A, {"title": "B"}), "steps[1]", "missing: `id`", ""),
    (step(id="b b"), "steps[1].id", "no id", "Letters"),
    (step(priority=5), "steps[1].priority", "<= 4", ""),
    (step(priority="high"), "steps[1].priority", "Expected", ""),
    (step(condition="a && b"), "steps[1].condition", "no condition", "{{x}} == y"),
    (step(condition="{{a}} " + " " * 9999), "steps[1].condition", "no condition", ""),
    (step(waits_for="some-children"), "steps[1].waits_for", "not known", "any-children"),
    (step(waits_for="children-of(x)"), "steps[1].waits_for", "unknown step", ""),
    (step(waits_for="all-children"), "steps[1].waits_for", "whose", "children-of"),
    (step(gate={"type": "humann"}), "steps[1].gate.type", "not known", "'human'"),
    (step(gate={"type": "timer"}), "steps[1].gate.timeout", "missing", "30m"),
    (step(gate={"type": "human", "timeout": "soon"}), "steps[1].gate.timeout", "no duration", "30m"),
    (step(gate={"type": "bead", "id": "x", "await_id": "y"}), "steps[1].gate.id", "both", ""),
    (step(expand="x", children=[{**A, "id": "c"}]), "steps[1]", "expand and children", ""),
    (step(loop={"body": [A]}), "steps[1].loop", "exactly one", ""),
    (step(loop={"count": 2, "until": "x", "body": [{**A, "id": "c"}]}), "steps[1].loop", "exactly one", ""),
    (step(loop={"count": 2, "body": []}), "steps[1].loop.body", "empty", ""),
    (step(loop={"count": REPEATS + 1, "body": [{**A, "id": "c"}]}), "steps[1].loop.count", "not within", ""),
    (step(loop={"until": "x", "body": [{**A, "id": "c"}]}), "steps[1].loop.max", "until", ""),
    (step(loop={"count": 2, "body": [A]}), "steps[1].loop.body[0].id", "there twice", "around the loop"),
    (step(on_complete={"for_each": "x", "bond": "y"}), "steps[1].on_complete.for_each", "output.", ""),
    (formula(A, type="workflo"), "type", "not known", "'workflow'"),
    (formula(A, phase="solid"), "phase", "not known", "liquid"),
    (formula(A, version=0), "version", ">= 1", ""),
    (formula(A, extends=["f"]), "extends", "itself", ""),
    (formula(A, extends=["g", "g"]), "extends", "twice", ""),
    (formula(), "steps", "missing", ""),
    (formula(type="expansion"), "template", "missing", ""),
    (formula(type="aspect"), "advice", "missing", ""),
    (formula(A, template=[A]), "template", "of no use", "expansion"),
    (formula(A, formula="no name"), "formula", "not a name", ""),
    (formula(A, advice=[{"target": "*"}]), "advice[0]", "nothing", "before"),
    (formula(A, pointcuts=[{}]), "pointcuts[0]", "empty", ""),
    (formula(A, vars={"1x": "y"}), "vars.1x", "not a name", ""),
    (formula(A, vars={"x": {"required": True, "default": "y"}}), "vars.x", "with a default", ""),
    (formula(A, vars={"x": {"type": "integer"}}), "vars.x.type", "not known", "'int'"),
    (formula(A, vars={"x": {"enum": ["red"], "default": "rad"}}), "vars.x.default", "not allowed", "'red'"),
    (formula(A, vars={"x": {"type": "int", "default": "many"}}), "vars.x.default", "no whole number", ""),
    (formula(A, vars={"x": {"pattern": "(a"}}), "vars.x.pattern", ") is missing", ""),
    (formula(A, vars={"x": {"pattern": "((a+)+)+"}}), "vars.x.pattern", "too often", ""),
    (formula(A, vars={"x": {"pattern": "^a$", "default": "b"}}), "vars.x.default", "does not fit", ""),
    (formula(A, vars=[1]), "vars", "not a table", ""),
    (b"formula = ", "", "neither TOML nor JSON", ""),
    (b"[1]", "", "not an object", ""),
    (b"\xff", "", "neither", ""),
    (b"#" * (SIZE + 1), "", "allowed", "extends"),
]


@pytest.mark.parametrize(("raw", "place", "problem", "hint"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_is_wrong_is_named(raw: bytes, place: str, problem: str, hint: str) -> None:
    error = refusal(raw, "f.toml" if raw.startswith(b"formula =") else "f.json")
    assert problem in str(error)
    assert hint in error.hint
    assert error.place == place or not place
    assert error.formula


def nested(depth: int) -> dict[str, Any]:
    here: dict[str, Any] = {"id": f"s{depth}", "title": "S"}
    return {**here, "children": [nested(depth - 1)]} if depth > 1 else here


def test_nesting_has_a_bound() -> None:
    parse(formula(nested(NESTING)), "f.json")
    assert "nested deeper" in str(refusal(formula(nested(NESTING + 1))))
    assert "nested" in str(refusal(formula(nested(150))))


def test_loops_count_as_nesting() -> None:
    inner: dict[str, Any] = A
    for number in range(NESTING):
        inner = {"id": f"l{number}", "loop": {"count": 1, "body": [inner]}}
    assert "nested deeper" in str(refusal(formula(inner)))


def test_the_steps_of_a_file_have_a_bound() -> None:
    many = [{"id": f"s{number}", "title": "S"} for number in range(STEPS + 1)]
    assert "allowed" in str(refusal(formula(*many)))
    parse(formula(*many[:-1]), "f.json")


@pytest.mark.parametrize(
    "raw",
    [
        b"x=" + b"[" * 200_000,
        b"x=" + b"{a=" * 200_000,
        b"a." * 400_000 + b"a=1",
        b"x={" + b"a." * 400_000 + b"a=1}",
        b"[" + b"a." * 400_000 + b"a]",
        b'{"formula":' + b"[" * 200_000,
        b"x=" + b"9" * 100_000,
    ],
)
def test_hostile_bytes_are_refused_soon(raw: bytes) -> None:
    began = time.monotonic()
    refusal(raw, "f.toml")
    assert time.monotonic() - began < 5


def test_a_formula_that_extends_may_name_its_parents_steps() -> None:
    found = parse(formula({**B, "needs": ["a"]}, extends=["g"]), "f.json")
    with pytest.raises(FormulaError):
        check(msgspec.structs.replace(found, extends=()))


@given(st.binary() | st.text().map(str.encode), st.sampled_from(["x.toml", "x.json", "x"]))
def test_any_bytes_are_read_or_refused(raw: bytes, name: str) -> None:
    with suppress(FormulaError):
        assert isinstance(parse(raw, name), Formula)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["a", "b", "{{x}}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "title", "needs", "children", "loop", "body", "gate", "type", "condition", "count"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
KEYS = [each.encode_name for each in msgspec.structs.fields(Formula)]


@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_any_json_is_read_or_refused(plain: dict[str, Any]) -> None:
    with suppress(FormulaError):
        parse(msgspec.json.encode({"formula": "f", **plain}), "f.json")


# -- circles -------------------------------------------------------------------------------------------------------


def test_a_circle_through_a_parents_end_is_found() -> None:
    assert circle({"p": [], "c": ["x"], "x": ["p"]}, {"c": "p"})
    assert circle({"p": ["x"], "c": [], "x": ["c"]}, {"c": "p"})
    assert circle({"p": [], "c": [], "x": ["p"]}, {"c": "p"}) == ()


# -- patterns ------------------------------------------------------------------------------------------------------

ATOM = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", r"\.", "^", "$", "[a-c0-2]"])
PATTERN = st.recursive(
    ATOM,
    lambda inner: (
        st.tuples(inner, inner).map("".join)
        | st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})")
        | st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,}", "*?"])).map(
            lambda pair: f"({pair[0]}){pair[1]}"
        )
    ),
    max_leaves=5,
)


@given(PATTERN, st.text("ab1.c", max_size=8))
def test_a_pattern_finds_what_re_finds(pattern: str, text: str) -> None:
    try:
        found = pattern_finds(pattern, text, "p")
    except FormulaError:
        # Only what repeats repeats is refused.
        reject()
    assert found == bool(re.search(pattern.replace("$", r"\Z"), text, re.ASCII))


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$", "1.4.0-rc.1", True),
        (r"^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$", "1.4", False),
        ("^[a-z][a-z0-9_-]*$", "web_2", True),
        ("^(feat|fix)/", "fix/it", True),
        (r"^\d$", "٣", False),
        ("", "", True),
        (r"^[^/\s]+/[^/]+$", "a/b", True),
    ],
)
def test_patterns(pattern: str, text: str, found: bool) -> None:
    assert pattern_finds(pattern, text, "p") is found


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "(a*)*b$", "a*a*a*a*a*a*a*b$", "(a?){200}a{200}$"])
def test_a_pattern_is_soon_done(pattern: str) -> None:
    began = time.monotonic()
    pattern_finds(pattern, "a" * 199 + "c", "p")
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "pattern", ["(?i)a", r"\bx", "(?=a)", r"(a)\1", "[[:alpha:]]", "a**", "*", ")", "(", "a{2,1}", "[b-a]"]
)
def test_what_is_not_understood_is_refused(pattern: str) -> None:
    with pytest.raises(FormulaError):
        pattern_finds(pattern, "", "p")


def test_long_values_and_patterns_are_refused() -> None:
    for pattern, text in (("a", "a" * 201), ("a" * 201, "a")):
        with pytest.raises(FormulaError, match="longer"):
            pattern_finds(pattern, text, "p")


@given(st.text("ab()[]{}|*+?^$\\.-d1,:", max_size=12))
def test_any_pattern_is_used_or_refused(pattern: str) -> None:
    with suppress(FormulaError):
        pattern_finds(pattern, "ab1", "p")
