"""A client that knows several servers and asks another one when one doesn't answer."""

from __future__ import annotations

import http.client
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

MEANS_LATER = 503


@dataclass(frozen=True)
class Reply:
    """What a server said, the names of headers in lower case. ``body`` is the JSON value, or the text where it is none."""

    status: int
    body: Any
    headers: Mapping[str, str]


class NoReplyError(Exception):
    """Nobody answered. Whether the request had an effect isn't known."""


class Client:
    """Requests to any of ``ports`` on 127.0.0.1; ``ports`` is asked anew for each try."""

    def __init__(self, ports: Callable[[], Sequence[int]], seed: int = 0, timeout: float = 20.0) -> None:
        self._ports = ports
        self._random = random.Random(seed)
        self._timeout = timeout
        self.refused = 0
        self.without_retry_after = 0

    def once(self, method: str, path: str, body: Any = None, *, port: int | None = None, timeout: float | None = None) -> Reply:
        """One try with one server. Raises NoReplyError."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self._random.choice(self._ports()), timeout=timeout or self._timeout)
        is_text = isinstance(body, str)
        try:
            connection.request(
                method, path, body=body.encode() if is_text else None if body is None else json.dumps(body),
                headers={"Content-Type": "text/plain" if is_text else "application/json"})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise NoReplyError(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()
        if answer.status == MEANS_LATER:
            self.refused += 1
            self.without_retry_after += answer.headers.get("Retry-After") is None
        try:
            value = json.loads(content) if content else None
        except ValueError:
            value = content.decode(errors="replace")
        return Reply(answer.status, value, {name.lower(): text for name, text in answer.headers.items()})

    def ask(self, method: str, path: str, body: Any = None, *, patience: float = 60.0) -> Reply:
        """Until a server gives an answer other than 503. Only for requests that may be repeated. Raises NoReplyError."""
        deadline = time.monotonic() + patience
        while True:
            try:
                reply = self.once(method, path, body)
                if reply.status != MEANS_LATER:
                    return reply
                said = f"{method} {path}: {reply.body}"
            except NoReplyError as error:
                said = str(error)
            if time.monotonic() > deadline:
                raise NoReplyError(said)
            time.sleep(self._random.uniform(0.05, 0.4))

    def list(self, collection: str, *, patience: float = 60.0, page: int = 500, **filters: Any) -> list[dict[str, Any]]:
        """All objects of a collection that match."""
        found: list[dict[str, Any]] = []
        marker: str | None = None
        name = collection.rpartition("/")[2]
        while True:
            query = {**filters, "limit": page, "sort_keys": "id", **({"marker": marker} if marker else {})}
            reply = self.ask("GET", f"/v2/{collection}?{urlencode(query)}", patience=patience)
            if reply.status != 200:
                raise NoReplyError(f"GET {collection}: {reply.status} {reply.body}")
            part = reply.body[name]
            found.extend(part)
            if len(part) < page:
                return found
            marker = part[-1]["id"]
