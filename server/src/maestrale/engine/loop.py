"""The deciding loop: one thread that takes what waits, decides it, commits it, and sets going what follows.

Everything that waits forms one batch with one commit; what arrives meanwhile is the next batch. If another process
has changed one of the executions, nothing of the batch is written and each execution is decided again by itself from
a fresh load. If the database is away, requests fail at once, and everything else is kept and tried again: its rows
say that it is not done yet. A fault of ours in deciding one execution never holds up another one; after some tries
that execution ends in ERROR and says so.

Only this thread touches the cache, the timers and the held jobs.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import structlog

from maestrale import clock
from maestrale.core.decide import Limits, Ports
from maestrale.core.messages import ActionCompleted, Continue, Stop, from_payload
from maestrale.core.model import Attempt, Execution, Job, Task
from maestrale.engine.dispatch import Dispatcher, Origin
from maestrale.engine.faults import AFTER_COMMIT, BEFORE_ANSWER, BEFORE_COMMIT, Faults, no_faults
from maestrale.engine.inbox import Inbox
from maestrale.engine.intake import Intake, Ready
from maestrale.engine.items import Delivery, Item, Operation, Start, answer, fail
from maestrale.engine.programs import Programs
from maestrale.engine.round import Bounds, Outcome, Round, Unit, World, copy_of
from maestrale.engine.shelf import Shelf
from maestrale.engine.timers import Timers
from maestrale.errors import DatabaseUnavailableError, EngineError, MaestraleError, NotFoundError
from maestrale.store import AlreadyExists, Batch, Changeset, Database, Executions, JobGone, VersionConflict, dispatch

log = structlog.get_logger(__name__)

CONFLICTS = (VersionConflict, JobGone, AlreadyExists)
TRIES_APART = 8
TRIES_OF_A_FAULT = 3
FIRST_PAUSE = 0.2
GIVE_UP_PAUSE = 60.0

CANCEL_ACTION = "CancelAction"
"""Type of a job's payload that no execution is told: the process that runs the attempt has to end it."""


class Definitions(Protocol):
    """The ports of decisions, told when a batch begins, so that definitions are looked at afresh."""

    def ports(self) -> Ports:
        """The ports for the next batch."""


@dataclass(slots=True, kw_only=True)
class LoopParts:
    """What the loop works with. ``new_id`` gives identities that are never used twice."""

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
    batch_size: int = 256
    timer_horizon: float = 30.0
    retry_delay_max: float = 15.0
    now: Callable[[], datetime] = clock.now
    faults: Faults = no_faults


@dataclass(slots=True)
class _Later:
    """Items that are tried again at a time on the monotonic clock."""

    at: float
    items: list[Item] = field(default_factory=list)


class DecisionLoop:
    """See the module."""

    def __init__(self, parts: LoopParts) -> None:
        self._parts = parts
        self.timers = Timers()
        self.held_jobs: set[str] = set()
        self.void_jobs: list[str] = []
        self.wants_reconciliation = False
        self._later: list[_Later] = []
        self._down_until = 0.0
        self._pause = FIRST_PAUSE
        self._stopping = False
        self.room_for_actions = True

    # ---- running

    def run(self) -> None:
        """Work until ``stop``; the body of the deciding thread."""
        while not self._stopping:
            self.turn(self._patience())
        while self.turn(0.0):
            pass

    def stop(self) -> None:
        """Make ``run`` return after what waits now. Callable from any thread."""
        self._stopping = True
        self._parts.inbox.wake()

    def refuse_requests(self) -> None:
        """Before work may begin: answer requests that the database can't be reached, keep the rest."""
        error = DatabaseUnavailableError("The database can't be reached at the moment.")
        for item in self._parts.inbox.take(self._parts.batch_size, 0.0):
            fail(item, error)
            if item.future is None:
                self._keep_for_later([item])

    def turn(self, patience: float | None) -> bool:
        """Wait up to ``patience`` seconds and decide what there is; whether there was anything."""
        items: list[Item] = self._parts.inbox.take(self._parts.batch_size, patience)
        items.extend(self._due())
        items.extend(self._retries())
        if items:
            self.process(items)
        return bool(items)

    def _patience(self) -> float | None:
        waits = [w for w in (self.timers.next_in(self._parts.now()),) if w is not None]
        waits.extend(max(0.0, later.at - clock.monotonic()) for later in self._later)
        return min(waits, default=None)

    def _due(self) -> list[Item]:
        return [self._delivery_of(job) for job in self.timers.due(self._parts.now())] if len(self.timers) else []

    def _retries(self) -> list[Item]:
        if not self._later:
            return []
        now = clock.monotonic()
        due = [later for later in self._later if later.at <= now]
        self._later = [later for later in self._later if later.at > now]
        return [item for later in due for item in later.items]

    @staticmethod
    def _delivery_of(job: Job) -> Delivery:
        return Delivery(from_payload(job.payload), execution_id=job.execution_id, job_id=job.id)

    def accept_jobs(self, jobs: Sequence[Job]) -> None:
        """Take care of message jobs whose rows bear this process's name. In the deciding thread only."""
        for job in jobs:
            if job.payload.get("type") == CANCEL_ACTION:
                self._parts.dispatcher.cancel(job.payload["attempt_id"])
                self.void_jobs.append(job.id)
            elif job.id not in self.held_jobs:
                if job.payload.get("type") == Continue.__name__ and job.execution_id is not None:
                    # it comes from elsewhere, so what is ready has to be found from the rows
                    self._parts.shelf.drop([job.execution_id])
                self.held_jobs.add(job.id)
                self.timers.add(job)

    def continue_afresh(self, execution_id: str) -> None:
        """Find out from the rows what an execution has ready. In the deciding thread only."""
        self._parts.shelf.drop([execution_id])
        self._parts.inbox.put(Delivery(Continue(), execution_id=execution_id))

    # ---- one batch

    def process(self, items: Sequence[Item]) -> None:
        """Decide items of any kind. Never raises: what can't be done now is answered, kept or logged."""
        deciding: list[Start | Delivery] = []
        for item in items:
            if isinstance(item, Operation):
                self._operate(item)
            else:
                deciding.append(item)
        if deciding:
            deciding = self._while_down(deciding)
        if deciding:
            self._together(deciding)

    def _operate(self, item: Operation) -> None:
        try:
            result = item.run()
        except DatabaseUnavailableError as error:
            fail(item, error)
            if item.future is None:
                self._keep_for_later([item])
        except MaestraleError as error:
            fail(item, error)
            if item.future is None:
                log.warning("an operation was refused", operation=item.name, error=str(error))
        except Exception as error:
            log.exception("an operation failed", operation=item.name)
            fail(item, EngineError(f"Internal fault in {item.name}: {type(error).__name__}"))
        else:
            answer(item, result)

    def _while_down(self, items: list[Start | Delivery]) -> list[Start | Delivery]:
        """While the database is away nothing is tried before the pause is over."""
        if clock.monotonic() >= self._down_until:
            return items
        self._put_off(items, DatabaseUnavailableError("The database can't be reached at the moment."))
        return []

    def _together(self, items: Sequence[Start | Delivery]) -> None:
        try:
            self._decide(items)
        except CONFLICTS as conflict:
            self._noted(conflict)
            self._apart(items)
        except DatabaseUnavailableError as error:
            self._database_is_down(items, error)
        except Exception as error:
            log.exception("deciding a batch failed", items=len(items))
            self._apart(items, error)

    def _apart(self, items: Sequence[Start | Delivery], fault: Exception | None = None) -> None:
        """Decide each execution by itself, from a fresh load."""
        if fault is not None and len(items) == 1:
            self._faulty(items[0], fault)
            return
        groups: dict[Any, list[Start | Delivery]] = {}
        for item in items:
            groups.setdefault(item.key or item, []).append(item)
        for group in groups.values():
            self._alone(group)

    def _alone(self, items: Sequence[Start | Delivery]) -> None:
        for number in range(TRIES_APART):
            items = [item for item in items if self._is_open(item)]
            if not items or self._settled_alone(items):
                return
            if number > 1:
                time.sleep(random.uniform(0, 0.01 * 2**number))  # noqa: S311 - spreads rivals, no secret
        self._put_off(items, DatabaseUnavailableError("The execution is changed by others all the time; try again."))

    def _is_open(self, item: Start | Delivery) -> bool:
        """Whether the row that a delivery came from still has to be done."""
        return not isinstance(item, Delivery) or item.job_id is None or item.job_id in self.held_jobs

    def _settled_alone(self, items: Sequence[Start | Delivery]) -> bool:
        """One try; False if another process was quicker once more."""
        for item in items:
            item.tries += 1
        try:
            self._decide(items)
        except CONFLICTS as conflict:
            self._noted(conflict)
            return False
        except DatabaseUnavailableError as error:
            self._database_is_down(items, error)
        except Exception as error:
            log.exception("deciding failed", execution_id=items[0].key, items=len(items))
            if len(items) == 1:
                self._faulty(items[0], error)
            else:
                for item in items:
                    self._alone([item])
        return True

    def _noted(self, conflict: Exception) -> None:
        self.wants_reconciliation = True
        if isinstance(conflict, JobGone):
            self.held_jobs.difference_update(conflict.ids)
        log.debug("decided in vain", reason=str(conflict))

    # ---- trouble

    def _database_is_down(self, items: Sequence[Start | Delivery], error: DatabaseUnavailableError) -> None:
        self._down_until = clock.monotonic() + self._pause
        log.warning("the database is not available", error=str(error), kept=sum(item.future is None for item in items))
        self._pause = min(self._pause * 2, self._parts.retry_delay_max)
        self.wants_reconciliation = True
        self._put_off(items, error)

    def _put_off(self, items: Sequence[Start | Delivery], error: MaestraleError) -> None:
        """Requests fail, everything else waits."""
        for item in items:
            fail(item, error)
        self._keep_for_later([item for item in items if item.future is None or (isinstance(item, Delivery) and item.job_id is not None)])

    def _keep_for_later(self, items: Sequence[Item], pause: float | None = None) -> None:
        if items:
            at = max(clock.monotonic() + (self._pause if pause is None else pause), self._down_until)
            self._later.append(_Later(at, list(items)))

    def _faulty(self, item: Start | Delivery, error: Exception) -> None:
        """A message that can't be decided, by a fault of ours: the execution has to end and say so."""
        text = f"{type(error).__name__}: {error}" if isinstance(error, MaestraleError) else type(error).__name__
        fail(item, error if isinstance(error, MaestraleError) else EngineError(f"Internal fault while deciding: {text}"))
        if item.future is not None or isinstance(item, Start):
            return
        if isinstance(item.message, Stop):
            log.error("an execution can't be decided at all", execution_id=item.execution_id)
            self._keep_for_later([item], GIVE_UP_PAUSE)
            return
        item.faults += 1
        if item.faults < TRIES_OF_A_FAULT:
            self._keep_for_later([item], FIRST_PAUSE)
        else:
            name = type(item.message).__name__
            item.message = Stop("ERROR", f"Internal fault while deciding on {name}: {text}")
            self._keep_for_later([item], 0.0)

    # ---- deciding and committing

    def _decide(self, items: Sequence[Start | Delivery]) -> None:
        parts = self._parts
        ready = self._prepare(items)
        world = World(
            ports=parts.definitions.ports(), limits=parts.limits, options=parts.programs.options, now=parts.now(), bounds=parts.bounds,
            load=parts.shelf.get, node_id=parts.node_id, new_id=parts.new_id, timer_horizon=parts.timer_horizon,
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
        except BaseException:
            parts.shelf.drop(around.outcome.units)
            parts.dispatcher.settle(attempt.id for _, attempt in around.outcome.runs)
            parts.dispatcher.settle(attempt_id for _, attempt_id in withdrawn)
            raise
        self._follow(outcome, ready, runs)
        for unit, attempt_id in withdrawn:
            message = ActionCompleted(attempt_id, "CANCELLED", "The action was cancelled before it ran.")
            parts.inbox.put(Delivery(message, execution_id=unit.id))

    def _prepare(self, items: Sequence[Start | Delivery]) -> Ready:
        parts = self._parts
        if not parts.intake.needs_reading(items):
            return parts.intake.prepare(None, items)
        return parts.database.run_read(lambda conn: parts.intake.prepare(conn, items))

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

        Who runs an action is written beside the execution's version, so a snapshot may not know it.
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
            if attempt_id in got or not attempt.stored:
                unit.snapshot.change_attempt(attempt, owner=parts.node_id, dispatched_at=now)
                parts.dispatcher.take(attempt)
                taken.append((unit, attempt_id))
            elif owner is not None and owner != parts.node_id:
                job = Job(
                    id=parts.new_id(), kind="message", execution_id=unit.id, due_at=now,
                    payload={"type": CANCEL_ACTION, "attempt_id": attempt_id}, created_at=now, owner=owner,
                )
                outcome.new_jobs[job.id] = job
        return taken

    def _commit(self, outcome: Outcome, ready: Ready) -> None:
        parts = self._parts
        changed = [unit for unit in outcome.units.values() if unit.snapshot.is_changed()]
        self._check_unchanged(outcome)
        batch = Batch(
            changesets=[_changeset(unit) for unit in changed], new_jobs=list(outcome.new_jobs.values()),
            done_jobs=outcome.done_jobs, new_specs=self._specs(changed, ready),
        )
        if batch.changesets or batch.new_jobs or batch.done_jobs:
            parts.faults(BEFORE_COMMIT)
            parts.executions.commit(batch)
            parts.faults(AFTER_COMMIT)
        self._pause = FIRST_PAUSE
        for unit in changed:
            for attempt in unit.snapshot.changed_attempts():
                parts.shelf.note_attempt(attempt)
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
        self._note_jobs(outcome, ready)
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

    def _note_jobs(self, outcome: Outcome, ready: Ready) -> None:
        parts = self._parts
        self.held_jobs.difference_update(outcome.done_jobs)
        waiting_here = {item.job_id for item in outcome.follow_ups}
        for job in outcome.new_jobs.values():
            if job.owner != parts.node_id:
                continue
            if job.kind == "notify":
                parts.on_notification(job)
                continue
            self.held_jobs.add(job.id)
            if job.id not in waiting_here:
                self.timers.add(job)
        for job_id in (*outcome.void_jobs, *ready.gone_jobs):
            self.timers.forget(job_id)
            self.held_jobs.discard(job_id)
            self.void_jobs.append(job_id)

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

