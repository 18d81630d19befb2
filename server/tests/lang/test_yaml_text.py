"""Text to data (1.1): both scanners read the same, and nothing can make reading expensive."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from maestrale.errors import DSLParsingError
from maestrale.lang import yaml_text
from maestrale.lang.yaml_text import MAX_DEPTH, Document, load

PIECES = [
    "a",
    "b: ",
    "- ",
    "\n",
    "\n  ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    ":",
    "'",
    '"',
    "|\n",
    "#",
    "?",
    "!",
    "!!str ",
    "---\n",
    "<% $.x %>",
    "1",
    "null",
    "on",
    "<<: ",
    "=",
    "&a ",
    "*a",
    "@x",
    "`",
    "\r\n",
    "\u2028",
    "\ufeff",
    "\t",
    "k: v\n",
    "  ",
    "%",
    "{{ y }}",
]


def read(text: str) -> Document | str:
    try:
        return load(text)
    except DSLParsingError as error:
        return str(error).removeprefix("Definition could not be parsed: ")


def by_python(text: str) -> Document | str:
    try:
        return yaml_text._Builder(text, yaml_text._PythonParser(text), sloppy=False).document()
    except yaml.YAMLError as error:
        return str(error)


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_the_fast_way_reads_what_the_python_scanner_reads(text):
    expected, found = by_python(text), read(text)
    if isinstance(expected, Document) and isinstance(found, Document):
        assert (found.data, found.duplicates, found.plain) == (expected.data, expected.duplicates, expected.plain)
    else:
        assert found == expected


@settings(deadline=None)
@given(st.text())
def test_any_text_is_read_or_refused(text):
    assert read(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("off", False),
        ("1_000", 1000),
        ("0x1F", 31),
        ("0o7", "0o7"),
        ("017", 15),
        ("12:30", 750),
        ("~", None),
        ("1e3", "1e3"),
        ("1.5", 1.5),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("!!int '1'", 1),
        ("! 5", 5),
        ("<% $.a %>", "<% $.a %>"),
        ("@x", "@x"),
        ("&x", "&x"),
    ],
)
def test_scalars_of_yaml_1_1(text, value):
    data = load(f"a: {text}\n").data
    assert data == {"a": value}
    assert type(data["a"]) is type(value)


@pytest.mark.parametrize("value", ["0x_", "0b_", "2020-99-99", "!!int x", "!!bool x", "!!float x", "=", "9" * 5000])
def test_scalars_that_are_no_value_are_refused(value):
    with pytest.raises(DSLParsingError, match="^Definition could not be parsed: "):
        load(f"a: {value}\n")


def test_merge_keys():
    assert load("<<: {a: 1, b: 2}\na: 3\n").data == {"a": 3, "b": 2}
    assert load("<<: [{a: 1}, {a: 2, c: 3}]\nb: 0\n").data == {"a": 1, "c": 3, "b": 0}
    with pytest.raises(DSLParsingError, match="expected a mapping or list of mappings for merging"):
        load("<<: 5\n")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10_000,
        "{a: " * 10_000,
        "- " * 10_000,
        "\n".join(" " * n + "a:" for n in range(MAX_DEPTH + 5)),
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
    ],
)
def test_deep_nesting_is_refused(text):
    with pytest.raises(DSLParsingError):
        load(text)


def test_nesting_up_to_the_limit_is_read():
    assert load("[" * MAX_DEPTH + "]" * MAX_DEPTH).data


def test_a_text_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(yaml_text, "MAX_CHARACTERS", 10)
    with pytest.raises(DSLParsingError, match="more than 10 characters"):
        load("a: 123456789")


def test_a_long_text_is_left_to_the_c_parser(monkeypatch):
    monkeypatch.setattr(yaml_text, "MAX_CHARACTERS_WITHOUT_C", 10)
    assert load("a: 123456789").data == {"a": 123456789}
    for text in ("a: &x 123456789", "a:\t123456789", "a: [1234567890"):
        with pytest.raises(DSLParsingError):
            load(text)


@pytest.mark.parametrize("text", ["a: \ud800", 'a: "\\ud800"', 'a: "\\0"', "a: '\x00'", "a: \x07"])
def test_characters_that_cannot_be_stored_are_refused(text):
    with pytest.raises(DSLParsingError, match="^Definition could not be parsed: "):
        load(text)


@pytest.mark.parametrize("text", ["{[a]: 1}", "? {a: 1}\n: 2"])
def test_containers_as_keys_are_refused(text):
    with pytest.raises(DSLParsingError, match="found unhashable key"):
        load(text)


def test_lines_of_keys_and_items():
    document = load("a:\n  b: 1\n  c:\n  - x\n  - {d: 1,\n     e: 2}\n  -\n    - y\nf: 1\n")
    lines = {("a",): 1, ("a", "b"): 2, ("a", "c", 0): 4, ("a", "c", 1, "d"): 5, ("a", "c", 1, "e"): 6, ("a", "c", 2, 0): 8, ("f",): 9}
    assert {path: document.line(path) for path in lines} == lines


def test_the_line_of_what_is_missing_is_that_of_its_surroundings():
    document = load("a:\n  b: 1\n")
    assert document.line(("a", "x", "y")) == 1
    assert document.line(("a", "b", "c")) == 2
    assert document.line(("z",)) == 0
    assert document.line(()) == 0
