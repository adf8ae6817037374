"""A rig's repository: what workers cannot move, and what is never lost. Real git throughout."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.town.support import WHO, commit, git, make_origin, push_to
from town.drivers.git import Git, clean_env
from town.errors import GitError, RigError
from town.layout import RigLayout
from town.rig import Rig, branch_name

BEAD = "ab" * 32


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig.create(RigLayout(tmp_path / "rig"), str(make_origin(tmp_path)), "main")


@pytest.fixture
def tree(rig: Rig) -> Path:
    return rig.prepare_worktree("rust", branch_name("rust", BEAD))


def attempt(cwd: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *args], cwd=cwd, env={**os.environ, **WHO}, capture_output=True, text=True, check=False
    )


def test_a_worktree_begins_at_the_target_on_its_own_branch(rig: Rig, tree: Path) -> None:
    assert git(tree, "symbolic-ref", "--short", "HEAD") == f"polecat/rust/{BEAD[:12]}"
    assert git(tree, "rev-parse", "HEAD") == rig.target_commit()
    assert rig.prepare_worktree("rust", branch_name("rust", BEAD)) == tree


@pytest.mark.parametrize(
    "command",
    [
        ("update-ref", "refs/heads/main", "HEAD"),
        ("branch", "-f", "main", "HEAD"),
        ("push", "origin", "HEAD:main"),
        ("push", "origin", "HEAD:refs/heads/main", "--force"),
        ("fetch", ".", "HEAD:main"),
        ("update-ref", "refs/landed/x", "HEAD"),
        ("update-ref", "-d", "refs/rescue/x/1"),
    ],
    ids=" ".join,
)
def test_a_worker_cannot_move_a_protected_ref_with(command: tuple[str, ...], rig: Rig, tree: Path) -> None:
    rig.keep("refs/rescue/x/1", str(rig.target_commit()))
    commit(tree, "new.txt", "new")
    refused = attempt(tree, *command)
    assert refused.returncode != 0
    assert "protected" in refused.stderr
    assert rig.target_commit() == rig.remote_target() == git(tree, "rev-parse", "HEAD~1")


def test_a_worker_can_move_its_own_branch(tree: Path) -> None:
    commit(tree, "a.txt", "a")
    assert attempt(tree, "commit", "--amend", "-m", "better").returncode == 0
    assert attempt(tree, "rebase", "main").returncode == 0


def test_the_merge_queue_can_move_the_target(rig: Rig, tree: Path) -> None:
    old, new = rig.remote_target(), commit(tree, "new.txt", "new")
    assert rig.push(new, old) is None
    assert rig.fetch() == rig.remote_target() == rig.target_commit() == new


def test_a_push_that_expects_an_older_target_is_refused(tmp_path: Path, rig: Rig, tree: Path) -> None:
    old, new = rig.remote_target(), commit(tree, "new.txt", "new")
    moved = push_to(tmp_path / "origin.git", "other.txt", "other")
    assert rig.push(new, old) is not None
    assert rig.remote_target() == moved


def test_removing_a_worktree_rescues_what_is_nowhere_else(rig: Rig, tree: Path) -> None:
    head = commit(tree, "work.txt", "work")
    (tree / "loose.txt").write_text("loose")
    saved = rig.remove_worktree("rust")
    assert not tree.exists()
    assert rig.rescue_refs()[saved[0]] != head
    assert git(rig.layout.repo, "show", f"{saved[0]}:loose.txt") == "loose"
    assert rig.git.is_ancestor(head, saved[0])


def test_removing_a_worktree_whose_head_has_landed_leaves_nothing_behind(rig: Rig, tree: Path) -> None:
    head = commit(tree, "work.txt", "work")
    rig.keep(f"refs/landed/{BEAD[:12]}", head)
    assert rig.remove_worktree("rust") == ()
    assert rig.git.commit_of(branch_name("rust", BEAD)) is None
    assert rig.git.commit_of(head) == head


def test_switching_to_another_bead_rescues_the_files_of_the_last(rig: Rig, tree: Path) -> None:
    (tree / "loose.txt").write_text("loose")
    rig.prepare_worktree("rust", branch_name("rust", "cd" * 32))
    assert not (tree / "loose.txt").exists()
    (ref,) = rig.rescue_refs()
    assert git(rig.layout.repo, "show", f"{ref}:loose.txt") == "loose"


def test_a_folder_that_is_no_worktree_is_set_aside_not_deleted(rig: Rig) -> None:
    path = rig.layout.polecat("rust")
    path.mkdir(parents=True)
    (path / "precious.txt").write_text("precious")
    rig.prepare_worktree("rust", branch_name("rust", BEAD))
    assert (rig.layout.broken / "rust-1" / "precious.txt").read_text() == "precious"


def test_a_target_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    origin = make_origin(tmp_path)
    with pytest.raises(RigError) as caught:
        Rig.create(RigLayout(tmp_path / "rig"), str(origin), "trunk")
    assert "main" in caught.value.hint
    assert not (tmp_path / "rig" / "repo.git").exists()


def test_an_origin_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="does not appear to be a git repository"):
        Rig.create(RigLayout(tmp_path / "rig"), str(tmp_path / "nowhere"), "main")


def test_the_environment_of_git_holds_no_other_repository() -> None:
    env = clean_env(
        {"GIT_DIR": "/x", "GIT_INDEX_FILE": "/y", "GT_TOKEN": "t", "GIT_SSH_COMMAND": "ssh", "PATH": "/bin"}
    )
    assert env == {"GIT_SSH_COMMAND": "ssh", "PATH": "/bin", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def test_the_owners_hooks_do_not_run_in_a_rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rig: Rig) -> None:
    hooks, settings = tmp_path / "own-hooks", tmp_path / "gitconfig"
    hooks.mkdir()
    (hooks / "post-checkout").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (hooks / "post-checkout").chmod(0o755)
    settings.write_text(f"[core]\n\thooksPath = {hooks}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    rig.prepare_worktree("dust", branch_name("dust", BEAD))
    assert not (tmp_path / "ran").exists()


def test_git_that_takes_too_long_is_an_error(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    with pytest.raises(GitError, match="more than 1 s"):
        Git(tmp_path, timeout=1).run("-c", "alias.nap=!exec sleep 30", "nap")
