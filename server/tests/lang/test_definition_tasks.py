"""Keys of a task (1.8)."""

from __future__ import annotations

import pytest
from lang_parsing import document, refusal, task, task_refusal, tasks, workflow

from maestrale import lang
from maestrale.errors import JinjaGrammarError, YaqlGrammarError
from maestrale.lang.specs import ALL, RetrySpec

INTEGERS = ("wait-before", "wait-after", "timeout", "concurrency")
BOOLEANS = ("pause-before", "fail-on", "keep-result", "safe-rerun")


@pytest.mark.parametrize("key", ["colour", "on_success", "vars", "safe-input", "Action"])
def test_L045_an_unknown_key_of_a_task_is_refused(key):
    assert task_refusal(f"{{action: std.noop, {key}: x}}").startswith(
        f"Invalid DSL: Additional properties are not allowed ('{key}' was unexpected)"
    )


def test_L045_several_unknown_keys_are_named_together():
    assert "('beta', 'zeta' were unexpected)" in task_refusal("{zeta: 1, beta: 2}")


def test_L046_action_and_workflow_together_are_refused():
    message = task_refusal("{action: std.noop, workflow: w}")
    assert message.startswith(
        "Invalid DSL: {'action': 'std.noop', 'workflow': 'w', 'type': 'direct', 'name': 't', 'version': '2.0'} is valid under each of "
    )
    assert "expected either 'action' or 'workflow'" in message


def test_L047_a_task_with_neither_runs_noop():
    spec = task("{description: x}")
    assert (spec.action, spec.workflow, spec.type) == ("std.noop", None, "ACTION")
    assert task("{workflow: w}").type == "WORKFLOW"


@pytest.mark.parametrize(
    ("body", "reason"), [("", "None is not of type 'object'"), ("{}", "{} should be non-empty"), ("x", "'x' is not of type 'object'")]
)
def test_L048_a_task_without_a_body_is_refused(body, reason):
    assert task_refusal(body).startswith(f"Invalid DSL: {reason}")


def test_L049_name_version_and_type_of_a_task_are_overwritten():
    raw = task("{type: reverse, name: other, version: 9, action: std.noop}").raw
    assert raw == {"type": "direct", "name": "t", "version": "2.0", "action": "std.noop"}


@pytest.mark.parametrize("key", INTEGERS)
@pytest.mark.parametrize("value", ["-1", "1.5", "'5'", "soon", "true", "null", "[1]", "{a: 1}"])
def test_L050_policies_take_no_other_than_whole_numbers_from_zero(key, value):
    assert "is not valid under any of the given schemas" in task_refusal(f"{{{key}: {value}}}")


@pytest.mark.parametrize("key", INTEGERS)
def test_L050_policies_take_whole_numbers(key):
    attribute = key.replace("-", "_")
    assert getattr(task(f"{{{key}: 3}}").policies, attribute) == 3
    assert getattr(task(f"{{{key}: 2.0}}").policies, attribute) == 2
    assert getattr(task(f"{{{key}: 0}}").policies, attribute) is None


@pytest.mark.parametrize("key", BOOLEANS)
@pytest.mark.parametrize("value", ["1", "'true'", "maybe", "null", "[true]"])
def test_L050_switches_take_booleans_only(key, value):
    assert "is not valid under any of the given schemas" in task_refusal(f"{{{key}: {value}}}")


@pytest.mark.parametrize("key", [*INTEGERS, *BOOLEANS])
@pytest.mark.parametrize("value", ["<% $.n %>", "{{ _.n }}", "<% $.n %>  ", "<% a %> or <% b %>"])
def test_L051_policies_take_a_text_that_begins_and_ends_as_an_expression(key, value):
    assert task(f"{{{key}: '{value}'}}").raw[key] == value


@pytest.mark.parametrize("key", [*INTEGERS, *BOOLEANS])
@pytest.mark.parametrize("value", ["x <% $.n %>", "<% $.n %> x", "{% if a %}1{% endif %}", " <% $.n %>"])
def test_L051_text_around_an_expression_or_a_block_is_refused(key, value):
    assert "is not valid under any of the given schemas" in task_refusal(f"{{{key}: '{value}'}}")


@pytest.mark.parametrize(("join", "value"), [("all", ALL), ("one", 1), ("1", 1), ("2", 2), ("0", None)])
def test_L052_forms_of_join(join, value):
    assert tasks(f"a: {{on-success: j}}\nb: {{on-success: j}}\nj: {{join: {join}}}").tasks["j"].join == value


@pytest.mark.parametrize(
    ("join", "reason"),
    [
        ("some", "'some' is not valid under any of the given schemas"),
        ("'2'", "'2' is not valid under any of the given schemas"),
        ("50%", "'50%' is not valid under any of the given schemas"),
        ("true", "True is not valid under any of the given schemas"),
        ("-1", "-1 is less than the minimum of 0"),
        ("1.5", "1.5 is not valid under any of the given schemas"),
    ],
)
def test_L053_other_joins_are_refused(join, reason):
    assert task_refusal(f"{{join: {join}}}").startswith(f"Invalid DSL: {reason}")


@pytest.mark.parametrize("key", ["on-success", "on-error", "on-complete", "on-skip", "join"])
def test_L054_a_reverse_task_has_no_clauses_and_no_join(key):
    message = refusal(document(f"type: reverse\ntasks: {{a: {{action: x}}, b: {{{key}: a}}}}"))
    assert f"Additional properties are not allowed ('{key}' was unexpected)" in message


def test_L054_a_direct_task_has_no_requires():
    assert "('requires' was unexpected)" in task_refusal("{requires: u}")


@pytest.mark.parametrize(
    "body",
    [
        "{action: 'std.echo output=<% 1 + %>'}",
        "{workflow: 'w x=<% 1 + %>'}",
        "{input: {x: <% 1 + %>}}",
        "{input: <% 1 + %>}",
        "{publish: {x: <% 1 + %>}}",
        "{publish-on-error: {x: <% 1 + %>}}",
        "{publish-on-skip: {x: <% 1 + %>}}",
        "{with-items: i in <% 1 + %>}",
        "{with-items: ['i in [1]', 'j in <% 1 + %>']}",
        "{wait-before: <% 1 + %>}",
        "{timeout: <% 1 + %>}",
        "{fail-on: <% 1 + %>}",
        "{keep-result: <% 1 + %>}",
        "{safe-rerun: <% 1 + %>}",
        "{retry: {count: <% 1 + %>, delay: 1}}",
        "{retry: {count: 1, delay: 1, break-on: <% 1 + %>}}",
        "{retry: 'count=1 delay=1 break-on=<% 1 + %>'}",
        "{on-success: [{u: <% 1 + %>}]}",
        "{on-error: {next: [{u: <% 1 + %>}]}}",
        "{on-complete: {publish: {branch: {x: <% 1 + %>}}}}",
        "{on-complete: {publish: {global: {x: <% 1 + %>}}}}",
    ],
)
def test_L055_a_syntax_error_is_found_when_the_definition_is_checked(body):
    with pytest.raises(YaqlGrammarError, match="^Parse error: unexpected end of statement .*task 't'"):
        task(body)


def test_L055_in_either_language_and_in_the_workflow_as_well():
    with pytest.raises(JinjaGrammarError, match="^Syntax error '"):
        task("{publish: {x: '{{ a + }}'}}")
    for section in ("output", "vars"):
        with pytest.raises(YaqlGrammarError, match=f"line 3, workflow 'wf', key '{section}.x'"):
            workflow(f"{section}: {{x: <% 1 + %>}}\ntasks: {{t: {{action: std.noop}}}}")
    with pytest.raises(YaqlGrammarError):
        workflow("task-defaults: {timeout: <% 1 + %>}\ntasks: {t: {action: std.noop}}")


@pytest.mark.parametrize(
    "body",
    [
        "{action: '<% 1 + %>'}",
        "{action: '<%1+%>'}",
        "{target: <% 1 + %>}",
        "{input: {x: [<% 1 + %>]}}",
        "{publish: {x: {y: <% 1 + %>}}}",
        "{description: <% 1 + %>}",
        "{tags: [<% 1 + %>]}",
    ],
)
def test_L056_names_targets_and_nested_values_are_not_checked(body):
    assert task(body)


def test_L056_nor_is_output_on_error():
    assert workflow("output-on-error: {x: <% 1 + %>}\ntasks: {t: {action: std.noop}}").output_on_error == {"x": "<% 1 + %>"}


@pytest.mark.parametrize("name", ["noop", "fail", "succeed", "pause"])
def test_L057_a_task_called_like_a_command_is_no_target(name):
    spec = tasks(f"a: {{on-success: {name}}}\n{name}: {{action: std.noop}}")
    assert spec.tasks["a"].on_success.targets[0].is_command
    assert spec.start_tasks == ("a",)
    assert spec.outbound["a"] == ()
    assert spec.inbound[name] == ()


def test_L057_without_inbound_transitions_it_starts_like_any_other():
    assert tasks("noop: {action: std.noop}").start_tasks == ("noop",)


def test_a_task_called_version_is_dropped():
    assert list(tasks("version: {action: std.noop}\na: {action: std.noop}").tasks) == ["a"]


def test_tasks_whose_name_has_other_than_word_characters_may_have_an_empty_body():
    assert tasks("a-b: {}").tasks["a-b"].action == "std.noop"
    assert "None is not of type 'object'" in refusal(document("tasks: {a-b: }"))


@pytest.mark.parametrize("name", ["a.b", "a b", "a-b", "A"])
def test_names_of_tasks_are_free(name):
    assert name in tasks(f"{name}: {{action: std.noop}}").tasks


@pytest.mark.parametrize(
    ("retry", "spec"),
    [
        ("{count: 3, delay: 5}", RetrySpec(3, 5)),
        ("{count: 0, delay: 0}", RetrySpec(0, 0)),
        (
            "{count: <% $.n %>, delay: 1, break-on: <% $.b %>, continue-on: '{{ _.c }}'}",
            RetrySpec("<% $.n %>", 1, "<% $.b %>", "{{ _.c }}"),
        ),
        ("count=3 delay=5 break-on=<% $.stop %>", RetrySpec(3, 5, "<% $.stop %>")),
        ("delay=1 count=<% $.n %>", RetrySpec("<% $.n %>", 1)),
    ],
)
def test_forms_of_retry(retry, spec):
    assert task(f"{{retry: {retry}}}").policies.retry == spec


@pytest.mark.parametrize(
    ("retry", "reason"),
    [
        ("{count: 3}", "'delay' is a required property"),
        ("{count: -1, delay: 1}", "-1 is not valid under any of the given schemas"),
        ("{count: 1.5, delay: 1}", "1.5 is not valid under any of the given schemas"),
        ("{count: 1, delay: 1, until: x}", "Additional properties are not allowed ('until' was unexpected)"),
        ("{count: 1, delay: 1, break-on: text}", "'text' is not valid under any of the given schemas"),
        ("5", "5 is not valid under any of the given schemas"),
        ("count=3", "'delay' is a required property"),
        ("count=3 delay=-5", "'delay' is a required property"),
        ("count='3' delay=5", "'3' is not valid under any of the given schemas"),
    ],
)
def test_malformed_retries_are_refused(retry, reason):
    value = retry if retry.startswith("{") or "=" not in retry else f'"{retry}"'
    message = task_refusal(f"{{retry: {value}}}")
    assert message.startswith("Invalid DSL: ")
    assert reason in message or "is a required property" in message


def test_keep_result_and_safe_rerun_as_expressions_count_as_true():
    spec = task("{keep-result: <% false %>, safe-rerun: '{{ false }}'}")
    assert (spec.keep_result, spec.safe_rerun) == (True, True)
    spec = task("{keep-result: false, safe-rerun: true}")
    assert (spec.keep_result, spec.safe_rerun) == (False, True)
    assert (task("{action: a}").keep_result, task("{action: a}").safe_rerun) == (True, False)


def test_the_remaining_keys_are_taken_over():
    spec = task("{description: d, tags: [a, b], target: <% $.host %>, timeout: 5}")
    assert (spec.description, spec.tags, spec.target, spec.own_timeout) == ("d", ("a", "b"), "<% $.host %>", 5)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("description", "''"),
        ("description", "5"),
        ("target", "''"),
        ("tags", "a"),
        ("action", "''"),
        ("action", "5"),
        ("input", "{}"),
        ("input", "[a]"),
        ("input", "''"),
    ],
)
def test_malformed_values_of_other_keys_are_refused(key, value):
    assert task_refusal(f"{{{key}: {value}}}").startswith("Invalid DSL: ")


def test_a_large_workflow_is_read_without_the_place_of_any_key_being_asked_for():
    body = "\n".join(f"  t{n}: {{action: std.noop, on-success: t{n + 1}}}" for n in range(400)) + "\n  t400: {action: std.noop}"
    assert len(lang.parse_workflows(document("tasks:\n" + body))[0].spec.tasks) == 401
