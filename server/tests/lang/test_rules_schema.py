"""Which violation is shown, and in which words."""

from __future__ import annotations

import pytest

from maestrale.lang.schema import MAX_SHOWN, Schema, shown

TEXT = {"type": "string", "minLength": 1}
EXPRESSION = {"oneOf": [{"type": "string", "pattern": "^{{"}, {"type": "string", "pattern": "^<%"}]}


@pytest.mark.parametrize(
    ("rules", "value", "path", "text"),
    [
        (TEXT, 5, (), "5 is not of type 'string'"),
        (TEXT, "", (), "'' should be non-empty"),
        ({"type": "integer", "minimum": 0}, -1, (), "-1 is less than the minimum of 0"),
        ({"type": "integer"}, True, (), "True is not of type 'integer'"),
        ({"enum": ["a", 1]}, True, (), "True is not one of ['a', 1]"),
        ({"uniqueItems": True}, [[1], [1]], (), "[[1], [1]] has non-unique elements"),
        ({"properties": {"a": TEXT}, "additionalProperties": False}, {"b": 1, "c": 2}, (),
         "Additional properties are not allowed ('b', 'c' were unexpected)"),
        ({"patternProperties": {"^a": TEXT}, "additionalProperties": False}, {"b": 1}, (), "'b' does not match any of the regexes: '^a'"),
        ({"patternProperties": {"^a": TEXT}}, {1: 1}, (1,), "key 1 is not of type 'string'"),
        ({"items": TEXT}, ["a", ""], (1,), "'' should be non-empty"),
        # Shallow before deep.
        ({"required": ["x"], "properties": {"a": TEXT}}, {"a": 1}, (), "'x' is a required property"),
        # Among alternatives the deepest, and where all are alike the whole.
        ({"oneOf": [EXPRESSION, {"type": "integer", "minimum": 0}]}, -1, (), "-1 is not valid under any of the given schemas"),
        ({"oneOf": [{"enum": ["all"]}, {"type": "integer", "minimum": 0}]}, -1, (), "-1 is less than the minimum of 0"),
        ({"oneOf": [TEXT, {"type": "object", "properties": {"a": TEXT}}]}, {"a": 1}, ("a",), "1 is not of type 'string'"),
        ({"oneOf": [TEXT, {"type": "array"}]}, 5, (), "5 is not valid under any of the given schemas"),
        ({"oneOf": [{"type": "object", "required": ["a"]}, {"type": "object"}]}, {"a": 1}, (),
         "{'a': 1} is valid under each of {'type': 'object'}, {'type': 'object', 'required': ['a']}"),
        ({"anyOf": [{"not": {"type": "string"}}, {"enum": ["a"]}]}, "b", (), "'b' is not valid under any of the given schemas"),
        ({"not": TEXT}, "x", (), "'x' should not be valid under {'type': 'string', 'minLength': 1}"),
    ],
)  # fmt: skip
def test_the_violation_that_is_shown(rules, value, path, text):
    violation = Schema(rules).violation(value)
    assert violation is not None
    assert (violation.path, violation.text) == (path, text)


@pytest.mark.parametrize(
    ("rules", "value"),
    [
        (TEXT, "a"),
        ({"type": "integer"}, 2.0),
        ({"type": "number"}, 1.5),
        ({"uniqueItems": True}, [1, True, "1"]),
        ({"maxProperties": 1}, {"a": 1}),
        ({"minimum": 0}, "text"),
        ({"pattern": "a"}, 5),
        ({"required": ["a"]}, []),
        ({"oneOf": [TEXT, {"type": "null"}]}, None),
    ],
)
def test_values_that_keep_the_rules(rules, value):
    assert Schema(rules).violation(value) is None


def test_a_long_value_is_shortened_in_the_middle():
    text = shown(["x" * 10_000])
    assert len(text) < MAX_SHOWN + 10
    assert text.startswith("['xxx")
    assert text.endswith("xxx']")
