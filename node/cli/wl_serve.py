"""wl serve: this node answers."""

import sys

import click

from beads.errors import NotAllowed
from node import wiring
from node.cli.common import Output, verb
from node.errors import NodeError
from node.home import Home, locate
from node.http.app import listen
from node.http.app import serve as answer


@verb()
@click.option("--host", help="Address to listen on; 127.0.0.1 unless config.toml says otherwise.")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes any free one.")
def serve(output: Output, host: str | None, port: int | None) -> None:
    """Serve git, pages and news to others, and settle claims as the home of what was posted here."""
    home = Home(locate())
    settings = home.config.serve
    if home.exists:
        _ready_to_sign(home, output)
    wanted = settings.port if port is None else port
    try:
        sock = listen(host or settings.host, wanted)
    except OSError as error:
        raise NodeError(
            f"cannot listen on port {wanted}: {error.strerror}", "Another one: wl serve --port 0"
        ) from error
    name, number = sock.getsockname()[:2]
    base = f"http://{f'[{name}]' if ':' in name else name}:{number}"
    public = {c: g.name for c, g in home.commons().items() if not g.private}
    output.result(
        {"url": base, "commons": [{"id": c, "name": n, "git": f"{base}/git/{c}"} for c, n in public.items()]},
        [f"Serving at {base}/ (stop with Ctrl-C)", *(f"  {n}: wl join {base}/git/{c}" for c, n in public.items())],
    )
    sys.stdout.flush()
    answer(home, sock, settings.names)


def _ready_to_sign(home: Home, output: Output) -> None:
    """Ask for the passphrase now, not when a claim comes in; a machine that may not sign serves what it holds."""
    try:
        wiring.author(home)
    except NotAllowed as error:
        output.trouble(f"{error}; this node serves what it holds, and decides nothing")
