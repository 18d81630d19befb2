"""Swift's names: containers and objects, whose data is in headers and bodies that are no JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from maestrale.actions.openstack.filling import Filled, Inputs, segment
from maestrale.actions.openstack.special import Special
from maestrale.actions.openstack.wire import Wire
from maestrale.errors import ActionError

_QUERY = ("marker", "limit", "prefix", "end_marker", "delimiter", "version_marker", "path")


def _place(inputs: Inputs) -> str:
    """The path of an account, a container or an object; slashes are part of an object's name."""
    names = [inputs.take("container"), inputs.take("obj")]
    if names[0] is None:
        return ""
    container = segment(names[0])
    if names[1] is None:
        return container
    parts = [segment(part) if part not in {"", ".", ".."} else _refuse(names[1]) for part in str(names[1]).split("/")]
    return f"{container}/{'/'.join(parts)}"


def _refuse(name: Any) -> str:
    raise ActionError(f"An object named {name!r} can't be asked for.")


def _query(inputs: Inputs) -> list[tuple[str, Any]]:
    text = inputs.take("query_string")
    pairs = [tuple(part.partition("=")[::2]) for part in str(text).split("&")] if text else []
    return [(name, str(value)) for name in _QUERY if (value := inputs.take(name)) is not None] + [(a, b) for a, b in pairs]


def _headers(inputs: Inputs) -> dict[str, str]:
    given = inputs.take("headers") or {}
    if not isinstance(given, Mapping):
        raise ActionError("The input 'headers' has to be a mapping.")
    return {str(name): str(value) for name, value in given.items()}


def _refuse_unused(inputs: Inputs) -> None:
    if inputs.take("response_dict") is not None:
        raise ActionError("The input 'response_dict' has no use in a workflow: the result is what comes back.")


def listing(wire: Wire, inputs: Inputs) -> Any:
    """The headers, and the items; ``full_listing`` goes on to the last page."""
    everything, headers, place, query = inputs.take("full_listing"), _headers(inputs), _place(inputs), _query(inputs)
    first: dict[str, Any] = {}
    items: list[Any] = []
    while True:
        answer = wire.answer(Filled("GET", place, query=[*query, ("format", "json")]), headers)
        found = answer.json() if answer.content else []
        first = first or _lower(answer.headers)
        items += found
        if not everything or not found:
            return [first, items]
        marker = found[-1].get("name", found[-1].get("subdir"))
        query = [(name, value) for name, value in query if name != "marker"] + [("marker", marker)]


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def request(verb: str, answer_with: str = "nothing") -> Special:
    """A request whose result is nothing, the headers, or the headers and the content."""

    def run(wire: Wire, inputs: Inputs) -> Any:
        _refuse_unused(inputs)
        headers, place, query = _headers(inputs), _place(inputs), _query(inputs)
        data = inputs.take("data")
        answer = wire.answer(Filled(verb, place, query=query, text=None if data is None else str(data)), headers)
        if answer_with == "nothing":
            return None
        return _lower(answer.headers) if answer_with == "headers" else [_lower(answer.headers), answer.content]

    return run


def put_object(wire: Wire, inputs: Inputs) -> Any:
    """Text as it is, anything else as JSON. The result is the object's ETag."""
    _refuse_unused(inputs)
    for ignored in ("content_length", "chunk_size"):
        inputs.take(ignored)
    contents, kind, etag = inputs.take("contents"), inputs.take("content_type"), inputs.take("etag")
    headers = _headers(inputs)
    if kind:
        headers["Content-Type"] = str(kind)
    if etag:
        headers["ETag"] = str(etag)
    text = contents if isinstance(contents, str) else "" if contents is None else json.dumps(contents)
    place = _place(inputs)
    answer = wire.answer(Filled("PUT", place, query=_query(inputs), text=text), headers or {"Content-Type": "application/octet-stream"})
    return (answer.headers.get("ETag") or "").strip('"')


def copy_object(wire: Wire, inputs: Inputs) -> Any:
    """To ``destination``, which begins with a slash and the container; without one onto itself."""
    _refuse_unused(inputs)
    headers, place = _headers(inputs), _place(inputs)
    headers["Destination"] = str(inputs.take("destination") or f"/{place}")
    if inputs.take("fresh_metadata"):
        headers["X-Fresh-Metadata"] = "true"
    wire.answer(Filled("COPY", place), headers)


OBJECTS: dict[str, Special] = {
    "swift.get_account": listing, "swift.get_container": listing, "swift.head_account": request("HEAD", "headers"),
    "swift.head_container": request("HEAD", "headers"), "swift.head_object": request("HEAD", "headers"),
    "swift.get_object": request("GET", "content"), "swift.put_object": put_object, "swift.put_container": request("PUT"),
    "swift.post_account": request("POST", "content"), "swift.post_container": request("POST"), "swift.post_object": request("POST"),
    "swift.delete_container": request("DELETE"), "swift.delete_object": request("DELETE"), "swift.copy_object": copy_object,
}
