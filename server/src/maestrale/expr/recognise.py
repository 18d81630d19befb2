"""Which text is an expression, of which language, and where it begins and ends (2.1).

Only text is looked at here; nothing is parsed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_YAQL = re.compile(r"<%.*?%>")
_JINJA = re.compile(r"\{\{(.*?)\}\}|\{%.*?%\}")
_JINJA_VALUE = re.compile(r"\{\{(.*?)\}\}")


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
    return "{" in text and _JINJA.search(text) is not None


def is_yaql(text: str) -> bool:
    """The text has ``<% %>`` within one line (L171)."""
    return "<%" in text and _YAQL.search(text) is not None


def has_expression(text: object) -> bool:
    """Whether evaluating ``text`` could give anything but itself; False for what is no text."""
    return isinstance(text, str) and (is_jinja(text) or is_yaql(text))


def split_yaql(text: str) -> YaqlText:
    """Take a text for which ``is_yaql`` holds apart."""
    pieces: list[str] = []
    end = 0
    for match in _YAQL.finditer(text):
        # Every mark at either end goes, not only one pair: that is how Mistral reads "<%% 1 %>".
        pieces += (text[end : match.start()], match.group().strip("<%>"))
        end = match.end()
    pieces.append(text[end:])
    return YaqlText(tuple(pieces), len(pieces) == 3 and not pieces[0] and not pieces[2])


def jinja_value(text: str) -> str | None:
    """The inside of a text that is exactly one ``{{ }}``, None for any other Jinja text.

    Raises IndexError if the text has no ``{{ }}`` at all, a fault that Mistral shows its users (L170).
    """
    match = _JINJA_VALUE.search(text)
    if match is None:
        raise IndexError("list index out of range")
    return match.group(1) if match.group() == text else None
