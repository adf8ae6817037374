"""wl browse, wl show: reading the board. Kept light: these are the verbs that agents run all day."""

import click

from node import present, told, wiring
from node.cli.common import Output, commons_option, table, verb
from node.home import Home, locate
from node.sheets.words import plain
from wanted import lifecycle, lookup

STATUSES = (*lifecycle.STATUSES, lifecycle.IN_REVIEW, "all")
_COLUMNS = (
    "id",
    "title",
    "status",
    "effort",
    "priority",
    "project",
    "skills",
    "poster",
    "holder",
    "provisional_holder",
)
_QUERY = """SELECT entity, title, status, effort, priority, project, skills, poster, holder, provisional FROM items
            WHERE (:hidden OR hidden = 0) AND (:status = 'all' OR status = :status)
              AND (:skill IS NULL OR ',' || skills || ',' LIKE :skill)
              AND (:project IS NULL OR project = :project) AND (:search IS NULL OR title LIKE :search)
            ORDER BY priority, created LIMIT :limit"""


@verb()
@commons_option
@click.option("--status", type=click.Choice(STATUSES), default="open", show_default=True)
@click.option("--skill", help="Only items that ask for this skill.")
@click.option("--project")
@click.option("--search", metavar="TEXT", help="Only titles that hold this.")
@click.option("--hidden", is_flag=True, help="Those that delegates have hidden, too.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
def browse(
    output: Output, commons: str | None, status: str, skill: str | None, project: str | None, search: str | None,
    hidden: bool, limit: int,
) -> None:  # fmt: skip
    """The board: what is wanted."""
    home = Home(locate())
    chosen = home.choose(commons)
    index = wiring.open_index(home, chosen)
    place = {
        "status": status, "skill": f"%,{skill},%" if skill else None, "project": project,
        "search": f"%{search}%" if search else None, "hidden": hidden, "limit": limit,
    }  # fmt: skip
    rows = [dict(zip(_COLUMNS, row, strict=True)) for row in index.database.query(_QUERY, place)]
    for row in rows:
        row["skills"] = [each for each in row["skills"].split(",") if each]
    cells = [
        (row["id"][:12], row["status"], row["effort"], plain(row["title"]) or present.NO_WORDS, ",".join(row["skills"]))
        for row in rows
    ]
    empty = "No items here." if status == "all" else f"Nothing is {status.replace('_', ' ')} here."
    output.result(
        {"commons": chosen, "items": rows},
        table(cells, 3) or [empty],
        [f"wl show {rows[0]['id'][:12]}", f"wl claim {rows[0]['id'][:12]}"] if rows else ['wl post "Title"'],
    )
    index.database.close()


@verb()
@click.argument("item")
@commons_option
def show(output: Output, item: str, commons: str | None) -> None:
    """One item, whole: who, what was handed in, how it was judged."""
    home = Home(locate())
    index = wiring.open_index(home, home.choose(commons))
    whole = told.of(index, lookup.find(index, item), present.names_in(index))
    output.result({"item": present.item_json(whole)}, present.item_lines(whole))
    index.database.close()
