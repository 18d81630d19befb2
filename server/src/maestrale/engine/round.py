"""One round: everything that waits, decided in memory, ready for one commit.

A round takes items, finds the snapshots that they are about, and lets the core decide, over and over, as long
as decisions tell other executions of the round something and there is budget left. What doesn't fit
becomes job rows, so that nothing depends on this process. A round changes snapshots in place and writes
nothing: the loop commits its outcome, or throws the snapshots away. No threads, no clock; reading is left to the
functions that it is given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from maestrale.core.decide import Decision, Limits, NewExecution, Ports, create, decide
from maestrale.core.messages import (
    CancelAction,
    Continue,
    Effect,
    ForgetWake,
    Message,
    Notify,
    Resume,
    RunAction,
    StartChild,
    Tell,
    WakeAt,
    to_payload,
)
from maestrale.core.model import Attempt, Execution, Job, Record
from maestrale.core.program import Program
from maestrale.core.snapshot import Snapshot
from maestrale.engine.items import Delivery, Start
from maestrale.errors import MaestraleError, NotFoundError
from maestrale.expr import Options
from maestrale.lang.specs import WorkflowSpec

R = TypeVar("R", bound=Record)

Load = Callable[[Sequence[str]], Mapping[str, Snapshot]]
"""Gives the snapshots of executions that exist; from memory where it may."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much goes into one commit.

    ``steps``: shared by the executions of a round. ``steps_each``: the least that each of them gets.
    ``decisions``: calls of the core; what is told after that many becomes job rows.
    """

    steps: int = 512
    steps_each: int = 64
    decisions: int = 1024


@dataclass(frozen=True, slots=True)
class World:
    """What a round is given besides its items. ``new_id`` gives identities that are never used twice."""

    ports: Ports
    limits: Limits
    options: Options
    now: datetime
    bounds: Bounds
    load: Load
    node_id: str
    new_id: Callable[[], str]
    program_of: Callable[[str, WorkflowSpec], Program]
    timer_horizon: float = 30.0


@dataclass(slots=True, eq=False)
class Unit:
    """One execution of a round: what waits for it, and what was decided."""

    snapshot: Snapshot
    is_new: bool = False
    waiting: list[Delivery] = field(default_factory=list)
    told: list[Delivery] = field(default_factory=list)
    start: Start | None = None
    created: Execution | None = None
    budget: int = 0
    has_budget: bool = False
    must_continue: bool = False
    queued: bool = False
    replies: dict[Delivery, Execution] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The execution's id."""
        return self.snapshot.execution.id


@dataclass(slots=True)
class Outcome:
    """What a round came to. Everything in it is in memory only, until it is committed.

    ``done_jobs`` have to exist when the commit deletes them, ``void_jobs`` may be gone already. ``follow_ups`` are
    deliveries for this process, each with a row in ``new_jobs``.
    """

    units: dict[str, Unit] = field(default_factory=dict)
    new_jobs: dict[str, Job] = field(default_factory=dict)
    done_jobs: list[str] = field(default_factory=list)
    void_jobs: list[str] = field(default_factory=list)
    runs: list[tuple[Unit, Attempt]] = field(default_factory=list)
    cancels: list[tuple[Unit, str]] = field(default_factory=list)
    follow_ups: list[Delivery] = field(default_factory=list)
    refused: list[tuple[Start | Delivery, MaestraleError]] = field(default_factory=list)


class Round:
    """See the module."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.outcome = Outcome()
        self._queue: deque[Unit] = deque()
        self._unknown: dict[str, list[Delivery]] = {}
        self._decisions = 0

    # ---- what goes in

    def begin(self, item: Start, request: NewExecution) -> None:
        """Create an execution; one that can't be created is refused and leaves nothing."""
        world = self._world
        try:
            snapshot = create(request, world.ports, world.now, world.limits, world.options)
        except MaestraleError as error:
            self.outcome.refused.append((item, error))
            return
        unit = self._add(snapshot)
        unit.start, unit.created = item, copy_of(snapshot.execution)

    def _add(self, snapshot: Snapshot) -> Unit:
        unit = Unit(snapshot, is_new=True)
        self.outcome.units[unit.id] = unit
        self._enqueue(unit)
        return unit

    def deliver(self, item: Delivery) -> None:
        """Take a message in; its execution is loaded later, together with the others."""
        assert item.execution_id is not None
        unit = self.outcome.units.get(item.execution_id)
        if unit is None:
            self._unknown.setdefault(item.execution_id, []).append(item)
        else:
            unit.waiting.append(item)
            self._enqueue(unit)

    def _enqueue(self, unit: Unit) -> None:
        if not unit.queued:
            unit.queued = True
            self._queue.append(unit)

    # ---- deciding

    def settle(self) -> Outcome:
        """Decide until nothing waits or the bounds are reached."""
        while self._queue or self._unknown:
            if self._unknown:
                self._load_unknown()
            while self._queue and self._decisions < self._world.bounds.decisions:
                self._decide(self._queue.popleft())
            if self._decisions >= self._world.bounds.decisions:
                self._put_off()
                break
        for unit in self.outcome.units.values():
            if unit.must_continue:
                self._follow_up(unit.id, Continue())
        return self.outcome

    def _load_unknown(self) -> None:
        unknown, self._unknown = self._unknown, {}
        found = self._world.load(list(unknown))
        for execution_id, deliveries in unknown.items():
            snapshot = found.get(execution_id)
            if snapshot is None:
                self._refuse_all(deliveries, execution_id)
                continue
            unit = self.outcome.units[execution_id] = Unit(snapshot)
            unit.waiting = [item for item in deliveries if self._may_see(item, snapshot.execution)]
            if unit.waiting:
                self._enqueue(unit)

    def _may_see(self, item: Delivery, execution: Execution) -> bool:
        caller = item.caller
        if caller is None or caller.is_admin or caller.project_id == execution.project_id:
            return True
        self._refuse_all([item], execution.id)
        return False

    def _refuse_all(self, deliveries: Sequence[Delivery], execution_id: str) -> None:
        for item in deliveries:
            self.outcome.refused.append((item, NotFoundError(f"Workflow execution not found [id={execution_id}]")))
            if item.job_id is not None:
                self.outcome.void_jobs.append(item.job_id)

    def _decide(self, unit: Unit) -> None:
        world = self._world
        unit.queued = False
        deliveries, unit.waiting = unit.waiting, []
        if not unit.has_budget:
            unit.has_budget = True
            unit.budget = max(world.bounds.steps_each, world.bounds.steps // max(1, len(self._queue)))
        self._decisions += 1
        messages = [item.message for item in deliveries]
        if any(item.future is not None and isinstance(item.message, Resume) for item in deliveries):
            # the reply shows the execution as it was resumed, not what became of it since
            decision = decide(unit.snapshot, messages, world.ports, world.now, world.limits, 0)
            unit.replies.update((item, copy_of(unit.snapshot.execution)) for item in deliveries if isinstance(item.message, Resume))
            self._settle_decision(unit, deliveries, decision)
            deliveries, messages = [], []
        decision = decide(unit.snapshot, messages, world.ports, world.now, world.limits, unit.budget)
        if decision.unfinished:
            unit.budget = 0
        self._settle_decision(unit, deliveries, decision)

    def _settle_decision(self, unit: Unit, deliveries: Sequence[Delivery], decision: Decision) -> None:
        for position, error in decision.refused.items():
            self.outcome.refused.append((deliveries[position], error))
        for item in deliveries:
            if item.job_id is not None:
                self.outcome.done_jobs.append(item.job_id)
        unit.told.extend(deliveries)
        unit.must_continue = False
        for effect in decision.effects:
            self._take(unit, effect)

    # ---- effects

    def _take(self, unit: Unit, effect: Effect) -> None:
        if isinstance(effect, Tell):
            self._tell(unit, effect)
        elif isinstance(effect, RunAction):
            self.outcome.runs.append((unit, effect.attempt))
        elif isinstance(effect, StartChild):
            self._add_child(effect.child)
        elif isinstance(effect, WakeAt):
            self._wake(unit, effect)
        elif isinstance(effect, ForgetWake):
            if self.outcome.new_jobs.pop(effect.key, None) is None:
                self.outcome.void_jobs.append(effect.key)
        elif isinstance(effect, CancelAction):
            self.outcome.cancels.append((unit, effect.attempt_id))
        else:
            self._notify(unit, effect)

    def _add_child(self, child: Snapshot) -> None:
        """A child is decided with the compiled form that all executions of its workflow share."""
        child.program = self._world.program_of(child.execution.spec_digest, child.spec)
        self._add(child)

    def _tell(self, unit: Unit, effect: Tell) -> None:
        if effect.execution_id == unit.id and isinstance(effect.message, Continue):
            unit.must_continue = True
        else:
            self.deliver(Delivery(effect.message, execution_id=effect.execution_id))

    def _wake(self, unit: Unit, effect: WakeAt) -> None:
        near = effect.due_at <= self._world.now + timedelta(seconds=self._world.timer_horizon)
        self.outcome.new_jobs[effect.key] = Job(
            id=effect.key, kind="message", execution_id=unit.id, due_at=effect.due_at, payload=to_payload(effect.message),
            created_at=self._world.now, owner=self._world.node_id if near else None,
        )

    def _notify(self, unit: Unit, effect: Notify) -> None:
        self._job("notify", unit.id, {"target": dict(effect.target), "body": dict(effect.body)})

    def _job(self, kind: str, execution_id: str, payload: dict[str, object], owner: str | None = None) -> Job:
        assert kind in {"message", "notify"}
        job = Job(
            id=self._world.new_id(), kind="notify" if kind == "notify" else "message", execution_id=execution_id,
            due_at=self._world.now, payload=payload, created_at=self._world.now, owner=owner or self._world.node_id,
        )
        self.outcome.new_jobs[job.id] = job
        return job

    def _follow_up(self, execution_id: str, message: Message) -> None:
        job = self._job("message", execution_id, to_payload(message))
        self.outcome.follow_ups.append(Delivery(message, execution_id=execution_id, job_id=job.id))

    def _put_off(self) -> None:
        """The bounds are reached: what still waits is told after the commit."""
        for unit in list(self._queue):
            if unit.is_new and not unit.has_budget:
                unit.must_continue = True
                effects, unit.snapshot.launch_effects = unit.snapshot.launch_effects, []
                for effect in effects:
                    self._take(unit, effect)
            self._put_off_all(unit.waiting)
            unit.waiting = []
        self._queue.clear()
        for deliveries in self._unknown.values():
            self._put_off_all(deliveries)
        self._unknown.clear()

    def _put_off_all(self, deliveries: Sequence[Delivery]) -> None:
        for item in deliveries:
            if item.future is None and item.job_id is None:
                assert item.execution_id is not None
                self._follow_up(item.execution_id, item.message)
            else:
                self.outcome.follow_ups.append(item)


def copy_of(record: R) -> R:
    """A record that another thread may keep; its values are shared and never changed."""
    twin = copy(record)
    twin.dirty = set()
    return twin
