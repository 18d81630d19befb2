"""Values to JSON text and back, for everything that a workflow's data may hold.

The fast path is orjson. What it refuses or would change - integers beyond 64 bits, NaN and the infinities, keys
that are no text, lone surrogates, deep nesting - takes the way of Python's json, and such text begins with a blank,
so that reading takes the same way. Text columns that hold no JSON get ``clean_text``, since PostgreSQL takes no NUL
and no driver takes a lone surrogate.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import orjson

from maestrale.errors import InvalidResultError

EXACT = " "
"""First character of a text that only Python's json reads back unchanged."""

PLAIN_TYPES = frozenset({str, int, bool, type(None)})
ACCEPTED_TYPES = (str, int, float, bool, type(None))


def dumps(value: Any) -> str:
    """JSON text of a value. Raises InvalidResultError if it is nested too deeply to be written."""
    try:
        data = orjson.dumps(value, default=_plain)
    except (TypeError, RecursionError):
        return _slow_dumps(value)
    # orjson writes NaN and the infinities as null
    if b"null" in data and _has_special_float(value):
        return _slow_dumps(value)
    return data.decode()


def loads(text: str) -> Any:
    """The value of a JSON text written by ``dumps``."""
    return json.loads(text) if text.startswith(EXACT) else orjson.loads(text)


def dumps_key(key: Any) -> str:
    """A mapping's key as JSON text; keys that are no text become text as Python's json does it."""
    return dumps(_key(key))


def clean_text(text: str | None) -> str | None:
    """Text that every database stores: NUL becomes U+FFFD, a lone surrogate its escape."""
    if text is None or (text.isascii() and "\0" not in text):
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "backslashreplace").decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, AbstractSet):
        return list(value)
    return str(value)


def _has_special_float(value: Any) -> bool:
    stack = [value]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is float:
            if item != item or item in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN alone differs from itself
                return True
        elif kind in PLAIN_TYPES:
            continue
        elif kind is dict or isinstance(item, Mapping):
            stack.extend(item.values())
        elif kind is list or isinstance(item, list | tuple | AbstractSet):
            stack.extend(item)
    return False


def _slow_dumps(value: Any) -> str:
    try:
        return EXACT + json.dumps(_with_text_keys(value), default=_plain, separators=(",", ":"))
    except (RecursionError, ValueError) as error:
        raise InvalidResultError("The value can't be written as JSON: it is nested too deeply, or contains itself.") from error


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_key(key): _with_text_keys(item) for key, item in value.items()}
    if isinstance(value, list | tuple | AbstractSet):
        return [_with_text_keys(item) for item in value]
    return value


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    return json.dumps(key) if isinstance(key, ACCEPTED_TYPES) else str(key)
