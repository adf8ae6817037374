"""When a stamp has a shape, and when it counts."""

import dataclasses
from typing import Any

import msgspec
import pytest

from stamps import stamp as stamps
from stamps.encoding import b64u_encode
from stamps.errors import StampsError
from stamps.stamp import Accepted, CheckRun, RuleFacts, Stamp

DIMENSIONS = frozenset({"quality", "reliability", "creativity"})
PAYLOAD: dict[str, Any] = {
    "subject": "QmSubject",
    "item": "1" * 64,
    "submission": "2" * 64,
    "accept": "3" * 64,
    "title": "Tidy work",
    "dims": [["creativity", 0], ["quality", 5]],
    "confidence": 80,
    "severity": "leaf",
    "skills": ["go", "python"],
    "vc": b64u_encode(bytes(64)),
}
STAMP = stamps.parse(PAYLOAD)
FACTS = RuleFacts(
    author_scid="QmAuthor",
    author_may_assert=True,
    same_owner=frozenset({"QmAlias"}),
    submission_actor="QmSubject",
    submission_item=STAMP.item,
    accept=Accepted(STAMP.submission, "QmSubject", (1000, 5), True),
    hlc=(1000, 6),
    is_validator=True,
    dimensions=DIMENSIONS,
    vc_valid=True,
)


def test_a_payload_becomes_a_stamp() -> None:
    assert STAMP.dims == (("creativity", 0), ("quality", 5))
    assert (
        msgspec.to_builtins(STAMP, builtin_types=()) | {"dims": PAYLOAD["dims"], "skills": PAYLOAD["skills"]} == PAYLOAD
    )
    assert stamps.problem(STAMP, DIMENSIONS) is None


SHAPES: dict[str, dict[str, Any]] = {
    "an unknown member": {"colour": "red"},
    "a score that is true": {"dims": [["quality", True]]},
    "a score that is text": {"dims": [["quality", "5"]]},
    "a dimension of three": {"dims": [["quality", 5, 5]]},
    "another severity": {"severity": "trunk"},
    "skills that are text": {"skills": "go"},
    "no title": {"title": None},
}


@pytest.mark.parametrize("change", SHAPES.values(), ids=SHAPES.keys())
def test_a_payload_is_refused_with(change: dict[str, Any]) -> None:
    with pytest.raises(StampsError, match="not a stamp"):
        stamps.parse(PAYLOAD | change)


@pytest.mark.parametrize("member", PAYLOAD)
def test_every_member_is_required(member: str) -> None:
    with pytest.raises(StampsError, match="not a stamp"):
        stamps.parse({name: value for name, value in PAYLOAD.items() if name != member})


RUN = CheckRun(command="make test", commit="a" * 40, exit=0, seconds=12, output="b" * 64)


def run(**members: Any) -> CheckRun:
    return msgspec.structs.replace(RUN, **members)


def with_(**members: Any) -> Stamp:
    return msgspec.structs.replace(STAMP, **members)


PROBLEMS: dict[str, tuple[str, Stamp]] = {
    "no subject": ("subject", with_(subject="")),
    "a subject of two lines": ("subject", with_(subject="a\nb")),
    "an item that is no id": ("ids", with_(item="1" * 63)),
    "a submission in upper case": ("ids", with_(submission="A" * 64)),
    "an acceptance with a line feed": ("ids", with_(accept="3" * 64 + "\n")),
    "no title": ("title", with_(title="")),
    "a title of 121": ("title", with_(title="x" * 121)),
    "a title of two lines": ("title", with_(title="a\u2028b")),
    "no dimension": ("At least one", with_(dims=())),
    "dimensions out of order": ("sorted", with_(dims=(("quality", 1), ("creativity", 1)))),
    "a dimension twice": ("sorted", with_(dims=(("quality", 1), ("quality", 2)))),
    "a dimension of another commons": ("dimensions here", with_(dims=(("speed", 1),))),
    "a score of 6": ("score", with_(dims=(("quality", 6),))),
    "a score below 0": ("score", with_(dims=(("quality", -1),))),
    "17 skills": ("16 skills", with_(skills=tuple(f"s{n:02}" for n in range(17)))),
    "skills out of order": ("sorted", with_(skills=("python", "go"))),
    "a skill twice": ("sorted", with_(skills=("go", "go"))),
    "an empty skill": ("skill", with_(skills=("",))),
    "a skill of 41": ("skill", with_(skills=("x" * 41,))),
    "a skill of two lines": ("skill", with_(skills=("a\tb",))),
    "a confidence of 101": ("confidence", with_(confidence=101)),
    "a confidence below 0": ("confidence", with_(confidence=-1)),
    "17 checks": ("16 checks", with_(checks=(RUN,) * 17)),
    "a check of no command": ("command", with_(checks=(run(command=""),))),
    "a check of two lines": ("command", with_(checks=(run(command="a\nb"),))),
    "a check of 501": ("command", with_(checks=(run(command="x" * 501),))),
    "a check on no commit": ("commit", with_(checks=(run(commit="HEAD"),))),
    "a check without the hash of its output": ("SHA-256", with_(checks=(run(output="a" * 40),))),
    "a check that exits with 256": ("exit code", with_(checks=(run(exit=256),))),
    "a check that ends before it begins": ("seconds", with_(checks=(run(seconds=-1),))),
    "a short signature": ("signature", with_(vc=b64u_encode(bytes(63)))),
    "a padded signature": ("signature", with_(vc=b64u_encode(bytes(64)) + "==")),
}


@pytest.mark.parametrize(("words", "stamp"), PROBLEMS.values(), ids=PROBLEMS.keys())
def test_a_problem_is_told(words: str, stamp: Stamp) -> None:
    told = stamps.problem(stamp, DIMENSIONS)
    assert told is not None
    assert words in told
    assert told.endswith(".")


LIMITS: dict[str, Stamp] = {
    "a title of 120 astral letters": with_(title="\U0001f600" * 120),
    "16 skills of 40": with_(skills=tuple(f"{n:02}" + "x" * 38 for n in range(16))),
    "no skills": with_(skills=()),
    "the scores 0 and 5": with_(dims=(("creativity", 0), ("quality", 5))),
    "a confidence of 0": with_(confidence=0),
    "a confidence of 100": with_(confidence=100),
    "16 checks, one of them stopped": with_(checks=(*(RUN,) * 15, run(exit=None, command="x" * 500))),
}


@pytest.mark.parametrize("stamp", LIMITS.values(), ids=LIMITS.keys())
def test_the_limits_are_inside(stamp: Stamp) -> None:
    assert stamps.problem(stamp, DIMENSIONS) is None


def but(**facts: Any) -> RuleFacts:
    return dataclasses.replace(FACTS, **facts)


def accepted(**members: Any) -> RuleFacts:
    assert FACTS.accept is not None
    return but(accept=FACTS.accept._replace(**members))


RULES: dict[str, tuple[str | None, RuleFacts]] = {
    "nothing is broken": (None, FACTS),
    "the author is the subject": ("stamp.self", but(author_scid="QmSubject")),
    "the author is of one owner with the subject": ("stamp.self", but(same_owner=frozenset({"QmSubject"}))),
    "the submission is missing": ("stamp.submission", but(submission_actor=None, submission_item=None)),
    "the submission is another's": ("stamp.submission", but(submission_actor="QmOther")),
    "the submission is for another item": ("stamp.submission", but(submission_item="9" * 64)),
    "the acceptance is missing": ("stamp.accept", but(accept=None)),
    "the acceptance is not live": ("stamp.accept", accepted(live=False)),
    "the acceptance names another submission": ("stamp.accept", accepted(submission="9" * 64)),
    "the acceptance names another actor": ("stamp.accept", accepted(actor="QmOther")),
    "the author is no validator": ("stamp.validator", but(is_validator=False)),
    "the author's key may not assert": ("stamp.validator", but(author_may_assert=False)),
    "the stamp is as old as the acceptance": ("stamp.time", but(hlc=(1000, 5))),
    "the stamp is older, its counter greater": ("stamp.time", but(hlc=(999, 9))),
    "the commons lacks a dimension": ("stamp.dimension", but(dimensions=frozenset({"quality"}))),
    "the credential's signature is wrong": ("stamp.vc", but(vc_valid=False)),
    "everything is broken": (
        "stamp.self",
        but(author_scid="QmSubject", accept=None, is_validator=False, vc_valid=False),
    ),
    "all after the submission is broken": (
        "stamp.accept",
        but(accept=None, is_validator=False, hlc=(0, 0), dimensions=frozenset(), vc_valid=False),
    ),
}


@pytest.mark.parametrize(("rule", "facts"), RULES.values(), ids=RULES.keys())
def test_the_rule_when(rule: str | None, facts: RuleFacts) -> None:
    assert stamps.rule_broken(STAMP, facts) == rule
