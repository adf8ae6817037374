"""What every working part of a town is given: its folder, its ledger, its clock."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from town.config import RigFile, TownFile, parse_rig
from town.errors import NotFoundError
from town.layout import TownLayout
from town.ledger import WorkBead, WorkLedger
from town.lifecycle import ACTIVE_STATUSES, text
from town.rig import Rig


@dataclass(frozen=True, slots=True)
class Context:
    """A town that has been opened.

    Attributes:
        clock: milliseconds since 1970, UTC.
        secret: a fresh word nobody can guess, for a session's token.
        gt: how a session calls the `gt` command, as a shell would read it.
        python: the interpreter for the scripted agent.
        inherited: the environment sessions start from.
    """

    layout: TownLayout
    config: TownFile
    ledger: WorkLedger
    clock: Callable[[], int]
    secret: Callable[[], str]
    gt: str
    python: str
    inherited: Mapping[str, str]

    def rig_names(self) -> tuple[str, ...]:
        """List the rigs."""
        return tuple(sorted(path.parent.name for path in self.layout.rigs.glob("*/rig.toml")))

    def rig_file(self, name: str) -> RigFile:
        """Read a rig's configuration.

        Raises:
            NotFoundError: there is no such rig.
            ConfigError: its file is wrong.
        """
        try:
            source = self.layout.rig(name).config.read_text()
        except FileNotFoundError:
            known = ", ".join(self.rig_names()) or "none yet"
            raise NotFoundError(f"There is no rig {name!r}.", f"Rigs: {known}. Add one: gt rig add.") from None
        return parse_rig(source)

    def rig(self, name: str) -> Rig:
        """Reach a rig's repository."""
        return Rig(self.layout.rig(name), self.rig_file(name).rig.target)

    def active_beads(self) -> tuple[WorkBead, ...]:
        """List every bead that is slung and has not landed.

        Raises:
            LedgerError: the ledger cannot be read; never answered by fewer beads.
        """
        found = [bead for status in ACTIVE_STATUSES for bead in self.ledger.list(status=status)]
        # A bead may be hooked or in progress for a person, outside the town.
        return tuple(bead for bead in found if text(bead, "rig") and text(bead, "state"))

    def wake(self) -> None:
        """Wake the supervisor, if there is one."""
        poke(self.layout.wake)


def poke(pipe: Path) -> None:
    """Write one byte to a named pipe that somebody may be reading."""
    try:
        fd = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno == errno.ENXIO:
            return
        raise
    try:
        os.write(fd, b"!")
    except BlockingIOError:
        pass  # the pipe is full of earlier pokes, any of which will do
    finally:
        os.close(fd)
