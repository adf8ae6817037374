"""What the verbs of `bd` share: which ledger, who acts, what is shown. ⚡"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from beads import times
from beads.errors import BadWord, BeadsError, DamagedIndex, NotFound, StoreError
from beads.index import Index
from beads.listing import Row
from beads.reading import PROVIDED, Reader
from node import ledgers, localtime, wiring
from node.cli.common import Output, reader_may_leave, verb
from node.errors import SomeFailed
from node.home import Home, locate
from node.ledgers import Place
from node.localtime import clock
from node.terminal import Shown, shown

if TYPE_CHECKING:
    from beads.jsonl import Order
    from beads.tracker import Tracker

T = TypeVar("T")

BUDGET = 11_000
"""Characters that a list in JSON may take, unless a limit was asked for."""


def who() -> str:
    """Return the name that acts: the agent's, or the user's."""
    for name in ("BEADS_ACTOR", "BD_ACTOR", "GT_AGENT"):
        if os.environ.get(name):
            return os.environ[name]
    return os.environ.get("USER") or os.environ.get("LOGNAME") or wiring.git_user() or "me"


def _agent() -> str | None:
    return next((os.environ[name] for name in ("BEADS_ACTOR", "BD_ACTOR", "GT_AGENT") if os.environ.get(name)), None)


class Desk:
    """A verb's way to the ledger."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.home = Home(locate())

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Open the ledger for reading: its index is enough, and half the start-up time."""
        place = ledgers.require(self.home)
        index: Index = wiring.open_index(self.home, self._present(place))
        try:
            yield self._looking_elsewhere(Reader(index, place.prefix))
        finally:
            index.database.close()

    def _looking_elsewhere(self, reader: Reader) -> Reader:
        """Let a reader look capabilities up in the ledgers that the setting `external_projects` names."""
        said = reader.settings.values.get("external_projects", "")
        projects = dict(pair.strip().split("=", 1) for pair in said.split(",") if "=" in pair)
        if projects:
            reader.has_elsewhere = lambda project, capability: self._provides(projects.get(project, ""), capability)
        return reader

    def _provides(self, ledger: str, capability: str) -> bool:
        known = [one for one in self.home.commons() if ledger and one.startswith(ledger)]
        if len(known) != 1:
            return False
        index = wiring.open_index(self.home, known[0])
        try:
            return bool(index.database.query(PROVIDED, {"capability": capability}))
        finally:
            index.database.close()

    @contextmanager
    def writing(self) -> "Iterator[Tracker]":
        """Open the ledger for writing; the owner's own is made at first use."""
        # Start-up time: verbs that only read do without git.
        from beads.tracker import Tracker  # noqa: PLC0415
        from node.cli.owner import ensure_identity  # noqa: PLC0415

        ensure_identity(self.home, self.output)
        place = ledgers.find(self.home)
        if (place is None or place.folder is None) and ledgers.in_repository():
            self.output.note("No ledger of this repository: this goes to your own. (bd init makes one here.)")
        ledger_id = ledgers.own(self.home) if place is None else self._present(place)
        ledger = wiring.open_ledger(self.home, ledger_id)
        prefix = "bd" if place is None else place.prefix
        tracker = Tracker(ledger, wiring.author(self.home, by=_agent()), who(), wiring.now_ms, prefix)
        self._looking_elsewhere(tracker.read)
        try:
            with reader_may_leave():
                yield tracker
            self._export(tracker, place)
            wiring.tidy(ledger)
        except DamagedIndex as error:
            if tracker.wrote:
                # A verb that meets a broken index is run again (`node.cli.common`), which would write twice.
                raise StoreError(f"it is written, but {error}", "Do not repeat it: look with bd show.") from error
            raise
        finally:
            ledger.close()

    def _present(self, place: Place) -> str:
        if not (self.home.commons_folder(place.ledger) / "repo.git").is_dir():
            peers = f" (it is shared through {', '.join(place.peers)})" if place.peers else ""
            raise NotFound(
                f"the ledger of this repository is not on this machine yet{peers}", "bd init brings it here."
            )
        return place.ledger

    def _export(self, tracker: "Tracker", place: Place | None) -> None:
        if place is not None and place.folder is not None and tracker.read.settings.truth("export.auto"):
            export_file(tracker.read, place.folder / ledgers.ISSUES)

    # -- the bead touched last ---------------------------------------------------------------------------------

    def touched(self, tracker: "Tracker", bead: str) -> None:
        """Remember a bead as the one that this agent touched last."""
        path = self._last(tracker.ledger.commons)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(bead)

    def chosen(self, reader: Reader, given: Sequence[str], complaint: str, *, tell: bool = True) -> list[str]:
        """Return the beads named, or the one touched last.

        Args:
            tell: Say which one that is, where none is named.

        Raises:
            BadWord: There is neither.
        """
        if given:
            return list(given)
        path = self._last(reader.index.commons)
        if not path.is_file():
            raise BadWord(complaint, "Name one: bd list shows them.")
        bead = path.read_text().strip()
        if tell:
            self.output.note(f"Touched last: {reader.name_of(bead)}  {reader.view(bead).texts.get('title', '')}")
        return [bead]

    def _last(self, ledger: str) -> Any:
        # One for each agent: dozens work side by side.
        return self.home.commons_folder(ledger) / "last" / who().encode().hex()[:120]

    # -- answers -----------------------------------------------------------------------------------------------

    def array(
        self, records: Sequence[Mapping[str, Any]], text: str | Sequence[str], following: Sequence[str] = ()
    ) -> None:
        """Answer with a list: one record a line in JSON."""
        if not self.output.json:
            self.output.result({}, text, following)
            return
        lines = [json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in records]
        click.echo("[" + ",\n ".join(lines) + "]")


class Failures:
    """What went wrong with some of the beads that a verb was given: one does not keep the others from theirs."""

    def __init__(self) -> None:
        self._found: dict[str, BeadsError] = {}

    def of_each(self, beads: Iterable[str], act: Callable[[str], T]) -> list[T]:
        """Do something with each bead; return what came of those with which it could be done."""
        done: list[T] = []
        for bead in beads:
            try:
                done.append(act(bead))
            except StoreError:
                # It is the ledger's, and no other bead would fare better.
                raise
            except BeadsError as error:
                self.add(error)
        return done

    def add(self, error: BeadsError) -> None:
        """Take note of an error; what is wrong with several beads in the same words is said once."""
        self._found.setdefault(str(error), error)

    def tell(self) -> None:
        """Raise what went wrong, now that the rest is done and told.

        Raises:
            SomeFailed: Something did, with more than one of them.
            BeadsError: With one.
        """
        found = list(self._found.values())
        if len(found) > 1:
            raise SomeFailed(found)
        if found:
            raise found[0]


def bd_verb(**settings: Any) -> Callable[[Callable[..., None]], click.Command]:
    """Make a function a verb of `bd`: it gets a `Desk` first."""

    def make(function: Callable[..., None]) -> click.Command:
        def run(output: Output, /, *args: Any, actor_: str | None, **kwargs: Any) -> None:
            if actor_ is not None:
                os.environ["BEADS_ACTOR"] = actor_
            function(Desk(output), *args, **kwargs)

        run.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
        run.__doc__, run.__name__ = function.__doc__, function.__name__
        acting = click.option("--actor", "actor_", metavar="NAME", hidden=True, help="Who acts.")
        return verb(**settings)(acting(run))

    return make


def export_file(
    reader: Reader, path: Path, order: "Order | None" = None, status: str | None = None, *, memories: bool = False
) -> int:
    """Write the beads to a file; one that says the same already is not touched. Return how many there are."""
    # Start-up time: few verbs export.
    from beads.exporter import export  # noqa: PLC0415

    before = path.read_bytes() if path.is_file() else None
    raw = export(reader, before, order, status, memories=memories)
    if raw != before:
        wiring.replace_file(path, raw)
    return raw.count(b"\n")


def moment(said: str | None, option: str, *, back: bool = False, whole_day: bool = False) -> int | None:
    """Read an option that is a point of time, if it is given; see `node.localtime.moment`."""
    return None if said is None else localtime.moment(said, option, wiring.now_ms(), back=back, whole_day=whole_day)


def listed(text: Sequence[str]) -> tuple[str, ...]:
    """Split options that may be repeated and may hold commas."""
    return tuple(part.strip() for one in text for part in one.split(",") if part.strip())


def labels_of(text: Sequence[str]) -> tuple[str, ...]:
    """Split labels that are given.

    Raises:
        BadWord: There are none, though some were to be given.
    """
    found = listed(text)
    if text and not found:
        raise BadWord("label cannot be empty")
    return found


def warn_of_parent(desk: Desk, reader: Reader, parent: str) -> None:
    """Warn of a child under what is over."""
    if reader.view(reader.find(parent)).status == "closed":
        desk.output.warn(f"Warning: {parent} is closed; its new child is open.")


def dated(said: object) -> str:
    """Show a record's point of time as people read it; as it stands where it is none."""
    ms = times.instant(said)
    return str(said) if ms is None else clock(ms)


def said_in(comment: Mapping[str, Any]) -> list[str]:
    """Return a comment as lines."""
    return [f"{comment['author']}, {dated(comment['created_at'])}:", *(f"  {x}" for x in comment["text"].splitlines())]


def waits(reader: Reader, bead: str) -> list[dict[str, Any]]:
    """Return what keeps a bead waiting."""
    return [
        {"id": reader.name_of(b.bead), "title": b.title, "status": b.status, "priority": b.priority, "type": b.why}
        for b in reader.blockers(bead, wiring.now_ms())
    ]


def members(one: dict[str, Any], names: str | None) -> dict[str, Any]:
    """Return the members of a record that were asked for: those named, with commas between; else all."""
    return one if names is None else {name: one.get(name) for name in named(names)}


def named(fields: str | None) -> list[str]:
    """Split names with commas between."""
    return [name for part in (fields or "").split(",") if (name := part.strip())]


def age(ms: int) -> str:
    """Show how long ago something was."""
    seconds = max(wiring.now_ms() - ms, 0) // 1000
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return "now"


MARKS = {"open": "○", "in_progress": "◐", "blocked": "●", "deferred": "❄", "closed": "✓", "pinned": "📌", "hooked": "◇"}
_COLOURS = {"◐": "cyan", "◇": "cyan", "●": "red", "❄": "blue", "✓": "green", "P0": "red", "P1": "yellow"}
"""What is coloured, on a terminal: where work is, what is stuck, what is urgent. The rest is as the reader has it."""


def cells(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Return rows of a table for people."""
    return [
        (MARKS.get(row.status, "·"), row.shown, f"P{row.priority}", row.type, row.title, row.assignee or "")
        for row in rows
    ]


def tint(column: int, cell: str) -> str:
    """Colour a cell of such a table."""
    return _tinted(cell) if column in (0, 2) else cell


def marked(status: str, line: str, before: str = "") -> Shown:
    """Put the mark of a status before a line."""
    return Shown(f"{before}{_tinted(MARKS.get(status, '·'))} {shown(line)}")


def _tinted(word: str) -> str:
    colour = _COLOURS.get(word.rstrip())
    return click.style(word, fg=colour) if colour else word
