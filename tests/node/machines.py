"""One person on several machines, for tests."""

import json
from pathlib import Path
from typing import Any

from node.errors import BAD_DATA
from node.keybox import RECOVERY
from tests.node.support import Person


def added(alice: Person, laptop: Person, relay: str) -> str:
    """Let the laptop become a device; return its key."""
    key = str(laptop.ask("wl", "id", "request")["key"])
    alice.ok("wl", "id", "add-device", key)
    laptop.ok("wl", "id", "adopt", relay)
    return key


def kept_elsewhere(alice: Person, tmp_path: Path) -> Path:
    """Take the recovery key out of Alice's home, as she was told to."""
    stick = tmp_path / "stick"
    stick.mkdir()
    return (alice.home / "identity" / RECOVERY).rename(stick / RECOVERY)


def error(person: Person, *command: str) -> tuple[int, str, str]:
    done = person.run(*command, "--json")
    said = json.loads(done.stderr.splitlines()[-1])["error"]
    return done.returncode, said["code"], said["hint"]


def titles(person: Person) -> set[str]:
    return {item["title"] for item in person.ask("wl", "browse")["items"]}


def shown(person: Person, actor: str = "me") -> dict[str, Any]:
    return person.ask("wl", "id", "show", actor)


def looked(person: Person, *options: str) -> list[dict[str, Any]]:
    """Return what the doctor finds where something is bad."""
    done = person.run("wl", "doctor", *options, "--json")
    assert done.returncode == BAD_DATA
    findings: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    return findings
