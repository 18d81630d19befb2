"""Forced and handled failures (3.12)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from world import BUILT_IN, World, flow

from maestrale.core.ports import Result

ALWAYS = "on-error: noop, on-complete: noop, retry: {count: 2, delay: 0}"


@pytest.mark.parametrize("task", [
    "action: std.echo output=<% $.nope %>",
    "action: <% $.nope %>",
    "workflow: <% $.nope %>",
    "action: std.noop, target: <% $.nope %>",
    "action: std.noop, with-items: 'i in <% $.nope %>'",
    "action: std.noop, wait-before: <% $.nope %>",
    "action: std.noop, timeout: <% $.nope %>",
    "action: std.noop, concurrency: <% $.nope %>",
    "action: std.noop, pause-before: <% $.nope %>",
    "action: std.noop, wait-after: <% $.nope %>",
])
def test_L275_L277_an_error_at_the_start_is_a_forced_failure(task: str) -> None:
    case = flow(f"wf: {{tasks: {{t: {{{task}, {ALWAYS}}}}}}}")
    assert (case.state, case.task("t").state) == ("ERROR", "ERROR")
    assert (case.info or "").startswith("Failed to run task [error=Can not evaluate YAQL expression [expression=$.nope")
    assert ", wf=wf, task=t]:" in (case.info or "")
    assert case.task("t").state_info == case.info
    assert case.task("t").processed is False


@pytest.mark.parametrize("keys", [
    "publish: {x: <% $.nope %>}",
    "on-success: [{b: <% $.nope %>}]",
    "on-success: 'fail msg=<% $.nope %>'",
    "fail-on: <% $.nope %>",
    "retry: {count: 1, delay: 0, break-on: <% $.nope %>}",
    "retry: {count: 1, delay: 0, continue-on: <% $.nope %>}",
])
def test_L276_L277_an_error_at_completion_is_a_forced_failure(keys: str) -> None:
    case = flow(f"wf: {{tasks: {{t: {{action: test.work, {keys}, on-error: b}}, b: {{action: std.noop}}}}}}")
    assert (case.state, case.names) == ("ERROR", ["t"])
    assert (case.info or "").startswith("Failed to handle action completion [error=Can not evaluate YAQL expression")
    assert ", wf=wf, task=t, action=test.work]:" in (case.info or "")


def test_L276_when_a_timer_completes_the_task_the_text_says_so() -> None:
    case = flow("wf: {tasks: {t: {action: std.async_noop, timeout: 1, publish-on-error: {x: <% $.nope %>}}}}")
    case.advance(1)
    assert (case.info or "").startswith("Failed to complete task [error=Can not evaluate YAQL expression")


@pytest.mark.parametrize(("policy", "name"), [
    ("wait-before: <% abc %>", "WaitBeforePolicy"), ("wait-after: <% abc %>", "WaitAfterPolicy"),
    ("timeout: <% abc %>", "TimeoutPolicy"), ("concurrency: <% abc %>", "ConcurrencyPolicy"),
    ("pause-before: <% abc %>", "PauseBeforePolicy"), ("retry: {count: <% abc %>, delay: 0}", "RetryPolicy"),
    ("retry: {count: 1, delay: <% 1.5 %>}", "RetryPolicy"), ("wait-before: <% -1 %>", "WaitBeforePolicy"),
    ("timeout: <% true %>", "TimeoutPolicy"),
])
def test_L278_a_wrong_type_of_a_policy_value_is_a_forced_failure(policy: str, name: str) -> None:
    case = flow(f"wf: {{tasks: {{t: {{{policy}, on-error: noop}}}}}}")
    assert case.state == "ERROR"
    assert f"[error=Invalid data type in {name}: " in (case.info or "")


@pytest.mark.parametrize("policy", [
    "wait-before: <% 0.0 %>", "wait-after: <% 0.0 %>", "timeout: <% 9.0 %>", "concurrency: <% 1.0 %>",
    "retry: {count: <% 1.0 %>, delay: <% 0.0 %>}",
])
def test_L278_a_whole_number_written_as_a_fraction_is_an_integer(policy: str) -> None:
    assert flow(f"wf: {{tasks: {{t: {{{policy}}}}}}}").state == "SUCCESS"


@pytest.mark.parametrize(("action", "part"), [("std.echo", "missing=['output']"), ("std.noop x=1", "unexpected=['x']")])
def test_L279_missing_or_unexpected_parameters_are_a_forced_failure(action: str, part: str) -> None:
    case = flow(f"wf: {{tasks: {{t: {{action: {action}, {ALWAYS}}}}}}}")
    assert case.state == "ERROR"
    assert "[error=Invalid input [name=std." in (case.info or "")
    assert part in (case.info or "")


def test_L280_a_raising_action_is_a_handled_failure() -> None:
    case = flow("wf: {tasks: {t: {action: std.fail, on-error: b}, b: {action: std.noop}}}")
    assert case.state == "SUCCESS"
    attempt = case.attempts("t")[0]
    assert case.task("t").state_info == (
        f"The action raised an exception [action=Fail action, action_ex_id={attempt.id}, msg='Fail action expected exception.']")


def test_L281_a_raising_constructor_is_a_handled_failure() -> None:
    case = flow("wf: {tasks: {t: {action: test.picky bad=1, on-error: b}, b: {action: std.noop}}}")
    assert (case.state, case.attempts("t"), case.result("t")) == ("SUCCESS", [], [])
    assert (case.task("t").state_info or "").startswith(
        "Failed to instantiate an action [action_desc=Python action [name=test.picky, cls=<class 'test.Picky'>]]")


def test_L281_it_is_retried() -> None:
    case = flow("wf: {tasks: {t: {action: test.picky bad=1, retry: {count: 2, delay: 0}}}}")
    assert case.task("t").runtime_context["retry_task_policy"] == {"retry_no": 2}
    assert case.state == "ERROR"


def test_L282_wrong_sub_workflow_input_is_a_handled_failure() -> None:
    case = flow("""
        wf: {tasks: {t: {workflow: sub, on-error: b}, b: {action: std.noop}}}
        sub: {input: [x], tasks: {a: {action: std.noop}}}
        """)
    assert case.state == "SUCCESS"
    assert case.task("t").state_info == "Invalid input [name=sub, class=DirectWorkflowSpec, missing=['x']]"
    assert len(case.world.snapshots) == 1


def test_a_failing_var_of_a_sub_workflow_is_a_handled_failure() -> None:
    case = flow("""
        wf: {tasks: {t: {workflow: sub, on-error: b}, b: {action: std.noop}}}
        sub: {vars: {x: <% $.nope %>}, tasks: {a: {action: std.noop}}}
        """)
    assert (case.state, case.states("b")) == ("SUCCESS", ["SUCCESS"])


@pytest.mark.parametrize("name", ["<% [1, 2] %>", "<% dict(a => 1) %>"])
def test_L286_a_list_as_action_name_is_a_forced_failure(name: str) -> None:
    case = flow(f'wf: {{tasks: {{t: {{action: "{name}", on-error: noop}}}}}}')
    assert (case.state, case.task("t").state) == ("ERROR", "ERROR")
    assert "Failed to find action [action_name=" in (case.info or "")


def test_L286_an_unexpected_error_ends_the_task_and_is_handed_on() -> None:
    def broken(_values: Any) -> str | None:
        raise ZeroDivisionError("an error of ours")

    world = World()
    world.actions["broken", ""] = replace(BUILT_IN["test.picky"], name="broken", construct_error=broken)
    case = flow("wf: {tasks: {t: {action: broken}, b: {action: std.async_noop}}}", world=world)
    assert (case.state, case.task("t").state) == ("ERROR", "ERROR")
    assert "ZeroDivisionError: an error of ours" in (case.info or "")
    assert [type(fault) for fault in world.faults] == [ZeroDivisionError]


def test_a_forced_failure_while_paused_does_not_touch_the_executions_state() -> None:
    case = flow("wf: {tasks: {t: {action: std.async_noop, publish: {x: <% $.nope %>}}}}")
    case.pause()
    case.complete("t")
    assert (case.state, case.task("t").state) == ("PAUSED", "ERROR")
    case.resume()
    assert case.state == "ERROR"


def test_a_very_long_delay_does_not_break_the_calendar() -> None:
    case = flow("wf: {tasks: {t: {wait-before: 99999999999999}}}")
    assert (case.task("t").state, case.world.faults) == ("DELAYED", [])


def test_a_pure_action_that_needs_running_outside_is_run_there() -> None:
    case = flow("wf: {tasks: {t: {action: std.echo output=1 delay=1}}}", work=lambda _values: Result(data="ran"))
    assert [a.name for a in case.world.ran] == ["std.echo"]
    assert case.result("t") == "ran"
