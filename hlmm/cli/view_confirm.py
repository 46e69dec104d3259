"""What an operator sees before real money moves: account, limits, configuration hash."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hlmm.config.load import Loaded


def confirmation(loaded: Loaded) -> str:
    """The text, one line per fact."""
    run = loaded.run
    address = getattr(run.env, "account_address", "of the simulated venue")
    lines = [f"venue    {run.env.kind}", f"account  {address}", f"config   {loaded.hash}"]
    lines += [
        f"{coin.coin:8} position ≤ {limits.max_position_usd:,.0f} USD, order ≤ {limits.max_order_usd:,.0f} USD"
        for coin, limits in ((coin, coin.limits) for _, coin in sorted(run.assets.items()))
    ]
    lines.append(f"account  loss ≤ {run.risk.loss_max_usd:,.0f} USD, positions ≤ {run.risk.portfolio_max_usd:,.0f} USD")
    return "\n".join(lines)
