from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestrale.errors import InvalidResultError
from maestrale.store.encoding import clean_text, dumps, loads

any_text = st.text(st.characters(codec=None), max_size=20)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | any_text
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4), max_leaves=20)


@given(values)
def test_every_value_comes_back_as_it_was(value):
    again = loads(dumps(value))

    assert again == value
    assert repr(again) == repr(value)


@given(values)
def test_the_text_is_json_that_any_reader_takes(value):
    assert json.loads(dumps(value)) == value


@given(values)
def test_the_text_holds_nothing_that_a_database_refuses(value):
    text = dumps(value)

    assert "\0" not in text
    text.encode()


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_floats_that_json_lacks_come_back(number):
    again = loads(dumps({"a": [None, number]}))["a"][1]

    assert repr(again) == repr(number)


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**63) - 1, 10**40])
def test_integers_of_any_size_come_back(number):
    assert loads(dumps([number])) == [number]


def test_keys_become_text_as_pythons_json_writes_them():
    assert loads(dumps({2: "a", None: "b", True: "c", 1.5: "d", (1, 2): "e"})) == {
        "2": "a", "null": "b", "true": "c", "1.5": "d", "(1, 2)": "e",
    }


def test_deep_nesting_is_written_or_refused():
    deep = value = []
    for _ in range(400):
        value.append([])
        value = value[0]
    assert loads(dumps(deep)) == deep

    for _ in range(100_000):
        value.append([])
        value = value[0]
    with pytest.raises(InvalidResultError):
        dumps(deep)


def test_a_value_that_contains_itself_is_refused():
    value = {}
    value["self"] = value

    with pytest.raises(InvalidResultError):
        dumps(value)


@given(any_text)
def test_cleaned_text_can_be_stored_and_usual_text_stays(text):
    cleaned = clean_text(text)

    cleaned.encode()
    assert "\0" not in cleaned
    if "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text):
        assert cleaned == text


def test_no_text_stays_none():
    assert clean_text(None) is None
