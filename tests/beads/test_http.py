"""Requests within bounds of reach, size and time: names that change their meaning, proxies, certificates, drips."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from beads.address import TYPED, Reach
from beads.errors import LimitExceeded, RemoteError
from beads.http import Meter, Web
from beads.limits import Patience
from beads.remote import GitRemote

HURRY = Patience(connect_s=0.5, total_s=1.0)
SUGGESTED = Reach(suggested=True)
HERE_ONLY = Reach(suggested=True, allowed=(IPv4Network("127.0.0.1/32"),))

Answer = Callable[[BaseHTTPRequestHandler], None]


def say(handler: BaseHTTPRequestHandler, text: bytes = b"hello", kind: str = "text/plain") -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(text)))
    handler.end_headers()
    handler.wfile.write(text)


@contextmanager
def server(
    answer: Answer = say, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[tuple[int, list[str]]]:
    """A server that behaves as told; yields its port and `Host path` of what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.headers['Host']} {self.path}")
            try:
                answer(self)
            except OSError:
                pass

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that goes away is no news."""

    httpd = Quiet((host, port), Handler)
    if tls:
        httpd.socket = tls.wrap_socket(httpd.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield httpd.server_port, asked
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def read(url: str, reach: Reach = TYPED, timing: Patience = HURRY, largest: int = 1000) -> bytes:
    with Web(url, Meter(timing.total_s, largest), timing, reach) as web:
        return web.read(url, "text/plain")


class Names:
    """A resolver in which a name means something else each time it is asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def __call__(self, host: str, port: int, *_: object, **__: object) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in addresses
        ]


# -- reach -----------------------------------------------------------------------------------------------------


def test_a_name_that_changes_its_meaning_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: what was looked at is what is connected to."""

    def once_more(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/a":
            handler.send_response(302)
            handler.send_header("Location", "/b")
            # The next request needs a new connection, and so would ask for the name again.
            handler.send_header("Connection", "close")
            handler.end_headers()
        else:
            say(handler)

    with server(once_more) as (port, asked), server(host="127.0.0.2", port=port) as (_, elsewhere):
        names = Names(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
        assert read(f"http://peer.example:{port}/a", HERE_ONLY) == b"hello"
        assert asked == [f"peer.example:{port} /a", f"peer.example:{port} /b"]
        assert names.asked == ["peer.example"]
        assert elsewhere == []
        with pytest.raises(RemoteError, match=r"127\.0\.0\.2"):
            read(f"http://peer.example:{port}/a", HERE_ONLY)
        assert elsewhere == []


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "fd00::1"])
def test_a_suggested_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    Names(monkeypatch, [address])
    with pytest.raises(RemoteError, match="no public address"):
        read("http://peer.example/", SUGGESTED)


def test_one_number_inside_refuses_the_whole_name(monkeypatch: pytest.MonkeyPatch) -> None:
    Names(monkeypatch, ["1.1.1.1", "127.0.0.1"])
    with pytest.raises(RemoteError, match=r"127\.0\.0\.1"):
        read("http://peer.example/", SUGGESTED)


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "127.1", "localhost"])
def test_odd_forms_of_this_machine_s_address_are_seen_through(host: str) -> None:
    with server() as (port, asked), pytest.raises(RemoteError, match="no public address"):
        read(f"http://{host}:{port}/", SUGGESTED)
    assert asked == []


def test_what_a_person_typed_may_lead_inside() -> None:
    with server() as (port, _):
        assert read(f"http://localhost:{port}/") == b"hello"


def test_git_goes_the_same_way() -> None:
    with server() as (port, asked):
        remote = GitRemote(f"http://127.0.0.1:{port}/git/x", HURRY, reach=SUGGESTED)
        with (
            pytest.raises(RemoteError, match="no public address"),
            remote.fetch(lambda _: pytest.fail("it was asked"), lambda _: None),
        ):
            pass
    assert asked == []


@pytest.mark.parametrize("url", ["/srv/x.git", "file:///srv/x.git", "ssh://host/x", "git@host:x"])
def test_a_stranger_can_suggest_http_only(url: str) -> None:
    with pytest.raises(RemoteError, match="HTTP only"):
        GitRemote(url, reach=SUGGESTED)


def test_a_redirect_leads_nowhere_else() -> None:
    with server() as (other, asked):

        def elsewhere(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(307)
            handler.send_header("Location", f"http://127.0.0.1:{other}/")
            handler.end_headers()

        with server(elsewhere) as (port, _), pytest.raises(RemoteError, match="redirects elsewhere"):
            read(f"http://127.0.0.1:{port}/")
    assert asked == []


def test_redirects_without_end_are_given_up() -> None:
    def again(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", handler.path + "x")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with server(again) as (port, asked), pytest.raises(RemoteError, match="without end"):
        read(f"http://127.0.0.1:{port}/")
    assert len(asked) == 4


# -- proxies ---------------------------------------------------------------------------------------------------


def test_a_proxy_is_used_for_typed_addresses_and_never_for_suggested_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    with server() as (port, asked):
        for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        assert read("http://peer.example/x") == b"hello"
        assert asked == ["peer.example http://peer.example/x"]
        monkeypatch.setenv("no_proxy", "peer.example")
        Names(monkeypatch, ["127.0.0.1"])
        assert read(f"http://peer.example:{port}/x") == b"hello"
        assert asked[-1] == f"peer.example:{port} /x"
        monkeypatch.delenv("no_proxy")
        with pytest.raises(RemoteError, match="no public address"):
            read("http://peer.example/x", SUGGESTED)
        assert len(asked) == 2


def test_this_machine_s_own_names_go_through_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with server() as (port, _):
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        assert read(f"http://127.0.0.1:{port}/") == b"hello"


# -- TLS -------------------------------------------------------------------------------------------------------


def certificate(folder: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / f"{name}.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


def context(pem: Path, named: list[str]) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pem)
    made.sni_callback = lambda _, name, __: named.append(str(name))
    return made


def test_tls_names_the_host_though_it_connects_to_a_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pem, named = certificate(tmp_path, "peer.example"), list[str]()
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with server(tls=context(pem, named)) as (port, asked):
        Names(monkeypatch, ["127.0.0.1"])
        assert read(f"https://peer.example:{port}/", HERE_ONLY) == b"hello"
        assert named == ["peer.example"]
        assert asked == [f"peer.example:{port} /"]
        with pytest.raises(RemoteError, match="certificate"):
            read(f"https://another.example:{port}/", HERE_ONLY)


def test_a_certificate_that_nobody_vouches_for_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with server(tls=context(certificate(tmp_path, "localhost"), [])) as (port, asked):
        with pytest.raises(RemoteError, match="certificate"):
            read(f"https://localhost:{port}/")
        assert asked == []


# -- size and time ---------------------------------------------------------------------------------------------


def test_a_document_may_be_just_as_large_as_allowed() -> None:
    with server(lambda handler: say(handler, b"x" * 1000)) as (port, _):
        assert len(read(f"http://127.0.0.1:{port}/", largest=1000)) == 1000
        with pytest.raises(LimitExceeded):
            read(f"http://127.0.0.1:{port}/", largest=999)


def test_a_document_of_another_kind_is_none() -> None:
    with (
        server(lambda handler: say(handler, kind="text/html")) as (port, _),
        pytest.raises(RemoteError, match="no text"),
    ):
        read(f"http://127.0.0.1:{port}/")


def drip_headers(handler: BaseHTTPRequestHandler, stop: threading.Event) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not stop.wait(0.1):
        handler.wfile.write(b"X-More: y\r\n")


def drip_bytes(handler: BaseHTTPRequestHandler, stop: threading.Event) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/plain")
    handler.end_headers()
    while not stop.wait(0.1):
        handler.wfile.write(b"x")


@pytest.mark.parametrize("drip", [drip_headers, drip_bytes])
def test_a_drip_is_cut_off_at_the_deadline(drip: Callable[[BaseHTTPRequestHandler, threading.Event], None]) -> None:
    stop = threading.Event()
    with server(lambda handler: drip(handler, stop)) as (port, _):
        began = time.monotonic()
        with pytest.raises(RemoteError, match="too long"):
            read(f"http://127.0.0.1:{port}/")
        assert time.monotonic() - began < 3
        stop.set()


def test_nothing_else_in_the_house_opens_connections_over_http() -> None:
    root = Path(__file__).parents[2]
    makers = ("PoolManager", "ConnectionPool", "urlopen", "http.client", "httpx", "import requests")
    found = {
        str(path.relative_to(root))
        for floor in ("stamps", "beads", "wanted", "town", "node")
        for path in (root / floor).rglob("*.py")
        if any(maker in path.read_text() for maker in makers)
    }
    assert found == {"beads/http.py"}
