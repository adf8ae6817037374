"""Words and widths on a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import iter_graphemes

from node.cli.common import table
from node.terminal import Shown, fit, has_colours, shown, visible, width

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
WORDS = st.text(
    st.one_of(st.characters(exclude_categories=("Cs", "Cn")), st.sampled_from("日本한👍\u0301\u200d🏽\x1b\r\u202e"))
)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0), ("door", 4), ("Tür", 3), ("дверь", 5), ("日本", 4), ("e\u0301", 1), (FAMILY, 2), ("👍🏽", 2),
        ("\U0001f1e9\U0001f1ea", 2), ("한", 2), ("○ ◐ ● ❄ ✓ ◇ … →", 15), ("📌", 2),
    ],
)  # fmt: skip
def test_a_text_is_as_wide_as_a_terminal_shows_it(text: str, columns: int) -> None:
    assert width(text) == columns


@given(WORDS, st.integers(1, 20))
def test_a_cell_has_exactly_its_columns_and_is_cut_between_letters(text: str, columns: int) -> None:
    text = shown(text)
    cell = fit(text, columns)
    assert width(cell) == columns
    kept = cell.rstrip(" ")
    if not text.startswith(kept):
        kept = kept.removesuffix("…")
        assert text.startswith(kept)
        # What was cut ends where a letter ends, whatever marks it carries.
        letters = list(iter_graphemes(text))
        assert kept.rstrip(" ") in {"".join(letters[:n]).rstrip(" ") for n in range(len(letters) + 1)}


@given(st.text())
def test_nothing_that_hides_is_shown(text: str) -> None:
    for c in shown(text):
        assert c in "\u200c\u200d" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
    assert all(c == "\t" or unicodedata.category(c)[0] != "C" for c in visible(text))


def test_a_line_with_colours_of_ours_is_left_as_it_is() -> None:
    assert shown(Shown("\x1b[31mP0\x1b[0m")) == "\x1b[31mP0\x1b[0m"
    assert shown("\x1b[31mP0\x1b[0m") == "<U+001B>[31mP0<U+001B>[0m"
    assert shown("a\nb\tc") == "a<U+000A>b<U+0009>c"


def test_a_table_shows_strangers_words_and_tints_after_laying_out() -> None:
    rows = [("1", "日\x1b wider than", "x"), ("22", "longer", "y")]
    said = table(rows, 1, lambda column, cell: f"<{cell}>" if column == 0 else cell)
    assert said == ["<1 >  日<U+001B> wider than  x", f"<22>  {'longer':<21}  y"]
    assert all(isinstance(line, Shown) for line in said)


def test_a_narrow_terminal_cuts_the_flexible_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    (line,) = table([("id", "日本" * 20, "end")], 1)
    assert line.endswith("…  end") or line.endswith("…   end")
    assert width(line) <= 30


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colours_are_where_the_user_wants_them(environment: dict[str, str], coloured: bool) -> None:
    assert has_colours(environment) is coloured
