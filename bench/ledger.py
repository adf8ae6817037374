"""A ledger of beads: ready, list, show, search, create, update, close, import, export; in process and as cold verbs.

The baseline is the naive way to find ready work, by recursive SQL over the same tables in the same run.
"""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from beads import importer, listing, times
from beads.listing import Query
from beads.nursery import NewBead, NewLink
from beads.tracker import Tracker
from bench import _world as world
from bench._world import Figures
from node import ledgers, wiring
from node.cli.bd_common import export_file
from node.cli.bd_init import found_ledger
from node.home import Home
from node.ledgers import Place

SEED = 42
START_MS = 1_767_225_600_000
AIMS = {"ready_ms": 10, "create_ms": 5, "search_ms": 15, "cold_reading_ms": 120, "cold_writing_ms": 220,
        "import_per_second": 5000}  # fmt: skip
# What one writes first: the definition, word for word. Parents hand down, blockers that are open block.
NAIVE = """WITH RECURSIVE blocked(entity) AS (
             SELECT DISTINCT l.entity FROM links l JOIN beads b ON b.entity = l.bead
             WHERE l.kind = 'blocks' AND b.status IN ('open', 'in_progress', 'blocked', 'deferred', 'hooked')
             UNION SELECT l.entity FROM links l JOIN blocked p ON p.entity = l.bead WHERE l.kind = 'parent-child')
           SELECT entity FROM beads WHERE status IN ('open', 'in_progress') AND type NOT IN
             ('merge-request', 'gate', 'molecule', 'message', 'agent', 'config', 'memory')
             AND entity NOT IN (SELECT entity FROM blocked) ORDER BY priority, created DESC, entity LIMIT 20"""


def measure(ops: int, runs: int) -> Figures:
    with world.folder() as folder:
        home = Home(folder / "home")
        home.make_identity()
        repository = folder / "repository"
        repository.mkdir()
        chosen = found_ledger(home, "bench")
        ledgers.write(repository / ".beads", Place(chosen, repository / ".beads", "bench"))
        file = folder / "issues.jsonl"
        file.write_bytes(seeded(ops))
        tracker = opened(home, chosen)
        taken_in = world.seconds(lambda: importer.bring_in(tracker, file.read_bytes()))
        again = world.seconds(lambda: importer.bring_in(tracker, file.read_bytes()))
        out = folder / "out.jsonl"
        written = world.seconds(lambda: export_file(tracker.read, out))
        inside = _in_process(tracker, runs)
        naive = world.spread([world.seconds(lambda: tracker.read.rows(NAIVE)) for _ in range(5)])
        tracker.ledger.close()
        cold = _cold(home, repository, runs)
        anew = world.seconds(lambda: _build_anew(home, chosen))
    ready = inside["ready"]["p50_ms"]
    met = {
        "ready": ready < AIMS["ready_ms"], "create": inside["create"]["p50_ms"] < AIMS["create_ms"],
        "search": inside["search"]["p50_ms"] < AIMS["search_ms"], "import": ops / taken_in > AIMS["import_per_second"],
        **{name: each["p50_ms"] < AIMS[_aim(name)] for name, each in cold.items()},
    }  # fmt: skip
    return {
        "beads": ops,
        "in_process": inside,
        "import": {"beads_per_second": world.rate(ops, taken_in), "seconds": round(taken_in, 2)},
        "import_again": {"beads_per_second": world.rate(ops, again), "seconds": round(again, 2)},
        "export": {"beads_per_second": world.rate(ops, written), "seconds": round(written, 2)},
        "index_anew": {"beads_per_second": world.rate(ops, anew), "seconds": round(anew, 2)},
        "cold": cold,
        "baseline_naive_recursive_ready": naive,
        "ratios": {"naive_to_ready": round(naive["p50_ms"] / ready, 1)},
        "aims": AIMS | {"met": met},
    }


def _aim(verb: str) -> str:
    return "cold_writing_ms" if verb in WRITING else "cold_reading_ms"


def opened(home: Home, ledger: str) -> Tracker:
    return Tracker(wiring.open_ledger(home, ledger), wiring.author(home), "bench", wiring.now_ms, "bench")


def _build_anew(home: Home, ledger: str) -> None:
    """Do what the first verb does after an upgrade, or where the file was lost."""
    for path in home.commons_folder(ledger).glob("index.sqlite*"):
        path.unlink()
    wiring.open_ledger(home, ledger).close()


# -- in process ------------------------------------------------------------------------------------------------


def _in_process(tracker: Tracker, runs: int) -> Figures:
    read, now = tracker.read, wiring.now_ms()
    some = [row.id for row in listing.rows(read, Query(ready=True, limit=3 * runs, now=now))]
    whole = Query(limit=50, now=now)
    made: list[str] = []

    def create(n: int) -> None:
        links = [NewLink("blocks", some[n % len(some)])] if n % 2 else []
        made.extend(tracker.create(NewBead(f"Fresh work {n}", {"description": world.WORDS}, ("new",), links)))

    reading: dict[str, Callable[[int], object]] = {
        "ready": lambda _: listing.rows(read, Query(ready=True, limit=20, now=now)),
        "list": lambda _: listing.rows(read, whole),
        "show": lambda n: read.record(read.view(some[n % len(some)])),
        "search": lambda n: listing.search(read, f"hinge shed{n % 7}", Query(status=("all",), now=now)),
    }
    writing: dict[str, Callable[[int], object]] = {
        "create": create,
        "update": lambda n: tracker.update(made[n], {"priority": n % 5, "notes": f"note {n}"}),
        "close": lambda n: tracker.close([made[n]], "done", force=True),
    }
    return {name: _timed(act, runs) for name, act in (reading | writing).items()}


def _timed(act: Callable[[int], object], runs: int) -> Figures:
    def once(n: int) -> float:
        return world.seconds(lambda: act(n))

    return world.spread(list(map(once, range(runs))))


# -- cold ------------------------------------------------------------------------------------------------------

WRITING = ("bd create", "bd update", "bd close")


def _cold(home: Home, repository: Path, runs: int) -> Figures:
    env = world.environment(home.path) | {"BD_ACTOR": "bench"}
    bead = json.loads(world.run([world.script("bd"), "ready", "--json"], env, repository))[0]["id"]
    commands = {
        "bd ready": ["ready"], "bd list": ["list"], "bd show": ["show", bead], "bd search": ["search", "hinge"],
        "bd blocked": ["blocked"], "bd prime": ["prime"], "bd create": ["create", "One more", "-d", world.WORDS],
        "bd update": ["update", bead, "--append-notes", "x"],
    }  # fmt: skip
    found = {name: world.cold([world.script("bd"), *argv], env, runs, repository) for name, argv in commands.items()}
    closing = [
        world.run([world.script("bd"), "q", f"To close {n}"], env, repository).decode().strip() for n in range(runs)
    ]

    def close(one: str) -> float:
        return world.seconds(lambda: world.run([world.script("bd"), "close", one], env, repository))

    found["bd close"] = world.spread(list(map(close, closing)))
    return found


# -- the ledger ------------------------------------------------------------------------------------------------


def seeded(count: int) -> bytes:
    """Lines of beads: a tenth epics, three tenths features under them, tasks under those, half of them open.

    A fifth has a cross link besides; with those to parents that is one and a half dependencies a bead.
    """
    chance = random.Random(SEED)
    epics, features = max(count // 10, 1), count * 3 // 10
    return b"".join(_line(n, epics, features, count, chance) for n in range(count))


def _line(n: int, epics: int, features: int, count: int, chance: random.Random) -> bytes:
    kind, parent = "epic", None
    if n >= epics + features:
        kind, parent = "task", epics + chance.randrange(max(features, 1))
    elif n >= epics:
        kind, parent = "feature", chance.randrange(epics)
    made, is_open = START_MS + n * 1000, chance.random() < 0.5
    record: dict[str, Any] = {
        "id": _name(n), "title": f"{kind.capitalize()} {n}: {world.WORDS[: 20 + n % 40]}",
        "description": f"{world.WORDS * 3}shed{n % 7}", "status": "open" if is_open else "closed",
        "priority": chance.randrange(5), "issue_type": kind, "created_at": times.text(made), "created_by": "bench",
        "updated_at": times.text(made + 500),
    }  # fmt: skip
    record |= {} if is_open else {"closed_at": times.text(made + 500), "close_reason": "done"}
    record |= {"labels": sorted(chance.sample(("api", "auth", "docs", "ui", "db"), 2))} if n % 3 == 0 else {}
    links = [(parent, "parent-child")] if parent is not None else []
    wanted = 0.6 if n else 0
    while chance.random() < wanted and n:
        links.append((chance.randrange(max(n - 1000, 0), n), "blocks"))
        wanted -= 0.2
    seen = {to: kind for to, kind in links if to != n}
    record |= {"dependencies": [
        {"issue_id": _name(n), "depends_on_id": _name(to), "type": kind, "created_at": record["created_at"],
         "created_by": "bench"} for to, kind in seen.items()]} if seen else {}  # fmt: skip
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _name(n: int) -> str:
    digits = ""
    for _ in range(5):
        n, digit = divmod(n, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return f"bench-{digits}"
