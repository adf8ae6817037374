"""A work ledger in memory: for tests, examples and trying things out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import RLock
from types import MappingProxyType
from typing import Final

from town.errors import AmbiguousError, ConflictError, NotFoundError, TownError
from town.ledger import NO_FIELDS, FieldValue, WorkBead

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_SHORT: Final = 8


class MemoryLedger:
    """Keeps beads in a dictionary; safe to share between threads."""

    def __init__(self, clock: Callable[[], int], beads: Sequence[WorkBead] = ()) -> None:
        """Start with these beads.

        Args:
            clock: milliseconds since 1970, UTC.
            beads: what the ledger already holds.
        """
        self._clock = clock
        self._lock = RLock()
        self._beads = {bead.id: bead for bead in beads}
        self._comments: list[tuple[str, str, str]] = []

    def create(
        self,
        title: str,
        description: str = "",
        *,
        type: str = "task",
        priority: int = 2,
        fields: Mapping[str, FieldValue] = NO_FIELDS,
    ) -> WorkBead:
        """Make an open bead."""
        with self._lock:
            now = self._clock()
            bead_id = hashlib.sha256(f"{len(self._beads)}\0{title}\0{now}".encode()).hexdigest()
            bead = WorkBead(bead_id, bead_id[:_SHORT], title, description, type, priority=priority,
                            fields=_merged(NO_FIELDS, fields), created_ms=now, updated_ms=now)  # fmt: skip
            self._beads[bead_id] = bead
            return bead

    def update(self, bead_id: str, *, expect: Mapping[str, FieldValue] = NO_FIELDS, **changes: FieldValue) -> WorkBead:
        """Change status, assignee or any field, if every expectation holds."""
        with self._lock:
            bead = self.get(bead_id)
            _require(bead, expect)
            changed = replace(_changed(bead, changes), updated_ms=self._clock())
            self._beads[bead.id] = changed
            return changed

    def comment(self, bead_id: str, text: str, author: str) -> None:
        """Add a comment to a bead."""
        with self._lock:
            self._comments.append((self.get(bead_id).id, author, text))

    def comments(self, bead_id: str) -> tuple[str, ...]:
        """Read back a bead's comments, each as `author: text`."""
        with self._lock:
            return tuple(f"{author}: {text}" for bead, author, text in self._comments if bead == bead_id)

    def get(self, bead_id: str) -> WorkBead:
        """Find one bead by its id or a unique prefix of it."""
        with self._lock:
            found = sorted(known for known in self._beads if bead_id and known.startswith(bead_id))
            if not found:
                raise NotFoundError(f"There is no bead {bead_id!r}.")
            if len(found) > 1:
                raise AmbiguousError(bead_id, found)
            return self._beads[found[0]]

    def list(self, *, status: str | None = None, type: str | None = None, **fields: FieldValue) -> Sequence[WorkBead]:
        """Find the beads with this status, type and these field values, oldest first."""
        with self._lock:
            return tuple(
                bead
                for bead in self._beads.values()
                if status in (None, bead.status)
                and type in (None, bead.type)
                and all(_value(bead, name) == value for name, value in fields.items())
            )


def _value(bead: WorkBead, name: str) -> FieldValue:
    if name == "status":
        return bead.status
    return bead.assignee if name == "assignee" else bead.fields.get(name)


def _require(bead: WorkBead, expect: Mapping[str, FieldValue]) -> None:
    for name, wanted in expect.items():
        actual = _value(bead, name)
        if actual != wanted:
            raise ConflictError(
                f"Bead {bead.short}: {name} is {actual!r}, not {wanted!r}.", "Read it again.", field=name
            )


def _changed(bead: WorkBead, changes: Mapping[str, FieldValue]) -> WorkBead:
    status, assignee = changes.get("status", bead.status), changes.get("assignee", bead.assignee)
    rest = {name: value for name, value in changes.items() if name not in ("status", "assignee")}
    return replace(
        bead,
        status=str(status),
        assignee=None if assignee is None else str(assignee),
        fields=_merged(bead.fields, rest),
    )


def _merged(fields: Mapping[str, FieldValue], changes: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
    for name in changes:
        if not _NAME.fullmatch(name):
            raise TownError(f"{name!r} is not a field name.", "Use lower-case letters, digits and _.")
    both = {**fields, **changes}
    return MappingProxyType({name: value for name, value in both.items() if value is not None})
