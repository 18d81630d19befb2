"""Texts with expressions that mean something else than their author may think (H38, H43, H44, H52).

Looks at text only, with patterns; what is found is worth a warning, never an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from maestrale.errors import ExpressionGrammarError
from maestrale.expr import check_syntax, has_expression

_BRACKETS = (("<%", "%>"), ("{{", "}}"), ("{%", "%}"))
# Each of these reads a text once, whatever it holds: none looks for an end further than the next beginning.
_YAQL = re.compile(r"<%(?:(?!<%).)*?%>")
_JINJA = re.compile(r"{{(?:(?!{{).)*?}}")
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*(?:'|$)|"(?:[^"\\]|\\.)*(?:"|$)|`[^`]*(?:`|$)""")
_CAPITAL = re.compile(r"(?<![\w.$])(True|TRUE|False|FALSE|None)(?![\w(])")
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)")
_METHOD = re.compile(r"_\.(items|keys|values|get|pop|copy|update)\b(?!\()")
MAX_TEXT = 20_000
"""Longer texts aren't looked at: no expression is that long."""


def in_value(value: Any) -> Iterator[str]:
    """Surprises in a text, and in all texts nested in mappings and lists."""
    if isinstance(value, str):
        yield from in_text(value)
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from in_value(item)


def in_text(text: str) -> Iterator[str]:
    """Surprises in one text."""
    if len(text) > MAX_TEXT:
        return
    opening = _open_at_line_end(text)
    if opening:
        yield f"an expression in {opening} over several lines stays text; write it in one line, or fold it with '>-'"
    for match in _YAQL.finditer(text):
        yield from _in_yaql(_QUOTED.sub("''", match[0]))
    for match in _JINJA.finditer(text):
        method = _METHOD.search(_QUOTED.sub("''", match[0]))
        if method:
            yield f"_.{method[1]} is a method of the mapping, not a variable; write _['{method[1]}']"


def _in_yaql(expression: str) -> Iterator[str]:
    capital = _CAPITAL.search(expression)
    if capital:
        word = {"none": "null"}.get(capital[1].lower(), capital[1].lower())
        yield f"{capital[1]} is a plain text in YAQL; write {word}"
    variable = _VARIABLE.search(expression)
    if variable and "let(" not in expression and "lambda" not in expression:
        yield f"${variable[1]} is null in YAQL; write $.{variable[1]}"


def _open_at_line_end(text: str) -> str:
    """Brackets of an expression that would be one without its line breaks, or nothing."""
    if "\n" not in text or has_expression(text):
        return ""
    for opening, closing in _BRACKETS:
        start = text.find(opening)
        if start >= 0 and text.find(closing, start) >= 0:
            return f"{opening} {closing}"
    return ""


def always_true(condition: str) -> str:
    """Why a condition has no say, or nothing: more than one whole expression is text, and text is true (H43)."""
    if not has_expression(condition):
        return "a text without an expression is always true"
    for pattern in (_YAQL, _JINJA):
        match = pattern.match(condition)
        if match and match.end() < len(condition):
            return "text or blanks beside an expression make a text, which is always true; put all of it in one expression"
    return ""


def syntax_error(value: Any) -> str:
    """The first syntax error in a value that isn't checked when a definition is stored (H52), or nothing."""
    if isinstance(value, str):
        try:
            check_syntax(value)
        except ExpressionGrammarError as error:
            return str(error)
    elif isinstance(value, dict | list):
        return next(filter(None, map(syntax_error, value.values() if isinstance(value, dict) else value)), "")
    return ""
