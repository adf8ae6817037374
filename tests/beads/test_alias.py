"""What ids begin with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beads import alias


@pytest.mark.parametrize(
    ("folder", "prefix"),
    [
        ("shop", "shop"),
        ("My Shop", "my-shop"),
        ("my.shop.io", "my-shop-io"),
        ("shop_two", "shop_two"),
        ("web3", "web3"),
        ("2024-plans", "plans"),
        ("--flag", "flag"),
        (".dotfiles", "dotfiles"),
        ("a - b", "a-b"),
        ("shop (copy)", "shop-copy"),
        ("Büro", "buro"),
        ("Straße", "strasse"),
        ("Cafe\u0301", "cafe"),
        ("日本", "bd"),
        ("日本 shop", "shop"),
        ("123", "bd"),
        ("", "bd"),
        ("...", "bd"),
        ("x" * 80, "x" * 30),
        ("x" * 29 + ".y", "x" * 29),
        ("shop\x1b[2J\n", "shop-2j"),
    ],
)
def test_a_folders_name_comes_to_a_prefix_that_can_be_typed(folder: str, prefix: str) -> None:
    assert alias.prefix_for(folder) == prefix


@given(st.text())
def test_whatever_a_folder_is_called_the_prefix_is_one(folder: str) -> None:
    found = alias.prefix_for(folder)
    assert alias.PREFIX.fullmatch(found)
    assert not found.endswith(("-", "_"))
    assert alias.prefix_for(found) == found
