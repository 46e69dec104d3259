"""hlmm: a market maker for Hyperliquid perpetual futures."""

__version__ = "0.1.0"
