"""Addresses of peers: which ones we speak to, in one form, and which ones are tricks."""

import posixpath
import re
from urllib.parse import urlsplit

from beads.errors import RemoteError

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
    if not url or url.startswith("-") or _HELPER.match(url) or any(ord(c) < 33 or ord(c) == 127 for c in url):
        raise RemoteError(f"not an address: {url!r}", hint)
    parts = urlsplit(url)
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
