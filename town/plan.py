"""The supervisor's mind: an observation in, actions out. Pure, and empty when there is nothing to do.

The rules:

1. GUPP: a hook with work and no session gets a session, at most `max_polecats` at a time, urgent work first.
2. A slot (rig and polecat) has at most one session. A session whose bead has left its hook is stopped.
3. A session that ended without `done` is started again, each time after twice as long; too often is a crash loop,
   and a person is asked.
4. A rig's queue does one thing at a time: finish what was pushed, put back what was cut short, then merge.
5. A worktree goes when nothing unfinished belongs to its polecat, and never before.
6. What failed is left alone for a while; what keeps failing goes to a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from town.action import (
    Action,
    ConfirmLanded,
    CreateWorktree,
    Enqueue,
    MarkNeedsHuman,
    MergeBatch,
    RemoveWorktree,
    Requeue,
    Rework,
    StartSession,
    StopSession,
    Wait,
    key,
)
from town.lifecycle import NO_COMMIT_KINDS, ON_HOOK, State, Work
from town.merge_queue import Entry, next_batch
from town.observation import Crash, Observation, RigView, SessionView, Slot

_AFTER_DONE = frozenset({State.SUBMITTED, State.QUEUED, State.TESTING, State.MERGED, State.LANDED, State.REJECTED})


def plan(seen: Observation) -> tuple[Action, ...]:
    """Decide what to do now. At most one `Wait`, the earliest, comes last."""
    wishes = [*_sessions(seen), *_hooks(seen), *_queues(seen), *_worktrees(seen)]
    patient = [_patiently(seen, wish) for wish in wishes]
    waits = [action for action in patient if isinstance(action, Wait)]
    actions = [action for action in patient if not isinstance(action, Wait)]
    return (*dict.fromkeys(actions), *sorted(waits, key=lambda wait: wait.until_ms)[:1])


def _patiently(seen: Observation, wish: Action) -> Action:
    """Replace what failed of late by waiting, and what fails for ever by asking a person."""
    failure = seen.failures.get(key(wish))
    if failure is None or isinstance(wish, Wait | MarkNeedsHuman):
        return wish
    if failure.count >= seen.numbers.failure_limit and isinstance(wish, CreateWorktree | StartSession | Enqueue):
        return MarkNeedsHuman(wish.bead, f"failed {failure.count} times: {failure.error}")
    if failure.until_ms > seen.now_ms:
        return Wait(failure.until_ms, f"failed, to be tried again: {failure.error}")
    return wish


# Sessions


def _sessions(seen: Observation) -> Iterator[Action]:
    work = {item.id: item for item in seen.work}
    for session in seen.sessions:
        yield from _judge_session(seen, session, work.get(session.bead))


def _judge_session(seen: Observation, session: SessionView, item: Work | None) -> Iterator[Action]:
    if item is not None and item.state in _AFTER_DONE and item.fence == session.fence:
        limit, why = item.submitted_ms + seen.numbers.done_grace * 1000, "its work is handed in"
    elif item is None or item.state not in ON_HOOK or (item.rig, item.polecat) != session.slot:
        limit, why = seen.now_ms, "its bead is no longer on this hook"
    elif item.fence != session.fence or item.state is not State.WORKING:
        limit, why = seen.now_ms, "a later session holds its bead"
    elif item.rig not in seen.rigs:
        return  # its rig cannot be read at this moment, which is no fault of the session
    else:
        limit, why = session.started_ms + seen.rigs[item.rig].session_timeout_ms, "it ran out of time"
    yield StopSession(session.id, why) if limit <= seen.now_ms else Wait(limit, f"session: {why}")


def _hooks(seen: Observation) -> Iterator[Action]:
    taken = {session.slot for session in seen.sessions}
    places = seen.max_polecats - len(seen.sessions)
    for item in _fronts(seen.work):
        if (item.rig, item.polecat) in taken or item.rig not in seen.rigs:
            continue
        wish = _propel(seen, item)
        if isinstance(wish, StartSession | CreateWorktree):
            places -= 1
            if places < 0:
                continue
        yield wish


def _fronts(work: Iterable[Work]) -> list[Work]:
    """List the bead each polecat should be at, the most urgent first."""
    hooked = sorted((item for item in work if item.state in ON_HOOK), key=_urgency)
    fronts: dict[Slot, Work] = {}
    for item in hooked:
        fronts.setdefault((item.rig, item.polecat), item)
    return list(fronts.values())


def _urgency(item: Work) -> tuple[bool, int, int, str]:
    # What was begun is finished first, whatever has come in since.
    return item.state is not State.WORKING, item.priority, item.created_ms, item.id


def _propel(seen: Observation, item: Work) -> Action:
    crashes = [crash for crash in seen.crashes if crash.bead == item.id and _is_recent(seen, crash)]
    if len(crashes) >= seen.numbers.crash_limit:
        return MarkNeedsHuman(item.id, f"crash loop: {len(crashes)} sessions ended without done")
    until = _backoff_end(seen, crashes)
    if until > seen.now_ms:
        return Wait(until, f"back-off after {len(crashes)} sessions that ended without done")
    if (item.rig, item.polecat) not in seen.worktrees:
        return CreateWorktree(item.rig, item.polecat, item.id, "work on the hook and no worktree")
    why = "it ended without done; its work is kept" if crashes else "work on the hook and no session"
    return StartSession(item.rig, item.polecat, item.id, why)


def _is_recent(seen: Observation, crash: Crash) -> bool:
    return crash.ended_ms > seen.now_ms - seen.numbers.crash_window * 1000


def _backoff_end(seen: Observation, crashes: list[Crash]) -> int:
    if not crashes:
        return 0
    numbers = seen.numbers
    pause = min(numbers.restart_backoff << (len(crashes) - 1), numbers.restart_backoff_max)
    return max(crash.ended_ms for crash in crashes) + pause * 1000


# The merge queue


def _queues(seen: Observation) -> Iterator[Action]:
    for item in seen.work:
        yield from _hand_over(seen, item)
    for rig in seen.rigs.values():
        if not rig.busy:
            yield from _run_queue(seen, rig)


def _hand_over(seen: Observation, item: Work) -> Iterator[Action]:
    """Take a bead from the worker to the queue, and from the queue back to the worker."""
    rig = seen.rigs.get(item.rig)
    if item.state is State.SUBMITTED and item.kind in NO_COMMIT_KINDS and not item.head:
        yield MarkNeedsHuman(item.id, f"a {item.kind} was handed in: read it and close the bead")
    elif item.state is State.SUBMITTED:
        yield Enqueue(item.id, "handed in")
    elif item.state is State.REJECTED and rig is not None and item.attempts < rig.max_attempts:
        yield Rework(item.id, f"attempt {item.attempts} of {rig.max_attempts} was rejected: {item.reason}")
    elif item.state is State.REJECTED and rig is not None:
        yield MarkNeedsHuman(item.id, f"rejected {item.attempts} times, last: {item.reason}")


def _run_queue(seen: Observation, rig: RigView) -> Iterator[Action]:
    mine = [item for item in seen.work if item.rig == rig.name]
    pushed = tuple(sorted(item.id for item in mine if item.state is State.MERGED))
    stranded = [item for item in mine if item.state is State.TESTING]
    if pushed:
        yield ConfirmLanded(rig.name, pushed, "pushed and not yet read back")
    elif stranded:
        yield from (Requeue(item.id, "a merge was cut short") for item in stranded)
    else:
        yield from _merge(seen, rig, [item for item in mine if item.state is State.QUEUED])


def _merge(seen: Observation, rig: RigView, queued: list[Work]) -> Iterator[Action]:
    hold = rig.hold if rig.hold is not None and rig.hold.until_ms > seen.now_ms else None
    # Under a hold only what is new is tried: it may be what mends the target.
    fresh = [item for item in queued if hold is None or item.head not in hold.heads]
    batch = next_batch([_entry(item) for item in fresh], seen.now_ms)
    if batch:
        yield MergeBatch(rig.name, batch, f"{len(batch)} of {len(queued)} in the queue")
    elif queued and hold is not None:
        yield Wait(hold.until_ms, f"the queue of {rig.name} is held: {hold.reason}")


def _entry(item: Work) -> Entry:
    return Entry(item.id, item.priority, item.submitted_ms)


# Worktrees


def _worktrees(seen: Observation) -> Iterator[Action]:
    needed = {(item.rig, item.polecat) for item in seen.work} | {session.slot for session in seen.sessions}
    for rig, polecat in sorted(seen.worktrees - needed):
        yield RemoveWorktree(rig, polecat, "nothing unfinished belongs to it")
