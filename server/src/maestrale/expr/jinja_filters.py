"""Arguments of Jinja's filters and of methods that could ask for more than there is room for.

Only arithmetic on sizes; the ceilings are those of ``Options``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sized
from typing import Any

from maestrale.expr.limits import LimitExceededError, Options, check_element_count, check_text_length
from maestrale.expr.output import check_text_size

MEASURED = frozenset({
    "capitalize", "center", "e", "escape", "forceescape", "format", "indent", "lower", "replace", "safe", "string",
    "striptags", "title", "tojson", "trim", "truncate", "upper", "urlencode", "urlize", "wordcount", "wordwrap", "pprint",
    "xmlattr", "unique", "sort", "groupby", "min", "max", "dictsort",
})  # fmt: skip
"""Filters that make a text of what they are given, whatever it is, or compare the parts of it."""

_NUMBER = re.compile(r"\d+")
_PERCENT = re.compile(r"%(?:\([^)]*\))?[#0\- +]*(\d+|\*)?(?:\.(\d+|\*))?")
_LARGEST_PRECISION = 1_000


def size_of(value: Any) -> int:
    """How much of a value a filter has to walk through: elements, or characters that are done in one go."""
    if isinstance(value, (str, bytes)):
        return len(value) // 256
    return len(value) if isinstance(value, Sized) else 0


def check_widths(specification: str, options: Options) -> None:
    """Widths and precisions within a format."""
    for number in _NUMBER.findall(specification):
        check_text_length(int(number[:20]), options)


def check_percent(options: Options, template: str | bytes, values: Any) -> None:
    """The ``%`` of a text: widths in it, or in the values if it asks for them."""
    text = template.decode("latin-1") if isinstance(template, bytes) else template
    arguments = values if isinstance(values, tuple) else (values,)
    for width, precision in _PERCENT.findall(text):
        for number in (width, precision):
            if number == "*":
                for argument in arguments:
                    if isinstance(argument, int):
                        check_text_length(abs(argument), options)
            elif number:
                check_text_length(int(number[:20]), options)
    for argument in arguments:
        check_text_size(argument, options)


def check_method(options: Options, owner: Any, name: str, args: Any, kwargs: Mapping[str, Any]) -> None:
    """A call of a method of a text, a list or an integer."""
    if name in ("center", "ljust", "rjust", "zfill", "to_bytes"):
        _check_numbers(options, *args, *kwargs.values())
    elif name == "expandtabs":
        tabs = owner.count("\t" if isinstance(owner, str) else b"\t")
        for size in (*args, *kwargs.values()):
            if isinstance(size, int):
                check_text_length(tabs * size, options)
    elif name == "replace" and len(args) >= 2 and isinstance(owner, str):
        _check_replaced(options, owner, *args)
    elif name == "join" and args and isinstance(owner, (str, bytes)):
        _check_joined(options, args[0], owner)
    elif name == "translate" and args:
        longest = max((len(value) for value in _values(args[0]) if isinstance(value, str)), default=1)
        check_text_length(len(owner) * longest, options)
    elif name == "extend" and args and hasattr(args[0], "__len__"):
        check_element_count(len(owner) + len(args[0]), options)


def _values(mapping: Any) -> list[Any]:
    return list(mapping.values()) if isinstance(mapping, Mapping) else []


def _check_numbers(options: Options, *values: Any) -> None:
    for value in values:
        if isinstance(value, int):
            check_text_length(value, options)


def _check_replaced(options: Options, text: Any, old: Any = "", new: Any = "", count: Any = None) -> None:
    if isinstance(text, str) and isinstance(old, str) and isinstance(new, str):
        places = text.count(old)
        if isinstance(count, int) and count >= 0:
            places = min(places, count)
        check_text_length(len(text) + places * len(new), options)


def _check_joined(options: Options, values: Any, separator: Any = "") -> None:
    if isinstance(values, (list, tuple, dict, str)):
        check_text_size(values, options)
        check_text_length(len(values) * len(str(separator)), options)
        return
    check_text_length(100_000 * len(str(separator)), options)


def _check_join(options: Options, values: Any, d: Any = "", attribute: Any = None) -> None:
    del attribute
    _check_joined(options, values, d)


def _check_center(options: Options, _value: Any, width: Any = 80) -> None:
    _check_numbers(options, width)


def _check_indent(options: Options, value: Any, width: Any = 4, first: Any = False, blank: Any = False) -> None:
    del first, blank
    if isinstance(value, list):
        # Jinja's own would add the end of the line to the list itself, before it fails just so (L176).
        raise AttributeError("'list' object has no attribute 'splitlines'")  # noqa: TRY004 - as the filter
    size = width if isinstance(width, int) else len(str(width))
    lines = value.count("\n") + 1 if isinstance(value, str) else 1
    check_text_length(lines * size, options)


def _check_number_of(options: Options, _value: Any, number: Any = 0, fill_with: Any = None) -> None:
    del fill_with
    if isinstance(number, int):
        check_element_count(number, options)


def _check_round(options: Options, _value: Any, precision: Any = 0, method: Any = "common") -> None:
    del options, method
    if isinstance(precision, int) and abs(precision) > _LARGEST_PRECISION:
        raise LimitExceededError(f"Precision is larger than {_LARGEST_PRECISION}")


def _check_json(options: Options, _value: Any, indent: Any = None) -> None:
    if isinstance(indent, int):
        check_text_length(indent * 1_000, options)


def _check_format(options: Options, value: Any, *args: Any, **kwargs: Any) -> None:
    check_percent(options, str(value), args or tuple(kwargs.values()))


def _check_sum(options: Options, values: Any, attribute: Any = None, start: Any = 0) -> None:
    """Lists are added up by copying them again and again."""
    del attribute
    if not isinstance(start, (int, float)) and isinstance(values, Sized):
        check_element_count(len(values) * check_text_size(values, options) // 1_000, options)


def _check_wrap(options: Options, value: Any, width: Any = 79, *args: Any, **kwargs: Any) -> None:
    wrapstring = kwargs.get("wrapstring", args[1] if len(args) > 1 else None)
    if isinstance(value, str) and isinstance(wrapstring, str):
        check_text_length(len(value) * len(wrapstring), options)
    del width


CHECKS: Mapping[str, Callable[..., None]] = {
    "center": _check_center,
    "indent": _check_indent,
    "replace": _check_replaced,
    "join": _check_join,
    "batch": _check_number_of,
    "slice": _check_number_of,
    "round": _check_round,
    "tojson": _check_json,
    "format": _check_format,
    "sum": _check_sum,
    "wordwrap": _check_wrap,
}
"""What to check before a filter runs, with the filter's own arguments."""
