"""The least `gt` there can be, so that sessions and supervisors run as processes of their own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.town.support import FileLedger, open_town
from town.errors import TownError


def main(root: Path, verb: str, *args: str) -> int:
    town = open_town(root, FileLedger(root / "ledger.json"))
    try:
        if verb == "up":
            town.up()
        elif verb == "prime":
            print(json.dumps(town.prime_json(os.environ["GT_AGENT"], os.environ["GT_SESSION"])))
        elif verb == "done":
            town.done(os.environ["GT_AGENT"], os.environ["GT_TOKEN"], args[1])
    except TownError as error:
        print(f"gt: {error.message} {error.hint}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
