"""`wl`: the federation's command line."""

import click

from node.cli.common import LazyGroup
from node.cli.common import main as run

VERBS = {
    "create": ("node.cli.wl_commons", "create", "Found a commons."),
    "join": ("node.cli.wl_commons", "join", "Follow a commons, from any node or git repository that holds it."),
    "use": ("node.cli.wl_commons", "use", "Say which commons verbs mean."),
    "list": ("node.cli.wl_commons", "list_", "The commons followed here."),
    "import": ("node.cli.wl_legacy", "import_", "Bring a commons of the reference along, unsigned as it was."),
    "legacy": ("node.cli.wl_legacy", "legacy_", "What was brought along, and the stamps that somebody had there."),
    "fork": ("node.cli.wl_commons", "fork", "Found a commons that inherits this one's history."),
    "adopt": ("node.cli.wl_commons", "adopt", "Offer an open item of a fork's parent anew, in the fork."),
    "leave": ("node.cli.wl_commons", "leave", "Follow a commons no longer; your stamps go along."),
    "browse": ("node.cli.wl_items", "browse", "The board: what is wanted."),
    "show": ("node.cli.wl_items", "show", "One item, whole."),
    "post": ("node.cli.wl_offer", "post", "Offer work."),
    "edit": ("node.cli.wl_offer", "edit", "Change an offer of mine while nobody has it."),
    "claim": ("node.cli.wl_work", "claim", "Want an item; its home grants it."),
    "grant": ("node.cli.wl_work", "grant", "Give an item to a claimer by hand."),
    "release": ("node.cli.wl_work", "release", "Give an item up."),
    "done": ("node.cli.wl_work", "done", "Hand work in, with evidence."),
    "review": ("node.cli.wl_review", "review", "Look at handed-in work, and run its checks in a sandbox."),
    "accept": ("node.cli.wl_work", "accept", "Take a submission; --stamp judges it too."),
    "reject": ("node.cli.wl_work", "reject", "Refuse a submission, with the reason."),
    "close": ("node.cli.wl_work", "close", "End an item without a winner."),
    "withdraw": ("node.cli.wl_work", "withdraw", "Take an offer back."),
    "comment": ("node.cli.wl_work", "comment", "Say something under an item."),
    "stamp": ("node.cli.wl_work", "stamp", "Judge accepted work."),
    "unstamp": ("node.cli.wl_stamps", "unstamp", "Take a stamp of mine back."),
    "dispute": ("node.cli.wl_stamps", "dispute", "Say that a stamp I was given is wrong."),
    "answer": ("node.cli.wl_stamps", "answer", "Answer what was said against a stamp of mine."),
    "sheet": ("node.cli.wl_sheet", "sheet", "Character sheets: show, export, verify, import."),
    "badge": ("node.cli.wl_badge", "badge", "A badge for a README: how my circle regards me, or somebody."),
    "trust": ("node.cli.wl_stamps", "trust", "Say how much I trust somebody's judgement."),
    "why": ("node.cli.wl_circle", "why", "Why an actor's score is what it is: ways of trust, and the evidence."),
    "leaderboard": ("node.cli.wl_circle", "leaderboard", "Who stands how, seen from my circle."),
    "init": ("node.cli.wl_identity", "init", "Make an identity (create and join do it too)."),
    "me": ("node.cli.wl_identity", "me", "Who I am, what I hold, what waits for me."),
    "name": ("node.cli.wl_name", "name", "Say how I want to be called."),
    "id": ("node.cli.wl_id", "id_", "My keys: show, rotate, revoke, add devices and agents, recover."),
    "link": ("node.cli.wl_link", "link", "Accounts elsewhere, and actors, that are mine too: add, check, owner."),
    "erase": ("node.cli.wl_words", "erase", "Take my own words back, everywhere."),
    "shun": ("node.cli.wl_words", "shun", "Keep the words of an operation on this machine no longer."),
    "charter": ("node.cli.wl_charter", "charter", "Who governs a commons, and by which rules: show, propose, sign."),
    "invite": ("node.cli.wl_charter", "invite", "Let an actor into a commons that is by invitation."),
    "peer": ("node.cli.wl_peers", "peer", "With whom this node syncs: add, list, set, block, discover."),
    "sync": ("node.cli.wl_sync", "sync", "Pull from and push to the peers."),
    "bundle": ("node.cli.wl_sync", "bundle", "A commons in one file, to be carried: write, read."),
    "serve": ("node.cli.wl_serve", "serve", "Serve git, pages and news to others."),
    "verify": ("node.cli.wl_care", "verify", "Check every signature and chain again, from git."),
    "doctor": ("node.cli.wl_care", "doctor", "Look for trouble; --fix mends what is safe to mend."),
    "demo": ("node.cli.wl_demo", "demo", "Run the whole story on this machine: two nodes, a town, a stamp."),
}
SECTIONS = {
    "A commons": "create", "The board": "browse", "Stamps and standing": "stamp", "Me and my words": "init",
    "Governance": "charter", "Nodes": "peer", "Care": "verify",
}  # fmt: skip


@click.group(
    cls=LazyGroup, verbs=VERBS, sections=SECTIONS, context_settings={"help_option_names": ["-h", "--help"]},
    epilog="First steps: wl create \"Our Commons\"; wl post \"Fix the door\"; wl serve",
)  # fmt: skip
@click.version_option(package_name="wasteland-node")
def wl() -> None:
    """A board of work that belongs to nobody: signed, replicated over git, settled the same on every node."""


def main() -> None:
    """Run `wl`."""
    run(wl, "wl")


if __name__ == "__main__":
    main()
