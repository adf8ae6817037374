"""bd mcp: the verbs as tools for agents. ⚡"""

from beads.errors import Refused
from node.cli.bd_common import Desk, bd_verb


@bd_verb()
def mcp(desk: Desk) -> None:
    """Serve these verbs to agents over the Model Context Protocol, on standard input and output."""
    try:
        # An extra that need not be installed, and half a second of imports.
        from node.mcp import server  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types", "anyio"):
            raise
        raise Refused(
            "bd mcp needs the Model Context Protocol's SDK, which is not installed",
            "In the folder of this program's source: pip install '.[mcp]'",
        ) from error
    server.main()
