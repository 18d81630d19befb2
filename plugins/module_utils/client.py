# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""The API as calls: addresses, retries, paging, errors. It knows no module and decides nothing."""

from __future__ import annotations

import json
import time
from urllib.parse import quote, urlencode

from .errors import ConflictError, EngineError, NotFoundError, UnreachableError, UsageError

PAGE = 500
FIRST_PAUSE = 0.3
LONGEST_PAUSE = 5.0
_REFUSALS = {404: NotFoundError, 409: ConflictError}
_BUSY = (502, 503, 504)


class Client:
    """Calls on one engine. With ``read_only`` (check mode) a request that writes is a bug and raises."""

    def __init__(self, connection, read_only=False, sleep=time.sleep):
        self._connection = connection
        self._read_only = read_only
        self._sleep = sleep

    @property
    def endpoint(self):
        """The API's address, ending in /v2."""
        return self._connection.endpoint

    def get(self, kind, identity, query=None):
        """One object; raises NotFoundError."""
        return kind.decode(self.request("GET", kind.path(identity), query=query).json())

    def find(self, kind, identity, query=None):
        """One object, or None."""
        try:
            return self.get(kind, identity, query)
        except NotFoundError:
            return None

    def pages(self, kind, query=None, limit=None, path=None):
        """Objects of a collection one by one, page after page, at most ``limit``."""
        query = dict(query or {})
        path = path or kind.path()
        given = 0
        while limit is None or given < limit:
            # Mistral pages actions by an inclusive name marker: they come whole.
            if kind.collection != "actions":
                query["limit"] = min(PAGE, limit - given) if limit else PAGE
            page = self.request("GET", path, query=query).json()
            items = page[kind.collection]
            for item in items[: None if limit is None else limit - given]:
                yield kind.decode(item)
            given += len(items)
            if "next" not in page or not items or kind.collection == "actions":
                return
            query["marker"] = items[-1]["id"]

    def list(self, kind, query=None, limit=None, path=None):
        """As ``pages``, as a list."""
        return list(self.pages(kind, query, limit, path))

    def create(self, kind, body, query=None, may_repeat=False):
        """POST an object; ``may_repeat`` says that a repeated request does no harm."""
        return kind.decode(self.request("POST", kind.path(), query=query, document=body, may_repeat=may_repeat).json())

    def update(self, kind, identity, body, query=None):
        """PUT an object, or to the collection if ``identity`` is None."""
        return kind.decode(self.request("PUT", kind.path(identity), query=query, document=body).json())

    def delete(self, kind, identity, query=None):
        """DELETE an object."""
        self.request("DELETE", kind.path(identity), query=query)

    def send_text(self, method, kind, text, query=None, identity=None):
        """POST or PUT a definition; returns the reply as it is."""
        return self.request(method, kind.path(identity), query=query, text=text).json()

    def validate(self, kind, text):
        """The engine's verdict on a definition: ``valid`` and perhaps ``error``. Writes nothing."""
        return self.request("POST", (kind.collection, "validate"), text=text, writes=False).json()

    def service(self, *path):
        """GET outside of /v2: what the service says of itself; None if it doesn't."""
        reply = self._send_patiently("GET", self._outside(*path), {"Accept": "application/json"}, None, True, None)
        try:
            return reply.json() if reply.status < 400 else None
        except ValueError:
            return None

    def is_ready(self):
        """Whether the service says that it and its database are ready; None if it doesn't say."""
        reply = self._send_patiently("GET", self._outside("readyz"), {"Accept": "*/*"}, None, False, None)
        return None if reply.status == 404 else reply.status < 400

    def _outside(self, *path):
        return "/".join((self._connection.endpoint[: -len("/v2")], *path))

    def request(self, method, path, query=None, document=None, text=None, may_repeat=None, writes=None, timeout=None):
        """Send a request and repeat it where that does no harm; returns a Reply of status < 400 or raises EngineError."""
        if self._read_only and (method != "GET" if writes is None else writes):
            raise UsageError(f"{method} {'/'.join(path)} in check mode is a bug")
        url = self._connection.endpoint + "".join("/" + quote(str(part), safe="") for part in path)
        pairs = {key: value for key, value in (query or {}).items() if value is not None}
        if pairs:
            url += "?" + urlencode(pairs)
        body, headers = _body(document, text)
        may_repeat = method != "POST" if may_repeat is None else may_repeat
        reply = self._send_patiently(method, url, headers, body, may_repeat, timeout)
        if reply.status >= 400:
            raise refusal(reply, method, url)
        return reply

    def _send_patiently(self, method, url, headers, body, may_repeat, timeout):
        credentials = self._connection.credentials
        pause, has_renewed, tries_left = FIRST_PAUSE, False, self._connection.retries
        while True:
            try:
                reply = self._connection.transport.send(method, url, {**headers, **credentials.headers()}, body, timeout)
            except UnreachableError as error:
                if tries_left <= 0 or (error.was_sent and not may_repeat):
                    raise
            else:
                if reply.status == 401 and not has_renewed and credentials.renew():
                    has_renewed = True
                    continue
                if reply.status not in _BUSY or tries_left <= 0 or not may_repeat:
                    return reply
                pause = max(pause, _retry_after(reply))
            tries_left -= 1
            self._sleep(min(pause, LONGEST_PAUSE))
            pause *= 2


def _body(document, text):
    headers = {"Accept": "application/json"}
    if text is not None:
        # Some servers answer 406 to an Accept of application/json where the request is a definition.
        return text.encode(), {"Accept": "*/*", "Content-Type": "text/plain"}
    if document is not None:
        return json.dumps(document).encode(), {**headers, "Content-Type": "application/json"}
    return None, headers


def _retry_after(reply):
    value = reply.headers.get("Retry-After") or ""
    return float(value) if value.isdigit() else 0.0


def refusal(reply, method, url):
    """The exception for a reply of status 400 and more."""
    text, faultcode, body = reply.headers.get("Server-Error-Message"), None, reply.text
    try:
        body = reply.json()
    except ValueError:
        text = text or body.strip()[:500]
    if isinstance(body, dict):
        text = text or body.get("faultstring")
        faultcode = body.get("faultcode")
    message = f"HTTP {reply.status}: {text}" if text else f"HTTP {reply.status} from {method} {url}"
    return _REFUSALS.get(reply.status, EngineError)(message, reply.status, faultcode, body, method, url)
