"""The node's windows for people: server-rendered pages that work without script."""
