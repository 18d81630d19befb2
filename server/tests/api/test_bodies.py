"""Request bodies: everything that is wrong with one is a RequestError, nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestrale.api.bodies import Body, check_json_type, read_body, read_json, read_text
from maestrale.api.errors import MarkupTypeError, MediaTypeError, TooLargeError
from maestrale.api.resources import EXECUTIONS
from maestrale.errors import RequestError

KNOWN = frozenset({"input", "name", "flag", "tags"})


def body(text: str | bytes, **more) -> Body:
    content = text if isinstance(text, bytes) else text.encode()
    return Body(content, "wf_ex", KNOWN, **more)


@pytest.mark.parametrize("value", [{"a": 1}, '{"a": 1}', ' {"a": 1} '])
def test_A027_json_field_is_an_object_or_its_text(value):
    assert body(json.dumps({"input": value})).mapping("input") == {"a": 1}


def test_A027_json_field_may_be_null_or_missing():
    assert body('{"input": null}').mapping("input") is None
    assert body('{"input": "null"}').mapping("input") is None
    assert body("{}").mapping("input") is None


@pytest.mark.parametrize("value", [[1], 7, 1.5, True, "", "words", "[1]", "7", '"text"', "{broken", "NaN"])
def test_A028_json_field_of_another_kind_is_refused(value):
    with pytest.raises(RequestError):
        body(json.dumps({"input": value})).mapping("input")


def test_A028_text_of_another_json_kind_is_named():
    with pytest.raises(RequestError, match=r"^JsonType field value must be a dictionary \[actual=words\]$"):
        body('{"input": "\\"words\\""}').mapping("input")


def test_A041_unknown_attribute_is_refused():
    with pytest.raises(RequestError, match="^Unknown attribute: nope"):
        body('{"nope": 1}')


def test_A300_read_only_attribute_is_refused():
    with pytest.raises(RequestError, match="read only"):
        body('{"project_id": "x"}', read_only=frozenset({"project_id"}))


@pytest.mark.parametrize("value", ["1", "{}", "[]", "true"])
def test_A042_wrongly_typed_text_is_refused(value):
    with pytest.raises(RequestError, match="^Invalid input for field/attribute name"):
        body(f'{{"name": {value}}}').text("name")


@pytest.mark.parametrize("value", ["1", '"x"', "[]"])
def test_A042_wrongly_typed_flag_is_refused(value):
    with pytest.raises(RequestError, match="^Invalid input for field/attribute flag"):
        body(f'{{"flag": {value}}}').flag("flag")


@pytest.mark.parametrize("value", ["1", '"x"', "[1]", "{}"])
def test_A042_wrongly_typed_list_is_refused(value):
    with pytest.raises(RequestError, match="^Invalid input for field/attribute tags"):
        body(f'{{"tags": {value}}}').texts("tags")


@pytest.mark.parametrize(
    "values",
    [
        {"state": None, "output": None, "tags": None, "created_at": None}, {"output": {"a": 1}}, {"output": '{"a": 1}'}, {"tags": ["a"]},
        {"state": "RUNNING", "root_execution_id": "x", "created_at": "2026-01-01 00:00:00"},
    ],
)
def test_A042_what_was_not_read_passes_with_its_type(values):
    Body(json.dumps(values).encode(), "wf_ex", frozenset(values)).check_rest(EXECUTIONS)


@pytest.mark.parametrize("values", [{"state": 1}, {"output": "{"}, {"output": "[1]"}, {"tags": "a"}, {"created_at": 0}])
def test_A042_what_was_not_read_is_refused_with_another_type_and_what_was_read_is_not_checked_again(values):
    body = Body(json.dumps(values).encode(), "wf_ex", frozenset(values))
    with pytest.raises(RequestError):
        body.check_rest(EXECUTIONS)
    for name in values:
        body.raw(name)
    body.check_rest(EXECUTIONS)


def test_A039_text_longer_than_allowed_is_refused():
    with pytest.raises(RequestError, match="at most 255"):
        body(json.dumps({"name": "x" * 256})).text("name", longest=255)


@pytest.mark.parametrize("content", [b"[]", b"1", b'"x"', b"null", b"{", b"\xff\xfe", b'{"name": "\xff"}', b'{"name": "\\ud800"}'])
def test_what_is_no_object_is_refused(content):
    with pytest.raises(RequestError):
        body(content)


@pytest.mark.parametrize(
    "number", ["9223372036854775808", "-99999999999999999999", "1" * 4000, "1e999", "-1e400", "NaN", "Infinity"],
)
def test_huge_numbers_are_refused(number):
    with pytest.raises(RequestError):
        read_json(f'{{"n": [{number}]}}')


@pytest.mark.parametrize("number", ["9223372036854775807", "-9223372036854775807", "0.12345678901234567", "1e300"])
def test_large_numbers_are_kept(number):
    assert read_json(f'{{"n": {number}}}') == json.loads(f'{{"n": {number}}}')


@pytest.mark.parametrize("content", ['{"input": {"a": "x\\u0000"}}', '{"input": {"a\\u0000": 1}}', '{"input": [[{"b": ["\\u0000"]}]]}'])
def test_nul_is_refused(content):
    with pytest.raises(RequestError, match="NUL"):
        body(content)


def test_escaped_backslash_before_u0000_is_no_nul():
    assert read_json(r'{"a": "\\u0000"}') == {"a": "\\u0000"}


@pytest.mark.parametrize("depth", [151, 500, 2000])
def test_deep_nesting_is_refused(depth):
    with pytest.raises(RequestError):
        read_json('{"a":' + "[" * depth + "]" * depth + "}")


def test_wide_data_is_not_deep():
    assert len(read_json("[" + ",".join(["{}"] * 5000) + "]")) == 5000


def test_yaml_text_keeps_everything_but_the_byte_order_mark():
    assert read_text("\ufeffa: \u00e9\r\n".encode()) == "a: \u00e9\r\n"


@pytest.mark.parametrize("content", [b"a: \xff", b"a: \x00", b"\xed\xa0\x80"])
def test_broken_text_is_refused(content):
    with pytest.raises(RequestError):
        read_text(content)


@pytest.mark.parametrize("media_type", [None, "", "application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_media_types_are_taken(media_type):
    check_json_type(media_type)


def test_A017_text_is_refused_for_json_endpoints():
    with pytest.raises(MediaTypeError, match="^Unknown mimetype: text/plain$"):
        check_json_type("text/plain; charset=utf-8")


@pytest.mark.parametrize("media_type", ["application/xml", "text/xml", "application/soap+xml"])
def test_A018_xml_is_refused(media_type):
    with pytest.raises(MarkupTypeError):
        check_json_type(media_type)


def test_forms_are_refused():
    with pytest.raises(RequestError, match="Unknown argument"):
        check_json_type("application/x-www-form-urlencoded")


def receive_from(*chunks: bytes):
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages[-1]["more_body"] = False
    iterator = iter(messages)

    async def receive():
        return next(iterator)

    return receive


def test_body_is_read_in_chunks():
    assert asyncio.run(read_body(receive_from(b"ab", b"", b"c"), None, 3)) == b"abc"


def test_body_beyond_the_limit_is_refused():
    with pytest.raises(TooLargeError):
        asyncio.run(read_body(receive_from(b"ab", b"cd"), None, 3))


def test_declared_size_beyond_the_limit_is_refused_unread():
    with pytest.raises(TooLargeError):
        asyncio.run(read_body(receive_from(b""), "4", 3))


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(content):
    with contextlib.suppress(RequestError):
        body(content)
    with contextlib.suppress(RequestError):
        read_text(content)
