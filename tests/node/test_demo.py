"""The demo, as scripts/demo runs it."""

from pathlib import Path

from tests.node.support import Person


def test_the_whole_story_happens(tmp_path: Path) -> None:
    done = Person(tmp_path / "unused").run("wl", "demo", "--keep", str(tmp_path / "stage"))
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("landed commit", "verified offline", "Accepted and stamped.", "equal references on both", "http://"):
        assert words in done.stdout


def test_a_demo_that_cannot_begin_says_so(tmp_path: Path) -> None:
    (tmp_path / "stage").mkdir()
    (tmp_path / "stage" / "mine.txt").write_text("keep me")
    done = Person(tmp_path / "unused").run("wl", "demo", "--keep", str(tmp_path / "stage"))
    assert done.returncode == 1
    assert "not empty" in done.stderr
    assert (tmp_path / "stage" / "mine.txt").read_text() == "keep me"
