"""Operation lines: read strictly, believe only what is signed.

1. A line is `b64url(signature) SP header LF`; the header is canonical JSON (`stamps.canon`).
2. `Line` is what a stranger sent; `Op` is what a key has signed. Folds take `Op` only.
3. The id of an operation is the hash of its header, so a second signature makes no second operation.
4. An unknown `v` cannot be judged (`UnknownVersion`); an unknown type or member can be verified,
   stored and forwarded, but not understood (`payload` is None: unread).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from beads import clock, ids, limits
from beads.clock import Hlc
from beads.errors import BeadsError, InvalidLine
from stamps import canon, encoding, envelope
from stamps.errors import CanonError, SignatureError
from stamps.keys import PublicKey, Signer

VERSION = 1
MEMBERS = frozenset({"v", "c", "log", "seq", "prev", "hlc", "by", "t", "p", "body"})


class UnknownVersion(BeadsError):
    """A header of a protocol version this node does not speak: held until it does."""


class BodyRef(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Points to the detached prose of an operation.

    Attributes:
        h: SHA-256 of the body's bytes, hex.
        n: Their number.
    """

    h: str
    n: int


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An operation as read: well formed, not yet believed."""

    id: str
    commons: str
    log: str
    seq: int
    prev: str | None
    hlc: Hlc
    t: str
    p: dict[str, Any]
    by: str | None
    body: BodyRef | None
    header: bytes
    signature: bytes
    unknown_member: bool = False

    @property
    def raw(self) -> bytes:
        """The line's bytes as they travel."""
        return canon_line(self.signature, self.header)


class Op(Line, frozen=True, kw_only=True, gc=False):
    """A verified operation.

    Attributes:
        payload: `p` as its type's value; None when type or a member is unknown here (unread).
    """

    payload: Any = None


class Head(msgspec.Struct, frozen=True, gc=False):
    """Where a log ends: the position and the id of its last operation."""

    seq: int
    op: str


class Place(NamedTuple):
    """Where an operation stands and who signs it: what is known before its payload is complete.

    Attributes:
        body: SHA-256 of its body, hex, or None.
    """

    commons: str
    log: str
    seq: int
    hlc: Hlc
    actor: str
    key: str
    body: str | None


class _Header(msgspec.Struct, frozen=True, gc=False):
    v: int
    c: str
    log: str
    seq: int
    prev: str | None
    hlc: Hlc
    t: str
    p: dict[str, Any]
    by: str | None = None
    body: BodyRef | None = None


class _WholeHeader(_Header, frozen=True, gc=False, forbid_unknown_fields=True):
    pass


_decode_whole = msgspec.json.Decoder(_WholeHeader).decode


def canon_line(signature: bytes, header: bytes) -> bytes:
    """Put a line together from its parts."""
    return encoding.b64u_encode(signature).encode() + b" " + header + b"\n"


def parse(raw: bytes) -> Line:
    """Read one line, strictly.

    Raises:
        InvalidLine: It breaks the wire format (docs/protocol.md, Operations).
        UnknownVersion: Its `v` is not ours.
    """
    if len(raw) > limits.LINE:
        raise InvalidLine("line_too_long", f"{len(raw)} bytes")
    signature, header = _split(raw)
    return read_header(header, signature)


def parse_signed(raw: bytes, key: PublicKey) -> Line:
    """Check the signature of the received bytes, then read exactly those (DSSE, protocol.md).

    Raises:
        InvalidLine: `key` did not sign it, or it breaks the wire format.
        UnknownVersion: Its `v` is not ours.
    """
    if len(raw) > limits.LINE:
        raise InvalidLine("line_too_long", f"{len(raw)} bytes")
    signature, header = _split(raw)
    if not key.verify(envelope.pae(header), signature):
        raise InvalidLine("signature")
    return read_header(header, signature)


def _split(raw: bytes) -> tuple[bytes, bytes]:
    try:
        return envelope.split(raw)
    except SignatureError as error:
        raise InvalidLine("line_format", str(error)) from None


def read_header(header: bytes, signature: bytes) -> Line:
    """Read the header of a line; see `parse`."""
    try:
        value = canon.parse(header)
    except CanonError as error:
        raise InvalidLine("canonical", str(error)) from None
    if not isinstance(value, dict):
        raise InvalidLine("header_format", "not an object")
    version = value.get("v")
    if version != VERSION and isinstance(version, int):
        raise UnknownVersion(f"header version {version}", "Upgrade this node to read it.")
    return _line(value, header, signature)


def recall(raw: bytes) -> Line:
    """Read a line that was read strictly before it was stored here."""
    return recall_header(*reversed(_split(raw)))


def recall_header(header: bytes, signature: bytes) -> Line:
    """Read a header that was read strictly before it was stored here: its shape is not looked at again."""
    try:
        return _made(_decode_whole(header), header, signature)
    except msgspec.ValidationError:
        # It has a member that is unknown here.
        return _line(msgspec.json.decode(header), header, signature)


def _line(value: Mapping[str, Any], header: bytes, signature: bytes) -> Line:
    try:
        h = msgspec.convert(value, _Header)
    except msgspec.ValidationError as error:
        raise InvalidLine("header_format", str(error)) from None
    _check_shape(value, h)
    return _made(h, header, signature, unknown_member=not value.keys() <= MEMBERS)


def _made(h: _Header, header: bytes, signature: bytes, *, unknown_member: bool = False) -> Line:
    return Line(
        id=ids.op_id(header), commons=h.c, log=h.log, seq=h.seq, prev=h.prev, hlc=h.hlc, t=h.t, p=h.p,
        by=h.by, body=h.body, header=header, signature=signature, unknown_member=unknown_member,
    )  # fmt: skip


def _check_shape(value: Mapping[str, Any], h: _Header) -> None:
    if not ids.LOG_ID.fullmatch(h.log) or not ids.COMMONS_ID.fullmatch(h.c):
        raise InvalidLine("header_format", "log or commons id")
    # It stands in commit messages, which git hosts refuse where they hold odd bytes: with all else that is pushed.
    if not ids.TYPE.fullmatch(h.t):
        raise InvalidLine("header_format", "t")
    if h.seq < 0 or (h.seq == 0) != (h.prev is None) or (h.prev and not ids.HEX64.fullmatch(h.prev)):
        raise InvalidLine("header_format", "seq and prev")
    if not clock.in_range(h.hlc):
        raise InvalidLine("hlc_range", str(tuple(h.hlc)))
    if h.body and (not ids.HEX64.fullmatch(h.body.h) or not 0 < h.body.n <= limits.BODY):
        raise InvalidLine("body_format")
    # An absent member and an explicit null would be two headers for one meaning.
    if ("by" in value and h.by is None) or ("body" in value and h.body is None):
        raise InvalidLine("header_format", "null member")
    if h.by is not None and not (0 < len(h.by) <= 120 and canon.is_line(h.by)):
        raise InvalidLine("header_format", "by")


def verify(line: Line, key: PublicKey) -> None:
    """Check a line's signature.

    Raises:
        InvalidLine: `key` did not sign it.
    """
    if not key.verify(envelope.pae(line.header), line.signature):
        raise InvalidLine("signature")


def header_bytes(
    *, commons: str, log: str, seq: int, prev: str | None, hlc: Hlc, t: str, p: Mapping[str, Any],
    by: str | None, body: BodyRef | None,
) -> bytes:  # fmt: skip
    """Return the canonical header of a new operation."""
    value: dict[str, Any] = {
        "v": VERSION, "c": commons, "log": log, "seq": seq, "prev": prev, "hlc": list(hlc), "t": t, "p": plain(p),
    }  # fmt: skip
    if by is not None:
        value["by"] = by
    if body is not None:
        value["body"] = {"h": body.h, "n": body.n}
    return canon.encode(value)


def plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the tuples and structs of a draft into the lists and objects that travel."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    return found


def sign(header: bytes, signer: Signer) -> Line:
    """Sign a header that `header_bytes` made and read it back by the rules that every receiver applies."""
    line = _line(msgspec.json.decode(header), header, signer.sign(envelope.pae(header)))
    if len(line.raw) > limits.LINE:
        raise InvalidLine("line_too_long", "the operation does not fit 16 KiB")
    return line
