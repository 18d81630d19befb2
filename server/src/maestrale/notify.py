"""What a notification is on the wire (3.22): from a publisher as an author wrote it to a request, and what came of it.

Publishers: ``webhook`` (``url``, ``headers``) posts JSON, ``noop`` does nothing. Anything else can't be sent, which is
logged and forgotten, as in Mistral. Knows neither the database nor how requests are made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maestrale.errors import ActionError

ACCEPTED_STATUSES = range(200, 300)


class UndeliverableError(ActionError):
    """A notification that no further try can deliver."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One POST. Redirects are not followed, and the address has to pass the egress policy of ``std.http``."""

    url: str
    headers: Mapping[str, str]
    body: str

    def as_http_input(self, timeout: float) -> dict[str, Any]:
        """The same as input of the action ``std.http``."""
        return {
            "url": self.url, "method": "POST", "headers": dict(self.headers), "body": self.body, "timeout": timeout,
            "allow_redirects": False,
        }


def prepare(target: Mapping[str, Any], body: Mapping[str, Any]) -> Webhook | None:
    """The request for a publisher, None where there is nothing to send. Raises UndeliverableError."""
    kind = target.get("type")
    if kind == "noop":
        return None
    if kind != "webhook":
        raise UndeliverableError(f"There is no publisher of type {kind!r}; use webhook or noop.")
    url, headers = target.get("url"), target.get("headers") or {}
    if not isinstance(url, str) or not url:
        raise UndeliverableError("A webhook needs a url.")
    if not isinstance(headers, Mapping):
        raise UndeliverableError("The headers of a webhook are a mapping.")
    return Webhook(url, {str(k): str(v) for k, v in headers.items()}, json.dumps(body, default=str))


def is_accepted(response: Any) -> bool:
    """Whether the receiver took it: the result mapping of ``std.http`` with any status of success.

    Mistral counts 200 and 201 only, but doesn't try again either; here a 202 must not bring the same event again.
    """
    return isinstance(response, Mapping) and response.get("status") in ACCEPTED_STATUSES
