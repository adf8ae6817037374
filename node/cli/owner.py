"""Who writes: verbs that sign make an identity where there is none. ⚡"""

from node.cli.common import Output
from node.home import Home
from node.keybox import RECOVERY


def ensure_identity(home: Home, output: Output) -> None:
    """Make an identity where there is none and was none, and say so.

    Raises:
        NoHome: There was one, and it is lost.
    """
    if home.exists:
        # A home that is older than this note, or that a device was added to.
        if home.remembers is None:
            home.remember(home.key_log().scid)
    else:
        keys = home.make_identity()
        output.trouble(
            f"New identity {keys.scid}. Its recovery key is {home.path / 'identity' / RECOVERY}; keep a copy."
        )
