"""Who is meant by what somebody types: names, parts of ids, and what is printed; look-alikes mean nobody."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from beads.errors import Ambiguous, NotFound
from node import naming, whom

ANN, BOB, EVE, NAMELESS = ("Qm" + letters * 22 for letters in ("Ab", "Cd", "Ef", "Gh"))
KNOWN = [(ANN, "Ann"), (BOB, "bob"), (NAMELESS, "")]


@pytest.mark.parametrize(
    "wanted",
    ["Ann", "ann", "ANN", ANN, ANN[:6], ANN[-6:], f"·{ANN[-6:]}", f"Ann ·{ANN[-6:]}", f"ann·{ANN[-8:]}", "ann ·Ab"],
)
def test_an_actor_goes_by_every_name_that_is_printed(wanted: str) -> None:
    assert whom.meant(wanted, KNOWN, BOB) == ANN


def test_me_is_me_whatever_anybody_is_called() -> None:
    assert whom.meant("me", [*KNOWN, (EVE, "me")], BOB) == BOB


@pytest.mark.parametrize("handle", ["Ann", "ann", "ANN", "аnn", "ann\u0301", ANN[-6:], ANN[:6]])
def test_who_takes_another_s_name_is_never_meant_by_it(handle: str) -> None:
    asked = "ann" if not handle.endswith(ANN[-4:]) and not handle.startswith("Qm") else handle
    with pytest.raises(Ambiguous) as refused:
        whom.meant(asked, [*KNOWN, (EVE, handle)], BOB)
    listed = refused.value.candidates
    assert [whom.meant(each, [*KNOWN, (EVE, handle)], BOB) for each in listed] == [ANN, EVE]


@pytest.mark.parametrize("wanted", ["", "·", "Qm", "b", "bob ·Ab", "nobody", "d", "·zz"])
def test_what_says_too_little_means_nobody(wanted: str) -> None:
    with pytest.raises(NotFound, match="no actor"):
        whom.meant(wanted, KNOWN, BOB)


@pytest.mark.parametrize(("wanted", "near"), [("bobb", "bob"), ("b0b", "bob"), ("an", "Ann"), ("bob ·zzz", "bob")])
def test_near_names_are_suggested_in_a_form_that_is_taken(wanted: str, near: str) -> None:
    with pytest.raises(NotFound) as refused:
        whom.meant(wanted, KNOWN, BOB)
    suggested = refused.value.hint.removeprefix("Do you mean ").removesuffix("?")
    assert suggested.startswith(f"{near} ·")
    assert whom.meant(suggested, KNOWN, BOB) in (ANN, BOB)


ids = st.text("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", min_size=44, max_size=44)
scids = ids.map(lambda letters: f"Qm{letters}")


@given(st.dictionaries(scids, st.text(max_size=12), min_size=1, max_size=6))
def test_what_is_shown_of_an_actor_means_that_actor(handles: dict[str, str]) -> None:
    for actor, shown in naming.shown(handles).items():
        assert whom.meant(shown, handles.items(), "") == actor


@given(st.dictionaries(scids, st.text(max_size=6), max_size=4), st.text(max_size=8))
def test_whoever_is_asked_for_the_answer_is_one_actor_or_a_refusal(handles: dict[str, str], wanted: str) -> None:
    try:
        found = whom.meant(wanted, handles.items(), "me")
    except (NotFound, Ambiguous):
        assert wanted not in handles
    else:
        assert found in (*handles, "me")
