"""The three state machines, and every message in every state of an execution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product

import pytest
from world import Case, flow

from maestrale.core import messages as m
from maestrale.core import states
from maestrale.errors import (
    ConflictError,
    InvalidStateTransitionError,
    NotAllowedError,
    NotFoundError,
    RequestError,
    WorkflowError,
)

ALL = ("IDLE", "WAITING", "RUNNING", "DELAYED", "PAUSED", "SUCCESS", "ERROR", "CANCELLED", "SKIPPED")

EXECUTION = {
    "IDLE": {"RUNNING", "ERROR", "CANCELLED"},
    "RUNNING": {"PAUSED", "SUCCESS", "ERROR", "CANCELLED"},
    "PAUSED": {"RUNNING", "ERROR", "CANCELLED"},
    "SUCCESS": set(),
    "ERROR": {"RUNNING"},
    "CANCELLED": {"RUNNING"},
}
TASK = {
    "IDLE": {"RUNNING", "ERROR", "CANCELLED"},
    "WAITING": {"RUNNING", "SUCCESS", "ERROR", "CANCELLED"},
    "RUNNING": {"IDLE", "WAITING", "DELAYED", "PAUSED", "SUCCESS", "ERROR", "CANCELLED"},
    "DELAYED": {"RUNNING", "WAITING", "SUCCESS", "ERROR", "CANCELLED"},
    "PAUSED": {"RUNNING", "WAITING", "SUCCESS", "ERROR", "CANCELLED"},
    "SUCCESS": {"DELAYED", "WAITING", "ERROR"},
    "ERROR": {"RUNNING", "DELAYED", "WAITING", "SKIPPED"},
    "CANCELLED": {"WAITING", "RUNNING", "ERROR"},
    "SKIPPED": {"WAITING", "ERROR"},
}
ACTION = {
    "RUNNING": {"PAUSED", "SUCCESS", "ERROR", "CANCELLED"},
    "PAUSED": {"RUNNING", "SUCCESS", "ERROR", "CANCELLED"},
    "SUCCESS": set(),
    "ERROR": set(),
    "CANCELLED": set(),
}
MACHINES: list[tuple[str, states.Table, Mapping[str, set[str]]]] = [
    ("execution", states.EXECUTION, EXECUTION), ("task", states.TASK, TASK), ("action", states.ACTION, ACTION)]


@pytest.mark.parametrize(("source", "target"), list(product(ALL, ALL)))
@pytest.mark.parametrize(("table", "expected"), [pytest.param(t, e, id=name) for name, t, e in MACHINES])
def test_L220_every_move_of_every_machine(table: states.Table, expected: Mapping[str, set[str]], source: str, target: str) -> None:
    assert states.may_move(table, source, target) is (source == target or target in expected.get(source, set()))


@pytest.mark.parametrize("state", ALL)
def test_which_states_are_final(state: str) -> None:
    assert states.is_final(state) is (state in {"SUCCESS", "ERROR", "CANCELLED", "SKIPPED"})


# ---- execution state x message

TEXT = """
wf:
  tasks:
    a: {action: std.async_noop}
    s: {workflow: sub}
    f: {action: std.fail}
    d: {wait-before: 100}
sub: {tasks: {t: {action: std.async_noop}}}
"""
BEFORE: dict[str, Callable[[Case], object]] = {
    "RUNNING": lambda case: None,
    "PAUSED": Case.pause,
    "SUCCESS": lambda case: case.stop("SUCCESS"),
    "ERROR": lambda case: case.stop("ERROR"),
    "CANCELLED": lambda case: case.stop("CANCELLED"),
}
MESSAGES: dict[str, Callable[[Case], m.Message]] = {
    "action-success": lambda c: m.ActionCompleted(c.attempts("a")[0].id, "SUCCESS"),
    "action-error": lambda c: m.ActionCompleted(c.attempts("a")[0].id, "ERROR"),
    "action-cancelled": lambda c: m.ActionCompleted(c.attempts("a")[0].id, "CANCELLED"),
    "action-again": lambda c: m.ActionCompleted(c.attempts("f")[0].id, "SUCCESS"),
    "action-unknown": lambda c: m.ActionCompleted("nobody", "SUCCESS"),
    "action-paused": lambda c: m.ActionUpdated(c.attempts("a")[0].id, "PAUSED"),
    "action-running": lambda c: m.ActionUpdated(c.attempts("a")[0].id, "RUNNING"),
    "action-odd": lambda c: m.ActionUpdated(c.attempts("a")[0].id, "WAITING"),
    "ended-action-paused": lambda c: m.ActionUpdated(c.attempts("s")[0].id, "RUNNING"),
    "action-lost": lambda c: m.ActionLost(c.attempts("a")[0].id, "gone"),
    "child-success": lambda c: m.ChildCompleted(c.attempts("s")[0].id, "SUCCESS", {}),
    "child-paused": lambda c: m.ChildPaused(c.attempts("s")[0].id),
    "child-resumed": lambda c: m.ChildResumed(c.attempts("s")[0].id),
    "child-revived": lambda c: m.ChildRevived(c.attempts("s")[0].id, 1),
    "timer": lambda c: m.TimerFired(c.task("d").id, "wait-before", c.task("d").runtime_context["_timers"].get("wait-before", 0)
                                    if "_timers" in c.task("d").runtime_context else 0),
    "stale-timer": lambda c: m.TimerFired(c.task("d").id, "wait-before", 0),
    "pause": lambda c: m.Pause(),
    "resume": lambda c: m.Resume(),
    "stop-success": lambda c: m.Stop("SUCCESS"),
    "stop-error": lambda c: m.Stop("ERROR"),
    "stop-cancelled": lambda c: m.Stop("CANCELLED"),
    "update-env": lambda c: m.UpdateEnv({"e": 1}),
    "env-changed": lambda c: m.EnvChanged({"e": 1}),
    "describe": lambda c: m.Describe("text"),
    "rerun": lambda c: m.Rerun(c.task("f").id, reset=True),
    "rerun-no-reset": lambda c: m.Rerun(c.task("f").id, reset=False),
    "rerun-unknown": lambda c: m.Rerun("nobody", reset=True),
    "rerun-running": lambda c: m.Rerun(c.task("a").id, reset=True),
    "skip": lambda c: m.Skip(c.task("f").id),
    "continue": lambda c: m.Continue(),
}
NOTHING = "nothing"
"""Accepted, and no record changes."""

KEPT = "kept"
"""Recorded with the action, the child, the task or the execution; the execution's state stays."""

# For each message the outcome by state of the execution: the state that it moves to, NOTHING, KEPT, or the error.
Cell = str | type[Exception]
ROW = ("RUNNING", "PAUSED", "SUCCESS", "ERROR", "CANCELLED")
MATRIX: dict[str, tuple[Cell, Cell, Cell, Cell, Cell]] = {
    "action-success": (KEPT, KEPT, KEPT, KEPT, KEPT),
    "action-error": (KEPT, KEPT, KEPT, KEPT, KEPT),
    "action-cancelled": (KEPT, KEPT, KEPT, KEPT, KEPT),
    "action-again": (ConflictError,) * 5,
    "action-unknown": (NotFoundError,) * 5,
    "action-paused": ("PAUSED", KEPT, KEPT, KEPT, KEPT),
    "action-running": (NOTHING, NOTHING, NOTHING, NOTHING, NOTHING),
    "action-odd": (RequestError,) * 5,
    "ended-action-paused": (NOTHING, "RUNNING", NOTHING, NOTHING, InvalidStateTransitionError),
    "action-lost": (KEPT, KEPT, KEPT, KEPT, KEPT),
    "child-success": (KEPT, KEPT, KEPT, KEPT, NOTHING),
    "child-paused": ("PAUSED", NOTHING, KEPT, KEPT, NOTHING),
    "child-resumed": (NOTHING, "RUNNING", NOTHING, NOTHING, NOTHING),
    "child-revived": (KEPT, KEPT, WorkflowError, "RUNNING", "RUNNING"),
    "timer": (KEPT, KEPT, KEPT, KEPT, NOTHING),
    "stale-timer": (NOTHING, NOTHING, NOTHING, NOTHING, NOTHING),
    "pause": ("PAUSED", NOTHING, WorkflowError, WorkflowError, WorkflowError),
    "resume": (NOTHING, "RUNNING", NOTHING, NOTHING, NOTHING),
    "stop-success": ("SUCCESS", WorkflowError, NOTHING, WorkflowError, WorkflowError),
    "stop-error": ("ERROR", NOTHING, NOTHING, NOTHING, NOTHING),
    "stop-cancelled": ("CANCELLED", "CANCELLED", NOTHING, NOTHING, NOTHING),
    "update-env": (NotAllowedError, KEPT, NotAllowedError, KEPT, NotAllowedError),
    "env-changed": (KEPT, KEPT, KEPT, KEPT, KEPT),
    "describe": (KEPT, KEPT, KEPT, KEPT, KEPT),
    "rerun": (KEPT, NOTHING, WorkflowError, "RUNNING", "RUNNING"),
    "rerun-no-reset": (RequestError,) * 5,
    "rerun-unknown": (NotFoundError,) * 5,
    "rerun-running": (RequestError,) * 5,
    "skip": (KEPT, NOTHING, WorkflowError, "RUNNING", "RUNNING"),
    "continue": (NOTHING, NOTHING, NOTHING, NOTHING, NOTHING),
}


def test_the_matrix_is_whole() -> None:
    assert MATRIX.keys() == MESSAGES.keys()
    assert {type(make(flow(TEXT))) for make in MESSAGES.values()} == set(m.MESSAGE_TYPES.values())


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("state", ROW)
def test_every_message_in_every_state(state: str, name: str) -> None:
    case = flow(TEXT)
    BEFORE[state](case)
    assert case.state == state
    expected = MATRIX[name][ROW.index(state)]
    before = _shown(case)
    decision = case.world.decide(case.id, MESSAGES[name](case))
    if isinstance(expected, type):
        assert type(decision.refused.get(0)) is expected
        assert (case.state, _shown(case)) == (state, before)
        return
    assert decision.refused == {}
    assert case.state == (state if expected in {NOTHING, KEPT} else expected)
    assert (_shown(case) == before) is (expected == NOTHING)


def _shown(case: Case) -> list[str]:
    snapshot = case.world.snapshots[case.id]
    return [repr(record) for record in (snapshot.execution, *snapshot.tasks.values(), *snapshot.attempts.values())]


# Two requests to rerun a task that failed again are two reruns.
@pytest.mark.parametrize("name", [name for name in MESSAGES if name != "rerun"])
@pytest.mark.parametrize("state", ROW)
def test_a_message_that_comes_twice_changes_nothing_the_second_time(state: str, name: str) -> None:
    case = flow(TEXT)
    BEFORE[state](case)
    message = MESSAGES[name](case)
    case.world.decide(case.id, message)
    after = _shown(case)
    case.world.decide(case.id, message)
    assert _shown(case) == after


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_survive_storing(name: str) -> None:
    message = MESSAGES[name](flow(TEXT))
    again = m.from_payload(m.to_payload(message))
    assert type(again) is type(message)
    assert m.to_payload(again) == m.to_payload(message)
