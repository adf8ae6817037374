"""wl name: how I am called in a commons."""

import click

from node import present
from node.cli.common import Output, commons_option, offline_option, verb
from node.cli.step import in_step
from node.home import Home, locate


@verb()
@click.argument("handle")
@click.option("--everywhere", is_flag=True, help="In every public commons that I follow.")
@commons_option
@offline_option
def name(output: Output, handle: str, everywhere: bool, commons: str | None, offline: bool) -> None:
    """Say how I want to be called. A name is nobody's own: what follows it, from the id, is what tells people apart."""
    home = Home(locate())
    public = [each for each, founded in home.commons().items() if not founded.private]
    called: list[str] = []
    for chosen in public if everywhere else [commons]:
        with in_step(output, chosen, offline) as ours:
            ours.profile(handle)
            called.append(present.name(ours.me, ours.handles()))
    output.result({"handle": handle, "commons": len(called)}, [f"You are {each}." for each in dict.fromkeys(called)])
