"""Configuration: Hydra composes presets and overrides, pydantic validates them once into frozen models."""

from hlmm.config.effective import config_hash, effective_yaml, read_effective
from hlmm.config.errors import ConfigError, Origin, Problem
from hlmm.config.load import Loaded, load
from hlmm.config.run_config import RunConfig, to_engine_config

__all__ = [
    "ConfigError",
    "Loaded",
    "Origin",
    "Problem",
    "RunConfig",
    "config_hash",
    "effective_yaml",
    "load",
    "read_effective",
    "to_engine_config",
]
