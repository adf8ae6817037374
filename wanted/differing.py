"""In what a credential differs from the one that its stamp stands for, in words."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from stamps.errors import quoted

Path: TypeAlias = tuple[str | int, ...]

_ABSENT = object()
# The longest beginning of a path that stands here names what lies there.
_NAMES: Mapping[Path, str] = {
    ("@context",): "its @context",
    ("credentialSubject",): "whose work it is and how it was judged",
    ("credentialSubject", "achievement"): "what was achieved",
    ("credentialSubject", "achievement", "name"): "its title",
    ("credentialSubject", "achievement", "tag"): "its skills",
    ("credentialSubject", "id"): "whose work it is",
    ("evidence",): "its evidence",
    ("id",): "its id",
    ("issuer",): "who issued it",
    ("name",): "its title",
    ("proof",): "its signature",
    ("type",): "its type",
    ("validFrom",): "its date",
    ("validUntil",): "until when it is valid",
}


def difference(document: Mapping[str, Any], stands_for: Mapping[str, Any]) -> str:
    """Name the first member in which a credential is not what it should be, what it says and what it should."""
    # The proof differs whenever anything else was signed anew: it is named where nothing else is.
    found = _first({**document, "proof": None}, {**stands_for, "proof": None}, ())
    if found is None:
        return "its signature is another"
    path, here, there = found
    return f"{_named(path, stands_for)} is {_said(here)} here and {_said(there)} there"


def _first(here: Any, there: Any, path: Path) -> tuple[Path, Any, Any] | None:
    if isinstance(here, dict) and isinstance(there, dict):
        names = [*there, *(name for name in here if name not in there)]
        pairs = [((*path, name), here.get(name, _ABSENT), there.get(name, _ABSENT)) for name in names]
    elif isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        pairs = [((*path, n), *pair) for n, pair in enumerate(zip(here, there, strict=True))]
    else:
        return None if here == there else (path, here, there)
    return next((found for at, one, other in pairs if (found := _first(one, other, at)) is not None), None)


def _named(path: Path, document: Mapping[str, Any]) -> str:
    subject = document["credentialSubject"]
    if path[:2] == ("credentialSubject", "result") and len(path) > 2:
        return f"its {subject['achievement']['resultDescription'][path[2]]['name']}"
    if path[:1] == ("evidence",) and len(path) > 1:
        return f"its evidence ({document['evidence'][path[1]]['name']})"
    known = next((_NAMES[path[:n]] for n in range(len(path), 0, -1) if path[:n] in _NAMES), None)
    return known or quoted(".".join(map(str, path)))


def _said(value: Any) -> str:
    return "missing" if value is _ABSENT else quoted(value)
