"""What an operator and a workflow's author read when a service refuses: status, the service's own message, the request's id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from maestrale.errors import ActionError

REQUEST_ID_HEADERS = ("x-openstack-request-id", "x-compute-request-id", "x-trans-id")
_LONGEST = 2000
_TAG = re.compile(r"<[^>]*>")
_MARKUP = re.compile(r"<(?:br|p|/p) ?/?>")
"""What WebOb, of which most services are made, puts into messages even in JSON."""


class RefusedError(ActionError):
    """A service answered with an error. ``status`` is HTTP's, 0 where there was no answer."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


def refusal(status: int, reason: str, headers: Mapping[str, str], body: Any, text: str) -> RefusedError:
    """The error for an answer: ``body`` is its JSON or None, ``text`` its plain form."""
    message = message_of(body) or _plain(text, headers.get("content-type") or "")[:_LONGEST] or reason
    return RefusedError(compose(message, status, request_id_of(headers)), status)


def _plain(text: str, kind: str) -> str:
    return " ".join(_TAG.sub(" ", text).split()) if "html" in kind else text.strip()


def compose(message: str, status: int | None, request_id: str | None) -> str:
    """``message (HTTP 404) (Request-ID: req-...)``, as the clients of OpenStack write it."""
    parts = [message]
    if status:
        parts.append(f"(HTTP {status})")
    if request_id and request_id not in message:
        parts.append(f"(Request-ID: {request_id})")
    return " ".join(parts)


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """The request's id from an answer's headers."""
    return next((headers[name] for name in REQUEST_ID_HEADERS if headers.get(name)), None)


def message_of(body: Any) -> str:
    """The message in the body of an error, in any of the forms that services use; empty if there is none."""
    return _without_markup(_found_in(body))


def _without_markup(message: str) -> str:
    return _MARKUP.sub("", message).strip()


def _found_in(body: Any) -> str:
    if not isinstance(body, Mapping):
        return ""
    for key in ("message", "error_message", "faultstring", "description", "NeutronError", "title", "cause", "detail"):
        value = body.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, Mapping) and (found := _found_in(value)):
            return found
    return next((found for value in body.values() if isinstance(value, Mapping) and (found := _found_in(value))), "")


def of_library(error: Exception) -> RefusedError:
    """The error for what openstacksdk or keystoneauth1 raised."""
    status = getattr(error, "status_code", None) or getattr(error, "http_status", None) or 0
    said = getattr(error, "details", None) or getattr(error, "message", None) or error
    message = _without_markup(str(said)) or type(error).__name__
    request_id = getattr(error, "request_id", None)
    return RefusedError(compose(message, int(status) if isinstance(status, int | str) and str(status).isdigit() else 0, request_id),
                        int(status) if str(status).isdigit() else 0)
