"""An account elsewhere that an actor says is its own, proven by a signed file that only its owner can put there.

The file is a credential (VC 2.0) about the actor, signed by one of its device keys. Where it must lie follows from the
account alone: at a place that only whoever holds the account can write to. An address of one's choice would not do:
most sites keep attachments and proposals of strangers under their hosts' names.
"""

import re
from typing import Any, Final
from urllib.parse import urlsplit

from stamps import dataintegrity
from stamps.credential import VC_CONTEXT
from stamps.dataintegrity import Document
from stamps.errors import CredentialError
from stamps.keylog import KeyLog
from stamps.keys import Signer

FILE: Final = "wasteland.json"
WELL_KNOWN: Final = f"/.well-known/{FILE}"
_TERMS: Final = "https://www.w3.org/ns/credentials/undefined-terms/v2"
_MAX: Final = 150
_ACCOUNT: Final = re.compile(r"https?://[a-z0-9.-]{1,100}(?::\d{1,5})?(?:/[A-Za-z0-9_][A-Za-z0-9._-]{0,59})?")
# The one file of a repository that only its owner decides on. By branch, never by commit: a commit that somebody
# proposes can be read under the owner's name, too.
_FORGES: Final = {
    "github.com": "https://raw.githubusercontent.com/{name}/{name}/HEAD/" + FILE,
    "gitlab.com": "https://gitlab.com/{name}/{name}/-/raw/HEAD/" + FILE,
    "codeberg.org": "https://codeberg.org/{name}/{name}/raw/branch/main/" + FILE,
}


def normal(account: str) -> str:
    """Return an account in the form that is signed: `https://github.com/ann`, or `https://example.org`.

    Capitals in a name stay, since a forge may answer nothing but a redirection where they are missing; see `same`.

    Raises:
        CredentialError: It is none that could be proven.
    """
    found = _normal(account)
    if found is None:
        sites = ", ".join(f"{site}/NAME" for site in _FORGES)
        raise CredentialError("account", f"{account[:80]!r} cannot be proven; {sites} can, and a domain of yours")
    return found


def same(one: str, other: str) -> bool:
    """Say whether two accounts in their normal form are one: forges tell no names apart by their capitals."""
    return one.lower() == other.lower()


def _normal(account: str) -> str | None:
    # The splitting drops line feeds without a word.
    if not account.isprintable():
        return None
    try:
        parts = urlsplit(account if "://" in account else f"https://{account}")
        is_port = parts.port != 0
    except ValueError:
        return None
    path = parts.path.rstrip("/")
    host = parts.netloc.lower().removeprefix("www.")
    found = f"{parts.scheme}://{host}{path}"
    fits = len(found) <= _MAX and _ACCOUNT.fullmatch(found) and not parts.query and not parts.fragment
    return found if fits and is_port and bool(path) == (host in _FORGES) else None


def place(account: str) -> str:
    """Return where the file of an account must lie; the account is in its normal form."""
    parts = urlsplit(account)
    forge = _FORGES.get(parts.netloc)
    return forge.format(name=parts.path.strip("/")) if forge else f"{account}{WELL_KNOWN}"


def build(account: str, actor_did: str, signer: Signer, created: str) -> Document:
    """Return the file, signed.

    Args:
        account: In its normal form.
        actor_did: Whose it is.
        signer: A device key of theirs.
        created: Now, `YYYY-MM-DDTHH:MM:SSZ`.
    """
    document: Document = {
        "@context": [VC_CONTEXT, _TERMS],
        "type": ["VerifiableCredential"],
        "issuer": signer.public.did,
        "validFrom": created,
        "credentialSubject": {"id": actor_did, "account": account},
    }
    return dataintegrity.sign(document, signer, created=created)


def check(document: Any, account: str, actor: KeyLog) -> None:
    """Hold what was found at an account's place against who claims it.

    Raises:
        CredentialError: `reason` names what fails.
    """
    if not isinstance(document, dict) or not isinstance(document.get("credentialSubject"), dict):
        raise CredentialError("format", "what lies there is no proof")
    key = dataintegrity.verify(document)
    subject = document["credentialSubject"]
    if subject.get("id") != actor.first_did:
        raise CredentialError("subject", "the proof that lies there is somebody else's")
    if not same(str(subject.get("account")), account):
        raise CredentialError("account", "the proof that lies there is for another account")
    if not actor.allows(key.did, "assertionMethod") or key.did in actor.revoked:
        raise CredentialError("key", "the proof is not signed by a key that its actor has now")
