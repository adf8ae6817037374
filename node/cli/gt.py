"""`gt`: the town's command line."""

import click

from node.cli.common import LazyGroup
from node.cli.common import main as run

VERBS = {
    "install": ("node.cli.gt_verbs", "install", "Make a town in this home."),
    "rig": ("node.cli.gt_verbs", "rig", "Repositories the town works on: add, list."),
    "up": ("node.cli.gt_verbs", "up", "Start the supervisor."),
    "down": ("node.cli.gt_verbs", "down", "Stop it and every session; no work is lost."),
    "status": ("node.cli.gt_verbs", "status", "What moves, and what waits for you."),
    "sling": ("node.cli.gt_verbs", "sling", "Put a bead on a rig's hook."),
    "hook": ("node.cli.gt_verbs", "hook", "What is on an agent's hook."),
    "prime": ("node.cli.gt_verbs", "prime", "What an agent is told when its session starts."),
    "done": ("node.cli.gt_verbs", "done", "An agent says its work is ready to be merged."),
    "resume": ("node.cli.gt_verbs", "resume", "Give a bead that needs you back to its worker."),
    "unsling": ("node.cli.gt_verbs", "unsling", "Take a bead off its hook."),
    "rescue": ("node.cli.gt_verbs", "rescue", "What was saved from worktrees that are gone."),
    "mq": ("node.cli.gt_verbs", "mq", "The merge queue: list, retry, reject, release."),
}


@click.group(cls=LazyGroup, verbs=VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="wasteland-node")
def gt() -> None:
    """Gas Town: agents at work on this machine, and a merge queue that fails closed."""


def main() -> None:
    """Run `gt`."""
    run(gt, "gt")


if __name__ == "__main__":
    main()
