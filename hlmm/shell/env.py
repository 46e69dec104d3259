"""The venue a run trades on: one tagged union on `kind`. Modes are wiring, so nothing below the shell sees it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from hlmm.shell.secrets import SecretsRef
from hlmm.sim.config import ExchangeConfig, SimConfig
from hlmm.sim.live import FeedConfig

FROZEN: Final = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

REST_URL: Final = r"^https?://[^\s/?#]+/?$"
WS_URL: Final = r"^wss?://[^\s/?#]+/\S*$"
ADDRESS: Final = r"^0x[0-9a-f]{40}$"
SHAPES: Final = {
    REST_URL: "such as http://127.0.0.1:3901",
    WS_URL: "such as ws://127.0.0.1:3901/ws",
    ADDRESS: "of 0x and 40 lower-case hex digits",
}
"""The patterns in words."""

RestUrl = Annotated[str, Field(pattern=REST_URL, max_length=200)]
WsUrl = Annotated[str, Field(pattern=WS_URL, max_length=200)]
AddressText = Annotated[str, Field(pattern=ADDRESS)]


class SimVenue(SimConfig):
    """The simulated exchange of `env=sim`: embedded, or a running one when `connect` names it."""

    connect: RestUrl | None = Field(
        default=None, description="REST URL of a running `hlmm sim`; its first account trades. None: embedded"
    )


class SimEnv(BaseModel):
    """The simulated exchange over loopback sockets; needs no key and no account."""

    model_config = FROZEN

    kind: Literal["sim"]
    sim: SimVenue


class PaperEnv(BaseModel):
    """The venue's public feeds, orders filled by an embedded simulated exchange; needs no key. Nothing is sent."""

    model_config = FROZEN

    kind: Literal["paper"]
    network: Literal["mainnet", "testnet"] = Field(description="whose public feeds")
    rest_url: RestUrl = Field(description="REST root of the feeds")
    ws_url: WsUrl = Field(description="WebSocket of the feeds")
    feed: FeedConfig = Field(description="how our orders live in the real market, and when it is silent")
    sim: ExchangeConfig = Field(description="fees, latency and deposit of the exchange that fills the orders")


class LiveEnv(BaseModel):
    """What testnet and prod share: URLs, pinned addresses and a reference to the agent key, never the key."""

    model_config = FROZEN

    rest_url: RestUrl = Field(description="REST root of the venue")
    ws_url: WsUrl = Field(description="WebSocket of the venue")
    account_address: AddressText = Field(description="account that holds the funds, lower-case hex")
    agent_address: AddressText = Field(description="address of the agent (API) wallet; the decrypted key must match it")
    vault_address: AddressText | None = Field(
        default=None, description="vault or sub-account to trade for; None: the account itself"
    )
    secrets: SecretsRef = Field(description="where the agent key is")


class TestnetEnv(LiveEnv):
    """The venue's testnet."""

    __test__ = False

    kind: Literal["testnet"]
    network: Literal["testnet"] = Field(description="signing domain; the secret must name the same")


class ProdEnv(LiveEnv):
    """The venue itself: real money."""

    kind: Literal["prod"]
    network: Literal["mainnet"] = Field(description="signing domain; the secret must name the same")


Env = Annotated[SimEnv | PaperEnv | TestnetEnv | ProdEnv, Field(discriminator="kind")]
