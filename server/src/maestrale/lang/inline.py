"""Command strings such as ``std.http url="http://x" timeout=5`` (1.9).

The string is read in one pass with linear cost. What fits no value form is skipped without an error, as in
Mistral; ``skipped`` tells what that was, for warnings. Knows neither tasks nor actions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from maestrale.errors import InvalidModelError
from maestrale.lang.schema import shown
from maestrale.lang.specs import EMPTY
from maestrale.lang.yaml_text import storable

_NAME = re.compile(r"""[\w.]+[^=(\s"]*|<%.*?%>|{{.*?}}|{%.*?%}""")
_WORD_OR_DIGITS = re.compile(r"true|false|null|\d+")
_QUOTES = ('"', "'")
_EXPRESSIONS = (("{{", "}}"), ("{%", "%}"), ("<%", "%>"))


@dataclass(frozen=True, slots=True)
class Command:
    """A name and its parameters; ``spans`` are the parts of the text that were understood."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    spans: tuple[tuple[int, int], ...] = ()


def parse_command(text: str) -> Command:
    """Split a command string; one without a blank is a name as a whole (L058).

    Raises InvalidModelError if nothing at the beginning can be a name.
    """
    if " " not in text:
        return Command(text, EMPTY, ((0, len(text)),))
    match = _NAME.match(text)
    if match is None:
        raise InvalidModelError(f"Invalid action/workflow task property: {shown(text)[1:-1]}")
    reader = _Reader(text)
    return Command(match[0], reader.parameters(), (match.span(), *reader.spans))


def parse_parameters(text: str) -> Mapping[str, Any]:
    """Parameters of a string that has no name, such as ``count=3 delay=1`` (1.15)."""
    return _Reader(text).parameters() if " " in text else EMPTY


@dataclass(slots=True)
class _Reader:
    """Finds ``key=value`` from left to right."""

    text: str
    spans: list[tuple[int, int]] = field(default_factory=list)
    _next: dict[str, int] = field(default_factory=dict)

    def parameters(self) -> dict[str, Any]:
        text, found, end = self.text, {}, 0
        equals = text.find("=")
        while equals >= 0:
            start = self._key_start(end, equals)
            value_end = self._value_end(equals + 1) if start < equals else None
            if value_end is not None:
                found[text[start:equals]] = _typed(text[equals + 1 : value_end])
                end = value_end
                self.spans.append((start, end))
            equals = text.find("=", max(equals + 1, end))
        return found

    def _key_start(self, after: int, equals: int) -> int:
        """Where the run of key characters before ``equals`` begins."""
        start = equals
        while start > after and (self.text[start - 1] == "-" or self.text[start - 1] == "_" or self.text[start - 1].isalnum()):
            start -= 1
        return start

    def _value_end(self, start: int) -> int | None:
        """End of the value that begins at ``start``, or None: the forms of 1.9 in their order."""
        text = self.text
        if text[start : start + 1] in _QUOTES:
            return self._after(text[start], start + 1)
        for opening, closing in _EXPRESSIONS:
            if text.startswith(opening, start):
                end = self._after(closing, start + 2)
                if end is not None and self._find("\n", start) >= end:
                    return end
        if text[start : start + 1] == "[":
            end = self._last_bracket(start)
            return end + 1 if end > start else None
        match = _WORD_OR_DIGITS.match(text, start)
        return match.end() if match else None

    def _after(self, mark: str, start: int) -> int | None:
        """Behind the next ``mark``."""
        position = self._find(mark, start)
        return position + len(mark) if position < len(self.text) else None

    def _find(self, mark: str, start: int) -> int:
        """Next position of ``mark``, the text's length if there is none; remembered, as starts only grow."""
        known = self._next.get(mark, -1)
        if known < start:
            known = self.text.find(mark, start)
            known = len(self.text) if known < 0 else known
            self._next[mark] = known
        return known

    def _last_bracket(self, start: int) -> int:
        """The last ``]`` of the line that ``start`` is in (L065), or -1."""
        line_end = self._find("\n", start)
        return self.text.rfind("]", start, line_end) if self._find("]", start) < line_end else -1


def _typed(text: str) -> Any:
    """Quoted text without its quotes; else JSON if it is that, else the text."""
    if text[0] in _QUOTES:
        return text[1:-1]
    if text[0] == "<":
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if storable(value) else text


def skipped(text: str, command: Command) -> list[str]:
    """Parts of a command string that mean nothing to Mistral (L063)."""
    rest, end = [], 0
    for start, stop in (*command.spans, (len(text), len(text))):
        piece = text[end:start].strip()
        if piece:
            rest.append(piece)
        end = max(end, stop)
    return rest
