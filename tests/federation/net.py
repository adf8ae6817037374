"""Nodes of one commons in one process: each has a ledger of its own, and they meet when a test says so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from beads import checkpoints, ids
from beads.ledger import Author, Draft, Ledger
from beads.op import Op
from beads.report import Report
from stamps import keychange, keylog
from stamps.keychange import Change
from stamps.keylog import KeyLog
from stamps.keys import SigningKey
from tests.world import EPOCH_MS, TERMS, Clock, Said, actor, memory_ledger, said, second, seed
from wanted import view
from wanted.ops.post import terms_payload
from wanted.view import ItemView

ALICE, BOB, CAROL, DAVE, EVE = (actor(name) for name in ("alice", "bob", "carol", "dave", "eve"))
LAPTOP = Author(second("alice").key_log, ALICE.signer)
PHONE = second("alice")
"""Alice's two devices: her key log lists both."""


@dataclass
class Net:
    """The nodes by name; a node's clock is its own.

    Args:
        raw: The genesis.
    """

    raw: bytes
    nodes: dict[str, Ledger] = field(default_factory=dict)
    clocks: dict[str, Clock] = field(default_factory=dict)

    def node(self, name: str) -> Ledger:
        """Return a node, made when first asked for."""
        if name not in self.nodes:
            self.clocks[name] = Clock(EPOCH_MS)
            self.nodes[name] = memory_ledger(self.raw, self.clocks[name])
            self.nodes[name].refresh()
        return self.nodes[name]

    def close(self) -> None:
        for ledger in self.nodes.values():
            ledger.close()

    @property
    def commons(self) -> str:
        return ids.commons_id(self.raw)

    def write(self, name: str, author: Author, t: str, p: Mapping[str, Any]) -> Op:
        ledger = self.node(name)
        self.clocks[name].ms += 1000
        (op,) = ledger.write(author, lambda _: [Draft(t, p)])
        return op

    def say(self, name: str, author: Author, item: str, text: str) -> Op:
        """Comment on an item, with words that can be taken back."""
        (op,) = self.node(name).write(author, lambda _: [Draft("bead.comment", {"bead": item}, {"text": text})])
        return op

    def tell(self, teller: str, listener: str) -> Report:
        """One node takes what another has."""
        return self.node(listener).ingest(said(self.node(teller).store))

    def meet(self, *names: str) -> None:
        """Let nodes tell each other everything, until none learns anything new."""
        chosen = names or tuple(self.nodes)
        for _ in range(8):
            before = [self.node(name).store.generation() for name in chosen]
            for teller in chosen:
                for listener in chosen:
                    if teller != listener:
                        self.tell(teller, listener)
            if before == [self.node(name).store.generation() for name in chosen]:
                return
        raise AssertionError("the nodes never settle")

    def agree(self) -> None:
        """Everybody meets, and everybody sees the same."""
        self.meet()
        assert len({ledger.index.state_hash() for ledger in self.nodes.values()}) == 1

    def item(self, name: str, item: str) -> ItemView:
        state = self.node(name).index.state("bead", item)
        assert state is not None
        found = view.read(state)
        assert found is not None
        return found

    def rules(self, name: str) -> dict[str, str]:
        """Operations without effect, and why."""
        return dict(self.node(name).index.ignored())

    def checkpoint(self, name: str, delegate: Author) -> None:
        """Let a delegate's node cover what it has seen."""
        self.node(name).write(delegate, lambda ledger: checkpoints.due(ledger, delegate.actor))

    # -- the board ---------------------------------------------------------------------------------------------

    def post(self, name: str, author: Author = ALICE, **terms: Any) -> str:
        return self.write(name, author, "wanted.post", {**terms_payload(TERMS), "home": None, "prose": [], **terms}).id

    def claim(self, name: str, author: Author, item: str) -> Op:
        return self.write(name, author, "wanted.claim", {"item": item})

    def release(self, name: str, author: Author, item: str) -> Op:
        return self.write(name, author, "wanted.release", {"item": item})

    def submit(self, name: str, author: Author, item: str) -> Op:
        return self.write(name, author, "wanted.submit", {"item": item, "evidence": [], "prose": []})

    def decide(self, name: str, author: Author, what: str, item: str, **members: Any) -> Op:
        """Write what an item's home decides; the epoch is the one that the node sees, unless said otherwise."""
        known = {"item": item, "epoch": self.item(name, item).epoch}
        return self.write(name, author, f"wanted.{what}", known | members)

    def grant(self, name: str, author: Author, item: str, claim: Op) -> Op:
        log = self.node(name).index.log(claim.log)
        assert log is not None
        until = self.clocks[name].ms + 7 * 86_400_000
        return self.decide(name, author, "grant", item, claim=claim.id, actor=log.actor, until=until)

    # -- governance --------------------------------------------------------------------------------------------

    def propose(self, name: str, author: Author, change: Mapping[str, Any]) -> Op:
        prev = self.node(name).index.context.governance.now.id
        return self.write(name, author, "charter", {"prev": prev, "change": change})

    def sign(self, name: str, author: Author, charter: Op) -> Op:
        return self.write(name, author, "charter.sign", {"charter": charter.id})

    def head(self, name: str, author: Author) -> list[Any]:
        log = author.log(self.commons)
        head = self.node(name).index.heads()[log]
        return [log, head.seq, head.op]

    def learn(self, name: str, keys: KeyLog) -> None:
        self.node(name).ingest(Said(keys={ids.actor_ref(keys.scid): keys.raw}))


def extended(keys: KeyLog, name: str, change: Change) -> KeyLog:
    """A key log with one more entry, by the update key that the actor of this name keeps safe."""
    order = ("update", "next", "third", "fourth", "fifth")
    update, following = (SigningKey.from_seed(seed(f"{name} {order[len(keys.entries) + n]}")) for n in (0, 1))
    time = f"2026-09-21T00:00:{len(keys.entries):02d}Z"
    return keylog.verify(keychange.extend(keys, update, following.public, time, change))
