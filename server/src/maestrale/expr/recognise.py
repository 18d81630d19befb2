"""Which text is an expression, of which language, and where it begins and ends (2.1).

Only text is looked at here; nothing is parsed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Marks = tuple[str, str]

_YAQL: tuple[Marks, ...] = (("<%", "%>"),)
_JINJA_VALUE: tuple[Marks, ...] = (("{{", "}}"),)
_JINJA: tuple[Marks, ...] = (("{{", "}}"), ("{%", "%}"))


def _spans(text: str, kinds: Sequence[Marks]) -> Iterator[tuple[int, int]]:
    """Begin and end of each shortest stretch between marks within one line, from left to right.

    Takes time linear in the text, whatever stands in it; a pattern would look for the closing mark again
    from every opening one.
    """
    offset = 0
    for line in text.split("\n"):
        yield from ((offset + start, offset + end) for start, end in _spans_of_line(line, kinds))
        offset += len(line) + 1


def _spans_of_line(line: str, kinds: Sequence[Marks]) -> Iterator[tuple[int, int]]:
    opened = {marks: line.find(marks[0]) for marks in kinds}
    while True:
        candidates = [(at, marks) for marks, at in opened.items() if at >= 0]
        if not candidates:
            return
        start, marks = min(candidates)
        close = line.find(marks[1], start + 2)
        if close < 0:
            # No later opening mark of this kind is closed in this line either.
            opened[marks] = -1
            continue
        end = close + 2
        yield start, end
        opened = {each: at if at < 0 or at >= end else line.find(each[0], end) for each, at in opened.items()}


def _first(text: str, kinds: Sequence[Marks]) -> tuple[int, int] | None:
    return next(_spans(text, kinds), None)


@dataclass(frozen=True, slots=True)
class YaqlText:
    """A text with YAQL in it: literal pieces and expressions in turn, ``pieces[1::2]`` are the expressions.

    Blanks around an expression are part of it when it is checked, as positions count them, and not when it runs.

    ``alone``: the text is exactly one expression, so its value keeps its type (L164, L166).
    """

    pieces: tuple[str, ...]
    alone: bool


def is_jinja(text: str) -> bool:
    """The text has ``{{ }}`` or ``{% %}`` within one line."""
    return "{" in text and _first(text, _JINJA) is not None


def is_yaql(text: str) -> bool:
    """The text has ``<% %>`` within one line (L171)."""
    return "<%" in text and _first(text, _YAQL) is not None


def has_expression(text: object) -> bool:
    """Whether evaluating ``text`` could give anything but itself; False for what is no text."""
    return isinstance(text, str) and (is_jinja(text) or is_yaql(text))


def split_yaql(text: str) -> YaqlText:
    """Take a text for which ``is_yaql`` holds apart."""
    pieces: list[str] = []
    end = 0
    for start, stop in _spans(text, _YAQL):
        # Every mark at either end goes, not only one pair: that is how Mistral reads "<%% 1 %>".
        pieces += (text[end:start], text[start:stop].strip("<%>"))
        end = stop
    pieces.append(text[end:])
    return YaqlText(tuple(pieces), len(pieces) == 3 and not pieces[0] and not pieces[2])


def jinja_value(text: str) -> str | None:
    """The inside of a text that is exactly one ``{{ }}``, None for any other Jinja text.

    Raises IndexError if the text has no ``{{ }}`` at all, a fault that Mistral shows its users (L170).
    """
    span = _first(text, _JINJA_VALUE)
    if span is None:
        raise IndexError("list index out of range")
    return text[2:-2] if span == (0, len(text)) else None
