"""wl sheet export, verify, import, kept, forget: sheets in files."""

from pathlib import Path
from typing import Any

import click

from beads.errors import NotFound
from node import later, present, sheetfiles, whom, wiring
from node.cli.common import Output, offline_option, verb
from node.commons import Commons
from node.errors import KNOWN
from node.home import Home, locate
from node.later import KnownHere
from node.localtime import LocalZone
from node.sheetfiles import Choice
from stamps import foreign
from stamps import sheet as sheets
from wanted import telling
from wanted import verify as door
from wanted.verifying import VerifiedSheet, verify_file

_A_FILE = click.Path(path_type=Path, dir_okay=False)
_WHICH = "A skill, a commons, or the start of an item's or a stamp's id; may be repeated."


@verb()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, writable=True))
@click.option("--only", metavar="WHICH", multiple=True, help=f"Show these stamps alone. {_WHICH}")
@click.option("--except", "without", metavar="WHICH", multiple=True, help=f"Leave these out. {_WHICH}")
@click.option("--with-messages", "words", is_flag=True, help="Show what was said with them, too.")
@offline_option
def export(
    output: Output, file: Path, only: tuple[str, ...], without: tuple[str, ...], words: bool, offline: bool
) -> None:
    """Write my stamps to a file that proves them: no network, node or account is needed to check it."""

    def prepare(ours: Commons) -> None:
        for result in [] if offline else ours.sync(push=False):
            if result.error:
                output.trouble(f"{result.error}; newer stamps may be missing")

    written = sheetfiles.export(Home(locate()), Choice(only, without, words), prepare)
    file.write_bytes(written.raw)
    output.result(
        {"file": str(file), "stamps": written.shown, "of": written.held, "taken_back": written.taken_back,
         "carried": written.carried, "bytes": len(written.raw)},
        f"Wrote {_of(written.shown, written.held)} to {file}." + _left_out(written.taken_back) + _from(written.carried),
        [f"wl sheet verify {file}"],
    )  # fmt: skip


def _of(shown: int, held: int) -> str:
    return f"{shown} stamp(s)" if shown == held else f"{shown} of {held} stamps"


def _from(carried: int) -> str:
    """Say of how many stamps this home knows no more than a file does."""
    return f" Known from sheets that are kept here alone: {carried}." if carried else ""


def _left_out(taken_back: int) -> str:
    return f" Left out, as taken back: {taken_back}." if taken_back else ""


@verb()
@click.argument("file", type=_A_FILE)
@click.option(
    "--did-log", "logs", metavar="FILE", multiple=True, type=_A_FILE, help="The did.jsonl of an issuer's DID."
)
@click.option("--key", "keys", metavar="DID", multiple=True, help="A did:key that I know to be the issuer's.")
def verify(output: Output, file: Path, logs: tuple[Path, ...], keys: tuple[str, ...]) -> None:
    """Check a sheet, or a credential of another making: every signature and rule, with nothing but the file."""
    try:
        known = foreign.known(map(door.history, logs), keys)
        raw = door.read(file)
    except FileNotFoundError as error:
        raise NotFound(f"no file {error.filename}") from None
    found = verify_file(raw, wiring.now_ms(), known)
    here = _known_here(output, found)
    output.result(
        telling.as_json(found) | _counted(found) | {"known_here": later.as_json(here)},
        [*telling.lines(found, LocalZone()), *later.lines(here)],
    )


def _known_here(output: Output, found: object) -> KnownHere:
    """Ask this home; whatever is the matter with it, the file proves what it proves."""
    if not isinstance(found, VerifiedSheet):
        return later.NOTHING
    try:
        return later.known(Home(locate()), found)
    except (*KNOWN, OSError) as error:
        output.trouble(f"this home was not asked: {error}")
        return later.NOTHING


def _read(path: Path) -> bytes:
    try:
        return door.read(path)
    except FileNotFoundError:
        raise NotFound(f"no file {path}") from None


def _counted(found: object) -> dict[str, Any]:
    if not isinstance(found, VerifiedSheet):
        return {}
    return {"sheet": present.sheet_json(sheets.fold(found.holder, found.stamps), found.commons)}


@verb(name="import")
@click.argument("file", type=_A_FILE)
def import_(output: Output, file: Path) -> None:
    """Verify a sheet and keep it: its stamps are shown here too, with the commons and the issuers that gave them."""
    home = Home(locate())
    found = sheetfiles.keep(home, _read(file))
    mine = found.holder == home.key_log().scid
    here = later.known(home, found)
    output.result(
        {"holder": found.holder, "mine": mine, "stamps": len(found.stamps),
         "commons": [{"id": commons, "name": name} for commons, name in sorted(found.commons.items())],
         "known_here": later.as_json(here)},
        [f"Verified and kept: {len(found.stamps)} stamp(s) of {'you' if mine else found.holder}, earned in "
         f"{', '.join(sorted(found.commons.values()))}.",
         *_shown_here(found, here), *later.lines(here)],
        [f"wl sheet show {'' if mine else found.holder[:12]}".rstrip()],
    )  # fmt: skip


def _shown_here(found: VerifiedSheet, here: KnownHere) -> list[str]:
    """Say what is shown of a file: of a commons that is followed its own word stands, of the others the file's."""
    followed = [f"Of {', '.join(here.followed)} this home shows what it knows itself."] if here.followed else []
    if len(here.followed) == len(found.commons):
        return followed
    return [*followed, "This home alone shows them; what they are worth is not counted from a file."]


@verb()
def kept(output: Output) -> None:
    """List the sheets from files that this home keeps."""
    home = Home(locate())
    found = [(path, sheetfiles.look(path)) for path in sheetfiles.files(home)]
    output.result(
        {"kept": [_kept_json(path, proven) for path, proven in found]},
        [line for path, proven in found for line in _kept_lines(path, proven)] or "None are kept.",
    )


def _kept_json(path: Path, proven: VerifiedSheet | str) -> dict[str, Any]:
    told = {"holder": path.parent.name, "file": path.stem, "problem": proven if isinstance(proven, str) else None}
    return told if isinstance(proven, str) else told | {"issuers": telling.issuers_json(proven)}


def _kept_lines(path: Path, proven: VerifiedSheet | str) -> list[str]:
    problem = proven if isinstance(proven, str) else "verified"
    issuers = [] if isinstance(proven, str) else telling.issuers(proven)
    return [f"{path.parent.name}  {path.stem[:12]}  {problem}", *(f"  issued by    {issuer}" for issuer in issuers)]


@verb()
@click.argument("actor")
def forget(output: Output, actor: str) -> None:
    """Keep the sheets of an actor no longer."""
    home = Home(locate())
    chosen = whom.anywhere(home, actor, home.key_log().scid)
    count = sheetfiles.forget(home, chosen)
    if not count:
        raise NotFound(f"no sheet is kept of {actor}", "See: wl sheet kept")
    output.result({"actor": chosen, "forgotten": count}, f"Forgotten: {count} sheet(s).")
