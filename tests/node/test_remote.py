"""The client against servers that hang, redirect, drip or flood (dulwich's own would follow, wait or swallow)."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from beads.address import check_url
from beads.errors import LimitExceeded, RemoteError
from beads.limits import Patience
from beads.remote import GitRemote, Wanted

HURRY = Patience(connect_s=0.5, total_s=1.5)
ADVERT = b"001e# service=git-upload-pack\n0000"

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def server(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    """A server that behaves as told; yields its address and the paths it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            try:
                answer(self)
            except OSError:
                pass

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}", asked
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def read(url: str, timing: Patience = HURRY) -> None:
    with GitRemote(url, timing).fetch(lambda _: Wanted((), ()), lambda _: None):
        pass


def begin(handler: BaseHTTPRequestHandler, kind: str = "application/x-git-upload-pack-advertisement") -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    handler.end_headers()


def test_a_server_that_never_answers_is_left_in_time() -> None:
    gone = threading.Event()

    def silence(_: BaseHTTPRequestHandler) -> None:
        gone.wait(20)

    with server(silence) as (url, _):
        began = time.monotonic()
        with pytest.raises(RemoteError):
            read(f"{url}/git/x")
        assert time.monotonic() - began < 5
        gone.set()


def test_a_server_that_drips_is_left_at_the_deadline() -> None:
    stop = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        begin(handler)
        handler.wfile.write(ADVERT + b"ffff")
        while not stop.wait(0.1):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    with server(drip) as (url, _):
        began = time.monotonic()
        with pytest.raises(RemoteError):
            read(f"{url}/git/x")
        assert time.monotonic() - began < 8
        stop.set()


def test_a_redirect_is_not_followed_anywhere() -> None:
    with server(lambda handler: begin(handler)) as (elsewhere, asked):

        def redirect(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", f"{elsewhere}/git/x/info/refs?service=git-upload-pack")
            handler.end_headers()

        with server(redirect) as (url, _), pytest.raises(RemoteError, match="redirects"):
            read(f"{url}/git/x")
        assert asked == []


def test_a_repository_that_moved_at_its_host_is_followed_there() -> None:
    """As git hosts do where `.git` is left out; the request that sends something goes to the new place at once."""

    def moved(handler: BaseHTTPRequestHandler) -> None:
        if handler.path.startswith("/x/"):
            handler.send_response(301)
            handler.send_header("Location", handler.path.replace("/x/", "/x.git/"))
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        elif handler.command == "GET":
            begin(handler)
            line = b"%s refs/wl/x\0side-band-64k ofs-delta\n" % (b"1" * 40)
            handler.wfile.write(ADVERT + b"%04x%s0000" % (len(line) + 4, line))
        else:
            handler.send_response(404)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

    with server(moved) as (url, asked):
        remote = GitRemote(f"{url}/x", HURRY)
        with pytest.raises(RemoteError, match="no such commons"), remote.fetch(_all, lambda _: None):
            pass
    assert [path.partition("?")[0] for path in asked] == ["/x/info/refs", "/x.git/info/refs", "/x.git/git-upload-pack"]


def _all(refs: Mapping[str, str]) -> Wanted:
    return Wanted(tuple(refs.values()), ())


def test_an_advertisement_without_end_is_cut_off() -> None:
    def flood(handler: BaseHTTPRequestHandler) -> None:
        begin(handler)
        handler.wfile.write(ADVERT)
        line = b"%040x refs/odd/%s\n" % (1, b"x" * 900)
        packet = b"%04x%s" % (len(line) + 4, line)
        for _ in range(40_000):
            handler.wfile.write(packet)

    with server(flood) as (url, _), pytest.raises(LimitExceeded):
        read(f"{url}/git/x", Patience(5, 30))


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "no such commons"), (401, "credentials"), (500, "answered 500"), (200, "answered 200")],
    ids=["not there", "wants a login", "broken", "a web page"],
)
def test_what_is_no_git_server_says_so(status: int, words: str) -> None:
    def page(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", "text/html")
        handler.end_headers()
        handler.wfile.write(b"<h1>hello</h1>")

    with server(page) as (url, asked), pytest.raises(RemoteError, match=words):
        read(f"{url}/git/x")
    assert len(asked) == 1, "no fallback to git's dumb protocol"


def test_nobody_at_the_address() -> None:
    with pytest.raises(RemoteError, match="does not answer"):
        read("http://127.0.0.1:9/git/x")


@pytest.mark.parametrize(
    "url",
    ["", "-oProxyCommand=x", "ext::sh -c id", "http://u:p@host/x", "gopher://x/y", "ssh://-oProxyCommand=x/y",
     "http://a b/", "file\n:///etc", "http:///x"],
)  # fmt: skip
def test_an_address_that_is_a_trick_is_refused(url: str) -> None:
    with pytest.raises(RemoteError):
        check_url(url)


def test_addresses_take_one_form() -> None:
    assert check_url("git@host:team/x.git") == "ssh://git@host/team/x.git"
    assert check_url("http://host/git/x") == "http://host/git/x"
    assert check_url("relative/../path", "/home/me") == "/home/me/path"
