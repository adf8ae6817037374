"""profile: how an actor wants to be called; the latest by (hlc, log, seq) stands."""

from typing import Any

import msgspec

from beads.ops.open import entity
from beads.rules import Context, Live, OpType, Phase, first_problem, one_line

HANDLE_LENGTH = 40
MAX_LINKS = 8


class Profile(msgspec.Struct, frozen=True):
    """Payload.

    Attributes:
        handle: One line; not unique, a name and never an identity.
        links: Addresses elsewhere, one line each.
    """

    handle: str
    links: tuple[str, ...]


def problem(payload: Profile) -> str | None:
    """Say what is wrong with the texts."""
    return first_problem(
        (one_line(payload.handle, HANDLE_LENGTH), "handle must be one line of up to 40 characters"),
        (len(payload.links) <= MAX_LINKS, "too many links"),
        (all(one_line(link) for link in payload.links), "a link must be one line of up to 200 characters"),
    )


def apply(state: Any, live: Live, payload: Profile, context: Context) -> str | None:
    """Take over: operations come in order, so the last one stands."""
    state.handle, state.links = payload.handle, payload.links
    return None


TYPE = OpType("profile", Profile, entity, apply, Phase.FIELD, problem=problem)
