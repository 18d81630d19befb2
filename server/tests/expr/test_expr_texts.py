"""Which texts are expressions, what type their result has, and what structures come to (2.1-2.3, 2.9)."""

from __future__ import annotations

import copy

import pytest
from expr_cases import CONTEXT, evaluate, scope

from maestrale.errors import (
    EvaluationError,
    ExpressionGrammarError,
    JinjaEvaluationError,
    JinjaGrammarError,
    YaqlEvaluationError,
    YaqlGrammarError,
)
from maestrale.expr import ContextView, Options, Scope, check_syntax, compile_condition, compile_value, has_expression


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<% 1 %>", 1),
        ("<% 2.5 %>", 2.5),
        ("<% true %>", True),
        ("<% null %>", None),
        ("<% $.l %>", [1, 2, 3]),
        ("<% $.d %>", {"b": 1, "items": "entry"}),
        ("<%1%>", 1),
    ],
)
def test_L164_a_whole_yaql_expression_keeps_its_type(text, expected):
    result = evaluate(text)

    assert (type(result), result) == (type(expected), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ _.n }}", 5),
        ("{{ _.f }}", 2.5),
        ("{{ _.t }}", True),
        ("{{ _.z }}", None),
        ("{{ none }}", None),
        ("{{ _.l }}", [1, 2, 3]),
        ("{{ _.d }}", {"b": 1, "items": "entry"}),
        ("{{ [1, 'a', none, true] }}", [1, "a", None, True]),
        ("{{ {'k': 1} }}", {"k": 1}),
        ("{{ dict(a=1) }}", {"a": 1}),
        ("{{ (1, 2) }}", [1, 2]),
    ],
)
def test_L165_a_whole_jinja_expression_keeps_its_type(text, expected):
    result = evaluate(text)

    assert (type(result), result) == (type(expected), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<% 1 %> ", "1 "),
        ("<% 1 %>\n", "1\n"),
        (" <% 1 %>", " 1"),
        ("{{ 1 }} ", "1 "),
        (" {{ 1 }}", " 1"),
        ("{{ 1 }}{{ 2 }}", "12"),
        ("{# note #}{{ 1 }}", "1"),
        ("{% set a = 1 %}{{ a }}", "1"),
        # The shortest match ends at the first two braces, so this is no whole expression.
        ("{{ {'a': {'b': 1}} }}", "{'a': {'b': 1}}"),
    ],
)
def test_L166_any_character_around_an_expression_makes_the_result_text(text, expected):
    assert evaluate(text) == expected


def test_L166_jinja_drops_one_newline_at_the_end_of_a_template():
    assert evaluate("{{ 1 }}\n") == "1"


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("z", "None"),
        ("t", "True"),
        ("f", "2.5"),
        ("l", "[1, 2, 3]"),
        ("d", "{'b': 1, 'items': 'entry'}"),
    ],
)
def test_L167_values_in_mixed_text_appear_in_python_notation(expression, text):
    assert evaluate(f"x<% $.{expression} %>") == "x" + text
    assert evaluate(f"x{{{{ _.{expression} }}}}") == "x" + text


def test_L167_a_set_in_mixed_text_looks_like_one():
    assert evaluate("<% [1].toSet() %>.") == "{1}."


def test_L168_all_yaql_expressions_in_a_text_are_replaced():
    assert evaluate("a <% $.n %> b <% $.s %><% $.n + 1 %> c <% $.n %>") == "a 5 b a,b6 c 5"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{% for i in _.l %}{{ i }};{% endfor %}", "1;2;3;"),
        ("{% if _.l | length > 2 %}{{ 'many' }}{% else %}few{% endif %}", "many"),
        ("{% set x = 5 %}{{ x * 2 }}", "10"),
        ("{% for i in _.l %}\n- item {{ loop.index }}: {{ i }}\n{% endfor %}\nend\n", "- item 1: 1\n- item 2: 2\n- item 3: 3\nend"),
        ("{% for i in _.l if i > 1 %}{{ loop.index }}/{{ loop.length }} {% endfor %}", "1/2 2/2 "),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(1) }}{{ m(2) }}", "<1><2>"),
        ("{% set l = [] %}{% for i in _.l %}{% if l.append(i * 2) %}{% endif %}{% endfor %}{{ l }}", "[2, 4, 6]"),
    ],
)
def test_L169_jinja_text_with_blocks_is_rendered(text, expected):
    assert evaluate(text) == expected


def test_L170_blocks_without_a_value_fail_when_they_run():
    text = "{% if true %}yes{% endif %}"
    check_syntax(text)

    with pytest.raises(JinjaEvaluationError) as caught:
        evaluate(text)
    assert str(caught.value) == f"Can not evaluate Jinja expression [expression={text}, error=list index out of range]"


@pytest.mark.parametrize("text", ["<%\n1 %>", "<% 1\n%>", "{{\n1 }}", "{{ 1\n+ 1 }}", "{%\nif x %}"])
def test_L171_an_expression_over_several_lines_stays_text(text):
    assert not has_expression(text)
    assert evaluate(text) == text
    check_syntax(text)


@pytest.mark.parametrize("text", ["<% 1 %>{{ 2 }}", "{{ 2 }} <% 1 %>"])
def test_L172_both_languages_in_one_text_are_refused(text):
    with pytest.raises(ExpressionGrammarError) as caught:
        check_syntax(text)
    assert type(caught.value) is ExpressionGrammarError
    assert str(caught.value) == (
        "The line already contains an expression of type 'jinja'. Mixing expression types in a single line is not allowed."
    )


def test_L172_in_unchecked_text_jinja_wins_and_yaql_stays_text():
    assert evaluate("<% 1 %> {{ 2 }}") == "<% 1 %> 2"


@pytest.mark.parametrize(("language", "text"), [("jinja", "{{ 1 }}"), ("yaql", "<% 1 %>")])
def test_L173_a_language_that_is_switched_off_is_refused(language, text):
    options = Options(allowed_languages=tuple({"jinja", "yaql"} - {language}))
    message = f"The '{language}' expression language is disabled by the operator."

    with pytest.raises(ExpressionGrammarError, match=message):
        check_syntax(text, options)
    with pytest.raises(EvaluationError, match=message):
        evaluate(text, options=options)


def test_L173_a_language_that_is_switched_off_takes_the_text_from_the_other_one():
    with pytest.raises(EvaluationError, match="'jinja' expression language is disabled"):
        evaluate("{{ 1 }} <% 1 %>", options=Options(allowed_languages=("yaql",)))


def test_L174_keys_are_never_evaluated():
    assert evaluate({"<% 1 %>": "<% 1 %>", "{{ 2 }}": {"<% 3 %>": 4}}) == {"<% 1 %>": 1, "{{ 2 }}": {"<% 3 %>": 4}}


def test_structures_are_evaluated_at_any_depth_and_other_types_stay():
    value = {"a": ["<% $.n %>", {"b": "{{ _.n + 1 }}", "c": None}, 2.5], "d": "text", "e": True}

    assert evaluate(value) == {"a": [5, {"b": 6, "c": None}, 2.5], "d": "text", "e": True}


def test_L175_results_are_not_evaluated_again():
    context = {"a": "<% $.b %>", "b": "{{ _.c }}", "c": 1}

    assert evaluate("<% $.a %>", context) == "<% $.b %>"
    assert evaluate("<% $.a %> <% $.b %>", context) == "<% $.b %> {{ _.c }}"
    assert evaluate("{{ _.b }}", context) == "{{ _.c }}"


@pytest.mark.parametrize(
    "text",
    [
        "{{ _.update({'n': 1}) }}",
        "{{ _.pop('n') }}",
        "{{ _.clear() }}",
        "{{ _.popitem() }}",
        "{{ _.setdefault('x', 1) }}",
    ],
)
def test_L176_the_root_refuses_to_be_changed(text):
    with pytest.raises(JinjaEvaluationError, match="error=Context view is immutable.]"):
        evaluate(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ _.l.append(4) }}{{ _.l }}", "None[1, 2, 3, 4]"),
        ("{{ _.d.update({'x': 1}) }}{{ _.d }}", "None{'b': 1, 'items': 'entry', 'x': 1}"),
        ("{{ _['l']['append'](4) }}{{ _.l }}", "None[1, 2, 3, 4]"),
        ("{{ (_.l | attr('append'))(4) }}{{ _.l }}", "None[1, 2, 3, 4]"),
        ("{% set f = _.l['app' ~ 'end'] %}{{ f(4) }}{{ _.l }}", "None[1, 2, 3, 4]"),
        ("{{ _.vms[0].update({'ram': 1}) }}{{ _.vms[0].ram }}", "None1"),
        ("{% set ns = namespace(get=_.l['append']) %}{{ ns.get(4) }}{{ _.l }}", "None[1, 2, 3, 4]"),
        ("{{ (_.vms | map(attribute='update') | first)({'ram': 1}) }}{{ _.vms[0].ram }}", "None1"),
        ("{{ task('t').result.append(4) }}{{ task('t').result | length }}", "None3"),
        ("{{ env().l.append(4) }}{{ env().l | length }}", "None3"),
    ],
)
def test_L176_what_a_template_changes_is_its_own_copy(text, expected):
    context = copy.deepcopy(CONTEXT)
    view = ContextView([{"__env": {"l": [1, 2, 3]}}, context])

    assert evaluate(text, view) == expected
    assert context == CONTEXT
    assert view["__env"] == {"l": [1, 2, 3]}


def test_L176_a_filter_for_texts_leaves_a_list_as_it_is():
    context = copy.deepcopy(CONTEXT)

    with pytest.raises(JinjaEvaluationError, match="'list' object has no attribute 'splitlines'"):
        evaluate("{{ _.l | indent }}", ContextView([context]))
    assert context == CONTEXT


def test_L177_L178_L179_the_first_layer_that_has_a_key_wins_as_a_whole():
    layers = [{"a": {"x": 1}}, {"a": {"x": 2, "y": 2}, "b": 2}, {"b": 3, "c": 3}]
    context = ContextView(layers)

    for text in ("[<% $.a %>, <% $.b %>, <% $.c %>]", "[{{ _.a }}, {{ _.b }}, {{ _.c }}]"):
        assert evaluate(text, context) == "[{'x': 1}, 2, 3]"
    assert evaluate("<% $ %>", context) == {"a": {"x": 1}, "b": 2, "c": 3}
    assert evaluate("<% $.a.get(y) %>", context) is None


def test_a_view_of_views_is_the_stack_of_their_layers():
    view = ContextView([ContextView([{"a": 1}, {"b": 2}]), {"a": 3, "c": 3}])

    assert dict(view) == {"a": 1, "b": 2, "c": 3}
    assert len(view) == 3
    assert "b" in view
    assert "x" not in view
    assert view.get("x", 7) == 7
    assert not ContextView([{}, {}])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<% $.missing %>", "Can not evaluate YAQL expression [expression=$.missing, error='missing']"),
        ("<% $.d.missing %>", "Can not evaluate YAQL expression [expression=$.d.missing, error='missing']"),
        ("<% $.a.b.c %>", "Can not evaluate YAQL expression [expression=$.a.b.c, error='a']"),
        ("<% $.missing > 1 %>", "Can not evaluate YAQL expression [expression=$.missing > 1, error='missing']"),
        ('<% concat("std.", $.k) %>', "Can not evaluate YAQL expression [expression=concat(\"std.\", $.k), error='k']"),
        (
            "{{ _.unknown }}",
            (
                "Can not evaluate Jinja expression [expression={{ _.unknown }}, "
                "error='mistral.workflow.data_flow.ContextView object' has no attribute 'unknown']"
            ),
        ),
        (
            "{{ _.d.unknown }}",
            "Can not evaluate Jinja expression [expression={{ _.d.unknown }}, error='dict object' has no attribute 'unknown']",
        ),
        (
            "x {{ _.d.unknown }}",
            "Can not evaluate Jinja expression [expression=x {{ _.d.unknown }}, error='dict object' has no attribute 'unknown']",
        ),
        (
            "{{ task('t').unknown }}",
            "Can not evaluate Jinja expression [expression={{ task('t').unknown }}, error='dict object' has no attribute 'unknown']",
        ),
    ],
)
def test_L180_undefined_variables_are_errors(text, message):
    with pytest.raises(EvaluationError) as caught:
        evaluate(text)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["{{ [_.unknown] }}", "{{ {'a': _.unknown} }}", "{{ 1 if false }}"])
def test_L180_an_undefined_value_is_an_error_wherever_it_stands(text):
    with pytest.raises(JinjaEvaluationError):
        evaluate(text)


def test_L181_two_underscores_after_a_dot_are_a_lexical_error_in_yaql():
    message = "Lexical error: illegal character '_' at position"

    with pytest.raises(YaqlGrammarError, match=f"^{message} 3$"):
        check_syntax("<% $.__env %>")
    with pytest.raises(YaqlEvaluationError, match=f"error={message} 2]"):
        evaluate("<% $.__env %>")


@pytest.mark.parametrize("text", ["<% $['__env'].x %>", "<% $.get('__env').x %>", "<% $__env.x %>", "<% env().x %>"])
def test_L181_the_environment_can_be_reached_in_yaql(text):
    assert evaluate(text) == 7


@pytest.mark.parametrize("text", ["{{ _.__env.x }}", "{{ __env.x }}", "{{ env().x }}"])
def test_the_environment_can_be_reached_in_jinja(text):
    assert evaluate(text) == 7


@pytest.mark.parametrize("text", ["{{ n }}", "{{ n + 1 }}", "x {{ n }}"])
def test_L182_a_bare_name_is_undefined_in_jinja(text):
    with pytest.raises(JinjaEvaluationError, match="error='n' is undefined]"):
        evaluate(text)


def test_L182_methods_of_a_mapping_win_over_its_entries_in_jinja():
    assert evaluate("{{ _['items'] }}") == "top"
    assert evaluate("{{ _.d['items'] }}") == "entry"
    assert evaluate("{{ _.items is callable }}") is True
    assert evaluate("{{ _.d.items() | list }}") == [["b", 1], ["items", "entry"]]


@pytest.mark.parametrize("text", ["{{ _.items }}", "{{ _.d.items }}"])
def test_L182_a_method_as_a_result_is_text_that_shows_nothing_of_its_mapping(text):
    assert evaluate(text).startswith("<bound method")
    assert "entry" not in evaluate(text)


def test_L183_openstack_is_an_entry_like_any_other():
    view = ContextView([{"openstack": {"project_id": "p", "auth_token": "***"}}])

    assert evaluate("<% $.openstack.project_id %>", view) == "p"
    assert evaluate("{{ _.openstack.auth_token }}", view) == "***"
    with pytest.raises(YaqlEvaluationError, match="error='openstack'"):
        evaluate("<% $.openstack.project_id %>")


@pytest.mark.parametrize(
    "text", ["<% $.nope %>", "<% $.nosuch() %>", "<% $[$] %>", "<% $ + 1 %>", "{{ _.nope }}", "{{ _ + 1 }}", "{{ _.x.y }}"]
)
def test_L184_an_errors_text_names_the_expression_and_shows_nothing_of_the_context(text):
    with pytest.raises(EvaluationError) as caught:
        evaluate(text)
    assert text.strip("<%> ") in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("root", [{}, [], "", None, 0, ContextView([])])
def test_with_an_empty_root_nothing_is_evaluated(root):
    value = {"a": "<% 1 %>", "b": ["{{ 2 }}"]}

    assert compile_value(value).evaluate(Scope(root)) == value
    assert compile_value("<% 1 %>").evaluate(Scope(root)) == "<% 1 %>"


@pytest.mark.parametrize("root", [[1, 2], "text", 5])
def test_a_root_may_be_any_value(root):
    assert compile_value("<% $ %>").evaluate(Scope(root)) == root
    assert compile_value("{{ _ }}").evaluate(Scope(root)) == root


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("<% 1 + %>", YaqlGrammarError, "Parse error: unexpected end of statement"),
        ("<%%>", YaqlGrammarError, "Parse error: unexpected end of statement"),
        ("<% abc def %>", YaqlGrammarError, "Parse error: unexpected 'def' at position 5 of expression ' abc def '"),
        ('<% "%>" %>', YaqlGrammarError, "Lexical error: illegal character '\"' at position 1"),
        ("<% 1 %> <% 1 + %>", YaqlGrammarError, "Parse error: unexpected end of statement"),
        ("{{ 1 + }}", JinjaGrammarError, "Syntax error 'unexpected 'end of print statement''."),
        ("{% nosuch %}", JinjaGrammarError, "Syntax error 'Encountered unknown tag 'nosuch'.'."),
        ("{{ 'a }}", JinjaGrammarError, "Syntax error 'unexpected char \"'\" at 3'."),
    ],
)
def test_syntax_errors_are_found_when_a_definition_is_checked(text, error, message):
    with pytest.raises(error) as caught:
        check_syntax(text)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["<% $.x.y %>", "{{ nosuch(1) | nosuch }}", "{{ x }}", "<% nosuch(1) %>", "text", 5, None])
def test_what_only_running_can_tell_passes_the_check(text):
    check_syntax(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<% 1 + %>", "Can not evaluate YAQL expression [expression=1 +, error=Parse error: unexpected end of statement]"),
        ("{{ 1 + }}", "Can not evaluate Jinja expression [expression={{ 1 + }}, error=unexpected 'end of template']"),
        ("{{ 5 | nosuch }}", "Can not evaluate Jinja expression [expression={{ 5 | nosuch }}, error=No filter named 'nosuch'.]"),
        ("{{ nosuch(1) }}", "Can not evaluate Jinja expression [expression={{ nosuch(1) }}, error='nosuch' is undefined]"),
        ("{{ 5 / 0 }}", "Can not evaluate Jinja expression [expression={{ 5 / 0 }}, error=division by zero]"),
        ("<% 1 / 0 %>", "Can not evaluate YAQL expression [expression=1 / 0, error=integer division or modulo by zero]"),
    ],
)
def test_compiling_never_raises_and_evaluating_names_the_fault(text, message):
    template = compile_value(text)

    with pytest.raises(EvaluationError) as caught:
        template.evaluate(scope())
    assert str(caught.value) == message


@pytest.mark.parametrize("value", [1, None, True, "text", [], {}, {"a": [1, "x"]}, "$.a", "{{", "<% a", "%> <%"])
def test_a_value_without_expressions_is_a_literal_and_comes_back_itself(value):
    template = compile_value(value)

    assert template.is_literal
    assert template.evaluate(scope()) is value


def test_the_source_of_a_structure_is_not_changed():
    value = {"a": ["<% 1 %>", "x"], "b": {"c": "{{ 2 }}"}}
    before = copy.deepcopy(value)

    template = compile_value(value)
    template.evaluate(scope())

    assert value == before
    assert not template.is_literal


def test_data_is_handed_on_as_it_is():
    assert evaluate("<% $.vms %>") is CONTEXT["vms"]
    assert evaluate("{{ _.vms }}") is CONTEXT["vms"]


def test_a_condition_is_compiled_like_a_value():
    assert compile_condition("<% $.n > 1 %>").evaluate(scope()) is True
    assert compile_condition("<% $.n %>").evaluate(scope()) == 5
    assert compile_condition(False).evaluate(scope()) is False
