"""What becomes of what an action returns or raises: JSON-ready values of bounded size, and Mistral's texts (4.1)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import orjson

from maestrale.core.ports import Result

CANCELLED = "The action was cancelled."


def raised_text(action: object, attempt_id: str, error: BaseException) -> str:
    """The error of an action that raised (4.1)."""
    return f"The action raised an exception [action={action}, action_ex_id={attempt_id}, msg='{error}']"


def not_instantiated_text(name: str, class_name: str, reason: object) -> str:
    """The error of an action whose constructor raised (L281)."""
    return f"Failed to instantiate an action [action_desc=Python action [name={name}, cls=<class '{class_name}'>]]: {reason}"


def raised(action: object, attempt_id: str, error: BaseException) -> Result:
    """The failure of an action that raised."""
    return Result(failed=True, error=raised_text(action, attempt_id, error))


def timed_out(timeout: float) -> Result:
    """The failure of an action that ran longer than it may; ``timeout`` in seconds."""
    return Result(failed=True, error=f"The action timed out [timeout(s)={timeout:g}].")


def json_ready(value: Any, *, limit: int) -> Any:
    """The value with JSON's types only: bytes and objects as text, times as ISO text, sets and iterators as lists.

    Raises ValueError if its JSON is larger than ``limit`` bytes.
    """
    try:
        text = orjson.dumps(value, default=_convert, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, orjson.JSONEncodeError):
        plain = _plain(value, 0)
        _check_size(len(json.dumps(plain).encode()), limit)
        return plain
    _check_size(len(text), limit)
    return orjson.loads(text)


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise ValueError(f"The result of the action is too large (size={size}, limit={limit} bytes).")


def _convert(value: Any) -> Any:
    """One value that JSON doesn't have, as one that it has or that is converted again."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, AbstractSet | Iterator):
        return list(value)
    if isinstance(value, str | int | list | tuple):
        raise TypeError("left to the slow way")
    return str(value)


def _plain(value: Any, depth: int) -> Any:  # noqa: PLR0911 - one answer for each kind of value
    """The slow way, for what the fast encoder refuses (whole numbers above 64 bits, odd keys, deep nesting)."""
    if depth > 200:
        raise ValueError("The result of the action is nested too deeply.")
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, str):
        return str(value).encode("utf-8", "replace").decode()
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping):
        return {str(_plain(key, depth + 1)): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | AbstractSet | Iterator):
        return [_plain(item, depth + 1) for item in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return _convert(value)
