"""Reverse workflows (1.18, 3.20)."""

from __future__ import annotations

from typing import Any

import pytest
from world import Case, World, flow

from maestrale.errors import WorkflowError

BUILD = """
build:
  type: reverse
  tasks:
    fetch: {action: std.noop, publish: {f: 1}}
    tools: {action: std.async_noop, publish: {t: <% task().result %>}}
    compile: {action: std.noop, requires: [fetch, tools], publish: {c: <% $.f + $.t %>}}
    docs: {action: std.noop, requires: [fetch]}
"""


def build(target: str | None, text: str = BUILD, **options: Any) -> Case:
    return flow(text, params={"task_name": target} if target else {}, **options)


def test_L360_the_target_and_its_requirements_run_others_do_not() -> None:
    case = build("compile")
    assert case.names == ["fetch", "tools"]
    case.complete("tools", 2)
    assert (case.state, case.names) == ("SUCCESS", ["fetch", "tools", "compile"])


@pytest.mark.parametrize("target", [None, "nope"])
def test_L361_a_missing_or_unknown_target_refuses_the_start(target: str | None) -> None:
    world = World()
    with pytest.raises(WorkflowError, match=r"Invalid task name \[wf_spec=.*, task_name="):
        build(target, world=world)
    assert not world.snapshots


def test_L362_independent_requirements_run_in_parallel() -> None:
    assert [build("compile").task(name).state for name in ("fetch", "tools")] == ["SUCCESS", "RUNNING"]


def test_L363_a_failed_requirement_leads_to_error_without_running_dependants() -> None:
    case = build("compile")
    case.complete("tools", state="ERROR")
    assert (case.state, case.names) == ("ERROR", ["fetch", "tools"])
    assert (case.info or "").startswith("Failure caused by error in tasks: tools")


def test_L363_others_that_can_run_do() -> None:
    case = build("all", """
        w:
          type: reverse
          tasks:
            bad: {action: std.fail}
            good: {action: std.async_noop}
            after: {action: std.noop, requires: [good]}
            all: {action: std.noop, requires: [bad, after]}
        """)
    case.complete("good")
    assert (case.state, case.names) == ("ERROR", ["bad", "good", "after"])


def test_L364_the_output_is_the_targets_context() -> None:
    case = build("compile")
    case.complete("tools", 2)
    assert case.output == {"f": 1, "t": 2, "c": 3}


def test_next_tasks_hold_what_was_made_ready_without_event() -> None:
    case = build("compile")
    case.complete("tools", 2)
    assert case.task("tools").next_tasks == [["compile", None]]
    assert case.task("fetch").next_tasks == []


def test_requirements_that_complete_during_a_pause_make_ready_once() -> None:
    case = build("c", "w: {type: reverse, tasks: {a: {action: std.async_noop}, b: {action: std.async_noop}, c: {requires: [a, b]}}}")
    case.pause()
    case.complete("a")
    case.complete("b")
    assert case.names == ["a", "b"]
    case.resume()
    assert (case.state, case.names) == ("SUCCESS", ["a", "b", "c"])


def test_H46_a_cycle_of_requirements_ends_in_success_without_tasks() -> None:
    case = build("a", "w: {type: reverse, tasks: {a: {requires: [b]}, b: {requires: [a]}}}")
    assert (case.state, case.names) == ("SUCCESS", [])


def test_retry_and_rerun_work_in_reverse() -> None:
    case = build("b", "w: {type: reverse, tasks: {a: {action: std.async_noop, retry: {count: 1, delay: 0}}, b: {requires: [a]}}}")
    case.complete("a", state="ERROR", position=0)
    case.complete("a", state="ERROR", position=1)
    assert case.state == "ERROR"
    case.rerun("a")
    case.complete("a", position=2)
    assert (case.state, case.names) == ("SUCCESS", ["a", "b"])


def test_a_task_that_requires_itself_does_not_wait_for_itself() -> None:
    case = flow("wf: {type: reverse, tasks: {a: {action: std.noop, requires: [a]}}}", params={"task_name": "a"})
    assert (case.state, case.states("a")) == ("SUCCESS", ["SUCCESS"])
