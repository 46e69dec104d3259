"""Redaction: no rendering of a key gets through, and hashes the operator needs stay."""

from __future__ import annotations

import io
import logging

from hypothesis import given
from hypothesis import strategies as st

from hlmm.shell.redact import RedactingFormatter, Redactor, redact, renderings

KEYS = st.binary(min_size=32, max_size=32).filter(lambda key: key[0] > 0)


@given(KEYS, st.text(max_size=20).filter(lambda text: text[-1:] not in "0123456789abcdefABCDEF"))
def test_hex_keys_vanish_anywhere(key: bytes, before: str) -> None:
    """A key as 0x hex, lower or upper case, never survives, whatever stands before it."""
    for text in ("0x" + key.hex(), "0X" + key.hex().upper(), f"{{'k': '0x{key.hex()}'}}"):
        assert key.hex() not in redact(before + text).lower()


@given(KEYS)
def test_known_keys_vanish_in_every_rendering(key: bytes) -> None:
    """A registered key is caught in all seven renderings, each inside other text."""
    clean = Redactor([key])
    for text in renderings(key):
        assert text not in clean(f"before {text} after")
    assert "b'" in clean(repr(key)) or 'b"' in clean(repr(key))


def test_hashes_stay() -> None:
    """A bare 64-digit hash, an address, a cloid and ordinary numbers are not touched."""
    text = f"config {'ab' * 32} account 0x{'1' * 40} cloid 0x{'2' * 32} px 84143.5 ts 1790000000000000000"
    assert redact(text) == text
    assert Redactor([])(text) == text


def test_age_identities_vanish() -> None:
    """An age identity is masked."""
    assert redact("x AGE-SECRET-" + "KEY-1" + "Q" * 58 + " y") == "x *** y"


def test_log_lines_and_tracebacks_are_redacted() -> None:
    """A logger with the redacting formatter writes no key, in the message or in the traceback."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(RedactingFormatter("%(levelname)s %(message)s"))
    logger = logging.getLogger("hlmm.test_redaction")
    logger.propagate = False
    logger.addHandler(handler)
    key = "0x" + "5a" * 32
    empty: dict[str, str] = {}
    try:
        empty[key]
    except KeyError:
        logger.exception("failed with %s", key)
    logger.removeHandler(handler)
    assert "5a5a" not in stream.getvalue()
    assert "KeyError: '***'" in stream.getvalue()
    assert repr(Redactor([b"\x01" * 32])) == "Redactor(***)"
