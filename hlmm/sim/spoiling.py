"""Requests as faults see them: what each is by its own words, and what is left of an answer that is spoilt. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from hlmm.sim.distort import Message, Wire
from hlmm.sim.faults import Fault, Planned
from hlmm.sim.ports import HttpAnswer, Output

PAGE: Final = b"<html><head><title>502 Bad Gateway</title></head><body>cloudfront</body></html>"
PAGE_TYPE: Final = "text/html"
TEXT_TYPE: Final = "text/plain; charset=utf-8"
PHRASES: Final = {
    429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Gateway Timeout",
}  # fmt: skip
KindOfRequest = Literal["info", "action"]


class Asked(msgspec.Struct, frozen=True):
    """A request on its way: its kind, its name (info type or action type), and what will befall its answer."""

    kind: KindOfRequest
    name: str
    doom: Planned | None = None


def decoded(data: bytes | str) -> object:
    """What JSON says; None when it is none."""
    try:
        return json.loads(data)
    except ValueError:
        return None


def _fields(value: object) -> Mapping[str, object]:
    """A JSON object's fields; none when it is not one."""
    return value if isinstance(value, dict) else {}


def asked_by(request: object, kind: KindOfRequest) -> Asked:
    """What a request is, by its own words."""
    inner = _fields(request).get("action") if kind == "action" else request
    return Asked(kind, str(_fields(inner).get("type", "")))


def posted(data: bytes | str) -> tuple[int, Asked | None]:
    """The id of a post frame and what it asks; None for any other frame."""
    message = _fields(decoded(data))
    number, request = message.get("id"), _fields(message.get("request"))
    if message.get("method") != "post" or not isinstance(number, int):
        return 0, None
    return number, asked_by(request.get("payload"), "action" if request.get("type") == "action" else "info")


def status_text(fault: Fault) -> str:
    """A refusal by HTTP status, in words."""
    status = fault.whole("status")
    return f"{status} {PHRASES.get(status, 'Error')}: null"


def response_of(message: Message) -> dict[str, Wire]:
    """The response within the frame that answers a post."""
    data = message["data"]
    assert isinstance(data, dict), message
    response = data["response"]
    assert isinstance(response, dict), message
    return response


def spoilt_answer(answer: HttpAnswer, fault: Fault) -> list[Output]:
    """What is left of an HTTP answer."""
    number = answer.request_id
    match fault.kind:
        case "error_after":
            return [HttpAnswer(number, fault.whole("status"), status_text(fault).encode(), TEXT_TYPE)]
        case "html":
            return [HttpAnswer(number, 200, PAGE, PAGE_TYPE)]
        case "cut_answer":
            return [HttpAnswer(number, answer.status, answer.body[: len(answer.body) // 2], answer.content_type)]
        case _:
            return []


def spoilt_post(message: Message, fault: Fault) -> bytes:
    """What is left of the frame that answers a post; empty when nothing is."""
    response = response_of(message)
    match fault.kind:
        case "error_after":
            response.update({"type": "error", "payload": status_text(fault)})
        case "html":
            response["payload"] = PAGE.decode()
        case "cut_answer":
            body = json.dumps(message).encode()
            return body[: len(body) // 2]
        case _:
            return b""
    return json.dumps(message).encode()
