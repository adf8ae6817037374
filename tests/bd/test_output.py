"""What agents read costs tokens: answers are small unless they are asked for whole."""

from pathlib import Path

from bench.ledger import seeded
from tests.bd.support import Bd

KIB = 1024


def test_ready_on_a_ledger_of_sixteen_thousand_stays_small(bd: Bd, tmp_path: Path) -> None:
    file = tmp_path / "issues.jsonl"
    file.write_bytes(seeded(16_000))
    bd.ok("import", str(file), "--quiet")
    assert len(bd.ok("ready", "--json").out.encode()) < 12 * KIB
    assert len(bd.ok("list", "--json").out.encode()) < 12 * KIB
    assert len(bd.ok("prime").out.encode()) < 4 * KIB
    assert len(bd.json("ready", "--limit", "100")) == 100
    assert len(bd.json("list", "--limit", "0")) > 5_000


def test_the_longest_titles_do_not_make_a_list_long(bd: Bd) -> None:
    for n in range(40):
        bd.make(f"{n} {'x' * 480}")
    for verb in ("ready", "list"):
        assert len(bd.ok(verb, "--json").out.encode()) < 12 * KIB


def test_one_asks_for_more_and_gets_it(bd: Bd) -> None:
    bead = bd.make("Words", "-d", "y" * 5000)
    assert "description" not in bd.json("list")[0]
    assert len(bd.json("list", "--full")[0]["description"]) == 5000
    assert bd.json("list", "--fields", "id,priority") == [{"id": bead, "priority": 2}]
    assert len(bd.json("show", bead, "--max-text", "100")[0]["description"]) == 101
