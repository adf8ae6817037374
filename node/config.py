"""The node's configuration: one TOML file in the home directory, checked against a schema. ⚡

It is the owner's to edit; no verb rewrites it. What verbs keep (peers, the default commons) lies beside it as JSON.
"""

from pathlib import Path

import msgspec

from node.errors import BadConfig
from wanted.policy import DAY_MS, Policy


class Serve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Section [serve].

    Attributes:
        host: Address to listen on; the loopback unless told otherwise.
        port: 0 takes any free one.
        names: Host names that a browser may use besides the address.
    """

    host: str = "127.0.0.1"
    port: int = 8470
    names: tuple[str, ...] = ()


class Grants(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Section [grants]: how this node, as a home, answers claims."""

    mode: str = "auto"
    lease_days: int = 7
    held_at_most: int = 3
    expired_at_most: int = 2


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file; every setting has a default, so none is needed."""

    serve: Serve = Serve()
    grants: Grants = Grants()

    @property
    def policy(self) -> Policy:
        """The grants as the board wants them."""
        g = self.grants
        return Policy(g.mode, g.lease_days * DAY_MS, g.held_at_most, g.expired_at_most)


def load(path: Path) -> Config:
    """Read the configuration.

    Raises:
        BadConfig: It has an unknown setting or a value of another kind.
    """
    if not path.is_file():
        return Config()
    try:
        config = msgspec.toml.decode(path.read_bytes(), type=Config)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise BadConfig(f"{path}: {error}", "docs/reference/configuration.md lists the settings.") from None
    if config.grants.mode not in ("auto", "manual"):
        raise BadConfig(f"{path}: grants.mode is auto or manual, not {config.grants.mode}")
    return config
