"""The application: every endpoint as a route, behind the gate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import version as distribution_version
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match

from maestrale.api import (
    action_events,
    action_executions,
    actions,
    code_sources,
    cron_triggers,
    dynamic_actions,
    environments,
    event_triggers,
    executions,
    maintenance,
    members,
    root,
    task_children,
    tasks,
    workbooks,
    workflows,
)
from maestrale.api.gate import Gate
from maestrale.api.openapi import describe
from maestrale.api.parts import Parts
from maestrale.api.routes import Endpoint, add, nameless

ENDPOINTS: tuple[Endpoint, ...] = (
    *executions.ENDPOINTS,
    *tasks.ENDPOINTS,
    *action_executions.ENDPOINTS,
    *action_events.ENDPOINTS,
    *task_children.ENDPOINTS,
    *workflows.ENDPOINTS,
    *workbooks.ENDPOINTS,
    *actions.ENDPOINTS,
    *environments.ENDPOINTS,
    *cron_triggers.ENDPOINTS,
    *event_triggers.ENDPOINTS,
    *members.ENDPOINTS,
    *code_sources.ENDPOINTS,
    *dynamic_actions.ENDPOINTS,
    *maintenance.ENDPOINTS,
    *root.ENDPOINTS,
)
"""All endpoints; the busiest first, since routes are tried in order."""


def create_app(parts: Parts) -> FastAPI:
    """The ASGI application over the given rooms."""
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = parts.settings.api.threads
        yield

    app = FastAPI(title="Maestrale", lifespan=lifespan, redoc_url=None, redirect_slashes=False)
    app.state.parts = parts
    for endpoint in (*ENDPOINTS, *nameless(ENDPOINTS)):
        add(app, endpoint)
    app.add_exception_handler(StarletteHTTPException, _no_endpoint)
    app.add_middleware(Gate, authenticator=parts.authenticator, settings=parts.settings.api)
    app.openapi = cache(document)  # type: ignore[method-assign]
    return app


def document() -> dict[str, Any]:
    """The OpenAPI description of all endpoints."""
    app = FastAPI(openapi_url=None)
    for endpoint in ENDPOINTS:
        add(app, endpoint)
    return describe(app, distribution_version("maestrale"))


async def _no_endpoint(request: Request, error: Exception) -> Response:
    """Plain text for an unknown path and for a method that a path doesn't have (A009, A010)."""
    assert isinstance(error, StarletteHTTPException)
    if error.status_code != 405:
        return PlainTextResponse(error.detail, error.status_code)
    allowed = sorted({
        method
        for route in request.app.routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    })
    return PlainTextResponse(error.detail, 405, headers={"Allow": ", ".join(allowed)})
