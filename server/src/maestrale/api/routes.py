"""An endpoint as a value, and the way of a request through it.

A resource module lists its ``Endpoint`` values; ``DirectRoute`` makes each a FastAPI route that does what all
share, in this order: policy, reading the body, maintenance, running the endpoint in a thread, turning errors into
answers. What only has to wait for a decision of the engine needs no thread: see ``Asked``. FastAPI's own parsing of
parameters and bodies is left out: lists and bodies have rules of their own, and reading is the hot path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from maestrale.api.bodies import check_json_type, read_body
from maestrale.api.call import Call
from maestrale.api.errors import INTERNAL, answer, fault
from maestrale.engine import Question
from maestrale.errors import MaestraleError, MaintenanceError, NotAllowedError, RequestError

log = structlog.get_logger(__name__)

FORBIDDEN = "Operation forbidden (insufficient permissions)"

PROMPT_BODY = 65_536
"""Bytes. A larger body takes long to parse, in which the event loop could answer nobody else."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer that waits for a decision: what the engine was asked, and what makes a response of its answer."""

    question: Question[Any]
    response: Callable[[Any], Response]

    def wait(self) -> Response:
        """The response, holding the calling thread until it can be made."""
        return self.response(self.question.wait())


Handler = Callable[..., Response]

_CHECKLIST_NUMBERS = re.compile(r"\s*\((?:A\d{3}|\d\.\d)[^)]*\)|\s*Raises .*", re.DOTALL)
"""What docstrings say to readers of the code only."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One method of one path.

    ``rule`` is the policy rule checked first, None where there is none. ``takes`` is what the body holds.
    ``prompt`` does what ``handler`` does without waiting for anything but a decision, so that no thread is needed; None if that is
    not possible this time. ``exempt`` decides whether the request passes while the service is paused (1.16). ``document`` is the
    OpenAPI operation, None for what is left out there.
    """

    method: str
    path: str
    handler: Handler
    rule: str | None
    takes: str = "nothing"  # or "json", "text"
    prompt: Callable[..., Asked | None] | None = None
    exempt: Callable[[Call, str], bool] | None = None
    document: Mapping[str, Any] | None = field(default_factory=dict)

    @property
    def brief_errors(self) -> bool:
        """Endpoints that take a definition answer errors with faultstring alone (A032)."""
        return self.takes == "text"


class DirectRoute(APIRoute):
    """A FastAPI route whose handler gets a ``Call`` and the identifiers of the path, and answers by itself."""

    endpoint_value: Endpoint

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The coroutine that answers one request."""

        async def handle(request: Request) -> Response:
            return await respond(Call(request.scope, request.receive), self.endpoint_value)

        return handle


def add(app: FastAPI, endpoint: Endpoint) -> None:
    """Make an endpoint a route of the application."""
    route = DirectRoute(
        endpoint.path, endpoint.handler, methods=[endpoint.method], response_model=None, openapi_extra=dict(endpoint.document or {}),
        include_in_schema=endpoint.document is not None,
        description=_CHECKLIST_NUMBERS.sub("", endpoint.handler.__doc__ or ""),
        name=f"{endpoint.handler.__module__.rpartition('.')[2]}.{endpoint.handler.__name__}",
    )
    route.endpoint_value = endpoint
    app.router.routes.append(route)


def nameless(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Endpoints that refuse a change of one object whose identifier was left out, as the reference does: 400, not 405."""
    defined = {(one.method, one.path) for one in endpoints}
    wanted = [
        (one.method, one.path.removesuffix("/{identifier}"))
        for one in endpoints
        if one.path.endswith("/{identifier}") and one.method in {"PUT", "DELETE"}
    ]
    return [
        Endpoint(method=method, path=path, handler=_refuse_nameless, rule=None, document=None)
        for method, path in wanted
        if (method, path) not in defined
    ]


def _refuse_nameless(call: Call) -> Response:
    del call
    raise RequestError('Missing argument: "id"')


async def respond(call: Call, endpoint: Endpoint) -> Response:
    """Run the endpoint with everything around it. Never raises: what nobody expected is logged and becomes 500."""
    try:
        check_rule(call, endpoint.rule)
        if endpoint.takes != "nothing":
            if endpoint.takes == "json":
                check_json_type(call.headers.get("content-type"))
            call.content = await read_body(
                call.receive, call.headers.get("content-length"), call.parts.settings.api.max_body_size,
            )
        asked = _ask_promptly(call, endpoint)
        if asked is not None:
            return asked.response(await asked.question)
        return await run_in_threadpool(_run, call, endpoint)
    except MaestraleError as error:
        return answer(error, brief=endpoint.brief_errors)
    except Exception:
        log.exception("request_failed", method=call.method, path=call.scope["path"])
        return fault(500, INTERNAL, brief=endpoint.brief_errors)


def _ask_promptly(call: Call, endpoint: Endpoint) -> Asked | None:
    """Ask the engine without a thread, where the endpoint and this request allow it and nothing stands in the way of changes."""
    maintenance = call.parts.engine.maintenance
    if endpoint.prompt is None or len(call.content) > PROMPT_BODY or not maintenance.is_known or maintenance.status() != "RUNNING":
        return None
    return endpoint.prompt(call, **call.path_params)


def _run(call: Call, endpoint: Endpoint) -> Response:
    """The part of a request that may wait for the database."""
    if endpoint.method != "GET":
        _check_maintenance(call, endpoint)
    return endpoint.handler(call, **call.path_params)


def check_rule(call: Call, rule: str | None) -> None:
    """Raises NotAllowedError if the policy refuses the caller (A037)."""
    if rule is not None and not call.parts.policy.allows(rule, call.caller):
        raise NotAllowedError(FORBIDDEN)


def _check_maintenance(call: Call, endpoint: Endpoint) -> None:
    """Refuse changes while the service is paused or pausing (A315). Raises MaintenanceError."""
    status = call.parts.engine.maintenance.status()
    if status != "RUNNING" and not (endpoint.exempt and endpoint.exempt(call, status)):
        raise MaintenanceError(f"The service is in maintenance: {status}. Only reading is possible until it is RUNNING again.")
