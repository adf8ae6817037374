"""Who writes: verbs that sign make an identity where there is none. ⚡"""

from node.cli.common import Output
from node.home import Home
from node.keybox import RECOVERY


def ensure_identity(home: Home, output: Output) -> None:
    """Make an identity where there is none, and say so."""
    if not home.exists:
        keys = home.make_identity()
        output.trouble(
            f"New identity {keys.scid}. Its recovery key is {home.path / 'identity' / RECOVERY}; keep a copy."
        )
