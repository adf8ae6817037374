"""E-mail addresses in what others have written."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanted.addresses import GONE, left_out, pseudonyms, replaced


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Write to ann+door@mail.example.org.", "Write to {}."),
        ("Ann <a.b@c.example>, bob@m\u00fcnchen.de!", "Ann <{}>, {}!"),
        ("bob@localhost or b%40x.org", "{} or {}"),
        ('"a b"@x.org, o\'brien@x.org', "{}, {}"),
        ("\u7528\u6237@\u4f8b\u5b50\uff0cann\uff20x.org", "{}\uff0c{}"),
        ("bob@[127.0.0.1]", "{}"),
        ("a%40b%40c %40a@b", "{} {}"),
        ('["ann@x.org","oil"]', '["{}","oil"]'),
        ("https://x.example/pr/1?by=ann@x.org&n=1", "https://x.example/pr/1?{}&n=1"),
        ("mailto:ann@x.org", "mailto:{}"),
    ],
)
def test_addresses_go_and_the_rest_stays(text: str, rest: str) -> None:
    assert left_out(text) == rest.format(GONE, GONE)


@pytest.mark.parametrize("text", ["@ann", "https://x.example/@ann", "5 @ 3", "100%", "a at b", "@", "", "ann@"])
def test_what_is_no_address_stays(text: str) -> None:
    assert left_out(text) == text


@given(st.text(), st.from_regex(r"\A\w+(@|%40)[\w-]+\Z"), st.text())
def test_no_address_stays_in_any_text(before: str, address: str, after: str) -> None:
    assert address not in left_out(before + address + after)


@given(st.lists(st.text(alphabet="ab@.- ", max_size=6)))
def test_pseudonyms_are_distinct_and_say_nothing_of_the_address(values: list[str]) -> None:
    names = pseudonyms(values)
    assert len(set(names.values())) == len(names)
    assert all("@" not in replaced(address, names) for address in names)
    assert names == pseudonyms(sorted(values, reverse=True))


def test_a_pseudonym_takes_nobodys_name() -> None:
    assert pseudonyms(["someone-1", "ann@x.org"]) == {"ann@x.org": "someone-2"}


@pytest.mark.parametrize("text", ["a" * 400_000, "." * 400_000, '"' * 400_000, "a@" * 200_000, "%40" * 100_000])
def test_no_text_takes_long(text: str) -> None:
    start = time.process_time()
    left_out(text)
    assert time.process_time() - start < 1
