"""Everything a town can refuse, as one small tree.

The message says what happened; the hint says what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence


class TownError(Exception):
    """A town could not do what was asked."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class NotFoundError(TownError):
    """There is no such bead, rig, agent or session."""


class AmbiguousError(TownError):
    """A prefix fits more than one bead."""

    def __init__(self, prefix: str, candidates: Sequence[str]) -> None:
        super().__init__(f"{prefix!r} fits {len(candidates)} beads: {', '.join(candidates)}", "Give more letters.")
        self.candidates = tuple(candidates)


class ConflictError(TownError):
    """Somebody else changed, or holds, what we expected to be ours."""

    def __init__(self, message: str, hint: str = "", *, field: str = "") -> None:
        super().__init__(message, hint)
        self.field = field


class ConfigError(TownError):
    """A configuration file is wrong."""


class LedgerError(TownError):
    """The ledger could not be read or written. Never the same thing as an empty hook."""


class StateError(TownError):
    """A bead's state does not allow this move."""


class RefusedError(TownError):
    """The work is not in a condition to be handed in."""


class SandboxError(TownError):
    """A stranger's command cannot be shut in, so it is not run."""


class RigError(TownError):
    """A rig's repository is not as it must be."""


class GitError(RigError):
    """A git command failed."""


class GateError(TownError):
    """The gates could not be run at all, which says nothing about the candidate."""


class SessionError(TownError):
    """An agent's session could not be started or stopped."""
