"""Headers and hosts: what every response carries, and whom the node answers at all. Pure ASGI, for speed.

A route may give an answer a policy of its own: a picture or a file that carries its style within.
"""

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """Refuses foreign Host headers (DNS rebinding) and adds the security headers.

    Args:
        hosts: Names that may stand in Host; empty allows any (the owner chose to listen to the world).
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._hosts and _host(Headers(scope=scope)) not in self._hosts:
            answer = PlainTextResponse("unknown host; add it to serve.names in config.toml\n", 421)
            await answer(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


def _host(headers: Headers) -> str:
    host = headers.get("host", "")
    return host[1:].split("]")[0] if host.startswith("[") else host.split(":")[0]
