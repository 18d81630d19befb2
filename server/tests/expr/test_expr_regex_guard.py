"""Which regular expressions are let through on which texts."""

from __future__ import annotations

import re
import time

import pytest

from maestrale.expr import DEFAULT, Options
from maestrale.expr.limits import LimitExceededError
from maestrale.expr.regex_guard import check

LOG = "2026-01-01 12:00:00 host7 INFO some.module.name: did a thing with id=4711 in 0.123 s [ok]\n" * 5_000
LINE = '{"a": "' + "x y z, " * 10_000 + '"}'


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "a" * 40 + "!"),
        ("(a|a)*$", "a" * 40 + "!"),
        ("(a|ab|b)*c", "ab" * 40),
        ("(a*)*b", "a" * 40),
        ("(x+x+)+y", "x" * 40),
        (r"(\w+\.?)+$", "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq!"),
        ("(.*,)*x", "a,b," * 20),
        ("(?:a?){30}a{30}", "a" * 30),
        ("a*a*a*a*a*b", "a" * 3_000),
        (r"\s*\s*\s*\s*$", " " * 5_000 + "x"),
        ("(?=(a+)+$)a", "a" * 40 + "!"),
        ("((a|b)+)+c", "ab" * 40),
        ("(?i)(Ab|aB)*$", "ab" * 40 + "!"),
    ],
)
def test_patterns_that_explode_are_refused(pattern, text):
    with pytest.raises(LimitExceededError, match="Regular expression could take more than"):
        check(pattern, 0, text, DEFAULT)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("ERROR", LOG),
        (r"id=(\d+)", LOG),
        (r"^\d{4}-\d\d-\d\d", LOG),
        (r"(\w+)\s+(\w+)\s+(.*)", LOG),
        (r"error:\s*(.*)$", LOG),
        (".*error.*timeout", LOG),
        (r"(\d+\.)+\d+", LOG),
        ("(?i)(error|warn|fatal)", LOG),
        (r"(?:ok|fail)+", LOG),
        (r"\bhost\d+\b.*id=", LOG),
        (r"([a-z]+)*=", LOG),
        (r'"([^"\\]|\\.)*"', LINE),
        (r"^[\w.-]+@[\w.-]+$", "someone.with.a.very.long.name@example.company.com"),
        (r"^(\w+\.?)+$", "host.name.example.com "),
        ("(a+)+$", "b" * 100_000),
        ("([^,]*,)*x", "aaa,bbb," * 200),
        (r"^(\d{1,3}\.){3}\d{1,3}$", "192.168.100.200"),
        (r"^\s*(\S+)\s*=\s*(.*?)\s*$", "name = some value with words   "),
    ],
)
def test_usual_patterns_pass_and_are_quick(pattern, text):
    check(pattern, 0, text, DEFAULT)

    begin = time.process_time()
    re.search(pattern, text)
    assert time.process_time() - begin < 3


def test_a_pattern_that_is_none_is_an_error_of_re():
    with pytest.raises(re.error):
        check("(", 0, "x" * 100, DEFAULT)


def test_a_pattern_that_is_too_long_is_refused():
    with pytest.raises(LimitExceededError, match="Regular expression has more than 10000 characters"):
        check("a" * 10_001, 0, "", DEFAULT)


def test_the_ceiling_is_an_option():
    check("a*b*c", 0, "ab" * 20, Options())
    with pytest.raises(LimitExceededError, match="more than 10 steps on a text of 40 characters"):
        check("a*b*c", 0, "ab" * 20, Options(max_regex_work=10))
