"""Addresses that a stranger suggests: which texts can be a node's, and which numbers are nobody's business."""

from ipaddress import IPv4Network, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beads.address import Network, check_suggested, why_not_public
from beads.errors import RemoteError

COMMONS = "wlc1" + "a" * 52
GOOD = (
    f"https://example.org/git/{COMMONS}",
    f"http://example.org:8470/git/{COMMONS}",
    f"https://[2606:4700::1]:8470/git/{COMMONS}",
    f"https://example.org/wasteland/git/{COMMONS}",
)
BAD = (
    f"file:///git/{COMMONS}", f"ssh://example.org/git/{COMMONS}", f"/srv/git/{COMMONS}",
    f"https://u:p@example.org/git/{COMMONS}", f"https://u@example.org/git/{COMMONS}", f"https:///git/{COMMONS}",
    f"https://example.org/git/{COMMONS}?x=1", f"https://example.org/git/{COMMONS}#x", "https://example.org/git/other",
    f"https://example.org/%2e%2e/git/{COMMONS}", f"https://example.org/../git/{COMMONS}",
    f"https://example.org:0/git/{COMMONS}", f"https://example.org:99999/git/{COMMONS}", f"https://[::1/git/{COMMONS}",
    f"https://ex ample.org/git/{COMMONS}", f"https://exämple.org/git/{COMMONS}", f"gopher://x/git/{COMMONS}",
    f"https://{'a' * 600}/git/{COMMONS}", f"ext::sh -c x /git/{COMMONS}", "",
)  # fmt: skip
NOT_PUBLIC = {
    "0.0.0.0": "unspecified", "0.1.2.3": "unspecified", "10.0.0.1": "private", "100.64.0.1": "carrier_nat",
    "127.0.0.1": "loopback", "127.255.255.254": "loopback", "169.254.1.1": "link_local",
    "169.254.169.254": "metadata", "168.63.129.16": "metadata", "100.100.100.200": "carrier_nat",
    "172.16.0.1": "private", "172.31.255.255": "private", "192.168.1.1": "private", "198.18.0.1": "reserved",
    "224.0.0.1": "multicast", "255.255.255.255": "reserved", "192.0.0.192": "reserved", "::": "unspecified",
    "::1": "loopback", "::ffff:127.0.0.1": "ipv4_mapped", "::ffff:8.8.8.8": "ipv4_mapped", "::7f00:1": "ipv4_mapped",
    "64:ff9b::7f00:1": "nat64", "64:ff9b:1::7f00:1": "nat64", "2002:7f00:1::": "6to4", "2001:0:7f00:1::": "teredo",
    "fe80::1": "link_local", "fe80::1%eth0": "link_local", "fc00::1": "private", "fd00:ec2::254": "metadata",
    "ff02::1": "multicast", "2001:db8::1": "documentation", "4000::1": "reserved", "x": "no_address",
}  # fmt: skip
PUBLIC = ("1.1.1.1", "9.9.9.9", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "2a00:1450::1")


@pytest.mark.parametrize("url", GOOD)
def test_a_node_s_address_may_be_suggested(url: str) -> None:
    assert check_suggested(url, COMMONS) == url


@pytest.mark.parametrize("url", BAD)
def test_anything_else_may_not(url: str) -> None:
    with pytest.raises(RemoteError):
        check_suggested(url, COMMONS)


@given(st.text(max_size=80))
def test_no_text_breaks_the_check(text: str) -> None:
    with pytest.raises(RemoteError):
        check_suggested(text, COMMONS)


@pytest.mark.parametrize(("address", "reason"), NOT_PUBLIC.items(), ids=NOT_PUBLIC.keys())
def test_numbers_that_are_not_public_are_named(address: str, reason: str) -> None:
    assert why_not_public(address) == reason


@pytest.mark.parametrize("address", PUBLIC)
def test_public_numbers_pass(address: str) -> None:
    assert why_not_public(address) == ""


@given(st.ip_addresses())
def test_whatever_the_standard_library_calls_private_is_refused(ip: object) -> None:
    found = ip_address(str(ip))
    if found.is_private or found.is_loopback or found.is_link_local or found.is_multicast or found.is_unspecified:
        # The anycast addresses of 192.0.0.0/24 and 2001::/23 that are global stay refused, too; nobody serves there.
        assert why_not_public(str(ip)) != ""


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [(IPv4Network("10.1.0.0/16"), "10.1.2.3", "10.2.0.1"), (IPv6Network("64:ff9b::/96"), "64:ff9b::101:101", "::1")],
)
def test_the_owner_may_let_networks_in(network: Network, inside: str, outside: str) -> None:
    assert why_not_public(inside, [network]) == ""
    assert why_not_public(outside, [network]) != ""
