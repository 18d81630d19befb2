"""On-clauses, engine commands and publishing (1.11 - 1.13)."""

from __future__ import annotations

import json

import pytest
from lang_parsing import document, refusal, task, task_refusal, tasks

from maestrale.lang.specs import NO_CLAUSE, PublishSpec, Transition

CLAUSES = ("on-success", "on-error", "on-complete", "on-skip")
TRUE = "<% true %>"


def targets(clause: str, key: str = "on-success"):
    spec = task(f"{{{key}: {clause}}}")
    return dict(spec.clauses())[key].targets


def names(clause: str):
    return [transition.target for transition in targets(clause)]


@pytest.mark.parametrize("key", CLAUSES)
@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("u", (Transition("u"),)),
        ("[u, v]", (Transition("u"), Transition("v"))),
        (f"[u, {{v: {TRUE}}}]", (Transition("u"), Transition("v", TRUE))),
        ("[{v: '{{ _.a }}'}]", (Transition("v", "{{ _.a }}"),)),
        ("{next: u}", (Transition("u"),)),
        (f"{{next: [u, {{v: {TRUE}}}]}}", (Transition("u"), Transition("v", TRUE))),
    ],
)
def test_L075_forms_of_an_on_clause(key, clause, expected):
    assert targets(clause, key) == expected


@pytest.mark.parametrize("condition", ["yes_text", "true", "1", "''", "[]", "{a: 1}", "'{% if a %}1{% endif %}'", "'x <% a %>'", "null"])
def test_L076_a_condition_that_is_no_expression_is_refused(condition):
    assert "is not valid under any of the given schemas" in task_refusal(f"{{on-success: [{{u: {condition}}}]}}")


def test_L076_the_reason_names_the_condition():
    assert task_refusal("{on-success: [{u: yes_text}]}").startswith("Invalid DSL: 'yes_text' is not valid under any of the given schemas")


@pytest.mark.parametrize("condition", ["<% a %> or <% b %>", "<% a %>  "])
def test_L077_a_condition_with_more_than_one_expression_is_kept_as_text(condition):
    assert targets(f"[{{u: '{condition}'}}]") == (Transition("u", condition),)


def test_L078_equal_targets_in_one_list_are_refused_but_not_with_other_conditions():
    assert task_refusal("{on-success: [u, u]}").startswith("Invalid DSL: ['u', 'u'] is not valid under any of the given schemas")
    assert names("[u, {u: <% 1 %>}, {u: <% 2 %>}]") == ["u", "u", "u"]


@pytest.mark.parametrize("target", ["u", "ghost"])
def test_L079_a_mapping_directly_under_a_clause_is_no_transition(target):
    spec = tasks(f"t: {{on-success: {{{target}: {TRUE}}}}}\nu: {{action: std.noop}}")
    assert spec.tasks["t"].on_success.targets == ()
    assert spec.start_tasks == ("t", "u")


def test_L080_a_single_mapping_under_next_loses_its_condition():
    assert targets("{next: {u: <% false %>}}") == (Transition("u"),)


def test_L081_a_list_of_mappings_under_next_keeps_conditions():
    assert targets("{next: [{u: <% 1 %>}, {v: <% 2 %>}]}") == (Transition("u", "<% 1 %>"), Transition("v", "<% 2 %>"))


@pytest.mark.parametrize(
    ("clause", "reason"),
    [
        ("{next: u, extra: 1}", "1 is not valid under any of the given schemas"),
        ("[]", "[] is not valid under any of the given schemas"),
        ("[{u: <% true %>, v: <% true %>}]", "{'u': '<% true %>', 'v': '<% true %>'} is not valid under any of the given schemas"),
        ("5", "5 is not valid under any of the given schemas"),
        ("a b", "'a b' is not valid under any of the given schemas"),
        ("{next: []}", "{'next': []} is not valid under any of the given schemas"),
    ],
)
def test_L082_other_forms_are_refused(clause, reason):
    assert task_refusal(f"{{on-success: {clause}}}").startswith(f"Invalid DSL: {reason}")


def test_L082_an_empty_mapping_is_an_advanced_clause_without_anything():
    assert task("{on-success: {}}").on_success is NO_CLAUSE


@pytest.mark.parametrize("key", CLAUSES)
def test_L083_L084_L086_every_clause_is_kept_under_its_own_name(key):
    filled = [name for name, clause in task(f"{{{key}: u}}").clauses() if clause is not NO_CLAUSE]
    assert filled == [key]


@pytest.mark.parametrize("command", ["noop", "fail", "succeed", "pause"])
def test_L087_L088_L089_L090_L091_commands_need_no_task(command):
    [transition] = targets(command)
    assert (transition.is_command, transition.parameters) == (True, {})


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ('fail msg="gave up"', {"msg": "gave up"}),
        ("pause msg=<% $.why %>", {"msg": "<% $.why %>"}),
        ("succeed msg=[1,2]", {"msg": [1, 2]}),
        ("fail msg=5 other='x'", {"msg": 5, "other": "x"}),
    ],
)
def test_L092_a_command_has_parameters(text, parameters):
    quoted = text.replace("'", "''")
    assert targets(f"['{quoted}']")[0].parameters == parameters


@pytest.mark.parametrize("target", ["fail msg=<% 1 + %>", 'fail msg="<% 1 %> {{ 2 }}"', "succeed other={{ 1 + }}", "u x=<% 1 + %>"])
@pytest.mark.parametrize("clause", ["on-success: {}", "on-error: [{}]", "on-complete: {{next: [{}]}}", "on-skip: [{{{}: <% true %>}}]"])
def test_L055_L172_parameters_of_targets_are_not_checked(clause, target):
    task(f"{{{clause.format(repr(target))}}}")


def test_L093_a_parenthesised_command_works_with_a_blank_inside():
    assert targets("'fail(msg=\"too big\")'") == (Transition("fail", None, {"msg": "too big"}),)
    assert targets(f"[{{'fail(msg=\"too big\")': {TRUE}}}]") == (Transition("fail", TRUE, {"msg": "too big"}),)


def test_L093_and_is_refused_without():
    message = task_refusal("{on-success: 'fail(msg=\"x\")'}")
    assert message.startswith("Invalid DSL: 'fail(msg=\"x\")' is valid under each of ")
    assert "a command with parameters needs a blank" in message
    message = task_refusal(f"{{on-success: [{{'fail(msg=\"x\")': {TRUE}}}]}}")
    assert message.startswith("Task 'fail(msg=\"x\")' not found.")
    assert 'fail msg="x"' in message


def test_L093_the_condition_of_a_key_with_a_blank_is_not_checked_and_counts_only_as_text():
    clause = "[{'fail msg=\"x\"': true}, {'fail msg=\"y\"': plain}, {'fail msg=\"z\"': <% 1 %>}]"
    assert [transition.condition for transition in targets(clause)] == [None, "plain", "<% 1 %>"]


def test_L094_L095_L096_targets_keep_their_order():
    assert names("[u, fail, v, pause]") == ["u", "fail", "v", "pause"]


def test_L097_L099_L100_published_values_are_kept_as_written():
    spec = task(
        "{publish: {a: 1, b: 1.5, c: null, d: [x, {y: <% $.z %>}], '<% $.k %>': true}, publish-on-error: {e: 1}, publish-on-skip: {s: 0}}"
    )
    assert spec.publish == {"a": 1, "b": 1.5, "c": None, "d": ["x", {"y": "<% $.z %>"}], "<% $.k %>": True}
    assert (spec.publish_on_error, spec.publish_on_skip) == ({"e": 1}, {"s": 0})


@pytest.mark.parametrize("key", ["publish", "publish-on-error", "publish-on-skip"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [("[a, b]", "['a', 'b'] is not of type 'object'"), ("{}", "{} should be non-empty"), ("x", "'x' is not of type 'object'")],
)
def test_L097_a_malformed_publish_is_refused(key, value, reason):
    assert task_refusal(f"{{{key}: {value}}}").startswith(f"Invalid DSL: {reason}")


def test_L103_L104_L106_scopes_of_an_on_clause():
    clause = task("{on-success: {publish: {branch: {a: 1}, global: {b: 2}}, next: u}}").on_success
    assert clause.publish == PublishSpec(branch={"a": 1}, global_={"b": 2})
    assert clause.targets == (Transition("u"),)


def test_L108_a_publish_section_without_a_scope_is_refused():
    assert task_refusal("{on-success: {publish: {}, next: u}}").startswith("Either 'branch', 'global' or 'atomic' must be specified")


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        ("{nowhere: {a: 1}}", "{'nowhere': {'a': 1}} is not valid under any of the given schemas"),
        ("{branch: {}}", "{} should be non-empty"),
        ("{branch: [a]}", "['a'] is not of type 'object'"),
        ("'<% $ %>'", "'<% $ %>' is not of type 'object'"),
    ],
)
def test_L108_malformed_scopes_are_refused(section, reason):
    assert task_refusal(f"{{on-success: {{publish: {section}}}}}").startswith(f"Invalid DSL: {reason}")


def test_L109_the_atomic_scope_is_accepted():
    assert task("{on-success: {publish: {atomic: {a: 1}}}}").on_success.publish == PublishSpec(atomic={"a": 1})


def test_L110_L111_sections_are_kept_apart_and_absent_scopes_are_told_from_empty_ones():
    spec = task("{publish: {a: 1}, on-success: {publish: {global: {g: 1}}}, on-complete: {publish: {branch: {c: 1}}}}")
    assert spec.publish == {"a": 1}
    assert spec.on_success.publish == PublishSpec(branch=None, global_={"g": 1})
    assert spec.on_complete.publish == PublishSpec(branch={"c": 1})


def test_L112_publishing_of_defaults_is_ignored():
    spec = tasks("t: {on-error: {publish: {branch: {own: 1}}}}")
    assert spec.tasks["t"].on_error.publish == PublishSpec(branch={"own": 1})


@pytest.mark.parametrize(
    ("value", "variables"),
    [
        ("i in <% $.list %>", {"i": "<% $.list %>"}),
        ("i in {{ _.list }}", {"i": "{{ _.list }}"}),
        ('i in [1, 2, "x"]', {"i": [1, 2, "x"]}),
        ("i in<% $.x %>", {"i": "<% $.x %>"}),
        ("  my-var  in  [1] and more", {"my-var": [1]}),
        ('i in [[1], {"a": null}]', {"i": [[1], {"a": None}]}),
        (["i in <% $.a %>", "j in [1]"], {"i": "<% $.a %>", "j": [1]}),
        (["i in [1]", "i in [2]"], {"i": [2]}),
    ],
)
def test_L115_forms_of_with_items(value, variables):
    assert task(f"{{with-items: {json.dumps(value)}}}").with_items == variables


@pytest.mark.parametrize(
    "value", ["<% $.l %>", "i of <% $.l %>", "i in [1, 2", "i in [", "i in []", "i in x", "in [1]", "i <% $.l %>", "$i in [1]", "i in <% a"]
)
def test_L116_a_malformed_with_items_is_refused_and_shows_the_task(value):
    message = task_refusal(f"{{with-items: '{value}', action: std.noop}}")
    assert message.startswith(
        "Wrong format of 'with-items' property. Please use format 'var in {[some, list] | <% $.array %> }: "
        f"{{'with-items': '{value}', 'action': 'std.noop', 'type': 'direct', 'name': 't', 'version': '2.0'}}"
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("[x, y]", "Expecting value: line 1 column 2 (char 1)"),
        ("[<% $.a %>]", "Expecting value"),
        ("[1] [2]", "Extra data"),
        ('["\\u0000"]', "it has characters that can't be stored"),
    ],
)
def test_L117_brackets_that_are_no_json_are_refused(value, reason):
    message = task_refusal(f"{{with-items: 'i in {value}'}}")
    assert message.startswith(f"Invalid array in 'with-items' clause: {value}, error: {reason}")


def test_L118_a_quoted_expression_is_refused():
    assert "Wrong format of 'with-items' property" in task_refusal("{with-items: \"i in '<% $.l %>'\"}")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("[]", "[] should be non-empty"),
        ("{i: [1]}", "{'i': [1]} is not valid under any of the given schemas"),
        ("5", "5 is not valid under any of the given schemas"),
        ("''", "'' should be non-empty"),
        ("['i in [1]', 'i in [1]']", "['i in [1]', 'i in [1]'] has non-unique elements"),
    ],
)
def test_L119_other_types_are_refused(value, reason):
    assert task_refusal(f"{{with-items: {value}}}").startswith(f"Invalid DSL: {reason}")


def test_L123_a_name_may_use_an_item_variable_although_it_is_not_visible_there():
    assert task("{with-items: 'i in [1]', action: '<% $.i %>', input: {x: <% $.i %>}}").action == "<% $.i %>"


def test_a_document_is_refused_at_the_line_of_the_target():
    text = document("tasks:\n  t:\n    on-success:\n      - u\n      - v: <% 1 + %>\n  u: {action: std.noop}\n  v: {action: std.noop}")
    assert "(line 7, workflow 'wf', task 't', key 'on-success[1]'; in '<% 1 + %>')" in refusal(text)
