"""What a request carries: media types, size, JSON objects and definition texts.

Everything that is wrong with a body ends here as a RequestError: no bad byte, number or depth gets further.
The JSON-typed fields of 1.3 come as objects or as texts of objects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import orjson
from starlette.types import Message

from maestrale.api.errors import MarkupTypeError, MediaTypeError, TooLargeError, shown
from maestrale.api.resources import Kind, Resource
from maestrale.errors import RequestError

MAX_DEPTH = 150
"""Deepest nesting of data: deeper values could be read, but not be written again with what surrounds them."""

MAX_INTEGER = 2**63 - 1
_SUSPECT_NUMBER = re.compile(rb"[0-9]{17}")
_NUL = b"\\u0000"


async def read_body(receive: Callable[[], Awaitable[Message]], declared: str | None, limit: int) -> bytes:
    """The whole body, at most ``limit`` bytes. Raises TooLargeError without reading further."""
    if declared is not None and declared.isdigit() and int(declared) > limit:
        _refuse_size(limit)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestError("The connection was closed before the whole request had arrived.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            _refuse_size(limit)
        if chunk:
            chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _refuse_size(limit: int) -> NoReturn:
    raise TooLargeError(f"The request is larger than {limit} bytes (option api.max_body_size).")


def check_json_type(media_type: str | None) -> None:
    """Accept JSON and a missing media type (1.2). Raises MediaTypeError, or RequestError for a form."""
    if not media_type:
        return
    name = media_type.partition(";")[0].strip().lower()
    if name == "application/json" or not name:
        return
    if name == "application/x-www-form-urlencoded":
        raise RequestError("Unknown argument: a JSON object is expected, not a form.")
    if name.endswith(("/xml", "+xml")):
        raise MarkupTypeError(f"Unsupported media type: {shown(name)}. JSON is expected.")
    raise MediaTypeError(f"Unknown mimetype: {shown(name)}")


def read_text(content: bytes) -> str:
    """A definition's text. Raises RequestError for broken UTF-8 and NUL."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RequestError(f"The body is not valid UTF-8: {error.reason} at byte {error.start}.") from None
    if "\0" in text:
        raise RequestError("The body contains a NUL character.")
    return text.removeprefix("\ufeff")


def read_object(content: bytes) -> dict[str, Any]:
    """A request's JSON object; an empty body is an empty one. Raises RequestError."""
    if not content.strip():
        return {}
    value = read_json(content)
    if not isinstance(value, dict):
        raise RequestError(f"The body must be a JSON object, not {kind_of(value)}.")
    return value


def read_json(content: bytes | str) -> Any:
    """JSON without what can't be stored: inexact or infinite numbers, NUL, lone surrogates, deep nesting. Raises RequestError."""
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"Invalid JSON: {shown(error)}") from None
    if _SUSPECT_NUMBER.search(data):
        value = _read_exactly(data)
    if _NUL in data or data.count(b"[") + data.count(b"{") > MAX_DEPTH:
        _check_value(value)
    return value


def _read_exactly(data: bytes) -> Any:
    """Parse with integers kept whole, so that one beyond 64 bits is refused instead of rounded."""

    def integer(text: str) -> int:
        value = int(text) if len(text) <= 20 else MAX_INTEGER + 1
        if abs(value) > MAX_INTEGER:
            raise RequestError(f"The number {shown(text)} is too large: integers have 64 bits.")
        return value

    return json.loads(data, parse_int=integer)


def _check_value(value: Any) -> None:
    """Walk without recursion. Raises RequestError for a NUL in a text or key, or nesting beyond MAX_DEPTH."""
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                if "\0" in item:
                    raise RequestError("A text contains a NUL character, which can't be stored.")
            elif isinstance(item, dict):
                below.extend(item)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        if not below:
            return
        level = below
    raise RequestError(f"The data is nested deeper than {MAX_DEPTH} levels.")


def kind_of(value: Any) -> str:
    """What a JSON value is, in JSON's words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list) else "an object"


_TEXTS = frozenset({Kind.TEXT, Kind.UUID, Kind.PROJECT, Kind.TIME})


class Body:
    """The attributes of a JSON object, each read once with its type.

    ``argument`` is the name that messages give the object (``wf_ex`` for an execution).
    """

    __slots__ = ("_argument", "_read", "_values")

    def __init__(self, content: bytes, argument: str, known: frozenset[str], read_only: frozenset[str] = frozenset()) -> None:
        """Raises RequestError for what is no object, for unknown and for read-only attributes (A041, A300)."""
        self._values = read_object(content)
        self._argument = argument
        self._read: set[str] = set()
        for name in self._values:
            if name in read_only:
                raise RequestError(f"Cannot set read only field. [field={name}]")
            if name not in known:
                raise RequestError(f"Unknown attribute: {shown(name)}. [argument={argument}]")

    def __contains__(self, name: str) -> bool:
        """Whether the attribute was given, null included."""
        return name in self._values

    def text(self, name: str, *, longest: int | None = None) -> str | None:
        """A text or None. Raises RequestError for another type or more than ``longest`` characters."""
        value = self.raw(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self._wrong(name, f"expected a text, got {kind_of(value)}")
        if longest is not None and len(value) > longest:
            raise self._wrong(name, f"it has {len(value)} characters, at most {longest} are allowed")
        return value

    def flag(self, name: str) -> bool | None:
        """A boolean or None. Raises RequestError for another type."""
        value = self.raw(name)
        if value is None or isinstance(value, bool):
            return value
        raise self._wrong(name, f"expected true or false, got {kind_of(value)}")

    def texts(self, name: str) -> list[str] | None:
        """A list of texts or None. Raises RequestError for another type."""
        value = self.raw(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(name, "expected a list of texts")
        return value

    def raw(self, name: str) -> Any:
        """The attribute as it was sent."""
        self._read.add(name)
        return self._values.get(name)

    def mapping(self, name: str) -> dict[str, Any] | None:
        """A JSON-typed field (1.3): an object, the text of one, or null and its text (A027, A028). Raises RequestError."""
        value = self.raw(name)
        if value is None or isinstance(value, dict):
            return value
        if not isinstance(value, str):
            raise self._wrong(name, f"an object, or the JSON text of one, is expected, not {kind_of(value)}")
        try:
            inner = read_json(value)
        except RequestError as error:
            raise self._wrong(name, error.message) from None
        if inner is not None and not isinstance(inner, dict):
            raise RequestError(f"JsonType field value must be a dictionary [actual={shown(inner)}]")
        return inner

    def check_rest(self, resource: Resource) -> None:
        """Raises RequestError for an attribute that was not read, and has another type than the resource's field (A042)."""
        for name in self._values:
            column = resource.column(name)
            if name in self._read or column is None:
                continue
            if column.kind is Kind.JSON:
                self.mapping(name)
            elif column.kind is Kind.TAGS:
                self.texts(name)
            elif column.kind is Kind.FLAG and not isinstance(self._values[name], int):
                self.flag(name)
            elif column.kind in _TEXTS:
                self.text(name)

    def _wrong(self, name: str, reason: str) -> RequestError:
        value = shown(repr(self._values.get(name)))
        return RequestError(f"Invalid input for field/attribute {name}. Value: {value}. {reason}. [argument={self._argument}]")

