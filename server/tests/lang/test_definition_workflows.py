"""Keys of a workflow, its inputs and its structure (1.4 - 1.7)."""

from __future__ import annotations

import pytest
from lang_parsing import document, refusal, tasks, workflow

from maestrale import lang
from maestrale.errors import DSLParsingError, InvalidModelError
from maestrale.lang.specs import ALL, REQUIRED, Parameter

NOOP = "tasks: {t: {action: std.noop}}"


def test_L019_the_type_is_direct_unless_told_otherwise():
    assert workflow(NOOP).type == "direct"
    assert workflow(f"type: reverse\n{NOOP}").type == "reverse"
    assert workflow(f"type: reverse\n{NOOP}").class_name == "ReverseWorkflowSpec"


@pytest.mark.parametrize("kind", ["other", "5", "null", "[direct]"])
def test_L019_an_unknown_type_is_refused(kind):
    with pytest.raises(DSLParsingError, match="^Failed to find a specification class") as caught:
        workflow(f"type: {kind}\n{NOOP}")
    assert not isinstance(caught.value, InvalidModelError)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("description: x", "'tasks' is a required property"),
        ("tasks: {}", "{} should be non-empty"),
        ("tasks: [a]", "['a'] is not of type 'object'"),
        ("tasks:", "None is not of type 'object'"),
    ],
)
def test_L020_tasks_are_required_and_not_empty(body, reason):
    assert refusal(document(body)).startswith(f"Invalid DSL: {reason}")


@pytest.mark.parametrize("key", ["output", "output-on-error", "vars"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("[a]", "['a'] is not of type 'object'"),
        ("'<% $ %>'", "'<% $ %>' is not of type 'object'"),
        ("text", "'text' is not of type 'object'"),
        ("{}", "{} should be non-empty"),
        ("", "None is not of type 'object'"),
    ],
)
def test_L021_output_and_vars_are_mappings_with_something_in_them(key, value, reason):
    assert refusal(document(f"{key}: {value}\n{NOOP}")).startswith(f"Invalid DSL: {reason}")


def test_L022_unknown_keys_of_a_workflow_are_ignored():
    spec = workflow(f"colour: red\nouput: {{a: 1}}\n{NOOP}")
    assert spec.output is None
    assert spec.raw["colour"] == "red"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("{a: 1}", "{'a': 1} is not of type 'array'"),
        ("[]", "[] should be non-empty"),
        ("[a, a]", "['a', 'a'] has non-unique elements"),
        ("[{a: 1}, {a: 1}]", "[{'a': 1}, {'a': 1}] has non-unique elements"),
        ("[{a: 1, b: 2}]", "{'a': 1, 'b': 2} has too many properties"),
        ("[{}]", "{} should be non-empty"),
        ("['']", "'' should be non-empty"),
        ("[1]", "1 is not valid under any of the given schemas"),
    ],
)
def test_L023_input_is_a_list_of_names_and_one_key_mappings(value, reason):
    assert refusal(document(f"input: {value}\n{NOOP}")).startswith(f"Invalid DSL: {reason}")


def test_L023_the_last_default_of_a_name_wins():
    assert workflow(f"input: [{{a: 1}}, b, {{a: true}}]\n{NOOP}").input == (Parameter("a", True), Parameter("b"))


def test_L024_a_default_of_null_is_a_default():
    [required, optional] = workflow(f"input: [a, {{b: null}}]\n{NOOP}").input
    assert required.default is REQUIRED
    assert optional.default is None


def test_L025_an_expression_as_default_stays_text_and_is_not_even_checked():
    spec = workflow(f"input: [{{a: '<% 1 + %>'}}, {{b: {{c: '{{{{ x }}}}'}}}}]\n{NOOP}")
    assert spec.input == (Parameter("a", "<% 1 + %>"), Parameter("b", {"c": "{{ x }}"}))


def test_L029_L030_defaults_and_vars_are_kept_as_written():
    spec = workflow(f"input: [{{a: {{b: [1]}}}}]\nvars: {{x: '<% $.a %>', y: [1]}}\n{NOOP}")
    assert spec.input[0].default == {"b": [1]}
    assert spec.vars == {"x": "<% $.a %>", "y": [1]}


def test_L035_a_direct_workflow_without_a_start_task_is_refused():
    with pytest.raises(DSLParsingError) as caught:
        tasks("a: {on-success: b}\nb: {on-error: a}")
    assert str(caught.value).startswith(
        "Failed to find start tasks in direct workflow. There must be at least one task without inbound transition. [workflow_name=wf]"
    )
    assert not isinstance(caught.value, InvalidModelError)


@pytest.mark.parametrize("clause", ["on-success", "on-error", "on-complete", "on-skip"])
@pytest.mark.parametrize(
    "form", ["ghost", "[ghost]", "[{ghost: '<% true %>'}]", "{next: ghost}", "{next: [u, ghost]}", "{next: {ghost: '<% 1 %>'}}"]
)
def test_L036_a_transition_to_an_unknown_task_is_refused(clause, form):
    with pytest.raises(InvalidModelError, match="^Task 'ghost' not found\\."):
        tasks(f"t: {{{clause}: {form}}}\nu: {{action: std.noop}}")


def test_L036_a_near_miss_is_suggested():
    assert "did you mean 'deploy'?" in refusal(document("tasks:\n  a: {on-success: deplou}\n  deploy: {action: std.noop}"))


def test_L037_targets_of_defaults_are_checked_too():
    assert refusal(document(f"task-defaults: {{on-error: ghost}}\n{NOOP}")).startswith("Task 'ghost' not found.")


def test_L038_join_all_without_inbound_tasks_is_refused():
    assert refusal(document("tasks: {j: {join: all}}")).startswith("No inbound tasks for task with 'join: all' [task_name=j]")


@pytest.mark.parametrize(("join", "figure"), [("2", 2), ("one", 1), ("1", 1), ("2.0", 2)])
def test_L039_a_join_with_too_few_inbound_tasks_is_refused_with_the_figures(join, figure):
    source = "a: {on-success: j}" if figure == 2 else "a: {action: std.noop}"
    message = refusal(document(f"tasks:\n  {source}\n  j: {{join: {join}}}"))
    assert message.startswith(f"Not enough inbound tasks for task with 'join' [task_name=j, join={figure}, inbound_tasks={figure - 1}]")


def test_L040_several_bad_joins_are_reported_together():
    lines = refusal(document("tasks:\n  a: {on-success: k}\n  j: {join: all}\n  k: {join: 3}")).split("\n")
    assert lines[0] == "No inbound tasks for task with 'join: all' [task_name=j]"
    assert lines[1].startswith("Not enough inbound tasks for task with 'join' [task_name=k, join=3, inbound_tasks=1]")


def test_L041_a_task_that_names_a_join_twice_counts_once():
    message = refusal(document("tasks:\n  a: {on-success: j, on-error: [j], on-complete: [{j: <% true %>}]}\n  j: {join: 2}"))
    assert "inbound_tasks=1" in message


def test_L042_all_tasks_without_inbound_transitions_are_start_tasks():
    spec = tasks("c: {on-success: d}\na: {action: std.noop}\nd: {on-success: [fail]}\nb: {on-error: d}")
    assert spec.start_tasks == ("c", "a", "b")
    assert spec.inbound == {"c": (), "a": (), "d": ("c", "b"), "b": ()}
    assert spec.outbound == {"c": ("d",), "a": (), "d": (), "b": ("d",)}


def test_L042_an_island_that_is_a_cycle_is_accepted():
    assert tasks("a: {action: std.noop}\nb: {on-success: c}\nc: {on-success: b}").start_tasks == ("a",)


@pytest.mark.parametrize("where", ["own", "default"])
@pytest.mark.parametrize("name", ["ghost", "fail"])
def test_L043_requires_of_an_unknown_task_is_refused(where, name):
    body = (
        f"tasks: {{a: {{requires: [{name}]}}}}" if where == "own" else f"task-defaults: {{requires: {name}}}\ntasks: {{a: {{action: x}}}}"
    )
    assert refusal(document(f"type: reverse\n{body}")).startswith(f"Task '{name}' not found.")


def test_L043_the_graph_of_a_reverse_workflow_follows_requires_and_may_have_cycles():
    spec = workflow("type: reverse\ntasks: {a: {action: x}, b: {requires: a}, c: {requires: [b, a]}}")
    assert spec.inbound == {"a": (), "b": ("a",), "c": ("b", "a")}
    assert spec.outbound == {"a": ("b", "c"), "b": ("c",), "c": ()}
    assert spec.start_tasks == ("a",)
    assert workflow("type: reverse\ntasks: {a: {requires: b}, b: {requires: a}}").start_tasks == ()


def test_L044_called_actions_and_workflows_need_not_exist():
    assert tasks("a: {action: no.such}\nb: {workflow: neither}").start_tasks == ("a", "b")


@pytest.mark.parametrize("value", ["5", "[a]", "{a: 1}", "''", "null"])
def test_a_description_of_a_workflow_is_not_checked(value):
    assert isinstance(workflow(f"description: {value}\n{NOOP}").description, str)


@pytest.mark.parametrize(
    ("value", "reason"),
    [("blue", "'blue' is not of type 'array'"), ("[]", "[] should be non-empty"), ("[a, a]", "['a', 'a'] has non-unique elements"),
     ("[1]", "1 is not of type 'string'")],
)  # fmt: skip
def test_tags_are_unique_texts(value, reason):
    assert refusal(document(f"tags: {value}\n{NOOP}")).startswith(f"Invalid DSL: {reason}")


def test_a_specification_is_rebuilt_from_its_raw_form():
    text = document(
        """
        input: [a, {b: 1}]
        task-defaults: {retry: count=2 delay=1, on-error: c}
        tasks:
          a: {action: std.echo output=1, on-success: [b, {c: <% $.a %>}, fail msg="x"]}
          b: {with-items: 'i in [1, 2]', join: all, workflow: w x=1, input: {y: 2}}
          c: {join: one, publish: {z: 1}}
        output: {r: <% $.z %>}
        """
    )
    spec = lang.parse_workflows(text)[0].spec
    assert lang.workflow_from_raw(spec.raw) == spec
    assert spec.tasks["b"].join == ALL
