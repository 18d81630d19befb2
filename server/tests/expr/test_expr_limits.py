"""Hostile expressions: each is refused by name of a limit, soon, and with little memory."""

from __future__ import annotations

import resource
import time

import pytest
from expr_cases import scope

from maestrale.errors import EvaluationError, ExpressionGrammarError
from maestrale.expr import DEFAULT, ContextView, Options, Scope, check_syntax, compile_value, has_expression

DATA = {"s": "x" * 100_000, "a40": "a" * 40 + "!", "l": list(range(1_000)), "big": list(range(100_000))}
FEW_STEPS = Options(max_steps=50_000)

MANY = "Collection would have more than 1000000 elements"
STEPS = "Evaluation takes more than 50000 steps"
TEXT = "Text would have more than 67108864 characters"
INTEGER = "Integer would have more than 14000 bits"
ELEMENTS = "Value has more than 1000000 elements"
WRITTEN = "Value has more than 67108864 characters of text"
DEPTH = "Value nests deeper than 200 levels"
MADE = "Evaluation makes more than 268435456 bytes of values"
REGEX = "Regular expression could take more than 10000000000 steps on a text of"
RECURSION = "maximum recursion depth exceeded"
PRECISION = "Precision is larger than 1000"


def refused(text: str, limit: str, options: Options = DEFAULT) -> None:
    """The text is refused for the limit, within bounds that leave room for a slow machine."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    with pytest.raises(EvaluationError) as caught:
        compile_value(text, options).evaluate(Scope(ContextView([DATA]), scope().lookup))
    assert limit in str(caught.value)
    assert time.process_time() - begin < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 600_000


@pytest.mark.parametrize(
    "expression",
    [
        "range(1000000000000)",
        "range(1000000000000).toList()",
        "sequence()",
        "sequence().toList()",
        "sequence().len()",
        "[1].cycle().toSet()",
        "[1].cycle().last()",
        "1.repeat()",
        "1.repeat().len()",
        "list(sequence())",
        "set(sequence())",
        "[sequence()].flatten()",
        "[sequence()].selectMany($)",
        "generateMany(1, sequence()).limit(5)",
        "sequence().skipWhile(true)",
    ],
)
def test_endless_iterators_of_yaql_are_refused(expression):
    refused(f"<% {expression} %>", "Collection length exceeds 20000 elements", Options(max_elements=20_000))


def test_iterators_have_a_ceiling_by_default():
    refused("<% range(1000000000000).toList() %>", "Collection length exceeds 1000000 elements")


@pytest.mark.parametrize(
    ("expression", "limit"),
    [
        ("'x' * 10000000000", TEXT),
        ("10000000000 * 'x'", TEXT),
        ("let(x => 10000000000) -> 'x' * $x", TEXT),
        ("[1] * 10000000000", MANY),
        ("$.s * 1000", TEXT),
        ("pow(10, 1000000000)", INTEGER),
        ("pow(3, pow(3, 5000), pow(7, 4000))", "Power with modulus takes more than 14000 steps"),
        ("shiftBitsLeft(1, 100000000000)", INTEGER),
        ("round(5, -1000000000)", INTEGER),
        ("range(100).aggregate($1 * $1, 7)", INTEGER),
        ("range(1000).aggregate($1 * 1000000000000, 7)", INTEGER),
        ("range(100).aggregate($1 + $1, x)", TEXT),
        ("range(1000).aggregate([$1, $1], x)", "Value has more than 10000000 elements"),
        ("range(1000).aggregate({a => $1, b => $1}, x)", "Value has more than 10000000 elements"),
        ("range(1000).aggregate([$1], x)", DEPTH),
        ("{let(x => 1) -> range(1000).aggregate([$1], x) => 1}", DEPTH),
        ("range(22).aggregate([$1, $1], x)", ELEMENTS),
        ("let(x => 1) -> range(22).aggregate([$1, $1], $x).nosuch()", 'Unknown method "nosuch" for receiver <tuple of 2 elements>'),
        ("range(40).aggregate([$1, $1], x).toSet()", "Value has more than 10000000 elements"),
        ("str(range(22).aggregate([$1, $1], x))", ELEMENTS),
        ("json_dump(range(22).aggregate([$1, $1], x))", ELEMENTS),
        ("yaml_dump(range(22).aggregate([$1, $1], x))", ELEMENTS),
        ("$.l.select('x' * 60000000).toList().len()", MADE),
        ("let(s => $.s) -> $.big.select($s + $s).toList().len()", MADE),
        ("$.big.join($.s)", TEXT),
        ("$.s.replace(x, $.s)", TEXT),
        ("$.s.replace({x => $.s})", TEXT),
        ("regex(x).replace($.s, $.s)", TEXT),
        ("$.a40 =~ '(a+)+$'", REGEX),
        ("$.a40 !~ '(a|a)*$'", REGEX),
        ("$.a40.matches('(a|ab)*$')", REGEX),
        ("regex('(a*)*b').search($.a40)", REGEX),
        ("regex('(a*)*b').searchAll($.a40).toList()", REGEX),
        ("regex('(a*)*b').split($.a40)", REGEX),
        ("regex('(a*)*b').replace($.a40, x)", REGEX),
        ("regex('(a*)*b').replaceBy($.a40, x)", REGEX),
        ("$.s =~ 'x*x*x*x*y'", REGEX),
        ("datetime($.s)", "Date or format has more than 1000 characters"),
        ("json_parse('[' * 1000000)", "Document nests deeper than 200 levels"),
        ("yaml_parse('[' * 1000)", RECURSION),
        ("yaml_parse('9' * 100000)", "Number has more than 5000 characters"),
        ("yaml_parse('1' + ':1' * 50000)", "Number has more than 5000 characters"),
        ("yaml_parse('&a ' * 1000000)", "Document has more than 1048576 characters"),
        ("yaml_parse('a ' * 4000000)", "Document has more than 1048576 characters"),
        ("def(f, f($ + 1)) -> f(1)", RECURSION),
        ("range(5000).aggregate($1.append($2), [1])", RECURSION),
    ],
)
def test_hostile_yaql_is_refused(expression, limit):
    refused(f"<% {expression} %>", limit)


@pytest.mark.parametrize(
    "expression",
    [
        "generate(1, true, $ + 1)",
        "sequence().select($ * 2).sum()",
        "$.l.select(range(1000).sum())",
        "range(1000).select(range(1000).where($ > 1).len())",
        "range(1000).where(let(x => $) -> range(1000).any($ = $x))",
        "let(b => $.big) -> $.big.where($b.contains(-1)).len()",
        "let(b => $.big) -> $.big.where(-1 in $b).len()",
        "$.l.join($.l, true, [$1, $2]).len()",
        "range(100000).aggregate($1.select($), [1])",
        "range(100000).select(str($)).join(',').len()",
        "$.big.select($ + 1).select($ + 1).len()",
        "$.big.selectMany([$, $]).len()",
    ],
)
def test_long_work_in_yaql_is_refused(expression):
    refused(f"<% {expression} %>", STEPS, FEW_STEPS)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("{{ range(1000000000000) | list }}", "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000)."),
        ("{{ 'x' * 10000000000 }}", TEXT),
        ("{{ 10000000000 * 'x' }}", TEXT),
        ("{{ [0] * 2000000000 }}", MANY),
        ("{{ 7 ** (7 ** 7) }}", INTEGER),
        ("{{ lipsum(n=1000000000) }}", "lipsum() would make more than 100000 words"),
        ("{{ 'x' | center(1000000000) }}", TEXT),
        ("{{ 'x'.center(1000000000) }}", TEXT),
        ("{{ 'x'.ljust(1000000000) }}", TEXT),
        ("{{ 'x'.rjust(1000000000) }}", TEXT),
        ("{{ 'x'.zfill(1000000000) }}", TEXT),
        ("{{ 'x\\ty'.expandtabs(10000000000) }}", TEXT),
        ("{{ 'x'.encode().center(1000000000) }}", TEXT),
        ("{{ (5).to_bytes(10000000000, 'big') }}", TEXT),
        ("{{ '{:>10000000000}'.format(1) }}", TEXT),
        ("{{ '{:.10000000000f}'.format(1.5) }}", TEXT),
        ("{{ '{:{}}'.format(1, 10000000000) }}", TEXT),
        ("{{ '{x:>10000000000}'.format_map({'x': 1}) }}", TEXT),
        ("{{ '%10000000000d' % 1 }}", TEXT),
        ("{{ '%*d' % (10000000000, 1) }}", TEXT),
        ("{{ '%.*f' % (10000000000, 1.5) }}", TEXT),
        ("{{ '%10000000000d' | format(1) }}", TEXT),
        ("{{ _.s.replace('x', _.s) }}", TEXT),
        ("{{ _.s.replace('', _.s) }}", TEXT),
        ("{{ _.s | replace('x', _.s) }}", TEXT),
        ("{{ _.s.translate({120: _.s}) }}", TEXT),
        ("{{ _.big | join(_.s) }}", TEXT),
        ("{{ _.s.join(_.big | map('string') | list) }}", TEXT),
        ("{{ ([_.s] * 100000) | join }}", WRITTEN),
        ("{{ ([_.s] * 100000) | select | join }}", WRITTEN),
        ("{{ [_.s] * 100000 }}", WRITTEN),
        ("{{ [_.s] * 100000 }}x", WRITTEN),
        ("{{ ([_.s] * 100000) ~ 'x' }}", WRITTEN),
        ("{{ ([_.s] * 100000) | string | length }}", WRITTEN),
        ("{{ '%s' % [[_.s] * 100000] }}", WRITTEN),
        ("{{ '{}'.format([_.s] * 100000) }}", WRITTEN),
        ("{{ 'x' | indent(1000000000, true) }}", TEXT),
        ("{{ [1] | batch(1000000000, 'x') | list }}", MANY),
        ("{{ [1] | slice(1000000000) | list }}", MANY),
        ("{{ 1.5 | round(1000000000, 'ceil') }}", PRECISION),
        ("{{ [1] | tojson(indent=1000000000) }}", TEXT),
        ("{{ (_.big | batch(1) | list) | sum(start=[]) | length }}", MANY),
        ("{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}", TEXT),
        ("{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}", TEXT),
        ("{% set ns = namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}", MANY),
        ("{% set ns = namespace(s=7) %}{% for i in range(100) %}{% set ns.s = ns.s * ns.s %}{% endfor %}{{ ns.s }}", INTEGER),
        ("{% set l = [1] %}{% for i in range(100) %}{% if l.extend(l) %}{% endif %}{% endfor %}{{ l }}", MANY),
        ("{% set ns = namespace(s=[]) %}{% for i in range(30) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}", ELEMENTS),
        (
            "{% set ns = namespace(s=[]) %}{% for i in range(30) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s == 1 }}",
            ELEMENTS,
        ),
        ("{% set ns = namespace(s=()) %}{% for i in range(900) %}{% set ns.s = (ns.s,) %}{% endfor %}{{ {ns.s: 1} }}", DEPTH),
        (
            (
                "{% set ns = namespace(s=()) %}{% for i in range(900) %}{% for t in {'a': ns.s}.items() %}{% set ns.s = t %}"
                "{% endfor %}{% endfor %}{{ {ns.s: 1} }}"
            ),
            DEPTH,
        ),
        ("{% for i in range(100000) %}{{ _.s }}{% endfor %}", TEXT),
        ("{% set x %}{% for i in range(100000) %}{{ _.s }}{% endfor %}{% endset %}{{ x | length }}", MADE),
        ("{{ _.l | map('center', 10000000) | join }}", MADE),
        ("{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}", RECURSION),
        ("{% block a %}{{ self.a() }}{% endblock %}", RECURSION),
    ],
)
def test_hostile_jinja_is_refused(text, limit):
    refused(text, limit)


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in range(10000) %}{% for j in range(10000) %}{% endfor %}{% endfor %}{{ 1 }}",
        "{% for i in range(10000) %}{% for j in range(10000) if false %}{% endfor %}{% endfor %}{{ 1 }}",
        "{% for i in range(10000) %}{{ range(100000) | sum }}{% endfor %}",
        "{% for i in range(10000) %}{{ range(100000) | list | length }}{% endfor %}",
        "{% for i in range(10000) %}{% if -1 in _.big %}{% endif %}{% endfor %}{{ 1 }}",
        "{% for i in range(10000) %}{% if _.big == _.big %}{% endif %}{% endfor %}{{ 1 }}",
        "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(60) }}",
        "{% for x in _.l recursive %}{% if loop.depth < 3 %}{{ loop(_.l) }}{% endif %}{% endfor %}",
    ],
)
def test_long_work_in_jinja_is_refused(text):
    refused(text, STEPS, FEW_STEPS)


LONG = {
    "parentheses": "(" * 20_000 + "1" + ")" * 20_000,
    "lists": "[" * 20_000 + "]" * 20_000,
    "negations": "not " * 10_000 + "1",
    "sums": "1+" * 20_000 + "1",
}


@pytest.mark.parametrize("form", ["<% {} %>", "{{{{ {} }}}}"], ids=["yaql", "jinja"])
@pytest.mark.parametrize("expression", LONG.values(), ids=LONG)
def test_an_expression_that_nests_too_deeply_is_an_error(form, expression):
    refused(form.format(expression), RECURSION)


@pytest.mark.parametrize(
    ("text", "message"),
    [("<% $" + ".a" * 20_000 + " %>", RECURSION), ("{{ _" + ".a" * 20_000 + " }}", RECURSION)],
    ids=["yaql", "jinja"],
)
def test_a_path_that_is_too_long_is_an_error(text, message):
    refused(text, message)


@pytest.mark.parametrize("form", ["<% {} %>", "{{{{ {} }}}}"], ids=["yaql", "jinja"])
def test_a_text_that_is_too_long_is_refused_when_it_is_checked_and_when_it_runs(form):
    text = form.format("1 + " * 50_000 + "1")

    with pytest.raises(ExpressionGrammarError, match="Expression has more than 100000 characters"):
        check_syntax(text)
    refused(text, "Expression has more than 100000 characters")


def test_checking_what_nests_too_deeply_is_a_grammar_error_of_jinja():
    with pytest.raises(ExpressionGrammarError):
        check_syntax("{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}")


def test_long_text_without_expressions_is_found_to_be_none():
    for text in ("<%" * 200_000, "{{" * 200_000, "{%" * 200_000, "<% {" * 200_000):
        begin = time.process_time()
        assert not has_expression(text)
        assert time.process_time() - begin < 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<% $.big.select($ * 2).where($ mod 3 = 0).len() %>", 33_334),
        ("<% $.big.select(str($)).join(',').len() %>", 588_889),
        ("<% $.big.orderByDescending($).first() %>", 99_999),
        ("<% $.big.toDict($, $).len() %>", 100_000),
        ("<% $.big.aggregate($1 + $2) %>", 4_999_950_000),
        ("<% $.s.len() %>", 100_000),
        ("<% range(500000).len() %>", 500_000),
        ("{{ _.big | sort | unique | list | length }}", 100_000),
        ("{{ _.big | map('string') | join(',') | length }}", 588_889),
        ("{% for i in _.big %}{{ i }}{% if not loop.last %},{% endif %}{% endfor %}{{ '' }}", ",".join(map(str, range(100_000)))),
        ("{{ json_dump(_.big) | length }}", 1_088_892),
    ],
)
def test_honest_work_on_large_data_is_done(text, expected):
    assert compile_value(text).evaluate(Scope(ContextView([DATA]))) == expected


def test_the_ceilings_are_options():
    refused("<% 'x' * 11 %>", "Text would have more than 10 characters", Options(max_text_length=10))
    refused("<% range(11).toList() %>", "Collection length exceeds 10 elements", Options(max_elements=10))
    refused("<% [[[[1]]]] %>", "Value nests deeper than 3 levels", Options(max_depth=3))
    refused("<% $.a40 =~ 'a*a*b' %>", "could take more than 100 steps", Options(max_regex_work=100))
