"""Deciding one batch: prepare, decide in memory, commit once, set going what follows.

``Decider.decide`` does it all or raises and leaves nothing behind: snapshots that were changed in vain are dropped, and
nobody is answered. What to do then is the loop's business. Used by the deciding thread only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from maestrale import clock
from maestrale.core.decide import Limits, Ports
from maestrale.core.messages import ActionCompleted
from maestrale.core.model import Attempt, Execution, Job, Task
from maestrale.engine.dispatch import Dispatcher, Origin, cancellation
from maestrale.engine.faults import AFTER_COMMIT, BEFORE_ANSWER, BEFORE_COMMIT, Faults, no_faults
from maestrale.engine.inbox import Inbox
from maestrale.engine.intake import Intake, Ready
from maestrale.engine.items import Delivery, Start, answer, fail
from maestrale.engine.programs import Programs
from maestrale.engine.round import Bounds, Outcome, Round, Unit, World, copy_of
from maestrale.engine.shelf import Shelf
from maestrale.engine.timers import Timers
from maestrale.errors import DatabaseUnavailableError, NotFoundError
from maestrale.store import Batch, Changeset, Database, Executions, VersionConflict, dispatch, jobs, nodes


class Definitions(Protocol):
    """The ports of decisions, told when a batch begins, so that definitions are looked at afresh."""

    def ports(self) -> Ports:
        """The ports for the next batch."""


@dataclass(slots=True, kw_only=True)
class DeciderParts:
    """What a batch is decided with. ``new_id`` gives identities that are never used twice."""

    node_id: str
    database: Database
    executions: Executions
    programs: Programs
    shelf: Shelf
    intake: Intake
    definitions: Definitions
    dispatcher: Dispatcher
    inbox: Inbox
    limits: Limits
    bounds: Bounds
    new_id: Callable[[], str]
    on_notification: Callable[[Job], None]
    timer_horizon: float = 30.0
    now: Callable[[], datetime] = clock.now
    faults: Faults = no_faults


@dataclass(slots=True)
class HeldJobs:
    """The job rows that this process takes care of: ``held`` all of them, ``timers`` those that wait for their time.

    ``void`` are rows of no use any more, to be deleted some time.
    """

    timers: Timers = field(default_factory=Timers)
    held: set[str] = field(default_factory=set)
    void: list[str] = field(default_factory=list)

    def take(self, job: Job) -> bool:
        """Take care of a job from now on; False if that is so already."""
        if job.id in self.held:
            return False
        self.held.add(job.id)
        self.timers.add(job)
        return True


class Decider:
    """See the module."""

    def __init__(self, parts: DeciderParts, jobs: HeldJobs) -> None:
        self._parts = parts
        self._jobs = jobs
        self.room_for_actions = True

    def decide(self, items: Sequence[Start | Delivery]) -> None:
        """Decide the items together and commit once; see the module.

        Raises VersionConflict, JobGone, AlreadyExists, DatabaseUnavailableError, and whatever a fault of ours raises.
        """
        parts = self._parts
        ready = self._prepare(items)
        world = World(
            ports=parts.definitions.ports(), limits=parts.limits, options=parts.programs.options, now=parts.now(), bounds=parts.bounds,
            load=parts.shelf.get, node_id=parts.node_id, new_id=parts.new_id, program_of=parts.programs.of_spec,
            timer_horizon=parts.timer_horizon,
        )
        around = Round(world)
        withdrawn: list[tuple[Unit, str]] = []
        try:
            for start, request in ready.starts:
                around.begin(start, request)
            for delivery in ready.deliveries:
                around.deliver(delivery)
            outcome = around.settle()
            runs = self._assign(outcome, world.now)
            withdrawn = self._cancel_elsewhere(outcome, world.now)
            self._commit(outcome, ready)
        except BaseException as error:
            parts.shelf.drop(around.outcome.units)
            if isinstance(error, VersionConflict):
                parts.shelf.contend(error.ids)
            parts.dispatcher.settle(attempt.id for _, attempt in around.outcome.runs)
            parts.dispatcher.settle(attempt_id for _, attempt_id in withdrawn)
            raise
        self._follow(outcome, ready, runs)
        for unit, attempt_id in withdrawn:
            message = ActionCompleted(attempt_id, "CANCELLED", "The action was cancelled before it ran.")
            parts.inbox.put(Delivery(message, execution_id=unit.id))

    def forget(self, execution_id: str) -> None:
        """Load the execution afresh when it is next decided."""
        self._parts.shelf.drop([execution_id])

    def cancel(self, attempt_id: str) -> None:
        """Make an action end that this process runs, as another one has asked."""
        self._parts.dispatcher.cancel(attempt_id)

    def is_database_usable(self) -> bool:
        """Whether the database takes a small change at the moment: this process's heartbeat."""
        parts = self._parts
        try:
            parts.database.run_write(lambda conn: nodes.heartbeat(conn, parts.node_id, parts.now()))
        except DatabaseUnavailableError:
            return False
        return True

    def existing_jobs(self, ids: Sequence[str]) -> set[str]:
        """Those of these jobs that are still to be done."""
        return self._parts.database.run_read(lambda conn: jobs.existing(conn, ids)) if ids else set()

    def _prepare(self, items: Sequence[Start | Delivery]) -> Ready:
        parts = self._parts
        if not parts.intake.needs_reading(items):
            return parts.intake.prepare(None, items)
        return parts.database.run_look(lambda conn: parts.intake.prepare(conn, items))

    def _assign(self, outcome: Outcome, now: datetime) -> list[tuple[Unit, Attempt]]:
        """Put this process's name into as many new attempts as it has room for; the rest is for whoever has."""
        dispatcher = self._parts.dispatcher
        room = dispatcher.room if self.room_for_actions else 0
        runs = [(unit, attempt) for unit, attempt in outcome.runs if attempt.state == "RUNNING"]
        if len(runs) > room:
            del runs[room:]
            dispatcher.leave_behind()
        for unit, attempt in runs:
            unit.snapshot.change_attempt(attempt, owner=self._parts.node_id, dispatched_at=now)
            dispatcher.take(attempt)
        self._mark_inert(outcome, now)
        return runs

    @staticmethod
    def _mark_inert(outcome: Outcome, now: datetime) -> None:
        """Asynchronous actions that nobody has to run are with the outside from the beginning."""
        to_run = {attempt.id for _, attempt in outcome.runs}
        for unit in outcome.units.values():
            for attempt in unit.snapshot.changed_attempts():
                if not attempt.is_sync and not attempt.stored and attempt.id not in to_run:
                    unit.snapshot.change_attempt(attempt, dispatched_at=now)

    def _cancel_elsewhere(self, outcome: Outcome, now: datetime) -> list[tuple[Unit, str]]:
        """Tell the process that runs an action, by a row; take what nobody runs yet, so that nobody will. Gives the latter.

        Who runs an action is written beside the execution's version, so a snapshot may not know it. What bears this process's name but
        isn't in its hands was taken by a decision that then was in vain.
        """
        taken: list[tuple[Unit, str]] = []
        parts = self._parts
        elsewhere = [(unit, one) for unit, one in outcome.cancels if one not in parts.dispatcher]
        if not elsewhere:
            return taken
        ids = [attempt_id for _, attempt_id in elsewhere]
        got = parts.database.run_write(lambda conn: dispatch.claim_actions(conn, parts.node_id, ids, now))
        owners = {one.id: one.owner for one in parts.database.run_read(lambda conn: parts.executions.attempts(conn, ids))}
        for unit, attempt_id in elsewhere:
            owner = owners.get(attempt_id)
            attempt = unit.snapshot.attempts[attempt_id]
            if attempt_id in got or owner == parts.node_id or not attempt.stored:
                unit.snapshot.change_attempt(attempt, owner=parts.node_id, dispatched_at=now)
                parts.dispatcher.take(attempt)
                taken.append((unit, attempt_id))
            elif owner is not None:
                job = cancellation(parts.new_id(), attempt_id, owner, now, execution_id=unit.id)
                outcome.new_jobs[job.id] = job
        return taken

    def _commit(self, outcome: Outcome, ready: Ready) -> None:
        parts = self._parts
        changed = [unit for unit in outcome.units.values() if unit.snapshot.is_changed()]
        self._check_unchanged(outcome)
        batch = Batch(
            changesets=[_changeset(unit) for unit in changed], new_jobs=list(outcome.new_jobs.values()),
            done_jobs=outcome.done_jobs, new_specs=self._specs(changed, ready),
            firings=[unit.start.request.firing for unit in changed if unit.start is not None and unit.start.request.firing is not None],
        )
        if batch.changesets or batch.new_jobs or batch.done_jobs:
            parts.faults(BEFORE_COMMIT)
            parts.executions.commit(batch)
            parts.faults(AFTER_COMMIT)
        for unit in changed:
            for attempt in unit.snapshot.changed_attempts():
                parts.shelf.note_attempt(attempt)
            parts.shelf.note_changes(unit.snapshot)
            unit.snapshot.clean()

    def _check_unchanged(self, outcome: Outcome) -> None:
        """A refusal, or a decision to do nothing, counts only if it was taken on what is stored now."""
        refused = {id(item) for item, _ in outcome.refused}
        unchanged = [
            unit.snapshot for unit in outcome.units.values() if unit.told and (
                not unit.snapshot.is_changed() or any(id(item) in refused for item in unit.told))
        ]
        outdated = self._parts.shelf.outdated(unchanged) if unchanged else []
        if outdated:
            raise VersionConflict(outdated)

    @staticmethod
    def _specs(changed: Sequence[Unit], ready: Ready) -> dict[str, Any]:
        specs = dict(ready.specs)
        for unit in changed:
            if unit.is_new:
                specs.setdefault(unit.snapshot.execution.spec_digest, unit.snapshot.spec.raw)
        return specs

    # ---- after the commit

    def _follow(self, outcome: Outcome, ready: Ready, runs: Sequence[tuple[Unit, Attempt]]) -> None:
        parts = self._parts
        for unit in outcome.units.values():
            parts.shelf.keep(unit.snapshot)
        self._note_jobs(outcome)
        parts.faults(BEFORE_ANSWER)
        self._answer(outcome, ready)
        for unit, attempt in runs:
            task = unit.snapshot.tasks[attempt.task_id] if attempt.task_id else None
            parts.dispatcher.run(attempt, Origin.of(unit.snapshot.execution, task.name if task else None))
        for _, attempt_id in outcome.cancels:
            parts.dispatcher.cancel(attempt_id)
        for follow_up in outcome.follow_ups:
            parts.inbox.put(follow_up)
        for start in ready.later:
            parts.inbox.put(start)

    def _note_jobs(self, outcome: Outcome) -> None:
        parts = self._parts
        self._jobs.held.difference_update(outcome.done_jobs)
        waiting_here = {item.job_id for item in outcome.follow_ups}
        for job in outcome.new_jobs.values():
            if job.owner != parts.node_id:
                continue
            if job.kind == "notify":
                parts.on_notification(job)
                continue
            self._jobs.held.add(job.id)
            if job.id not in waiting_here:
                self._jobs.timers.add(job)
        for job_id in outcome.void_jobs:
            self._jobs.timers.forget(job_id)
            self._jobs.held.discard(job_id)
            self._jobs.void.append(job_id)

    def _answer(self, outcome: Outcome, ready: Ready) -> None:
        settled = []
        for item, error in (*ready.refused, *outcome.refused):
            fail(item, error)
        for item, value in ready.answered:
            answer(item, value)
        for unit in outcome.units.values():
            if unit.start is not None:
                answer(unit.start, unit.created)
            for delivery in unit.told:
                if isinstance(delivery.message, ActionCompleted):
                    settled.append(delivery.message.attempt_id)
                if delivery.future is not None and not delivery.future.done():
                    _answer_with_record(unit, delivery)
        for item, _ in outcome.refused:
            if isinstance(item, Delivery) and isinstance(item.message, ActionCompleted):
                settled.append(item.message.attempt_id)
        self._parts.dispatcher.settle(settled)


def _changeset(unit: Unit) -> Changeset:
    snapshot = unit.snapshot
    execution = snapshot.execution
    return Changeset(
        execution, execution.version if execution.stored else 0, snapshot.changed_tasks(), snapshot.changed_attempts(),
    )


def _answer_with_record(unit: Unit, delivery: Delivery) -> None:
    snapshot = unit.snapshot
    if delivery in unit.replies:
        answer(delivery, unit.replies[delivery])
        return
    record: Execution | Task | Attempt | None
    if delivery.subject == "execution":
        record = snapshot.execution
    elif delivery.subject == "task":
        record = snapshot.tasks.get(delivery.subject_id or "")
    else:
        record = snapshot.attempts.get(delivery.subject_id or "")
    if record is None:
        fail(delivery, NotFoundError(f"Not found [id={delivery.subject_id}]"))
    else:
        answer(delivery, copy_of(record))

