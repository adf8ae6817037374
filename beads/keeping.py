"""Texts as bodies keep them: whole, in Unicode's form C; and lines of files, which must come back byte for byte."""

import unicodedata
from typing import Any

from stamps import encoding

_BASE64 = "base64:"


def line_text(raw: bytes) -> str:
    """Return a line as a text of a body: itself where texts are kept as they are, else in base64."""
    try:
        said = raw.decode()
    except UnicodeDecodeError:
        said = ""
    return said if said and nfc(said) == said else f"{_BASE64}{encoding.b64u_encode(raw)}"


def line_bytes(text: str) -> bytes:
    """Return the line that `line_text` made a text of."""
    return encoding.b64u_decode(text.removeprefix(_BASE64)) if text.startswith(_BASE64) else text.encode()


def nfc(value: Any) -> Any:
    """Return a value as it is after it was written: texts in Unicode's form C."""
    return unicodedata.normalize("NFC", whole(value)) if isinstance(value, str) and not value.isascii() else value


def whole(value: Any) -> Any:
    """Return a value without halves of surrogate pairs, which nothing can be written with."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode(errors="replace").decode()
    if isinstance(value, dict):
        # Names are kept in hexadecimal where they are odd.
        return {name: whole(one) for name, one in value.items()}
    return [whole(one) for one in value] if isinstance(value, list) else value
