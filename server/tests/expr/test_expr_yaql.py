"""YAQL as workflows use it (2.7)."""

from __future__ import annotations

import pytest
from expr_cases import evaluate

from maestrale.errors import YaqlEvaluationError
from maestrale.expr import Options


def value_of(expression: str) -> object:
    return evaluate(f"<% {expression} %>")


def error_of(expression: str) -> str:
    with pytest.raises(YaqlEvaluationError) as caught:
        value_of(expression)
    begin = f"Can not evaluate YAQL expression [expression={expression}, error="
    text = str(caught.value)
    assert text.startswith(begin)
    assert text.endswith("]")
    return text[len(begin) : -1]


def table(*rows: tuple[str, object]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("expression", "expected"), rows)


def assert_value(expression: str, expected: object) -> None:
    result = value_of(expression)
    assert (type(result), result) == (type(expected), expected)


@table(("abc", "abc"), ("True", "True"), ("False", "False"), ("None", "None"), ("true", True), ("null", None), ("$x", None))
def test_L202_bare_words_are_texts(expression, expected):
    assert_value(expression, expected)


@table(("10/4", 2), ("-10/4", -3), ("10.0/4", 2.5), ("10/4.0", 2.5), ("1 / 2 * 2.0", 0.0), ("17 mod 5", 2), ("-7 mod 3", 2))
def test_L203_integer_division_is_floor_and_a_float_gives_a_float(expression, expected):
    assert_value(expression, expected)


@table(
    ("$.vms.name", ["a", "b", "c"]),
    ("$.vms.where($.ram > 4).name", ["b", "c"]),
    ("$.vms.ram.sum()", 26),
    ("[[{a => 1}], [{a => 2}]].a", [[1], [2]]),
    ("$.e.x", []),
)
def test_L204_a_name_after_a_list_maps(expression, expected):
    assert_value(expression, expected)


@table(("$.vms[$.ram > 4]", "'ram'"), ("$.l[$.n > 1]", None), ("$.l[9]", "tuple index out of range"), ("$.l.first()[0]", None))
def test_L205_brackets_do_not_filter(expression, expected):
    if expected is None:
        # A boolean is an index to YAQL, as it is to Python.
        assert "No function" in error_of(expression) if "first" in expression else value_of(expression) == 2
    else:
        assert error_of(expression) == expected


@table(
    ("$.d.get(b)", 1),
    ("$.d.get(zz)", None),
    ("$.d.get(zz, 7)", 7),
    ("$.d[zz, 7]", 7),
    ("$.d[b]", 1),
    ("$.z?.x", None),
    ("$.d?.b", 1),
    ("$.z?.len()", None),
    ("[1, 2][-1]", 2),
)
def test_L206_get_with_default_and_null_safe_access(expression, expected):
    assert_value(expression, expected)


@table(("$.d.zz", "'zz'"), ("$.d[zz]", "'zz'"), ("$.d?.zz", "'zz'"), ("null.x", 'Unknown function "#property#x"'))
def test_L206_other_access_to_what_is_missing_is_an_error(expression, expected):
    assert error_of(expression) == expected


def test_L207_first_of_an_empty_list():
    assert error_of("[].first()") == ""
    assert value_of("[].first(null)") is None
    assert value_of("$.l.first()") == 1


def test_L208_keys_are_a_set_and_stored_as_a_list():
    assert value_of("$.d.keys()") == ["b", "items"]
    assert value_of("isSet($.d.keys())") is True
    assert value_of("$.d.keys().len()") == 2
    assert value_of("b in $.d.keys()") is True


def test_L209_items_of_a_mapping_fail_with_the_default_conversion():
    assert error_of("{a => 1}.items()") == "unhashable type: 'list'"
    assert value_of("{b => 2, a => 1}.items().orderBy($[0])") == [["a", 1], ["b", 2]]


def test_L209_items_of_a_mapping_with_sets_as_lists():
    assert evaluate("<% {a => 1}.items() %>", options=Options(convert_sets_to_lists=True)) == [["a", 1]]


@table(
    ("[1, 2, 3, 4].groupBy($ mod 2)", [[1, [1, 3]], [0, [2, 4]]]),
    ("$.vms.groupBy($.zone, $.name)", [["z1", ["a", "c"]], ["z2", ["b"]]]),
    ("$.vms.groupBy($.zone, $.ram, $.sum())", [["z1", 18], ["z2", 8]]),
)
def test_L210_group_by_gives_pairs_of_key_and_list(expression, expected):
    assert_value(expression, expected)


@table(
    ("{a => [1]}.mergeWith({a => [2, 1]})", {"a": [1, 2]}),
    ("{a => {x => 1}, b => 1}.mergeWith({a => {y => 2}, b => 2})", {"a": {"x": 1, "y": 2}, "b": 2}),
    ("{a => [[1]]}.mergeWith({a => [[1], [2]]})", {"a": [[1], [2]]}),
)
def test_L211_merge_with_merges_in_depth_and_joins_lists(expression, expected):
    assert_value(expression, expected)


def test_L211_different_kinds_cannot_be_merged():
    assert error_of("{a => 1}.mergeWith({a => {}})").startswith("Cannot merge <class 'int'> with <class 'yaql.")


@table(("1 and 2", 2), ("null or 5", 5), ("true and 0", 0), ('"" or x', "x"), ("[] or x", "x"), ("0 and 1/0", 0), ("1 or 1/0", 1))
def test_L212_and_and_or_give_operands(expression, expected):
    assert_value(expression, expected)


@table(
    ("datetime('2026-01-02T03:04:05+02:00')", "2026-01-02T03:04:05.000000"),
    ("datetime(2026, 1, 2)", "2026-01-02T00:00:00.000000"),
    ("{d => [datetime(2026, 1, 2)]}", {"d": ["2026-01-02T00:00:00.000000"]}),
    ("$.l.where($ > 1)", [2, 3]),
    ("range(3)", [0, 1, 2]),
    ("[range(2), $.l.select($)]", [[0, 1], [1, 2, 3]]),
    ("[1, 1].toSet()", [1]),
    ("{a => $.l.where($ > 2)}", {"a": [3]}),
    ("{1 => a, null => b, true => c}", {"1": "c", "null": "b"}),
)
def test_L213_what_json_does_not_know_is_stored_as_what_it_does(expression, expected):
    if expression.startswith("{1"):
        # 1 and true are one key, whose first form stays.
        assert value_of(expression) == expected
    else:
        assert_value(expression, expected)


def test_L213_other_objects_are_stored_as_text():
    assert value_of("regex(a)") == "re.compile('a')"
    assert value_of("timespan(days => 1)") == "1 day, 0:00:00"


@table(
    ("$.l.aggregate($1 + $2)", 6),
    ("$.l.accumulate($1 + $2)", [1, 3, 6]),
    ("$.l.zip($.l)", [[1, 1], [2, 2], [3, 3]]),
    ("$.l.enumerate()", [[0, 1], [1, 2], [2, 3]]),
    ("$.l.slice(2)", [[1, 2], [3]]),
    ("$.l.splitAt(1)", [[1], [2, 3]]),
    ("$.l.insert(1, x)", [1, "x", 2, 3]),
    ("$.l.takeWhile($ < 3)", [1, 2]),
    ("$.l.cycle().limit(5)", [1, 2, 3, 1, 2]),
    ("sequence(1).limit(3)", [1, 2, 3]),
    ("generate(0, $ < 3, $ + 1)", [0, 1, 2]),
    ("generateMany(1, [$ * 2, $ * 3].where($ < 10), $, true).orderBy($)", [1, 2, 3, 4, 6, 8, 9]),
    ("[[1, [2]], 3].flatten()", [1, 2, 3]),
    ("let(x => 1) -> $x + 1", 2),
    ("with(5) -> $1", 5),
    ("[1, 2].unpack(a, b) -> $b", 2),
    ("def(f, $ + 1) -> f(2)", 3),
    ("set(1, 2).union(set(2, 3)).len()", 3),
    ("regex('a(.)').search('xaby', $2)", {"value": "b", "start": 2, "end": 3}),
    ("regex('a(.)').search('xaby')", "ab"),
    ("regex(',').split($.s)", ["a", "b"]),
    ("regex(b).replace('abba', '#')", "a##a"),
    ("$.s =~ 'a.b'", True),
    ("$.s !~ 'a.b'", False),
    ("$.s.matches('^a')", True),
    ("escapeRegex('a.b')", "a\\.b"),
    ("'Hello'.replace({H => J, l => L})", "JeLLo"),
    ("','.join([a, b])", "a,b"),
    ("[a, null, true, 1.5].join('-')", "a-null-true-1.5"),
    ("$.s.toCharArray()", ["a", ",", "b"]),
    ("str([1])", "(1,)"),
    ("pow(2, 10)", 1024),
    ("pow(7, 3, 5)", 3),
    ("round(2.567, 1)", 2.6),
    ("round(2.5)", 2.0),
    ("hex(255)", "0xff"),
    ("shiftBitsLeft(1, 4)", 16),
    ("1.switchCase(a, b)", "b"),
    ("switch(false => 1)", None),
    ("selectAllCases(true, false, true)", [0, 2]),
    ("examine(true, 0)", [True, False]),
    ("datetime(2026, 1, 2).format('%Y/%m')", "2026/01"),
    ("(datetime(2026, 1, 2) - datetime(2026, 1, 1)).hours", 24.0),
    ("call(len, [[1, 2]], {})", 2),
    ("[1, 2].assert($.len() = 2)", [1, 2]),
    ("characters(digits => true).len()", 10),
    ("2 * ab", "abab"),
    ("[1, 2] * 2", [1, 2, 1, 2]),
)
def test_L214_standard_functions(expression, expected):
    assert_value(expression, expected)


@table(
    ('"a" + 1', 'No function "#operator_+" matches supplied arguments'),
    ("1 > a", 'No function "#operator_>" matches supplied arguments'),
    ("concat('a', 1)", 'No function "concat" matches supplied arguments'),
    ("a in {a => 1}", 'No function "#operator_in" matches supplied arguments'),
    ("{a => 1}.select($)", "No method \"select\" for receiver {'a': 1} matches supplied arguments"),
    ("nosuch(1)", 'Unknown function "nosuch"'),
    ("5.foo()", 'Unknown method "foo" for receiver 5'),
    ("1 / 0", "integer division or modulo by zero"),
    ("[].sum()", "reduce() of empty iterable with no initial value"),
    ("[1, 2].single()", "Collection contains more than one item"),
    ("[1].assert(false, oops)", "oops"),
    ("int(x)", "invalid literal for int() with base 10: 'x'"),
    ("int($.d)", "int() argument must be a string, a bytes-like object or a real number, not 'FrozenDict'"),
)
def test_L214_errors_of_standard_functions(expression, expected):
    assert error_of(expression) == expected


@table(
    ("1 = 1.0", True),
    ("true = 1", True),
    ('1 = "1"', False),
    ("null < 1", True),
    ("null > 1", False),
    ("1 > null", True),
    ("null = null", True),
    ("[1, 2] = [1, 2]", True),
    ("$.l = [1, 2, 3]", True),
    # Results of functions are no tuples, so they differ from those of data and of literals.
    ("task(u).result.l = [1, 2]", False),
    ("task(u).result.l = task(u).result.l", True),
    ("task(n).result = 5", True),
    ("json_parse('[1]') = [1]", False),
    ("env().l = env().l", True),
)
def test_comparisons(expression, expected):
    assert_value(expression, expected)


@pytest.mark.parametrize(
    ("options", "expression", "message"),
    [
        (Options(limit_iterators=2), "$.l", "Collection length exceeds 2 elements"),
        (Options(limit_iterators=2), "range(3)", "Collection length exceeds 2 elements"),
        (Options(limit_iterators=2), "$.l.select($)", "Collection length exceeds 2 elements"),
        (Options(limit_iterators=2), "sequence().toList()", "Collection length exceeds 2 elements"),
        (Options(memory_quota=500), "'x' * 1000", "Expression consumed too much memory"),
        (Options(memory_quota=500), "range(1000).toList()", "Expression consumed too much memory"),
    ],
)
def test_L215_the_operators_limits_turn_excess_into_an_error(options, expression, message):
    with pytest.raises(YaqlEvaluationError) as caught:
        evaluate(f"<% {expression} %>", options=options)
    assert str(caught.value) == f"Can not evaluate YAQL expression [expression={expression}, error={message}]"


def test_L215_below_the_limits_nothing_changes():
    assert evaluate("<% $.l.select($ + 1) %>", options=Options(limit_iterators=3)) == [2, 3, 4]
    assert evaluate("<% 'x' * 10 %>", options=Options(memory_quota=10_000)) == "x" * 10


@pytest.mark.parametrize(
    ("options", "expression", "expected"),
    [
        (Options(iterable_dicts=True), "{a => 1}.select($)", ["a"]),
        (Options(keyword_operator=":"), "{a : 1}", {"a": 1}),
        (Options(allow_delegates=True), "$.l.select($ + 1)", [2, 3, 4]),
        (Options(convert_input_data=False), "str($.l)", "[1, 2, 3]"),
        (Options(convert_input_data=False, convert_output_data=False), "$.l.select($ + 1)", [2, 3, 4]),
        (Options(convert_tuples_to_lists=False), "[1, 2]", [1, 2]),
    ],
)
def test_the_engines_options_take_effect(options, expression, expected):
    assert evaluate(f"<% {expression} %>", options=options) == expected


def test_output_conversion_cannot_be_switched_off_alone():
    with pytest.raises(ValueError, match="convert_output_data can't be switched off"):
        Options(convert_output_data=False)
