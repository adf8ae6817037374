"""Key logs made by hand: honest by default, and whatever a test wants otherwise."""

import json
from typing import Any

from stamps import dataintegrity, keylog, webvh
from stamps.jcs import jcs_encode
from stamps.keys import SigningKey

UPDATE, NEXT, LAST, DEVICE, OTHER = (SigningKey.from_seed(bytes([n]) * 32) for n in range(10, 15))
TIMES = [f"2026-11-21T00:00:0{n}Z" for n in range(10)]

Members = dict[str, Any]


def first(parameters: Members | None = None, state: Members | None = None, **members: Any) -> bytes:
    """A first entry with anything in it, its SCID, hash and proof all in order."""

    def body(scid: str) -> Members:
        named: Members = {"method": webvh.METHOD, "scid": scid, "updateKeys": [UPDATE.public.multibase]}
        document = {"id": f"did:webvh:{scid}:example.com"} | filled(state or {}, scid)
        named |= parameters or {}
        parts = {"versionId": scid, "versionTime": TIMES[0], "parameters": named, "state": document} | members
        return {name: value for name, value in parts.items() if value is not None}

    return signed(body(webvh.multihash(jcs_encode(body(webvh.PLACEHOLDER)))), 1, UPDATE)


def filled(state: Members, scid: str) -> Members:
    result: Members = json.loads(json.dumps(state).replace(webvh.PLACEHOLDER, scid))
    return result


def signed(body: Members, number: int, signer: SigningKey) -> bytes:
    entry = body | {"versionId": f"{number}-{webvh.multihash(jcs_encode(body))}"}
    proven = dataintegrity.sign(entry, signer, created=TIMES[0])
    return jcs_encode(proven | {"proof": [proven["proof"]]}) + b"\n"


def then(log: bytes, signer: SigningKey, parameters: Members | None = None, **members: Any) -> bytes:
    """The log with one more entry; the state is that of the entry before unless given."""
    lines = log.splitlines()
    before = json.loads(lines[-1])
    number = len(lines) + 1
    body = {"versionId": before["versionId"], "versionTime": TIMES[len(lines)], "state": before["state"]}
    return log + signed(body | {"parameters": parameters or {}} | members, number, signer)


def names(*keys: SigningKey) -> list[str]:
    return [key.public.multibase for key in keys]


def hashes(*keys: SigningKey) -> list[str]:
    return [webvh.key_hash(key.public) for key in keys]


def document(*methods: tuple[SigningKey, str]) -> Members:
    """A DID document with keys and one purpose each; an empty purpose lists the key without one."""
    did = f"did:webvh:{webvh.PLACEHOLDER}:example.com"
    state: Members = {"id": did, "verificationMethod": [], "assertionMethod": [], "authentication": []}
    for key, purpose in methods:
        name = f"{did}#{key.public.multibase}"
        method = {"id": name, "type": "Multikey", "publicKeyMultibase": key.public.multibase}
        state["verificationMethod"].append(method)
        state.get(purpose, []).append(name)
    return state


def incepted() -> bytes:
    return keylog.incept(update=UPDATE, next_update=NEXT.public, device=DEVICE.public, time=TIMES[0])
