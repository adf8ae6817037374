"""The README's nine commands, as they stand there, in two homes."""

import re
import shlex
from pathlib import Path

from tests.node.support import Person

README = Path(__file__).resolve().parents[2] / "README.md"


def commands() -> list[list[str]]:
    section = README.read_text().split("## From nothing to a verified stamp")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def test_there_are_nine_commands() -> None:
    assert len(commands()) == 9
    assert all(command[0] == "wl" for command in commands())


def test_a_newcomer_gets_from_nothing_to_a_verified_stamp(tmp_path: Path) -> None:
    alice, bob = Person(tmp_path / "alice"), Person(tmp_path / "bob")
    create, serve, post, join, claim, done, accept, export, verify = commands()
    assert serve == ["wl", "serve", "&"]
    alice.ok(*create)
    with alice.serving() as url:
        posted = alice.ok(*post)
        item = re.search(r"^([0-9a-f]{12})  Fix the door$", posted, re.MULTILINE)
        assert item is not None

        def filled(command: list[str]) -> list[str]:
            places = {"ITEM": item[1], "http://127.0.0.1:8470": url, "sheet.json": str(tmp_path / "sheet.json")}
            return [places.get(part, part) for part in command]

        bob.ok(*filled(join))
        assert "Granted" in bob.ok(*filled(claim))
        bob.ok(*filled(done))
        assert "Accepted and stamped." in alice.ok(*filled(accept))
        assert "Wrote 1 stamp(s)" in bob.ok(*filled(export))
    stranger = Person(tmp_path / "nobody")
    assert stranger.ok(*filled(verify)).startswith("verified offline\n")
    assert not stranger.home.exists()
