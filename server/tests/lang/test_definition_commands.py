"""Command strings (1.9)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lang_parsing import task, task_refusal

from maestrale.errors import InvalidModelError
from maestrale.lang.inline import parse_command, skipped

YAQL = "<% $.h %>"
JINJA = "{{ _.h }}"

PIECES = ["a=", "b=", '"', "'", "<% ", " %>", "{{", "}}", "{%", "%}", "[", "]", "true", "null", "12", " ", "\n", "x", "=", "-", "é"]


def parameters(text: str):
    return dict(parse_command(f"a {text}").parameters)


@pytest.mark.parametrize("text", ["std.noop", "x=1", "<%$.name%>", "std.<%$.m%>", 'fail(msg="x")', "tab\tx=1", "a.b-c:d"])
def test_L058_a_text_without_a_blank_is_a_name(text):
    command = parse_command(text)
    assert (command.name, command.parameters) == (text, {})


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("std.http url='x'", "std.http"),
        ("std.<% $.m %> output=1", "std.<%"),
        (f"{YAQL} output=1", YAQL),
        (f"{JINJA} output=1", JINJA),
        ("{% if a %} x=1", "{% if a %}"),
        ("my-action x=1", "my-action"),
        ("a::b x=1", "a::b"),
        ("a$b x=1", "a$b"),
        ('fail(msg="too big")', "fail"),
        ("a=b c=1", "a"),
        ("<% $.a %><% $.b %> x=1", "<% $.a %>"),
    ],
)
def test_L058_L070_the_name_is_what_stands_at_the_beginning(text, name):
    assert parse_command(text).name == name


@pytest.mark.parametrize("text", ["$a x=1", "-a x=1", " a", '"a" x=1', "<% a\n %> x=1", "= =", "(a b)"])
def test_L058_nothing_that_can_be_a_name_is_refused(text):
    with pytest.raises(InvalidModelError) as caught:
        parse_command(text)
    assert str(caught.value) == f"Invalid action/workflow task property: {repr(text)[1:-1]}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('x="a b"', {"x": "a b"}),
        ("x='a b'", {"x": "a b"}),
        ("x=''", {"x": ""}),
        ('x="say \\"hi\\""', {"x": "say \\"}),
        ("x=\"it's\" y='\"'", {"x": "it's", "y": '"'}),
        ('x="two\nlines"', {"x": "two\nlines"}),
        ('x="', {}),
        ("a-b_c=1", {"a-b_c": 1}),
        ("é=1", {"é": 1}),
    ],
)
def test_L059_quoted_values(text, found):
    assert parameters(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"x={YAQL} y={JINJA}", {"x": YAQL, "y": JINJA}),
        ("x={% raw %}", {"x": "{% raw %}"}),
        ("x=<% $.a + '%' %>", {"x": "<% $.a + '%' %>"}),
        ("x=<% a\n %>", {}),
        ("x=<% a", {}),
        ("x=<%%>", {"x": "<%%>"}),
    ],
)
def test_L060_expressions_as_values(text, found):
    assert parameters(text) == found


def test_L061_quotes_may_hold_expressions_beside_text():
    assert parameters(f'x="at {YAQL}"') == {"x": f"at {YAQL}"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x=true", True),
        ("x=false", False),
        ("x=null", None),
        ("x=12", 12),
        ("x=0", 0),
        ("x=nullish", None),
        ("x=falsey", False),
        ("x=007", "007"),
    ],
)
def test_L062_words_and_digits_are_typed(text, found):
    assert parameters(text) == {"x": found}


@pytest.mark.parametrize("text", ["method=GET", 'x={"a": 1}', "x=-5", "x=True", "x=TRUE", "x=None", "x", "x=", "x=.5", "=1"])
def test_L063_what_fits_no_form_is_dropped(text):
    assert parameters(text) == {}


@pytest.mark.parametrize(("text", "value"), [("x=1.5", 1), ("x=12abc", 12)])
def test_L064_numbers_end_at_the_last_digit(text, value):
    assert parameters(text) == {"x": value}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('x=["a","b"]', {"x": ["a", "b"]}),
        ('x=[[1], {"a": null}]', {"x": [[1], {"a": None}]}),
        ("x=[1] y=[2]", {"x": "[1] y=[2]"}),
        ("x=[1] y=2", {"x": [1], "y": 2}),
        ("x=[<% $.a %>, 2]", {"x": "[<% $.a %>, 2]"}),
        ("x=[a]", {"x": "[a]"}),
        ("x=[1", {}),
        ("x=[1\n]", {}),
        ("x=[]", {"x": []}),
        ('x=["\\ud800"]', {"x": '["\\ud800"]'}),
        ('x=["\\u0000"]', {"x": '["\\u0000"]'}),
        ('x=["\\u00e9"]', {"x": ["\u00e9"]}),
    ],
)
def test_L065_brackets_reach_to_the_last_one(text, found):
    assert parameters(text) == found


@pytest.mark.parametrize("text", ["x = 5", "x= 5", "x =5 = y"])
def test_L066_blanks_around_the_sign_drop_the_parameter(text):
    assert parameters(text) == {}


def test_L067_of_equal_parameters_the_last_wins():
    assert parameters("x=1 y=2 x='z'") == {"x": "z", "y": 2}


def test_L068_inline_parameters_win_over_input_and_mappings_merge():
    assert task("{action: 'a x=1 y=[1]', input: {x: 2, z: 3, y: {k: 1}}}").input == {"x": 1, "y": [1], "z": 3}
    assert task("{workflow: 'w x=1'}").input == {"x": 1}


def test_L069_input_may_be_a_text_but_not_beside_inline_parameters():
    assert task("{action: a, input: <% $.args %>}").input == "<% $.args %>"
    assert "can't be combined with inline parameters" in task_refusal("{action: 'a x=1', input: <% $.args %>}")


def test_an_unreadable_command_tells_where_it_stands():
    message = task_refusal("{action: '$a x=1'}")
    assert message.startswith("Invalid action/workflow task property: $a x=1 (line 4, workflow 'wf', task 't', key 'action'")


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a x=1 y='2'", []),
        ("a x=GET y=1", ["x=GET"]),
        ("a x=1.5", [".5"]),
        ("a x = 5", ["x = 5"]),
        ("a", []),
        ('fail(msg="a b")', ["(", ")"]),
    ],
)
def test_parts_that_mean_nothing_are_known(text, pieces):
    assert skipped(text, parse_command(text)) == pieces


@pytest.mark.parametrize("piece", ["a=[", 'a="', "a=<%", "a={{", "a=", "=", "[", "a", '"', "<% "])
def test_reading_costs_no_more_than_linear_time(piece):
    parse_command("a " + piece * 100_000)


# The value forms of 1.9 in their order, as one pattern; the scanner has to find the same, only in linear time.
_FORMS = re.compile(r"""([-\w]+)=("[^"]*"|'[^']*'|{{.*?}}|{%.*?%}|<%.*?%>|\[.*\]|true|false|null|\d+)""")


@settings(deadline=None)
@given(st.text(alphabet="ab =[]\"'<>%{}1-\n.(", max_size=60) | st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_the_scanner_finds_what_the_forms_of_the_reference_say(text):
    try:
        command = parse_command(text)
    except InvalidModelError:
        return
    found = dict(_FORMS.findall(text)) if " " in text else {}
    assert command.parameters.keys() == found.keys()
    for key, value in found.items():
        if value[0] in "\"'":
            assert command.parameters[key] == value[1:-1]
        elif value[0] in "<{":
            assert command.parameters[key] == value
