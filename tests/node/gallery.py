"""A small world to look at: a dozen people, two commons, sixty stamps over a year and a half.

One stamp is disputed, one disputed and answered, one was taken back, and somebody is new. Times and names are the same
each time; `python -m tests.node.looks` takes pictures of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from unittest.mock import patch

from beads.ledger import Author
from node import checked, founding, wiring
from node.commons import Commons
from node.home import Home
from stamps.stamp import CheckRun
from tests.world import TERMS, Clock, actor
from wanted.board import Judgement

DAY = 86_400_000
NOW = 1_790_000_000_000
BEGAN = NOW - 540 * DAY
PEOPLE = ("mira", "tomas", "wanjiru", "yuki", "oleg", "priya", "sam", "lucia", "henrik", "fatou", "newcomer")
STAR = actor("mira").actor
WORK = (
    ("Paint the harbour shed", "leaf", ("painting",)), ("Oil the crane", "leaf", ("mechanics",)),
    ("Map the tide gauges", "branch", ("maps", "python")), ("Rebuild the sluice", "root", ("mechanics", "welding")),
    ("Translate the handbook", "branch", ("writing",)), ("Mend the radio mast", "root", ("electronics", "welding")),
    ("Sort the seed library", "leaf", ("gardening",)), ("Write the ferry timetable", "leaf", ("python",)),
    ("Survey the north field", "branch", ("maps",)), ("Teach the welding course", "root", ("teaching", "welding")),
)  # fmt: skip
RUNS = tuple(
    CheckRun(command=command, commit="5f1e3c0d" * 5, exit=code, seconds=seconds, output="0" * 64)
    for command, code, seconds in (("make test", 0, 41), ("make lint", 0, 3), ("scripts/measure --quick", 1, 12))
)


@contextmanager
def clock_at(ms: int) -> Iterator[Clock]:
    """Have this process live at another time."""
    clock = Clock(ms)
    with patch.object(wiring, "now_ms", clock):
        yield clock


@dataclass
class World:
    """The home that looks, and the two commons."""

    home: Home
    harbour: str
    fields: str
    clock: Clock

    def done(
        self, day: int, poster: Author | None, worker: Author, work: int, scores: dict[str, int], sure: int
    ) -> str:
        """Have a piece of work posted, done and stamped on a day; return the item."""
        self.clock.ms = max(self.clock.ms, BEGAN + day * DAY)
        title, severity, skills = WORK[work % len(WORK)]
        where = self.harbour if work % 3 else self.fields
        with Commons(self.home, where, poster) as mine, Commons(self.home, where, worker) as theirs:
            item = mine.post(title, "", TERMS).id
            theirs.claim(item)
            mine.settle()
            (submission,) = theirs.submit(item, [], "Done.").submissions
            if work % 4 == 0:
                # What a review leaves behind.
                checked.keep(self.home, submission, RUNS[: 1 + work % 3], ())
            mine.accept(item, None, Judgement(title, scores, sure, severity, skills, ""))
        return item


def empty(home: Home) -> str:
    """Make a home with a commons in which nothing has happened yet; return the commons."""
    with clock_at(NOW):
        home.make_identity()
        commons = founding.create(home, "Quiet Commons", admission="open", validators="poster", dimensions=())
        with Commons(home, commons) as mine:
            mine.profile("ann")
    return commons


def build(home: Home, stamps: int = 60) -> World:
    """Make the world in a home that has nothing yet."""
    with clock_at(BEGAN) as clock:
        home.make_identity()
        more = ("communication", "care")
        names = ("Harbour Works", "Open Fields")
        harbour, fields = (
            founding.create(home, name, admission="open", validators="poster", dimensions=more) for name in names
        )
        world = World(home, harbour, fields, clock)
        _say_names(world)
        _work(world, stamps)
        _trouble(world)
    return world


def _say_names(world: World) -> None:
    for commons in (world.harbour, world.fields):
        with Commons(world.home, commons) as mine:
            mine.profile("ann")
        for name in PEOPLE:
            with Commons(world.home, commons, actor(name)) as theirs:
                theirs.profile(name)


def _work(world: World, stamps: int) -> None:
    chance = Random(7)
    people = [actor(name) for name in PEOPLE[:-1]]
    for n in range(stamps):
        worker = people[0] if n % 3 == 0 else chance.choice(people[:8])
        poster = chance.choice([None] * 5 + [each for each in people if each is not worker])
        good = 4 if worker is people[0] else chance.choice((2, 3, 4))
        dims = ("quality", "reliability", "creativity", "communication", "care")
        scores = {
            name: min(5, max(1, good + chance.choice((-1, 0, 0, 1, 1)))) for name in dims[: chance.choice((2, 4, 5, 5))]
        }
        world.done(n * 530 // stamps, poster, worker, n, scores, chance.choice((70, 80, 90, 100)))


def _trouble(world: World) -> None:
    mira, oleg = actor("mira"), actor("oleg")
    low = {"quality": 2, "reliability": 2}
    disputed = world.done(532, actor("tomas"), mira, 5, low, 60)
    answered = world.done(533, actor("wanjiru"), mira, 1, {"quality": 3, "care": 3}, 80)
    gone = world.done(534, actor("yuki"), mira, 2, {"quality": 1}, 90)
    for item in (disputed, answered):
        with Commons(world.home, world.harbour, mira) as hers:
            hers.dispute(item, None, "The sluice was flooded that week.")
    with Commons(world.home, world.harbour, actor("wanjiru")) as theirs:
        theirs.answer(answered, None, "It was; the score is for what came after.")
    with Commons(world.home, world.harbour, actor("yuki")) as theirs:
        theirs.unstamp(gone, None, "That was another crane.")
    with Commons(world.home, world.harbour, mira) as hers:
        hers.trust(oleg.actor, 50)
    world.clock.ms = NOW
