"""From values of an evaluation to values that can be stored, sent, or put into a text (2.2, L213).

``stored`` gives what JSON knows. ``text_of`` gives the text of a value within other text, which still tells sets and
datetimes apart. Both walk with a limit on length and depth and change nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import date, datetime
from typing import Any

from maestrale.expr.limits import LimitExceededError, Options

SCALARS = frozenset({str, int, float, bool, type(None)})
"""The exact types that need no conversion."""


def stored(value: Any, options: Options, *, sets: bool) -> Any:
    """``value`` as JSON knows it: iterators, sequences and sets as lists, datetimes as ISO text without zone.

    ``sets``: the members of a set have to be members of a set still when they are converted, as with YAQL, so that
    a set of pairs is an error (L209). Raises LimitExceededError and TypeError.
    """
    return _stored(value, options, sets, options.max_depth)


def _stored(value: Any, options: Options, sets: bool, depth: int) -> Any:
    kind = type(value)
    if kind in SCALARS:
        return value
    if depth <= 0:
        raise LimitExceededError(f"Value nests deeper than {options.max_depth} levels")
    if isinstance(value, Mapping):
        result = {}
        for key, item in _limited(value.items(), options):
            # The value comes before the key, as in YAQL: it shows in which of two faults is reported.
            converted = _stored(item, options, sets, depth - 1)
            result[_json_key(_member(key, options, depth - 1) if sets else key)] = converted
        return result
    if isinstance(value, Set):
        items = [_member(item, options, depth - 1) if sets else item for item in _limited(value, options)]
        return [_stored(item, options, sets, depth - 1) for item in items]
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, type)):
        return [_stored(item, options, sets, depth - 1) for item in _limited(value, options)]
    return _described(value)


def text_of(value: Any, options: Options) -> str:
    """The text of a value of YAQL within other text: Python notation of lists and dicts (L167).

    Raises LimitExceededError, and TypeError for a set of what can't be hashed.
    """
    return value if type(value) is str else str(_native(value, options, options.max_depth))


def _native(value: Any, options: Options, depth: int) -> Any:
    if type(value) in SCALARS:
        return value
    if depth <= 0:
        raise LimitExceededError(f"Value nests deeper than {options.max_depth} levels")
    if isinstance(value, Mapping):
        result = {}
        for key, item in _limited(value.items(), options):
            converted = _native(item, options, depth - 1)
            result[_native(key, options, depth - 1)] = converted
        return result
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        items = (_native(item, options, depth - 1) for item in _limited(value, options))
        return set(items) if isinstance(value, Set) and not options.convert_sets_to_lists else list(items)
    return value


def _limited(values: Iterable[Any], options: Options) -> Iterator[Any]:
    limit = options.element_limit
    for count, value in enumerate(values):
        if count >= limit:
            raise LimitExceededError(f"Collection length exceeds {limit} elements")
        yield value


def _member(value: Any, options: Options, depth: int) -> Any:
    """A member of a set or a key, converted; TypeError if it can't be one any more."""
    if type(value) not in SCALARS:
        value = _native(value, options, depth)
        hash(value)
    return value


def _json_key(key: Any) -> str:
    """A key as ``json.dumps`` writes it."""
    if isinstance(key, str):
        return str(key)
    if key is True:
        return "true"
    if key is False:
        return "false"
    return "null" if key is None else str(key)


def _described(value: Any) -> Any:
    """What has no parts: a subclass of a scalar as that scalar, the rest as text.

    The text of a bound method doesn't show the value that it is bound to.
    """
    for kind in (str, bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, (datetime, date)):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%f" if isinstance(value, datetime) else "%Y-%m-%d")
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if inspect.ismethod(value) or inspect.isbuiltin(value):
        return f"<bound method {type(value.__self__).__name__}.{value.__name__}>"
    return str(value)
