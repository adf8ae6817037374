"""What was run here on work that was handed in: kept until a stamp takes it along. ⚡

```text
HOME/reviews/<submission>.json      the checks of the latest review
HOME/reviews/<submission>-<hash>.log
                                    the beginning of what one printed, by the hash of all of it
```
"""

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from node import wiring
from node.errors import NodeError
from node.home import Home
from stamps.stamp import CheckRun

FOLDER = "reviews"
KEPT_DAYS = 90
_DAY_S = 86_400


def keep(home: Home, submission: str, runs: Sequence[CheckRun], outputs: Sequence[bytes]) -> None:
    """Remember what was run; an earlier review of the same work is forgotten, and so are old ones of any."""
    folder = home.path / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for run, output in zip(runs, outputs, strict=False):
        log_of(home, submission, run).write_bytes(output)
    wiring.replace_file(_record(home, submission), msgspec.json.encode(list(runs)))
    named = {log_of(home, submission, run) for run in runs}
    before = time.time() - KEPT_DAYS * _DAY_S
    for path in folder.iterdir():
        of_this = path.suffix == ".log" and path.name.startswith(submission) and path not in named
        if of_this or path.stat().st_mtime < before:
            path.unlink(missing_ok=True)


def recorded(home: Home, submission: str) -> tuple[CheckRun, ...]:
    """Return what the latest review of a submission ran here; nothing where there was none.

    Raises:
        NodeError: The record is damaged.
    """
    path = _record(home, submission)
    if not path.is_file():
        return ()
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[CheckRun, ...])
    except msgspec.DecodeError:
        raise NodeError(f"{path} is damaged", "wl review ITEM writes it anew.") from None


def log_of(home: Home, submission: str, run: CheckRun) -> Path:
    """Return where the output of a check is."""
    return home.path / FOLDER / f"{submission}-{run.output[:16]}.log"


def _record(home: Home, submission: str) -> Path:
    return home.path / FOLDER / f"{submission}.json"
