"""What came of verifying a file, as text for people and as JSON: the same at every door."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, tzinfo
from typing import Any

import msgspec

from beads import times
from stamps import sheet
from stamps.errors import quoted
from stamps.foreign import Foreign
from stamps.sheet import EarnedStamp
from wanted.verifying import VerifiedSheet

_LONG = 200
NOT_WITHDRAWN = "Not withdrawn as far as this file shows."


def lines(found: VerifiedSheet | Foreign, zone: tzinfo = UTC) -> list[str]:
    """Return what a file proves as text.

    Args:
        zone: Where its reader is.
    """
    return ["verified offline", *(_foreign(found) if isinstance(found, Foreign) else _sheet(found, zone))]


def as_json(found: VerifiedSheet | Foreign) -> dict[str, Any]:
    """Return the same as a JSON object."""
    return {"verified": True} | (_foreign_json(found) if isinstance(found, Foreign) else _sheet_json(found))


# -- sheets --------------------------------------------------------------------------------------------------------


def _sheet(found: VerifiedSheet, zone: tzinfo) -> Iterator[str]:
    summary = sheet.fold(found.holder, found.stamps)
    yield f"{found.holder}: {summary.stamps} stamp(s) from {summary.issuers} issuer(s) over {summary.items} item(s)"
    for dimension, score in summary.dimensions.items():
        yield f"  {dimension:<12} {score.mean:.1f}/5  ({score.count} from {score.issuers} issuer(s))"
    if summary.skills:
        yield f"  skills       {', '.join(f'{skill} ×{n}' for skill, n in summary.skills.items())}"
    for origin, n in summary.commons.items():
        yield f"  earned in    {found.commons[origin]} {origin[:20]}…: {n}"
    for issuer, n in _issuers(found.stamps).items():
        yield f"  issued by    {issuer}{_claims(found, issuer)}: {n}"
    for stamp in summary.timeline:
        notes = filter(None, (stamp.severity, f"by {_name(found, stamp)}", sheet.checked(stamp), _contested(stamp)))
        yield f"  {times.local(stamp.time_ms, zone)}  {stamp.title} ({', '.join(notes)})"
        if words := found.words.get(stamp.op):
            yield f"              {quoted(words, _LONG)}"
    if found.covered:
        yield (
            f"For {len(found.covered)} of these, those who govern the commons (its delegates) have signed that they "
            "had seen it there."
        )
    yield NOT_WITHDRAWN
    yield f"It shows {summary.stamps}; its holder may have left others out."


def _contested(stamp: EarnedStamp) -> str:
    return f"disputed{' and answered' if stamp.answered else ''}" if stamp.disputed else ""


def _name(found: VerifiedSheet, stamp: EarnedStamp) -> str:
    """Name an issuer: by its own word where the file holds that, and always by its id."""
    handle = found.handles.get((stamp.commons, stamp.issuer))
    return f"{quoted(handle)} ({stamp.issuer[:12]})" if handle else stamp.issuer[:12]


def _claims(found: VerifiedSheet, issuer: str) -> str:
    return f" (calls itself {', '.join(map(quoted, said))})" if (said := _handles(found, issuer)) else ""


def _handles(found: VerifiedSheet, issuer: str) -> list[str]:
    return sorted({handle for (_, actor), handle in found.handles.items() if actor == issuer})


def issuers(found: VerifiedSheet) -> list[str]:
    """Return the issuers of a sheet: each by its id, and by what it calls itself where the file holds its word."""
    return [f"{issuer}{_claims(found, issuer)}" for issuer in _issuers(found.stamps)]


def issuers_json(found: VerifiedSheet) -> list[dict[str, Any]]:
    """Return the same as JSON, with how many stamps each gave."""
    counts = _issuers(found.stamps).items()
    return [{"actor": issuer, "handles": _handles(found, issuer), "stamps": n} for issuer, n in counts]


def _issuers(stamps: Iterable[EarnedStamp]) -> Mapping[str, int]:
    return dict(Counter(stamp.issuer for stamp in stamps).most_common())


def _sheet_json(found: VerifiedSheet) -> dict[str, Any]:
    return {
        "kind": "sheet",
        "holder": found.holder,
        "issuers": issuers_json(found),
        "commons": [{"id": commons, "name": name} for commons, name in sorted(found.commons.items())],
        "stamps": [
            {"op": s.op, "title": s.title, "issuer": s.issuer, "commons": s.commons, "item": s.item,
             "submission": s.submission, "dims": dict(s.dims), "confidence": s.confidence, "severity": s.severity,
             "skills": list(s.skills), "time_ms": s.time_ms, "disputed": s.disputed, "answered": s.answered,
             "checks": [msgspec.to_builtins(run) for run in s.checks], "words": found.words.get(s.op),
             "covered": s.op in found.covered}
            for s in found.stamps
        ],
        "said": NOT_WITHDRAWN,
    }  # fmt: skip


# -- what others made ----------------------------------------------------------------------------------------------


def _foreign(found: Foreign) -> Iterator[str]:
    whose = "signed by its issuer" if found.kind == "credential" else "shown by"
    yield f"A {found.kind} of VC 2.0, {whose}: {quoted(found.signer, _LONG)}"
    for each in found.credentials:
        yield f"  {_said(each.get('name') or each.get('type'))}, of {_said(_id(each.get('credentialSubject')))}"
        if found.kind == "presentation":
            yield f"    issued by {_said(_id(each.get('issuer')))}"
    yield from (f"Not checked: {each}." for each in found.unchecked)
    yield "It says who signed it; whom to believe is for its reader."


def _foreign_json(found: Foreign) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "signer": found.signer,
        "credentials": [
            {"id": each.get("id"), "type": each.get("type"), "name": each.get("name"),
             "issuer": _id(each.get("issuer")), "subject": _id(each.get("credentialSubject"))}
            for each in found.credentials
        ],
        "unchecked": list(found.unchecked),
    }  # fmt: skip


def _id(value: Any) -> Any:
    one = value[0] if isinstance(value, list) and value else value
    return one.get("id") if isinstance(one, dict) else one


def _said(value: Any) -> str:
    return "somebody unnamed" if value is None else quoted(value, _LONG)
