"""Where YAQL's own functions could cost without bound, a check goes before them.

YAQL limits what iterators give and what one call takes and returns, if it is told to. What is left: results that are
large before anyone looks at their size, iterators that are used up in one go, and regular expressions.
"""

from __future__ import annotations

import collections.abc  # noqa: F401 - yaql uses it without importing it
import functools
from collections.abc import Callable, Mapping
from typing import Any

from yaql.language import specs, utils, yaqltypes
from yaql.standard_library import collections as yaql_collections
from yaql.standard_library import date_time, math, queries, regex, strings

from maestrale.expr import regex_guard
from maestrale.expr.limits import (
    LimitExceededError,
    Options,
    check_element_count,
    check_integer_bits,
    check_text_length,
)
from maestrale.expr.output import check_text_size

Check = Callable[..., None]
"""Takes the options and the arguments of a function, returns nothing or raises LimitExceededError."""

_LONGEST_DATE = 1_000


def install(context: Any, options: Options) -> None:
    """Put the checks before the functions of a context and of its parents, which have to be its own."""
    while context is not None:
        for functions in context._functions.values():  # noqa: SLF001 - there is no other way to get at them
            for function in functions:
                check = _CHECKS.get(function.payload)
                replacement = _REPLACEMENTS.get(function.payload)
                if check is not None:
                    function.payload = _checked(function.payload, check, options)
                elif replacement is not None:
                    _replace(function, replacement)
                elif function.payload is queries.generate_many:
                    function.payload = _generate_many
        context = context.parent


def _checked(payload: Any, check: Check, options: Options) -> Any:
    @functools.wraps(payload)
    def call(*args: Any, **kwargs: Any) -> Any:
        check(options, *args, **kwargs)
        return payload(*args, **kwargs)

    return call


def _replace(function: Any, replacement: Any) -> None:
    """Another function for the same parameters, which is handed the engine besides."""
    function.payload = replacement
    function.parameters["guard"] = specs.ParameterDefinition("guard", yaqltypes.Engine(), None)


# Numbers.


def _bits(value: Any) -> int:
    return value.bit_length() if isinstance(value, int) else 0


def _check_product(options: Options, left: Any, right: Any) -> None:
    check_integer_bits(_bits(left) + _bits(right), options)


def _check_sum(options: Options, left: Any, right: Any) -> None:
    check_integer_bits(max(_bits(left), _bits(right)), options)


def _check_power(options: Options, a: Any, b: Any, c: Any = None) -> None:
    if not isinstance(b, int) or not isinstance(a, int):
        return
    if c is None:
        if b > 0 and not -2 < a < 2:
            check_integer_bits(_bits(a) * b, options)
    elif _bits(b) * _bits(c) > options.max_integer_bits:
        raise LimitExceededError(f"Power with modulus takes more than {options.max_integer_bits} steps")


def _check_shift(options: Options, value: Any, bits_number: Any) -> None:
    check_integer_bits(_bits(value) + bits_number, options)


def _check_round(options: Options, number: Any, ndigits: int = 0) -> None:
    if isinstance(number, int):
        check_integer_bits(-4 * ndigits, options)


# Texts and lists.


def _check_repeated(options: Options, left: Any, right: Any, engine: Any) -> None:
    del engine
    value, times = (right, left) if isinstance(left, int) else (left, right)
    if isinstance(value, str):
        check_text_length(len(value) * times, options)
    else:
        check_element_count(len(value) * times, options)


def _check_joined(options: Options, *texts: Any) -> None:
    check_text_length(sum(map(len, texts)), options)


def _check_text(options: Options, value: Any) -> None:
    check_text_size(value, options)


def _check_replaced(options: Options, string: str, old: str, new: str, count: int = -1) -> None:
    places = string.count(old)
    check_text_length(len(string) + (places if count < 0 else min(places, count)) * len(new), options)


def _join(sequence: Any, separator: Any, str_delegate: Any, guard: Any = None) -> str:
    length = 0
    parts = []
    options = guard.meter.options
    for element in sequence:
        parts.append(str_delegate(element))
        length += len(parts[-1]) + len(separator)
        check_text_length(length, options)
    return str(separator.join(parts))


def _join_reversed(separator: Any, sequence: Any, str_delegate: Any, guard: Any = None) -> str:
    return _join(sequence, separator, str_delegate, guard)


def _replace_with_dict(string: str, str_func: Any, replacements: Any, count: int = -1, guard: Any = None) -> str:
    for key, value in replacements.items():
        old, new = str_func(key), str_func(value)
        _check_replaced(guard.meter.options, string, old, new, count)
        string = string.replace(old, new, count)
        guard.meter.step()
        guard.meter.make(string)
    return string


# Iterators.


def _count(collection: Any, guard: Any = None) -> int:
    return sum(1 for _ in guard.meter.passes(utils.limit_iterable(collection, guard)))


def _contains(value: Any, collection: Any, guard: Any = None) -> bool:
    if isinstance(collection, utils.SequenceType):
        guard.meter.step(len(collection) // 64)
    return value in collection


def _contains_reversed(collection: Any, value: Any, guard: Any = None) -> bool:
    return _contains(value, collection, guard)


def _generate_many(engine: Any, initial: Any, producer: Any, selector: Any = None, decycle: bool = False, depth_first: bool = False) -> Any:
    def produce(item: Any) -> Any:
        return utils.limit_iterable(producer(item), engine)

    return queries.generate_many(engine, initial, produce, selector, decycle, depth_first)


# Regular expressions and dates.


def _check_pattern(options: Options, pattern: str, *_flags: Any, **_named: Any) -> None:
    regex_guard.check(pattern, 0, "", options)


def _check_search(options: Options, regexp: Any, string: str) -> None:
    if isinstance(regexp, str):
        regex_guard.check(regexp, 0, string, options)
    else:
        regex_guard.check(regexp.pattern, regexp.flags, string, options)


def _first_is_pattern(options: Options, regexp: Any, string: str, *_rest: Any, **_named: Any) -> None:
    _check_search(options, regexp, string)


def _second_is_pattern(options: Options, string: str, regexp: Any, *_rest: Any, **_named: Any) -> None:
    _check_search(options, regexp, string)


def _pattern_after_context(options: Options, _context: Any, regexp: Any, string: str, *_rest: Any) -> None:
    _check_search(options, regexp, string)


def _text_after_context(options: Options, _context: Any, string: str, regexp: Any, *_rest: Any) -> None:
    _check_search(options, regexp, string)


def _check_substituted(options: Options, regexp: Any, string: str, repl: str, count: int = 0) -> None:
    _check_search(options, regexp, string)
    places = sum(1 for _ in regexp.finditer(string))
    # A reference to a group may bring in all that was matched.
    largest = len(repl) + len(string) * repl.count("\\")
    check_text_length(len(string) + (min(places, count) if count > 0 else places) * largest, options)


def _check_substituted_text(options: Options, string: str, regexp: Any, repl: str, count: int = 0) -> None:
    _check_substituted(options, regexp, string, repl, count)


def _check_date(options: Options, _value: Any, format__: str | None = None) -> None:
    del options
    if max(len(format__ or ""), len(_value) if isinstance(_value, str) else 0) > _LONGEST_DATE:
        raise LimitExceededError(f"Date or format has more than {_LONGEST_DATE} characters")


_CHECKS: Mapping[Any, Check] = {
    math.multiplication: _check_product,
    math.binary_plus: _check_sum,
    math.binary_minus: _check_sum,
    math.pow_: _check_power,
    math.shift_bits_left: _check_shift,
    math.round_: _check_round,
    strings.string_by_int: _check_repeated,
    strings.int_by_string: _check_repeated,
    strings.concat: _check_joined,
    strings.str_: _check_text,
    strings.replace: _check_replaced,
    yaql_collections.list_by_int: _check_repeated,
    yaql_collections.int_by_list: _check_repeated,
    regex.regex: _check_pattern,
    regex.matches: _first_is_pattern,
    regex.matches_: _second_is_pattern,
    regex.matches_operator_regex: _second_is_pattern,
    regex.matches_operator_string: _second_is_pattern,
    regex.not_matches_operator_regex: _second_is_pattern,
    regex.not_matches_operator_string: _second_is_pattern,
    regex.search: _pattern_after_context,
    regex.search_all: _pattern_after_context,
    regex.split: _first_is_pattern,
    regex.split_string: _second_is_pattern,
    regex.replace: _check_substituted,
    regex.replace_string: _check_substituted_text,
    regex.replace_by: _pattern_after_context,
    regex.replace_by_string: _text_after_context,
    date_time.datetime_from_string: _check_date,
    date_time.format_: _check_date,
}

_REPLACEMENTS: Mapping[Any, Any] = {
    strings.join: _join,
    strings.join_: _join_reversed,
    strings.replace_with_dict: _replace_with_dict,
    queries.count_: _count,
    queries.count: _count,
    yaql_collections.in_: _contains,
    yaql_collections.contains: _contains_reversed,
}
