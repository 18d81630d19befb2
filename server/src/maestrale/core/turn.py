"""One decision at work: the snapshot, what may be asked, and what comes out.

A turn collects effects and the steps that are ready. Rules in other modules change records through it, so that
notifications, timers and the queue of steps are looked after in one place. Steps are processed in ``decide``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from maestrale.core import identity, states
from maestrale.core.dataflow import Context, layers_of
from maestrale.core.events import execution_event, execution_notice, task_event, task_notice
from maestrale.core.lookup import SnapshotLookup
from maestrale.core.messages import CancelAction, Effect, ForgetWake, Notify, TimerFired, WakeAt
from maestrale.core.model import Attempt, Task
from maestrale.core.ports import Catalogue, Records
from maestrale.core.snapshot import Snapshot
from maestrale.errors import InvalidStateTransitionError, SizeLimitExceededError, WorkflowError
from maestrale.expr import ContextView, Scope

STATE_INFO_LENGTH = 65_500
LONGEST_WAIT = 100 * 366 * 86_400
"""Seconds; longer waits would leave the calendar."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The two ports of a decision; ``publishers`` are told of every execution's events, besides its own targets (A276)."""

    catalogue: Catalogue
    records: Records
    publishers: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes that Mistral limits; ``field_size_kb`` below 0 means none (5.8)."""

    field_size_kb: int = 1024

    def check(self, field_name: str, value: Any, size_of: Any) -> None:
        """Refuse a value whose JSON text is larger than the limit (L414)."""
        if self.field_size_kb < 0:
            return
        size = size_of(value) // 1024
        if size > self.field_size_kb:
            raise SizeLimitExceededError(
                f"Field size limit exceeded [class=TaskExecution, field={field_name}, size={size}KB, "
                f"limit={self.field_size_kb}KB]")


class HandledFailure(Exception):  # noqa: N818 - it is an outcome, not an error of ours
    """The task fails as if its action had failed, so ``on-error`` and ``retry`` work (3.12)."""


@dataclass(slots=True)
class Turn:
    """See the module. ``budget`` is the number of steps that may still be taken.

    ``settled`` are results of actions that were run in this decision: (attempt, state, value). ``put_off``: no steps
    any more in this decision, so that whoever asked sees the state before them. ``faults``: errors that are ours.
    """

    snapshot: Snapshot
    ports: Ports
    now: datetime
    limits: Limits
    budget: int
    effects: list[Effect] = field(default_factory=list)
    wakes: dict[str, WakeAt] = field(default_factory=dict)
    settled: deque[tuple[Attempt, str, Any]] = field(default_factory=deque)
    put_off: bool = False
    faults: list[Exception] = field(default_factory=list)

    # ---- scopes (2.4)

    def _scope(self, task: Task | None, *layers: Mapping[str, Any]) -> Scope:
        execution = self.snapshot.execution
        current = {"__task_execution": {"id": task.id, "name": task.name}} if task is not None else None
        view = ContextView([
            *([current] if current else ()), *(layer for layer in layers if layer), execution.context, execution.input])
        return Scope(view, SnapshotLookup(self.snapshot, self.ports.records, self.now, task))

    def _env_layer(self) -> Mapping[str, Any]:
        return {"__env": self.snapshot.env()}

    def start_scope(self, task: Task) -> Scope:
        """For names, input, with-items, target and policies before start."""
        return self._scope(task, self._env_layer(), *layers_of(self.snapshot.inbound(task)))

    def item_scope(self, task: Task, item: Mapping[str, Any]) -> Scope:
        """The same with one item's variables. They lie under published variables of the same name (H75)."""
        return self._scope(task, self._env_layer(), *layers_of(self.snapshot.inbound(task)), item)

    def target_scope(self, task: Task, action_input: Mapping[str, Any], item: Mapping[str, Any] | None) -> Scope:
        """For ``target``: the evaluated input of the action lies on top, the variables of the item below the context."""
        execution = self.snapshot.execution
        current = {"__task_execution": {"id": task.id, "name": task.name}}
        view = ContextView([action_input, current, self._env_layer(), *layers_of(self.snapshot.inbound(task)),
                            item or {}, execution.context, execution.input])
        return Scope(view, SnapshotLookup(self.snapshot, self.ports.records, self.now, task))

    def executor_scope(self, task: Task) -> Scope:
        """For the timeout that is handed on: no environment, and the current task by ``task()`` only (2.4)."""
        execution = self.snapshot.execution
        view = ContextView([*layers_of(self.snapshot.inbound(task)), execution.context, execution.input])
        return Scope(view, SnapshotLookup(self.snapshot, self.ports.records, self.now, task, bare=True))

    def publish_scope(self, task: Task) -> Scope:
        """For publish sections: the inbound context lies above the environment."""
        return self._scope(task, *layers_of(self.snapshot.inbound(task)), self._env_layer())

    def transition_scope(self, task: Task) -> Scope:
        """For conditions and messages: outbound above the environment."""
        return self._scope(task, *layers_of(self.snapshot.outbound(task)), self._env_layer())

    def retry_scope(self, task: Task) -> Scope:
        """For the conditions of retry."""
        return self._scope(task, self._env_layer(), *layers_of(self.snapshot.outbound(task)))

    def output_scope(self, final: Context) -> Scope:
        """For ``output`` and ``output-on-error``."""
        return self._scope(None, *layers_of(final), self._env_layer())

    # ---- changes of state

    def set_task(self, task: Task, state: str, info: str | None = None, **values: Any) -> None:
        """Move a task, with its times and its notification."""
        old, first = task.state, task.started_at is None
        values |= {"state": state, "state_info": cut(info), "updated_at": self.now}
        if states.is_final(state):
            values["finished_at"] = self.now
        elif task.finished_at is not None:
            values["finished_at"] = None
        self.snapshot.change_task(task, **values)
        self._notify_task(task, old, first=first)

    def touch(self, task: Task, **values: Any) -> None:
        """Change other columns of a task."""
        self.snapshot.change_task(task, updated_at=self.now, **values)

    def set_execution(self, state: str, info: str | None = None, **values: Any) -> None:
        """Move the execution; raises WorkflowError on a move that the table doesn't have (L220)."""
        execution = self.snapshot.execution
        old = execution.state
        if not states.may_move(states.EXECUTION, old, state):
            raise WorkflowError(
                f"Can't change workflow execution state from {old} to {state}. "
                f"[workflow={execution.workflow_name}, execution_id={execution.id}]")
        values |= {"state": state, "state_info": cut(info), "updated_at": self.now}
        if states.is_final(state):
            values |= {"accepted": True, "finished_at": self.now}
        elif execution.finished_at is not None:
            values |= {"accepted": False, "finished_at": None}
        execution.set(**values)
        self._notify_execution(old)

    def set_attempt(self, attempt: Attempt, state: str, **values: Any) -> None:
        """Move an attempt; raises InvalidStateTransitionError on a move that the table doesn't have."""
        if not states.may_move(states.ACTION, attempt.state, state):
            raise InvalidStateTransitionError(f"Invalid state transition from {attempt.state} to {state}.")
        self.snapshot.change_attempt(attempt, state=state, updated_at=self.now, **values)

    # ---- steps and effects

    def ready(self, *step: Any) -> None:
        """Queue a step: a name known to ``decide`` and its arguments."""
        self.snapshot.pending.append(step)

    def emit(self, effect: Effect) -> None:
        """Ask for something to be done."""
        self.effects.append(effect)

    def wake(self, task: Task, purpose: str, seconds: int) -> None:
        """Arm a timer of a task; an older one of the same purpose is void from now on."""
        self.forget_timer(task, purpose)
        token = self.snapshot.next_ordinal()
        timers = {**task.runtime_context.get("_timers", {}), purpose: token}
        self.touch(task, runtime_context={**task.runtime_context, "_timers": timers})
        key = identity.derive(task.id, purpose, token)
        self.wakes[key] = WakeAt(key, self.now + timedelta(seconds=min(seconds, LONGEST_WAIT)), TimerFired(task.id, purpose, token))

    def forget_timer(self, task: Task, purpose: str) -> None:
        """Disarm a timer, if it is armed."""
        timers = dict(task.runtime_context.get("_timers", {}))
        token = timers.pop(purpose, None)
        if token is None:
            return
        self.touch(task, runtime_context={**task.runtime_context, "_timers": timers})
        key = identity.derive(task.id, purpose, token)
        if self.wakes.pop(key, None) is None:
            self.emit(ForgetWake(key))

    def forget_timers(self, task: Task) -> None:
        """Disarm all timers of a task."""
        for purpose in list(task.runtime_context.get("_timers", ())):
            self.forget_timer(task, purpose)

    def cancel_attempt(self, attempt: Attempt) -> None:
        """Ask that a running action be stopped. An asynchronous one runs nowhere, a child is told otherwise."""
        if attempt.kind == "action" and attempt.is_sync and attempt.state == states.RUNNING:
            self.emit(CancelAction(attempt.id))

    # ---- notifications (3.22)

    def _publishers(self, event: str | None) -> list[Mapping[str, Any]]:
        given = self.snapshot.execution.params.get("notify")
        found = []
        for target in (*self.ports.publishers, *(given if isinstance(given, list) else ())):
            if not isinstance(target, Mapping):
                continue
            wanted = target.get("event_types")
            if not wanted or (event is not None and event in wanted):
                found.append(target)
        return found

    @property
    def _is_silent(self) -> bool:
        """Whether nobody wants to be told of anything."""
        return not (self.snapshot.execution.params.get("notify") or self.ports.publishers)

    def _notify_task(self, task: Task, old: str, *, first: bool) -> None:
        if self._is_silent:
            return
        event = task_event(old, task.state, first=first)
        for target in self._publishers(event):
            self.emit(Notify(target, task_notice(event, task, self.snapshot.execution)))

    def _notify_execution(self, old: str) -> None:
        if self._is_silent:
            return
        event = execution_event(old, self.snapshot.execution.state)
        for target in self._publishers(event):
            self.emit(Notify(target, execution_notice(event, self.snapshot.execution)))


def cut(text: Any) -> str | None:
    """``state_info`` as it is stored: text, cut where it is too long (L416)."""
    if text is None:
        return None
    return str(text)[:STATE_INFO_LENGTH]
