"""How the closures of the fast path treat values: access, comparison, arithmetic, text, as YAQL does on its own types.

The closures work on data as it is stored. Lists stand where YAQL has tuples, dicts where it has frozen ones, and
iterators where it has iterators. Whatever this module isn't sure to get right raises UnsureError, and YAQL is asked.
It never guesses: types are compared exactly, so that a boolean is no number here, as in YAQL.
"""

from __future__ import annotations

import math
from collections import abc
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from types import GeneratorType
from typing import Any

from maestrale.expr.context import ContextView
from maestrale.expr.limits import Meter, Options, check_integer_bits, check_text_length
from maestrale.expr.output import SCALARS

_WORD = 1 << 64


class UnsureError(Exception):
    """The fast path won't answer for this; YAQL will."""


class Ordered:
    """What ``orderBy`` gives: sorted when it is iterated over, no sooner, and no list."""

    __slots__ = ("_descending", "_key", "_result", "_values")

    def __init__(self, values: Iterable[Any], key: Callable[[Any], Any], *, descending: bool) -> None:
        self._values = values
        self._key = key
        self._descending = descending
        self._result: list[Any] | None = None

    def __iter__(self) -> Iterator[Any]:
        if self._result is None:
            values = list(self._values)
            keys = [self._key(value) for value in values]
            kinds = set(map(type, keys))
            if not (kinds <= {str} or kinds <= {int, float}) or any(map(_is_nan, keys)):
                raise UnsureError
            order = sorted(range(len(values)), key=keys.__getitem__, reverse=self._descending)
            self._result = [values[index] for index in order]
        return iter(self._result)


def _is_nan(value: Any) -> bool:
    return type(value) is float and math.isnan(value)


_ITERABLES = frozenset({
    map, filter, islice, type(iter([])), type(iter(range(0))), type(reversed([])), GeneratorType, Ordered,
    type({}.keys()), type({}.values()), abc.KeysView, abc.ValuesView,
})  # fmt: skip


def sequence(value: Any, options: Options) -> Any:
    """``value`` if it is a collection in YAQL's eyes, and not too long a one."""
    kind = type(value)
    if kind is list:
        if len(value) > options.element_limit:
            raise UnsureError
        return value
    if kind in _ITERABLES:
        return value
    raise UnsureError


def mapping(value: Any) -> Any:
    """``value`` if it is a mapping."""
    if type(value) is dict or isinstance(value, Mapping):
        return value
    raise UnsureError


def attribute(value: Any, key: str) -> Any:
    """``value.key``: the entry of a mapping, or those of all mappings in a collection (L204)."""
    kind = type(value)
    if kind is dict or kind is ContextView:
        return value[key]
    if kind is list or kind in _ITERABLES:
        return map(lambda item: attribute(item, key), value)  # noqa: C417 - as in YAQL
    if isinstance(value, Mapping):
        return value[key]
    raise UnsureError


def metered_attribute(value: Any, key: str, meter: Meter) -> Any:
    """``attribute`` within a loop, where it may be asked for again and again."""
    kind = type(value)
    if kind is list or kind in _ITERABLES:
        value = meter.passes(value)
    return attribute(value, key)


def item(value: Any, key: Any) -> Any:
    """``value[key]``."""
    kind = type(value)
    if kind is list:
        if type(key) is int:
            return value[key]
        raise UnsureError
    if kind is dict or isinstance(value, Mapping):
        return value[key]
    raise UnsureError


def length(value: Any) -> int:
    """``len(value)``; an iterator is used up by it."""
    kind = type(value)
    if kind is list or kind is str or kind is dict or kind is abc.KeysView or isinstance(value, Mapping):
        return len(value)
    if kind is type({}.keys()):
        return len(value)
    if kind in _ITERABLES and isinstance(value, Iterator):
        return sum(1 for _ in value)
    raise UnsureError


def is_container(value: Any) -> bool:
    """A value whose YAQL type differs by where it comes from."""
    kind = type(value)
    return kind is list or kind is dict or isinstance(value, Mapping)


def greater(left: Any, right: Any) -> bool:
    """``left > right``; null is less than anything."""
    kinds = type(left), type(right)
    if kinds in _NUMBERS or kinds == (str, str):
        return bool(left > right)
    if left is None or right is None:
        return left is not None and right is None
    raise UnsureError


def greater_or_equal(left: Any, right: Any) -> bool:
    """``left >= right``."""
    kinds = type(left), type(right)
    if kinds in _NUMBERS or kinds == (str, str):
        return bool(left >= right)
    if left is None or right is None:
        return right is None
    raise UnsureError


def less(left: Any, right: Any) -> bool:
    """``left < right``."""
    kinds = type(left), type(right)
    if kinds in _NUMBERS or kinds == (str, str):
        return bool(left < right)
    if left is None or right is None:
        return left is None and right is not None
    raise UnsureError


def less_or_equal(left: Any, right: Any) -> bool:
    """``left <= right``."""
    kinds = type(left), type(right)
    if kinds in _NUMBERS or kinds == (str, str):
        return bool(left <= right)
    if left is None or right is None:
        return left is None
    raise UnsureError


_NUMBERS = frozenset({(int, int), (int, float), (float, int), (float, float)})


def is_number(value: Any) -> bool:
    """An integer or a float, and no boolean."""
    kind = type(value)
    return kind is int or kind is float


def numbers(left: Any, right: Any) -> None:
    """Both have to be numbers."""
    if (type(left), type(right)) not in _NUMBERS:
        raise UnsureError


def subtract(left: Any, right: Any) -> Any:
    """``left - right``."""
    numbers(left, right)
    return left - right


def divide(left: Any, right: Any) -> Any:
    """``left / right``, floor division of integers (L203)."""
    numbers(left, right)
    if type(left) is int and type(right) is int:
        return left // right
    return left / right


def modulo(left: Any, right: Any) -> Any:
    """``left mod right``."""
    numbers(left, right)
    return left % right


def multiply(left: Any, right: Any, options: Options) -> Any:
    """``left * right`` of numbers, or of a text and an integer."""
    kinds = type(left), type(right)
    if kinds == (int, int):
        if not (-_WORD < left < _WORD and -_WORD < right < _WORD):
            check_integer_bits(left.bit_length() + right.bit_length(), options)
        return left * right
    if kinds in _NUMBERS:
        return left * right
    if kinds in ((str, int), (int, str)):
        text, times = (left, right) if type(left) is str else (right, left)
        check_text_length(len(text) * times, options)
        return text * times
    raise UnsureError


def text(value: Any) -> str:
    """``str(value)`` of what is no container."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is int or kind is float:
        return str(value)
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    raise UnsureError


def choose(first: Any, second: Any, *, greatest: bool) -> Any:
    """The greater or the lesser of two, the first of equals."""
    return second if greater(second, first) is greatest else first


def is_empty_text(value: Any) -> bool:
    """Nothing but blanks, or null."""
    if value is None:
        return True
    if type(value) is str:
        return not value.strip()
    raise UnsureError


def flattened(collection: Iterable[Any], options: Options, meter: Meter, *, deep: bool = False) -> Iterator[Any]:
    """Elements of elements that are collections, and elements that are none; ``deep``: down to the last."""
    for element in collection:
        kind = type(element)
        if kind is list or kind in _ITERABLES:
            inner = sequence(element, options)
            if kind is list:
                meter.step(len(inner))
            yield from flattened(inner, options, meter, deep=True) if deep else inner
        elif kind in SCALARS or isinstance(element, Mapping):
            yield element
        else:
            raise UnsureError


def merged(first: Mapping[Any, Any], second: Mapping[Any, Any], *, tuples: bool) -> dict[Any, Any]:
    """Two mappings merged in depth, lists joined without repeats (L211). ``tuples``: all lists are tuples in YAQL."""
    result = dict(first)
    for key, value in second.items():
        if key not in first:
            result[key] = value
            continue
        mine = first[key]
        if isinstance(value, Mapping):
            result[key] = merged(mapping(mine), value, tuples=tuples)
        elif type(value) is list:
            if not tuples or type(mine) is not list or not all(type(item) in SCALARS for item in (*mine, *value)):
                raise UnsureError
            result[key] = list(dict.fromkeys(mine + value))
        elif type(value) in SCALARS:
            result[key] = value
        else:
            raise UnsureError
    return result
