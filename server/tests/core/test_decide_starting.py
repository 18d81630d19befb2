"""Starting executions: input, vars, names of actions and workflows (1.5, 1.6, 1.9, 1.10)."""

from __future__ import annotations

from typing import Any

import pytest
from world import World, flow

from maestrale.errors import InputError, MaestraleError

ECHO_INPUT = """
wf:
  input: [a, {b: null}, {c: "<% 1 + 1 %>"}]
  output: {a: <% $.a %>, b: <% $.b %>, c: <% $.c %>}
  tasks:
    t: {action: std.noop}
"""


def refused_start(text: str, given: dict[str, Any] | None = None, **params: Any) -> tuple[World, str]:
    world = World()
    with pytest.raises(MaestraleError) as error:
        flow(text, given, world=world, params=params)
    return world, str(error.value)


def test_L024_an_input_with_default_null_is_optional() -> None:
    assert flow(ECHO_INPUT, {"a": 1}).output["b"] is None


def test_L025_expressions_in_defaults_stay_text() -> None:
    assert flow(ECHO_INPUT, {"a": 1}).output["c"] == "<% 1 + 1 %>"


def test_L026_expressions_in_input_values_stay_text() -> None:
    assert flow(ECHO_INPUT, {"a": "<% 2 + 2 %>"}).output["a"] == "<% 2 + 2 %>"


def test_L027_missing_input_is_refused_and_nothing_stored() -> None:
    world, text = refused_start(ECHO_INPUT)
    assert text == "Invalid input [name=wf, class=DirectWorkflowSpec, missing=['a']]"
    assert not world.snapshots


def test_L028_undeclared_input_is_refused() -> None:
    _, text = refused_start(ECHO_INPUT, {"a": 1, "z": 2})
    assert "unexpected=['z']" in text


def test_L029_execution_input_has_the_defaults() -> None:
    assert flow(ECHO_INPUT, {"a": 1}).execution.input == {"a": 1, "b": None, "c": "<% 1 + 1 %>"}


def test_L030_vars_are_evaluated_once_against_environment_and_input() -> None:
    case = flow("""
        wf:
          input: [n]
          vars: {sum: <% $.n + env().m %>, id: <% uuid() %>}
          output: {sum: <% $.sum %>, same: <% $.first = $.id %>}
          tasks:
            t: {publish: {first: <% $.id %>}}
        """, {"n": 1}, params={"env": {"m": 2}})
    assert case.output == {"sum": 3, "same": True}


def test_L031_one_var_cannot_refer_to_another() -> None:
    world, text = refused_start("""
        wf:
          vars: {a: 1, b: <% $.a %>}
          tasks: {t: {action: std.noop}}
        """)
    assert "$.a" in text
    assert not world.snapshots


def test_L032_a_var_shadows_an_input() -> None:
    assert flow("""
        wf:
          input: [x]
          vars: {x: var}
          output: {x: <% $.x %>}
          tasks: {t: {action: std.noop}}
        """, {"x": "input"}).output == {"x": "var"}


def test_L033_a_branch_variable_shadows_a_var() -> None:
    assert flow("""
        wf:
          vars: {x: var}
          tasks:
            t: {publish: {x: branch}, on-success: u}
            u: {publish: {seen: <% $.x %>}}
        """).output["seen"] == "branch"


def test_L034_a_failing_var_refuses_the_start() -> None:
    world, text = refused_start("wf: {vars: {a: <% $.nope %>}, tasks: {t: {action: std.noop}}}")
    assert "Can not evaluate YAQL expression" in text
    assert not world.snapshots


def test_L042_all_tasks_without_inbound_start_together() -> None:
    case = flow("""
        wf:
          tasks:
            a: {action: std.async_noop}
            b: {action: std.async_noop, on-success: c}
            c: {action: std.noop}
            d: {action: std.async_noop}
        """)
    assert case.names == ["a", "b", "d"]
    assert {case.task(name).state for name in case.names} == {"RUNNING"}


def test_L057_a_task_called_like_a_command_never_runs() -> None:
    case = flow("""
        wf:
          tasks:
            a: {on-success: noop}
            noop: {action: std.fail}
        """)
    assert case.state == "SUCCESS"
    assert case.names == ["a"]


@pytest.mark.parametrize(("inline", "expected"), [
    ('output="x"', "x"),
    ("output=5", 5),
    ("output=true", True),
    ("output=null", None),
    ("output=[1,2]", [1, 2]),
    ("output=<% 1 + 1 %>", 2),
    ('output="at <% 1 + 1 %>"', "at 2"),
    ("output={{ 1 + 2 }}", 3),
])
def test_L060_inline_parameters_are_evaluated(inline: str, expected: Any) -> None:
    case = flow(f"wf: {{tasks: {{t: {{action: 'std.echo {inline}'}}}}}}")
    assert case.result("t") == expected
    assert type(case.result("t")) is type(expected)


def test_L068_inline_parameters_win_and_nested_mappings_merge() -> None:
    case = flow("""
        wf:
          tasks:
            t:
              action: test.work a=1 b=<% dict(x => 1) %>
              input: {a: 2, c: 3}
        """)
    assert case.attempts("t")[0].input == {"a": 1, "b": {"x": 1}, "c": 3}


def test_L069_input_as_an_expression_gives_the_mapping() -> None:
    case = flow("wf: {tasks: {t: {action: std.echo, input: '<% dict(output => 7) %>'}}}")
    assert case.result("t") == 7


def test_L069_input_that_is_no_mapping_is_a_forced_failure() -> None:
    case = flow("wf: {tasks: {t: {action: std.echo, input: '<% [1] %>', on-error: noop}}}")
    assert case.state == "ERROR"
    assert "Wrong dynamic input for task: t. Dict type is expected." in (case.info or "")


def test_L070_a_dynamic_action_name_is_evaluated_at_the_start_of_the_task() -> None:
    case = flow("""
        wf:
          tasks:
            a: {publish: {name: std.echo}, on-success: b}
            b: {action: <% $.name %>, input: {output: 3}}
        """)
    assert case.result("b") == 3
    assert case.attempts("b")[0].name == "std.echo"


@pytest.mark.parametrize("name", ["<% null %>", "<% '' %>", "<% 0 %>"])
def test_L071_a_falsy_dynamic_action_name_runs_noop(name: str) -> None:
    case = flow(f'wf: {{tasks: {{t: {{action: "{name}"}}}}}}')
    assert case.state == "SUCCESS"
    assert case.attempts("t")[0].name == "std.noop"


@pytest.mark.parametrize(("name", "shown"), [("no.such", "no.such"), ("<% 5 %>", "5"), ("std.<%", "std.<%")])
def test_L072_an_unknown_action_is_a_forced_failure(name: str, shown: str) -> None:
    case = flow(f"wf: {{tasks: {{t: {{action: '{name}', on-error: noop}}}}}}")
    assert case.state == "ERROR"
    assert (case.info or "").startswith("Failed to run task [error=Failed to find action "
                                        f"[action_name={shown}, namespace=], wf=wf, task=t]:")


def test_L073_an_unknown_workflow_is_a_handled_failure() -> None:
    case = flow("wf: {tasks: {t: {workflow: nope, on-error: u}, u: {action: std.noop}}}")
    assert case.state == "SUCCESS"
    assert case.task("t").state_info == "Failed to find workflow [name=nope] [namespace=]"
    assert case.task("u").state == "SUCCESS"


def test_L074_short_names_resolve_to_the_workbook_first() -> None:
    world = World()
    world.define_actions("{version: '2.0', hi: {base: std.echo output=global}}")
    world.define("{version: '2.0', part: {tasks: {t: {action: std.fail}}}}")
    world.define_workbook("""
version: '2.0'
name: lib
actions:
  hi: {base: 'std.echo output="book"'}
workflows:
  main:
    output: {hi: <% task(a).result %>}
    tasks:
      a: {action: hi, on-success: b}
      b: {workflow: part}
  part: {tasks: {x: {action: hi}}}
""")
    ident = world.start("lib.main")
    assert world.snapshots[ident].execution.output == {"hi": "book"}
    assert [a.name for a in world.snapshots[ident].attempts.values()] == ["lib.hi", "lib.part"]


def test_L228_a_start_gives_a_running_execution_with_its_start_tasks() -> None:
    world = World()
    with pytest.raises(InputError):
        flow(ECHO_INPUT, {}, world=world)
    case = flow("wf2: {tasks: {a: {action: std.async_noop}}}", world=world)
    assert case.state == "RUNNING"
