"""wl claim, release, done, accept, reject, stamp, grant, close, withdraw, comment: working on the board."""

import re
import time
from collections.abc import Callable, Mapping, Sequence

import click

from node import present, told, typed, wiring
from node.cli.common import Output, commons_option, offline_option, verb
from node.cli.step import in_step, tell
from node.commons import Commons
from node.errors import REFUSED, Usage
from node.sheets.words import counted
from stamps.stamp import MAX_SCORE
from wanted.board import Judgement
from wanted.errors import Taken
from wanted.item import Evidence
from wanted.view import ItemView, Stamped

WAIT_SECONDS = 60
SCORES = ("quality", "reliability", "creativity", "title")
GIVEN = ("others", "skills", "message")
_COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")


@verb()
@click.argument("item")
@commons_option
@offline_option
@click.option("--wait", is_flag=True, help="Wait until the item's home has granted it.")
@click.option("--rig", help="Let this rig of my town do it; consents to the item's words reaching its agents.")
def claim(output: Output, item: str, commons: str | None, offline: bool, wait: bool, rig: str | None) -> None:
    """Want an item; its home grants it."""
    with in_step(output, commons, offline) as ours:
        found = ours.claim(item)
    with Commons(ours.home, ours.id) as again:
        if (wait or rig) and again.item(found.id).holder is None:
            output.note(f"Waiting for the item's home to grant it, {WAIT_SECONDS} s at most …")
        try:
            found = _granted(again, found.id, WAIT_SECONDS if wait or rig else 0)
        except KeyboardInterrupt:
            output.warn(f"Interrupted: your claim stands. wl sync, and wl show {found.id[:12]} says how.")
            raise
        if rig is not None:
            _hand_to_town(output, again, found, rig)
            return
        held = found.holder is not None and found.holder.actor == again.me
        stands = present.standing(found, again.me, again.handles())
        said = "Granted: it is yours." if held else f"Claimed, {stands}."
        tell(output, again, found, said, f"wl done {found.id[:12]} --commit SHA --repo URL")
        if wait and not held:
            output.trouble(_why_not(again, found))
            raise click.exceptions.Exit(REFUSED)


def _why_not(ours: Commons, item: ItemView) -> str:
    """Guess why a home has not granted an item: of its own rules it tells nobody."""
    sql = "SELECT count(*) FROM items WHERE holder = :me AND home = :home"
    ((held,),) = ours.index.database.query(sql, {"me": ours.me, "home": item.home})
    if held:
        things = counted(int(held), "item")
        return f"Not granted in {WAIT_SECONDS} s. You hold {things} of this home, and it may let nobody hold more."
    return f"Not granted in {WAIT_SECONDS} s: its home is away, or decides by hand. wl sync looks again."


def _granted(ours: Commons, item: str, seconds: float) -> ItemView:
    """Pull until the home has spoken, at most so long.

    Raises:
        Taken: It was granted to another.
    """
    until = time.monotonic() + seconds
    while True:
        found = ours.item(item)
        if found.holder is not None and found.holder.actor != ours.me:
            raise Taken("the item was granted to another", "wl browse shows what is open.")
        if found.holder is not None or time.monotonic() >= until:
            return found
        time.sleep(0.3)
        ours.sync(push=False)


def _hand_to_town(output: Output, ours: Commons, item: ItemView, rig: str) -> None:
    # The town is imported only where one is asked for: it doubles the start-up of a claim.
    from node.townhall import take_on  # noqa: PLC0415 - start-up time, see above

    bead = take_on(ours, item, rig)
    output.result(
        {"item": present.item_json(told.of(ours.index, item, ours.handles())), "bead": bead.id, "rig": rig},
        [f"Rig {rig} works on it as bead {bead.short}."],
        ["gt status", "gt mq list"],
    )


@verb()
@click.argument("item")
@commons_option
@offline_option
def release(output: Output, item: str, commons: str | None, offline: bool) -> None:
    """Give an item up."""
    with in_step(output, commons, offline) as ours:
        tell(output, ours, ours.release(item), "Released.", "wl browse")


@verb()
@click.argument("item")
@commons_option
@offline_option
@click.option("--commit", help="The commit that does it: its whole id, or what it is called in this folder.")
@click.option("--repo", default="", help="Where the commit is: a URL.")
@click.option("--url", "urls", multiple=True, help="An address that shows it; repeat for more.")
@click.option("--summary", "-m", default="", help="What was done, in your words.")
def done(
    output: Output, item: str, commons: str | None, offline: bool, commit: str | None, repo: str,
    urls: tuple[str, ...], summary: str,
) -> None:  # fmt: skip
    """Hand work in, with evidence."""
    typed.check_addresses((*urls, *([repo] if repo else [])))
    evidence: list[Evidence] = [{"kind": "url", "url": url} for url in urls]
    if commit:
        evidence.insert(0, {"kind": "git_commit", "commit": _whole(commit), **({"repo": repo} if repo else {})})
        if not repo:
            output.note("Say where the commit is with --repo URL, or nobody can fetch it.")
    with in_step(output, commons, offline) as ours:
        found = ours.submit(item, evidence, summary)
        granted = found.terms.competition or ours.me in found.granted
        said = (
            "Handed in."
            if granted
            else "Handed in, but the item was never granted to you: claim it, or its home may not take it."
        )
        tell(output, ours, found, said, "wl sync   (to see how it was judged)")


def _whole(commit: str) -> str:
    """Return the whole id of a commit; a short one, or a name, is looked up in the repository that we are in."""
    if _COMMIT.fullmatch(commit):
        return commit
    found = wiring.git_commit(commit)
    if not found:
        raise Usage(f"there is no commit {commit} in this folder's repository", "Give its id in full, or go there.")
    return found


def judging(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a stamp."""
    for option in reversed(
        (
            click.option("--quality", type=click.IntRange(0, 5)),
            click.option("--reliability", type=click.IntRange(0, 5)),
            click.option("--creativity", type=click.IntRange(0, 5)),
            click.option(
                "--dimension", "others", metavar="NAME=SCORE", multiple=True, callback=_scores,
                help="One that this commons has beside these; repeat for more.",
            ),
            click.option("--title", help="What you would say of it in one line."),
            click.option("--confidence", type=click.IntRange(0, 100), default=80, show_default=True),
            click.option(
                "--severity", type=click.Choice(["leaf", "branch", "root"]), default="leaf", show_default=True,
                help="How much the work mattered; root is the most.",
            ),
            click.option("--skill", "skills", multiple=True, help="A skill it took; repeat for more."),
            click.option("--message", "-m", default="", help="More words."),
        )
    ):  # fmt: skip
        function = option(function)
    return function


def _scores(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, int]:
    """Read NAME=SCORE; what a commons judges by is the commons' to say."""
    found: dict[str, int] = {}
    for each in given:
        name, equals, score = each.partition("=")
        if not name or not equals or not score.isdecimal() or int(score) > MAX_SCORE:
            raise click.BadParameter(f"{each!r} is not NAME=SCORE with a score from 0 to {MAX_SCORE}", context, option)
        found[name] = int(score)
    return found


def judgement(
    *, quality: int | None, reliability: int | None, creativity: int | None, others: Mapping[str, int],
    title: str | None, confidence: int, severity: str, skills: tuple[str, ...], message: str,
) -> Judgement:  # fmt: skip
    """Put the options of a stamp together; a stamp without a title takes the item's."""
    given = {"quality": quality, "reliability": reliability, "creativity": creativity}
    dims = {name: score for name, score in given.items() if score is not None} | dict(others)
    if not dims:
        raise Usage("a stamp needs a score", "Give --quality, --reliability or --creativity, each 0 to 5.")
    return Judgement(title or "", dims, confidence, severity, skills, message)


@verb()
@click.argument("item")
@commons_option
@offline_option
@click.option("--submission", metavar="ID", help="Which one, where several wait.")
@click.option("--stamp", "with_stamp", is_flag=True, help="Judge it at once.")
@judging
def accept(
    output: Output, item: str, commons: str | None, offline: bool, submission: str | None, with_stamp: bool,
    **scores: object,
) -> None:  # fmt: skip
    """Take a submission as what was asked for; --stamp judges it too."""
    # Whoever gives a score means a stamp, said or not.
    with_stamp = with_stamp or any(scores[name] for name in GIVEN) or any(scores[name] is not None for name in SCORES)
    said = judgement(**scores) if with_stamp else None  # type: ignore[arg-type]
    with in_step(output, commons, offline) as ours:
        found = ours.accept(item, submission, said)
        words = "Accepted and stamped." if with_stamp else "Accepted."
        if with_stamp:
            _tell_of_checks(output, found, found.stamps[-1:])
        tell(output, ours, found, words, *(() if with_stamp else (f"wl stamp {found.id[:12]} --quality 4",)))


def _tell_of_checks(output: Output, item: ItemView, stamps: Sequence[Stamped]) -> None:
    """Say what of an item's checks the stamp that was given now does not speak of."""
    ran = {run.command for stamp in stamps for run in stamp.checks}
    left = sum(check.command not in ran for check in item.terms.checks)
    if left:
        output.note(f"{counted(left, 'check')} of this item did not run before this stamp: wl review {item.id[:12]}")


@verb()
@click.argument("item")
@commons_option
@offline_option
@click.option("--submission", metavar="ID", help="Which one, where several were accepted.")
@judging
def stamp(
    output: Output, item: str, commons: str | None, offline: bool, submission: str | None, **scores: object
) -> None:  # fmt: skip
    """Judge accepted work."""
    said = judgement(**scores)  # type: ignore[arg-type]
    with in_step(output, commons, offline) as ours:
        before = {stamp.op for stamp in ours.item(item).stamps if stamp.author == ours.me}
        found = ours.stamp(item, submission, said)
        mine = [stamp for stamp in found.stamps if stamp.author == ours.me]
        new = [stamp for stamp in mine if stamp.op not in before]
        replaced = len(mine) == len(before) and bool(before)
        _tell_of_checks(output, found, new)
        if any(found.is_disputed(stamp.op) and not found.is_answered(stamp.op) for stamp in new):
            output.note(f"What was said against it before still stands: wl answer {found.id[:12]} --text …")
        tell(output, ours, found, "Stamped; it takes the place of what you said before." if replaced else "Stamped.")


@verb()
@click.argument("item")
@click.argument("actor")
@commons_option
@offline_option
def grant(output: Output, item: str, actor: str, commons: str | None, offline: bool) -> None:
    """Give an item to a claimer by hand; by default the home's node does it by itself."""
    with in_step(output, commons, offline) as ours:
        tell(output, ours, ours.grant(item, actor), "Granted.")


@verb()
@click.argument("item")
@commons_option
@offline_option
@click.option("--submission", metavar="ID", help="Which one, where several wait.")
@click.option("--reason", "-m", required=True, help="What is missing.")
@click.option("--final", is_flag=True, help="Take the item from its holder too.")
def reject(
    output: Output, item: str, commons: str | None, offline: bool, submission: str | None, reason: str, final: bool
) -> None:  # fmt: skip
    """Refuse a submission, with the reason."""
    with in_step(output, commons, offline) as ours:
        tell(output, ours, ours.reject(item, submission, reason, final=final), "Rejected.")


@verb()
@click.argument("item")
@commons_option
@offline_option
def close(output: Output, item: str, commons: str | None, offline: bool) -> None:
    """End an item without a winner."""
    with in_step(output, commons, offline) as ours:
        tell(output, ours, ours.end(item, "wanted.close"), "Closed.")


@verb()
@click.argument("item")
@commons_option
@offline_option
def withdraw(output: Output, item: str, commons: str | None, offline: bool) -> None:
    """Take an offer back."""
    with in_step(output, commons, offline) as ours:
        tell(output, ours, ours.end(item, "wanted.withdraw"), "Withdrawn.")


@verb()
@click.argument("item")
@click.argument("text")
@commons_option
@offline_option
def comment(output: Output, item: str, text: str, commons: str | None, offline: bool) -> None:
    """Say something under an item."""
    with in_step(output, commons, offline) as ours:
        tell(output, ours, ours.comment(item, text), "Said.")
