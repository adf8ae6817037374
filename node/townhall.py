"""Where the town meets the ledger and the board: its private ledger, its bridge, its construction. ⚡"""

import shlex
import sqlite3
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from beads import errors as beads_errors
from beads.ledger import Author, Draft, Ledger
from beads.nursery import mint
from beads.reading import Reader
from beads.setting import setting_fields
from node import ledgers, wiring
from node.commons import Commons
from node.errors import KNOWN, NodeError
from node.home import Home
from town import bridge
from town.errors import AmbiguousError, ConflictError, LedgerError, NotFoundError
from town.ledger import NO_FIELDS, FieldValue, WorkBead
from town.town import Town
from wanted.item import Evidence
from wanted.view import ItemView

TEXT_LENGTH = 2000
"""Characters of a field; longer texts are cut, with a mark."""
T = TypeVar("T")
LOOK_SECONDS = 0.5
_OWN = ("status", "assignee", "priority")
GT = (sys.executable, "-m", "node.cli.gt")


class LedgerAdapter:
    """The town's `WorkLedger` over a private ledger; every call sees what any process has written.

    Args:
        author: Signs; its `by` names the agent that acts.
    """

    def __init__(self, ledger: Ledger, author: Author) -> None:
        self._ledger = ledger
        self._author = author
        self._reader = Reader(ledger.index)

    def create(
        self, title: str, description: str = "", *, type: str = "task", priority: int = 2,
        fields: Mapping[str, FieldValue] = NO_FIELDS,
    ) -> WorkBead:  # fmt: skip
        """Make an open bead."""
        prose = {"title": title} | ({"description": description} if description else {})

        def make(_: Ledger) -> Sequence[Draft]:
            alias = mint(self._reader, title, description, self._author.by or "", wiring.now_ms())
            pairs = sorted({"alias": alias, "priority": priority, "status": "open", **_cut(fields)}.items())
            found = [pair for pair in pairs if pair[1] is not None]
            return [Draft("bead.create", {"type": type, "fields": found, "prose": sorted(prose)}, prose)]

        (op,) = self._write(make)
        return self.get(op)

    def update(self, bead_id: str, *, expect: Mapping[str, FieldValue] = NO_FIELDS, **changes: FieldValue) -> WorkBead:
        """Change fields, if every expectation holds at the moment of writing."""

        def make(_: Ledger) -> Sequence[Draft]:
            bead = self._read(bead_id)
            for name, wanted in expect.items():
                if _value(bead, name) != wanted:
                    raise ConflictError(
                        f"{name} of bead {bead.short} is {_value(bead, name)!r}, not {wanted!r}.",
                        "Somebody else was first; look again.", field=name,
                    )  # fmt: skip
            return setting_fields(self._reader.view(bead.id), _cut(changes))

        self._write(make)
        return self.get(bead_id)

    def comment(self, bead_id: str, text: str, author: str) -> None:
        """Say something under a bead."""
        self._write(lambda _: [Draft("bead.comment", {"bead": self._find(bead_id)}, {"text": text, "author": author})])

    def get(self, bead_id: str) -> WorkBead:
        """Find one bead by its id or a unique prefix."""
        self._fresh()
        return self._read(self._find(bead_id))

    def list(self, *, status: str | None = None, type: str | None = None, **fields: FieldValue) -> Sequence[WorkBead]:
        """Find beads, oldest first."""
        self._fresh()
        sql = [
            "SELECT entity FROM beads WHERE (:status IS NULL OR status = :status) AND (:type IS NULL OR type = :type)"
        ]
        place: dict[str, Any] = {"status": status, "type": type}
        for n, (name, value) in enumerate(fields.items()):
            one = "SELECT 1 FROM fields f WHERE f.entity = beads.entity AND f.name = :n{0}"
            has = f"EXISTS ({one} AND f.value = :v{{0}})" if value is not None else f"NOT EXISTS ({one})"
            sql.append("AND " + has.format(n))
            place |= {f"n{n}": name} | ({f"v{n}": str(value)} if value is not None else {})
        rows = self._guarded(
            lambda: self._ledger.index.database.query(" ".join([*sql, "ORDER BY created, entity"]), place)
        )
        return [self._read(row[0]) for row in rows]

    def _fresh(self) -> None:
        self._guarded(self._ledger.refresh)

    def _find(self, prefix: str) -> str:
        try:
            return self._reader.find(prefix)
        except beads_errors.Ambiguous as error:
            raise AmbiguousError(str(error), "Give more of the id.") from error
        except beads_errors.NotFound as error:
            raise NotFoundError(f"There is no bead {prefix}.", "bd list shows them.") from error

    def _read(self, bead_id: str) -> WorkBead:
        state = self._guarded(lambda: self._ledger.index.state("bead", self._find(bead_id)))
        if state is None:
            raise NotFoundError(f"There is no bead {bead_id}.", "bd list shows them.")
        prose = {name: self._ledger.index.prose(op).get(name, "") for name, op in state["prose"]}
        fields = {name: value for name, value, _ in state["fields"]}
        return WorkBead(
            id=state["id"], short=self._reader.name_of(state["id"]), title=prose.get("title", ""),
            description=prose.get("description", ""), type=state["type"], status=fields.get("status", "open"),
            assignee=fields.get("assignee"), priority=fields.get("priority", 2),
            labels=frozenset(label for label, _ in state["labels"]),
            fields={name: value for name, value in fields.items() if name not in (*_OWN, "alias")},
            created_ms=state["created"][0], updated_ms=state["updated"][0],
        )  # fmt: skip

    def _write(self, make: Callable[[Ledger], Sequence[Draft]]) -> tuple[str, ...]:
        return tuple(op.id for op in self._guarded(lambda: self._ledger.write(self._author, make)))

    @staticmethod
    def _guarded(work: Callable[[], T]) -> T:
        """Turn what the disk refuses into the town's own error: unreadable must never look like empty."""
        try:
            return work()
        except (beads_errors.StoreError, sqlite3.Error) as error:
            raise LedgerError(f"The ledger cannot be used: {error}", "Run: wl doctor --fix") from error


def _cut(fields: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
    return {
        name: value[: TEXT_LENGTH - 1] + "…" if isinstance(value, str) and len(value) > TEXT_LENGTH else value
        for name, value in fields.items()
    }


def _value(bead: WorkBead, name: str) -> FieldValue:
    if name in _OWN:
        found: FieldValue = getattr(bead, name)
        return found
    return bead.fields.get(name)


# -- the town --------------------------------------------------------------------------------------------------


def folder(home: Home, environment: Mapping[str, str]) -> Path:
    """Return where the town is: GT_TOWN (in a session), or beside the home's other things."""
    chosen = environment.get("GT_TOWN")
    return Path(chosen) if chosen else home.path / "town"


def open_town(home: Home, path: Path, by: str | None = None) -> tuple[Town, Ledger]:
    """Open a town over the owner's private ledger.

    Args:
        by: The agent that acts; its name stands in every operation.

    Returns:
        The town, and the ledger to close in the end.
    """
    ledger = wiring.open_ledger(home, ledgers.own(home))
    adapter = LedgerAdapter(ledger, wiring.author(home, by=by))
    return Town.open(path, adapter, gt=shlex.join(GT)), ledger


# -- the bridge ------------------------------------------------------------------------------------------------


def take_on(ours: Commons, item: ItemView, rig: str) -> WorkBead:
    """Let a rig do a granted item: the owner's consent that the item's words reach its agents.

    Raises:
        NodeError: The item is not ours to do.
    """
    if item.holder is None or item.holder.actor != ours.me:
        raise NodeError("the item is not yours yet", f"wl claim {item.id[:12]} --wait, then again with --rig.")
    prose = {name: ours.index.prose(op).get(name, "") for name, op in item.prose.items()}
    facts = bridge.ItemFacts(
        ours.id, item.id, item.holder.claim, prose.get("title", ""), prose.get("description", ""), item.terms.priority
    )
    town, ledger = open_town(ours.home, ours.home.path / "town")
    try:
        adapter = LedgerAdapter(ledger, ours.author)
        known = adapter.list(origin_item=item.id)
        bead = known[0] if known else adapter.create(**bridge.bead_from_claim(facts))
        return bead if "rig" in bead.fields else town.sling(bead.id, rig)
    finally:
        ledger.close()


def deliver(home: Home) -> list[str]:
    """Hand in the evidence of what has landed since the last time; return the items.

    The bead remembers the submission, so a process killed between the two hands in at most twice, never not at all.
    """
    town, ledger = open_town(home, home.path / "town")
    try:
        adapter = LedgerAdapter(ledger, wiring.author(home))
        landed = [bead for bead in adapter.list(status="closed", handed_in=None) if "origin_item" in bead.fields]
        wiring.tidy(ledger)
        return [_hand_in(home, town, adapter, bead) for bead in landed]
    finally:
        ledger.close()


def _hand_in(home: Home, town: Town, adapter: LedgerAdapter, bead: WorkBead) -> str:
    item = str(bead.fields["origin_item"])
    evidence = flat(town.evidence(bead.id))
    with Commons(home, str(bead.fields["origin_commons"])) as ours:
        ours.sync(push=False)
        found = ours.item(item)
        mine = [op for op, s in found.submissions.items() if s.actor == ours.me and s.evidence == tuple(evidence)]
        if not mine:
            found = ours.submit(item, evidence, str(bead.fields.get("summary") or ""))
            mine = [op for op, s in found.submissions.items() if s.actor == ours.me]
        ours.sync()
    adapter.update(bead.id, handed_in=mine[-1])
    return item


def flat(evidence: Mapping[str, Any]) -> list[Evidence]:
    """Lay the town's evidence out as the board's: a commit, and a report for each gate."""
    commit: Evidence = {name: value for name, value in evidence.items() if isinstance(value, (str, int, bool))}
    commit |= evidence["diff"]
    if ":" not in str(commit["repo"]):
        # A path on this machine is nobody else's business, and no use to them.
        commit["repo"] = Path(str(commit["repo"])).name
    reports: list[Evidence] = [
        {"kind": "test_report", "commit": evidence["commit"], "gate": gate["name"], "ok": gate["ok"],
         "seconds": gate["seconds"]}
        for gate in evidence["gates"]
    ]  # fmt: skip
    return [commit, *reports]


class Courier:
    """Watches the private ledger beside a running town, and delivers what lands."""

    def __init__(self, home: Home, say: Callable[[str], None]) -> None:
        self._home = home
        self._say = say
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after what is being delivered."""
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        seen = ""
        while not self._stop.is_set():
            generation = wiring.generation(self._home, ledgers.own(self._home))
            if generation != seen:
                seen = generation if self._deliver() else ""
            self._stop.wait(LOOK_SECONDS)

    def _deliver(self) -> bool:
        try:
            for item in deliver(self._home):
                self._say(f"handed in evidence for {item[:12]}")
        except KNOWN as error:
            # A peer that is down, a commons that was left: tried again at the next look.
            self._say(f"cannot hand in yet: {error}")
            return False
        return True
