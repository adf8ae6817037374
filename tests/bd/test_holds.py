"""A hold protects a bead: others neither end it nor are offered it, until it is released or runs out."""

import pytest

from tests.bd.support import CONFLICT, REFUSED, Bd


@pytest.fixture
def held(bd: Bd) -> str:
    bead = bd.make("Held")
    bd.as_("polly").ok("update", bead, "--claim")
    return bead


@pytest.mark.parametrize(
    "command",
    [
        ("close", "{id}"), ("update", "{id}", "-s", "open"), ("update", "{id}", "-a", "jack"),
        ("delete", "{id}", "--force"), ("update", "{id}", "--claim"), ("release", "{id}"),
    ],
)  # fmt: skip
def test_nobody_else_ends_a_hold(bd: Bd, held: str, command: tuple[str, ...]) -> None:
    bd.as_("jack").fails(CONFLICT, "polly", *(part.format(id=held) for part in command))
    assert bd.as_("polly").json("show", held)[0]["claim"]["by"] == "polly"


def test_the_holder_and_whoever_insists_may(bd: Bd, held: str) -> None:
    bd.as_("jack").ok("update", held, "--title", "Better said")
    bd.as_("jack").ok("close", held, "--force")
    other = bd.make("Other")
    bd.as_("polly").ok("update", other, "--claim")
    bd.as_("polly").ok("close", other)


def test_a_holder_whose_lease_ran_out_does_not_close_what_another_took_over(bd: Bd) -> None:
    bd.ok("config", "set", "claim.lease", "0s")
    bead = bd.make("Work")
    bd.as_("polly").ok("update", bead, "--claim")
    bd.ok("config", "set", "claim.lease", "1h")
    bd.as_("jack").ok("update", bead, "--claim")
    bd.as_("polly").fails(CONFLICT, "jack", "close", bead)


def test_ready_and_prime_offer_nothing_that_is_held(bd: Bd, held: str) -> None:
    assert held not in bd.as_("jack").ok("ready").out
    assert held not in bd.as_("jack").ok("prime").out
    assert held in bd.as_("polly").ok("prime").out
    assert "## Ready\nNothing." in bd.as_("polly").ok("prime").out
    bd.as_("polly").ok("release", held)
    assert held in bd.as_("jack").ok("ready").out


def test_a_child_does_not_wait_for_its_parent(bd: Bd) -> None:
    epic = bd.make("Epic", "-t", "epic")
    child = bd.make("Child", "--parent", epic)
    bd.fails(REFUSED, "needs no dependency on its parent", "dep", "add", child, epic)
    bd.ok("dep", "add", child, epic, "-t", "related")
    bd.ok("dep", "remove", child, epic)
    assert bd.json("show", child)[0]["parent"] == epic


def test_what_is_not_utf8_is_an_error_and_no_traceback(bd: Bd) -> None:
    done = bd("create", "bad\udcff")
    assert (done.code, "not UTF-8" in done.err) == (2, True)


def test_spans_that_look_back_look_back(bd: Bd) -> None:
    bead = bd.make("New")
    assert bead in bd.ok("list", "--created-after", "1d").out
    assert bead not in bd.ok("list", "--created-before", "1d").out
    assert bead not in bd.ok("as-of", "1d").out
    assert bead in bd.ok("as-of", "0m").out


def test_search_reads_comments_and_labels(bd: Bd) -> None:
    bead = bd.make("Door", "-l", "wooden")
    bd.ok("comments", "add", bead, "Needs new hinges")
    assert bead in bd.ok("search", "hinges").out
    assert bead in bd.ok("search", "wooden").out


def test_other_words_for_verbs_are_understood_or_answered(bd: Bd) -> None:
    bead = bd.make("Door")
    bd.ok("comment", bead, "Hello")
    assert "Hello" in bd.ok("comments", bead).out
    assert "Total" in bd.ok("status").out
    bd.ok("done", bead)
    bd.fails(2, "Did you mean ready?", "redy")
