"""The board: work offered, claimed, proven, judged; on top of the ledger's generic beads."""
