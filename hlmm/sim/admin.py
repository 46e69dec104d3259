"""I/O. The fault plan of a running simulator over HTTP, on a port of its own: GET, POST and DELETE `/admin/faults`.

POST takes one fault or a list (`sim.faults.Fault`), whose times count from then on; DELETE forgets all, or one by
`/admin/faults/NUMBER`, and ends what it began. No venue has such a door: it is never on the venue's own port.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hlmm.sim.faults import KINDS, Fault, Planned
from hlmm.sim.faulty import FaultyGateway
from hlmm.types import Ns

ONE: Final[TypeAdapter[Fault]] = TypeAdapter(Fault)
MANY: Final[TypeAdapter[tuple[Fault, ...]]] = TypeAdapter(tuple[Fault, ...])
PATH: Final = "/admin/faults"
JSON_TYPE: Final = "application/json"
BODY_MAX: Final = 1_000_000


class Admin:
    """The handlers. `changed` is called after every change, so that the venue's pump looks again."""

    def __init__(self, gateway: FaultyGateway, now: Callable[[], Ns], changed: Callable[[], None]) -> None:
        """Serve one gateway's plan. Args: now, venue time."""
        self._gateway = gateway
        self._now = now
        self._changed = changed

    def app(self) -> Starlette:
        """The application to serve."""
        return Starlette(
            routes=[
                Route(PATH, self._list, methods=["GET"]),
                Route(PATH, self._add, methods=["POST"]),
                Route(PATH, self._clear, methods=["DELETE"]),
                Route(f"{PATH}/{{number:int}}", self._remove, methods=["DELETE"]),
                Route("/admin/kinds", self._kinds, methods=["GET"]),
            ]
        )

    async def _list(self, request: Request) -> Response:
        del request
        return JSONResponse([_told(planned) for planned in self._gateway.lines()])

    async def _kinds(self, request: Request) -> Response:
        """What there is, for whoever writes a plan."""
        del request
        told = {
            name: {"meaning": kind.meaning, "lasts": kind.lasts, "takes": dict(kind.takes)}
            for name, kind in KINDS.items()
        }
        return JSONResponse(told)

    async def _add(self, request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith(JSON_TYPE):
            return JSONResponse({"error": f"send {JSON_TYPE}"}, 415)
        body = await request.body()
        if len(body) > BODY_MAX:
            return JSONResponse({"error": f"at most {BODY_MAX} bytes"}, 413)
        try:
            faults = MANY.validate_json(body) if body.lstrip().startswith(b"[") else (ONE.validate_json(body),)
        except ValidationError as error:
            complaints = [{"where": [str(part) for part in one["loc"]], "why": one["msg"]} for one in error.errors()]
            return JSONResponse({"error": complaints}, 422)
        numbers = self._gateway.add(faults, self._now())
        self._changed()
        return JSONResponse({"added": numbers})

    async def _clear(self, request: Request) -> Response:
        del request
        self._gateway.remove()
        self._changed()
        return JSONResponse({"left": []})

    async def _remove(self, request: Request) -> Response:
        if not self._gateway.remove(int(request.path_params["number"])):
            return JSONResponse({"error": "no such fault"}, 404)
        self._changed()
        return JSONResponse({"left": [planned.number for planned in self._gateway.lines()]})


def _told(planned: Planned) -> dict[str, object]:
    """One line of the plan, its state, and how often it struck."""
    fault = planned.fault.model_dump(exclude_none=True)
    return {"number": planned.number, "state": planned.state, "hits": planned.hits, "fault": fault}
