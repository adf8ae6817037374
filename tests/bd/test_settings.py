"""What a ledger can be set to: values that something reads are checked, slips in keys are pointed out."""

import pytest

from beads.errors import BadWord
from beads.known_settings import ELSEWHERE, KNOWN, check
from beads.settings import Settings
from tests.bd.support import USAGE, Bd


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("issue_prefix", "Foo bar!"), ("issue_prefix", ""), ("issue_prefix", "1a"), ("export.auto", "maybe"),
        ("create.require-description", "perhaps"), ("max_collision_prob", "often"), ("max_collision_prob", "1.5"),
        ("max_collision_prob", "nan"), ("min_hash_length", "2"), ("max_hash_length", "9"),
        ("hierarchy.max-depth", "deep"), ("hierarchy.max-depth", "9" * 5000), ("status.custom", "In Review"),
        ("status.custom", "qa:soon"), ("types.custom", "Odd Type"), ("claim.lease", "4x"), ("claim.lease", ""),
        ("export.order", "size"), ("external_projects", "shop"), ("external_projects", "shop="),
        ("compact_tier1_days", "-1"), ("prime.max-memories", "lots"), ("prime.max-memory-chars", "1.5"),
    ],
)  # fmt: skip
def test_a_value_that_could_not_be_read_is_refused_with_a_hint(key: str, value: str) -> None:
    with pytest.raises(BadWord, match=f"^{key} cannot be ") as caught:
        check(key, value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("issue_prefix", "shop-2_b"), ("export.auto", "True"), ("export.auto", "off"), ("max_collision_prob", "0"),
        ("max_collision_prob", "1"), ("min_hash_length", "3"), ("max_hash_length", "8"), ("hierarchy.max-depth", "0"),
        ("hierarchy.max-depth", "9" * 9), ("status.custom", ""), ("status.custom", "in_review:active, plain"),
        ("types.custom", "spike-2"), ("claim.lease", "none"), ("claim.lease", "90m"), ("export.order", "priority"),
        ("external_projects", ""), ("external_projects", "shop=wlc1a, barn=wlc1b"), ("compact_tier1_days", "30"),
        ("jira.url", "whatever you like"), ("custom.x", ""),
    ],
)  # fmt: skip
def test_a_value_that_can_be_read_is_taken(key: str, value: str) -> None:
    assert check(key, value) == ""


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("issue-prefix", "issue_prefix"), ("Issue_Prefix", "issue_prefix"), ("claim.leese", "claim.lease"),
        ("export-auto", "export.auto"), ("status.customs", "status.custom"),
    ],
)  # fmt: skip
def test_a_slip_for_a_known_key_is_pointed_out(bd: Bd, slip: str, meant: str) -> None:
    done = bd.ok("config", "set", slip, "x")
    assert f"did you mean {meant}?" in done.err
    assert bd.json("config", "get", slip)["value"] == "x"
    assert f"did you mean {meant}?" in bd.json("config", "set", slip, "y")["warning"]


@pytest.mark.parametrize("key", ["default_priority", "foo.bar", *sorted(ELSEWHERE)])
def test_a_key_that_nothing_reads_is_kept_and_taken_for_no_other(key: str) -> None:
    said = check(key, "x")
    assert said.startswith(f"nothing reads {key}")
    assert "did you mean" not in said


def test_a_refused_value_changes_nothing(bd: Bd) -> None:
    bd.fails(USAGE, "Lower-case letters", "config", "set", "issue_prefix", "Foo bar!")
    assert bd.json("config", "get", "issue_prefix")["value"] == "test"
    assert bd.make().startswith("test-")


@pytest.mark.parametrize("value", ["often", "nan", "", "9" * 5000])
def test_a_value_that_came_from_elsewhere_and_cannot_be_read_counts_as_not_set(value: str) -> None:
    odd = Settings({"max_collision_prob": value, "min_hash_length": value, "hierarchy.max-depth": value})
    assert (odd.length_for(10), odd.max_depth) == (Settings().length_for(10), Settings().max_depth)


def test_what_can_be_set_is_listed(bd: Bd) -> None:
    lines = bd.ok("config", "list", "--known").out.splitlines()
    assert [line.split()[0] for line in lines] == list(KNOWN)
