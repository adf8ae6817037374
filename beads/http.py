"""Requests over HTTP to one peer, within bounds of reach, size and time; every outgoing request comes through here. ⚡

1. A host is resolved once for an exchange, and connections go to what was found: a name that means something else a
   moment later means nothing. TLS still names the host and verifies its certificate.
2. Of an address that a stranger suggested every number must be public, or in a network that the owner allowed; one
   that is not refuses the whole name, for it is a trick.
3. HTTP_PROXY, HTTPS_PROXY and NO_PROXY count for addresses that a person typed. A proxy resolves names itself, so
   what was suggested never goes through one. This machine's own names never do.
4. Redirects are followed within the same origin, a few times, where nothing was sent; never elsewhere.
5. Connecting, silence and the whole have each their bound; at the deadline the connection is cut, whatever it is at.
"""

import contextlib
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager, Retry, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, MaxRetryError, SSLError

from beads.address import TYPED, Reach, why_not_public
from beads.errors import LimitExceeded, RemoteError
from beads.limits import PATIENCE, Patience

REDIRECTS = 3
AGENT = {"User-Agent": "wasteland"}
SLOW = "the peer takes too long"
_OWN_NAMES = ("localhost", "127.0.0.1", "::1")
_MOVED = (301, 302, 307, 308)

Dial = Callable[[str, int], socket.socket]


class Meter:
    """Counts bytes and time of one exchange.

    Args:
        total_s: Seconds until the deadline.
        left: Bytes that may come.
    """

    def __init__(self, total_s: float, left: int) -> None:
        self.deadline = time.monotonic() + total_s
        self._left = left

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline, never below 0."""
        return max(self.deadline - time.monotonic(), 0)

    def allow(self, more: int) -> None:
        """Raise the bound, once references were read and a pack is to come."""
        self._left += more

    def check(self, count: int) -> None:
        """Count bytes that have come.

        Raises:
            LimitExceeded: They are too many.
            RemoteError: Time is up.
        """
        self._left -= count
        if self._left < 0:
            raise LimitExceeded("the peer sends more than one request may bring")
        if not self.seconds_left:
            raise RemoteError(SLOW, "Try again later; wl peer remove drops it for good.")

    def wrap(self, read: Callable[[int], bytes]) -> Callable[[int], bytes]:
        """Count what a reader returns."""

        def counted(size: int = -1) -> bytes:
            data = read(size)
            self.check(len(data))
            return data

        return counted

    def gather(self, read_some: Callable[[int], bytes]) -> Callable[[int], bytes]:
        """Make exact reads of partial ones, looking at the clock in between: a byte a second is no answer."""

        def exact(size: int) -> bytes:
            parts: list[bytes] = []
            left = size
            while left > 0 and (part := read_some(left)):
                self.check(len(part))
                parts.append(part)
                left -= len(part)
            # A connection that was cut at the deadline looks like one that has ended.
            self.check(0)
            return b"".join(parts)

        return exact


class Web:
    """One exchange with one origin.

    Args:
        url: An address there; requests name paths below its origin.
        meter: Bounds it as a whole.
        headers: Sent with every request.
    """

    def __init__(
        self, url: str, meter: Meter, timing: Patience = PATIENCE, reach: Reach = TYPED,
        headers: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        parts = urlsplit(url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._meter = meter
        self._timing = timing
        self._reach = reach
        self._found: dict[str, list[tuple[Any, ...]]] = {}
        self._watched: list[tuple[threading.Timer, socket.socket]] = []
        self._pool = _manager(_proxy_for(self.origin) if not reach.suggested else None, timing, self._dial)
        self._headers = AGENT | dict(headers or {})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        for timer, watched in self._watched:
            timer.cancel()
            watched.close()
        self._watched.clear()
        self._pool.clear()

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterator[bytes] | None = None,
        redirects: int = REDIRECTS,
    ) -> BaseHTTPResponse:
        """Send a request; the answer's body is yet to be read.

        Args:
            url: Whole, or a path at the origin.
            redirects: How many are followed, at this origin; 0 gives back the first answer, whatever it is.

        Raises:
            RemoteError: The peer cannot be reached, may not be, or redirects elsewhere.
        """
        at = urljoin(self.origin, url)
        for _ in range(redirects + 1):
            response = self._once(method, at, headers, body)
            if response.status not in _MOVED or body is not None or not redirects:
                return response
            at = urljoin(at, response.headers.get("Location", ""))
            response.close()
            if _origin(at) != self.origin:
                raise RemoteError("the peer redirects elsewhere", "Add it under the address that it has now.")
        raise RemoteError("the peer redirects without end")

    def read(self, url: str, kind: str) -> bytes:
        """Read a small document of a content type.

        Raises:
            RemoteError: There is none, or it is another.
        """
        response = self.request("GET", url)
        with contextlib.closing(response), self.translated():
            if response.status != 200 or not response.headers.get("Content-Type", "").startswith(kind):
                message = f"{self.origin} answered {response.status} and no {kind}"
                raise RemoteError(message, "Is it a node of the federation?")
            return b"".join(self.pieces(response))

    def pieces(self, response: BaseHTTPResponse) -> Iterator[bytes]:
        """Yield the body of an answer as it comes, counted."""
        while piece := response.read1(1 << 16):
            self._meter.check(len(piece))
            yield piece
        self._meter.check(0)

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Turn what goes wrong with a connection into one sentence.

        Raises:
            RemoteError: Something did.
        """
        try:
            yield
        except (HTTPError, OSError) as error:
            raise RemoteError(*self._problem(error)) from error

    def _problem(self, error: Exception) -> tuple[str, str]:
        if not self._meter.seconds_left:
            return SLOW, "Try again later; wl peer remove drops it for good."
        reason = error.reason if isinstance(error, MaxRetryError) else error
        if isinstance(reason, SSLError):
            return f"the certificate of {self.origin} does not hold", f"It says: {reason}"
        return f"{self.origin} does not answer", "Is the peer up? See: wl peer list"

    def _once(
        self, method: str, url: str, headers: Mapping[str, str] | None, body: bytes | Iterator[bytes] | None
    ) -> BaseHTTPResponse:
        with self.translated():
            response = self._pool.request(
                method, url, headers=self._headers | dict(headers or {}), body=body, redirect=False,
                preload_content=False,
            )  # fmt: skip
        # Headers that were cut off at the deadline look like headers that have ended.
        self._meter.check(0)
        return response

    # -- connecting --------------------------------------------------------------------------------------------

    def _dial(self, host: str, port: int) -> socket.socket:
        failure: OSError | None = None
        for family, kind, protocol, _, address in self._addresses(host, port):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(min(self._timing.connect_s, self._meter.seconds_left) or 0.001)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.connect(address)
            except OSError as error:
                sock.close()
                failure = error
                continue
            self._watch(sock)
            return sock
        raise failure or OSError(f"{host} has no address")

    def _addresses(self, host: str, port: int) -> list[tuple[Any, ...]]:
        """Resolve a host, once."""
        if host not in self._found:
            self._found[host] = resolve(host, port, self._reach)
        return self._found[host]

    def _watch(self, sock: socket.socket) -> None:
        """Cut the connection at the deadline: the socket's own time-out begins anew with every byte."""
        if self._meter.deadline == math.inf:
            return
        # A copy, because TLS takes the socket itself over.
        watched = sock.dup()
        timer = threading.Timer(self._meter.seconds_left, _cut, (watched,))
        timer.daemon = True
        timer.start()
        self._watched.append((timer, watched))


def resolve(host: str, port: int, reach: Reach) -> list[tuple[Any, ...]]:
    """Return the addresses of a host, as `socket.getaddrinfo` does.

    Raises:
        RemoteError: One of its numbers is none that may be reached.
        OSError: It has none.
    """
    found: list[tuple[Any, ...]] = list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    for *_, address in found if reach.suggested else ():
        reason = why_not_public(str(address[0]), reach.allowed)
        if reason:
            message = f"{host} is at {address[0]}, which is no public address ({reason})"
            raise RemoteError(message, "Only an address that you give yourself, or peers.allow in config.toml.")
    return found


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _proxy_for(origin: str) -> str | None:
    """Return the proxy that the environment names for an origin."""
    parts = urlsplit(origin)
    host = parts.hostname or ""
    if host in _OWN_NAMES or proxy_bypass(parts.netloc):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


def _manager(proxy: str | None, timing: Patience, dial: Dial) -> PoolManager:
    timeout = Timeout(connect=timing.connect_s, read=timing.connect_s)
    retries = Retry(0, redirect=0, raise_on_redirect=False)
    manager = (
        ProxyManager(proxy, timeout=timeout, retries=retries)
        if proxy
        else PoolManager(timeout=timeout, retries=retries)
    )
    manager.pool_classes_by_scheme = _pools(dial)
    return manager


def _pools(dial: Dial) -> dict[str, Any]:
    """Return urllib3's pools with connections that are made by `dial`."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return dial(self._dns_host, self.port)

    class Tls(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return dial(self._dns_host, self.port)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}
