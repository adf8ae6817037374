"""legacy: what a table of the reference said, brought in by somebody who signs only for having brought it.

It was unsigned at its source and stays that: nothing in the fold depends on it, and no sheet counts it.
"""

from typing import Any

import msgspec

from beads import fields
from beads.fields import Pairs
from beads.op import Op
from beads.rules import Context, Entity, Live, OpType, Phase, first_problem, one_line

KINDS = ("rig", "wanted", "completion", "stamp", "badge")
CLIENTS = ("wl", "gt")
SOURCE_LENGTH = 80


class Legacy(msgspec.Struct, frozen=True):
    """Payload.

    Attributes:
        source: Which commons of the reference, as its database is called; without an at-sign.
        kind: Of which table the row is.
        id: The row's own.
        client: Whose tables these are: the two clients mean different things by a severity.
        fields: The short values of the row.
        prose: The names of its texts, which the body holds.
    """

    source: str
    kind: str
    id: str
    client: str
    fields: Pairs
    prose: tuple[str, ...]


class Brought(msgspec.Struct, frozen=True):
    """What one importer says of a row."""

    op: str
    client: str
    fields: Pairs
    prose: tuple[str, ...]


class Row:
    """A row while it is folded: what each importer says of it; which row it is follows from the id alone."""

    def __init__(self, entity: str) -> None:
        self.id = entity
        self.said: dict[str, Brought] = {}

    @property
    def exists(self) -> bool:
        """True once somebody has brought it."""
        return bool(self.said)

    def to_json(self, context: Context) -> dict[str, Any]:
        """Return the state as a `wl-json` object."""
        source, kind, row = parts_of(self.id)
        said = [
            [actor, each.op, each.client, [list(pair) for pair in each.fields], list(each.prose)]
            for actor, each in sorted(self.said.items())
        ]
        return {"id": self.id, "source": source, "kind": kind, "row": row, "said": said}


def _problem(payload: Legacy) -> str | None:
    return first_problem(
        (is_source(payload.source), "source must be one line of up to 80 characters without @"),
        (payload.kind in KINDS, f"kind must be one of {', '.join(KINDS)}"),
        (one_line(payload.id, SOURCE_LENGTH), "id must be one line of up to 80 characters"),
        (payload.client in CLIENTS, f"client must be one of {', '.join(CLIENTS)}"),
        (fields.valid(payload.fields), "fields must be sorted and short"),
        (fields.valid_prose(payload.prose), "prose must be sorted names"),
    )


def is_source(text: str) -> bool:
    """Say whether a text can name a commons of the reference; an at-sign parts it from the row in an entity's id."""
    return one_line(text, SOURCE_LENGTH) and "@" not in text


def entity_of(source: str, kind: str, row: str) -> str:
    """Return the id of what is said of a row."""
    return f"{kind}:{row}@{source}"


def parts_of(entity: str) -> tuple[str, str, str]:
    """Return source, kind and row of an id that `entity_of` made."""
    kind, _, rest = entity.partition(":")
    row, _, source = rest.rpartition("@")
    return source, kind, row


def _entity(op: Op, actor: str) -> Entity:
    return Entity("legacy", entity_of(op.payload.source, op.payload.kind, op.payload.id))


def _apply(state: Row, live: Live, payload: Legacy, context: Context) -> str | None:
    state.said[live.actor] = Brought(live.op.id, payload.client, payload.fields, payload.prose)
    return None


TYPE = OpType("legacy", Legacy, _entity, _apply, Phase.CREATE, problem=_problem)
