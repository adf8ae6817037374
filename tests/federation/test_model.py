"""A small model, looked at whole: two claimers, one home used from two copies, one checkpoint.

On one copy the home grants the item to the one claimer, on the other to the other; a delegate's checkpoint covers the
one grant, the other, or neither. A node hears of these five things in any order, each whole. At every step it must
hold what the operations it has heard fold to; and a grant that the checkpoint covers, once heard of with it, stands.
"""

from collections.abc import Iterable
from itertools import permutations
from typing import NamedTuple

import pytest

from beads import fold, genesis, ids, verify
from beads.clock import FOREVER_MS
from beads.fold import Snapshot
from beads.ledger import Author, Ledger
from beads.op import Line
from beads.verify import Verifier
from tests.federation.net import ALICE, BOB, CAROL, DAVE
from tests.world import EPOCH_MS, TERMS, Chain, Said, found, keys_of, memory_ledger
from wanted import view
from wanted.ops.post import terms_payload
from wanted.ops.table import BOARD

RAW = found(DAVE)
COMMONS = ids.commons_id(RAW)
KEYS = {author.actor: author.key_log for author in (ALICE, BOB, CAROL, DAVE)}


class Story(NamedTuple):
    """What there is to hear, by name, and which item it is about."""

    item: str
    heard: dict[str, Chain]


def told(covers: str) -> Story:
    home = opened(ALICE)
    item = home.add("wanted.post", terms_payload(TERMS) | {"home": None, "prose": []}).id
    claims = {"bob": opened(BOB), "carol": opened(CAROL)}
    made = {name: chain.add("wanted.claim", {"item": item}) for name, chain in claims.items()}
    copies = {"bob": home, "carol": home.fork(2)}
    for name, author in (("bob", BOB), ("carol", CAROL)):
        lease = {"claim": made[name].id, "actor": author.actor, "until": EPOCH_MS}
        copies[name].add("wanted.grant", {"item": item, "epoch": 0, **lease})
    head = copies[covers].lines[-1] if covers in copies else home.lines[1]
    delegate = opened(DAVE)
    delegate.add("checkpoint", {"heads": [[head.log, head.seq, head.id]], "keys": []})
    return Story(
        item,
        {
            "a claim by bob": claims["bob"], "a claim by carol": claims["carol"],
            "the grant to bob": copies["bob"], "the grant to carol": copies["carol"], "the checkpoint": delegate,
        },
    )  # fmt: skip


def opened(author: Author) -> Chain:
    chain = Chain(author, COMMONS)
    chain.open()
    return chain


def pure(chains: Iterable[Chain]) -> Snapshot:
    verifier = Verifier(COMMONS, False, BOARD, KEYS.get, FOREVER_MS)
    ops = [op for chain in chains for op in verifier.read(chain.log, chain.raw, verify.START).ops]
    return fold.fold(ops, COMMONS, genesis.parse(RAW), BOARD, KEYS.get)


def holder(state: object) -> str | None:
    item = view.read(state) if isinstance(state, dict) else None
    return item.holder.actor if item is not None and item.holder is not None else None


COVERS = ("bob", "carol", "neither")
STORIES = {covers: told(covers) for covers in COVERS}
ORDERS = list(permutations(STORIES["bob"].heard))


@pytest.mark.parametrize("covers", COVERS)
def test_every_order_of_hearing_comes_to_what_was_heard_and_undoes_no_covered_grant(covers: str) -> None:
    story = STORIES[covers]
    expected = {frozenset(order[:n]): None for order in ORDERS for n in range(1, 6)}
    hashes = {names: pure(story.heard[name] for name in names) for names in expected}
    winner = {"bob": BOB.actor, "carol": CAROL.actor}.get(covers)
    for order in ORDERS:
        ledger = memory_ledger(RAW)
        for n, name in enumerate(order, 1):
            hear(ledger, story.heard[name])
            known = frozenset(order[:n])
            assert ledger.index.state_hash() == hashes[known].state_hash(), (order, n)
            final = {"the checkpoint", f"the grant to {covers}"} <= known
            if final:
                assert holder(ledger.index.state("bead", story.item)) == winner, (order, n)
            elif {"the grant to bob", "the grant to carol"} <= known:
                assert holder(ledger.index.state("bead", story.item)) is None, (order, n)
        ledger.close()


def hear(ledger: Ledger, chain: Chain) -> None:
    ledger.ingest(Said(keys=keys_of(ALICE, BOB, CAROL, DAVE), chains={chain.log: chain.raw}))


def test_the_model_is_whole() -> None:
    """Both grants stand at one position, and each order of the five is there."""
    grants: list[Line] = [STORIES["bob"].heard[f"the grant to {name}"].lines[2] for name in ("bob", "carol")]
    assert grants[0].seq == grants[1].seq
    assert grants[0].prev == grants[1].prev
    assert grants[0].id != grants[1].id
    assert len(set(ORDERS)) == 120
