"""Words that are gone: taken back by their author everywhere, or shunned by the owner of one machine."""

from beads.memory_store import MemoryStore
from tests.federation.net import ALICE, BOB, Net
from tests.world import Clock, found, ledger_over, said


def test_words_that_the_owner_of_a_machine_shuns_go_there_and_do_not_come_again() -> None:
    net = Net(found(ALICE))
    item = net.post("home")
    net.meet("home", "worker")
    words = net.say("worker", BOB, item, "buy my pills")
    net.meet("home", "worker")
    list_: set[str] = set()
    mine = ledger_over(MemoryStore(net.raw), Clock(), shunned=lambda: frozenset(list_))
    mine.ingest(said(net.node("home").store))
    assert mine.index.has_body(words.id)
    list_.add(words.id)
    mine.refresh()
    assert not mine.index.has_body(words.id)
    assert mine.store.body(words.log, words.seq) is None
    mine.ingest(said(net.node("home").store))
    assert not mine.index.has_body(words.id)
    assert mine.index.state_hash() == net.node("home").index.state_hash(), "nothing else changes"
    list_.clear()
    mine.ingest(said(net.node("home").store))
    assert mine.index.has_body(words.id)
    mine.close()
    net.close()
