"""Requests of one action to one service, through openstacksdk's adapter: microversion, pages, refusals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from maestrale.actions import extras
from maestrale.actions.openstack.failures import of_library, refusal
from maestrale.actions.openstack.filling import Filled, segment
from maestrale.actions.protocol import ActionContext
from maestrale.errors import ActionError

MOST_PAGES = 1000


class Wire:
    """See the module. ``newest`` is the newest microversion whose shapes the caller understands."""

    def __init__(self, connection: Any, group: Mapping[str, Any], context: ActionContext) -> None:
        self._connection = connection
        self._group = group
        self._context = context
        self.failures = extras.load("keystoneauth1.exceptions", "openstack").ClientException

    def send(self, filled: Filled, headers: Mapping[str, str] | None = None, row: Mapping[str, Any] | None = None) -> Any:
        """The answer's JSON, its text where it is none, None where it is empty. Raises RefusedError."""
        return content(self.answer(filled, headers, row))

    def answer(self, filled: Filled, headers: Mapping[str, str] | None = None, row: Mapping[str, Any] | None = None) -> Any:
        """The answer itself. Raises RefusedError, ActionError."""
        row = row or {}
        if self._context.cancelled.is_set():
            raise ActionError("The action was told to end.")
        options: dict[str, Any] = {"headers": {"Accept": "application/json", **(headers or {})}, "raise_exc": False}
        if filled.has_body:
            options["json"] = filled.body
        if row.get("content_type"):
            options["headers"]["Content-Type"] = row["content_type"]
        if filled.text is not None:
            options["data"] = filled.text.encode()
            options["headers"].setdefault("Content-Type", "text/plain")
        path = f"/{filled.path}" + (f"?{urlencode(filled.query)}" if filled.query else "")
        try:
            adapter = self._adapter(row.get("service"))
            answer = adapter.request(path, filled.verb, microversion=self._microversion(adapter, row), **options)
        except self.failures as error:
            raise of_library(error) from error
        except extras.load("openstack.exceptions", "openstack").SDKException as error:
            raise of_library(error) from error
        if answer.status_code >= 400:
            raise refusal(answer.status_code, answer.reason or "", answer.headers, _json(answer), answer.text)
        return answer

    def pages(self, filled: Filled, key: str | None, row: Mapping[str, Any]) -> list[Any]:
        """The items of all pages, or of one where a limit was asked for; never more than the action's largest list."""
        is_limited = any(name == "limit" and value not in {"-1", "None"} for name, value in filled.query)
        filled.query = [(name, value) for name, value in filled.query if (name, value) != ("limit", "-1")]
        bodies = self._bodies(filled, key, row)
        return list(self._items(islice(bodies, 1) if is_limited or not row.get("pages") else bodies, key))

    def first(self, count: int | None, filled: Filled, key: str) -> list[Any]:
        """The first ``count`` items, or all for None, from as many pages as it takes: a limit in the query is only a page's."""
        return list(islice(self._items(self._bodies(filled, key, {}), key), count))

    def _items(self, bodies: Iterable[Any], key: str | None) -> Iterator[Any]:
        most = self._context.settings.openstack.list_max
        count = 0
        for body in bodies:
            found = body.get(key) if isinstance(body, Mapping) and key else body
            items = found if isinstance(found, list) else [found]
            count += len(items)
            if count > most:
                raise ActionError(f"The list has more than {most} items; ask for fewer, or raise the option openstack.list_max.")
            yield from items

    def _bodies(self, filled: Filled, key: str | None, row: Mapping[str, Any]) -> Iterator[Any]:
        seen: set[tuple[tuple[str, Any], ...]] = set()
        for _ in range(MOST_PAGES):
            body = self.send(filled, row=row)
            yield body
            following = next_query(body, key)
            if following is None or tuple(following) in seen:
                return
            seen.add(tuple(following))
            filled.query = following

    def beside(self, path: str) -> Any:
        """What is at ``path`` of the service's host, not below its endpoint. Raises RefusedError."""
        adapter = self._adapter(None)
        parts = urlsplit(adapter.get_endpoint())
        root = parts.path.split("/v1")[0]
        try:
            answer = adapter.session.get(f"{parts.scheme}://{parts.netloc}{root}{path}", raise_exc=False)
        except self.failures as error:
            raise of_library(error) from error
        if answer.status_code >= 400:
            raise refusal(answer.status_code, answer.reason or "", answer.headers, _json(answer), answer.text)
        return content(answer)

    def user_id(self) -> str:
        """The caller's."""
        return str(self._connection.current_user_id)

    def wait(self, seconds: float) -> None:
        """Raises ActionError if the action is told to end meanwhile."""
        if self._context.cancelled.wait(seconds):
            raise ActionError("The action was told to end.")

    def stack(self, value: Any) -> str:
        """The path of a stack, from its name, its id or both with a slash: all that is below it needs both."""
        text = str(value)
        if text.count("/") == 1:
            return "stacks/" + "/".join(segment(part) for part in text.split("/"))
        found = self.send(Filled("GET", f"stacks/{segment(text)}"))["stack"]
        return f"stacks/{segment(found['stack_name'])}/{segment(found['id'])}"

    def _adapter(self, service: str | None) -> Any:
        if service is None and "type" in self._group:
            return self._plain_adapter(self._group["type"])
        return getattr(self._connection, service or self._group["service"])

    def _plain_adapter(self, kind: str) -> Any:
        """For a service that openstacksdk has no proxy for."""
        config = self._connection.config
        return extras.load("keystoneauth1.adapter", "openstack").Adapter(
            self._connection.session, service_type=kind, interface=config.get_interface(kind), region_name=config.get_region_name(kind),
            endpoint_override=config.get_endpoint(kind))

    def _microversion(self, adapter: Any, row: Mapping[str, Any]) -> str | None:
        """The newest that both sides know."""
        newest = None if row.get("service") else row.get("microversion") or self._group.get("microversion")
        if newest is None:
            return None
        offered = getattr(adapter.get_endpoint_data(), "max_microversion", None)
        if not offered:
            return None
        return newest if tuple(map(int, newest.split("."))) <= tuple(offered) else ".".join(map(str, offered))


def content(answer: Any) -> Any:
    """The answer's JSON, else its text, else None."""
    if not answer.content:
        return None
    found = _json(answer)
    return answer.text if found is None else found


def _json(answer: Any) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def next_query(body: Any, key: str | None) -> list[tuple[str, str]] | None:
    """The query of the next page, from any of the forms in which services link it. Only the query is taken: never another address."""
    if not isinstance(body, Mapping):
        return None
    links = body.get(f"{key}_links") or body.get("links")
    link = next((one.get("href") for one in links if one.get("rel") == "next"), None) if isinstance(links, list) else None
    if link is None and isinstance(links, Mapping):
        link = links.get("next")
    link = link or body.get("next")
    return parse_qsl(urlsplit(link).query, keep_blank_values=True) if isinstance(link, str) and link else None
