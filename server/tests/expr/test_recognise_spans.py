"""Where expressions begin and end: the scanner against the pattern that says what is meant."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from maestrale.expr import has_expression, recognise

PIECES = st.lists(st.sampled_from(["<", "%", ">", "{", "}", "a", "\n", "<%", "%>", "{{", "}}", "{%", "%}"]), max_size=16).map("".join)


@given(PIECES)
def test_L166_the_scanner_finds_what_the_pattern_describes(text: str) -> None:
    assert list(recognise._spans(text, recognise._YAQL)) == [m.span() for m in re.finditer(r"<%.*?%>", text)]
    assert list(recognise._spans(text, recognise._JINJA)) == [m.span() for m in re.finditer(r"\{\{.*?\}\}|\{%.*?%\}", text)]


def test_a_long_row_of_opening_marks_is_read_once() -> None:
    # With a pattern this takes a minute.
    assert not has_expression("<%" * 100_000 + "{{" * 100_000 + "{%" * 100_000)
