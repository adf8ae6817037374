"""Everything that can go wrong on this floor, as one small tree.

The type says whose fault it is; `hint` says in one sentence what to do about it.
"""

import json


def quoted(value: object, most: int = 60) -> str:
    """Show a stranger's JSON value in a message: on one line, in ASCII, cut short."""
    text = json.dumps(value)
    if len(text) <= most:
        return text
    return f'{text[:most]}…"' if isinstance(value, str) else f"{text[:most]}…"


class StampsError(Exception):
    """The root of the tree.

    Attributes:
        hint: One sentence that says what to do, or the empty string.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class CanonError(StampsError):
    """A value or its bytes lie outside the JSON profile that was asked for."""


class KeyFormatError(StampsError):
    """A public key, a did:key or a seed is malformed, or names a point nobody may use."""


class KeyFileError(StampsError):
    """A private key file cannot be read, opened or written."""


class PassphraseNeeded(KeyFileError):
    """A key file is encrypted, and no passphrase was given."""


class SignatureError(StampsError):
    """A signed line is malformed, or its signature does not hold."""


class KeyLogError(StampsError):
    """A key log does not verify, or was written for a newer reader.

    Attributes:
        reason: A short slug, stable across releases.
        unread: True where a newer reader may understand the log (unknown method version, parameter or
            field), so that the answer is `upgrade` rather than `invalid`.
    """

    def __init__(self, reason: str, message: str, *, unread: bool = False) -> None:
        super().__init__(message, "Upgrade to read this key log." if unread else "")
        self.reason = reason
        self.unread = unread


class CredentialError(StampsError):
    """A proof, a credential or a presentation does not verify.

    Attributes:
        reason: A short slug, stable across releases.
    """

    def __init__(self, reason: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.reason = reason
