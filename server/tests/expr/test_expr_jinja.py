"""Jinja as workflows use it (2.8)."""

from __future__ import annotations

import jinja2.filters
import jinja2.tests
import pytest
from expr_cases import evaluate

from maestrale.errors import JinjaEvaluationError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ ''.__class__ }}", "access to attribute '__class__' of 'str' object is unsafe."),
        ("{{ ''.__class__.__mro__ }}", "access to attribute '__class__' of 'str' object is unsafe."),
        ("{{ _.__class__ }}", "access to attribute '__class__' of 'ContextView' object is unsafe."),
        ("{{ _.l.__class__ }}", "access to attribute '__class__' of 'list' object is unsafe."),
        ("{{ ''['__class__'] }}", "access to attribute '__class__' of 'str' object is unsafe."),
        ("{{ '' | attr('__class__') }}", "access to attribute '__class__' of 'str' object is unsafe."),
        ("{{ task.__func__ }}", "access to attribute '__func__' of 'method' object is unsafe."),
        ("{{ '{0.__class__}'.format(1) }}", "access to attribute '__class__' of 'int' object is unsafe."),
        ("{% include 'x' %}{{ 1 }}", "no loader for this environment specified"),
        ("{% import 'x' as y %}{{ 1 }}", "no loader for this environment specified"),
        ("{% extends 'x' %}{{ 1 }}", "no loader for this environment specified"),
    ],
)
def test_L216_unsafe_attributes_and_loading_are_refused(text, message):
    with pytest.raises(JinjaEvaluationError) as caught:
        evaluate(text)
    assert str(caught.value) == f"Can not evaluate Jinja expression [expression={text}, error={message}]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ _.unknown | default('x') }}", "x"),
        ("{{ _.d.unknown | default('x') }}", "x"),
        ("{{ nosuch | default(1) }}", 1),
        ("{{ _.unknown is defined }}", False),
        ("{{ _.n is defined }}", True),
        ("{{ _.z | default('d') }}", None),
        ("{{ _.z | default('d', true) }}", "d"),
        ("{{ task('nobody') | default('none', true) }}", "none"),
    ],
)
def test_L217_default_rescues_undefined_values(text, expected):
    assert evaluate(text) == expected


def test_L218_all_standard_filters_and_tests_are_there():
    for name in jinja2.filters.FILTERS:
        assert evaluate(f"{{{{ '{name}' is filter }}}}") is True
    for name in jinja2.tests.TESTS:
        assert evaluate(f"{{{{ '{name}' is test }}}}") is True


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ -5 | abs }}", 5),
        ("{{ [1, 2, 3] | batch(2) | list }}", [[1, 2], [3]]),
        ("{{ 'abc' | capitalize }}", "Abc"),
        ("{{ 'abc' | center(9) }}", "   abc   "),
        ("{{ _.l | count }}", 3),
        ("{{ {'b': 1, 'a': 2} | dictsort }}", [["a", 2], ["b", 1]]),
        ("{{ '<a>' | e }}", "&lt;a&gt;"),
        ("{{ 1234567 | filesizeformat }}", "1.2 MB"),
        ("{{ _.l | first }}", 1),
        ("{{ '1.25' | float }}", 1.25),
        ("{{ '%s-%s' | format(1, 'a') }}", "1-a"),
        ("{{ _.vms | groupby('zone') | map('first') | list }}", ["z1", "z2"]),
        ("{{ 'a\\nb' | indent }}", "a\n    b"),
        ("{{ '12' | int }}", 12),
        ("{{ _.d | items | list }}", [["b", 1], ["items", "entry"]]),
        ("{{ _.l | join('-') }}", "1-2-3"),
        ("{{ _.vms | join(',', attribute='name') }}", "a,b,c"),
        ("{{ (_.l | map('string')) | join }}", "123"),
        ("{{ _.l | last }}", 3),
        ("{{ 'ABC' | lower }}", "abc"),
        ("{{ _.vms | map(attribute='name') | list }}", ["a", "b", "c"]),
        ("{{ _.vms | map(attribute='name') }}", ["a", "b", "c"]),
        ("{{ _.l | max }}", 3),
        ("{{ _.l | min }}", 1),
        ("{{ _.l | reject('odd') | list }}", [2]),
        ("{{ _.vms | rejectattr('ram', 'gt', 4) | map(attribute='name') | list }}", ["a"]),
        ("{{ 'banana' | replace('a', 'o') }}", "bonono"),
        ("{{ _.l | reverse | list }}", [3, 2, 1]),
        ("{{ 2.567 | round(1) }}", 2.6),
        ("{{ _.vms | selectattr('zone', 'equalto', 'z1') | map(attribute='ram') | sum }}", 18),
        ("{{ [1, 2, 3] | slice(2) | list }}", [[1, 2], [3]]),
        ("{{ ['b', 'A'] | sort }}", ["A", "b"]),
        ("{{ 5 | string }}", "5"),
        ("{{ '<b>x</b>' | striptags }}", "x"),
        ("{{ _.vms | sum(attribute='ram') }}", 26),
        ("{{ 'a banana' | title }}", "A Banana"),
        ("{{ _.l | tojson }}", "[1, 2, 3]"),
        ("{{ '  x ' | trim }}", "x"),
        ("{{ 'hello world' | truncate(5) }}", "he..."),
        ("{{ [1, 1, 2] | unique | list }}", [1, 2]),
        ("{{ 'a b' | urlencode }}", "a%20b"),
        ("{{ 'a b c' | wordcount }}", 3),
        ("{{ 'aa bb' | wordwrap(2) }}", "aa\nbb"),
        ("{{ 4 is divisibleby(2) }}", True),
        ("{{ 'x' in _.s }}", False),
        ("{{ 2 in _.l }}", True),
        ("{{ _.l is sequence }}", True),
        ("{{ _.d is mapping }}", True),
        ("{{ _.vms[1].name ~ '-' ~ _.n ~ none }}", "b-5None"),
        ("{{ '{}-{a}'.format(1, a=2) }}", "1-2"),
        ("{{ '%05.1f' % 2.25 }}", "002.2"),
        ("{{ range(3) | list }}", [0, 1, 2]),
        ("{{ range(3) }}", [0, 1, 2]),
        ("{{ cycler(1, 2).next() }}", 1),
        ("{% set ns = namespace(x=0) %}{% for i in _.l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}", "6"),
        ("{{ _.l[1:] }}", [2, 3]),
        ("{{ _.l[-1] }}", 3),
        ("{{ 'big' if _.n > 3 else 'small' }}", "big"),
        ("{{ lipsum(n=1) | length > 10 }}", True),
    ],
)
def test_L218_standard_filters_tests_and_globals_work(text, expected):
    result = evaluate(text)

    assert (type(result), result) == (type(expected), expected)


@pytest.mark.parametrize(("text", "expected"), [("{{ 10/4 }}", 2.5), ("{{ 4/2 }}", 2.0), ("{{ 10//4 }}", 2), ("{{ 7 % 3 }}", 1)])
def test_L219_a_slash_is_true_division(text, expected):
    result = evaluate(text)

    assert (type(result), result) == (type(expected), expected)


def test_a_view_can_be_walked_through():
    assert evaluate("{% for k in _ | sort %}{% if k == 'n' %}{{ _[k] }}{% endif %}{% endfor %}") == "5"
    assert evaluate("{{ 'n' in _ }}") is True
    assert evaluate("{{ _.get('n') }}") == 5
    assert evaluate("{{ _.get('nn', 3) }}") == 3
    assert evaluate("{{ _ | length }}") == 14
