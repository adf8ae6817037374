"""Writing beads as `issues.jsonl`: a line that did not change is the very line that came in."""

from collections.abc import Iterator, Sequence

from beads import jsonl, keeping, memory, settings
from beads.jsonl import Kind, Line, Order
from beads.reading import NOT_OWN, Reader
from beads.rules import one_line
from beads.vocabulary import TOMBSTONE

ORDERS = {name: Order(name) for name in settings.ORDERS}


def export(
    reader: Reader, before: bytes | None = None, order: Order | None = None, status: str | None = None, *,
    memories: bool = False,
) -> bytes:  # fmt: skip
    """Return the beads as a file.

    Args:
        before: The file as it is now: its order stays, and what is in it that is no bead.
        order: Another order; without it that of the file, that in which the beads came in, or by id.
        status: Only beads of this status.
        memories: What is remembered comes last.
    """
    lines = list(_lines(reader, status))
    former = [_kept(line) for line in jsonl.read(before).lines] if before else _as_they_came(reader, lines)
    setting = reader.settings.values.get("export.order")
    chosen = order or (ORDERS.get(setting) if setting else None) or (None if former else Order.BY_ID)
    if chosen in (None, Order.AS_IT_WAS) and not former:
        chosen = Order.BY_ID
    return b"".join([*jsonl.arrange(former, lines, chosen), *(_memories(reader) if memories else ())])


def _kept(line: Line) -> Line:
    """Return a line of the file; one whose id no bead can have here is no bead's, so it stays."""
    odd = line.kind is Kind.BEAD and not one_line(keeping.whole(line.id))
    return line._replace(kind=Kind.OTHER) if odd else line


def _lines(reader: Reader, status: str | None) -> Iterator[Line]:
    """Yield every bead as a line: the one it came in by where that still holds."""
    reader.remember()
    sql = f"""SELECT entity, ephemeral = 1 OR status = '{TOMBSTONE}' FROM beads
              WHERE {NOT_OWN} AND (:status IS NULL OR status = :status)"""
    for bead, passing in reader.rows(sql, {"status": status}):
        view = reader.view(bead)
        base = jsonl.one(keeping.line_bytes(view.line))
        if passing and base is None:
            # Wisps and graves are nobody else's business, unless it was from others that they came.
            continue
        record = reader.record(view, base)
        raw = keeping.line_bytes(view.line) if base is not None else None
        yield jsonl.line(record, raw)


def _as_they_came(reader: Reader, lines: Sequence[Line]) -> Sequence[Line]:
    """Return the lines that came in by a file, in its order."""
    sql = "SELECT shown, line_no FROM beads WHERE line_no IS NOT NULL"
    places = dict(reader.rows(sql))
    return sorted((line for line in lines if places.get(line.id)), key=lambda line: places[line.id])


def _memories(reader: Reader) -> Sequence[bytes]:
    known = sorted(memory.memories(reader), key=lambda one: one.key)
    return [jsonl.encode({"_type": "memory", "key": one.key, "value": one.text}) for one in known]
