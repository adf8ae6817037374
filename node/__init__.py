"""One house in the federation: its home directory, its doors (HTTP, git) and its windows (CLI, pages)."""
