"""Actions that are completed or paused from outside (3.21), and notifications (3.22)."""

from __future__ import annotations

from typing import Any

import pytest
from world import Case, flow, held

from maestrale.core import messages as m
from maestrale.errors import ConflictError, InvalidActionError, InvalidStateTransitionError, NotFoundError, RequestError

WAIT = "wf: {tasks: {a: {action: std.async_noop, on-success: b}, b: {action: std.noop}}}"


@pytest.mark.parametrize(("state", "info"), [("SUCCESS", None), ("ERROR", "{'v': 1}"), ("CANCELLED", "{'v': 1}")])
def test_L365_completing_an_asynchronous_action(state: str, info: str | None) -> None:
    case = flow(WAIT)
    assert case.complete("a", {"v": 1}, state=state) is None
    assert (case.task("a").state, case.task("a").state_info, case.state) == (state, info, state)
    assert case.attempts("a")[0].output == {"result": {"v": 1}}
    assert case.attempts("a")[0].accepted is True


def test_L367_a_second_completion_is_refused_and_the_first_stays() -> None:
    case = flow("wf: {tasks: {a: {action: std.async_noop}, w: {action: std.async_noop}}}")
    case.complete("a", 1)
    error = case.complete("a", 2, state="ERROR")
    assert isinstance(error, ConflictError)
    assert str(error) == f"Action {case.attempts('a')[0].id} is already completed"
    assert (case.task("a").state, case.result("a")) == ("SUCCESS", 1)


@pytest.mark.parametrize(("action", "is_ended"), [("test.work", True), ("std.async_noop", False)])
def test_what_runs_still_is_ended_when_it_is_completed_from_outside(action: str, is_ended: bool) -> None:
    case = flow(f"wf: {{tasks: {{a: {{action: {action}}}}}}}", work=held)
    attempt = case.attempts("a")[0]
    assert case.tell(m.ActionCompleted(attempt.id, "CANCELLED", from_outside=True)) is None
    assert (attempt.id in case.world.cancelled) is is_ended


def test_what_its_own_run_completes_is_not_ended_again() -> None:
    case = flow("wf: {tasks: {a: {action: test.work}}}", work=held)
    assert case.complete("a", 1) is None
    assert case.attempts("a")[0].id not in case.world.cancelled


def test_completing_an_unknown_action_is_refused() -> None:
    assert isinstance(flow(WAIT).tell(m.ActionCompleted("nobody", "SUCCESS")), NotFoundError)


def update(case: Case, state: str, name: str = "a") -> Exception | None:
    return case.tell(m.ActionUpdated(case.attempts(name)[0].id, state))


def test_L368_paused_is_refused_for_synchronous_actions() -> None:
    case = flow("wf: {tasks: {a: {action: test.work}}}", work=held)
    error = update(case, "PAUSED")
    assert isinstance(error, InvalidActionError)
    assert str(error) == "Transition to the PAUSED state is only supported for asynchronous action execution."


def test_L368_paused_pauses_action_task_and_execution() -> None:
    case = flow(WAIT)
    assert update(case, "PAUSED") is None
    assert (case.attempts("a")[0].state, case.task("a").state, case.state) == ("PAUSED", "PAUSED", "PAUSED")


def test_L369_running_after_paused_resumes() -> None:
    case = flow(WAIT)
    update(case, "PAUSED")
    update(case, "RUNNING")
    assert (case.attempts("a")[0].state, case.task("a").state, case.state) == ("RUNNING", "RUNNING", "RUNNING")
    case.complete("a")
    assert case.state == "SUCCESS"


def test_L369_the_execution_stays_paused_while_another_task_is() -> None:
    case = flow("wf: {tasks: {a: {action: std.async_noop}, b: {action: std.async_noop}}}")
    update(case, "PAUSED", "a")
    update(case, "PAUSED", "b")
    update(case, "RUNNING", "a")
    assert (case.task("a").state, case.state) == ("RUNNING", "PAUSED")
    update(case, "RUNNING", "b")
    assert case.state == "RUNNING"


def test_running_does_not_resume_what_a_user_paused() -> None:
    case = flow(WAIT)
    case.pause()
    assert update(case, "RUNNING") is None
    assert case.state == "PAUSED"


def test_a_paused_action_may_be_completed() -> None:
    case = flow(WAIT)
    update(case, "PAUSED")
    case.complete("a")
    assert (case.task("a").state, case.state) == ("SUCCESS", "PAUSED")
    case.resume()
    assert case.state == "SUCCESS"


@pytest.mark.parametrize("state", ["PAUSED", "RUNNING"])
def test_a_completed_action_can_be_neither_paused_nor_resumed(state: str) -> None:
    case = flow("wf: {tasks: {a: {action: std.async_noop}, w: {action: std.async_noop}}}")
    case.complete("a")
    error = update(case, state)
    assert isinstance(error, InvalidStateTransitionError)
    assert str(error) == f"Invalid state transition from SUCCESS to {state}."


def test_an_unknown_state_is_refused() -> None:
    assert isinstance(update(flow(WAIT), "IDLE"), RequestError)


def test_a_lost_action_is_an_error_with_the_reason_and_is_retried() -> None:
    case = flow("wf: {tasks: {a: {action: test.work, retry: {count: 1, delay: 0}}}}", work=held)
    for position in (0, 1):
        case.tell(m.ActionLost(case.attempts("a")[position].id, "The process that ran it is gone."))
    assert (case.state, case.task("a").state_info, len(case.attempts("a"))) == ("ERROR", "The process that ran it is gone.", 2)


def test_a_lost_action_that_has_ended_is_not_lost() -> None:
    case = flow(WAIT)
    case.complete("a")
    assert case.tell(m.ActionLost(case.attempts("a")[0].id, "gone")) is None
    assert case.tell(m.ActionLost("nobody", "gone")) is None
    assert case.state == "SUCCESS"


# ---- notifications


def events(text: str, wanted: list[str] | None = None, **options: Any) -> tuple[Case, list[Any]]:
    target = {"type": "webhook", "url": "http://x"} | ({"event_types": wanted} if wanted else {})
    case = flow(text, params={"notify": [target, "no mapping"]}, **options)
    return case, [(n.body["event"], n.body["name"]) for n in case.world.notices]


def test_A271_L371_events_of_workflow_and_task() -> None:
    _, found = events("wf: {tasks: {a: {action: std.noop}}}")
    assert found == [("WORKFLOW_LAUNCHED", "wf"), ("TASK_LAUNCHED", "a"), ("TASK_SUCCEEDED", "a"), ("WORKFLOW_SUCCEEDED", "wf")]


def test_L371_event_types_filter() -> None:
    _, found = events("wf: {tasks: {a: {action: std.fail}}}", ["TASK_FAILED", "WORKFLOW_FAILED"])
    assert found == [("TASK_FAILED", "a"), ("WORKFLOW_FAILED", "wf")]


def test_A272_L371_bodies_have_the_documented_fields() -> None:
    case, _ = events("wf: {tasks: {a: {action: std.noop}}}")
    workflow, task = case.world.notices[0].body, case.world.notices[1].body
    common = {"event", "id", "name", "workflow_name", "workflow_namespace", "workflow_id", "state", "state_info", "project_id",
              "created_at", "updated_at"}
    assert set(workflow) == common | {"task_execution_id", "root_execution_id"}
    assert set(task) == common | {"workflow_execution_id", "type", "started_at", "finished_at"}
    assert (task["workflow_execution_id"], task["created_at"]) == (case.id, "2026-01-01 00:00:00")


def test_L372_a_retry_repeats_launched() -> None:
    _, found = events("wf: {tasks: {a: {action: std.fail, retry: {count: 2, delay: 0}}}}", ["TASK_LAUNCHED"])
    assert found == [("TASK_LAUNCHED", "a")] * 3


def test_moves_to_idle_waiting_and_delayed_have_no_event_and_only_publishers_of_all_get_them() -> None:
    _, found = events("wf: {tasks: {a: {wait-before: 5}}}")
    assert found[-1] == (None, "a")
    _, found = events("wf: {tasks: {a: {wait-before: 5}}}", ["TASK_LAUNCHED"])
    assert found == [("TASK_LAUNCHED", "a")]


@pytest.mark.parametrize(("text", "event"), [
    ("wf: {tasks: {a: {pause-before: true}}}", "TASK_RESUMED"),
    ("wf: {tasks: {b: {on-success: a}, a: {join: all}}}", "TASK_RESUMED"),
])
def test_A271_names_of_moves_to_running(text: str, event: str) -> None:
    case, _ = events(text)
    case.resume()
    assert [n.body["event"] for n in case.world.notices if n.body["name"] == "a" and n.body["state"] == "RUNNING"][-1] == event


def test_A271_names_of_moves_of_a_rerun_and_a_skip() -> None:
    case, _ = events("wf: {tasks: {a: {action: std.fail}}}")
    del case.world.notices[:]
    case.rerun("a")
    case.skip("a")
    assert [n.body["event"] for n in case.world.notices] == [
        "WORKFLOW_RERUN", "TASK_RERUN", "TASK_FAILED", "WORKFLOW_FAILED", "WORKFLOW_RERUN", "TASK_SKIPPED", "WORKFLOW_SUCCEEDED"]


def test_names_of_pause_resume_and_cancel() -> None:
    case, _ = events(WAIT, ["WORKFLOW_PAUSED", "WORKFLOW_RESUMED", "WORKFLOW_CANCELLED", "TASK_PAUSED", "TASK_RESUMED"])
    update(case, "PAUSED")
    update(case, "RUNNING")
    case.stop("CANCELLED")
    assert [n.body["event"] for n in case.world.notices] == [
        "TASK_PAUSED", "WORKFLOW_PAUSED", "TASK_RESUMED", "WORKFLOW_RESUMED", "WORKFLOW_CANCELLED"]
