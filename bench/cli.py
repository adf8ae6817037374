"""Cold verbs: whole processes, from start to end, over a full home; beside `python -c pass` and `git status`."""

import sys
from pathlib import Path

from bench import _world as world
from bench._world import Figures
from node import founding, ledgers, wiring
from node.home import Home

READ_MS, WRITE_MS = 100, 200
READING = ("wl browse", "wl show", "bd ready", "bd list", "bd show")
WRITING = ("wl post --offline", "bd create")


def measure(ops: int, runs: int) -> Figures:
    with world.folder() as folder:
        home = Home(folder / "home")
        item, bead = _fill(home, ops)
        env = world.environment(home.path)
        commands = {
            "wl browse": ["wl", "browse"],
            "wl show": ["wl", "show", item],
            "wl post --offline": ["wl", "post", "One more", "--offline", "-d", world.WORDS],
            "bd ready": ["bd", "ready"],
            "bd list": ["bd", "list"],
            "bd show": ["bd", "show", bead],
            "bd create": ["bd", "create", "One more", "-d", world.WORDS],
        }
        times = {name: world.cold([world.script(argv[0]), *argv[1:]], env, runs) for name, argv in commands.items()}
        python = world.cold([sys.executable, "-c", "pass"], env, runs)
        status = world.cold(["git", "status", "--short"], env, runs, _checkout(folder))
    met = {name: times[name]["p50_ms"] < READ_MS for name in READING}
    met |= {name: times[name]["p50_ms"] < WRITE_MS for name in WRITING}
    return {
        "items": ops,
        "beads": ops,
        "verbs": times,
        "baseline_python_c_pass": python,
        "baseline_git_status": status,
        "ratios": {
            "to_python": {name: round(each["p50_ms"] / python["p50_ms"], 1) for name, each in times.items()},
            "to_git_status": {name: round(each["p50_ms"] / status["p50_ms"], 1) for name, each in times.items()},
        },
        "aims": {"reading_below_ms": READ_MS, "writing_below_ms": WRITE_MS, "met": met},
    }


def _fill(home: Home, ops: int) -> tuple[str, str]:
    """A commons with `ops` items and a private ledger with as many beads; return one id of each."""
    home.make_identity()
    commons = founding.create(home, "Bench", admission="open", validators="poster", dimensions=())
    found = []
    for ledger_id, make in ((commons, world.post), (ledgers.own(home), world.bead)):
        ledger = wiring.open_ledger(home, ledger_id)
        found.append(world.write_all(ledger, wiring.author(home), map(make, range(ops)))[ops // 2].id)
        ledger.close()
    return found[0], found[1]


def _checkout(folder: Path) -> Path:
    """A small working tree for git to look at."""
    path = folder / "checkout"
    world.run(["git", "init", "-q", str(path)], world.environment())
    for n in range(100):
        (path / f"{n}.txt").write_text(world.WORDS)
    world.run(["git", "add", "."], world.environment(), path)
    return path
