"""What the records of executions, tasks and actions show (3.1-3.5)."""

from __future__ import annotations

import pytest
from world import START, World, flow, held

from maestrale.core import messages as m
from maestrale.core.decide import NewExecution, Ports, create
from maestrale.errors import WorkflowError


@pytest.mark.parametrize(("first", "then", "old", "new"), [
    (m.Stop("ERROR"), m.Pause(), "ERROR", "PAUSED"),
    (m.Pause(), m.Stop("SUCCESS"), "PAUSED", "SUCCESS"),
    (m.Stop("CANCELLED"), m.Stop("SUCCESS"), "CANCELLED", "SUCCESS"),
])
def test_L220_impossible_transitions_are_refused_with_both_states(first: m.Message, then: m.Message, old: str, new: str) -> None:
    case = flow("wf: {tasks: {t: {action: std.async_noop}}}")
    case.tell(first)
    error = case.tell(then)
    assert isinstance(error, WorkflowError)
    assert str(error) == f"Can't change workflow execution state from {old} to {new}. [workflow=wf, execution_id={case.id}]"
    assert case.state == old


@pytest.mark.parametrize("state", ["SUCCESS", "ERROR", "CANCELLED"])
def test_L221_completed_executions_are_accepted(state: str) -> None:
    case = flow("wf: {tasks: {t: {action: std.async_noop}}}")
    assert case.execution.accepted is False
    case.complete("t", state=state)
    assert (case.state, case.execution.accepted, case.execution.finished_at) == (state, True, START)


def test_L222_next_tasks_lists_names_and_events_without_commands() -> None:
    case = flow("""
        wf:
          tasks:
            a: {on-success: [b, noop], on-complete: [c]}
            b: {action: std.noop}
            c: {action: std.noop}
        """)
    assert case.task("a").next_tasks == [["b", "on-success"], ["c", "on-complete"]]
    assert case.task("b").next_tasks == []


def test_L223_has_next_tasks_marks_leaves() -> None:
    case = flow("wf: {tasks: {a: {on-success: b}, b: {on-success: noop}}}")
    assert (case.task("a").has_next_tasks, case.task("b").has_next_tasks) == (True, False)


@pytest.mark.parametrize(("clause", "handled"), [
    ("on-error: b", True), ("on-error: noop", True), ("on-error: fail", True), ("on-error: [{b: <% false %>}]", False),
    ("on-complete: b", False), ("", False),
])
def test_L224_error_handled_is_true_when_on_error_produced_something(clause: str, handled: bool) -> None:
    case = flow(f"wf: {{tasks: {{a: {{action: std.fail, {clause}}}, b: {{action: std.noop}}}}}}")
    assert case.task("a").error_handled is handled


def test_L225_processed_is_false_after_a_forced_failure() -> None:
    case = flow("wf: {tasks: {a: {action: no.such}, b: {action: std.noop}}}")
    assert (case.task("a").processed, case.task("b").processed) == (False, True)


def test_L226_triggered_by_names_tasks_and_events() -> None:
    case = flow("""
        wf:
          tasks:
            a: {on-success: b}
            b: {on-complete: j}
            c: {action: std.fail, on-error: j}
            j: {join: all}
        """)
    ids = {name: case.task(name).id for name in case.names}
    assert case.task("b").runtime_context["triggered_by"] == [{"task_id": ids["a"], "event": "on-success"}]
    assert case.task("j").runtime_context["triggered_by"] == [
        {"task_id": ids["b"], "event": "on-complete"}, {"task_id": ids["c"], "event": "on-error"}]


def test_L227_started_at_is_not_reset_by_retries_and_finished_at_is_set_on_completion() -> None:
    case = flow("wf: {tasks: {t: {action: std.fail, wait-before: 3, retry: {count: 1, delay: 5}}}}")
    started = case.task("t").started_at
    case.advance(3)
    assert case.task("t").finished_at is None
    case.advance(5)
    assert (case.task("t").started_at, started) == (START, START)
    assert (case.task("t").finished_at, case.state) == (case.world.now, "ERROR")


def test_L227_a_rerun_sets_started_at_anew() -> None:
    case = flow("wf: {tasks: {t: {action: std.fail}}}")
    case.advance(10)
    case.rerun("t")
    assert case.task("t").started_at == case.world.now


def test_L229_start_tasks_are_created_with_the_execution() -> None:
    world = World()
    world.define("{version: '2.0', wf: {tasks: {a: {action: std.noop}, b: {on-success: c}, c: {action: std.noop}}}}")
    entry = world.workflows["wf", ""]
    snapshot = create(NewExecution(id="e", entry=entry, project_id="p"), Ports(world, world), START, world.limits)
    assert snapshot.execution.state == "RUNNING"
    assert [(t.name, t.state) for t in snapshot.tasks.values()] == [("a", "IDLE"), ("b", "IDLE")]
    assert not snapshot.attempts


def test_L230_changing_a_definition_does_not_affect_running_executions() -> None:
    case = flow("wf: {tasks: {a: {action: std.async_noop, on-success: b}, b: {action: std.noop}}}")
    case.world.define("{version: '2.0', wf: {tasks: {x: {action: std.fail}}}}")
    case.complete("a")
    assert (case.state, case.names) == ("SUCCESS", ["a", "b"])


@pytest.mark.parametrize(("task", "result"), [
    ("action: std.echo output=1", None),
    ("with-items: 'i in [1, 2]', action: std.echo output=<% $.i %>", [None, None]),
])
def test_L231_keep_result_false_makes_the_result_null_after_publishing(task: str, result: object) -> None:
    case = flow(f"""
        wf:
          output: {{after: <% task(t).result %>, published: <% $.p != null %>}}
          tasks:
            t: {{{task}, keep-result: false, publish: {{p: <% task().result %>}}}}
        """)
    assert case.output == {"after": result, "published": True}


def test_L231_keep_result_false_leaves_the_output_of_a_sub_workflow() -> None:
    case = flow("""
        wf: {output: {after: <% task(t).result %>}, tasks: {t: {workflow: sub, keep-result: false}}}
        sub: {output: {o: 1}, tasks: {t: {action: std.noop}}}
        """)
    assert case.output == {"after": {"o": 1}}


@pytest.mark.parametrize(("error", "info"), [("'bad'", "bad"), ("{a: 1}", "{'a': 1}"), ("[1]", "[1]"), ("null", None)])
def test_L232_state_info_of_a_failed_task_is_the_text_of_the_error(error: str, info: str | None) -> None:
    case = flow(f"wf: {{tasks: {{t: {{action: std.fail, input: {{error_data: {error}}}}}}}}}")
    if info is None:
        assert "msg='Fail action expected exception.'" in (case.task("t").state_info or "")
    else:
        assert case.task("t").state_info == info


def test_L416_state_info_is_cut_not_refused() -> None:
    case = flow("wf: {tasks: {t: {action: test.work}}}", work=held)
    case.complete("t", "x" * 100_000, state="ERROR")
    assert len(case.task("t").state_info or "") == 65_500
    assert case.state == "ERROR"


def test_ids_are_a_function_of_what_happened() -> None:
    text = "wf: {tasks: {a: {on-success: [b, c]}, b: {action: std.noop}, c: {action: std.noop}}}"
    first, second = flow(text), flow(text)
    assert list(first.world.snapshots[first.id].tasks) == list(second.world.snapshots[second.id].tasks)
    assert list(first.world.snapshots[first.id].attempts) == list(second.world.snapshots[second.id].attempts)
