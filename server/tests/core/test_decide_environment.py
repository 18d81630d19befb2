"""Environments, namespaces, what a start is given (1.21-1.23), and the order of look-ups (2.4, 2.5)."""

from __future__ import annotations

from typing import Any

import pytest
from world import Case, World, flow

from maestrale.errors import EvaluationError, InputError

NOOP = "wf: {tasks: {t: {action: std.noop}}}"
SHOW_ENV = "wf: {output: {e: <% env() %>}, tasks: {t: {action: std.noop}}}"


def with_env(env: Any, **params: Any) -> Case:
    return flow(SHOW_ENV, params={"env": env, **params})


def test_L152_sub_workflows_are_found_in_the_parents_namespace_first_then_in_the_default() -> None:
    world = World()
    world.define("{version: '2.0', sub: {output: {w: default}, tasks: {t: {action: std.noop}}},"
                 " only: {output: {w: only}, tasks: {t: {action: std.noop}}}}")
    world.define("{version: '2.0', sub: {output: {w: ns}, tasks: {t: {action: std.noop}}},"
                 " wf: {tasks: {a: {workflow: sub}, b: {workflow: only}}}}", "ns")
    case = Case(world, world.start("wf", namespace="ns"))
    assert (case.result("a"), case.result("b")) == ({"w": "ns"}, {"w": "only"})
    assert case.child("b").execution.params["namespace"] == "ns"


@pytest.mark.parametrize("namespace", ["", "ns"])
def test_L154_the_namespace_is_always_in_params(namespace: str) -> None:
    world = World()
    world.define("{version: '2.0', wf: {tasks: {t: {action: std.noop}}}}", namespace)
    assert Case(world, world.start("wf", namespace=namespace)).execution.params["namespace"] == namespace


def test_L155_env_as_a_mapping_and_by_name() -> None:
    assert with_env({"a": 1}).output == {"e": {"a": 1}}
    world = World(environments={"stored": {"a": 2}})
    case = flow(SHOW_ENV, world=world, params={"env": "stored"})
    assert case.output == {"e": {"a": 2}}
    assert case.execution.params["env"] == {"a": 2}


@pytest.mark.parametrize(("env", "text"), [
    ("nope", "Environment is not found: nope"), ([1], "Unexpected value type for environment [env=[1], type="),
])
def test_L156_an_unknown_environment_is_refused(env: Any, text: str) -> None:
    with pytest.raises(InputError) as error:
        with_env(env)
    assert str(error.value).startswith(text)


def test_L157_environment_expressions_are_evaluated_once_with_env_only() -> None:
    case = with_env({"a": 1, "b": "<% env().a + 1 %>", "c": "<% env().b %>"})
    assert case.output == {"e": {"a": 1, "b": 2, "c": "<% env().a + 1 %>"}}


@pytest.mark.parametrize("text", ["<% $.a %>", "<% execution().id %>", "<% task(t) %>", "<% global(x) %>"])
def test_L157_anything_else_in_an_environment_is_refused(text: str) -> None:
    with pytest.raises(EvaluationError):
        with_env({"a": 1, "b": text})


def test_L158_evaluate_env_false_keeps_the_environment_literal() -> None:
    assert with_env({"b": "<% 1 %>"}, evaluate_env=False).output == {"e": {"b": "<% 1 %>"}}


ACTIONS = {"__actions": {"test.work": {"a": "default", "b": {"x": 1}}}}


def test_L159_actions_in_the_environment_give_defaults_under_the_tasks_own_input() -> None:
    case = flow("wf: {tasks: {t: {action: test.work, input: {b: {y: 2}}}}}", params={"env": ACTIONS})
    assert case.attempts("t")[0].input == {"a": "default", "b": {"x": 1, "y": 2}}


def test_H83_defaults_do_not_reach_dynamic_names_nor_sub_workflows() -> None:
    case = flow("""
        wf:
          vars: {n: test.work}
          tasks:
            t: {action: <% $.n %>}
            s: {workflow: sub}
        sub: {tasks: {u: {action: test.work}}}
        """, params={"env": ACTIONS})
    assert case.attempts("t")[0].input == {}
    assert case.child("s").attempts("u")[0].input == {}


def test_L160_env_in_a_sub_workflow_is_that_of_the_root() -> None:
    case = flow("""
        wf: {tasks: {s: {workflow: mid, input: {env: {a: 9}}}}}
        mid: {output: {r: <% task(x).result %>}, tasks: {x: {workflow: sub}}}
        sub: {output: {e: <% env().a %>}, tasks: {t: {action: std.noop}}}
        """, params={"env": {"a": 1}})
    assert case.result("s") == {"r": {"e": 1}}
    assert case.child("s").execution.params["env"] == {"a": 9}


def test_L163_undeclared_inputs_of_a_sub_workflow_call_become_params() -> None:
    case = flow("""
        wf: {tasks: {s: {workflow: sub, input: {known: 1, extra: 2, index: 7}}}}
        sub: {input: [known], output: {p: <% execution().params.extra %>}, tasks: {t: {action: std.noop}}}
        """)
    child = case.child("s").execution
    assert child.input == {"known": 1}
    assert (child.params["extra"], child.params["index"]) == (2, 0)
    assert case.result("s") == {"p": 2}


def test_L185_env_is_empty_without_environment() -> None:
    case = flow(SHOW_ENV)
    assert (case.output, case.execution.params["env"]) == ({"e": {}}, {})


# ---- order of look-ups

ORDER = """
wf:
  input: [a, b, c, d]
  vars: {b: var, c: var}
  output: {a: <% $.a %>, b: <% $.b %>, c: <% $.c %>, g: <% $.g %>, env: "<% $['__env'].e %>"}
  tasks:
    first:
      on-success:
        publish: {branch: {c: branch}, global: {g: globe, b: globe}}
        next: second
    second:
      action: test.work
      input: {a: <% $.a %>, b: <% $.b %>, c: <% $.c %>, g: <% $.g %>, me: "<% $['__task_execution'].name %>"}
      publish: {d: late}
      on-success: [{third: "<% $.d = late and $['__env'].e = 1 and $.a = input %>"}]
    third: {action: std.noop}
"""


@pytest.fixture
def ordered() -> Case:
    return flow(ORDER, dict.fromkeys("abcd", "input"), params={"env": {"e": 1}})


def test_L177_task_input_looks_up_task_context_globals_and_vars_input(ordered: Case) -> None:
    assert ordered.attempts("second")[0].input == {"a": "input", "b": "globe", "c": "branch", "g": "globe", "me": "second"}


def test_L178_transitions_look_up_the_outbound_context_first(ordered: Case) -> None:
    assert ordered.names == ["first", "second", "third"]


def test_L179_output_looks_up_final_context_environment_globals_input(ordered: Case) -> None:
    assert ordered.output == {"a": "input", "b": "globe", "c": "branch", "g": "globe", "env": 1}


def test_L180_an_undefined_variable_is_an_error_in_both_languages() -> None:
    for text in ("<% $.nope %>", "{{ _.nope }}"):
        assert flow(f"wf: {{tasks: {{t: {{action: std.echo, input: {{output: '{text}'}}}}}}}}").state == "ERROR"


def test_L181_internals_are_in_the_root() -> None:
    case = flow("wf: {tasks: {t: {publish: {e: \"<% $['__env'].e %>\", x: \"<% $['__execution'].id %>\"}}}}", params={"env": {"e": 1}})
    assert case.output == {"e": 1, "x": case.id}


@pytest.mark.parametrize(("place", "sees"), [
    ("publish: {r: <% $.v %>}", "in"),                              # before publishing
    ("publish: {v: new}, fail-on: <% $.v = new %>", "SUCCESS"),     # policies at completion don't see it
    ("publish: {v: new}, retry: {count: 1, delay: 0, continue-on: <% $.v = new %>}", 2),
])
def test_L178_places_that_see_what_a_task_publishes(place: str, sees: Any) -> None:
    case = flow(f"wf: {{vars: {{v: in}}, tasks: {{t: {{{place}}}}}}}")
    assert sees in {case.output.get("r"), case.state, len(case.attempts("t"))}


def test_H68_the_timeout_for_the_executor_sees_no_environment() -> None:
    case = flow("wf: {tasks: {t: {timeout: <% env().t %>, on-error: noop}}}", params={"env": {"t": 5}})
    assert case.state == "SUCCESS"
    assert (case.task("t").state_info or "").startswith("Can not evaluate YAQL expression")


def test_the_target_sees_the_evaluated_input() -> None:
    case = flow("wf: {tasks: {t: {action: test.work n=5, target: 'q<% $.n %>'}}}")
    assert case.attempts("t")[0].runtime_context["target"] == "q5"
