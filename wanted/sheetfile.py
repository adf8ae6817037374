"""The shape of a sheet in a file, and how much of it anybody has to read.

Pure and small: whoever verifies a sheet needs this, and nothing of how one is made.
"""

from hashlib import sha256
from typing import Any

import msgspec

from stamps.encoding import b64u_encode
from stamps.jcs import jcs_encode
from wanted.errors import BundleError

SCHEMA = "wasteland-sheet/1"
MAX_BYTES = 32 * 1024 * 1024
MAX_STAMPS = 4096
"""With these bounds the largest honest sheet is verified in seconds and a quarter of a gigabyte."""
TOO_LARGE_HINT = "Its holder can show fewer stamps at a time: wl sheet export --only …"


class SheetFile(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What stands in the file.

    Attributes:
        holder: SCID of whoever presents it.
        presentation: VC 2.0, signed by the holder.
        genesis: Founding documents as text.
        key_logs: Of the holder and of every writer, as text.
        lines: Operation lines without LF.
        bodies: The words of stamps, of disputes and of answers that the holder chose to show.
    """

    schema: str
    holder: str
    presentation: dict[str, Any]
    genesis: list[str]
    key_logs: list[str]
    lines: list[str]
    bodies: list[str] = []


def read(value: object) -> SheetFile:
    """Return the file in a JSON value.

    Raises:
        BundleError: It is no sheet, or one of another kind.
    """
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA and isinstance(schema, str) and schema.startswith("wasteland-sheet/"):
        raise BundleError("schema", f"this sheet is of another kind than {SCHEMA}", "Upgrade this program.")
    try:
        file = msgspec.convert(value, SheetFile)
    except msgspec.ValidationError as error:
        raise BundleError("format", f"not a sheet: {error}") from None
    if file.schema != SCHEMA:
        raise BundleError("schema", f"not a sheet of the kind {SCHEMA}")
    return file


def name_of(file: SheetFile) -> str:
    """Return the name of all that lies beneath a presentation, as a URI that names by hash (RFC 6920, section 3)."""
    beneath = {"bodies": file.bodies, "genesis": file.genesis, "key_logs": file.key_logs, "lines": file.lines}
    return f"ni:///sha-256;{b64u_encode(sha256(jcs_encode(beneath)).digest())}"


def write(file: SheetFile) -> bytes:
    """Return the bytes of a file: laid out for people, as long as it fits so.

    Raises:
        BundleError: No verifier would read so large a one.
    """
    dense = msgspec.json.encode(file)
    check_size(len(dense))
    laid_out = msgspec.json.format(dense, indent=1) + b"\n"
    return laid_out if len(laid_out) <= MAX_BYTES else dense


def check_size(size: int) -> None:
    """Refuse a file that is too large, before it is read.

    Raises:
        BundleError: It is.
    """
    if size > MAX_BYTES:
        raise BundleError("too_large", f"the file is larger than the {MAX_BYTES >> 20} MiB of a sheet", TOO_LARGE_HINT)
