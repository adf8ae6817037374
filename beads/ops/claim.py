"""bead.claim and bead.release: who works on a bead of a private ledger.

The earliest claim by (hlc, log) since the last release holds; a later one is ignored and reported, the same on
every clone, so that whoever lost learns of it. A lease that has run out at the time of a claim is no hold.
"""

from typing import Any

import msgspec

from beads import ids
from beads.ops.set import entity, named
from beads.rules import Context, Live, OpType, Phase, first_problem, one_line

WHO_LENGTH = 120


class Claim(msgspec.Struct, frozen=True):
    """Payload; by the holder itself it renews the lease.

    Attributes:
        who: The name that becomes the assignee.
        until: End of the lease, milliseconds; without one it holds until it is released.
    """

    bead: str
    who: str
    until: int | None = None


class Release(msgspec.Struct, frozen=True):
    """Payload.

    Attributes:
        fence: The hold that ends; a later one stays.
    """

    bead: str
    fence: int


def problem(payload: Claim) -> str | None:
    """Say what is wrong with a payload of the right shape."""
    return first_problem(
        (bool(ids.HEX64.fullmatch(payload.bead)), "bead is not an operation id"),
        (one_line(payload.who, WHO_LENGTH), "who must be one line of up to 120 characters"),
        (payload.until is None or payload.until > 0, "until"),
    )


def take(bead: Any, live: Live, payload: Claim, context: Context) -> str | None:
    """Hold the bead, if nobody else does."""
    if not context.genesis.private:
        return "bead.private"
    broken: str | None = bead.take(live, payload.who, payload.until)
    return broken


def release(bead: Any, live: Live, payload: Release, context: Context) -> str | None:
    """Let the bead go; the owner's agents may end each other's holds."""
    if not context.genesis.private:
        return "bead.private"
    broken: str | None = bead.release(live, payload.fence)
    return broken


def _problem(payload: Release) -> str | None:
    return None if ids.HEX64.fullmatch(payload.bead) else "bead is not an operation id"


CLAIM = OpType("bead.claim", Claim, entity, take, Phase.FIELD, problem=problem, names=named, private_agent=True)
RELEASE = OpType(
    "bead.release", Release, entity, release, Phase.FIELD, problem=_problem, names=named, private_agent=True
)
