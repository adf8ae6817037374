"""One write of a commons: coming in first where that is needed, and how far it has come. ⚡"""

from dataclasses import dataclass
from enum import Enum

from beads.ledger import Author, Ledger, Make
from beads.op import Op
from node import typed
from node.admission import come_in


class Stage(Enum):
    """How far a verb has come with its writing."""

    BEFORE = "before"
    WITHIN = "within"
    AFTER = "after"


@dataclass
class Course:
    """How far one user of a commons has come; whoever is interrupted is told from this."""

    stage: Stage = Stage.BEFORE


def write(ledger: Ledger, author: Author, make: Make, course: Course) -> list[Op]:
    """Sign and write what `make` decides; by invitation one comes in first.

    Raises:
        NotAllowed: Nobody has invited the author, or the key may not write this.
        Usage: What was typed cannot be signed.
    """
    before, course.stage = course.stage, Stage.WITHIN
    try:
        with typed.sayable():
            come_in(ledger, author)
            written = ledger.write(author, make)
    except Exception:
        # Refused; whoever interrupts goes past this.
        course.stage = before
        raise
    course.stage = Stage.AFTER if written else before
    return written
