"""The numbers of the protocol (docs/protocol.md, Limits). Sizes are bytes."""

from typing import NamedTuple

SEGMENT = 64
"""Operations in a closed segment."""
LINE = 16 * 1024
"""An operation line with its signature and LF."""
BODY = 256 * 1024
NAMED_OPERATIONS = 16
SET_REMOVALS = 64
CHECKPOINT_HEADS = 120
DELEGATES = 64
NO_POSITION = 1 << 53
"""A position that no log reaches."""
HLC_MS = 1 << 47
HLC_COUNTER = 1 << 16
FUTURE_SKEW_MS = 10 * 60 * 1000
KEY_LOG_ENTRY = 16 * 1024
FETCH_OBJECTS = 50_000
FETCH_BYTES = 256 * 1024 * 1024
OBJECT = 1024 * 1024
FOUNDING_OBJECT = 5 * 1024 * 1024
"""Genesis and key logs come first and may be larger."""
REFS = 50_000
"""References one peer may advertise; the rest is refused."""
FORK_BRANCHES = 2
BUNDLE_OBJECTS = 1_000_000
BUNDLE_BYTES = 4 * 1024 * 1024 * 1024
UNCOVERED_LINES = 50
"""Lines a day that a log may be given by strangers before a delegate's checkpoint covers them."""
UNCOVERED_LINES_ADMITTED = 5_000
NEW_LOGS = 200
"""Logs a day that strangers may begin before a checkpoint covers them."""
UNCOVERED_BYTES = 256 * 1024 * 1024
"""Lines of a commons that no checkpoint covers, however they came."""


class Patience(NamedTuple):
    """How long a peer may take.

    Attributes:
        connect_s: Seconds to connect, and between two bytes.
        total_s: Seconds for a whole request.
    """

    connect_s: float = 10.0
    total_s: float = 300.0


PATIENCE = Patience()
