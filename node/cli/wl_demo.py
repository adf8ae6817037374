"""wl demo: the whole story on this machine."""

import signal
import time
from pathlib import Path

import click

from node.cli.common import Output, verb
from node.demo import Story, addresses, stage, tell


@verb()
@click.option("--stay", is_flag=True, help="Keep the two nodes up until Ctrl-C.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Use this empty folder, and keep it.")
def demo(output: Output, stay: bool, keep: Path | None) -> None:
    """Run the whole story on this machine: two nodes, a town, a stamp."""
    began = time.monotonic()
    lines: list[str] = []
    say = lines.append if output.json else lambda line: print(line, flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a story that is ended takes its processes along
    with stage(keep) as folder:
        story = Story(folder, say)
        try:
            tell(story)
            seconds = time.monotonic() - began
            output.result(
                {"seconds": round(seconds, 1), "nodes": story.urls, "story": lines},
                ["", f"All of it really happened, in {seconds:.1f} s.", *addresses(story.urls)],
            )
            click.echo("Stop with Ctrl-C." if stay else "They stop with the story; scripts/demo --stay keeps them up.")
            if stay:
                signal.pause()
        except KeyboardInterrupt:
            click.echo("")
        finally:
            story.stop()
