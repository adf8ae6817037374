"""Taking up what others wrote: reading and verifying lines; verifying, folding and indexing them."""

from pathlib import Path

from nacl.bindings import crypto_sign_open

from beads import genesis, ids, op
from beads.clock import FOREVER_MS
from beads.git_store import GitStore
from beads.memory_store import MemoryStore
from beads.store import Store
from beads.verify import START, Verifier
from bench import _world as world
from bench._world import Figures, Offered
from stamps import envelope, keylog
from stamps.keys import PublicKey
from wanted.ops.table import BOARD

LOGS = 20


def measure(ops: int, runs: int) -> Figures:
    raw, source = world.offered(ops, LOGS)
    count = sum(map(len, source.lines.values()))
    with world.folder() as folder:
        bare = min(_bare(source) for _ in range(runs))
        read = min(_read(raw, source) for _ in range(runs))
        memory = min(_ingest(MemoryStore(raw), source, folder / f"m{n}.sqlite") for n in range(runs))
        git = min(
            _ingest(GitStore.create(folder / f"{n}.git", raw), source, folder / f"g{n}.sqlite") for n in range(runs)
        )
    ingest = world.rate(count, git)
    return {
        "operations": count,
        "logs": LOGS,
        "mean_line_bytes": sum(len(line) for lines in source.lines.values() for line in lines) // count,
        "baseline_pynacl_verify_per_second": world.rate(count, bare),
        "parsed_and_verified_per_second": world.rate(count, read),
        "ingested_per_second": {"memory_store": world.rate(count, memory), "git_store": ingest},
        "ratios": {
            "read_to_pynacl": round(bare / read, 2),
            "ingest_to_pynacl": round(bare / git, 2),
        },
        "aims": {"ingested_per_second_above": 8000, "met": ingest > 8000},
    }


def _bare(source: Offered) -> float:
    """Only the signatures: what no implementation can do without."""
    pairs = [
        (signature + envelope.pae(header), _key(lines[0]).raw)
        for lines in source.lines.values()
        for signature, header in map(envelope.split, lines)
    ]

    def work() -> None:
        for message, key in pairs:
            crypto_sign_open(message, key)

    return world.seconds(work)


def _key(first: bytes) -> PublicKey:
    return PublicKey.from_did(op.parse(first).p["key"])


def _read(raw: bytes, source: Offered) -> float:
    keys = {keys.scid: keys for keys in map(keylog.verify, source.key_logs().values())}
    verifier = Verifier(ids.commons_id(raw), genesis.parse(raw).private, BOARD, keys.get, FOREVER_MS)

    def work() -> None:
        for log, lines in source.lines.items():
            verdict = verifier.read(log, lines, START)
            assert verdict.stopped is None, verdict.stopped

    return world.seconds(work)


def _ingest(store: Store, source: Offered, index: Path) -> float:
    ledger = world.ledger_over(store, index)
    took = world.seconds(lambda: ledger.ingest(source))
    assert len(ledger.index.heads()) == len(source.lines)
    ledger.close()
    return took
