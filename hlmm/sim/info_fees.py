"""Info answers about what an account pays and how much it may ask: fees, volume, request budget, referral."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Final

from hlmm.sim.accounts import Account
from hlmm.sim.admission import day_of
from hlmm.sim.exchange import Exchange
from hlmm.sim.fees import TIERS, FeeRates
from hlmm.sim.feetiers import STAKE_DISCOUNTS, SUPPLY_BPS, VIP_VOLUMES, Discounts, discounted
from hlmm.sim.identity import REFERRER_VOLUME
from hlmm.sim.query import Query
from hlmm.sim.text import Json, decimal, usd

RATE_DECIMALS: Final = 8
VOLUME_DAYS: Final = 15
CENTS: Final = 10_000
EPOCH: Final = dt.date(1970, 1, 1).toordinal()
SPOT_RATES: Final = (
    ("0.0006", "0.0003"), ("0.0005", "0.0002"), ("0.0004", "0.0001"), ("0.00035", "0.0"), ("0.0003", "0.0"),
    ("0.00025", "0.0"),
)  # fmt: skip
MAKER_CUTOFFS: Final = ("0.005", "0.015", "0.03")
BPS_DECIMALS: Final = 10


def _fraction(rate_e8: int) -> str:
    return decimal(rate_e8, RATE_DECIMALS)


def _percent(percent: int) -> str:
    return decimal(percent, 2)


def _schedule(rates: Mapping[str, FeeRates]) -> Json:
    vip: list[Json] = [
        {
            "ntlCutoff": f"{volume}.0",
            "cross": _fraction(rates[f"tier{n}"].taker_e8),
            "add": _fraction(rates[f"tier{n}"].maker_e8),
            "spotCross": SPOT_RATES[n - 1][0],
            "spotAdd": SPOT_RATES[n - 1][1],
        }
        for n, volume in enumerate(VIP_VOLUMES, 1)
    ]
    makers: list[Json] = [
        {"makerFractionCutoff": cutoff, "add": _fraction(rates[f"maker-rebate-{n}"].maker_e8)}
        for n, cutoff in enumerate(MAKER_CUTOFFS, 1)
    ]
    staking: list[Json] = [{"bpsOfMaxSupply": "0.0", "discount": "0.0"}]
    staking += [{"bpsOfMaxSupply": bps, "discount": _percent(percent)} for _, bps, percent in STAKE_DISCOUNTS]
    return {
        "cross": _fraction(rates["tier0"].taker_e8),
        "add": _fraction(rates["tier0"].maker_e8),
        "spotCross": "0.0007",
        "spotAdd": "0.0004",
        "tiers": {"vip": vip, "mm": makers},
        "referralDiscount": "0.04",
        "stakingDiscountTiers": staking,
    }


def _days(account: Account, today: int) -> Json:
    """Volume of today and the 14 days before it."""
    rows: list[Json] = []
    for day in range(today - VOLUME_DAYS + 1, today + 1):
        taker, maker = account.day_volume.get(day, (0, 0))
        date = dt.date.fromordinal(EPOCH + day).isoformat()
        rows.append({"date": date, "userCross": usd(taker), "userAdd": usd(maker), "exchange": usd(taker + maker)})
    return rows


def _fees(exchange: Exchange, query: Query) -> Json:
    """`userFees`. The rates shown contain the staking discount, not the referral's."""
    account, tiers = query.account(exchange), exchange.office.tiers
    known = account.index >= 0
    discounts = tiers.discounts(account) if known else Discounts()
    base = tiers.base(account, exchange.now) if known else TIERS["tier0"]
    rates = discounted(base, Discounts(discounts.staking))
    staked = tiers.staked if known else 0
    return {
        "dailyUserVlm": _days(account, day_of(exchange.now)),
        "feeSchedule": _schedule(TIERS),
        "userCrossRate": _fraction(rates.taker_e8),
        "userAddRate": _fraction(rates.maker_e8),
        "userSpotCrossRate": "0.0007",
        "userSpotAddRate": "0.0004",
        "activeReferralDiscount": _percent(discounts.referral),
        "trial": None,
        "feeTrialEscrow": "0.0",
        "nextTrialAvailableTimestamp": None,
        "stakingLink": None,
        "activeStakingDiscount": {
            "bpsOfMaxSupply": decimal(staked * 10**BPS_DECIMALS // SUPPLY_BPS, BPS_DECIMALS),
            "discount": _percent(discounts.staking),
        },
    }


def _rate_limit(exchange: Exchange, query: Query) -> Json:
    """`userRateLimit`: reserved requests are used up first."""
    account = query.account(exchange)
    return {
        "cumVlm": decimal(account.volume // CENTS, 2),
        "nRequestsUsed": max(0, account.requests - account.reserved),
        "nRequestsCap": exchange.budget.cap(account),
        "nRequestsSurplus": max(0, account.reserved - account.requests),
    }


def _referral(exchange: Exchange, query: Query) -> Json:
    account = query.account(exchange)
    owner = next((a for a in exchange.accounts if a.referral_code == account.referrer), None)
    referrer = None if account.referrer is None else {
        "referrer": None if owner is None else owner.address, "code": account.referrer,
    }  # fmt: skip
    state: Json = {"stage": "needToTrade", "data": {"required": "10000.0"}}
    if account.volume >= REFERRER_VOLUME:
        state = {"stage": "needToCreateCode"}
    if account.referral_code is not None:
        referred = [a for a in exchange.accounts if a.referrer == account.referral_code]
        rows: list[Json] = [{"user": a.address, "cumVlm": usd(a.volume)} for a in referred]
        state = {"stage": "ready", "data": {"code": account.referral_code, "nReferrals": len(rows),
                                            "referralStates": rows}}  # fmt: skip
    return {
        "referredBy": referrer,
        "cumVlm": decimal(account.volume // CENTS, 2),
        "unclaimedRewards": "0.0",
        "claimedRewards": "0.0",
        "builderRewards": "0.0",
        "referrerState": state,
        "rewardHistory": [],
        "tokenToState": [],
    }


def _builder_fee(exchange: Exchange, query: Query) -> Json:
    return query.account(exchange).builders.get((query.builder or "").lower(), 0)


def _builders(exchange: Exchange, query: Query) -> Json:
    return list(query.account(exchange).builders)


FEE_ANSWERS: Final[Mapping[str, tuple[tuple[str, ...], Callable[[Exchange, Query], Json]]]] = {
    "userFees": (("user",), _fees),
    "userRateLimit": (("user",), _rate_limit),
    "referral": (("user",), _referral),
    "maxBuilderFee": (("user", "builder"), _builder_fee),
    "approvedBuilders": (("user",), _builders),
}
