"""A push from a peer: the signature is the authority, no account (protocol, Sync 6).

Whatever was pushed is taken like anything pulled: quarantined, admitted, verified, written by our own encoder. A
reference is `ok` only if it now names exactly what was pushed; all else is refused with the reason.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from beads import report
from beads.git_store import GitStore
from beads.ledger import Ledger
from beads.pack import Pack
from beads.rates import Rates
from beads.refs import Offer, parse_ref
from beads.report import Report
from beads.sync import finder

NOTHING = "0" * 40


class Command(NamedTuple):
    """One line of a push: move `ref` from `old` to `new`."""

    old: str
    new: str
    ref: str


class Answer(NamedTuple):
    """What came of a push: for each reference None (ok) or the reason, and the report behind it."""

    refs: Mapping[str, str | None]
    report: Report


def receive(
    ledger: Ledger, store: GitStore, commands: Sequence[Command], received: Pack | None, rates: Rates | None = None
) -> Answer:
    """Take what a push brings, as much as strangers may give today."""
    refused = {c.ref: reason for c in commands if (reason := _refusal(store, c)) is not None}
    wanted = {c.ref: c.new for c in commands if c.ref not in refused}
    offer = Offer(store.prefix, wanted, finder(received, store.repository.get), store.refs())
    done = ledger.ingest(offer, rates)
    ours = store.refs()
    answers: dict[str, str | None] = dict(refused)
    for name, new in wanted.items():
        answers[name] = None if ours.get(name) == new else _reason(store, name, done)
    return Answer(answers, done)


def _refusal(store: GitStore, command: Command) -> str | None:
    if command.new == NOTHING:
        return "nothing is deleted by a push"
    ref = parse_ref(store.prefix, command.ref)
    if ref is None:
        return "no reference of this commons"
    if (store.repository.ref(command.ref) or NOTHING) != command.old:
        return "moved meanwhile, fetch first"
    return None


def _reason(store: GitStore, name: str, done: Report) -> str:
    ref = parse_ref(store.prefix, name)
    assert ref is not None
    outcome = done.of(ref.what, ref.id)
    if outcome is None:
        return "nothing in it verifies" if ref.kind != "genesis" else "another genesis"
    if outcome.status in (report.ACCEPTED, report.UNCHANGED, report.STALE):
        return "taken, but encoded otherwise or already longer here; fetch"
    return f"{outcome.status}({outcome.reason})"
