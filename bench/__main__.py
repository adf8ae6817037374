"""`python -m bench append|verify|sync|propagate|ring|cli|ledger|reputation`."""

import argparse
import importlib
import json
from typing import Any

from bench import _world as world

# Name → operations or beads, runs: enough for steady figures, little enough to wait for.
DEFAULTS = {
    "append": (1_000, 300),
    "verify": (20_000, 3),
    "sync": (20_000, 3),
    "propagate": (1_000, 40),
    "ring": (5_000, 1),
    "cli": (10_000, 15),
    "ledger": (10_000, 30),
    "reputation": (100_000, 10),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, beside a baseline of the same run.")
    parser.add_argument("name", choices=sorted(DEFAULTS))
    parser.add_argument("--ops", "--beads", type=int, dest="ops", help="operations (items, beads) in the ledger")
    parser.add_argument("--runs", type=int, help="how often each thing is done")
    given = parser.parse_args()
    ops, runs = DEFAULTS[given.name]
    found: dict[str, Any] = importlib.import_module(f"bench.{given.name}").measure(given.ops or ops, given.runs or runs)
    print(json.dumps({"bench": given.name, "machine": world.machine(), **found}, indent=1))


if __name__ == "__main__":
    main()
