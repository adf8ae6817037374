"""A bead as a record: the JSON object that tools of its kind exchange, one a line in `issues.jsonl`.

1. A member of a record is a *cell* of the bead: a field (a short value), or a text of the body.
2. What fits neither (unknown members, odd values) is kept as JSON in a text `x_<name>`: nothing is dropped.
3. Points of time stay the texts they came as.
4. A record that came from a line is told relative to it: what did not change stands as it stood there.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import msgspec

from beads import keeping, times
from beads.fields import TEXT_LENGTH, Value
from beads.members import KEYS
from beads.projection import Prose
from beads.rules import one_line
from beads.vocabulary import DEFAULT_PRIORITY, DEFAULT_TYPE, OPEN, OWN_TYPES

Record: TypeAlias = dict[str, Any]
_CommentKey: TypeAlias = tuple[str, int | str | None, str]

TEXTS = ("title", "description", "design", "acceptance_criteria", "notes", "close_reason", "payload", "delete_reason")
"""Members that are texts of the body."""
SCALARS: Mapping[str, type[Any]] = {
    "status": str, "priority": int, "issue_type": str, "spec_id": str, "assignee": str, "owner": str,
    "estimated_minutes": int, "created_at": str, "created_by": str, "updated_at": str, "started_at": str,
    "closed_at": str, "closed_by_session": str, "due_at": str, "defer_until": str, "external_ref": str,
    "source_system": str, "compaction_level": int, "compacted_at": str, "compacted_at_commit": str,
    "original_size": int, "sender": str, "ephemeral": bool, "no_history": bool, "wisp_type": str, "pinned": bool,
    "is_template": bool, "await_type": str, "await_id": str, "timeout": int, "source_formula": str,
    "source_location": str, "mol_type": str, "work_type": str, "event_kind": str, "actor": str, "target": str,
    "deleted_at": str, "deleted_by": str, "original_type": str,
}  # fmt: skip
"""Members that are fields, and what they must be to be one."""
JSON_TEXTS = ("metadata", "bonded_from", "waiters")
"""Members that are JSON, and texts of the body by their own name."""
SETS = ("labels", "dependencies", "comments")
FIELD_OF = {"issue_type": "type"}
"""Members whose field has another name."""
_MEMBER_OF = {name: member for member, name in FIELD_OF.items()}
LEFT_OUT: Mapping[str, Any] = {"title": "", "status": OPEN, "priority": 0, "issue_type": DEFAULT_TYPE}
"""What a line says that leaves a member out or empty; the most urgent priority, for early tools left out every zero."""
TYPE_LENGTH, LABEL_LENGTH, KIND_LENGTH = 40, 80, 40
_encode = msgspec.json.Encoder(decimal_format="number").encode
_MADE = frozenset(("created_at", "updated_at"))
_NAME = re.compile(r"[a-z][a-z0-9_]{0,57}")
_RANK = {name: n for n, name in enumerate(KEYS)}


class Cells(NamedTuple):
    """Members of a record as fields and texts; None and "" take one away."""

    fields: dict[str, Value]
    texts: dict[str, str]


def cells(members: Mapping[str, Any]) -> Cells:
    """Return the cells of members; `id` and the sets (labels, dependencies, comments) are not cells."""
    found = Cells({}, {})
    for name, value in members.items():
        if name != "id" and name not in SETS:
            _put(found, name, value)
    return found


def _put(found: Cells, name: str, value: Any) -> None:
    if name in SCALARS and is_field(name, value):
        found.fields[FIELD_OF.get(name, name)] = value
    elif name in TEXTS and isinstance(value, str):
        found.texts[name] = value
    elif name in JSON_TEXTS:
        found.texts[name] = "" if value is None else _json(value)
    else:
        found.texts[odd_name(name)] = _json(value)


def is_field(name: str, value: Any) -> bool:
    """Say whether a value of one of `SCALARS` can be a field."""
    fits = value is None or (type(value) is SCALARS[name] and _is_short(value))
    return fits and (name != "issue_type" or _is_type(value))


def _is_type(value: Any) -> bool:
    """Say whether a bead can be of a type: not of those that the ledger keeps about itself, or that others make."""
    return value is None or (one_line(value, TYPE_LENGTH) and value not in (*OWN_TYPES, "wanted"))


def leave_other_forms(found: Cells, members: Mapping[str, Any], view: "BeadView") -> None:
    """Let a member that was an odd value, and is a field now, be no text any more, and the other way round."""
    for name in members:
        odd, plain = odd_name(name), FIELD_OF.get(name, name)
        if odd in found.texts and name in SCALARS and view.fields.get(plain) is not None:
            found.fields[plain] = None
        elif odd not in found.texts and odd in view.texts:
            found.texts[odd] = ""


def _is_short(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= TEXT_LENGTH
    return isinstance(value, bool) or abs(value) < 1 << 53


def odd_name(name: str) -> str:
    """Return the name of the text that keeps a member which has no cell of its own."""
    return f"x_{name}" if _NAME.fullmatch(name) else f"xh_{name.encode(errors='surrogatepass').hex()}"


def _member(text: str) -> str | None:
    """Return the member that a text stands for; None where it stands for none."""
    if text.startswith("xh_"):
        try:
            return bytes.fromhex(text[3:]).decode(errors="surrogatepass")
        except ValueError:
            # A stranger's, who may call a text what he likes.
            return None
    if text.startswith("x_"):
        return text[2:]
    return text if text in TEXTS or text in JSON_TEXTS else None


def _json(value: Any) -> str:
    return _encode(value).decode(errors="replace")


class Made(NamedTuple):
    """When something was written, milliseconds, and by whom; "" where the ledger cannot say."""

    ms: int
    by: str


def _nobody_knows(op: str) -> Made | None:
    return None


@dataclass(frozen=True)
class BeadView:
    """One bead as it stands, its words at hand.

    Attributes:
        labels: Label → the additions that hold it.
        links: Kind, other end, note and the additions that hold it.
        comments: Operation, actor and time of each.
        written: Cell (`field` or `text`, and its name) → the operation that wrote it.
        made: Operation → when and by whom it was written, where that is known.
    """

    id: str
    type: str
    creator: str
    created_ms: int
    updated_ms: int
    fields: Mapping[str, Value]
    texts: Mapping[str, str]
    labels: Mapping[str, Sequence[str]]
    links: Sequence[tuple[str, str, str, Sequence[str]]]
    comments: Sequence[tuple[str, str, int]]
    written: Mapping[tuple[str, str], str]
    lost: Sequence[tuple[str, str, Value, str]] = ()
    hold: tuple[str, str, str, int, int | None] | None = None
    claims: int = 0
    prose: Prose = field(repr=False, default=lambda _: {})
    made: Callable[[str], Made | None] = field(repr=False, default=_nobody_knows)

    @property
    def status(self) -> str:
        """The status, `open` where none was set."""
        return str(self.fields.get("status", OPEN))

    @property
    def line(self) -> str:
        """The line that the bead came in by, or ""."""
        return self.texts.get("line", "")

    def text(self, name: str) -> str:
        """Return a field as a text, "" where there is none."""
        value = self.fields.get(name)
        return "" if value is None else str(value)


def view(
    state: Mapping[str, Any], prose: Prose, made: Callable[[str], Made | None] = _nobody_knows
) -> BeadView:  # fmt: skip
    """Read the state of a bead."""
    values = {name: value for name, value, _ in state["fields"]}
    written = {("field", name): op for name, _, op in state["fields"]}
    written |= {("text", name): op for name, op in state["prose"]}
    hold = state.get("hold")
    return BeadView(
        id=state["id"], type=str(values.get("type") or state["type"]), creator=state["creator"],
        created_ms=state["created"][0], updated_ms=state["updated"][0], fields=values,
        texts={name: text for name, op in state["prose"] if (text := prose(op).get(name, ""))},
        labels=dict(state["labels"]), links=[tuple(link) for link in state["links"]],
        comments=[tuple(comment) for comment in state["comments"]], written=written,
        lost=[tuple(row) for row in state.get("lost", ())], hold=tuple(hold) if hold else None,
        claims=state.get("claims", 0), prose=prose, made=made,
    )  # fmt: skip


NameOf: TypeAlias = Callable[[str], str]
"""Other end of a link → the id that people know it by."""


def record(bead: BeadView, name_of: NameOf, base: Mapping[str, Any] | None = None) -> Record:
    """Return a bead as a record.

    Args:
        base: What the line said that it came in by; what did not change stands as it stood there.
    """
    fresh = _members(bead, name_of, base or {})
    if base is None:
        return {name: fresh[name] for name in sorted(fresh, key=_rank)}
    kept = {
        name: value if _same(name, value, fresh) else fresh[name]
        for name, value in base.items()
        if name in fresh or _is_nothing(value)
    }
    new = {name: value for name, value in fresh.items() if name not in base and LEFT_OUT.get(name) != value}
    unsaid = {name for name in _MADE if times.instant(base.get(name)) is None}
    if new.keys() <= unsaid and _without(kept, unsaid) == _without(base, unsaid):
        # It did not say when; nor does that make it another line.
        return dict(base)
    return kept | {name: new[name] for name in sorted(new, key=_rank)}


def _without(members: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name not in names}


def without_empty(members: Record) -> Record:
    """Leave out the members that say as much when they are left out."""
    return {name: value for name, value in members.items() if name not in LEFT_OUT or not _is_empty(value)}


def _is_empty(value: Any) -> bool:
    return value is None or value == ""


def _rank(name: str) -> tuple[int, str]:
    return _RANK.get(name, len(KEYS)), name


def _is_nothing(value: Any) -> bool:
    return value in ("", None, [], {}, False) or value == 0


def _same(name: str, value: Any, fresh: Mapping[str, Any]) -> bool:
    """Say whether a member of the line still says what the bead says."""
    if name not in fresh:
        return _is_nothing(value)
    now = fresh[name]
    if name in LEFT_OUT and _is_empty(value):
        return bool(now == LEFT_OUT[name])
    if name == "labels" and isinstance(value, list) and isinstance(now, list):
        return _as_set(value) == _as_set(now)
    return bool(value == now) or bool(keeping.nfc(value) == now)


def _as_set(values: Sequence[Any]) -> set[str]:
    return {_json(keeping.nfc(one)) for one in values}


def _members(bead: BeadView, name_of: NameOf, base: Mapping[str, Any]) -> Record:
    found: Record = {"id": name_of(bead.id), "title": "", "status": OPEN, "priority": DEFAULT_PRIORITY}
    found["issue_type"] = bead.type
    for name, value in bead.fields.items():
        member = _MEMBER_OF.get(name, name)
        if member in SCALARS and value is not None and (value is not False and value != ""):
            found[member] = value
    for name, text in bead.texts.items():
        known = _member(name)
        if known is not None:
            found[known] = text if known in TEXTS and known == name else _parsed(text)
    found |= _times(bead)
    sets = {
        "labels": sorted(bead.labels) + _unfit(base, "labels", is_label),
        "dependencies": _dependencies(bead, name_of, base),
        "comments": _comments(bead, name_of, base),
    }
    return found | {name: its or base.get(name) for name, its in sets.items() if its or _is_odd(base.get(name))}


def is_label(value: Any) -> bool:
    """Say whether a value can be a label here."""
    return isinstance(value, str) and one_line(keeping.whole(value), LABEL_LENGTH)


def is_dependency(value: Any, bead: Any) -> bool:
    """Say whether a value can be a link here, of the bead that goes by an id."""
    if not isinstance(value, dict):
        return False
    kind, to = dependency_key(value)
    return one_line(kind, KIND_LENGTH) and one_line(f"alias:{to}") and to != bead


def is_comment(value: Any) -> bool:
    """Say whether a value can be a comment here."""
    return isinstance(value, dict) and isinstance(value.get("text"), str) and bool(value["text"])


def _unfit(base: Mapping[str, Any], name: str, fits: Callable[[Any], bool]) -> list[Any]:
    """Return what of a set can be nothing here: it stays in the line that it came in by."""
    value = base.get(name)
    return [one for one in value if not fits(one)] if isinstance(value, list) else []


def _is_odd(value: Any) -> bool:
    return not isinstance(value, list) and not _is_nothing(value)


def _parsed(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _times(bead: BeadView) -> dict[str, str]:
    """Return when it was made and changed, in the words it came with where they still hold."""
    updated = bead.text("updated_at")
    still = times.instant(updated) == bead.updated_ms
    return {
        "created_at": bead.text("created_at") or times.text(bead.created_ms),
        "updated_at": updated if still else times.text(bead.updated_ms),
    }


def _dependencies(bead: BeadView, name_of: NameOf, base: Mapping[str, Any]) -> list[Record]:
    now = {(kind, name_of(to)): (to, note, ops) for kind, to, note, ops in bead.links}
    before = base.get("dependencies")
    said = before if isinstance(before, list) else []
    kept = [one for one in said if not is_dependency(one, base["id"]) or dependency_key(one) in now]
    new = sorted(now.keys() - {dependency_key(one) for one in _objects(said)})
    return kept + [_dependency(bead, name_of, *key, *now[key][1:]) for key in new]


def dependency_key(one: Mapping[str, Any]) -> tuple[str, str]:
    """Return what makes a dependency the same: its type and what it depends on."""
    return str(one.get("type") or "blocks"), str(one.get("depends_on_id", ""))


def _dependency(bead: BeadView, name_of: NameOf, kind: str, to: str, note: str, additions: Sequence[str]) -> Record:
    first = _first(bead, additions)
    found = {"issue_id": name_of(bead.id), "depends_on_id": to, "type": kind, "created_at": times.text(first.ms)}
    found |= {"created_by": first.by} if first.by else {}
    extra = _parsed(note) if note else {}
    return found | (extra if isinstance(extra, dict) else {})


def _first(bead: BeadView, additions: Sequence[str]) -> Made:
    """Return when a link was made first, and by whom: where the bead was made with it, by whoever made that."""
    known = ((made, op) for op in additions if (made := bead.made(op)))
    first, op = min(known, default=(Made(bead.updated_ms, ""), ""))
    return first._replace(by=bead.text("created_by") or first.by) if op == bead.id else first


def _comments(bead: BeadView, name_of: NameOf, base: Mapping[str, Any]) -> list[Record]:
    came = base.get("comments")
    before = came if isinstance(came, list) else []
    said = [comment(bead.prose(op), name_of(bead.id), op, actor, ms) for op, actor, ms in bead.comments]
    now = {comment_key(one): one for one in said if one["text"]}
    same = [(one, _same_comments(one, now) if is_comment(one) else None) for one in before]
    known = {key for _, keys in same for key in keys or ()}
    return [one for one, keys in same if keys != []] + [one for key, one in now.items() if key not in known]


def _same_comments(said: Record, now: Collection[_CommentKey]) -> list[_CommentKey]:
    """Return which comments a line tells of, which may not say by whom they are, or from when."""
    name, at, text = key = comment_key(said)
    unsigned, undated = not said.get("author"), (times.instant(said.get("created_at")) or 0) <= 0
    if key in now or not (unsigned or undated):
        return [key] if key in now else []
    return [one for one in now if one[2] == text and (unsigned or one[0] == name) and (undated or one[1] == at)]


def comment(texts: Mapping[str, str], bead: str, op: str, actor: str, ms: int) -> Record:
    """Return a comment as a record."""
    said = texts.get("created_at", "")
    return {
        "id": _parsed(texts["id"]) if "id" in texts else op[:32], "issue_id": bead,
        "author": texts.get("author") or actor, "text": texts.get("text", ""),
        "created_at": said if times.instant(said) == ms else times.text(ms),
    }  # fmt: skip


def comment_key(one: Mapping[str, Any]) -> _CommentKey:
    """Return what makes a comment the same: author, moment and text; ids of its kind collide between clones."""
    at = one.get("created_at")
    return str(one.get("author", "")), times.instant(at) or str(at), keeping.nfc(str(one.get("text", "")))


def _objects(value: Any) -> list[Record]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
