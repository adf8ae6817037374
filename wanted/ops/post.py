"""wanted.post and wanted.edit: work is offered, and the offer changed while nobody has been granted it."""

from typing import Any

import msgspec

from beads import fields, ids
from beads.op import Op
from beads.rules import Context, Entity, Live, OpType, Phase, first_problem, one_line
from wanted import check
from wanted.item import Item, Terms

EFFORTS = ("trivial", "small", "medium", "large", "epic")
MAX_LIST = 16
MAX_WINNERS = 100


class Post(Terms, frozen=True, kw_only=True):
    """Payload: the terms, where decisions are made, and which texts the body holds.

    Attributes:
        home: The log that decides; null for the posting one.
    """

    home: str | None
    prose: tuple[str, ...]


class Edit(Terms, frozen=True, kw_only=True):
    """Payload: the terms anew, whole, by the item's home."""

    item: str
    epoch: int
    prose: tuple[str, ...]


def terms_problem(terms: Terms) -> str | None:
    """Say what is wrong with terms of the right shape."""
    lists = (terms.skills, terms.dimensions)
    return first_problem(
        (terms.project is None or one_line(terms.project, 80), "project must be one line of up to 80 characters"),
        (terms.effort in EFFORTS, f"effort must be one of {', '.join(EFFORTS)}"),
        (0 <= terms.priority <= 4, "priority goes from 0 (critical) to 4 (backlog)"),
        (all(len(each) <= MAX_LIST for each in lists), f"there are at most {MAX_LIST} skills, and as many dimensions"),
        (all(list(each) == sorted(set(each)) for each in lists), "lists must be sorted"),
        (all(one_line(skill, 40) for skill in terms.skills), "a skill must be one line of up to 40 characters"),
        (
            all(map(ids.is_name, terms.dimensions)),
            "a dimension has small letters, digits and _",
        ),
        (1 <= terms.winners <= MAX_WINNERS, f"winners goes from 1 to {MAX_WINNERS}"),
        (terms.deadline is None or terms.deadline > 0, "a deadline lies after 1970"),
    ) or next(filter(None, (*map(check.problem, terms.checks), check.together(terms.checks))), None)


def problem(payload: Post) -> str | None:
    """Say what is wrong with a post."""
    home_fits = payload.home is None or bool(ids.LOG_ID.fullmatch(payload.home))
    return terms_problem(payload) or first_problem(
        (home_fits, "home is not a log id"), (fields.valid_prose(payload.prose), "prose must be sorted names")
    )


def edit_problem(payload: Edit) -> str | None:
    """Say what is wrong with an edit."""
    return terms_problem(payload) or first_problem(
        (bool(ids.HEX64.fullmatch(payload.item)), "item is not an operation id"),
        (fields.valid_prose(payload.prose), "prose must be sorted names"),
    )


def terms_of(payload: Terms) -> Terms:
    """Return just the terms of a payload that holds more."""
    return Terms(**{name: getattr(payload, name) for name in Terms.__struct_fields__})


def entity(op: Op, actor: str) -> Entity:
    """An item is a bead named after its post."""
    return Entity("bead", op.id)


def apply(bead: Any, live: Live, payload: Post, context: Context) -> str | None:
    """Begin the item."""
    bead.begin(live, "wanted")
    bead.write(live, (), payload.prose)
    bead.facet = Item(bead.id, live.actor, payload.home or live.op.log, terms_of(payload))
    return None


def item_entity(op: Op, actor: str) -> Entity:
    """Operations on an item belong to it."""
    return Entity("bead", op.payload.item)


def named(payload: Any) -> tuple[str, ...]:
    """The item."""
    return (payload.item,)


def by_epoch(live: Live) -> tuple[int | str, ...]:
    """Order home operations by the home's own order, never by time (F1)."""
    return (live.op.payload.epoch, live.op.seq, live.op.log)


def apply_edit(bead: Any, live: Live, payload: Edit, context: Context) -> str | None:
    """Replace the terms, if the home says so and nobody was granted the item."""
    item: Item | None = bead.facet
    if item is None:
        return "item.none"
    broken = item.not_home(live, payload.epoch, context.governance) or item.move("wanted.edit")
    if broken is None:
        item.terms = terms_of(payload)
        bead.write(live, (), payload.prose)
    return broken


POST = OpType("wanted.post", Post, entity, apply, Phase.CREATE, problem=problem, agent=True)
EDIT = OpType(
    "wanted.edit", Edit, item_entity, apply_edit, Phase.HOME, order=by_epoch, problem=edit_problem, names=named
)


def terms_payload(terms: Terms) -> dict[str, Any]:
    """Return terms as the JSON of a payload."""
    payload: dict[str, Any] = msgspec.to_builtins(terms)
    return payload
