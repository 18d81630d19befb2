"""From domain errors to HTTP answers: the one table class -> status, and the bodies of 1.4.

Knows HTTP and ``maestrale.errors``; nothing of resources. JSON endpoints answer faultcode, faultstring and
debuginfo, endpoints that take a definition answer faultstring alone, and what is no endpoint at all
(unknown path, method) answers plain text.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import orjson
from starlette.responses import PlainTextResponse, Response

from maestrale import errors

STATUS: Mapping[type[Exception], int] = MappingProxyType({
    errors.UnauthorizedError: 401,
    errors.NotAllowedError: 403,
    errors.NotFoundError: 404,
    errors.DuplicateError: 409,
    errors.ConflictError: 409,
    errors.MaintenanceError: 423,
    errors.DatabaseUnavailableError: 503,
    errors.IdentityUnavailableError: 503,
    errors.StoppingError: 503,
    errors.EngineError: 500,
    errors.MaestraleError: 400,
})
"""The nearest ancestor of an error's class counts; whatever a user can cause is 400 unless listed."""

RETRY_AFTER_SECONDS = 1
SHOWN_LENGTH = 200
INTERNAL = "Internal server error. The server's log has the details."
JSON_TYPE = "application/json"


class TooLargeError(errors.RequestError):
    """The request's body is larger than allowed."""


class MediaTypeError(errors.RequestError):
    """The request's media type is not one that the endpoint takes."""


class MarkupTypeError(MediaTypeError):
    """XML, which is answered in plain text (1.2)."""


EDGE_STATUS: Mapping[type[Exception], int] = MappingProxyType({TooLargeError: 413, MediaTypeError: 415, **STATUS})


def status_of(error: Exception) -> int:
    """The HTTP status of a domain error, found along its ancestors."""
    for ancestor in type(error).__mro__:
        status = EDGE_STATUS.get(ancestor)
        if status is not None:
            return status
    return 500


def shown(value: object) -> str:
    """A value of the request as it may stand in a message: cut, so that an answer stays small."""
    text = str(value)
    return text if len(text) <= SHOWN_LENGTH else f"{text[:SHOWN_LENGTH]}..."


def fault(status: int, message: str, *, brief: bool = False, headers: Mapping[str, str] | None = None) -> Response:
    """An error's body; ``brief`` is the form of the endpoints that take a definition (A031, A032)."""
    message = message.encode("utf-8", "replace").decode()  # a lone surrogate can't be sent
    body: dict[str, str | None] = {"faultstring": message}
    if not brief:
        body = {"faultcode": "Client" if status < 500 else "Server", "faultstring": message, "debuginfo": None}
    content = orjson.dumps(body)
    return Response(content, status, headers=headers, media_type=JSON_TYPE)


def answer(error: errors.MaestraleError, *, brief: bool = False) -> Response:
    """The response for a domain error."""
    status = status_of(error)
    message = error.message
    if isinstance(error, (errors.MaintenanceError, MarkupTypeError)):
        return PlainTextResponse(message, status, headers={"Server-Error-Message": header_text(message)})
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else None
    return fault(status, message, brief=brief, headers=headers)


def unauthorized(message: str, challenge: str) -> Response:
    """401 with the two headers that clients read (A004)."""
    headers = {"Server-Error-Message": header_text(message), "WWW-Authenticate": header_text(challenge)}
    return PlainTextResponse(message, 401, headers=headers)


def header_text(message: str) -> str:
    """A message as one header line."""
    return " ".join(message.encode("latin-1", "replace").decode("latin-1").split())

