"""What was run here on work that was handed in: kept until a stamp takes it along. ⚡

```text
HOME/reviews/<submission>.json    the checks of the latest review
HOME/reviews/<submission>-N.log   what the N-th printed
```
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from node import wiring
from node.home import Home
from stamps.stamp import CheckRun

FOLDER = "reviews"


def keep(home: Home, submission: str, runs: Sequence[CheckRun], outputs: Sequence[bytes]) -> None:
    """Remember what was run; an earlier review of the same work is forgotten."""
    folder = home.path / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{submission}-*.log"):
        old.unlink()
    for n, output in enumerate(outputs):
        log_of(home, submission, n).write_bytes(output)
    wiring.replace_file(_record(home, submission), msgspec.json.encode(list(runs)))


def recorded(home: Home, submission: str) -> tuple[CheckRun, ...]:
    """Return what the latest review of a submission ran here; nothing where there was none."""
    path = _record(home, submission)
    if not path.is_file():
        return ()
    return msgspec.json.decode(path.read_bytes(), type=tuple[CheckRun, ...])


def log_of(home: Home, submission: str, number: int) -> Path:
    """Return where the output of a check is, counted from 0."""
    return home.path / FOLDER / f"{submission}-{number + 1}.log"


def _record(home: Home, submission: str) -> Path:
    return home.path / FOLDER / f"{submission}.json"
