"""Durable appends: one at a time and in batches, beside git processes that make the same objects."""

import os
from pathlib import Path

from beads.files import write_file
from beads.git_store import GitStore
from beads.ledger import Draft
from bench import _world as world
from bench._world import Figures

BATCH = 100


def measure(ops: int, runs: int) -> Figures:
    with world.folder() as folder:
        author = world.actor()
        ledger = world.ledger_over(GitStore.create(folder / "repo.git", world.founded(author)), folder / "index.sqlite")
        world.write_all(ledger, author, map(world.bead, range(ops)))

        def append(*drafts: Draft) -> float:
            return world.seconds(lambda: ledger.write(author, lambda _: list(drafts)))

        bare = [append(Draft("profile", {"handle": "bench", "links": []})) for _ in range(runs)]
        single = [append(world.bead(n)) for n in range(runs)]
        batches = [append(*map(world.bead, range(BATCH))) for _ in range(max(runs // 10, 3))]
        ledger.close()
        git = _git_appends(folder, max(runs // 4, 10))
        flush = [world.seconds(lambda: write_file(folder / "flushed", b"x" * 500)) for _ in range(runs)]
        per_second = world.rate(BATCH * len(batches), sum(batches))
        return {
            "ledger_before": ops,
            "append_with_body": world.spread(single) | {"per_second": world.rate(len(single), sum(single))},
            "append_without_body": world.spread(bare) | {"per_second": world.rate(len(bare), sum(bare))},
            f"batches_of_{BATCH}": world.spread(batches) | {"operations_per_second": per_second},
            "one_durable_file": world.spread(flush),
            "baseline_git_processes": world.spread(git) | {"per_second": world.rate(len(git), sum(git))},
            "ratios": {
                "single_to_git": round(sum(git) / len(git) / (sum(single) / len(single)), 1),
                "batched_to_git": round(per_second * sum(git) / len(git), 1),
            },
            "aims": {"append_p50_below_ms": 5, "met": world.spread(single)["p50_ms"] < 5},
        }


def _git_appends(folder: Path, runs: int) -> list[float]:
    """Blob, two trees, commit and reference, each by a git process, flushed to the disk like ours."""
    repository = folder / "plain.git"
    who = {f"GIT_{role}_{part}": "bench" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    env = world.environment() | who
    world.run(["git", "init", "-q", "--bare", str(repository)], env)
    git = ["git", f"--git-dir={repository}", "-c", "core.fsync=all"]
    line = os.urandom(270).hex().encode() + b"\n"
    lines: list[bytes] = []
    parent = ""

    def append() -> None:
        nonlocal parent
        lines.append(line)
        blob = _said(world.run([*git, "hash-object", "-w", "--stdin"], env, data=b"".join(lines[-64:])))
        inner = _said(world.run([*git, "mktree"], env, data=f"100644 blob {blob}\t000000.jsonl\n".encode()))
        root = _said(world.run([*git, "mktree"], env, data=f"040000 tree {inner}\t000\n".encode()))
        onto = ["-p", parent] if parent else []
        new = _said(world.run([*git, "commit-tree", root, "-m", "append", *onto], env))
        world.run([*git, "update-ref", "refs/heads/log", new, parent], env)
        parent = new

    return [world.seconds(append) for _ in range(runs)]


def _said(output: bytes) -> str:
    return output.decode().strip()
