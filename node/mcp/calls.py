"""A verb of `bd` called inside this process, as often as one likes. ⚡

Each call opens the ledger and closes it: other processes write, too. What a verb writes is durable when it returns.
One call at a time, for the working folder and the environment are the process's.
"""

import io
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import click

from beads.errors import DamagedIndex, NotFound
from node.cli.bd import bd
from node.errors import KNOWN, classify, hint_of


class Answer(NamedTuple):
    """What came of a call.

    Attributes:
        out: What the verb printed.
        notes: What it said beside that.
        error: Code, message and hint, if it failed.
    """

    out: str
    notes: str = ""
    error: tuple[str, str, str] | None = None


def call(words: Sequence[str], workspace: str | None = None, actor: str | None = None) -> Answer:
    """Run a verb in a folder, as somebody."""
    out, notes = io.StringIO(), io.StringIO()
    try:
        with _as(workspace, actor), redirect_stdout(out), redirect_stderr(notes):
            _run(words)
    except Exception as error:  # the server outlives whatever a call meets
        return Answer(out.getvalue(), notes.getvalue().strip(), told(error))
    return Answer(out.getvalue(), notes.getvalue().strip())


def _run(words: Sequence[str]) -> None:
    try:
        bd.main(args=list(words), prog_name="bd", standalone_mode=False)
    except DamagedIndex:
        # It is only an index: it was marked, and this time it is built anew.
        bd.main(args=list(words), prog_name="bd", standalone_mode=False)


def told(error: Exception) -> tuple[str, str, str]:
    """Return code, message and hint of an error."""
    if isinstance(error, click.ClickException):
        return "usage", error.format_message(), ""
    if isinstance(error, KNOWN):
        return classify(error)[2], str(error), hint_of(error)
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return "system", f"{error.strerror or error}{where}", ""
    traceback.print_exception(error, file=sys.__stderr__)
    return "internal", repr(error), "This is a defect of bd: please report it."


@contextmanager
def _as(workspace: str | None, actor: str | None) -> Iterator[None]:
    """Be in a folder, and somebody, for a while."""
    folder, environment, stdin = Path.cwd(), dict(os.environ), sys.stdin
    # A text that is "-" means standard input to some verbs; here it means itself.
    sys.stdin = io.StringIO("-")
    try:
        if workspace is not None:
            os.chdir(_folder(workspace))
            os.environ.pop("BEADS_DIR", None)
        if actor:
            os.environ["BEADS_ACTOR"] = actor
        yield
    finally:
        sys.stdin = stdin
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)


def _folder(said: str) -> Path:
    path = Path(said).expanduser()
    if not path.is_dir():
        raise NotFound(f"there is no folder {said}", "workspace is the folder whose ledger is meant.")
    return path
