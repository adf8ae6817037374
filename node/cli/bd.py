"""`bd`: the ledger's command line, the one agents live in."""

import os

import click

from node.cli.common import LazyGroup
from node.cli.common import main as run

_READ, _WRITE, _END = "node.cli.bd_read", "node.cli.bd_write", "node.cli.bd_end"
_LINKS, _PAST = "node.cli.bd_links", "node.cli.bd_past"
_MEMORY, _CARE, _JSONL = "node.cli.bd_memory", "node.cli.bd_care", "node.cli.bd_jsonl"
VERBS = {
    "init": ("node.cli.bd_init", "init", "Set up a ledger for this repository."),
    "create": (_WRITE, "create", "Make a bead."),
    "q": (_WRITE, "q", "Make a bead quickly: prints its id only."),
    "ready": (_READ, "ready", "Work that nothing keeps waiting, the most urgent first."),
    "list": (_READ, "list_", "List beads by what they are."),
    "show": ("node.cli.bd_show", "show", "One bead, or several, whole."),
    "search": (_READ, "search", "Find beads by words of their texts."),
    "update": (_WRITE, "update", "Change beads; --claim takes one."),
    "close": (_END, "close", "Say that beads are done."),
    "reopen": (_END, "reopen", "Open closed beads again."),
    "heartbeat": (_WRITE, "heartbeat", "Renew the lease of your claim."),
    "release": (_WRITE, "release", "Give a bead back."),
    "defer": (_END, "defer", "Put beads off until a point of time."),
    "undefer": (_END, "undefer", "Take beads up again that were put off."),
    "duplicate": (_END, "duplicate", "Close a bead as another's duplicate."),
    "supersede": (_END, "supersede", "Close a bead that another takes the place of."),
    "delete": (_END, "delete", "Delete beads; without --force only a preview."),
    "restore": (_END, "restore", "Bring deleted beads back."),
    "dep": (_LINKS, "dep", "What beads wait for: add, remove, list, tree, cycles."),
    "label": (_LINKS, "label", "Labels: add, remove, list, list-all."),
    "comments": (_LINKS, "comments", "What is said under beads: add, list."),
    "children": (_READ, "children", "What a bead is made of."),
    "epic": (_LINKS, "epic", "Epics: status, close-eligible."),
    "graph": (_LINKS, "graph", "Who waits for whom."),
    "blocked": (_READ, "blocked", "Work that something keeps waiting, and what that is."),
    "stale": (_READ, "stale", "Beads that nobody has touched for long."),
    "count": (_READ, "count", "Count what list would list."),
    "stats": (_READ, "stats", "How many beads there are, of which kind."),
    "history": (_PAST, "history", "Who changed what, and when."),
    "as-of": (_PAST, "as_of", "A bead, or the ledger, as it stood at a moment."),
    "blame": (_PAST, "blame", "Who gave each member the value that it has."),
    "conflicts": (_PAST, "conflicts", "What lost against something written at the same time."),
    "prime": (_MEMORY, "prime", "What an agent should know as it begins."),
    "remember": (_MEMORY, "remember", "Keep a text for next time."),
    "memories": (_MEMORY, "memories", "What is remembered."),
    "recall": (_MEMORY, "recall", "What is remembered under a key, or of some words."),
    "forget": (_MEMORY, "forget", "Take a memory back."),
    "compact": (_MEMORY, "compact", "Sum up what was closed long ago."),
    "import": (_JSONL, "import_", "Bring in a file of beads."),
    "export": (_JSONL, "export", "Write the beads to a file."),
    "lint": (_CARE, "lint", "Beads whose description lacks what their type calls for."),
    "config": (_CARE, "config", "The ledger's settings: set, get, unset, list."),
    "sync": (_CARE, "sync", "Trade with the repositories that this ledger is shared through."),
    "doctor": (_CARE, "doctor", "Look for what is odd in the ledger."),
    "ping": (_CARE, "ping", "Say whether the ledger answers."),
    "where": (_CARE, "where", "Which ledger is meant here, and where it lies."),
    "formula": ("node.cli.bd_formula", "formula", "Templates of work: list, show, check."),
    "cook": ("node.cli.bd_formula", "cook", "What a formula comes to; --proto keeps it."),
    "mol": ("node.cli.bd_molecule", "mol", "Molecules: pour, wisp, show, current, progress, bond, squash, burn, gc."),
    "swarm": ("node.cli.bd_molecule", "swarm", "Many at one epic: validate, status."),
    "gate": ("node.cli.bd_gate", "gate", "What work waits for besides work: create, list, show, check, resolve."),
    "merge-slot": ("node.cli.bd_gate", "merge_slot", "Whose turn it is to merge: acquire, release, check, leave."),
    "mcp": ("node.cli.bd_mcp", "mcp", "Serve these verbs to agents over the Model Context Protocol."),
}
SECTIONS = {
    "Every day": "init", "A bead's life": "reopen", "Links, labels, comments": "dep", "Overviews": "blocked",
    "History": "history", "Memory": "prime", "Files, machines, care": "import", "Patterns of work": "formula",
}  # fmt: skip


SAID = {"done": "close", "status": "stats", "info": "where", "comment": "comments", "ls": "list", "rm": "delete"}
"""What else people call the verbs."""


@click.group(
    cls=LazyGroup, verbs=VERBS, sections=SECTIONS, said=SAID, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option("--directory", "-C", metavar="PATH", help="Work as if in this folder.")
@click.option("--actor", metavar="NAME", help="Who acts; else BEADS_ACTOR, BD_ACTOR or GT_AGENT, else you.")
@click.option("--json", "json_", is_flag=True, help="Print JSON; every verb takes it, too.")
@click.version_option(package_name="wasteland-node")
def bd(directory: str | None, actor: str | None, json_: bool) -> None:
    """Beads: a ledger of work that agents and people share, private to its owner."""
    if directory is not None:
        os.chdir(directory)
    if actor is not None:
        os.environ["BEADS_ACTOR"] = actor


def main() -> None:
    """Run `bd`."""
    run(bd, "bd")


if __name__ == "__main__":
    main()
