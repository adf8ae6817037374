"""`bd`: the ledger's command line, the one agents live in."""

import click

from node.cli.common import LazyGroup
from node.cli.common import main as run

VERBS = {
    "create": ("node.cli.bd_write", "create", "Make a bead."),
    "show": ("node.cli.bd_read", "show", "One bead, whole."),
    "list": ("node.cli.bd_read", "list_", "Beads by status, type, assignee or label."),
    "ready": ("node.cli.bd_read", "ready", "Open beads that nothing blocks, the most urgent first."),
    "update": ("node.cli.bd_write", "update", "Change a bead's fields."),
    "close": ("node.cli.bd_write", "close", "Say that a bead is done."),
    "dep": ("node.cli.bd_write", "dep", "What a bead waits for: add, remove."),
}


@click.group(cls=LazyGroup, verbs=VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="wasteland-node")
def bd() -> None:
    """Beads: a ledger of work that agents and people share, private to its owner."""


def main() -> None:
    """Run `bd`."""
    run(bd, "bd")


if __name__ == "__main__":
    main()
