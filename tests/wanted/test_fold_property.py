"""Whatever is written by whomever, and however it travels: every node that has seen the same sees the same."""

import os
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from beads import fold, genesis, ids, verify, whole
from beads.clock import FOREVER_MS, Hlc
from beads.fold import Snapshot
from beads.genesis import Genesis
from beads.ledger import Author, Ledger
from beads.memory_store import MemoryStore
from beads.op import Line, Op, Place
from beads.rules import Context, Entity
from beads.verify import Verifier
from beads.weigh import live
from stamps import credential, keychange, keylog
from stamps.keychange import Change, Revoke
from stamps.keylog import KeyLog
from stamps.keys import SigningKey
from stamps.stamp import Stamp
from tests.world import (
    EPOCH_MS,
    TERMS,
    Chain,
    Said,
    actor,
    found,
    keys_of,
    ledger_over,
    memory_ledger,
    said,
    second,
    seed,
)
from wanted.ops.post import terms_payload
from wanted.ops.stamp import facts_at
from wanted.ops.table import BOARD

# Alice has two devices, Bob an agent; Eve does what she likes, but so may anyone.
ALICE = Author(second("alice").key_log, actor("alice").signer)
WRITERS = (
    ALICE,
    second("alice"),
    Author(second("bob", "authentication").key_log, actor("bob").signer),
    second("bob", "authentication"),
    actor("carol"),
    actor("eve"),
)
KEY_LOGS = {author.actor: author.key_log for author in WRITERS}
NAMES = ("alice", "alice", "bob", "bob", "carol", "eve")
LOOK = settings(max_examples=int(os.environ.get("WL_EXAMPLES", "30")))
LOOK_LESS = settings(max_examples=int(os.environ.get("WL_EXAMPLES", "12")))
NOTHING = "0" * 64
Step = tuple[int, str, int, int, int]
"""Who, what, and three small numbers that pick the rest."""
Revoked = tuple[int, int, bool]
"""Which writer's key, the last position that stays, and whether it has an heir."""
TABLES = (
    "logs", "ops", "entities", "ignored", "beads", "labels", "links", "fields", "items", "claimers", "submissions",
    "stamps", "actors", "erasures",
)  # fmt: skip


@dataclass
class Script:
    """Operations by many hands; each step picks who, what and on what from small numbers."""

    commons: str
    main: list[Chain] = field(default_factory=list)
    forks: list[tuple[int, Chain]] = field(default_factory=list)
    items: list[Line] = field(default_factory=list)
    claims: list[Line] = field(default_factory=list)
    submissions: list[Line] = field(default_factory=list)
    accepts: list[Line] = field(default_factory=list)
    beads: list[Line] = field(default_factory=list)
    admits: list[Line] = field(default_factory=list)
    charters: list[Line] = field(default_factory=list)
    stamps: list[Line] = field(default_factory=list)
    disputes: list[Line] = field(default_factory=list)
    said: list[Line] = field(default_factory=list)
    homes: dict[str, Chain] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.main = [Chain(author, self.commons) for author in WRITERS]
        for chain in self.main:
            chain.open()

    def run(self, steps: Iterable[Step]) -> None:
        for number, (who, what, a, b, c) in enumerate([*BEGINNING, *steps]):
            chain = self.main[who]
            if what in OF_THE_HOME and c < 5 and self.items:
                # Mostly it is the home that decides: what others say has no effect, so it proves little.
                chain = self.homes[pick(self.items, a)]
            branches = [fork for _, fork in self.forks if fork.log == chain.log]
            if branches and c % 2:
                chain = branches[b % len(branches)]
            self.step(chain, what, a, b, c, number)

    def step(self, chain: Chain, what: str, a: int, b: int, c: int, number: int) -> None:
        if what in RARE and c < 5:
            what = "comment"
        if what == "fork":
            at = max(len(chain.lines) - a, 0)
            chain = chain.fork(at)
            self.forks.append((at, chain))
            what, a = ("claim", b) if at else ("open", 0)
        hlc = [max(EPOCH_MS + 100 * number, chain.lines[-1].hlc.ms + 1 if chain.lines else 0), b]
        made = self.payload(chain, what, a, b, c, hlc)
        if made is not None:
            t, payload, kept = made
            odd: dict[str, Any] = {"hlc": hlc} | ({"by": "an agent"} if c == 1 else {})
            line = chain.add(t, payload, **odd)
            kept.append(line)
            self.said.append(line)
            self.note_home(line)

    def note_home(self, line: Line) -> None:
        logs = {chain.log: chain for chain in self.main}
        if line.t == "wanted.post":
            self.homes[line.id], self.epochs[line.id] = logs[line.p["home"] or line.log], 0
        elif line.t == "wanted.handover" and line.p["epoch"] == self.epochs.get(line.p["item"]):
            self.homes[line.p["item"]] = logs[line.p["to"]]
            self.epochs[line.p["item"]] += 1

    def payload(
        self, chain: Chain, what: str, a: int, b: int, c: int, hlc: list[int]
    ) -> tuple[str, dict[str, Any], list[Line]] | None:
        item = pick(self.items, a)
        home = {"item": item, "epoch": self.epochs.get(item, 0) if c < 5 else b}
        who = WRITERS[b].actor
        bead = pick([*self.beads, *self.items], a)
        match what:
            case "open":
                return "open", {"actor": chain.author.actor, "key": chain.author.signer.public.did}, []
            case "post":
                terms = terms_payload(TERMS) | {"winners": 1 + a % 2, "competition": b % 4 == 3}
                named = self.main[b].log if c == 5 else None
                return "wanted.post", terms | {"home": named, "prose": []}, self.items
            case "edit":
                return "wanted.edit", terms_payload(TERMS) | home | {"priority": b % 5, "prose": []}, []
            case "claim" | "release":
                return f"wanted.{what}", {"item": item}, self.claims
            case "submit":
                evidence = [{"kind": "git_commit", "id": str(b)}]
                return "wanted.submit", {"item": item, "evidence": evidence, "prose": []}, self.submissions
            case "grant":
                lease = {"claim": pick(self.claims, b), "actor": who, "until": EPOCH_MS + 1 + a}
                return "wanted.grant", home | lease, []
            case "revoke":
                return "wanted.revoke", home | {"reason": "other"}, []
            case "accept" | "reject":
                judged = home | {"submission": pick(self.submissions, b), "actor": self.submitter(b)}
                final = {} if what == "accept" else {"final": bool(a % 2)}
                return f"wanted.{what}", judged | final, self.accepts if what == "accept" else []
            case "close" | "withdraw":
                return f"wanted.{what}", home, []
            case "handover":
                return "wanted.handover", home | {"to": self.main[b].log}, []
            case "stamp":
                return "stamp", self.stamp(chain, a, b, c, hlc), self.stamps
            case "create":
                return "bead.create", {"type": "task", "fields": [["n", a]], "prose": []}, self.beads
            case "set":
                name = ("status", "note")[b % 2]
                return "bead.set", {"bead": bead, "fields": [[name, f"{c}"]], "prose": []}, []
            case "label":
                remove = [["x", [pick(self.said, b)]]] if c else []
                return "bead.label", {"bead": bead, "add": ["x", "y"][: 1 + b % 2], "remove": remove}, []
            case "link":
                to = pick([*self.beads, *self.items], b)
                return "bead.link", {"bead": bead, "add": [["blocks", to, ""]] if to != bead else [], "remove": []}, []
            case "comment":
                return "bead.comment", {"bead": bead}, []
            case "erase":
                return "erase", {"op": pick(self.said, a)}, []
            case "profile":
                return "profile", {"handle": f"h{b}", "links": []}, []
            case "admit":
                return "admit", {"actor": who}, self.admits
            case "join":
                return "join", {"admit": pick(self.admits, a)}, []
            case "checkpoint":
                chains = [*self.main, *(fork for _, fork in self.forks)]
                head = chains[(a + 7 * b) % len(chains)].lines[-1]
                keys = [[who, 1 + a % 3]] if a else []
                return "checkpoint", {"heads": [[head.log, head.seq, head.id]], "keys": keys, **self.charter(c)}, []
            case "charter":
                change = self.change(a, b, c)
                return "charter", {"prev": self.charter(c).get("charter"), "change": change}, self.charters
            case "sign":
                return "charter.sign", {"charter": pick(self.charters[::-1], a)}, []
            case "withdraw stamp":
                return "stamp.withdraw", {"item": item, "stamp": pick(self.stamps, b), "prose": []}, []
            case "dispute":
                return "stamp.dispute", {"item": item, "stamp": pick(self.stamps, b), "prose": []}, self.disputes
            case "answer":
                return "stamp.answer", {"item": item, "dispute": pick(self.disputes, b), "prose": []}, []
            case "trust":
                return "trust", {"actor": who, "weight": 20 * c - 40}, []
            case "same owner":
                return "actor.link", {"actor": WRITERS[b % 2 * 5].actor}, []
            case "legacy":
                row = {"source": "old", "kind": "rig", "id": str(a % 3), "client": "wl", "fields": [["n", b]]}
                return "legacy", {**row, "prose": []}, []
            case "unknown type":
                return "later.thing", {"x": a}, []
            case "unknown member":
                return "wanted.claim", {"item": item, "later": a}, []
        return None

    def charter(self, n: int) -> dict[str, str]:
        """Mostly the last one proposed."""
        return {"charter": self.charters[-1 - n % 2].id} if len(self.charters) > 1 and n < 5 else {}

    def change(self, a: int, b: int, c: int) -> dict[str, Any]:
        heads = sorted([chain.log, len(chain.lines) - 1, chain.lines[-1].id] for chain in self.main[: 1 + a])
        match a:
            case 0:
                actors = sorted({WRITERS[n].actor for n in (0, 4, b)})
                return {"kind": "delegates", "delegates": actors, "threshold": len(actors) // 2 + 1, "until": heads}
            case 1:
                policy = {"admission": ("open", "invite")[b % 2], "validators": ("any", "poster")[c % 2]}
                return {"kind": "policy", **policy}
            case 2:
                return {"kind": "admit", "actor": WRITERS[b].actor}
            case 3:
                cuts = [place for place in heads if place[0] == self.main[b].log]
                return {"kind": "ban", "actor": WRITERS[b].actor, "cuts": cuts if c % 2 else []}
            case 4:
                return {"kind": ("hide", "unhide")[c % 2], "bead": pick([*self.beads, *self.items], b)}
            case _:
                last = self.main[c].lines[-1]
                item = {"item": pick(self.items, b), "epoch": c % 2, "to": self.main[b].log}
                return {"kind": "adopt", **item, "from": [last.log, last.seq, last.id]}

    def revoke(self, revoked: Iterable[Revoked]) -> dict[str, KeyLog]:
        """Return the key logs, with keys that were revoked at some position, or before all, and forks repaired."""
        found = dict(KEY_LOGS)
        for who, at, other in revoked:
            chain, author = self.main[who], WRITERS[who]
            keys, key = found[author.actor], author.signer.public.did
            if author.actor in {WRITERS[n].actor for n in (4, 5)} or len(keys.entries) > 2:
                continue
            place = ((chain.log, at, chain.lines[at].id),) if at < len(chain.lines) else ()
            devices = sorted(keys.device_keys() - {key})
            update, following = (SigningKey.from_seed(seed(f"{NAMES[who]} {name}")) for name in ("third", "fourth"))
            repairs = tuple((fork.log, n, fork.lines[n].id) for n, fork in self.forks[:1] if n < len(fork.lines))
            change = Change(
                revoke=(Revoke(key=key, heir=devices[0] if devices and other else None, at=place),), repairs=repairs
            )
            raw = keychange.extend(keys, update, following.public, "2026-09-21T00:00:02Z", change)
            found[author.actor] = keylog.verify(raw)
        return found

    def submitter(self, n: int) -> str:
        """Mostly the right actor, as a home that means well would write."""
        log = self.submissions[n % len(self.submissions)].log if self.submissions else ""
        return next((each.author.actor for each in self.main if each.log == log), WRITERS[n].actor)

    def stamp(self, chain: Chain, a: int, b: int, c: int, hlc: list[int]) -> dict[str, Any]:
        accept = self.accepts[a % len(self.accepts)] if self.accepts else None
        named = accept.p if accept else {"item": NOTHING, "submission": NOTHING, "actor": WRITERS[b].actor}
        stamp = Stamp(
            subject=named["actor"], item=named["item"], submission=named["submission"],
            accept=accept.id if accept else NOTHING, title="Fine", dims=(("quality", b),), confidence=50,
            severity="leaf", skills=(), vc="A" * 86,
        )  # fmt: skip
        payload: dict[str, Any] = msgspec.to_builtins(stamp) | {"dims": [["quality", b]]}
        if c % 3:
            key = chain.author.signer
            seq = len(chain.lines)
            place = Place(self.commons, chain.log, seq, Hlc(*hlc), chain.author.actor, key.public.did, None)
            payload["vc"] = credential.sign_vc(facts_at(place, stamp), key)
        return payload | {"skills": []}

    def everything(self, keys: Mapping[str, KeyLog] = MappingProxyType(KEY_LOGS)) -> Said:
        return Said(
            keys={ids.actor_ref(scid): log.raw for scid, log in keys.items()},
            chains={chain.log: chain.raw for chain in self.main},
            forks=[(fork.log, fork.raw[at:]) for at, fork in self.forks if len(fork.lines) > at],
        )

    def verified(self, rules: Verifier) -> list[Op]:
        chains = [*self.main, *(fork for _, fork in self.forks)]
        return [op for chain in chains for op in rules.read(chain.log, chain.raw, verify.START).ops]


def pick(lines: Sequence[Line], n: int) -> str:
    return lines[n % len(lines)].id if lines else NOTHING


WHATS = (
    "post", "post", "edit", "claim", "claim", "release", "submit", "submit", "grant", "grant", "revoke", "accept",
    "accept", "reject", "close", "withdraw", "handover", "stamp", "stamp", "create", "set", "label", "link", "comment",
    "erase", "profile", "admit", "join", "checkpoint", "checkpoint", "charter", "charter", "sign",
    "withdraw stamp", "dispute", "answer", "trust", "same owner", "legacy", "unknown type", "unknown member",
    "fork", "fork", "fork",
)  # fmt: skip
OF_THE_HOME = frozenset(("edit", "grant", "revoke", "accept", "reject", "close", "withdraw", "handover", "stamp"))
RARE = frozenset(("unknown type", "unknown member", "fork", "close", "withdraw"))
BEGINNING: tuple[Step, ...] = (
    (0, "admit", 0, 4, 0), (4, "join", 0, 0, 0), (0, "post", 1, 0, 0), (4, "claim", 0, 0, 0), (0, "grant", 0, 4, 0),
    (4, "submit", 0, 0, 0), (0, "accept", 0, 0, 0), (0, "stamp", 0, 3, 1), (0, "post", 0, 0, 0), (2, "claim", 1, 0, 0),
)  # fmt: skip
small = st.integers(0, 5)
steps = st.tuples(small, st.sampled_from(WHATS), small, small, small)
step_lists = st.one_of(st.lists(steps, max_size=12), st.lists(steps, min_size=20, max_size=60))
revocations = st.lists(st.tuples(small, small, st.booleans()), max_size=2)
foundings = st.sampled_from(
    [
        found(*delegates, validators=validators, admission=admission, private=private)
        for delegates in ((ALICE,), (ALICE, actor("carol")))
        for validators, admission, private in (
            ("poster", "open", False), ("any", "open", False), ("any", "invite", False), ("poster", "open", True),
        )
    ]
)  # fmt: skip


def scripted(raw: bytes, steps: Iterable[Step]) -> tuple[Script, Genesis, list[Op]]:
    script = Script(ids.commons_id(raw))
    script.run(steps)
    founding = genesis.parse(raw)
    ops = script.verified(Verifier(script.commons, founding.private, BOARD, KEY_LOGS.get, FOREVER_MS))
    return script, founding, ops


def pure(
    script: Script, founding: Genesis, ops: Iterable[Op], keys: Mapping[str, KeyLog] = MappingProxyType(KEY_LOGS)
) -> Snapshot:
    return fold.fold(ops, script.commons, founding, BOARD, keys.get)


def dump(ledger: Ledger) -> dict[str, list[Any]]:
    tables = {name: sorted(ledger.index.database.query(f"SELECT * FROM {name}"), key=repr) for name in TABLES}
    return tables | {"hash": [ledger.index.state_hash()]}


def part_of(whole: Said, draw: random.Random) -> Said:
    """Some of it: some key logs, logs cut anywhere, some branches, some of them cut."""
    return Said(
        keys={name: raw for name, raw in whole.keys.items() if draw.random() < 0.7},
        chains={log: cut(lines, draw) for log, lines in whole.chains.items() if draw.random() < 0.7},
        forks=[(log, cut(lines, draw)) for log, lines in whole.forks if draw.random() < 0.6],
    )


def cut(lines: list[bytes], draw: random.Random) -> list[bytes]:
    return lines[: draw.randint(1, len(lines))]


@LOOK
@given(foundings, step_lists, revocations, st.randoms(use_true_random=False))
def test_order_and_duplicates_change_nothing(
    raw: bytes, steps: list[Step], revoked: list[Revoked], draw: random.Random
) -> None:
    script, founding, ops = scripted(raw, steps)
    keys = script.revoke(revoked)
    expected = pure(script, founding, ops, keys).state_hash()
    again = [*ops, *(op for op in ops if draw.random() < 0.5)]
    draw.shuffle(again)
    assert pure(script, founding, again, keys).state_hash() == expected


@LOOK
@given(foundings, step_lists, revocations, st.randoms(use_true_random=False))
def test_ledgers_that_meet_in_any_way_come_to_the_state_of_the_whole(
    raw: bytes, steps: list[Step], revoked: list[Revoked], draw: random.Random
) -> None:
    script, founding, ops = scripted(raw, steps)
    ledgers = [memory_ledger(raw) for _ in range(3)]
    keys = script.revoke(revoked)
    whole = script.everything(keys)
    ledgers[1].ingest(part_of(script.everything(), draw))
    for _ in range(6):
        ledger, other = draw.sample(ledgers, 2)
        more = draw.random() < 0.5
        ledger.ingest(part_of(whole if draw.random() < 0.5 else said(other.store), draw), more=more)
    ledgers[0].ingest(whole)
    settle(ledgers)
    snapshot = pure(script, founding, ops, keys)
    for ledger in ledgers:
        for entity, folded in snapshot.entities.items():
            assert ledger.index.state(*entity) == folded.state, entity
        assert ledger.index.state_hash() == snapshot.state_hash()
        rebuilt = ledger_over(ledger.store)
        rebuilt.refresh()
        assert dump(rebuilt) == dump(ledger)
        rebuilt.close()
    for ledger in ledgers:
        ledger.close()


def settle(ledgers: Sequence[Ledger]) -> None:
    """Let each tell the next what it has, round and round, until nothing is new to anyone."""
    for _ in range(8):
        before = [ledger.store.generation() for ledger in ledgers]
        for teller, listener in pairwise([*ledgers, *ledgers[::-1][1:]]):
            listener.ingest(said(teller.store))
        if [ledger.store.generation() for ledger in ledgers] == before:
            return
    raise AssertionError("the ledgers never settle")


@LOOK
@given(foundings, step_lists)
def test_only_its_homes_decide_on_an_item(raw: bytes, steps: list[Step]) -> None:
    script, founding, ops = scripted(raw, steps)
    (logs, governance), kept = whole.weigh_all(ops, script.commons, founding, KEY_LOGS.get)
    context = Context(script.commons, founding, governance)
    counted = [live(op, logs[op.log]) for op in kept if logs[op.log].counts(op.seq)]
    for entity, folded in pure(script, founding, ops).entities.items():
        if folded.state is None or "facet" not in folded.state:
            continue
        homes = homes_of(entity, ops)
        mine = [one for one in counted if fold.entity_of(one.op, one.actor, BOARD) == entity and one.op.log in homes]
        alone = fold.fold_entity(entity, mine, BOARD, context)
        assert alone.state is not None
        assert decided(alone.state["facet"]) == decided(folded.state["facet"])


def homes_of(entity: Entity, ops: Iterable[Op]) -> set[str]:
    homes: set[str] = set()
    for op in ops:
        if op.id == entity.id:
            homes |= {op.log, op.payload.home or op.log}
        elif op.t == "wanted.handover" and op.payload is not None and op.payload.item == entity.id:
            homes.add(op.payload.to)
        elif op.t == "charter" and op.p["change"].get("item") == entity.id:
            homes.add(op.p["change"]["to"])
    return homes


def decided(facet: dict[str, Any]) -> dict[str, Any]:
    overlay = ("intents", "submissions", "stamps", "withdrawn", "disputes")
    return {name: value for name, value in facet.items() if name not in overlay}


@LOOK_LESS
@given(step_lists, st.randoms(use_true_random=False))
def test_an_index_fed_one_by_one_is_that_fed_at_once(steps: list[Step], draw: random.Random) -> None:
    raw = found(ALICE, validators="any")
    script, _, _ = scripted(raw, steps)
    slow, fast = memory_ledger(raw), memory_ledger(raw)
    whole = script.everything()
    for log, length in sorted(((log, n) for log, lines in whole.chains.items() for n in range(len(lines))), key=str):
        slow.ingest(Said(keys=whole.keys, chains={log: whole.chains[log][: length + 1]}))
    for one in draw.sample(whole.forks, len(whole.forks)):
        slow.ingest(Said(forks=[one]))
    for _ in range(2):
        slow.ingest(whole)
        fast.ingest(whole)
    assert slow.index.state_hash() == fast.index.state_hash()
    assert isinstance(slow.store, MemoryStore)
    slow.close()
    fast.close()


def test_what_a_delegate_says_on_a_branch_of_its_own_log_counts_no_longer() -> None:
    """A founder's backup was used beside the home, and one of them saw to its own branch."""
    founder, raw = actor("carol"), found(actor("carol"))
    one = Chain(founder, ids.commons_id(raw))
    one.open()
    base = one.add("bead.create", {"type": "task", "fields": [["n", 0]], "prose": []})
    other = one.fork(2)
    one.add("bead.create", {"type": "task", "fields": [["n", 1]], "prose": []})
    head = other.add("bead.create", {"type": "task", "fields": [["n", 2]], "prose": []})
    other.add("checkpoint", {"heads": [[head.log, head.seq, head.id]], "keys": []})
    for first, then in ((one, other), (other, one)):
        ledger = memory_ledger(raw)
        ledger.ingest(Said(keys=keys_of(founder), chains={first.log: first.raw}))
        ledger.ingest(Said(chains={then.log: then.raw}))
        assert ledger.index.database.query("SELECT entity FROM beads") == [(base.id,)]
        rebuilt = ledger_over(ledger.store)
        rebuilt.refresh()
        assert dump(rebuilt) == dump(ledger)
        rebuilt.close()
        ledger.close()
