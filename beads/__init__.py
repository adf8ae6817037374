"""The ledger: signed operations in single-writer logs, folded to beads.

Generic on purpose: what an operation *means* comes in as a frozen table of operation types
(`beads.rules.Rules`); the board, in `wanted`, supplies its own. See docs/protocol.md.
"""
