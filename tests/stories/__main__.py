"""Print what the commands of a page print now: `python -m tests.stories PAGE`."""

import sys
import tempfile
from pathlib import Path

from tests.stories.runner import Stage, steps


def main(page: Path) -> None:
    """Run a page and print its commands with what they print."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder).resolve())
        for step in steps(page.read_text()):
            said, code = stage.run(step)
            stage._fits(step, said)
            print(f"$ {step.command}   # {step.who}", *said, *([f"[{code}]"] if code else []), sep="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
