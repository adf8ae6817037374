"""How far a long sync has come: a bar on a terminal, lines now and then where nobody watches. ⚡"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from beads.terms import Step
from node.cli.common import Output

QUIET_S = 1.0
"""A sync that is done sooner shows nothing."""
LINE_EVERY_S = 5.0

Tell = Callable[[Step], None]


@contextmanager
def shown(output: Output, what: str) -> Iterator[Tell | None]:
    """Show the steps of a sync while it runs; nothing with --json or --quiet."""
    if output.json or output.quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar(what) as tell:
            yield tell
    else:
        yield _lines(output, what)


def _lines(output: Output, what: str) -> Tell:
    said = time.monotonic() - LINE_EVERY_S + QUIET_S

    def tell(step: Step) -> None:
        nonlocal said
        if time.monotonic() - said >= LINE_EVERY_S:
            said = time.monotonic()
            output.warn(f"{what}: {step.operations} operations, {step.refs} of {step.of} references")

    return tell


@contextmanager
def _bar(what: str) -> Iterator[Tell]:
    # Start-up time: rich takes longer than most verbs, and only a terminal needs it.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[operations]} operations"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None, operations=0)
        yield lambda step: progress.update(task, completed=step.refs, total=step.of, operations=step.operations)
