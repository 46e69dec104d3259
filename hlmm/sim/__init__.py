"""The simulated Hyperliquid: a pure exchange and a thin server."""
