"""The whole table: the ledger's generic rows and the board's."""

from beads.ops.table import GENERIC
from beads.rules import Rules
from wanted.ops import home, intent, legacy, opinion, post, stamp

TYPES = (
    post.POST, post.EDIT, intent.CLAIM, intent.RELEASE, intent.SUBMIT, home.GRANT, home.REVOKE, home.ACCEPT,
    home.REJECT, home.CLOSE, home.WITHDRAW, home.HANDOVER, stamp.TYPE,
    opinion.WITHDRAW, opinion.DISPUTE, opinion.ANSWER, legacy.TYPE,
)  # fmt: skip

BOARD = Rules(
    types={**GENERIC.types, **{kind.name: kind for kind in TYPES}},
    kinds={**GENERIC.kinds, "legacy": legacy.Row},
)
