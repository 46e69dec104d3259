"""The last filter before text leaves the process: nothing that looks like a private key gets through."""

from __future__ import annotations

import base64
import logging
import re
from typing import TYPE_CHECKING, Final

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK: Final = "***"
MATCHES_NOTHING: Final = "(?!)"
KEY_SHAPES: Final = re.compile(
    r"0[xX][0-9a-fA-F]{64}(?![0-9a-fA-F])"  # a secp256k1 key; transaction hashes look the same and go with it
    r"|AGE-SECRET-KEY-1[0-9A-Z]+|AGE-PLUGIN-[0-9A-Z-]+"
    r"|(?<![0-9.])[0-9]{70,80}(?![0-9.])"  # the same key printed as a decimal integer
)


def redact(text: str) -> str:
    """Replace everything shaped like a private key.

    Bare 64-digit hex stays: config and decision hashes look like that. `Redactor` also knows those of real keys.

    Args: text, any length.   Returns: the text with each match replaced by `***`.   Raises: nothing.
    """
    return KEY_SHAPES.sub(MASK, text)


def renderings(key: bytes) -> tuple[str, ...]:
    """Every text form in which a 32-byte key has been seen to leak.

    Args: key, 32 bytes.   Returns: hex lower and upper, base64 standard and URL-safe, `bytes` repr, list, decimal.
    """
    lower = key.hex()
    return (
        lower,
        lower.upper(),
        base64.b64encode(key).decode().rstrip("="),
        base64.urlsafe_b64encode(key).decode().rstrip("="),
        repr(key)[2:-1],
        ", ".join(map(str, key)),
        str(int.from_bytes(key, "big")),
    )


class Redactor:
    """`redact` that also knows the renderings of given keys, so that forms no pattern can tell are caught too."""

    __slots__ = ("_known",)

    def __init__(self, keys: Iterable[bytes]) -> None:
        """Args: keys, each 32 bytes; may be empty."""
        texts = [re.escape(text) for key in keys for text in renderings(key)]
        self._known = re.compile("|".join(texts) or MATCHES_NOTHING)

    def __call__(self, text: str) -> str:
        """`text` without any rendering of the keys and without anything shaped like one. Raises: nothing."""
        return redact(self._known.sub(MASK, text))

    @override
    def __repr__(self) -> str:
        return "Redactor(***)"


class RedactingFormatter(logging.Formatter):
    """A log formatter whose finished line, traceback included, is redacted."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        """The rendered record without keys. Raises: what `logging.Formatter.format` raises."""
        return redact(super().format(record))
