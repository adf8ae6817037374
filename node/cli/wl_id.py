"""wl id: the keys that speak for me, and how they change."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import update_wrapper
from pathlib import Path
from typing import Any, NamedTuple

import click

from beads.errors import NotFound
from node import holdings, identity, portrait, repairing, whom
from node.cli.common import Output, Verbs, offline_option, verb
from node.cli.wl_identity import existing_key, new_passphrase
from node.errors import Usage
from node.holdings import ALL, NONE
from node.home import Home, locate
from node.keybox import DEVICE, RECOVERY
from node.portrait import Viewpoint
from node.recovery import Changed, Safe, safe
from stamps import keychange
from stamps.errors import KeyFileError
from stamps.keylog import KeyLog

FILE = click.Path(path_type=Path, dir_okay=False)


class Means(NamedTuple):
    """With what a change is made.

    Attributes:
        recovery: The recovery key, where it is kept outside the home.
        successor: Where the next one is to be.
        offline: Ask and tell nobody.
    """

    recovery: Path | None
    successor: Path | None
    offline: bool


NEW_RECOVERY = click.option(
    "--new-recovery", type=FILE, help="Where the next recovery key goes; without it, where the old one is."
)


def changing(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a verb that changes the key log; it gets them as `means`."""

    def run(*args: Any, recovery: Path | None, new_recovery: Path | None, offline: bool, **kwargs: Any) -> None:
        function(*args, means=Means(recovery, new_recovery, offline), **kwargs)

    recovery_option = click.option("--recovery", type=FILE, help="The recovery key, where it is not in the home.")
    return recovery_option(NEW_RECOVERY(offline_option(update_wrapper(run, function))))


@dataclass(frozen=True)
class Sitting:
    """One change of the key log, from the look at what is known to the word about what has become of it."""

    output: Output
    home: Home
    kept: Safe
    offline: bool

    def tell(self, changed: Changed, data: Mapping[str, Any], *lines: str) -> None:
        """Say what has changed and where the next recovery key is; then bring it to everybody."""
        keys = changed.keys
        self.output.result(
            {**data, "actor": keys.scid, "entries": len(keys.entries), "recovery": str(changed.recovery)},
            [
                *lines,
                f"The key log has {portrait.entries(keys)}.",
                *([f"{self.kept.path} is used up."] if self.kept.path != changed.recovery else []),
                f"The recovery key is now {changed.recovery}: keep it safe; older copies are worth nothing.",
            ],
            ["wl id show"],
        )
        # Before anything else can fail: without this line the owner does not find the key.
        sys.stdout.flush()
        for trouble in identity.spread(self.home, offline=self.offline):
            self.output.trouble(f"{trouble}; the change goes out at the next sync")


def opened(output: Output, means: Means) -> Sitting:
    """Open the home with the newest key log that its peers know: to go on from an old one would fork it."""
    home = Home(locate())
    home.key_log()
    try:
        for trouble in () if means.offline else identity.refresh(home):
            output.trouble(f"{trouble}; what another machine of yours may have changed meanwhile is not known here")
    except KeyboardInterrupt:
        output.warn("Interrupted: nothing was changed.")
        raise
    return Sitting(output, home, safe(home, means.recovery, means.successor), means.offline)


# -- looking -------------------------------------------------------------------------------------------------------


@verb()
@click.argument("actor", default="me")
def show(output: Output, actor: str) -> None:
    """Show an identity: its keys, which of them are revoked, and where their work ends."""
    home = Home(locate())
    keys = _key_log(home, actor)
    mine = home.exists and keys.scid == home.key_log().scid
    here = home.box.public(DEVICE) if mine else None
    view = Viewpoint(here.did if here else None, {commons: one.name for commons, one in home.commons().items()})
    recovery = _recovery(home, keys) if mine else None
    output.result(
        {**portrait.as_json(keys, view), "recovery": str(recovery) if recovery else None},
        [*portrait.lines(keys, view), *(_recovery_lines(home, recovery) if mine else [])],
    )


def _key_log(home: Home, actor: str) -> KeyLog:
    if actor == "me":
        return home.key_log()
    found = holdings.key_log(home, whom.anywhere(home, actor, ""))
    if found is None:
        raise NotFound(f"no key log of {actor} here", "It comes with what the actor writes: wl sync")
    return found


def _recovery(home: Home, keys: KeyLog) -> Path | None:
    """Return the recovery key where it is in the home and still counts."""
    try:
        public = home.box.public(RECOVERY)
    except KeyFileError:
        return None
    return home.box.path(RECOVERY) if public and keychange.announces(keys.entries[-1], public) else None


def _recovery_lines(home: Home, recovery: Path | None) -> list[str]:
    if recovery is not None:
        return [f"The recovery key is {recovery}: a copy in a safe place is the way back if this machine is lost."]
    return ["The recovery key is not in this home; every change needs it: --recovery FILE"]


# -- keys ----------------------------------------------------------------------------------------------------------


KEEP = click.option(
    "--keep", "wanted", multiple=True, metavar="all|none|OP",
    help="What of its work stands: all that is held here (the default), none, or all up to an operation.",
)  # fmt: skip


def _check_keep(wanted: Sequence[str]) -> None:
    if len(wanted) > 1 and {ALL, NONE} & {*wanted}:
        raise Usage("--keep all and --keep none stand alone", "Or name operations, one for a commons at most.")


@verb()
@changing
@click.option("--device", is_flag=True, help="Give this machine a new key too; the old one is revoked.")
@KEEP
def rotate(output: Output, means: Means, device: bool, wanted: tuple[str, ...]) -> None:
    """Use the recovery key up for a new one."""
    _check_keep(wanted)
    if wanted and not device:
        raise Usage("--keep says what stands of a key that is revoked", "With --device the old key is.")
    sitting = opened(output, means)
    if not device:
        sitting.tell(identity.rotate(sitting.home, sitting.kept), {})
        return
    done = identity.rotate_device(sitting.home, sitting.kept, wanted)
    key = sitting.home.box.public(DEVICE)
    assert key is not None
    said = f"This machine signs with {key.did} from here on. Of what it has signed before:"
    data = {"device": key.did, "kept": portrait.left_json(done.left)}
    sitting.tell(done.changed, data, said, *portrait.left_lines(done.left))


@verb(name="add-device")
@click.argument("key")
@changing
def add_device(output: Output, means: Means, key: str) -> None:
    """Let another machine of mine do everything: KEY is what `wl id request` prints there."""
    _add(output, means, key, agent=False)


@verb(name="add-agent")
@click.argument("key")
@changing
def add_agent(output: Output, means: Means, key: str) -> None:
    """Let an agent elsewhere work for me: claim, submit, comment, but never judge or decide."""
    _add(output, means, key, agent=True)


def _add(output: Output, means: Means, key: str, *, agent: bool) -> None:
    public = identity.read_key(key)
    sitting = opened(output, means)
    changed = identity.add(sitting.home, sitting.kept, public, agent=agent)
    sitting.tell(changed, {"added": public.did}, f"{public.did} is {'an agent' if agent else 'a device'} of yours now.")


@verb()
@click.argument("key")
@click.option("--heir", metavar="KEY", help="The device key that decides from now on where this one did.")
@KEEP
@changing
def revoke(output: Output, means: Means, key: str, heir: str | None, wanted: tuple[str, ...]) -> None:
    """Let a key speak for me no longer: KEY is a did:key, or how it begins after did:key:."""
    _check_keep(wanted)
    sitting = opened(output, means)
    keys = sitting.home.key_log()
    chosen = identity.find_key(keys, key)
    inherits = identity.find_key(keys, heir) if heir else None
    done = identity.revoke(sitting.home, sitting.kept, chosen, inherits, wanted)
    left = [*portrait.left_lines(done.left), portrait.ELSEWHERE, *_going_on(sitting.home, done.changed.keys, inherits)]
    data = {"revoked": chosen, "heir": inherits, "kept": portrait.left_json(done.left)}
    sitting.tell(done.changed, data, f"{chosen} is revoked.", *left)


def _going_on(home: Home, keys: KeyLog, heir: str | None) -> list[str]:
    if not keys.device_keys():
        return ["No device is left: nobody can write in your name until you add one."]
    here = home.box.public(DEVICE)
    inherits = [f"{heir} decides from here on where it did."] if heir else []
    return [*inherits, *portrait.going_on(keys, here.did if here else None)]


@verb()
@click.argument("log", required=False)
@click.option("--keep", metavar="OP", help="Any operation of the way that is to stand. Without it, the ways are shown.")
@changing
def repair(output: Output, means: Means, log: str | None, keep: str | None) -> None:
    """Decide which way a log of mine goes on, where its key was used from two copies of a home."""
    if keep is None:
        _show_partings(output, Home(locate()), log)
        return
    sitting = opened(output, means)
    chosen = repairing.find(repairing.partings(sitting.home), log)
    way = repairing.choose(chosen, keep)
    done = repairing.repair(sitting.home, sitting.kept, chosen, way)
    said = f"Log {chosen.log[:12]} goes on with {way.start[:12]}, unless delegates decide otherwise."
    sitting.tell(done, {"log": chosen.log, "at": chosen.at, "keep": way.start}, said, *repairing.THEN)


def _show_partings(output: Output, home: Home, log: str | None) -> None:
    found = repairing.partings(home)
    if log is not None:
        found = [repairing.find(found, log)]
    output.result(
        {"partings": [repairing.as_json(each) for each in found]},
        [*(line for each in found for line in repairing.lines(each)), *repairing.WHY]
        if found
        else ["No log of yours goes on in two ways."],
        [f"wl id repair {found[0].log[:12]} --keep OP"] if found else (),
    )


# -- other machines ------------------------------------------------------------------------------------------------


@verb()
@click.option("--ssh-key", type=click.Path(path_type=Path, exists=True), help="Use this ed25519 key to sign.")
@click.option("--passphrase", is_flag=True, help="Ask for a passphrase that protects the key.")
@click.option("--cancel", is_flag=True, help="Ask no longer.")
def request(output: Output, ssh_key: Path | None, passphrase: bool, cancel: bool) -> None:
    """Ask, on a new machine, to become a device of an identity that is elsewhere."""
    home = Home(locate())
    if cancel:
        identity.cancel(home)
        output.result({"key": None}, "This machine asks no longer.")
        return
    key = existing_key(ssh_key) if ssh_key else None
    public = identity.request(home, key, new_passphrase() if passphrase else None)
    then = "wl sync" if home.exists else "wl id adopt URL (a node or repository with a commons that you work in)"
    output.result(
        {"key": public.did},
        [
            f"This machine's {'new key' if home.exists else 'key'} is {public.did}",
            f"Where you are at home: wl id add-device {public.did}",
            f"Then here: {then}",
        ],
    )


ACTOR = click.option("--actor", metavar="SCID", help="Who, where several key logs fit; the start will do.")


@verb()
@click.argument("source")
@ACTOR
def adopt(output: Output, source: str, actor: str | None) -> None:
    """Take up, on a new machine, the identity that has added it: SOURCE is a commons' address or a keys.jsonl."""
    home = Home(locate())
    offered = identity.offered(home, source, identity.waiting_key(home), output.note)
    keys = identity.adopt(home, offered, actor)
    output.result(
        {"actor": keys.scid, "did": keys.did},
        [f"You are {keys.scid}", "Compare it with what wl id show prints on your other machine."],
        ["wl browse", "wl join URL"],
    )


@verb()
@click.argument("recovery", type=FILE)
@click.option("--from", "source", metavar="URL|FILE", required=True, help="A commons' address, or a keys.jsonl.")
@click.option("--lost", multiple=True, metavar="KEY", help="A device key that is lost; repeat for more. Default: all.")
@KEEP
@ACTOR
@NEW_RECOVERY
@offline_option
def recover(
    output: Output, recovery: Path, source: str, lost: tuple[str, ...], wanted: tuple[str, ...], actor: str | None,
    new_recovery: Path | None, offline: bool,
) -> None:  # fmt: skip
    """Be myself again on a new machine, with nothing but the recovery key; the lost machines' keys are revoked."""
    _check_keep(wanted)
    home = Home(locate())
    home.refuse_identity()
    kept = safe(home, recovery, new_recovery)
    offered = identity.offered(home, source, kept.unlocked.key.public, output.note)
    changed, left = identity.recover(home, kept, offered, actor=actor, lost=lost, wanted=wanted)
    said = [line for key, its in left.items() for line in (f"{key} is revoked.", *portrait.left_lines(its))]
    data = {"revoked": [{"key": key, "kept": portrait.left_json(its)} for key, its in left.items()]}
    sitting = Sitting(output, home, kept, offline)
    goes = _going_on(home, changed.keys, None)
    sitting.tell(changed, data, f"You are {changed.keys.scid}", *said, portrait.ELSEWHERE, *goes)


@verb()
@click.option("--domain", required=True, help="Your web server's name, as in example.org.")
@click.option("--path", default="", help="A path there, as in people/ann.")
@click.option("--out", "file", type=FILE, required=True, help="Where to write did.jsonl.")
@changing
def publish(output: Output, means: Means, domain: str, path: str, file: Path) -> None:
    """Move my DID to a web server of mine, and write the file that it is to show."""
    sitting = opened(output, means)
    # A file that cannot be written is found out before anything is changed.
    file.write_bytes(sitting.home.key_log().raw)
    moved = identity.move(sitting.home, sitting.kept, domain, path)
    keys = sitting.home.key_log()
    file.write_bytes(keys.raw)
    address = identity.address_of(keys.did)
    said = [f"You are {keys.did}", f"Put {file} on your web server as {address}, and again after every change."]
    data = {"did": keys.did, "file": str(file), "address": address}
    if moved is None:
        output.result(data, said)
    else:
        sitting.tell(moved, data, *said)


id_ = Verbs(
    "id", "The keys that speak for me, and how they change.", show, rotate, add_device, add_agent, revoke, repair,
    request, adopt, recover, publish,
)  # fmt: skip
