"""An info request as decoded, and the two ways the venue fails to answer one."""

from __future__ import annotations

from typing import Final

import msgspec

from hlmm.sim.accounts import Account
from hlmm.sim.admission import normal_address
from hlmm.sim.exchange import Exchange
from hlmm.sim.signed_wire import AddressText
from hlmm.sim.venue import Listing
from hlmm.types import Address

NOBODY: Final = Account(index=-1, address=Address(""))


class NoAnswerError(Exception):
    """The venue answers HTTP 500 with `null`."""


class CandleQuery(msgspec.Struct, frozen=True, rename="camel"):
    """The `req` of `candleSnapshot`. Times in ms."""

    coin: str
    interval: str
    start_time: int
    end_time: int | None = None


class Query(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The union of what info requests carry; `info.ANSWERS` says what each type requires. Times in ms."""

    type: str
    user: AddressText | None = None
    dex: str | None = None
    coin: str | None = None
    oid: int | str | None = None
    start_time: int | None = None
    end_time: int | None = None
    aggregate_by_time: bool | None = None
    reversed: bool | None = None
    n_sig_figs: int | None = None
    mantissa: int | None = None
    req: CandleQuery | None = None
    builder: AddressText | None = None
    id: int | None = None
    vault_address: AddressText | None = None
    source: str | None = None
    token_id: str | None = None

    def account(self, exchange: Exchange) -> Account:
        """The account asked about; an empty one when the address is nobody's."""
        return exchange.registry.account(self.user or "") or NOBODY

    @property
    def address(self) -> str:
        """The address asked about, as answers write it."""
        return normal_address(self.user or "")

    def listed(self, exchange: Exchange) -> list[Listing]:
        """The listings of the dex asked about. Raises: NoAnswerError for an unknown dex."""
        dex = self.dex or ""
        found = [listing for listing in exchange.listings.values() if listing.dex == dex]
        if not found and dex:
            raise NoAnswerError
        return found

    def within(self, time: int) -> bool:
        """Whether a time lies in the asked range, both ends included."""
        return (self.start_time or 0) <= time <= (self.end_time if self.end_time is not None else time)
