"""Between the board and the town: a granted claim becomes a bead, a landed bead becomes evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict
from urllib.parse import urlsplit, urlunsplit

from town.errors import StateError
from town.ledger import FieldValue, WorkBead
from town.lifecycle import State, number, state_of, text


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """A wanted item this node's owner holds, with ids in full."""

    commons: str
    item: str
    claim: str
    title: str
    description: str = ""
    priority: int = 2


@dataclass(frozen=True, slots=True)
class DiffStat:
    """How much a change changes."""

    files: int = 0
    insertions: int = 0
    deletions: int = 0


@dataclass(frozen=True, slots=True)
class GateResult:
    """How one gate went on one commit.

    Attributes:
        seconds: whole seconds it took, rounded down.
        detail: why it failed, in one line.
    """

    name: str
    ok: bool
    seconds: int = 0
    detail: str = ""


class NewBead(TypedDict):
    """The arguments of `WorkLedger.create`."""

    title: str
    description: str
    type: str
    priority: int
    fields: Mapping[str, FieldValue]


def bead_from_claim(facts: ItemFacts) -> NewBead:
    """Say what bead a granted claim becomes. Its words stay the stranger's: prime quotes whatever has an origin."""
    return {
        "title": facts.title,
        "description": facts.description,
        "type": "task",
        "priority": facts.priority,
        "fields": {
            "origin_commons": facts.commons,
            "origin_item": facts.item,
            "origin_claim": facts.claim,
        },
    }


def gates_to_field(gates: Sequence[GateResult]) -> str:
    """Write gate results as a bead's field keeps them."""
    plain = [{"name": gate.name, "ok": gate.ok, "seconds": gate.seconds} for gate in gates]
    return json.dumps(plain, separators=(",", ":"))


def gates_from_bead(bead: WorkBead) -> tuple[GateResult, ...]:
    """Read the gate results a landed bead keeps."""
    return tuple(GateResult(**gate) for gate in json.loads(text(bead, "gates") or "[]"))


def diff_from_bead(bead: WorkBead) -> DiffStat:
    """Read the diff stat a landed bead keeps."""
    return DiffStat(number(bead, "files"), number(bead, "insertions"), number(bead, "deletions"))


def public_url(url: str) -> str:
    """Drop a user's name and password from a repository's address."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if parts.scheme else url


def evidence_from_landed(bead: WorkBead, url: str, diff: DiffStat, gates: Sequence[GateResult]) -> dict[str, object]:
    """Build the evidence of a landed bead; every value in it is text, a whole number or a truth value.

    Raises:
        StateError: the bead has not landed, so there is nothing to prove.
    """
    if state_of(bead) is not State.LANDED:
        raise StateError(f"Bead {bead.short} has not landed.", "Evidence is built from landed work alone.")
    return {
        "kind": "git_commit",
        "repo": public_url(url),
        "commit": text(bead, "landed_commit"),
        "base": text(bead, "base"),
        "target": text(bead, "target"),
        "diff": {"files": diff.files, "insertions": diff.insertions, "deletions": diff.deletions},
        "gates": [{"name": gate.name, "ok": gate.ok, "seconds": gate.seconds} for gate in gates],
    }
