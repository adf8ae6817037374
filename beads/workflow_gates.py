"""Gates in a ledger: made, looked at, opened. What is outside of the ledger is told by whoever asks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from beads import gate, times
from beads.errors import BadWord, Refused
from beads.formula import nearest
from beads.gate import AWAIT_TYPES, Facts, Mail, Standing, Verdict
from beads.ledger import Draft
from beads.nursery import NewBead, NewLink
from beads.reading import Reader
from beads.record import BeadView
from beads.tracker import NOTHING, Tracker
from beads.vocabulary import BLOCKS, CLOSED, TOMBSTONE

RUN, PULL = "gh:run", "gh:pr"
_NEEDS_ID: Mapping[str, str] = {
    "bead": "the bead that must be closed", "mail": "from:NAME, to:NAME or both", "command": "the command",
    RUN: "the run", PULL: "the pull request",
}  # fmt: skip
_GATES = f"""SELECT entity FROM beads WHERE type = 'gate' AND template = 0 AND status <> '{TOMBSTONE}'
             AND (free > 0 OR :all) ORDER BY created, entity"""
_STATUS = "SELECT status FROM beads WHERE shown = :name OR entity = :name"
_MAILS = f"""SELECT COALESCE(s.value, c.value, ''), COALESCE(b.assignee, ''), b.created FROM beads b
             LEFT JOIN fields s ON s.entity = b.entity AND s.name = 'sender'
             LEFT JOIN fields c ON c.entity = b.entity AND c.name = 'created_by'
             WHERE b.type = 'message' AND b.status <> '{TOMBSTONE}'"""
_HELD = """SELECT l.entity FROM links l JOIN beads b ON b.entity = l.entity
           WHERE l.bead = :gate AND l.kind IN ('blocks', 'conditional-blocks') AND b.free > 0 ORDER BY b.shown"""


class GateView(NamedTuple):
    """A gate as it stands.

    Attributes:
        gate: What it waits for.
        verdict: Whether it still holds anything back.
        closed: Its bead is closed.
        waiters: Who wants to hear of it.
    """

    id: str
    title: str
    gate: gate.Gate
    verdict: Verdict
    closed: bool
    waiters: tuple[str, ...]


def gates(reader: Reader, *, every: bool = False) -> list[str]:
    """Return the gates that are not closed, or all, the oldest first."""
    return [row[0] for row in reader.rows(_GATES, {"all": int(every)})]


def held(reader: Reader, bead: str) -> list[str]:
    """Return what waits for a gate and is not over."""
    return [row[0] for row in reader.rows(_HELD, {"gate": bead})]


def look(
    reader: Reader, bead: str, now_ms: int, codes: Mapping[str, int] = NOTHING, outcomes: Mapping[str, str] = NOTHING
) -> GateView:
    """Say how a gate stands.

    Args:
        codes: Gate → what its command ended with.
        outcomes: Gate → what the host says of its run or pull request.

    Raises:
        BadWord: The bead is no gate.
    """
    view = reader.view(bead)
    record = reader.record(view)
    if view.type != "gate":
        raise BadWord(f"{record['id']} is no gate but a {view.type}", "bd gate list")
    one = _gate(view, record)
    facts = Facts(
        now_ms, view.status == CLOSED, _statuses(reader, one), _mails(reader, one), codes.get(bead),
        outcomes.get(bead, ""),
    )  # fmt: skip
    said = record.get("waiters")
    waiters = tuple(map(str, said)) if isinstance(said, list) else ()
    verdict = gate.evaluate(one, facts)
    if facts.closed:
        verdict = verdict._replace(reason=record.get("close_reason") or verdict.reason)
    return GateView(bead, record["title"], one, verdict, facts.closed, waiters)


def _gate(view: BeadView, record: Mapping[str, Any]) -> gate.Gate:
    timeout = record.get("timeout")
    await_type, await_id = (str(record.get(name) or "") for name in ("await_type", "await_id"))
    return gate.Gate(await_type or "human", view.created_ms, await_id, timeout if isinstance(timeout, int) else 0)


def _statuses(reader: Reader, one: gate.Gate) -> dict[str, str]:
    # The whole id only: the gate must not open because part of it fits another bead.
    rows = reader.rows(_STATUS, {"name": one.await_id}) if one.await_type == "bead" else []
    return {one.await_id: rows[0][0]} if rows else {}


def _mails(reader: Reader, one: gate.Gate) -> Sequence[Mail]:
    return [Mail(*row) for row in reader.rows(_MAILS)] if one.await_type == "mail" else ()


class Gates:
    """Makes and opens gates."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._read = tracker.read

    def create(
        self, await_type: str = "human", *, blocks: Sequence[str] = (), await_id: str = "", timeout: str = "",
        title: str = "", reason: str = "", parent: str | None = None, waiters: Sequence[str] = (),
    ) -> str:  # fmt: skip
        """Make a gate that holds beads back until it opens.

        Args:
            await_id: What is waited for, in the words of the type.
            timeout: Such as 30m: when a timer opens; when any other wait calls for a person.

        Raises:
            BadWord: The type is not known, or lacks what it waits for.
        """
        timeout_ns = _checked(await_type, await_id, timeout)
        held_back = [self._read.find(bead) for bead in blocks]
        if await_type == "bead":
            await_id = self._awaited(await_id, held_back)
        said = {
            "issue_type": "gate", "await_type": await_type, "await_id": await_id, "timeout": timeout_ns,
            "description": reason, "waiters": list(waiters),
        }  # fmt: skip
        words = " ".join(filter(None, (await_type, await_id, timeout)))
        links = [NewLink(BLOCKS, bead, inverse=True) for bead in held_back]
        members = {name: value for name, value in said.items() if value}
        new = NewBead(title or _line(reason or words), members, links=links, parent=parent)
        return self._tracker.create(new)[0]

    def _awaited(self, await_id: str, held_back: Sequence[str]) -> str:
        bead = self._read.find(await_id)
        name = self._read.name_of(bead)
        for one in held_back:
            if self._tracker.waits_through(bead, one):
                raise Refused(f"that would be a cycle: {name} itself waits for {self._read.name_of(one)}")
        return name

    def check(
        self,
        beads: Iterable[str] | None = None,
        *,
        codes: Mapping[str, int] = NOTHING,
        outcomes: Mapping[str, str] = NOTHING,
    ) -> list[GateView]:
        """Look at gates, all that are not closed where none are named, and close those that are open by now."""
        found: list[GateView] = []

        def make() -> list[Draft]:
            now = self._tracker.now_ms()
            chosen = gates(self._read) if beads is None else [self._read.find(bead) for bead in beads]
            found[:] = [look(self._read, bead, now, codes, outcomes) for bead in chosen]
            ready = [one for one in found if one.verdict.standing is Standing.RESOLVED and not one.closed]
            return [draft for one in ready for draft in self._closing(one.id, one.verdict.reason, "success")]

        self._tracker.write(make)
        return found

    def _closing(self, bead: str, reason: str, outcome: str) -> list[Draft]:
        view = self._read.view(bead)
        news = {
            "status": CLOSED,
            "closed_at": times.text(self._tracker.now_ms()),
            "close_reason": reason,
            "outcome": outcome,
        }
        return self._tracker.changes(view, news)

    def resolve(self, bead: str, reason: str = "", *, outcome: str = "success") -> list[str]:
        """Open a gate by hand; return what is ready now and was not before.

        Raises:
            Refused: It is closed already.
        """
        chosen = self._read.find(bead)
        view = look(self._read, chosen, self._tracker.now_ms())
        if view.closed:
            raise Refused(f"{self._read.name_of(chosen)} is open already: it was resolved", "bd gate show ID")
        # Its being asked for by hand is the insisting.
        done = self._tracker.close([chosen], reason or "resolved by hand", force=True, outcome=outcome)
        return done.freed

    def add_waiter(self, bead: str, name: str) -> bool:
        """Note who wants to hear of a gate; say whether that is new."""

        def make() -> list[Draft]:
            chosen = self._read.find(bead)
            before = look(self._read, chosen, self._tracker.now_ms()).waiters
            if name in before:
                return []
            return self._tracker.changes(self._read.view(chosen), {"waiters": [*before, name]})

        return bool(self._tracker.write(make))


def _checked(await_type: str, await_id: str, timeout: str) -> int:
    """Return the timeout of a gate that makes sense."""
    if await_type not in AWAIT_TYPES:
        raise BadWord(f"{await_type!r} is no type of gates", nearest(await_type, AWAIT_TYPES, "types"))
    if not await_id and await_type in _NEEDS_ID:
        raise BadWord(f"what does a {await_type} gate wait for?", f"--await-id: {_NEEDS_ID[await_type]}.")
    if not timeout:
        if await_type == "timer":
            raise BadWord("a timer needs a time", "--timeout 30m")
        return 0
    found = gate.duration_ns(timeout)
    if found is None:
        raise BadWord(f"{timeout[:40]!r} is no span of time", "30m, 2h, 1d, 1h30m; ten years at most.")
    return found


def _line(text: str) -> str:
    return " ".join(text.split())[:120]
