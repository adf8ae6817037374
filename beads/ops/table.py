"""The generic rows of the table; the floors above add theirs."""

from beads.bead import Actor, Bead, Commons
from beads.ops import charter, checkpoint, claim, comment, create, erase, join, label, link, open, profile, trust
from beads.ops import set as set_
from beads.rules import Rules

TYPES = (
    open.TYPE, join.ADMIT, join.JOIN, profile.TYPE, create.TYPE, set_.TYPE, label.TYPE, link.TYPE, comment.TYPE,
    claim.CLAIM, claim.RELEASE, charter.CHARTER, charter.SIGN, checkpoint.TYPE, erase.TYPE,
    trust.TRUST, trust.LINK,
)  # fmt: skip

GENERIC = Rules(
    types={kind.name: kind for kind in TYPES},
    kinds={"bead": Bead, "actor": Actor, "commons": Commons},
)
