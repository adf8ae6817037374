"""What the town asks of its private ledger.

Rules every implementation keeps (`tests/town/ledger_contract.py` checks them):

1. `update` is atomic: every `expect` holds at the moment all `changes` are made, or nothing is changed.
2. A field that was never set reads as None, and setting None unsets it.
3. A ledger that cannot be read raises `LedgerError`; it never answers with fewer beads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol

FieldValue = str | int | bool | None
NO_FIELDS: Final[Mapping[str, FieldValue]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class WorkBead:
    """One bead as the town reads it.

    Attributes:
        id: 64 hexadecimal letters.
        short: a prefix for people's eyes.
        fields: metadata; names match `[a-z][a-z0-9_]*`.
        created_ms: milliseconds since 1970, UTC.
        updated_ms: milliseconds since 1970, UTC.
    """

    id: str
    short: str
    title: str
    description: str = ""
    type: str = "task"
    status: str = "open"
    assignee: str | None = None
    priority: int = 2
    labels: frozenset[str] = frozenset()
    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    created_ms: int = 0
    updated_ms: int = 0


class WorkLedger(Protocol):
    """The durable truth of a town."""

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

    def update(self, bead_id: str, *, expect: Mapping[str, FieldValue] = NO_FIELDS, **changes: FieldValue) -> WorkBead:
        """Change status, assignee or any field, if every expectation holds.

        Raises:
            ConflictError: a current value differs from the expected one; names the field.
            NotFoundError: there is no such bead.
        """

    def comment(self, bead_id: str, text: str, author: str) -> None:
        """Add a comment to a bead."""

    def get(self, bead_id: str) -> WorkBead:
        """Find one bead by its id or a unique prefix of it.

        Raises:
            NotFoundError: nothing begins so.
            AmbiguousError: more than one does; lists them.
        """

    def list(self, *, status: str | None = None, type: str | None = None, **fields: FieldValue) -> Sequence[WorkBead]:
        """Find the beads with this status, type and these field values, oldest first."""
