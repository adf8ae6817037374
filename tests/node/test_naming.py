"""What actors are called: a name is anybody's to take."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import naming, present, wiring
from node.home import Home
from node.web import readme
from tests.node.support import Person

ANN, BOB, EVE = (f"Qm{letter * 38}{letter.upper()}123456" for letter in "abe")
HANDLES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)


@pytest.mark.parametrize(
    "other",
    [
        "alice",
        "Alice",
        "аlice",
        "аӏісе",
        "ａｌｉｃｅ",
        "al\u200bice",
        "álice",
        "a1ice",
        "aIice",
        "al ice",
        "αlice",
        "𝐚𝐥𝐢𝐜𝐞",
        "ali\u2060ce",
        "alıce",
    ],
)
def test_names_that_look_alike_are_told_apart_by_more_of_the_id(other: str) -> None:
    names = naming.shown({ANN: "alice", EVE: other, BOB: "bob"})
    assert names == {
        ANN: f"alice ·{ANN[-naming.LONG:]}", EVE: f"{other} ·{EVE[-naming.LONG:]}", BOB: f"bob ·{BOB[-naming.SHORT:]}",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other"), [("ann", "anna"), ("bob", "rob"), ("marie", "maria"), ("李", "木"), ("a", "b")]
)
def test_other_names_are_other_names(one: str, other: str) -> None:
    assert naming.lookalikes({ANN: one, BOB: other}) == frozenset()


@given(st.dictionaries(st.sampled_from([ANN, BOB, EVE]), HANDLES))
def test_no_two_actors_are_ever_called_the_same(handles: dict[str, str]) -> None:
    names = naming.shown(handles)
    assert len(set(names.values())) == len(names) == len(handles)
    for actor, name in names.items():
        assert name.startswith(handles[actor])
        assert name.endswith(actor[-naming.SHORT :])


@given(HANDLES)
def test_a_name_looks_like_itself_in_any_case_and_form(handle: str) -> None:
    assert naming.skeleton(handle) == naming.skeleton(handle)
    assert naming.lookalikes({ANN: handle, EVE: handle}) == {ANN, EVE}


def test_whoever_has_no_name_is_called_by_the_id() -> None:
    assert present.name(ANN, naming.shown({ANN: ""})) == ANN[:12]


ALONE = re.compile(r"\bann\b(?! ·)|\bаnn\b(?! ·)")
"""A handle without a part of an id behind it."""


def test_no_view_shows_a_handle_alone(person: Callable[[str], Person], tmp_path: Path) -> None:
    """Two take one name, one of them in letters of another script; every view tells them apart."""
    alice, twin, path = person("alice"), person("twin"), str(tmp_path / "board")
    alice.ok("wl", "create", "Board", "--as", "ann")
    alice.ok("wl", "bundle", "write", path)
    twin.ok("wl", "join", path, "--as", "аnn")
    item = alice.ask("wl", "post", "Fix the door", "--offline")["item"]["id"]
    twin.ok("wl", "bundle", "write", path + "2", "--commons", "Board")
    alice.ok("wl", "bundle", "read", path + "2")
    me = alice.ask("wl", "me")["actor"]
    index = wiring.open_index(Home(alice.home), alice.commons())
    views = [
        alice.ok("wl", "show", item), alice.ok("wl", "charter", "show"), alice.ok("wl", "sheet", "show"),
        readme.render("Board", alice.commons(), index),
    ]  # fmt: skip
    index.database.close()
    for text in views:
        assert me[-naming.LONG :] in text, text
        assert not ALONE.search(text), text
