"""A cooked formula is a flat list of beads in which every order the formula asks for is an edge."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beads.cook import cook
from beads.cooked import ROOT, Cooked, Node, Wait
from beads.errors import NotFound
from beads.formula import STEPS, Formula, FormulaError
from beads.formula_read import parse
from beads.molecule import progress, waves
from beads.pot import EDGES
from beads.values import holds

EXAMPLES = Path(__file__).parents[2] / "examples" / "formulas"
MINUTE_NS = 60_000_000_000


def read(*steps: dict[str, Any], **more: Any) -> Formula:
    return parse(msgspec.json.encode({"formula": "f", **({"steps": steps} if steps else {}), **more}), "f.json")


def s(id_: str, *needs: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "title": id_.upper(), "needs": needs, **more}


def made(formula: Formula, values: Mapping[str, str] | None = None, *others: Formula) -> Cooked:
    known = {other.formula: other for other in others}

    def find(name: str) -> Formula:
        if name not in known:
            raise NotFound(f"no formula {name}")
        return known[name]

    return cook(formula, values or {}, find)


def refusal(formula: Formula, values: Mapping[str, str] | None = None, *others: Formula) -> FormulaError:
    with pytest.raises(FormulaError) as caught:
        made(formula, values, *others)
    return caught.value


def node(cooked: Cooked, key: str) -> Node:
    return next(each for each in cooked.nodes if each.key == key)


def blocks(cooked: Cooked) -> set[str]:
    return {f"{edge.key}<{edge.on}" for edge in cooked.edges if edge.kind == "blocks"}


def keys(cooked: Cooked) -> list[str]:
    return [each.key for each in cooked.nodes[1:]]


def example(name: str) -> Formula:
    return parse((EXAMPLES / f"{name}.formula.toml").read_bytes(), name)


# -- the examples --------------------------------------------------------------------------------------------------


def test_a_release() -> None:
    cooked = made(example("release"), {"version": "1.4.0"})
    assert cooked.root.description == "Release 1.4.0 from main."
    assert node(cooked, "prepare").type == "epic"
    assert node(cooked, "verify").parent == "prepare"
    assert node(cooked, "gate-tag").gate == Wait("gh:run", "release-candidate", 120 * MINUTE_NS)
    assert node(cooked, "publish").metadata == {"version": "1.4.0"}
    idle = [each.key for each in cooked.nodes if each.gate]
    assert waves([n.key for n in cooked.nodes], cooked.edges, idle).fronts == (
        ("freeze",), ("changelog", "bump"), ("verify",), ("tag",), ("publish",), ("announce",), ("thaw",)
    )  # fmt: skip
    assert (cooked.phase, cooked.pour) == ("liquid", True)


def test_a_release_that_is_not_announced() -> None:
    cooked = made(example("release"), {"version": "1.4.0", "announce": "false"})
    assert "announce" not in keys(cooked)
    assert "thaw<publish" in blocks(cooked)


@pytest.mark.parametrize("version", ["", "1.4", "v1.4.0"])
def test_a_release_needs_a_version(version: str) -> None:
    assert refusal(example("release"), {"version": version}).place == "vars.version"


def test_a_review_in_the_place_of_a_step() -> None:
    change = s("parser", "write", title="Review the parser", expand="review", expand_vars={"rounds": "2"}, priority=0)
    cooked = made(read(s("write"), change, s("land", "parser")), {}, example("review"))
    assert keys(cooked) == [
        "write", "parser.read", "parser.correctness", "parser.tests",
        "parser.rounds.iter1.answer", "parser.rounds.iter1.recheck",
        "parser.rounds.iter2.answer", "parser.rounds.iter2.recheck", "parser.decide", "land",
    ]  # fmt: skip
    assert {"parser.read<write", "land<parser.decide"} <= blocks(cooked)
    assert {
        "parser.rounds.iter1.answer<parser.tests",
        "parser.rounds.iter2.answer<parser.rounds.iter1.recheck",
        "parser.decide<parser.rounds.iter2.recheck",
    } <= blocks(cooked)
    assert node(cooked, "parser.rounds.iter2.answer").title == "Review the parser: answer the findings, round 2"
    assert [node(cooked, key).priority for key in ("parser.read", "parser.decide")] == [0, 1]


def test_reviews_by_a_rule() -> None:
    cooked = made(
        read(s("a-review"), s("b-review", "a-review"), compose={"map": [{"select": "*-review", "with": "review"}]}),
        {},
        example("review"),
    )
    assert "b-review.read<a-review.decide" in blocks(cooked)
    assert len(cooked.nodes) == 1 + 2 * 6


def test_a_patrol() -> None:
    cooked = made(example("patrol"), {"rig": "web"})
    assert cooked.phase == "vapor"
    assert cooked.on_complete["survey"].vars == {"worker": "{item.name}", "rig": "web", "number": "{index}"}
    assert {"report<settle", "report<queue", "report<inbox"} <= blocks(cooked)
    (waits,) = [edge for edge in cooked.edges if edge.kind == "waits-for"]
    assert waits == ("settle", "survey", "waits-for", '{"gate":"all-children"}')
    assert node(cooked, "settle").labels == ("gate:all-children",)
    assert node(cooked, "gate-next").gate == Wait("timer", "", 15 * MINUTE_NS)
    assert "disk" in keys(made(example("patrol"), {"rig": "web", "checks": "full"}))


# -- variables and conditions --------------------------------------------------------------------------------------


def test_variables_are_filled_in_everywhere_and_only_once() -> None:
    words = "<{{x}}|{{ x }}|{x}|{{.x}}>"
    step = s(
        "a", title=words, description=words, notes=words, labels=["l-{{x}}", "{{none}}"], assignee="{{x}}", type="{{x}}"
    )
    cooked = made(
        read({**step, "metadata": {"m": "{{x}}", "n": 3}}, vars={"x": "", "none": ""}), {"x": "{{x}}{{none}}"}
    )
    filled = "<{{x}}{{none}}|{{x}}{{none}}|{x}|{{.x}}>"
    found = node(cooked, "a")
    assert (found.title, found.description, found.notes) == (filled,) * 3
    assert (found.labels, found.assignee, found.metadata) == (
        ("l-{{x}}{{none}}",),
        "{{x}}{{none}}",
        {"m": "{{x}}{{none}}", "n": 3},
    )


@pytest.mark.parametrize(
    ("values", "place", "hint"),
    [
        ({"colour": "red"}, "vars.need", "value"),
        ({"need": "x", "color": "red"}, "vars.color", "'colour'"),
        ({"need": "x", "colour": "rad"}, "vars.colour", "'red'"),
        ({"need": "x", "count": "1.5"}, "vars.count", ""),
        ({"need": "x", "sure": "yes"}, "vars.sure", ""),
        ({"need": "x", "word": "9"}, "vars.word", ""),
        ({"need": "x", "word": "w" * 201}, "vars.word", ""),
    ],
)
def test_values_that_do_not_fit(values: dict[str, str], place: str, hint: str) -> None:
    variables = {
        "need": {"required": True},
        "colour": {"enum": ["red", "blue"]},
        "count": {"type": "int"},
        "sure": {"type": "bool"},
        "word": {"pattern": "^[a-z]+$"},
    }
    error = refusal(read(s("a"), vars=variables), values)
    assert error.place == place
    assert hint in error.hint


def test_an_unknown_variable_is_an_error_with_those_that_are_known() -> None:
    error = refusal(read(s("a", title="{{colr}}"), vars={"color": "x", "size": "y"}))
    assert "f: step a: title: unknown variable 'colr'" in str(error)
    assert "'color'" in error.hint
    assert "color, size" in refusal(read(s("a", title="{{q}}"), vars={"color": "x", "size": "y"})).hint


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        ("{{x}}", "yes", True),
        ("{{x}}", "", False),
        ("{{x}}", " False ", False),
        ("{{x}}", "0", False),
        ("!{{x}}", "off", True),
        ("! {{ x }}", "on", False),
        ("{{x}} == full", "full", True),
        ("{{x}}=='full'", "full", True),
        ("{{x}} != full", "full", False),
        ('{{x}} != "a b"', "a c", True),
        ("{{x}} ==", "", True),
        ("{{x}} == true", "{{y}} == {{y}}", False),
    ],
)
def test_conditions(condition: str, value: str, expected: bool) -> None:
    assert holds(condition, {"x": value}) is expected


@pytest.mark.parametrize("condition", ["", "x", "{{x}} < 3", "{{x}} && {{x}}", "{{y}}", "__import__('os')"])
def test_what_is_no_condition(condition: str) -> None:
    with pytest.raises(FormulaError):
        holds(condition, {"x": "1"})


def test_whoever_needs_a_step_left_out_waits_for_what_that_one_needs() -> None:
    out = {"condition": "!{{x}}"}
    cooked = made(
        read(
            s("a"), s("b", "a", children=[s("k")], **out), s("c", "b", **out), s("d", "c"), s("e", "k"), vars={"x": "1"}
        )
    )
    assert keys(cooked) == ["a", "d", "e"]
    assert blocks(cooked) == {"d<a", "e<a"}


# -- loops ---------------------------------------------------------------------------------------------------------


def loop(id_: str, *needs: str, **how: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "needs": needs,
        "loop": {"body": [s("x", title="X {n}{{n}}"), s("y", "x", title="Y")], "var": "n", **how},
    }


def test_the_passes_of_a_loop_follow_each_other() -> None:
    cooked = made(
        read(s("a"), loop("l", "a", range="{first}..{{last}}"), s("z", "l"), vars={"first": "2", "last": "3"})
    )
    assert keys(cooked) == ["a", "l.iter1.x", "l.iter1.y", "l.iter2.x", "l.iter2.y", "z"]
    assert node(cooked, "l.iter2.x").title == "X 33"
    assert blocks(cooked) == {
        "l.iter1.x<a", "l.iter1.y<l.iter1.x", "l.iter2.x<l.iter1.y", "l.iter2.y<l.iter2.x", "z<l.iter2.y"
    }  # fmt: skip


def test_loops_in_loops_and_conditions_in_them() -> None:
    inner = {"id": "i", "loop": {"count": 2, "var": "m", "body": [s("x", title="{n}{m}", condition="{{m}} != 1")]}}
    outer = {"id": "o", "loop": {"count": 2, "var": "n", "body": [inner, s("y", "i")]}}
    cooked = made(read(outer, s("z", "o")))
    assert keys(cooked) == [
        "o.iter1.i.iter2.x", "o.iter1.y", "o.iter2.i.iter2.x", "o.iter2.y", "z"
    ]  # fmt: skip
    assert blocks(cooked) == {
        "o.iter1.y<o.iter1.i.iter2.x", "o.iter2.i.iter2.x<o.iter1.y", "o.iter2.y<o.iter2.i.iter2.x", "z<o.iter2.y"
    }  # fmt: skip


def test_a_loop_until_is_cooked_once_and_left_for_run_time() -> None:
    cooked = made(read({"id": "l", "loop": {"until": "y.status == 'closed'", "max": 5, "body": [s("x"), s("y", "x")]}}))
    assert cooked.repeats == (("l", ("l.iter1.x",), ("l.iter1.y",), "y.status == 'closed'", 5),)


@pytest.mark.parametrize("range_", ["3..1", "1..101", "1..x", "1", "-1..1000000000000"])
def test_ranges_that_are_none(range_: str) -> None:
    assert refusal(read(loop("l", range=range_))).place == "step l: loop.range"


def test_a_body_that_waits_for_its_loop_is_refused() -> None:
    assert "waits for itself" in str(refusal(read({"id": "l", "loop": {"count": 1, "body": [s("x", "l")]}})))


# -- expansions ----------------------------------------------------------------------------------------------------

TDD = parse(
    msgspec.json.encode(
        {
            "formula": "tdd",
            "type": "expansion",
            "vars": {"depth": "1", "why": {"required": True}},
            "template": [
                s("{target}.test", title="Test {target.title}", description="{target.description}{{why}}"),
                s("code", "{target}.test", title="Code {{depth}}"),
            ],
        }
    ),
    "tdd.json",
)


def test_an_expansion_takes_a_steps_place() -> None:
    target = s(
        "b",
        "a",
        title="B {{v}}",
        description="D",
        expand="tdd",
        expand_vars={"depth": "{{v}}", "why": "!"},
        assignee="al",
    )
    cooked = made(read(s("a"), target, s("c", "b"), vars={"v": "7"}), {}, TDD)
    assert keys(cooked) == ["a", "b.test", "b.code", "c"]
    assert blocks(cooked) == {"b.test<a", "b.code<b.test", "c<b.code"}
    assert (node(cooked, "b.test").title, node(cooked, "b.test").description) == ("Test B 7", "D!")
    assert (node(cooked, "b.code").title, node(cooked, "b.code").assignee) == ("Code 7", "al")


def test_a_required_variable_of_an_expansion_may_come_from_around() -> None:
    around = read(s("b", expand="tdd"), vars={"why": "so", "depth": "9"})
    cooked = made(around, {}, TDD)
    assert (node(cooked, "b.test").description, node(cooked, "b.code").title) == ("so", "Code 1")
    assert refusal(read(s("b", expand="tdd")), {}, TDD).place == "vars.why"
    assert refusal(read(s("b", expand="tdd", expand_vars={"y": "1"})), {}, TDD).place == "vars.y"


def test_a_gate_before_an_expansion_holds_back_where_it_begins() -> None:
    cooked = made(read(s("b", expand="tdd", expand_vars={"why": "x"}, gate={"type": "human"})), {}, TDD)
    assert blocks(cooked) == {"b.test<gate-b", "b.code<b.test"}


def test_rules_expand_steps() -> None:
    compose = {
        "expand": [{"target": "b", "with": "tdd", "vars": {"why": "{{v}}"}}],
        "map": [{"select": "*-fix", "with": "tdd", "vars": {"why": ""}}],
    }
    formula = read(s("a-fix", children=[s("k")]), s("b", "a-fix"), s("c-fix", "b"), vars={"v": "w"}, compose=compose)
    other = msgspec.structs.replace(
        TDD, vars={**TDD.vars, "why": msgspec.structs.replace(TDD.vars["why"], required=False)}
    )
    cooked = made(formula, {}, other)
    assert keys(cooked) == ["a-fix", "k", "b.test", "b.code", "c-fix.test", "c-fix.code"]
    assert blocks(cooked) == {"b.test<a-fix", "b.code<b.test", "c-fix.test<b.code", "c-fix.code<c-fix.test"}


def test_expansions_that_cannot_be() -> None:
    def by(**rule: Any) -> Formula:
        return read(
            s("a", children=[s("k")]), s("b"), compose={"expand": [{"with": "tdd", "vars": {"why": "x"}, **rule}]}
        )

    assert "'b'" not in str(refusal(by(target="q"), {}, TDD))
    assert "cannot be replaced" in str(refusal(by(target="a"), {}, TDD))
    assert "of type workflow" in str(
        refusal(read(s("b", expand="g")), {}, msgspec.structs.replace(read(s("a")), formula="g"))
    )
    assert "nothing by itself" in str(refusal(TDD))
    with pytest.raises(NotFound):
        made(read(s("b", expand="nowhere")))


def test_an_expansion_that_expands_into_itself_is_refused() -> None:
    again = read(type="expansion", template=[s("x", expand="f")])
    assert "round about" in str(refusal(msgspec.structs.replace(read(s("b", expand="f")), formula="g"), {}, again))


# -- inheritance ---------------------------------------------------------------------------------------------------


def test_a_child_overrides_its_parents_steps_in_their_place() -> None:
    parent = read(
        s("a"), s("b", "a"), s("c", "b"), formula="p", vars={"x": "1", "y": "2"}, description="P", phase="vapor"
    )
    child = read(s("b", "a", title="New {{x}}{{y}}"), s("d", "c"), extends=["p"], vars={"y": "3"})
    cooked = made(child, {}, parent)
    assert keys(cooked) == ["a", "b", "c", "d"]
    assert node(cooked, "b").title == "New 13"
    assert blocks(cooked) == {"b<a", "c<b", "d<c"}
    assert (cooked.root.title, cooked.root.description, cooked.phase) == ("f", "P", "vapor")


def test_of_two_parents_the_later_one_overrides() -> None:
    first, second = (read(s("a", title=name), s(name), formula=name) for name in ("p", "q"))
    cooked = made(read(extends=["p", "q"]), {}, first, second)
    assert keys(cooked) == ["a", "p", "q"]
    assert node(cooked, "a").title == "q"


def test_formulas_that_extend_each_other_are_refused() -> None:
    one, two = read(s("a"), formula="p", extends=["q"]), read(s("b"), formula="q", extends=["p"])
    assert "round about" in str(refusal(one, {}, one, two))
    assert refusal(read(s("b", "zzz"), extends=["p"]), {}, read(s("a"), formula="p")).place == "steps[1].needs"


def test_common_ancestors_are_joined_once() -> None:
    layers = [[f"g{depth}-{n}" for n in range(8)] for depth in range(7)]
    known = {
        name: read(s("a"), formula=name, extends=layers[depth + 1] if depth < 6 else [])
        for depth, layer in enumerate(layers)
        for name in layer
    }
    asked: list[str] = []

    def find(name: str) -> Formula:
        asked.append(name)
        return known[name]

    assert keys(cook(read(extends=layers[0]), {}, find)) == ["a"]
    assert sorted(asked) == sorted(known)


def test_very_many_ancestors_are_refused() -> None:
    groups = [f"g{n}" for n in range(8)]
    others = [read(s("a"), formula=name, extends=[f"{name}-{n}" for n in range(8)]) for name in groups]
    others += [read(s("a"), formula=f"{name}-{n}") for name in groups for n in range(8)]
    assert "too many" in str(refusal(read(extends=groups), {}, *others))


# -- composition ---------------------------------------------------------------------------------------------------


def advice(**more: Any) -> dict[str, Any]:
    return {"target": "b*", **more}


def test_advice_goes_around_a_step() -> None:
    step = {"id": "{step.id}-pre", "title": "Before {step.title}"}
    rule = advice(
        before=step, around={"before": [{"id": "scan", "args": {"deep": "{{x}}"}}], "after": [{"id": "sign"}]}
    )
    cooked = made(read(s("a"), s("b", "a"), s("c", "b"), advice=[rule], vars={"x": "1"}))
    assert keys(cooked) == ["a", "b-pre", "b.scan", "b", "b.sign", "c"]
    assert blocks(cooked) == {"b-pre<a", "b.scan<b-pre", "b<b.scan", "b.sign<b", "c<b.sign"}
    assert node(cooked, "b-pre").title == "Before B"
    assert node(cooked, "b.scan").metadata == {"args.deep": "1"}


def test_aspects_apply_to_what_their_pointcuts_select() -> None:
    after = {"target": "*", "after": {"id": "audit"}}
    audit = read(formula="audit", type="aspect", advice=[after], pointcuts=[{"label": "risky"}])
    log = read(formula="log", type="aspect", advice=[{"target": "b", "after": {"id": "log"}}])
    risky = s("b", "a", labels=["risky"], gate={"type": "human"})
    cooked = made(read(s("a"), risky, s("c", "b"), compose={"aspects": ["audit", "log"]}), {}, audit, log)
    assert sorted(keys(cooked)) == ["a", "b", "b.audit", "b.log", "c", "gate-b"]
    assert blocks(cooked) == {"b<a", "b<gate-b", "b.audit<b", "b.log<b.audit", "c<b.log"}


def test_branches_fork_and_join() -> None:
    compose = {"branch": [{"from": "a", "steps": ["b", "c"], "join": "d"}]}
    cooked = made(
        read(s("a"), s("b", expand="tdd", expand_vars={"why": "x"}), s("c"), s("d"), compose=compose), {}, TDD
    )
    assert blocks(cooked) == {"b.test<a", "b.code<b.test", "c<a", "d<b.code", "d<c"}
    bad = {"branch": [{"from": "a", "steps": ["q"], "join": "d"}]}
    assert "unknown step 'q'" in str(refusal(read(s("a"), s("d"), compose=bad)))


def test_a_composed_gate_waits_for_a_person() -> None:
    compose = {"gate": [{"before": "b", "condition": "a.status == 'complete'"}]}
    cooked = made(read(s("a"), s("b"), compose=compose))
    (gate,) = [each for each in cooked.nodes if each.type == "gate"]
    assert (gate.gate, gate.title) == (Wait("human", "a.status == 'complete'"), "Until a.status == 'complete'")
    assert blocks(cooked) == {f"b<{gate.key}"}


def test_bond_points_and_hooks_are_kept_for_run_time() -> None:
    compose = {"bond_points": [{"id": "end", "after_step": "b"}], "hooks": [{"trigger": "label:x", "attach": "g"}]}
    cooked = made(read(s("b", expand="tdd", expand_vars={"why": "x"}), compose=compose), {}, TDD)
    assert cooked.bond_points[0].after_step == "b.code"
    assert cooked.hooks[0].attach == "g"


# -- bounds --------------------------------------------------------------------------------------------------------


def test_loops_that_multiply_are_refused_soon() -> None:
    inner: dict[str, Any] = s("x", condition="{{no}}")
    for number in range(6):
        inner = {"id": f"l{number}", "loop": {"count": 100, "body": [inner]}}
    assert "multiply" in str(refusal(read(inner, vars={"no": ""})))


def test_the_beads_that_come_out_have_a_bound() -> None:
    body = [s(f"x{number}") for number in range(11)]
    assert f"more than {STEPS}" in str(refusal(read({"id": "l", "loop": {"count": 100, "body": body}})))


def test_the_edges_that_come_out_have_a_bound() -> None:
    body = [s(f"x{number}") for number in range(90)]
    assert f"more than {EDGES}" in str(refusal(read({"id": "l", "loop": {"count": 10, "body": body}})))


def test_texts_that_grow_are_refused() -> None:
    error = refusal(read(s("a", description="{{x}}" * 1000), vars={"x": ""}), {"x": "y" * 1000})
    assert error.place == "step a: description"


@pytest.mark.parametrize("title", ["", " ", "a\nb", "x" * 501])
def test_a_title_that_is_none_after_filling_in(title: str) -> None:
    assert refusal(read(s("a", title="{{x}}"), vars={"x": ""}), {"x": title}).place == "step a: title"


def test_keys_that_come_out_twice_are_refused() -> None:
    twice = read(s("a"), s("b"), advice=[{"target": "*", "after": {"id": "{step.title}"}}])
    assert keys(made(twice)) == ["a", "a.A", "b", "b.B"]
    same = read(s("gate-a"), s("a", gate={"type": "human"}))
    assert "comes out twice" in str(refusal(same))


# -- any formula ---------------------------------------------------------------------------------------------------

NAMES = [f"s{number}" for number in range(6)]


@st.composite
def formulas(draw: st.DrawFn) -> Formula:
    steps = []
    for at, name in enumerate(NAMES):
        needs = draw(st.lists(st.sampled_from(NAMES[:at]), max_size=3, unique=True)) if at else []
        extra: dict[str, Any] = draw(
            st.sampled_from(
                [
                    {},
                    {"condition": "{{no}}"},
                    {"gate": {"type": "human"}},
                    {"expand": "tdd", "expand_vars": {"why": "x"}},
                    {"loop": {"count": 2, "body": [s("x"), s("y", "x")]}},
                    {"children": [s(f"{name}c")]},
                ]
            )
        )
        steps.append(s(name, *needs, **extra))
    rules = draw(st.lists(st.sampled_from([advice(target="s*"), advice(target="*c")]), max_size=2, unique_by=str))
    return read(*steps, vars={"no": ""}, advice=[{**r, "before": {"id": "p"}, "after": {"id": "q"}} for r in rules[:1]])


@given(formulas())
def test_what_is_cooked_is_whole_and_can_be_worked_through(formula: Formula) -> None:
    cooked = made(formula, {}, TDD)
    names = [each.key for each in cooked.nodes]
    assert len(set(names)) == len(names)
    assert names[0] == ROOT
    assert all(names.index(str(each.parent)) < names.index(each.key) for each in cooked.nodes[1:])
    assert {edge.key for edge in cooked.edges} | {edge.on for edge in cooked.edges} <= set(names)
    assert sorted(e.key for e in cooked.edges if e.kind == "parent-child") == sorted(names[1:])
    found = waves(names, cooked.edges)
    assert found.cycle == ()
    assert made(formula, {}, TDD) == cooked
    statuses = dict.fromkeys(names, "open")
    while current := progress(statuses, cooked.edges).current:
        statuses.update(dict.fromkeys(current, "closed"))
        for key in reversed(names):
            inner = [each.key for each in cooked.nodes if each.parent == key]
            if inner and all(statuses[each] == "closed" for each in inner):
                statuses[key] = "closed"
    assert set(statuses.values()) == {"closed"}


@given(formulas())
def test_the_order_between_plain_steps_survives_whatever_comes_between(formula: Formula) -> None:
    cooked = made(formula, {}, TDD)
    fronts = waves([each.key for each in cooked.nodes], cooked.edges).fronts
    at = {key: number for number, front in enumerate(fronts) for key in front}
    declared = {step.id: step for step in formula.steps}

    def above(name: str) -> set[str]:
        return {name}.union(*(above(need) for need in declared[name].needs))

    for name in NAMES:
        for need in above(name) - {name}:
            if name in at and need in at:
                assert at[need] < at[name]
