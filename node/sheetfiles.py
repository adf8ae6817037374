"""Sheets in files: mine written out, and those that I keep, so that what was earned elsewhere is shown here. ⚡

A sheet that is kept stays what its holder signed, byte for byte, under `HOME/sheets/<SCID>/`. Each look at it verifies
it anew, so nothing is believed because it lies here. It is this home's alone: no peer is told of it, and what its
stamps are worth is not counted from it, because nothing says what was taken back since.
"""

import hashlib
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from beads.files import write_file
from node import whom, wiring
from node.commons import Commons
from node.errors import Usage
from node.home import Home
from stamps.errors import StampsError
from stamps.jcs import jcs_parse
from stamps.sheet import EarnedStamp
from wanted import carried, choosing, portable, sheetfile, verify
from wanted.errors import WantedError
from wanted.sheetfile import SheetFile
from wanted.verifying import VerifiedSheet, verify_file

_DIGITS = 32


class Choice(NamedTuple):
    """What of my stamps is shown; see `wanted.choosing`.

    Attributes:
        words: Show what was said with them, too.
    """

    only: Sequence[str] = ()
    without: Sequence[str] = ()
    words: bool = False


class Written(NamedTuple):
    """A sheet for a file.

    Attributes:
        shown: How many stamps it shows.
        held: How many I could show.
        taken_back: How many were taken back; those cannot be shown.
        carried: How many of those shown are known from sheets that are kept here alone.
    """

    raw: bytes
    shown: int
    held: int
    taken_back: int
    carried: int = 0


def export(home: Home, choice: Choice, prepare: Callable[[Commons], None]) -> Written:
    """Make a sheet of the stamps that I have earned: in all commons followed here but the private ones, and elsewhere,
    as far as sheets of mine that are kept here prove them.

    Args:
        home: Mine.
        choice: What is shown.
        prepare: Called with each commons first, to bring it up to date.

    Raises:
        NotFound: A word of the choice means no stamp of mine.
        WrongStatus: Nothing would be shown.
    """
    author = wiring.author(home)
    names = {commons: founded.name for commons, founded in home.commons().items() if not founded.private}
    with ExitStack() as stack:
        followed = [stack.enter_context(Commons(home, commons, author)) for commons in names]
        for ours in followed:
            prepare(ours)
        earned = [stamp for ours in followed for stamp in ours.earned(author.actor)]
        others = carried.gather(_mine(home, author.actor), author.actor, home.commons().keys())
        names |= {each.commons: each.name for each in others}
        elsewhere = [stamp for each in others for stamp in each.stamps]
        held = [stamp for stamp in earned if not stamp.withdrawn] + elsewhere
        shown = choosing.choose(held, names, choice.only, choice.without)
        parts = [
            portable.gather(ours.ledger, author.actor, lambda stamp: stamp.op in shown, words=choice.words)
            for ours in followed
        ]
    parts += [carried.part(each, shown, words=choice.words) for each in others]
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    from_files = sum(stamp.op in shown for stamp in elsewhere)
    taken_back = sum(stamp.withdrawn for stamp in earned)
    return Written(portable.export(parts, author, created), len(shown), len(held), taken_back, from_files)


def _mine(home: Home, me: str) -> list[SheetFile]:
    """Return the sheets of mine that are kept here and hold."""
    mine = [path for path in files(home) if path.parent.name == me and check(path) is None]
    return [sheetfile.read(jcs_parse(verify.read(path))) for path in mine]


# -- those that are kept -------------------------------------------------------------------------------------------


class Kept(NamedTuple):
    """What the files that are kept of one actor prove.

    Attributes:
        stamps: With the commons and the issuers of their origin.
        names: Commons → its name, as the files have it.
        claimed: Issuer → what it calls itself in these commons, as the files have its word for it.
    """

    stamps: tuple[EarnedStamp, ...]
    names: Mapping[str, str]
    claimed: Mapping[str, tuple[str, ...]]


def keep(home: Home, raw: bytes) -> VerifiedSheet:
    """Verify a sheet and keep it.

    Raises:
        BundleError: It does not hold.
        Usage: It is no sheet of a commons.
    """
    home.key_log()
    found = _verified(raw)
    path = home.path / whom.SHEETS / found.holder / f"{hashlib.sha256(raw).hexdigest()[:_DIGITS]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, raw)
    return found


def files(home: Home) -> list[Path]:
    """Return the files of all sheets that are kept."""
    return sorted((home.path / whom.SHEETS).glob("*/*.json"))


def of(home: Home, actor: str, followed: Container[str]) -> Kept:
    """Return what the files kept of an actor prove now; one that does not hold proves nothing (`wl doctor` tells).

    Args:
        followed: Commons that are followed here: what they say themselves is newer, so nothing is taken from files.
    """
    looked = [look(path) for path in files(home) if path.parent.name == actor]
    found = [sheet for sheet in looked if isinstance(sheet, VerifiedSheet)]
    names = {commons: name for sheet in found for commons, name in sheet.commons.items() if commons not in followed}
    said: dict[str, set[str]] = {}
    for sheet in found:
        for (commons, issuer), handle in sheet.handles.items():
            if commons in names:
                said.setdefault(issuer, set()).add(handle)
    claimed = {issuer: tuple(sorted(handles)) for issuer, handles in said.items()}
    return Kept(tuple(stamp for sheet in found for stamp in sheet.stamps if stamp.commons in names), names, claimed)


def look(path: Path) -> VerifiedSheet | str:
    """Return what a sheet that is kept proves, or what is wrong with it."""
    try:
        return _read(path)
    except (WantedError, StampsError, Usage, OSError) as error:
        return str(error)


def check(path: Path) -> str | None:
    """Return what is wrong with a sheet that is kept, or None."""
    found = look(path)
    return found if isinstance(found, str) else None


def forget(home: Home, actor: str) -> int:
    """Keep the sheets of an actor no longer; return how many there were."""
    gone = [path for path in files(home) if path.parent.name == actor]
    for path in gone:
        path.unlink()
    if gone:
        gone[0].parent.rmdir()
    return len(gone)


def _read(path: Path) -> VerifiedSheet:
    found = _verified(verify.read(path))
    if found.holder != path.parent.name:
        raise Usage("it lies in the folder of somebody else", "Import it again: wl sheet import")
    return found


def _verified(raw: bytes) -> VerifiedSheet:
    found = verify_file(raw, wiring.now_ms())
    if not isinstance(found, VerifiedSheet):
        raise Usage("it is a credential of another making, which belongs to no sheet", "Look at it: wl sheet verify")
    return found
