"""The git hooks of a rig: they keep the target branch and the rescue refs out of the workers' reach.

`reference-transaction` sees every change of a ref in the shared repository, whatever command makes it (githooks(5));
a non-zero answer in the `prepared` phase aborts the change. `pre-push` refuses a push to the target on the remote.
The key is in a file that only the merge queue's own commands are told of by environment. This stops mistakes and
obedient agents; an agent that sets out to defeat it is the sandbox's business.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

KEY_VARIABLE: Final = "GT_REFINERY_KEY"

_HEAD: Final = """#!/bin/sh
# Written by the town; rewritten whenever it starts.
key={key}
[ -r "$key" ] && [ "${variable}" = "$(cat "$key")" ] && exit 0
"""

_TRANSACTION: Final = """[ "$1" = prepared ] || exit 0
while read -r old new ref; do
    case "$ref" in
    {target} | refs/rescue/* | refs/landed/* | refs/candidate/*)
        echo "gt: $ref is protected; only the merge queue moves it. Finish with: gt done" >&2
        exit 1 ;;
    esac
done
exit 0
"""

_PUSH: Final = """while read -r local_ref local_id remote_ref remote_id; do
    if [ "$remote_ref" = {target} ]; then
        echo "gt: {target} is protected; only the merge queue pushes it. Finish with: gt done" >&2
        exit 1
    fi
done
exit 0
"""


def write_hooks(folder: Path, key: Path, target: str) -> None:
    """Write a rig's hooks, replacing what is there."""
    folder.mkdir(parents=True, exist_ok=True)
    ref = shlex.quote(f"refs/heads/{target}")
    head = _HEAD.format(key=shlex.quote(str(key)), variable=f"{{{KEY_VARIABLE}:-}}")
    for name, body in (("reference-transaction", _TRANSACTION), ("pre-push", _PUSH)):
        _write(folder / name, head + body.replace("{target}", ref))


def _write(path: Path, text: str) -> None:
    # Renamed into place: git may be running the old one at this moment.
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.chmod(0o755)
    fresh.replace(path)
