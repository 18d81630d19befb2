"""Branches, cycles, and the end of an execution (3.8, 3.9)."""

from __future__ import annotations

import re

import pytest
from world import flow


def test_L249_a_task_without_join_runs_once_per_trigger() -> None:
    case = flow("""
        wf:
          tasks:
            a1: {publish: {x: 1}, on-success: m}
            a2: {publish: {y: 2}, on-success: m}
            m: {publish: {seen: "<% $.get(x) %>-<% $.get(y) %>"}}
        """)
    assert [(t.published or {})["seen"] for t in case.tasks("m")] == ["1-None", "None-2"]


def test_L250_the_same_target_in_two_clauses_runs_twice() -> None:
    case = flow("wf: {tasks: {a: {on-success: b, on-complete: b}, b: {action: std.noop}}}")
    assert case.names == ["a", "b", "b"]


LOOP = """
wf:
  vars: {n: 0}
  tasks:
    go: {on-success: step}
    step:
      publish: {n: <% $.n + 1 %>}
      on-success: [{step: <% $.n < LIMIT %>}]
"""


def test_L251_loops_create_a_new_task_execution_per_visit() -> None:
    case = flow(LOOP.replace("LIMIT", "3"))
    assert case.output == {"n": 3}
    assert [(t.published or {})["n"] for t in case.tasks("step")] == [1, 2, 3]


def test_L252_a_loop_of_many_iterations_ends_by_its_condition() -> None:
    case = flow(LOOP.replace("LIMIT", "300"))
    assert (case.state, case.output, len(case.tasks("step"))) == ("SUCCESS", {"n": 300}, 300)


CYCLE = """
wf:
  tasks:
    a: {on-success: j}
    j: {join: all, on-success: b HANDLER}
    b: {on-success: j}
    fix: {action: std.noop}
"""


def test_L253_a_join_all_in_a_cycle_ends_in_an_explained_error() -> None:
    case = flow(CYCLE.replace(" HANDLER", ""))
    assert case.state == "ERROR"
    assert "the join waits for itself through a cycle" in (case.task("j").state_info or "")


def test_L253_its_on_error_may_handle_that() -> None:
    case = flow(CYCLE.replace(" HANDLER", ", on-error: fix"))
    assert (case.state, case.states("fix")) == ("SUCCESS", ["SUCCESS"])


def test_L253_join_one_in_a_cycle_works() -> None:
    case = flow("""
        wf:
          vars: {n: 0}
          tasks:
            a: {on-success: j}
            j: {join: one, publish: {n: <% $.n + 1 %>}, on-success: [{b: <% $.n < 4 %>}]}
            b: {on-success: j}
        """)
    assert (case.state, case.output["n"], len(case.tasks("j")), len(case.attempts("j"))) == ("SUCCESS", 4, 1, 4)


def test_L254_the_execution_completes_only_when_no_task_is_incomplete() -> None:
    case = flow("wf: {tasks: {a: {action: std.async_noop}, b: {action: std.noop}, c: {wait-before: 5}}}")
    case.complete("a")
    assert case.state == "RUNNING"
    case.advance(5)
    assert case.state == "SUCCESS"


def test_L255_an_unhandled_error_does_not_stop_other_branches() -> None:
    case = flow("wf: {tasks: {a: {action: std.fail}, b: {action: std.async_noop, on-success: c}, c: {action: std.noop}}}")
    assert case.state == "RUNNING"
    case.complete("b")
    assert (case.state, case.states("c")) == ("ERROR", ["SUCCESS"])


def test_L256_L257_the_report_lists_tasks_by_name_with_failed_actions_and_positions() -> None:
    case = flow("""
        wf:
          tasks:
            b: {action: std.fail error_data="bad b"}
            a: {with-items: 'i in [1, 2]', action: std.fail error_data="bad a"}
            c: {workflow: sub}
        sub: {tasks: {t: {on-success: fail msg="bad c"}}}
        """)
    shown = re.sub(r"(_ex_id)=[-0-9a-f]{36}", r"\1=ID", case.info or "")
    assert shown == (
        "Failure caused by error in tasks: a, b, c\n"
        "\n  a [task_ex_id=ID] -> One or more actions had failed.\n"
        "    [action_ex_id=ID, idx=0]: bad a\n"
        "    [action_ex_id=ID, idx=1]: bad a\n"
        "\n  b [task_ex_id=ID] -> bad b\n"
        "    [action_ex_id=ID, idx=0]: bad b\n"
        "\n  c [task_ex_id=ID] -> bad c\n"
        "    [wf_ex_id=ID, idx=0]: bad c\n")
    assert case.output == {"result": case.info}


def test_L257_positions_count_attempts_of_retries() -> None:
    case = flow('wf: {tasks: {a: {action: std.fail error_data="bad", retry: {count: 1, delay: 0}}}}')
    assert "idx=0]: bad" in (case.info or "")
    assert "idx=1]: bad" in (case.info or "")


def test_L258_the_report_omits_tasks_that_have_an_on_error_clause() -> None:
    case = flow("wf: {tasks: {a: {action: std.fail, on-error: [{b: <% false %>}]}, b: {action: std.async_noop}}}")
    assert case.state == "ERROR"
    assert case.info == "Failure caused by error in tasks: \n"
    assert case.output == {"result": "Failure caused by error in tasks: \n"}


def test_L259_a_cancelled_task_cancels_the_execution_when_all_is_complete() -> None:
    case = flow("wf: {tasks: {b: {action: std.async_noop}, a: {action: std.async_noop}, c: {action: std.async_noop}}}")
    case.complete("b", state="CANCELLED")
    case.complete("a", state="CANCELLED")
    assert case.state == "RUNNING"
    case.complete("c", state="ERROR")
    assert (case.state, case.info) == ("CANCELLED", "Cancelled tasks: a, b")


@pytest.mark.parametrize("clause", ["on-complete: b", "on-success: b"])
def test_L260_only_on_error_handles_an_error(clause: str) -> None:
    case = flow(f"wf: {{tasks: {{a: {{action: std.fail, {clause}}}, b: {{action: std.noop}}}}}}")
    assert case.state == "ERROR"


def test_an_earlier_unhandled_error_stays_decisive_in_a_loop() -> None:
    case = flow("""
        wf:
          tasks:
            go: {on-success: t}
            t:
              action: std.async_noop
              on-complete: [{t: <% task().state = ERROR %>}]
        """)
    case.complete("t", state="ERROR", position=0)
    case.complete("t", position=1)
    assert (case.state, case.states("t")) == ("ERROR", ["ERROR", "SUCCESS"])
