"""Gas Town: agents at work on this machine. Modules are imported by name; nothing is loaded eagerly."""
