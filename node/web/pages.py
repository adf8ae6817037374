"""The pages: boards, items, actors. ⚡ (templates are read from the package)"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from beads.errors import NotFound
from beads.index import Index
from beads.rules import Entity
from node import circle, present, told
from node.circle import Kept
from node.errors import classify, hint_of
from node.http.keeper import Keeper
from node.sheets import drawn, words
from node.web.sheets import Sheets
from stamps import tiers
from stamps.reputation import OVERALL
from wanted import lifecycle, lookup
from wanted.view import ItemView

PAGE = 50
FOLDER = Path(__file__).parent
TABS = (lifecycle.OPEN, lifecycle.CLAIMED, lifecycle.IN_REVIEW, lifecycle.COMPLETED, lifecycle.WITHDRAWN)
_ITEMS = """SELECT entity, title, status, effort, project, skills, poster, holder, provisional, created FROM items
            WHERE hidden = 0 AND status = :status AND title LIKE :like ESCAPE '\\' ORDER BY priority, created DESC
            LIMIT :limit OFFSET :offset"""
_COLUMNS = ("id", "title", "status", "effort", "project", "skills", "poster", "holder", "provisional", "created")


class Pages:
    """The pages of one node."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._circles = Kept(keeper.home)
        self._sheets = Sheets(keeper, self._circles)
        folders = (FOLDER / "templates", drawn.TEMPLATES)
        self._templates = drawn.prepare(Environment(loader=FileSystemLoader(folders), autoescape=True))
        self._templates.filters.update(moment=_moment, said_of=present.said_of)

    def routes(self) -> list[Route | Mount]:
        """Return the routes of the pages."""
        return [
            Route("/", self.home),
            Route("/leaderboard", self.leaderboard),
            Route("/c/{commons}", self.board),
            Route("/c/{commons}/items/{item}", self.item),
            Route("/c/{commons}/actors/{actor}", self.actor),
            Route("/c/{commons}/actors/{actor}/{file}", self._sheets.file),
            Mount("/static", StaticFiles(directory=FOLDER / "static")),
        ]

    async def home(self, request: Request) -> Response:
        """The commons of this node; the board at once where there is just one."""
        public = self._keeper.public()
        if len(public) == 1:
            return RedirectResponse(f"/c/{public[0]}", 303)
        names = self._keeper.home.commons()
        rows = [{"id": c, "name": names[c].name, **_totals(self._keeper.index(c))} for c in public]
        return self._page(request, "home.html", None, rows=rows)

    async def board(self, request: Request) -> Response:
        """One commons' items, by status."""
        commons, index = self._open(request)
        status = request.query_params.get("status", lifecycle.OPEN)
        page = max(_number(request.query_params.get("page")), 1)
        query = request.query_params.get("q", "")[:200]
        like = "%" + query.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        place = {"status": status, "like": like, "limit": PAGE + 1, "offset": (page - 1) * PAGE}
        rows = [dict(zip(_COLUMNS, row, strict=True)) for row in index.database.query(_ITEMS, place)]
        for row in rows:
            row["skills"] = [skill for skill in row["skills"].split(",") if skill]
        sql = "SELECT status, count(*) FROM items WHERE hidden = 0 GROUP BY status"
        found: dict[str, int] = dict(index.database.query(sql))
        counts = [(name, found.get(name, 0)) for name in TABS]
        return self._page(
            request, "board.html", commons, items=rows[:PAGE], more=len(rows) > PAGE, counts=counts, status=status,
            q=query, page=page,
        )  # fmt: skip

    async def item(self, request: Request) -> Response:
        """One item: who, what was handed in, who judged it how, and everything that happened."""
        commons, index = self._open(request)
        names = present.names_in(index)
        whole = told.of(index, lookup.find(index, request.path_params["item"]), names)
        return self._page(
            request, "item.html", commons, told=whole, asked=present.asked(whole.item),
            history=_history(index, whole.item), names=names,
        )  # fmt: skip

    async def actor(self, request: Request) -> Response:
        """One actor's character sheet, as the circle of the node's owner regards it."""
        commons, _ = self._open(request)
        view = self._sheets.view(commons["id"], request.path_params["actor"])
        return self._page(
            request, "actor.html", commons, view=view, links=drawn.Links(""), pictures=drawn.pictures(view),
            badge=drawn.badge_value(view), names=view.named.actors,
        )  # fmt: skip

    async def leaderboard(self, request: Request) -> Response:
        """Everybody of whom the circle of the node's owner has evidence enough."""
        indexes = self._public()
        dimension = circle.dimension(request.query_params.get("dimension", OVERALL), indexes)
        homes = _homes(indexes)
        lines = [
            {"place": line.place, "actor": line.actor, "score": line.score, "tier": tiers.rung(line.score).tier,
             "commons": homes[line.actor]}
            for line in self._circles.over(indexes).leaderboard(dimension)[:PAGE] if line.actor in homes
        ]  # fmt: skip
        return self._page(
            request, "leaderboard.html", self._whence(request), lines=lines, dimension=dimension,
            dimensions=circle.dimensions(indexes), names=present.names_in(*indexes.values()),
        )  # fmt: skip

    def _whence(self, request: Request) -> dict[str, str] | None:
        """Return the commons that a reader came from, for the way back: the one said, or the only one there is."""
        public = self._keeper.public()
        came = request.query_params.get("from") or (public[0] if len(public) == 1 else "")
        if not came or self._keeper.repository(came, request.headers) is None:
            return None
        return {"id": came, "name": self._keeper.home.commons()[came].name}

    def _public(self) -> dict[str, Index]:
        return {commons: self._keeper.index(commons) for commons in self._keeper.public()}

    def error(self, request: Request, error: Exception) -> Response:
        """Say what is wrong, as a page, or as JSON to a program."""
        _, status, code = classify(error)
        if "text/html" not in request.headers.get("accept", ""):
            problem = {"type": "about:blank", "title": str(error), "status": status, "code": code}
            return JSONResponse(problem | {"hint": hint_of(error)}, status, media_type="application/problem+json")
        return self._page(request, "error.html", None, status, message=str(error), hint=hint_of(error))

    def _open(self, request: Request) -> tuple[dict[str, str], Index]:
        commons = request.path_params["commons"]
        if self._keeper.repository(commons, request.headers) is None:
            raise NotFound("no such commons on this node", "/api/v1/commons lists those that are here.")
        return {"id": commons, "name": self._keeper.home.commons()[commons].name}, self._keeper.index(commons)

    def _page(
        self,
        request: Request,
        template: str,
        commons: Mapping[str, str] | None,
        status_code: int = 200,
        /,
        **values: Any,
    ) -> HTMLResponse:
        names = values.pop("names", None)
        if names is None:
            names = present.names_in(self._keeper.index(commons["id"])) if commons else {}
        self._templates.filters["who"] = lambda actor: present.name(actor, names)
        base = f"{request.url.scheme}://{request.url.netloc}"
        text = self._templates.get_template(template).render(
            commons=commons, base=base, status=values.pop("status", status_code), **values
        )
        return HTMLResponse(text, status_code)


def _history(index: Index, item: ItemView) -> list[dict[str, Any]]:
    ignored: dict[str, str] = dict(
        index.database.query("SELECT op, rule FROM ignored WHERE entity = :id", {"id": item.id})
    )
    return [
        {"t": live.op.t, "actor": live.actor, "ms": live.op.hlc.ms, "op": live.op.id,
         "ignored": ignored.get(live.op.id)}
        for live in index.ops_of(Entity("bead", item.id))
    ]  # fmt: skip


def _homes(indexes: Mapping[str, Index]) -> dict[str, str]:
    """Return a commons in which each actor has a page."""
    return {
        actor: commons
        for commons, index in indexes.items()
        for (actor,) in index.database.query("SELECT entity FROM actors")
    }


def _totals(index: Index) -> dict[str, int]:
    rows: dict[int, int] = dict(
        index.database.query("SELECT status = 'open', count(*) FROM items WHERE hidden = 0 GROUP BY status = 'open'")
    )
    return {"open": rows.get(1, 0), "total": sum(rows.values())}


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 7 else 1


def _moment(ms: int) -> str:
    return words.moment(ms).strftime("%Y-%m-%d %H:%M:%S")
