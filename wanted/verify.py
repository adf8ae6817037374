"""Verify a sheet or a credential with nothing but the file: `python -m wanted.verify FILE`. ⚡

The whole program a stranger needs: it imports what it takes to check signatures and fold operations, three packages
beside Python, and neither a ledger nor a database, git or a network.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from stamps import foreign
from stamps.errors import StampsError
from wanted import sheetfile, telling, verifying
from wanted.errors import WantedError

DONE, FAILED, NOT_FOUND, BAD_DATA = 0, 1, 3, 7
"""Exit codes; argparse has 2 for what makes no sense."""
SCHEMA_VERSION = 1


def read(path: Path) -> bytes:
    """Return the bytes of a file, unless they are more than a sheet may have: then not one is read.

    Raises:
        BundleError: They are.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        sheetfile.check_size(os.fstat(file.fileno()).st_size)
        # A pipe has no size.
        raw = file.read(sheetfile.MAX_BYTES + 1)
    sheetfile.check_size(len(raw))
    return raw


def history(path: Path) -> tuple[bytes, bytes | None]:
    """Return the bytes of a did.jsonl, and of the did-witness.json beside it, if there is one."""
    beside = path.with_name("did-witness.json")
    return read(path), read(beside) if beside.is_file() else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify a file and print what it proves; return the exit code."""
    given = _options().parse_args(arguments)
    try:
        known = foreign.known(map(history, given.did_log), given.key)
        found = verifying.verify_file(read(given.file), time.time_ns() // 1_000_000, known)
    except FileNotFoundError as error:
        return _fail(given.json, NOT_FOUND, "not_found", f"no file {error.filename}", "")
    except OSError as error:
        return _fail(given.json, FAILED, "system", f"{error.strerror}: {error.filename}", "")
    except (WantedError, StampsError) as error:
        return _fail(given.json, BAD_DATA, getattr(error, "reason", "format"), str(error), error.hint)
    if given.json:
        print(json.dumps({"schema_version": SCHEMA_VERSION} | telling.as_json(found), ensure_ascii=False, indent=1))
    else:
        print("\n".join(telling.lines(found)))
    return DONE


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="wl-verify", description="Verify a sheet or a credential, offline.")
    options.add_argument("file", type=Path, metavar="FILE")
    options.add_argument("--json", action="store_true", help="Print JSON.")
    options.add_argument(
        "--did-log",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="The did.jsonl of an issuer's DID, its did-witness.json beside it.",
    )
    options.add_argument(
        "--key", action="append", default=[], metavar="DID", help="A did:key that is known to be the issuer's."
    )
    return options


def _fail(as_json: bool, code: int, reason: str, message: str, hint: str) -> int:
    if as_json:
        error = {"reason": reason, "message": message, "hint": hint}
        print(json.dumps({"error": error}, ensure_ascii=False), file=sys.stderr)
    else:
        print(f"Error: {message}", *([f"Hint:  {hint}"] if hint else []), sep="\n", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
