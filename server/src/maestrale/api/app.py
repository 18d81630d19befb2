"""The application: every endpoint as a route, behind the gate.

A request for an endpoint goes from the gate straight to it. The framework's own router, with the layers around it, gets
what is no endpoint: the description, the documentation pages, unknown paths and methods.
"""

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
from starlette.types import Receive, Scope, Send

from maestrale.api import (
    action_artifacts,
    action_events,
    action_executions,
    actions,
    code_sources,
    cron_triggers,
    dynamic_actions,
    environment_secrets,
    environments,
    event_triggers,
    executions,
    leases,
    maintenance,
    members,
    project_sources,
    root,
    task_children,
    tasks,
    workbooks,
    workflows,
)
from maestrale.api.call import Call
from maestrale.api.gate import LOCAL_PATH, Gate
from maestrale.api.openapi import describe
from maestrale.api.parts import Parts
from maestrale.api.paths import Paths
from maestrale.api.routes import Endpoint, add, nameless, respond

ENDPOINTS: tuple[Endpoint, ...] = (
    *executions.ENDPOINTS,
    *tasks.ENDPOINTS,
    *action_executions.ENDPOINTS,
    *action_artifacts.ENDPOINTS,
    *action_events.ENDPOINTS,
    *leases.ENDPOINTS,
    *task_children.ENDPOINTS,
    *workflows.ENDPOINTS,
    *workbooks.ENDPOINTS,
    *actions.ENDPOINTS,
    *environments.ENDPOINTS,
    *environment_secrets.ENDPOINTS,
    *cron_triggers.ENDPOINTS,
    *event_triggers.ENDPOINTS,
    *members.ENDPOINTS,
    *code_sources.ENDPOINTS,
    *dynamic_actions.ENDPOINTS,
    *project_sources.ENDPOINTS,
    *maintenance.ENDPOINTS,
    *root.ENDPOINTS,
)
"""All endpoints."""

VERSION = distribution_version("maestrale")
"""Read at the start, since an upgrade replaces what is installed while this process runs on."""


class _Application(FastAPI):
    """Lets every request through the gate first, and answers at once what is for an endpoint."""

    gate: Gate
    paths: Paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or handle another event of the server."""
        if scope["type"] == "http":
            scope["app"] = self
            await self.gate(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that the gate let through."""
        found = self.paths.find(scope["method"], scope[LOCAL_PATH])
        if found is None:
            await super().__call__(scope, receive, send)
            return
        endpoint, scope["path_params"] = found
        response = await respond(Call(scope, receive), endpoint)
        await response(scope, receive, send)


def create_app(parts: Parts) -> FastAPI:
    """The ASGI application over the given rooms."""
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = parts.settings.api.threads
        yield

    app = _Application(title="Maestrale", lifespan=lifespan, redoc_url=None, redirect_slashes=False)
    app.state.parts = parts
    app.gate = Gate(app.serve, parts.authenticator, parts.settings.api, parts.remember)
    endpoints = (*ENDPOINTS, *nameless(ENDPOINTS))
    app.paths = Paths(endpoints)
    for endpoint in endpoints:
        add(app, endpoint)
    app.add_exception_handler(StarletteHTTPException, _no_endpoint)
    app.openapi = cache(document)  # type: ignore[method-assign]
    return app


def document() -> dict[str, Any]:
    """The OpenAPI description of all endpoints."""
    app = FastAPI(openapi_url=None)
    for endpoint in ENDPOINTS:
        add(app, endpoint)
    return describe(app, VERSION)


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
