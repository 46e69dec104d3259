"""Owns HTTP to the venue: one POST per call, never retried, and an honest word on whether it left.

Any status is an answer, garbage included: what it means is decided by the session.
"""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

import httpx

from hlmm.hyperliquid.inflight import SentState

HEADERS: Final = {"content-type": "application/json"}
UNSENT_ERRORS: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
"""Failures before a byte of the request was written."""


class RestFailedError(ConnectionError):
    """No answer came. `sent` says whether the request may have reached the venue."""

    def __init__(self, sent: SentState, why: str) -> None:
        super().__init__(why)
        self.sent = sent
        self.why = why


def _failure(error: httpx.HTTPError | httpx.InvalidURL) -> RestFailedError:
    sent = SentState.UNSENT if isinstance(error, (*UNSENT_ERRORS, httpx.InvalidURL)) else SentState.UNKNOWN
    return RestFailedError(sent, f"{type(error).__name__}: {error}")


class Rest:
    """Asynchronous client of one base URL."""

    def __init__(self, base_url: str, timeout_s: float, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Open no connection yet. Args: timeout_s, limit on each phase, s; transport, for tests."""
        self._client = httpx.AsyncClient(
            base_url=base_url, timeout=timeout_s, headers=HEADERS, transport=transport, trust_env=False
        )

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """POST a JSON body. Args: path such as "/info". Returns: status and body. Raises: RestFailedError."""
        try:
            answer = await self._client.post(path, content=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _failure(error) from error
        return answer.status_code, answer.content

    async def close(self) -> None:
        """Close idle connections."""
        await self._client.aclose()


class SyncRest:
    """Blocking client of one base URL, for commands that run without a loop."""

    def __init__(self, base_url: str, timeout_s: float, transport: httpx.BaseTransport | None = None) -> None:
        """Open no connection yet. Args: as `Rest`."""
        self._client = httpx.Client(
            base_url=base_url, timeout=timeout_s, headers=HEADERS, transport=transport, trust_env=False
        )

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """POST a JSON body. Args, Returns, Raises: as `Rest.post`."""
        try:
            answer = self._client.post(path, content=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _failure(error) from error
        return answer.status_code, answer.content

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
