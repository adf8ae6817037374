"""Reading formulas: bytes of TOML or JSON become a `beads.formula.Formula`, or an error that names the place."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final, TypeVar, get_args

import msgspec

from beads.formula import NAME, SIZE, Formula, FormulaError, Var, nearest
from beads.formula_check import check

_KEY_DOTS: Final = 100
_AT: Final = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?", re.DOTALL)
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<key>.+)`")

_Shape = TypeVar("_Shape", bound=msgspec.Struct)


def parse(raw: bytes, name: str) -> Formula:
    """Read a formula.

    Args:
        raw: The file's bytes: JSON if its name ends in `.json` or its text begins with a brace, else TOML.
        name: The file's name, for messages.

    Raises:
        FormulaError: It is none, or breaks a rule.
    """
    try:
        plain = _plain(raw, name)
        tables = {key: _var(key, value) for key, value in _vars(plain).items()}
        formula = msgspec.structs.replace(_convert(plain, Formula, ""), vars=tables)
        check(formula)
    except FormulaError as error:
        raise error.of(name) from None
    return formula


def _plain(raw: bytes, name: str) -> dict[str, Any]:
    if len(raw) > SIZE:
        raise FormulaError("", f"{len(raw)} bytes, {SIZE} allowed", "Split it, and use extends or expand.")
    try:
        text = raw.decode("utf-8")
        as_json = name.endswith(".json") or text.lstrip()[:1] == "{"
        plain = msgspec.json.decode(raw) if as_json else _toml(text)
    except RecursionError:
        raise FormulaError("", "nested too deep") from None
    except (ValueError, msgspec.DecodeError) as error:
        raise FormulaError("", f"neither TOML nor JSON: {error}") from None
    if not isinstance(plain, dict):
        raise FormulaError("", "not an object")
    return plain


def _toml(text: str) -> dict[str, Any]:
    # The time tomllib takes for a dotted key grows with the square of its parts.
    for line in text.splitlines():
        keys = [*line.split("=")[:-1], *([line] if line.lstrip().startswith("[") else [])]
        if any(key.count(".") > _KEY_DOTS for key in keys):
            raise FormulaError("", f"a key of more than {_KEY_DOTS} parts: {line.strip()[:40]}…")
    return tomllib.loads(text)


def _vars(plain: dict[str, Any]) -> dict[str, Any]:
    found = plain.pop("vars", {})
    if not isinstance(found, dict):
        raise FormulaError("vars", "not a table")
    return found


def _var(name: str, value: Any) -> Var:
    if not NAME.fullmatch(name):
        raise FormulaError(f"vars.{name[:64]}", "not a name", "Letters, digits, _ and -; not a digit first.")
    if not isinstance(value, dict):
        value = {"default": value}
    texts = {key: _text(value[key]) for key in ("default",) if key in value}
    if isinstance(value.get("enum"), list):
        texts["enum"] = [_text(each) for each in value["enum"]]
    return _convert({**value, **texts}, Var, f"vars.{name}")


def _text(value: Any) -> Any:
    """Write numbers and booleans as the text they are in TOML; leave anything else to the conversion."""
    return str(value).lower() if isinstance(value, bool | int) else value


def _convert(plain: dict[str, Any], shape: type[_Shape], place: str) -> _Shape:
    try:
        return msgspec.convert(plain, shape)
    except RecursionError:
        raise FormulaError(place, "nested too deep") from None
    except msgspec.ValidationError as error:
        raise _misfit(str(error), shape, place) from None


def _misfit(message: str, shape: type[msgspec.Struct], place: str) -> FormulaError:
    found = _AT.fullmatch(message)
    what, path = (found["what"], found["path"] or "") if found else (message, "")
    place = ".".join(filter(None, (place, path)))
    unknown = _UNKNOWN.fullmatch(what)
    if unknown is None:
        return FormulaError(place, what.replace("Object missing required field", "missing:"))
    known = [each.encode_name for each in msgspec.structs.fields(_shape_at(shape, path))]
    key = unknown["key"][:80]
    return FormulaError(".".join(filter(None, (place, key))), "unknown key", nearest(key, known, "keys"))


def _shape_at(shape: type[msgspec.Struct], path: str) -> type[msgspec.Struct]:
    for name in re.findall(r"(?:^|\.)(\w+)", path):
        types = {each.encode_name: each.type for each in msgspec.structs.fields(shape)}
        shape = _struct_in(types.get(name)) or shape
    return shape


def _struct_in(hint: Any) -> type[msgspec.Struct] | None:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint
    return next(filter(None, map(_struct_in, get_args(hint))), None)
