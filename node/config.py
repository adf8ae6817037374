"""The node's configuration: one TOML file in the home directory, checked against a schema. ⚡

It is the owner's to edit; no verb rewrites it. What verbs keep (peers, the default commons) lies beside it as JSON.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path

import msgspec

from beads.address import Reach
from node.errors import BadConfig
from wanted.policy import DAY_MS, Policy

_PUBLIC_URL = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]{1,260}(?:/[A-Za-z0-9._~-]{1,100}){0,4}")


class Serve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Section [serve].

    Attributes:
        host: Address to listen on; the loopback unless told otherwise.
        port: 0 takes any free one.
        names: Host names that a browser may use besides the address.
        public_url: Where others reach this node; it is announced to peers where it is set.
    """

    host: str = "127.0.0.1"
    port: int = 8470
    names: tuple[str, ...] = ()
    public_url: str = ""


class Grants(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Section [grants]: how this node, as a home, answers claims."""

    mode: str = "auto"
    lease_days: int = 7
    held_at_most: int = 3
    expired_at_most: int = 2


class Peers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Section [peers]: what becomes of addresses that strangers suggest, and what is said of peers.

    Attributes:
        discover: Sync with suggested nodes without being asked, a few.
        allow: Networks that suggested addresses may lie in although they are not public.
        stale_days: For how long nothing new may be covered before that is said; 0 for ever.
    """

    discover: bool = False
    allow: tuple[str, ...] = ()
    stale_days: int = 14


class Reputation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Section [reputation]: from whom this node's owner looks at others.

    Attributes:
        delegates: What the delegates of the commons followed here weigh as anchors, beside the owner's 1.
        anchors: Actor → weight from 0 to 1; 0 leaves out a delegate.
    """

    delegates: float = 0.5
    anchors: Mapping[str, float] = {}


class Review(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Section [review]: what the checks of strangers find in their sandbox.

    Attributes:
        read: Folders beyond the system's that they may read, such as those of compilers; their `bin` is on the path.
    """

    read: tuple[str, ...] = ()


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file; every setting has a default, so none is needed."""

    serve: Serve = Serve()
    grants: Grants = Grants()
    peers: Peers = Peers()
    reputation: Reputation = Reputation()
    review: Review = Review()

    @property
    def suggested(self) -> Reach:
        """How far a request to a suggested address may go."""
        return Reach(suggested=True, allowed=tuple(map(ip_network, self.peers.allow)))

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
    weights = (config.reputation.delegates, *config.reputation.anchors.values())
    if not all(0 <= weight <= 1 for weight in weights):
        raise BadConfig(f"{path}: the weights in [reputation] go from 0 to 1")
    if config.serve.public_url and not _PUBLIC_URL.fullmatch(config.serve.public_url):
        raise BadConfig(f"{path}: serve.public_url is https://HOST or http://HOST:PORT, without a slash at its end")
    try:
        _ = config.suggested
    except ValueError as error:
        raise BadConfig(f"{path}: peers.allow: {error}", 'It lists networks, as in ["10.1.0.0/16"].') from None
    return config
