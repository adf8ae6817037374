"""wl charter, invite: who governs a commons, and who comes in."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from node import governing, proposals
from node.cli.common import Output, Verbs, commons_option, offline_option, table, verb
from node.cli.step import in_step
from node.commons import Commons
from node.errors import Usage
from node.home import Home, locate
from node.proposals import IN_FORCE, OPEN, PASSED_OVER, Proposal, Standing, change_text


@verb()
@commons_option
def show(output: Output, commons: str | None) -> None:
    """Who governs, by which rules, and what is proposed."""
    home = Home(locate())
    with Commons(home, home.choose(commons)) as ours:
        found, names = proposals.standing(ours.index), ours.handles()
    waiting = [each for each in found.proposals if each.standing == OPEN]
    output.result(
        {"commons": ours.id, **_json(found)},
        [*_rules(found, names), *_proposals(found, names)],
        [f"wl charter sign {each.id[:12]}" for each in waiting],
    )


@verb()
@click.argument("proposal", required=False)
@commons_option
@offline_option
def sign(output: Output, proposal: str | None, commons: str | None, offline: bool) -> None:
    """Agree to a proposal: the one named, or the only open one."""
    with in_step(output, commons, offline) as ours:
        before = proposals.standing(ours.index).proposals
        _tell(output, ours, governing.sign(ours, proposal), before)


@verb()
@commons_option
@offline_option
@click.option("--add", multiple=True, metavar="ACTOR")
@click.option("--remove", multiple=True, metavar="ACTOR")
@click.option("--threshold", type=click.IntRange(1, 64), help="How many act together; over half.")
def delegates(
    output: Output, commons: str | None, offline: bool, add: Sequence[str], remove: Sequence[str],
    threshold: int | None,
) -> None:  # fmt: skip
    """Make others delegates; what the leaving ones have done so far stays."""
    if not (add or remove or threshold):
        raise Usage("nothing is changed", "Say --add, --remove or --threshold.")
    with in_step(output, commons, offline) as ours:
        _propose(output, ours, governing.delegates(ours, add, remove, threshold))


@verb()
@commons_option
@offline_option
@click.option("--admission", type=click.Choice(["open", "invite"]))
@click.option("--validators", type=click.Choice(["poster", "poster+delegates", "any"]), help="Who may stamp.")
@click.option("--dimension", "dimensions", multiple=True, help="All that are judged besides the usual three.")
def policy(
    output: Output, commons: str | None, offline: bool, admission: str | None, validators: str | None,
    dimensions: Sequence[str],
) -> None:  # fmt: skip
    """Change who may come in, who may stamp, what is judged."""
    change = governing.policy(admission, validators, dimensions)
    with in_step(output, commons, offline) as ours:
        _propose(output, ours, change)


@verb()
@click.argument("actor")
@commons_option
@offline_option
def admit(output: Output, actor: str, commons: str | None, offline: bool) -> None:
    """Let an actor in; one who was banned begins anew."""
    with in_step(output, commons, offline) as ours:
        chosen = actor if governing.is_scid(actor) else ours.find_actor(actor)
        _propose(output, ours, {"kind": "admit", "actor": chosen})


@verb()
@click.argument("actor")
@commons_option
@offline_option
@click.option("--everything", is_flag=True, help="All that delegates had not covered, not only what comes from now on.")
def ban(output: Output, actor: str, commons: str | None, offline: bool, everything: bool) -> None:
    """End an actor's logs: what this node has seen of them stays, unless you say --everything."""
    with in_step(output, commons, offline) as ours:
        _propose(output, ours, governing.ban(ours, actor, everything=everything))


@verb()
@click.argument("item")
@commons_option
@offline_option
def hide(output: Output, item: str, commons: str | None, offline: bool) -> None:
    """Take an item off the board; its words stay with whoever asks for it."""
    with in_step(output, commons, offline) as ours:
        _propose(output, ours, {"kind": "hide", "bead": ours.item(item).id})


@verb()
@click.argument("item")
@commons_option
@offline_option
def unhide(output: Output, item: str, commons: str | None, offline: bool) -> None:
    """Put it on the board again."""
    with in_step(output, commons, offline) as ours:
        _propose(output, ours, {"kind": "unhide", "bead": ours.item(item).id})


@verb()
@click.argument("item")
@commons_option
@offline_option
def adopt(output: Output, item: str, commons: str | None, offline: bool) -> None:
    """Become the home of an item whose poster has gone: this node decides on it from now on."""
    with in_step(output, commons, offline) as ours:
        _propose(output, ours, governing.adopt(ours, item))


propose = Verbs(
    "propose", "Propose a change; it is in force once enough delegates agree.",
    delegates, policy, admit, ban, hide, unhide, adopt,
)  # fmt: skip
charter = Verbs("charter", "Who governs a commons, and by which rules.", show, propose, sign)


@verb()
@click.argument("actor")
@commons_option
@offline_option
def invite(output: Output, actor: str, commons: str | None, offline: bool) -> None:
    """Let an actor into a commons that is by invitation; you answer for it."""
    with in_step(output, commons, offline) as ours:
        chosen = governing.invite(ours, actor)
        output.result(
            {"commons": ours.id, "actor": chosen},
            f"{chosen[:12]} may come in; what it writes from its next sync on counts.",
        )


# -- telling -------------------------------------------------------------------------------------------------------


def _propose(output: Output, ours: Commons, change: Mapping[str, Any]) -> None:
    before = proposals.standing(ours.index).proposals
    _tell(output, ours, governing.propose(ours, change), before)


def _tell(output: Output, ours: Commons, proposal: Proposal, before: Sequence[Proposal]) -> None:
    names = ours.handles()
    text = change_text(proposal.change, names)
    if proposal.standing == IN_FORCE:
        were_open = {each.id for each in before if each.standing == OPEN}
        after = proposals.standing(ours.index).proposals
        lost = [each for each in after if each.id in were_open and each.standing == PASSED_OVER]
        lines = [f"Passed over by it, propose it anew: {change_text(each.change, names)}." for each in lost]
        output.result(_proposal_json(proposal), [f"In force: {text}.", *lines], ["wl charter show"])
        return
    missing = proposal.needed - len(proposal.behind)
    more = "another delegate signs" if missing == 1 else f"{missing} more delegates sign"
    output.result(
        _proposal_json(proposal),
        [f"Proposed: {text}.", f"It is in force once {more}: wl charter sign {proposal.id[:12]}"],
        ["wl charter show"],
    )


def _rules(found: Standing, names: Mapping[str, str]) -> list[str]:
    now = found.now
    who = ", ".join(names.get(actor) or actor[:12] for actor in now.delegates)
    together = f"; {now.threshold} of {len(now.delegates)} act together" if len(now.delegates) > 1 else ""
    lines = [
        f"Delegates   {who}{together}",
        f"Admission   {now.admission}",
        f"Validators  {now.validators}",
        f"Charter     {'the founding one' if now.id is None else f'number {found.number}, {now.id[:12]}'}",
    ]
    if now.dimensions:
        lines.append(f"Dimensions  {', '.join(now.dimensions)}, and the usual three")
    if found.banned:
        lines.append(f"Banned      {', '.join(names.get(actor) or actor[:12] for actor in found.banned)}")
    return lines + ([f"Hidden      {', '.join(each[:12] for each in found.hidden)}"] if found.hidden else [])


def _proposals(found: Standing, names: Mapping[str, str]) -> list[str]:
    rows = [
        (each.id[:12], each.standing, f"{len(each.behind)}/{each.needed}", change_text(each.change, names))
        for each in found.proposals
    ]
    return ["", *table([("PROPOSAL", "STANDING", "SIGNED", "CHANGE"), *rows], 3)] if rows else []


def _json(found: Standing) -> dict[str, Any]:
    now = found.now
    return {
        "charter": now.id, "number": found.number, "delegates": list(now.delegates), "threshold": now.threshold,
        "admission": now.admission, "validators": now.validators, "dimensions": list(now.dimensions),
        "hidden": list(found.hidden), "banned": list(found.banned),
        "proposals": [_proposal_json(each) for each in found.proposals],
    }  # fmt: skip


def _proposal_json(proposal: Proposal) -> dict[str, Any]:
    return proposal._asdict() | {"change": dict(proposal.change), "behind": list(proposal.behind)}
