"""Functions that ask about executions, as the core answers them (2.6)."""

from __future__ import annotations

from typing import Any

import pytest
from world import Case, flow


def evaluate(text: str, **options: Any) -> Any:
    return flow(f"""
        wf:
          tasks:
            a: {{action: std.echo output=1, publish: {{p: 1}}, on-success: t}}
            t: {{publish: {{r: "{text}"}}}}
            later: {{action: std.async_noop}}
        """, **options).task("t").published["r"]  # type: ignore[index]


def test_L186_execution_has_eight_keys_and_no_state() -> None:
    assert sorted(evaluate("<% execution().keys() %>")) == sorted(
        ["id", "name", "spec", "input", "params", "created_at", "updated_at", "root_execution_id"])
    assert evaluate("<% execution().name %>") == "wf"


def test_L187_task_has_eleven_keys() -> None:
    assert sorted(evaluate("<% task(a).keys() %>")) == sorted(
        ["id", "name", "spec", "state", "state_info", "result", "published", "type", "workflow_execution_id", "created_at",
         "updated_at"])


@pytest.mark.parametrize("text", ["<% task().name %>", "<% task(t).name %>", "{{ task().name }}"])
def test_L188_task_is_the_current_task(text: str) -> None:
    assert evaluate(text) == "t"


@pytest.mark.parametrize("name", ["nope", "never"])
def test_L189_task_of_an_unknown_or_not_started_task_is_null(name: str) -> None:
    case = flow(f"""
        wf:
          tasks:
            t: {{publish: {{r: <% task({name}) %>}}}}
            w: {{action: std.async_noop, on-success: never}}
            never: {{action: std.noop}}
        """)
    assert case.task("t").published == {"r": None}


@pytest.mark.parametrize(("output", "state", "shown"), [
    ("<% task() %>", "SUCCESS", None), ("<% task() = null %>", "SUCCESS", True), ("<% task().name %>", "ERROR", None),
    ("'{{ task() }}'", "ERROR", None),
])
def test_L190_task_without_name_outside_a_task_is_null_in_yaql_and_an_error_in_jinja(output: str, state: str, shown: object) -> None:
    case = flow(f"wf: {{output: {{x: {output}}}, tasks: {{t: {{action: std.noop}}}}}}")
    assert (case.state, case.output.get("x")) == (state, shown)


@pytest.mark.parametrize(("task", "result"), [
    ("action: std.echo output=1", 1),
    ("with-items: 'i in [1, 2]', action: std.echo output=<% $.i %>", [1, 2]),
    ("with-items: 'i in [1]', action: std.echo output=<% $.i %>", [1]),
    ("workflow: sub", {"o": 1}),
    ("workflow: sub, with-items: 'i in [1]'", [{"o": 1}]),
])
def test_L191_result_by_kind_of_task(task: str, result: Any) -> None:
    case = flow(f"""
        wf: {{output: {{r: <% task(t).result %>}}, tasks: {{t: {{{task}}}}}}}
        sub: {{output: {{o: 1}}, tasks: {{x: {{action: std.noop}}}}}}
        """)
    assert case.output == {"r": result}


def test_L192_result_is_an_empty_list_when_nothing_was_accepted() -> None:
    case = flow("wf: {output: {r: <% task(t).result %>}, tasks: {t: {action: std.async_noop, timeout: 1, on-error: noop}}}")
    case.advance(1)
    assert case.output == {"r": []}


def test_L193_result_of_a_failed_action_is_its_error() -> None:
    case = flow('wf: {output: {r: <% task(t).result %>}, tasks: {t: {action: std.fail error_data="bad", on-error: noop}}}')
    assert case.output == {"r": "bad"}


TASKS = """
wf:
  tasks:
    s: {workflow: sub, on-success: t}
    e: {action: std.fail, on-error: noop}
    t:
      publish:
        own: <% tasks(execution().id).name %>
        deep: <% tasks(workflowExecutionId => execution().id, recursive => true).name %>
        failed: <% tasks(execution().id, false, ERROR).name %>
        flat: <% tasks(execution().id, flat => true).name %>
        all: <% tasks().name %>
sub: {tasks: {x: {action: std.noop}}}
"""


def test_L194_tasks_filters() -> None:
    published = flow(TASKS).task("t").published
    assert published is not None
    assert published["own"] == ["s", "e", "t"]
    assert published["deep"] == ["s", "e", "t", "x"]
    assert published["failed"] == ["e"]
    assert published["flat"] == ["e", "t"]


def test_L195_tasks_without_id_covers_the_project() -> None:
    other = flow("other: {tasks: {o: {action: std.noop}}}")
    published = flow(TASKS, world=other.world).task("t").published
    assert sorted((published or {})["all"]) == ["e", "o", "s", "t", "x"]


def test_L196_executions_are_asked_by_filter() -> None:
    case = flow("wf: {tasks: {t: {publish: {n: <% executions(state => RUNNING).len() %>, z: <% executions(id => nope).len() %>}}}}")
    assert case.output == {"n": 1, "z": 0}


def test_L198_uuid_gives_different_values() -> None:
    case = flow("wf: {tasks: {t: {publish: {a: <% uuid() %>, b: <% uuid() %>}}}}")
    assert case.output["a"] != case.output["b"]
    assert len(case.output["a"]) == 36


def test_L201_global_of_something_missing_is_null() -> None:
    assert evaluate("<% global(missing) %>") is None


def test_L188_a_loop_sees_its_own_instance() -> None:
    case: Case = flow("""
        wf:
          vars: {n: 0}
          tasks:
            go: {on-success: step}
            step:
              action: std.echo output=<% $.n %>
              publish: {n: <% $.n + 1 %>, seen: <% task(step).result %>}
              on-success: [{step: <% $.n < 3 %>}]
        """)
    assert [(t.published or {})["seen"] for t in case.tasks("step")] == [0, 1, 2]
