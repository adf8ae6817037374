"""Character sheets at `/c/<commons>/actors/<actor>/…`: cards, badges and files that others show and keep. ⚡"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from beads.errors import NotFound
from node import present, wiring
from node.circle import Kept, taken_in
from node.http.keeper import Keeper
from node.sheets import drawn
from node.sheets.formats import FORMATS, SVG
from node.sheets.view import Named, SheetView, look
from stamps import sheet
from wanted import earned

FRESH: Final = "public, max-age=300"
"""How long a copy is shown before somebody asks again; a README's picture need not be newer."""
_OWN: Final = "private, no-store"
POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox"
)
"""A file has its style within; of strangers' words none can be in it, and there is nothing else that it may do."""


class Served(NamedTuple):
    """A file that is made of a sheet."""

    media: str
    make: Callable[[SheetView], str]


FILES: Final[Mapping[str, Served]] = MappingProxyType(
    {"badge.svg": Served(SVG, drawn.badge)}
    | {f"sheet.{FORMATS[form].suffix}": Served(FORMATS[form].media, FORMATS[form].make) for form in FORMATS}
)


class Sheets:
    """The sheets of one node."""

    def __init__(self, keeper: Keeper, circles: Kept) -> None:
        self._keeper = keeper
        self._circles = circles

    def view(self, commons: str, actor: str) -> SheetView:
        """Return all that a sheet shows of an actor of a commons: its stamps there and in all public ones.

        Raises:
            NotFound: Nobody in that commons is called so.
        """
        if self._keeper.index(commons).state("actor", actor) is None:
            raise NotFound("no such actor in this commons")
        home = self._keeper.home
        public = {each: self._keeper.index(each) for each in self._keeper.public()}
        shown = public | {commons: self._keeper.index(commons)}
        names = present.names_in(*shown.values())
        named = Named(
            names, {each: home.commons()[each].name for each in shown}, present.name(home.key_log().scid, names)
        )
        found = sheet.fold(actor, [stamp for each, index in shown.items() for stamp in earned.by(index, each, actor)])
        return look(actor, found, self._circles.over(public), taken_in(public, actor), named, wiring.now_ms())

    async def file(self, request: Request) -> Response:
        """Answer with a sheet in one of its forms."""
        commons, actor = request.path_params["commons"], request.path_params["actor"]
        wanted = FILES.get(request.path_params["file"])
        if wanted is None or self._keeper.repository(commons, request.headers) is None:
            raise NotFound("no such file", f"There are: {', '.join(FILES)}")
        body = wanted.make(self.view(commons, actor)).encode()
        return _answer(request, body, wanted.media, FRESH if commons in self._keeper.public() else _OWN)


def _answer(request: Request, body: bytes, media: str, cache: str) -> Response:
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {"Cache-Control": cache, "ETag": tag, "Content-Security-Policy": POLICY}
    known = request.headers.get("if-none-match", "")
    if tag in (each.strip().removeprefix("W/") for each in known.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media, headers=headers)
