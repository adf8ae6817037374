"""Real node processes with a hostile relay between two of them, killed and parted; `python -m bench ring` is larger."""

from pathlib import Path

from bench.ring import ring


def test_nodes_that_are_killed_parted_and_lied_to_end_with_equal_heads_and_states(tmp_path: Path) -> None:
    figures = ring(tmp_path, 240, 3, trouble=True)
    assert (figures["equal_heads"], figures["equal_state_hashes"]) == (True, True), figures
    assert figures["operations"] > 240, "homes have granted claims besides"
    assert figures["kills"] > 0
    assert figures["cuts"] > 0
