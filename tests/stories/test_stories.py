"""The stories, and the pages of docs/howto: what stands in them happens."""

import shutil
from pathlib import Path

import pytest

from tests.stories.runner import Stage, Step, steps

HERE = Path(__file__).parent
HOWTO = HERE.parents[1] / "docs" / "howto"
PAGES = sorted([*HERE.glob("[!R]*.md"), *HOWTO.glob("*.md")])


NEEDS = {"reviewing": "bwrap"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_what_the_page_says_happens(page: Path, tmp_path: Path) -> None:
    program = NEEDS.get(page.stem)
    if program is not None and shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    Stage(tmp_path.resolve()).tell(page)


def test_every_page_has_commands() -> None:
    assert len(PAGES) >= 9
    for page in PAGES:
        assert list(steps(page.read_text())), page


# -- the runner itself -----------------------------------------------------------------------------------------

STORY = """\
Text.

```console
$ printf 'one abc\\ntwo abc\\n'
one {word}
two {word}
$ echo {word} >
> nothing; echo wrong >&2; exit 4
wrong
[4]
```
```console bob
$ pwd; mkdir -p deep; cd deep
…
$ basename "$(pwd)"; echo $BD_ACTOR
deep
b…b
```
"""


def test_a_page_is_read_as_steps() -> None:
    first, second, third, fourth = steps(STORY)
    assert first == Step(4, "ann", "printf 'one abc\\ntwo abc\\n'", ("one {word}", "two {word}"))
    assert second == Step(7, "ann", "echo {word} >\nnothing; echo wrong >&2; exit 4", ("wrong",), 4)
    assert (third.line, third.who, fourth.output) == (13, "bob", ("deep", "b…b"))


def told(tmp_path: Path, text: str) -> str:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(AssertionError) as caught:
        Stage(tmp_path).tell(page)
    return str(caught.value)


def test_a_command_that_goes_on_and_a_folder_that_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(STORY.replace("echo {word} >\n> nothing; ", "echo {word} > \\\n> /srv/nothing; "))
    stage = Stage(tmp_path.resolve())
    stage.tell(page)
    assert stage.known == {"word": "abc"}
    assert (tmp_path / "srv" / "nothing").read_text() == "abc\n"


def test_other_output_fails_with_a_difference(tmp_path: Path) -> None:
    said = told(tmp_path, "```console\n$ echo a; echo b\na\nc\n```\n")
    assert "page.md:2" in said
    assert "      a\n    - c\n    + b\n" in said


@pytest.mark.parametrize(
    "block",
    [
        "$ exit 4",
        "$ true\n[4]",
        "$ echo a",
        "$ true\na",
        "$ echo a b\n{x}",
        "$ echo a; echo b\n{x}\n{x}",
        "$ echo ab\na",
    ],
)
def test_what_differs_fails(tmp_path: Path, block: str) -> None:
    assert "page.md:2" in told(tmp_path, f"```console\n{block}\n```\n")
