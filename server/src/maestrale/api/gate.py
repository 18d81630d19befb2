"""What happens to every request before it is routed: addresses, CORS, and who asks.

One ASGI layer: it answers OPTIONS, adds CORS headers, believes a proxy's headers where told to, takes a slash
off the end of a path, and lets nothing past without a caller but the few open paths of 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maestrale.api.auth import Authenticator, with_target
from maestrale.api.call import APPLICATION_URL, CALLER
from maestrale.api.errors import answer, unauthorized
from maestrale.caller import Caller
from maestrale.config import ApiSettings
from maestrale.errors import MaestraleError, UnauthorizedError

OPEN_PATHS = frozenset({
    "/", "/info", "/v2", "/v2/", "/workflowv2", "/workflowv2/", "/workflowv2/v2/", "/healthcheck", "/healthz", "/readyz", "/docs",
    "/openapi.json",
})

CORS_METHODS = "GET, PUT, POST, DELETE, PATCH"
CORS_HEADERS = (
    "X-Auth-Token, X-Identity-Status, X-Roles, X-Service-Catalog, X-User-Id, X-Tenant-Id, X-Project-Id, X-User-Name, X-Project-Name,"
    " Authorization, Content-Type"
)
CORS_EXPOSED = (
    "X-Auth-Token, X-Subject-Token, X-Service-Token, X-Project-Id, X-User-Name, X-Project-Name, Server-Error-Message"
)

LOCAL_PATH = "maestrale.local_path"
"""Key of the scope under which the gate leaves the path below the mount prefix."""

NOBODY = Caller(project_id="")
"""Stands for the sender of a request to an open path; such paths show nothing of anyone."""

_FORWARDED_PAIR = re.compile(r'\s*(proto|host)\s*=\s*"?([^";,\s]+)"?', re.IGNORECASE)


class Gate:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator, settings: ApiSettings, remember: Callable[[Caller], None]) -> None:
        self._app = app
        self._remember = remember
        self._authenticator = authenticator
        self._trusts_proxy = settings.trust_proxy_headers
        self._origins = frozenset(settings.cors_allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an HTTP request on, or answer it."""
        headers = Headers(scope=scope)
        origin = headers.get("origin") if self._origins else None
        if origin is not None and (origin in self._origins or "*" in self._origins):
            send = _with_cors(send, origin)
        if scope["method"] == "OPTIONS":
            await Response(status_code=200)(scope, receive, send)
            return
        path = scope[LOCAL_PATH] = _local_path(scope)
        if self._trusts_proxy:
            _read_forwarded(scope, headers)
        try:
            scope[CALLER] = NOBODY if path in OPEN_PATHS else await self._find_caller(headers)
        except UnauthorizedError as error:
            await unauthorized(error.message, self._authenticator.challenge)(scope, receive, send)
            return
        except MaestraleError as error:
            await answer(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _find_caller(self, headers: Mapping[str, str]) -> Caller:
        caller = self._authenticator.recall(headers)
        if caller is None:
            caller = await run_in_threadpool(self._authenticator.authenticate, headers)
        caller = with_target(caller, headers)
        self._remember(caller)
        return caller


def _local_path(scope: Scope) -> str:
    """The path below the mount prefix; a slash after an identifier is taken away for good (A012)."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    local = path.removeprefix(root) if root and path.startswith(root + "/") else path
    if local.endswith("/") and local not in {"/", "/v2/"}:
        local = local.rstrip("/") or "/"
        scope["path"] = root + local if path.startswith(root + "/") else local
    return local


def _read_forwarded(scope: MutableMapping[str, Any], headers: Mapping[str, str]) -> None:
    """The address that a trusted proxy says clients use (A005)."""
    named = {name.lower(): value for name, value in _FORWARDED_PAIR.findall(headers.get("forwarded", "").partition(",")[0])}
    scheme = headers.get("x-forwarded-proto") or named.get("proto")
    host = headers.get("x-forwarded-host") or named.get("host")
    prefix = headers.get("x-forwarded-prefix")
    if scheme or host or prefix:
        own_host = headers.get("host") or "{}:{}".format(*scope["server"])
        own_prefix: str = scope.get("root_path", "")
        scope[APPLICATION_URL] = (
            f"{_first(scheme) or scope['scheme']}://{_first(host) or own_host}{(_first(prefix) or own_prefix).rstrip('/')}"
        )


def _first(value: str | None) -> str:
    """The value set by the outermost proxy."""
    return (value or "").partition(",")[0].strip()


def _with_cors(send: Send, origin: str) -> Send:
    """Send with the headers that let a browser's script of that origin read the answer (A008)."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Allow-Methods"] = CORS_METHODS
            headers["Access-Control-Allow-Headers"] = CORS_HEADERS
            headers["Access-Control-Expose-Headers"] = CORS_EXPOSED
            headers.add_vary_header("Origin")
        await send(message)

    return sending
