"""Composition, validation and provenance of the run config."""
