"""What a file proves about stamps, with nothing but the file and a clock.

1. A sheet holds the holder's presentation of credentials, and beneath it the signed operation lines that they were
   earned by. A credential counts if it is, member for member, what a stamp that counts stands for (`wanted.proving`).
2. A file that is no sheet may be a credential or presentation of somebody else's making (`stamps.foreign`).
3. A holder may leave stamps out. What a file does not show, it does not prove; nor does it prove that nothing was taken
   back since.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from beads import body, genesis, ids
from beads.errors import BeadsError
from beads.genesis import Genesis
from beads.limits import FUTURE_SKEW_MS
from beads.op import Op
from stamps import credential, foreign, keylog
from stamps.errors import CanonError, CredentialError, StampsError, quoted
from stamps.foreign import Foreign, Known
from stamps.jcs import ForeignJson, jcs_parse
from stamps.keylog import KeyLog
from stamps.sheet import EarnedStamp
from wanted import proving, sheetfile
from wanted.differing import difference
from wanted.errors import BundleError
from wanted.proving import Proofs
from wanted.sheetfile import SheetFile

_TEXTS = ("message", "reason", "text")


class VerifiedSheet(NamedTuple):
    """What a sheet proves.

    Attributes:
        holder: SCID of whoever presents it.
        stamps: The stamps shown, each proven, in the order shown.
        commons: Id → name, of where they were earned.
        words: Operation → what its writer said with it, where the holder chose to show it.
        covered: The stamps, by their operations, whose issuer's log enough delegates have seen as far as the stamp.
        handles: Commons and issuer → what the issuer calls itself there, where the file holds its word for it.
    """

    holder: str
    stamps: tuple[EarnedStamp, ...]
    commons: Mapping[str, str]
    words: Mapping[str, str]
    covered: frozenset[str]
    handles: Mapping[tuple[str, str], str]


def verify_file(raw: bytes, now_ms: int, known: Known | None = None) -> VerifiedSheet | Foreign:
    """Check a file and return what it proves.

    Args:
        raw: All of it.
        now_ms: The verifier's clock.
        known: What the verifier knows of other issuers' keys.

    Raises:
        BundleError: It is a sheet and something in it does not hold, or neither a sheet nor a credential.
        CredentialError: It is a credential of another making, and does not verify here; the reason says why.
        KeyLogError: A history that the verifier gave does not hold.
    """
    sheetfile.check_size(len(raw))
    value = _parse(raw)
    if foreign.is_document(value):
        return foreign.verify(value, now_ms, known or foreign.NOTHING)
    return verify_sheet(sheetfile.read(value), now_ms)


def verify_sheet(file: SheetFile, now_ms: int) -> VerifiedSheet:
    """Check a sheet.

    Raises:
        BundleError: Something in it does not hold; the reason says what.
    """
    keys = _key_logs(file.key_logs)
    if file.holder not in keys:
        raise BundleError("key_log", f"it names a holder, {quoted(file.holder)}, whose keys it does not hold")
    commons = {ids.commons_id(text.encode()): _genesis(text) for text in file.genesis}
    documents = _documents(file)
    proofs = proving.prove(file.lines, keys, commons)
    stamps = tuple(_shown(n, document, proofs, now_ms) for n, document in enumerate(documents, 1))
    _check_subjects(stamps, file.holder)
    _check_holder(file, keys[file.holder], now_ms)
    used = {stamp.commons for stamp in stamps}
    names = {each: founding.name for each, founding in commons.items() if each in used}
    covered = frozenset(proven.earned.op for proven in proofs.stamps.values() if proven.covered)
    words = _words(file.bodies, proofs.ops.values())
    if file.presentation.get("id") != sheetfile.name_of(file):
        raise BundleError("lines", "its holder signed for other operations than it holds: some were added or taken out")
    issuers = {(stamp.commons, stamp.issuer) for stamp in stamps}
    handles = {issuer: handle for issuer, handle in proofs.handles.items() if issuer in issuers}
    return VerifiedSheet(file.holder, stamps, names, words, covered & {stamp.op for stamp in stamps}, handles)


def _parse(raw: bytes) -> ForeignJson:
    if not raw.strip():
        raise BundleError("format", "the file is empty")
    try:
        return jcs_parse(raw)
    except CanonError as error:
        foreign.refuse_token(raw)
        raise BundleError("format", f"not a sheet: {error}") from None


def _key_logs(texts: Iterable[str]) -> dict[str, KeyLog]:
    found: dict[str, KeyLog] = {}
    for text in texts:
        try:
            keys = keylog.verify(text.encode())
        except StampsError as error:
            raise BundleError("key_log", f"a key log does not verify: {error}", error.hint) from None
        if keys.scid in found:
            raise BundleError("key_log", f"it holds two key logs of {keys.scid[:12]}, where one is to be believed")
        found[keys.scid] = keys
    return found


def _genesis(text: str) -> Genesis:
    try:
        return genesis.parse(text.encode())
    except BeadsError as error:
        raise BundleError("genesis", str(error)) from None


# -- credentials ---------------------------------------------------------------------------------------------------


def _documents(file: SheetFile) -> list[Any]:
    documents = file.presentation.get("verifiableCredential")
    if not isinstance(documents, list) or not documents:
        raise BundleError("format", "the sheet shows no credential")
    if len(documents) > sheetfile.MAX_STAMPS:
        raise BundleError(
            "too_many", f"it shows {len(documents)} stamps, where {sheetfile.MAX_STAMPS} is the most that is verified",
            sheetfile.TOO_LARGE_HINT,
        )  # fmt: skip
    names = [document.get("id") if isinstance(document, dict) else None for document in documents]
    if len(set(map(json.dumps, names))) < len(names):
        raise BundleError("twice", "it shows one stamp twice")
    return documents


def _shown(number: int, document: Any, proofs: Proofs, now_ms: int) -> EarnedStamp:
    """Return the stamp that a credential stands for, if it counts and the credential is all that it says."""
    name = str(document.get("id")) if isinstance(document, dict) else ""
    found = proofs.stamps.get(name)
    which = f"credential {number}" + (f" (“{found.earned.title}”)" if found else "")
    if found is not None and found.document == document:
        # The proof is the one that the fold has checked.
        _check_time(which, found.earned, now_ms)
        return found.earned
    if (refused := proofs.refused.get(name)) is not None:
        raise BundleError(refused.reason, f"{which} {refused.said}")
    stands_for = found.document if found else None
    raise _faulty(which, document, stands_for, now_ms)


def _check_time(which: str, stamp: EarnedStamp, now_ms: int) -> None:
    if stamp.time_ms > now_ms + FUTURE_SKEW_MS:
        raise BundleError("future", f"{which} is dated in the future", "Is this machine's clock right?")


def _faulty(which: str, document: Any, stands_for: Mapping[str, Any] | None, now_ms: int) -> BundleError:
    """Say what is wrong with a credential that no stamp of the file stands for."""
    differs = f": {difference(document, stands_for)}" if stands_for is not None and isinstance(document, dict) else ""
    try:
        credential.verify_credential(document)
        foreign.check_times(document, now_ms)
    except CredentialError as error:
        if error.reason == "signature" and differs:
            return BundleError(error.reason, f"{which} was changed after it was signed{differs}")
        return BundleError(error.reason, f"{which} does not hold: {error}")
    if differs:
        return BundleError("credential", f"{which} is not what its stamp says{differs}")
    return BundleError("evidence", f"{which} has no stamp behind it: no signed operation in the file gave it")


def _check_subjects(stamps: Sequence[EarnedStamp], holder: str) -> None:
    for number, stamp in enumerate(stamps, 1):
        if stamp.subject != holder:
            raise BundleError(
                "subject", f"credential {number} (“{stamp.title}”) is somebody else's, not the holder's: it was given "
                f"to {stamp.subject[:12]}",
            )  # fmt: skip


# -- the holder ----------------------------------------------------------------------------------------------------


def _check_holder(file: SheetFile, holder: KeyLog, now_ms: int) -> None:
    try:
        key = credential.verify_holder(file.presentation)
        foreign.check_created(file.presentation, now_ms)
    except StampsError as error:
        reason = getattr(error, "reason", "presentation")
        raise BundleError(reason, f"the holder's own signature over the sheet does not hold: {error}") from None
    if file.presentation.get("holder") != holder.first_did or not holder.allows(key.did, keylog.ASSERTION):
        raise BundleError("holder", "whoever signed this sheet is not its holder")
    if key.did in holder.revoked:
        raise BundleError(
            "holder", "this sheet is signed with a key that its holder has revoked",
            "Ask the holder for one that is signed with a key in force.",
        )  # fmt: skip


# -- words ---------------------------------------------------------------------------------------------------------


def _words(texts: Sequence[str], ops: Collection[Op]) -> dict[str, str]:
    """Return what was said with operations; each text must be the very one that its operation was signed with."""
    by_hash = {op.body.h: op for op in ops if op.body is not None}
    found: dict[str, str] = {}
    for text in texts:
        raw = text.encode()
        op = by_hash.get(body.refer(raw).h)
        if op is None or not body.matches(raw, op.body):
            raise BundleError("body", f"words in it are not those that were signed: {quoted(text)}")
        said = body.recall(raw)
        found[op.id] = next((said[name] for name in _TEXTS if name in said), "")
    return found
