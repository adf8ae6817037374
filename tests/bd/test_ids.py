"""Ids that are asked for, and what they begin with."""

from pathlib import Path

import pytest

from tests.bd.support import CONFLICT, USAGE, Bd


def test_an_id_that_a_bead_has_is_a_conflict_and_the_hint_shows_the_bead(bd: Bd) -> None:
    bd.make("First", "--id", "test-door")
    done = bd.fails(CONFLICT, "there is an issue test-door already", "create", "Second", "--id", "test-door")
    assert "bd show test-door" in done.err
    assert [one["title"] for one in bd.json("list", "--all")] == ["First"]


def test_the_id_of_a_deleted_bead_is_taken_too_and_the_hint_brings_it_back(bd: Bd) -> None:
    bd.make("First", "--id", "test-door")
    bd.ok("delete", "test-door", "--force")
    done = bd.fails(CONFLICT, "test-door was deleted", "create", "Second", "--id", "test-door")
    assert "bd restore test-door" in done.err


@pytest.mark.parametrize("folder", ["My Shop.io", "2024 plan", "日本", "Büro"])
def test_ids_begin_with_what_the_folder_is_called(bd: Bd, tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    there = bd.at(tmp_path / folder)
    prefix = {"My Shop.io": "my-shop-io", "2024 plan": "plan", "日本": "bd", "Büro": "buro"}[folder]
    assert there.json("init")["prefix"] == prefix
    assert there.make("First").startswith(f"{prefix}-")


@pytest.mark.parametrize("prefix", ["", "Shop", "2shop", "my shop", "x" * 31, "-x"])
def test_a_prefix_that_cannot_be_one_is_refused(bd: Bd, tmp_path: Path, prefix: str) -> None:
    (tmp_path / "new").mkdir()
    done = bd.at(tmp_path / "new").fails(USAGE, "cannot be a prefix", "init", f"--prefix={prefix}")
    assert "--prefix shop" in done.err
