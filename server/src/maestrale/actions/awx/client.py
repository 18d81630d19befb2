"""HTTP to AWX's API: JSON in and out, pages, errors with AWX's own words, and patience with what passes.

What can't be reached, 429 and 5xx say nothing about a job: they are tried again, with growing pauses, until patience ends.
Everything else that isn't a success is raised at once. Headers, and so the token, are in no text.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode

from maestrale import clock
from maestrale.actions.awx.connection import Connection
from maestrale.actions.http_client import HttpClient, Request, Response
from maestrale.actions.http_wire import HttpFailure, ResponseTooLargeError
from maestrale.errors import ActionError

PAGE_SIZE = 200
_LONGEST_PAUSE = 60.0
_LONGEST_MESSAGE = 2000


class AwxError(ActionError):
    """AWX refused a request. ``status``: the HTTP status, 0 where no answer came."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def passes(self) -> bool:
        """Whether the same request may do better later."""
        return self.status in {0, 429} or self.status >= 500

    @property
    def says_nothing(self) -> bool:
        """Whether the request may have been done all the same."""
        return self.status == 0 or self.status >= 500


class AwxTooLargeError(ActionError):
    """AWX's answer is larger than is read here."""


class Client:
    """One AWX. ``patience``: seconds for which a request that may be repeated is; ``pause``: seconds before it is, at first."""

    def __init__(self, http: HttpClient, connection: Connection, *, timeout: float, limit: int, patience: float, pause: float) -> None:
        self.connection = connection
        self.patience = patience
        self._http = http
        self._timeout = timeout
        self._limit = limit
        self._pause = pause

    def with_patience(self, patience: float) -> Client:
        """The same with another patience."""
        return Client(self._http, self.connection, timeout=self._timeout, limit=self._limit, patience=patience, pause=self._pause)

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        """The object at a path below the API, such as ``jobs/7/``; tried again while patience lasts. Raises AwxError."""
        return await self._patiently(self._address(path, query))

    async def pages(self, path: str, **query: Any) -> AsyncIterator[dict[str, Any]]:
        """The objects of a list, page after page; of a page that is larger than is read here, a smaller one. Raises AwxError."""
        size, given, more = PAGE_SIZE, 0, True
        while more:
            address = self._address(path, {**query, "page_size": size, "page": given // size + 1})
            try:
                page = await self._patiently(address)
            except AwxTooLargeError:
                if size == 1:
                    raise
                size //= 2
                continue
            items = page.get("results") or []
            more = bool(page.get("next")) and bool(items)
            if more and len(items) < size:
                # AWX gives less than is asked for; what comes next is counted in its pages
                size = len(items)
            for item in items[given % size:]:
                given += 1
                yield item

    async def text(self, path: str, **query: Any) -> str:
        """The text at a path; tried again while patience lasts. Raises AwxError."""
        answer = await self._answered(self._address(path, query))
        return answer.raw.body.decode("utf-8", "replace")

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a change, tried once. Raises AwxError."""
        return _parsed(await self._send("POST", self._address(path, {}), body))

    async def rest(self, attempt: int, error: AwxError, deadline: float) -> None:
        """Pause before the next try, the longer the more there were. Raises the error if that were after the deadline."""
        pause = min(self._pause * 2 ** min(attempt, 20), _LONGEST_PAUSE)
        pause = max(pause, getattr(error, "retry_after", 0.0))
        if not error.passes or clock.monotonic() + pause > deadline:
            raise error
        await asyncio.sleep(pause)

    async def _patiently(self, address: str) -> dict[str, Any]:
        return _parsed(await self._answered(address))

    async def _answered(self, address: str) -> Response:
        deadline = clock.monotonic() + self.patience
        attempt = 0
        while True:
            try:
                return await self._send("GET", address, None)
            except AwxError as error:
                await self.rest(attempt, error, deadline)
            attempt += 1

    async def _send(self, method: str, address: str, body: Mapping[str, Any] | None) -> Response:
        headers = {"Authorization": self.connection.authorization, "Accept": "*/*", "User-Agent": "maestrale"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = Request(
            url=address, method=method, headers=headers, body=None if body is None else json.dumps(body).encode(),
            timeout=self._timeout, verify=self.connection.verify, limit=self._limit)
        place = f"{method} {address.partition('?')[0]}"
        try:
            response = await self._http.send(request)
        except ResponseTooLargeError as error:
            raise AwxTooLargeError(f"AWX ({place}): {error}") from None
        except (HttpFailure, OSError) as error:
            raise AwxError(0, f"AWX can't be reached ({place}): {error}") from None
        if not 200 <= response.raw.status < 300:
            raise _refusal(response, place)
        return response

    def _address(self, path: str, query: Mapping[str, Any]) -> str:
        given = {name: value for name, value in query.items() if value is not None}
        return f"{self.connection.api}/{path}{'?' if given else ''}{urlencode(given)}"


class _LaterError(AwxError):
    """AWX says when to come again."""

    def __init__(self, status: int, message: str, retry_after: float) -> None:
        super().__init__(status, message)
        self.retry_after = retry_after


def _refusal(response: Response, place: str) -> AwxError:
    status = response.raw.status
    text = f"AWX answered {status} {response.raw.reason} ({place}): {_message(response)}"
    later = response.raw.header("retry-after") or ""
    if later.isdigit():
        return _LaterError(status, text, min(float(later), _LONGEST_PAUSE))
    return AwxError(status, text)


def _message(response: Response) -> str:
    """AWX's words: ``detail``, else what it says of each field, else the text."""
    body = response.raw.body.decode("utf-8", "replace")
    try:
        value = json.loads(body)
    except ValueError:
        return "no message" if "<html" in body.lower() or not body.strip() else body.strip()[:_LONGEST_MESSAGE]
    if isinstance(value, dict):
        detail = value.get("detail") or value.get("error") or value.get("msg")
        if isinstance(detail, str):
            return detail[:_LONGEST_MESSAGE]
        value = "; ".join(f"{name}: {_joined(said)}" for name, said in value.items())
    return str(value)[:_LONGEST_MESSAGE] or "no message"


def _joined(said: Any) -> str:
    return ", ".join(str(one) for one in said) if isinstance(said, list) else str(said)


def _parsed(response: Response) -> dict[str, Any]:
    """The mapping in an answer; empty for an empty one. Raises AwxError: what isn't AWX may be a proxy in front of it."""
    body = response.raw.body
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ActionError(f"What answers at {response.url} is not AWX's API (status {response.raw.status}, not a JSON object).")
    return value
