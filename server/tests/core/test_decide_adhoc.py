"""Ad-hoc actions within tasks (1.19)."""

from __future__ import annotations

from typing import Any

import pytest
from world import Case, flow


def use(actions: str, task: str, **options: Any) -> Case:
    return flow(f"wf: {{vars: {{v: var}}, tasks: {{t: {{{task}}}}}}}", actions=actions, **options)


def test_L134_inline_parameters_of_base_win() -> None:
    assert use("x: {base: 'std.echo output=1', base-input: {output: 2}}", "action: x").result("t") == 1


def test_L135_input_defaults_are_literal_and_shown_with_the_action() -> None:
    case = use("x: {input: [a, {b: '<% 1 %>'}], base: std.echo, base-input: {output: <% $.b %>}}", "action: x a=0")
    assert case.result("t") == "<% 1 %>"
    assert case.attempts("t")[0].input == {"a": 0, "b": "<% 1 %>"}
    assert case.attempts("t")[0].name == "x"


@pytest.mark.parametrize(("task", "text"), [
    ("action: x", "missing=['a']"), ("action: x a=1 z=2", "unexpected=['z']"),
])
def test_L136_wrong_input_is_a_forced_failure(task: str, text: str) -> None:
    case = use("x: {input: [a], base: std.noop}", f"{task}, on-error: noop")
    assert case.state == "ERROR"
    assert "Invalid input [name=x, class=mistral.actions.adhoc.AdHocAction, " in (case.info or "")
    assert text in (case.info or "")


def test_L137_base_input_sees_the_input_and_the_callers_variables_and_environment() -> None:
    case = use("x: {input: [a], base: std.echo, base-input: {output: '<% $.a %> <% $.v %> <% env().e %>'}}", "action: x a=1",
               params={"env": {"e": 3}})
    assert case.result("t") == "1 var 3"


def test_L138_output_has_the_result_as_root() -> None:
    assert use("x: {base: 'std.echo output=2', output: {twice: <% $ * 2 %>}}", "action: x").result("t") == {"twice": 4}


def test_L139_output_is_not_applied_to_an_error() -> None:
    case = use("x: {base: 'std.fail error_data=\"bad\"', output: <% $.no.such %>}", "action: x, on-error: noop")
    assert (case.state, case.result("t")) == ("SUCCESS", "bad")


@pytest.mark.parametrize("value", ["0", "null", "''", "[]", "{}", "false"])
def test_L140_output_stays_text_over_a_falsy_result(value: str) -> None:
    case = use(f"x: {{base: std.echo, base-input: {{output: {value}}}, output: got <% $ %>}}", "action: x")
    assert case.result("t") == "got <% $ %>"


def test_L141_ad_hoc_actions_nest() -> None:
    case = use("""
        inner: {input: [n], base: std.echo, base-input: {output: <% $.n %>}, output: <% $ + 1 %>}
        outer: {input: [n], base: inner, base-input: {n: <% $.n * 10 %>}, output: 'got <% $ %>'}
        """, "action: outer n=2")
    assert case.result("t") == "got 21"


def test_L142_a_cycle_is_an_error() -> None:
    case = use("a: {base: b}\nb: {base: a}", "action: a")
    assert case.state == "ERROR"
    assert "Found a cycle in an ad-hoc action chain" in (case.task("t").state_info or "")


def test_L143_a_missing_base_is_a_handled_failure() -> None:
    case = use("x: {base: no.such}", "action: x, on-error: noop")
    assert case.state == "SUCCESS"
    assert (case.task("t").state_info or "").startswith("Failed to instantiate an action [action_desc=AdHoc action [name=x")


@pytest.mark.parametrize("definition", [
    "x: {base: std.echo, base-input: {output: <% 1 / 0 %>}}", "x: {base: std.echo, base-input: {nope: 1}}", "x: {base: std.echo}",
    "x: {base: y}\ny: {input: [z], base: std.noop}",
])
@pytest.mark.parametrize("task", ["action: x", "with-items: 'i in [1]', action: x"])
def test_L143_what_is_wrong_further_in_is_a_handled_failure(definition: str, task: str) -> None:
    case = use(definition, f"{task}, on-error: noop")
    assert case.state == "SUCCESS"
    assert (case.task("t").state_info or "").startswith("Failed to instantiate an action [action_desc=AdHoc action [name=x")


def test_L144_an_action_over_an_asynchronous_base_is_asynchronous() -> None:
    case = use("x: {base: std.async_noop, output: <% $.v %>}", "action: x")
    assert (case.task("t").state, case.attempts("t")[0].is_sync) == ("RUNNING", False)
    case.complete("t", {"v": 5})
    assert case.result("t") == 5


def test_an_error_in_output_is_a_forced_failure_and_ends_the_action() -> None:
    case = use("x: {base: 'std.echo output=1', output: <% $.no %>}", "action: x, on-error: noop")
    assert (case.state, case.task("t").state) == ("ERROR", "ERROR")
    assert (case.attempts("t")[0].state, case.attempts("t")[0].accepted) == ("ERROR", False)


def test_L153_an_ad_hoc_action_is_found_in_the_namespace_first_then_in_the_default() -> None:
    case = flow("wf: {tasks: {t: {action: std.noop}}}", actions="x: {base: 'std.echo output=1'}\ny: {base: 'std.echo output=2'}")
    case.world.define_actions("{version: '2.0', x: {base: std.echo output=3}}", "ns")
    case.world.define("{version: '2.0', w: {tasks: {a: {action: x}, b: {action: y}}}}", "ns")
    inside = Case(case.world, case.world.start("w", namespace="ns"))
    assert (inside.result("a"), inside.result("b")) == (3, 2)
