"""The generated README that a plain `git clone` of a commons shows: the board as Markdown."""

from beads.index import Index
from node import present
from node.sheets.markdown import quoted

SHOWN = 200


def render(name: str, commons: str, index: Index) -> str:
    """Return the board of a commons as Markdown."""
    rows = index.database.query(
        """SELECT entity, title, status, effort, poster FROM items WHERE hidden = 0
           ORDER BY status IN ('completed', 'withdrawn'), priority, created LIMIT :n""",
        {"n": SHOWN},
    )
    names = present.names_in(index)
    lines = [
        f"# {quoted(name)}",
        "",
        f"The board of the commons `{commons}`, generated; the signed operations are under `refs/wl/{commons}/`.",
        "Follow it with `wl join` and the address that this was cloned from.",
        "",
        "| item | title | status | effort | by |",
        "|---|---|---|---|---|",
        *(f"| `{i[:12]}` | {quoted(t)} | {s} | {e} | {quoted(names.get(p) or p[:12])} |" for i, t, s, e, p in rows),
    ]
    return "\n".join(lines) + "\n"
