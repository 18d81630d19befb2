"""Pause, resume, stop and cancel (3.13, 3.14)."""

from __future__ import annotations

import pytest
from world import Case, flow, held

from maestrale.core import messages as m
from maestrale.errors import NotAllowedError, WorkflowError

ASYNC = "wf: {tasks: {a: {action: std.async_noop, publish: {x: 1}, on-success: b}, b: {action: std.noop}}}"


def paused() -> Case:
    case = flow(ASYNC)
    case.pause("lunch")
    return case


def test_L287_pausing_a_running_execution() -> None:
    case = paused()
    assert (case.state, case.info) == ("PAUSED", "lunch")


def test_L288_pausing_twice_changes_nothing() -> None:
    case = paused()
    assert case.pause("again") is None
    assert case.info == "lunch"


def test_L288_pausing_a_completed_one_is_refused() -> None:
    case = flow("wf: {tasks: {a: {action: std.noop}}}")
    assert isinstance(case.pause(), WorkflowError)
    assert case.state == "SUCCESS"


def test_L289_actions_complete_and_publish_during_a_pause_successors_wait() -> None:
    case = paused()
    case.complete("a")
    assert (case.state, case.names, case.task("a").state) == ("PAUSED", ["a"], "SUCCESS")
    assert (case.task("a").published, case.task("a").processed) == ({"x": 1}, False)
    assert case.task("a").next_tasks == [["b", "on-success"]]


def test_L290_resume_starts_the_waiting_successors() -> None:
    case = paused()
    case.complete("a")
    case.resume()
    assert (case.state, case.info, case.names, case.task("a").processed) == ("SUCCESS", None, ["a", "b"], True)


def test_L290_conditions_are_evaluated_again_and_a_pause_among_them_is_ignored() -> None:
    case = flow("""
        wf:
          tasks:
            a:
              action: std.async_noop
              on-success: [{b: <% env().go %>}, pause, c]
            b: {action: std.noop}
            c: {action: std.noop}
        """, params={"env": {"go": False}})
    case.pause()
    case.complete("a")
    case.resume({"go": True})
    assert (case.state, case.names) == ("SUCCESS", ["a", "b", "c"])


def test_L291_resume_starts_held_tasks_without_their_before_policies() -> None:
    case = flow("wf: {tasks: {a: {pause-before: true, wait-before: 100, on-success: b}, b: {action: std.noop}}}")
    assert (case.state, case.task("a").state) == ("PAUSED", "IDLE")
    case.resume()
    assert (case.state, case.names) == ("SUCCESS", ["a", "b"])


def test_L292_resume_merges_env_recursively() -> None:
    case = flow(ASYNC, params={"env": {"k": {"x": 1}, "z": 1}})
    case.pause()
    case.resume({"k": {"y": 2}})
    assert case.execution.params["env"] == {"k": {"x": 1, "y": 2}, "z": 1}


@pytest.mark.parametrize("state", ["RUNNING", "SUCCESS", "ERROR", "CANCELLED"])
def test_L293_resuming_what_is_not_paused_changes_nothing(state: str) -> None:
    case = flow(ASYNC)
    if state != "RUNNING":
        case.stop(state)
    assert case.resume({"e": 1}) is None
    assert (case.state, case.execution.params["env"]) == (state, {})


TREE = """
wf: {tasks: {s: {workflow: sub, on-success: z}, r: {workflow: sub}, z: {action: std.noop}}}
sub: {tasks: {a: {workflow: leaf}}}
leaf: {tasks: {t: {action: std.async_noop, on-success: u}, u: {action: std.noop}}}
"""


def tree_states(case: Case) -> list[str]:
    return [case.world.snapshots[i].execution.state for i in case.world.snapshots]


def test_L294_pausing_a_parent_pauses_its_children_resuming_resumes_them() -> None:
    case = flow(TREE)
    case.pause()
    assert tree_states(case) == ["PAUSED"] * 5
    assert (case.task("s").state, case.attempts("s")[0].state) == ("PAUSED", "PAUSED")
    case.resume()
    assert tree_states(case) == ["RUNNING"] * 5
    assert (case.task("s").state, case.attempts("s")[0].state) == ("RUNNING", "RUNNING")


def test_L295_pausing_a_child_pauses_its_parents_and_their_other_children() -> None:
    case = flow(TREE)
    case.child("s").child("a").pause()
    assert tree_states(case) == ["PAUSED"] * 5


def test_L296_resuming_the_last_paused_child_resumes_the_parent() -> None:
    case = flow(TREE)
    case.pause()
    case.child("s").resume()
    assert (case.state, case.task("s").state, case.child("s").child("a").state) == ("PAUSED", "RUNNING", "RUNNING")
    case.child("r").resume()
    assert tree_states(case) == ["RUNNING"] * 5


@pytest.mark.parametrize("first", [m.ChildPaused, m.ChildResumed])
def test_a_quick_resume_of_a_tree_is_not_undone_by_late_news(first: type[m.ChildPaused | m.ChildResumed]) -> None:
    case = flow(TREE)
    for message in (m.Pause(), m.Resume(), m.Pause(), m.Resume()):
        case.world.decide(case.id, message)
    case.world.queue.sort(key=lambda item: not isinstance(item[-1], first))
    case.world.settle()
    assert tree_states(case) == ["RUNNING"] * 5


def test_a_quick_pause_of_a_tree_is_not_undone_by_late_news() -> None:
    case = flow(TREE)
    for message in (m.Pause(), m.Resume(), m.Pause()):
        case.world.decide(case.id, message)
    case.world.settle()
    assert tree_states(case) == ["PAUSED"] * 5


def test_a_child_that_learns_of_pause_and_resume_in_the_wrong_order_runs() -> None:
    case = flow(TREE)
    for message in (m.Pause(), m.Resume()):
        case.world.decide(case.id, message)
    case.world.queue.reverse()
    case.world.settle()
    assert tree_states(case) == ["RUNNING"] * 5


@pytest.mark.parametrize(("state", "allowed"), [
    ("RUNNING", False), ("PAUSED", True), ("ERROR", True), ("SUCCESS", False), ("CANCELLED", False),
])
def test_L297_env_update_by_state(state: str, allowed: bool) -> None:
    case = flow(ASYNC, params={"env": {"a": {"b": 1}}})
    if state == "PAUSED":
        case.pause()
    elif state != "RUNNING":
        case.stop(state)
    error = case.tell(m.UpdateEnv({"a": {"c": 2}}))
    if allowed:
        assert case.execution.params["env"] == {"a": {"b": 1, "c": 2}}
    else:
        assert isinstance(error, NotAllowedError)
        assert str(error) == "Updating env to workflow execution is only permitted if it is in IDLE, PAUSED, or ERROR state."


def test_an_env_update_reaches_the_children_at_every_depth() -> None:
    case = flow("""
        wf: {tasks: {s: {workflow: mid}}}
        mid: {tasks: {m: {workflow: sub}}}
        sub: {tasks: {t: {action: std.async_noop, publish: {e: <% env().e %>}}}}
        """, params={"env": {"e": 1}})
    case.pause()
    case.resume({"e": 2})
    leaf = case.child("s").child("m")
    leaf.complete("t")
    assert leaf.output == {"e": 2}


# ---- stop


def test_L298_stop_with_success_evaluates_the_output() -> None:
    case = flow("wf: {output: {x: <% 1 + 1 %>}, tasks: {a: {action: std.async_noop}}}")
    case.stop("SUCCESS", "enough")
    assert (case.state, case.info, case.output) == ("SUCCESS", "enough", {"x": 2})


def test_L298_a_failing_output_refuses_the_stop() -> None:
    case = flow("wf: {output: {x: <% $.nope %>}, tasks: {a: {action: std.async_noop}}}")
    assert case.stop("SUCCESS") is not None
    assert case.state == "RUNNING"


def test_H27_stopping_a_success_with_success_evaluates_the_output_again() -> None:
    case = flow("wf: {output: {x: <% task(a).state %>}, tasks: {a: {action: std.async_noop}}}")
    case.stop("SUCCESS")
    case.complete("a")
    case.stop("SUCCESS")
    assert (case.state, case.output) == ("SUCCESS", {"x": "SUCCESS"})


def test_L299_stop_with_success_from_paused_is_refused() -> None:
    assert isinstance(paused().stop("SUCCESS"), WorkflowError)


def test_L300_stop_with_error_gives_the_message_as_result() -> None:
    case = flow(ASYNC)
    case.stop("ERROR", "no more")
    assert (case.state, case.info, case.output) == ("ERROR", "no more", {"result": "no more"})


@pytest.mark.parametrize("state", ["PAUSED", "SUCCESS", "CANCELLED"])
def test_L300_stop_with_error_is_ignored_while_paused_and_when_completed(state: str) -> None:
    case = flow(ASYNC)
    case.tell(m.Pause() if state == "PAUSED" else m.Stop(state))
    assert case.stop("ERROR", "no more") is None
    assert case.state == state


@pytest.mark.parametrize(("first", "state"), [
    (None, "CANCELLED"), (m.Pause(), "CANCELLED"), (m.Stop("ERROR"), "ERROR"), (m.Stop("SUCCESS"), "SUCCESS"),
])
def test_L301_cancel_works_from_running_and_paused_and_is_ignored_when_completed(first: m.Message | None, state: str) -> None:
    case = flow(ASYNC)
    if first is not None:
        case.tell(first)
    assert case.stop("CANCELLED", "enough") is None
    assert case.state == state
    if state == "CANCELLED":
        assert (case.info, case.output) == ("enough", {"result": "enough"})


@pytest.mark.parametrize(("state", "children"), [("CANCELLED", "CANCELLED"), ("ERROR", "RUNNING"), ("SUCCESS", "RUNNING")])
def test_L302_cancel_reaches_sub_workflows_stop_does_not(state: str, children: str) -> None:
    case = flow(TREE)
    case.stop(state)
    assert tree_states(case) == [state, *[children] * 4]


def test_cancel_stops_running_actions_and_delays() -> None:
    case = flow("wf: {tasks: {a: {action: test.work}, b: {wait-before: 5}, c: {action: std.async_noop}}}", work=held)
    case.stop("CANCELLED")
    assert case.world.cancelled == [case.attempts("a")[0].id]
    case.advance(10)
    assert case.attempts("b") == []


@pytest.mark.parametrize("state", ["SUCCESS", "ERROR", "CANCELLED"])
def test_L303_late_results_after_a_stop_complete_the_task_without_successors(state: str) -> None:
    case = flow(ASYNC)
    case.stop(state)
    assert case.complete("a") is None
    assert (case.state, case.task("a").state, case.task("a").published, case.names) == (state, "SUCCESS", {"x": 1}, ["a"])


@pytest.mark.parametrize("keys", ["retry: {count: 2, delay: 0}", "wait-after: 5"])
def test_L303_they_are_neither_repeated_nor_delayed(keys: str) -> None:
    case = flow(f"wf: {{tasks: {{a: {{action: std.async_noop, {keys}}}}}}}")
    case.stop("ERROR")
    case.complete("a", state="ERROR")
    assert (case.task("a").state, len(case.attempts("a"))) == ("ERROR", 1)


def test_L304_a_cancelled_action_makes_its_task_cancelled_without_retry() -> None:
    case = flow("wf: {tasks: {a: {action: std.async_noop, retry: {count: 2, delay: 0}, publish: {x: 1}, on-complete: b}, b: {}}}"
                .replace("b: {}", "b: {action: std.noop}"))
    case.complete("a", state="CANCELLED")
    assert (case.task("a").state, case.state, case.names, len(case.attempts("a"))) == ("CANCELLED", "CANCELLED", ["a"], 1)


def test_L306_a_cancelled_child_cancels_its_parent_task_and_execution() -> None:
    case = flow(TREE)
    case.child("r").child("a").complete("t")
    case.child("s").child("a").stop("CANCELLED", "enough")
    assert (case.task("s").state, case.state, case.info) == ("CANCELLED", "CANCELLED", "Cancelled tasks: s")


def test_H22_a_wait_before_and_a_retry_start_their_actions_during_a_pause() -> None:
    case = flow("wf: {tasks: {a: {wait-before: 5}, b: {action: std.fail, retry: {count: 1, delay: 5}}}}")
    case.pause()
    case.advance(5)
    assert (case.task("a").state, len(case.attempts("b")), case.state) == ("SUCCESS", 2, "PAUSED")


def test_work_that_was_put_off_by_a_cancel_goes_on_when_the_execution_runs_again() -> None:
    case = flow("""
        wf:
          tasks:
            a: {wait-before: 5}
            b: {action: std.fail, retry: {count: 1, delay: 5}}
            f: {action: std.fail}
        """)
    case.stop("CANCELLED")
    case.advance(20)
    case.rerun("f")
    assert (case.state, case.task("a").state, case.task("b").state) == ("ERROR", "SUCCESS", "ERROR")
    assert len(case.attempts("b")) == 2


def test_a_description_can_change_at_any_time() -> None:
    case = flow(ASYNC)
    case.stop("ERROR")
    assert case.tell(m.Describe("why")) is None
    assert case.execution.description == "why"
