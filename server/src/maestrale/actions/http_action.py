"""``std.http`` and ``std.mistral_http`` (4.3): from inputs to a request, from a response to Mistral's nine keys."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping
from email.message import Message
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from maestrale.actions.http_client import Request, Response
from maestrale.actions.http_wire import HttpFailure, RawResponse, ResponseTooLargeError
from maestrale.actions.protocol import Action, ActionContext
from maestrale.actions.results import json_ready
from maestrale.actions.settings import ActionSettings
from maestrale.core.ports import Result
from maestrale.errors import ActionError

SUCCESS_STATUS = range(200, 307)
BOTH_BODIES = "Only one of the parameters 'json' and 'body' can be passed."
_DEEP = 200
_DEFAULT_HEADERS = {"User-Agent": "maestrale", "Accept-Encoding": "gzip, deflate", "Accept": "*/*", "Connection": "keep-alive"}


def _construct_error(inputs: Mapping[str, Any]) -> str | None:
    """What the reference's constructor refuses (L385)."""
    return BOTH_BODIES if inputs.get("body") and inputs.get("json") else None


class HttpAction(Action):
    """Send an HTTP request; a status outside 200 to 306 is a failure whose error is the same mapping.

    The result has the keys content, status, headers, url, history, encoding, reason, cookies and elapsed.
    """

    name = "std.http"
    class_name = "mistral.actions.std_actions.HTTPAction"
    json_ready = True
    construct_error = _construct_error

    def __init__(  # noqa: PLR0917 - the inputs of the reference, in its order
        self, url: str, method: str = "GET", params: Any = None, body: Any = None, json: Any = None,
        headers: Mapping[str, Any] | None = None, cookies: Mapping[str, Any] | None = None, auth: str | None = None,
        timeout: float | None = None, allow_redirects: bool | None = None, proxies: Mapping[str, str] | None = None,
        verify: bool | str | None = None,
    ) -> None:
        if body and json:
            raise ActionError(BOTH_BODIES)
        self.url, self.method, self.params = url, method, params
        self.body, self.json, self.headers, self.cookies = body, json, headers, cookies
        self.auth, self.timeout, self.allow_redirects = auth, timeout, allow_redirects
        self.proxies, self.verify = proxies, verify

    async def run(self, context: ActionContext) -> Result:
        """The response as a mapping (L381-L384)."""
        try:
            response = await context.http.send(self.request(context.settings, self.extra_headers(context)))
        except ResponseTooLargeError as error:
            raise ActionError(str(error)) from None
        except (HttpFailure, OSError, ValueError, TypeError) as error:
            raise ActionError(f"Failed to send HTTP request: {error}") from error
        value = response_value(response)
        if response.raw.status in SUCCESS_STATUS:
            return Result(data=value)
        return Result(failed=True, error=value)

    def extra_headers(self, context: ActionContext) -> Mapping[str, str]:  # noqa: ARG002 - for std.mistral_http
        """Headers that the action adds to the author's."""
        return {}

    def request(self, settings: ActionSettings, extra: Mapping[str, str]) -> Request:
        """The request as it goes out. Raises ValueError or TypeError for inputs that make no request."""
        headers = dict(_DEFAULT_HEADERS)
        given = {**(self.headers or {}), **extra}
        names = {name.lower() for name in given}
        headers = {name: value for name, value in headers.items() if name.lower() not in names}
        headers.update((str(name), _header_text(value)) for name, value in given.items() if value is not None)
        body = _body(self.body, self.json)
        if self.json is not None and not self.body and "content-type" not in names:
            headers["Content-Type"] = "application/json"
        if self.cookies and "cookie" not in names:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        timeout = settings.http_default_timeout if self.timeout is None else float(self.timeout)
        if timeout <= 0:
            raise ValueError(f"the timeout must be above 0 (timeout={self.timeout})")
        return Request(
            url=_with_params(str(self.url), self.params), method=str(self.method).upper(), headers=headers, body=body,
            timeout=timeout, follow=bool(self.allow_redirects), verify=True if self.verify is None else self.verify,
            proxies=dict(self.proxies or {}), auth=_credentials(self.auth), limit=settings.http_response_max,
        )


class MistralHttpAction(HttpAction):
    """Send an HTTP request that tells its receiver where to report, and wait until it does.

    The receiver completes the action by ``PUT`` to the address in the header ``Mistral-Callback-URL``.
    """

    name = "std.mistral_http"
    class_name = "mistral.actions.std_actions.MistralHTTPAction"
    is_sync = False

    def extra_headers(self, context: ActionContext) -> Mapping[str, str]:
        """The action's identity (L390)."""
        return {
            "Mistral-Workflow-Name": context.workflow_name or "",
            "Mistral-Workflow-Execution-Id": context.workflow_execution_id or "",
            "Mistral-Task-Id": context.task_execution_id or "",
            "Mistral-Action-Execution-Id": context.action_execution_id,
            "Mistral-Callback-URL": context.callback_url,
        }


def response_value(response: Response) -> dict[str, Any]:
    """The nine keys (L381)."""
    raw = response.raw
    headers: dict[str, str] = {}
    spelling: dict[str, str] = {}
    for name, value in raw.headers:
        key = spelling.setdefault(name.lower(), name)
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    encoding = _encoding(raw)
    return {
        "content": _content(raw.body, encoding),
        "status": raw.status,
        "headers": headers,
        "url": response.url,
        "history": [f"<Response [{status}]>" for status in response.history],
        "encoding": encoding,
        "reason": raw.reason,
        "cookies": _cookies(raw),
        "elapsed": round(raw.elapsed, 6),
    }


def _header_text(value: Any) -> str:
    """A header's value as text; numbers count (L386)."""
    if isinstance(value, Mapping | list):
        raise TypeError(f"a header's value must be text or a number, not {value!r}")
    return str(value)


def _body(body: Any, data: Any) -> bytes | None:
    """The request's body: JSON text of structures (L387), text as it is."""
    if body:
        return body.encode() if isinstance(body, str) else json.dumps(body).encode()
    if data is not None:
        return json.dumps(data, allow_nan=False).encode()
    return None


def _with_params(url: str, params: Any) -> str:
    """The address with ``params`` added to its query: a mapping (lists repeat a name, null is left out) or text."""
    if not params:
        return url
    if isinstance(params, str):
        added = quote(params, safe="!#$%&'()*+,/:;=?@[]~")
    else:
        pairs = params.items() if isinstance(params, Mapping) else [tuple(pair) for pair in params]
        added = urlencode([
            (name, value) for name, values in pairs
            for value in (values if isinstance(values, list | tuple) else [values]) if value is not None
        ])
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query and added else parts.query or added))


def _credentials(auth: Any) -> str | None:
    """``user:password`` with exactly one colon, as the reference takes it; anything else can't be sent."""
    if not auth:
        return None
    if not isinstance(auth, str) or auth.count(":") != 1:
        raise ValueError("auth must be text of the form user:password, with exactly one colon")
    return auth


def _encoding(raw: RawResponse) -> str | None:
    """The charset of the response by its content type; JSON is UTF-8, other text Latin-1 where none is named."""
    content_type = raw.header("content-type")
    if not content_type:
        return None
    message = Message()
    message["Content-Type"] = content_type
    if charset := message.get_param("charset"):
        return str(charset).strip("'\"")
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("text/"):
        return "ISO-8859-1"
    return "utf-8" if kind == "application/json" else None


def _content(body: bytes, encoding: str | None) -> Any:
    """The body parsed as JSON if it is JSON, whatever its type says; else as text (L382)."""
    if not body:
        return ""
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        pass
    else:
        # Escapes may stand for half a character, which no text of ours can hold, and nesting may be deeper than can be stored.
        if b"\\u" not in body and body.count(b"[") + body.count(b"{") < _DEEP:
            return value
        with contextlib.suppress(ValueError):
            return json_ready(value, limit=sys.maxsize)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return body.decode(encoding or "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def _refuse_constant(name: str) -> Any:
    """NaN and Infinity are no JSON, so a body with them is text."""
    raise ValueError(f"{name} is not JSON")


def _cookies(raw: RawResponse) -> dict[str, str]:
    """Names and values of the cookies that the response sets; one that it deletes is left out."""
    cookies: dict[str, str] = {}
    for name, value in raw.headers:
        if name.lower() != "set-cookie":
            continue
        pair, *attributes = value.split(";")
        key, _, text = pair.partition("=")
        if any(a.strip().lower() in {"max-age=0", "max-age=-1"} for a in attributes):
            cookies.pop(key.strip(), None)
        elif key.strip():
            cookies[key.strip()] = text.strip()
    return cookies
