"""An acceptance check: a command whose success speaks for the work that was handed in.

The poster writes it, so whoever has the work cannot change it. It is a stranger's command to whoever reviews: it runs
in a sandbox or not at all (protocol, section 10).
"""

from collections.abc import Sequence

import msgspec

from beads.rules import first_problem, one_line
from stamps.stamp import MAX_CHECKS, MAX_CHECKS_BYTES, MAX_COMMAND

MAX_REPO = 500
MAX_TIMEOUT_S = 86_400
TIMEOUT_S = 600


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One check, as the terms of an item hold it.

    Attributes:
        command: For a shell, in a checkout of the commit that was handed in; one line.
        repo: Where the work belongs: an address of a git repository; null for the one that the evidence names.
        timeout: Seconds after which it has failed.
    """

    command: str
    repo: str | None
    timeout: int


def problem(check: Check) -> str | None:
    """Say what is wrong with a check of the right shape."""
    return first_problem(
        (one_line(check.command, MAX_COMMAND), f"a check must be one line of up to {MAX_COMMAND} characters"),
        (check.repo is None or one_line(check.repo, MAX_REPO), "a check's repository must be one line"),
        (0 < check.timeout <= MAX_TIMEOUT_S, f"a check's timeout goes from 1 to {MAX_TIMEOUT_S} seconds"),
    )


def together(checks: Sequence[Check]) -> str | None:
    """Say why checks that are right one by one are too many: a stamp must be able to name them all."""
    size = sum(len(text.encode()) for check in checks for text in (check.command, check.repo or ""))
    return first_problem(
        (len(checks) <= MAX_CHECKS, f"there are at most {MAX_CHECKS} checks"),
        (size <= MAX_CHECKS_BYTES, f"checks have at most {MAX_CHECKS_BYTES} bytes together"),
    )
