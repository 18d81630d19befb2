"""From values of an evaluation to values that can be stored, sent, or put into a text (2.2, L213).

``stored`` gives what JSON knows. ``text_of`` gives the text of a value within other text, where sets and datetimes
still look like themselves. A value can be small and yet have no end when it is written out, since parts may be shared
and iterators endless; so every walk counts what it meets, and stops at a ceiling. Nothing is changed in place.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from typing import Any

from jinja2 import Undefined

from maestrale.expr.limits import LimitExceededError, Options, check_integer_bits

SCALARS = frozenset({str, int, float, bool, type(None)})
"""The exact types that need no conversion."""


def stored(value: Any, options: Options, *, sets: bool) -> Any:
    """``value`` as JSON knows it: iterators, sequences and sets as lists, datetimes as ISO text without zone.

    ``sets``: the members of a set have to be members of a set still when they are converted, as with YAQL, so that
    a set of pairs is an error (L209). Raises LimitExceededError and TypeError.
    """
    return _Walk(options, sets).stored(value, options.max_depth)


def native(value: Any, options: Options) -> Any:
    """``value`` with plain dicts, lists and sets for all collections, and everything else as it is.

    Raises LimitExceededError, and TypeError for a set of what can't be hashed.
    """
    return _Walk(options, sets=True).native(value, options.max_depth)


def text_of(value: Any, options: Options) -> str:
    """The text of a value of YAQL within other text: Python notation of lists and dicts (L167).

    Raises what ``native`` raises.
    """
    return str(value if type(value) in SCALARS else native(value, options))


def check_text_size(value: Any, options: Options) -> int:
    """How many elements there are in a value; looks into lists, tuples, dicts and sets only.

    Raises LimitExceededError if they, or ``str(value)``, would be too many.
    """
    if type(value) in SCALARS:
        return 0
    walk = _Walk(options, sets=False)
    walk.measure(value)
    return options.max_elements - walk.elements


_WORD = 1 << 64


class _Walk:
    """One walk through a value, and how far it may still go."""

    __slots__ = ("characters", "elements", "options", "sets")

    def __init__(self, options: Options, sets: bool) -> None:
        self.options = options
        self.sets = sets
        self.elements = options.max_elements
        self.characters = options.max_text_length

    def stored(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind in SCALARS:
            if kind is str:
                self.count_text(value)
            elif kind is int and not -_WORD < value < _WORD:
                check_integer_bits(value.bit_length(), self.options)
            return value
        if depth <= 0:
            raise _too_deep(self.options)
        depth -= 1
        if isinstance(value, Mapping):
            result = {}
            for key, item in self.limited(value.items()):
                # The value comes before the key, as in YAQL: it shows in which of two faults is reported.
                converted = self.stored(item, depth)
                result[_json_key(self.member(key, depth) if self.sets else key)] = converted
            return result
        if isinstance(value, AbstractSet):
            items = [self.member(item, depth) if self.sets else item for item in self.limited(value)]
            return [self.stored(item, depth) for item in items]
        if isinstance(value, Undefined):
            value()  # raises what it says when it is used
        if isinstance(value, Iterable) and not isinstance(value, (str, bytes, type)):
            return [self.stored(item, depth) for item in self.limited(value)]
        return _described(value)

    def native(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind in SCALARS:
            if kind is str:
                self.count_text(value)
            elif kind is int and not -_WORD < value < _WORD:
                check_integer_bits(value.bit_length(), self.options)
            return value
        if depth <= 0:
            raise _too_deep(self.options)
        depth -= 1
        if isinstance(value, Mapping):
            result = {}
            for key, item in self.limited(value.items()):
                converted = self.native(item, depth)
                result[self.native(key, depth)] = converted
            return result
        if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
            items = (self.native(item, depth) for item in self.limited(value))
            return set(items) if isinstance(value, AbstractSet) and not self.options.convert_sets_to_lists else list(items)
        return value

    def member(self, value: Any, depth: int) -> Any:
        """A member of a set or a key, converted; TypeError if it can't be one any more."""
        if type(value) not in SCALARS:
            value = self.native(value, depth)
            hash(value)
        return value

    def measure(self, value: Any) -> None:
        """Count the text and the elements in a value, without end of depth and without converting."""
        waiting = [value]
        while waiting:
            current = waiting.pop()
            if isinstance(current, str):
                self.count_text(current)
            elif isinstance(current, Mapping):
                self.count_elements(len(current) * 2)
                for key in current:
                    waiting += (key, current[key])
            elif isinstance(current, (list, tuple, set, frozenset)):
                self.count_elements(len(current))
                waiting += current

    def limited(self, values: Iterable[Any]) -> Iterator[Any]:
        limit = self.options.element_limit
        for count, value in enumerate(values):
            if count >= limit:
                raise LimitExceededError(f"Collection length exceeds {limit} elements")
            self.elements -= 1
            if self.elements < 0:
                self.count_elements(0)
            yield value

    def count_elements(self, count: int) -> None:
        self.elements -= count
        if self.elements < 0:
            raise LimitExceededError(f"Value has more than {self.options.max_elements} elements")

    def count_text(self, text: str) -> None:
        self.characters -= len(text)
        if self.characters < 0:
            raise LimitExceededError(f"Value has more than {self.options.max_text_length} characters of text")


def _too_deep(options: Options) -> LimitExceededError:
    return LimitExceededError(f"Value nests deeper than {options.max_depth} levels")


def _json_key(key: Any) -> str:
    """A key as ``json.dumps`` writes it, or refuses it."""
    if isinstance(key, str):
        return str(key)
    if key is True:
        return "true"
    if key is False:
        return "false"
    if key is None:
        return "null"
    if isinstance(key, (int, float)):
        return str(key)
    raise TypeError(f"keys must be str, int, float, bool or None, not {type(key).__name__}")


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
