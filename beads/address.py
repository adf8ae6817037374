"""Addresses of peers: which ones we speak to, in one form, and which ones are tricks.

1. What a person typed is used as it stands, wherever it leads.
2. What a stranger suggested is a public node's address over HTTP and nothing else: `check_suggested` looks at the
   text, `why_not_public` at every address that its host name turns out to have.
"""

import posixpath
import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from beads.errors import RemoteError

Network = IPv4Network | IPv6Network

SUGGESTED_LENGTH = 512
_SUGGESTED = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]{1,260}(?:/[A-Za-z0-9._~-]{1,100}){2,8}")
# IANA's registries of special-purpose addresses (RFC 6890), and what clouds answer secrets on.
_NOT_PUBLIC: tuple[tuple[str, Network], ...] = (
    ("unspecified", IPv4Network("0.0.0.0/8")), ("private", IPv4Network("10.0.0.0/8")),
    ("carrier_nat", IPv4Network("100.64.0.0/10")), ("loopback", IPv4Network("127.0.0.0/8")),
    ("metadata", IPv4Network("169.254.169.254/32")), ("link_local", IPv4Network("169.254.0.0/16")),
    ("private", IPv4Network("172.16.0.0/12")), ("metadata", IPv4Network("168.63.129.16/32")),
    ("reserved", IPv4Network("192.0.0.0/24")), ("documentation", IPv4Network("192.0.2.0/24")),
    ("6to4", IPv4Network("192.88.99.0/24")), ("private", IPv4Network("192.168.0.0/16")),
    ("reserved", IPv4Network("198.18.0.0/15")), ("documentation", IPv4Network("198.51.100.0/24")),
    ("documentation", IPv4Network("203.0.113.0/24")), ("multicast", IPv4Network("224.0.0.0/4")),
    ("reserved", IPv4Network("240.0.0.0/4")),
    ("unspecified", IPv6Network("::/128")), ("loopback", IPv6Network("::1/128")),
    ("ipv4_mapped", IPv6Network("::ffff:0:0/96")), ("ipv4_mapped", IPv6Network("::/96")),
    ("nat64", IPv6Network("64:ff9b::/96")), ("nat64", IPv6Network("64:ff9b:1::/48")),
    ("metadata", IPv6Network("fd00:ec2::254/128")), ("private", IPv6Network("fc00::/7")),
    ("link_local", IPv6Network("fe80::/10")), ("multicast", IPv6Network("ff00::/8")),
    ("teredo", IPv6Network("2001::/32")), ("reserved", IPv6Network("2001::/23")),
    ("documentation", IPv6Network("2001:db8::/32")), ("6to4", IPv6Network("2002::/16")),
    ("documentation", IPv6Network("3fff::/20")),
)  # fmt: skip
_IPV6_PUBLIC = IPv6Network("2000::/3")

_HELPER = re.compile(r"[A-Za-z0-9+.-]*::")
"""How git names a program to run as a transport (`ext::…`)."""


def check_url(url: str, base: str = "/") -> str:
    """Return a peer's address in one form, if it is one we speak to.

    Args:
        base: The folder that a relative path starts from.

    Raises:
        RemoteError: It is a trick (`ext::`, a leading dash, credentials inside) or unknown.
    """
    hint = "Use http(s)://host/git/<commons>, ssh://host/path, or a path."
    if not url or url.startswith("-") or _HELPER.match(url) or any(ord(c) < 32 or ord(c) == 127 for c in url):
        raise RemoteError(f"not an address: {url!r}", hint)
    # Folders have names with blanks; nothing else that is spoken to has.
    if " " in url and ("://" in url or url != url.strip()):
        raise RemoteError(f"not an address: {url!r}", hint)
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise RemoteError(f"not an address: {url!r}", hint) from None
    if parts.scheme in ("http", "https", "ssh"):
        no_path = parts.scheme == "ssh" and not parts.path.strip("/")
        if not parts.hostname or parts.hostname.startswith("-") or parts.password or no_path:
            raise RemoteError(f"not an address: {url!r}", hint)
        return url
    if parts.scheme == "file":
        if not url.startswith("file:///"):
            raise RemoteError(f"not an address: {url!r}", hint)
        return url
    if "://" in url:
        raise RemoteError(f"unknown scheme {parts.scheme}", hint)
    host, colon, path = url.partition(":")
    if colon and "/" not in host:
        return check_url(f"ssh://{host}/{path.lstrip('/')}")
    return posixpath.normpath(posixpath.join(base, url))


class Reach(NamedTuple):
    """How far a request may go.

    Attributes:
        suggested: A stranger gave the address, so it may lead to public ones only, and through no proxy.
        allowed: Networks that a suggested address may lie in all the same.
    """

    suggested: bool = False
    allowed: tuple[Network, ...] = ()


TYPED = Reach()
"""A person gave the address."""


def check_suggested(url: str, commons: str) -> str:
    """Return an address that a stranger gave, if it can be that of a node which serves the commons.

    Raises:
        RemoteError: It is no such address.
    """
    if not _is_suggestable(url, commons):
        raise RemoteError(f"not an address of a node: {url[:80]!r}", "It should be http(s)://HOST/git/<commons>.")
    return url


def _is_suggestable(url: str, commons: str) -> bool:
    if len(url) > SUGGESTED_LENGTH or not _SUGGESTED.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return named and parts.path.endswith(f"/git/{commons}") and "/../" not in parts.path


def why_not_public(address: str, allowed: Sequence[Network] = ()) -> str:
    """Return what keeps an address from being a public one, as a slug; "" where nothing does.

    Args:
        address: In numbers, as a resolver returns it.
        allowed: Networks that pass all the same.
    """
    try:
        ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return "no_address"
    if any(ip in network for network in allowed if network.version == ip.version):
        return ""
    for reason, network in _NOT_PUBLIC:
        if network.version == ip.version and ip in network:
            return reason
    return "reserved" if ip.version == 6 and ip not in _IPV6_PUBLIC else ""
