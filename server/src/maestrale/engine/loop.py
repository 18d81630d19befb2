"""The deciding loop: one thread that takes what waits, decides it, commits it, and sets going what follows.

Everything that waits forms one batch with one commit; what arrives meanwhile is the next batch. If another process
has changed one of the executions, nothing of the batch is written and each execution is decided again by itself from
a fresh load. If the database is away, requests fail at once, and everything else is kept and tried again: its rows
say that it is not done yet. If it works, but not for one of the executions, that one is found and tried by itself, more and
more seldom (``suspects.py``). A fault of ours in deciding one execution never holds up another one; after some tries
that execution ends in ERROR and says so.

Only this thread touches the cache, the timers and the held jobs.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from maestrale import clock
from maestrale.core.messages import Continue, Stop, from_payload
from maestrale.core.model import Job
from maestrale.engine.decider import Decider, HeldJobs
from maestrale.engine.dispatch import CANCEL_ACTION
from maestrale.engine.inbox import Inbox
from maestrale.engine.items import Delivery, Item, Operation, Start, answer, fail
from maestrale.engine.suspects import Suspects
from maestrale.errors import DatabaseUnavailableError, EngineError, MaestraleError
from maestrale.store import AlreadyExists, JobGone, TriggerMoved, VersionConflict

log = structlog.get_logger(__name__)

CONFLICTS = (VersionConflict, JobGone, AlreadyExists)
TRIES_APART = 8
TRIES_OF_A_FAULT = 3
FIRST_PAUSE = 0.2
GIVE_UP_PAUSE = 60.0
NOT_NOW = "The execution can't be changed at the moment, and is tried again later:"


@dataclass(slots=True)
class _Later:
    """Items that are tried again at a time on the monotonic clock."""

    at: float
    items: list[Item] = field(default_factory=list)


class DecisionLoop:
    """See the module."""

    def __init__(
        self, decider: Decider, jobs: HeldJobs, inbox: Inbox, *, batch_size: int, retry_delay_max: float,
    ) -> None:
        self.decider = decider
        self.jobs = jobs
        self.wants_reconciliation = False
        self.monotonic: Callable[[], float] = clock.monotonic
        self._inbox = inbox
        self._batch_size = batch_size
        self._retry_delay_max = retry_delay_max
        self.suspects = Suspects()
        self._later: list[_Later] = []
        self._down_until = 0.0
        self._pause = FIRST_PAUSE
        self._stopping = False

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
        self._inbox.wake()

    def refuse_requests(self) -> None:
        """Before work may begin: answer requests that the database can't be reached, keep the rest."""
        error = DatabaseUnavailableError("The database can't be reached at the moment.")
        for item in self._inbox.take(self._batch_size, 0.0):
            fail(item, error)
            if item.future is None:
                self._keep_for_later([item])

    def turn(self, patience: float | None) -> bool:
        """Wait up to ``patience`` seconds and decide what there is; whether there was anything."""
        items: list[Item] = self._inbox.take(self._batch_size, patience)
        items.extend(self._due())
        items.extend(self._retries())
        if items:
            self.process(items)
        return bool(items)

    def _patience(self) -> float | None:
        waits = [w for w in (self.jobs.timers.next_in(),) if w is not None]
        waits.extend(max(0.0, later.at - self.monotonic()) for later in self._later)
        return min(waits, default=None)

    def _due(self) -> list[Item]:
        return [self._delivery_of(job) for job in self.jobs.timers.due()] if len(self.jobs.timers) else []

    def _retries(self) -> list[Item]:
        if not self._later:
            return []
        now = self.monotonic()
        due = [later for later in self._later if later.at <= now]
        self._later = [later for later in self._later if later.at > now]
        return [item for later in due for item in later.items]

    @staticmethod
    def _delivery_of(job: Job) -> Delivery:
        return Delivery(from_payload(job.payload), execution_id=job.execution_id, job_id=job.id)

    def accept_jobs(self, jobs: Sequence[Job]) -> None:
        """Take care of message jobs whose rows bear this process's name. In the deciding thread only.

        One that was overdue because much waits may have been done between its reading and now. To decide it once more would throw
        away all that is decided together with it, again and again while the load lasts, so it is looked whether the row is still there.
        """
        there = self.decider.existing_jobs([job.id for job in jobs if job.id not in self.jobs.held])
        for job in jobs:
            if job.id not in self.jobs.held and job.id not in there:
                continue
            kind = job.payload.get("type")
            if kind == CANCEL_ACTION:
                self.decider.cancel(job.payload["attempt_id"])
                self.jobs.void.append(job.id)
            elif self.jobs.take(job) and kind == Continue.__name__ and job.execution_id is not None:
                # it comes from elsewhere, so what is ready has to be found from the rows
                self.decider.forget(job.execution_id)

    def continue_afresh(self, execution_id: str) -> None:
        """Find out from the rows what an execution has ready. In the deciding thread only."""
        self.decider.forget(execution_id)
        self._inbox.put(Delivery(Continue(), execution_id=execution_id))

    # ---- one batch

    def process(self, items: Sequence[Item]) -> None:
        """Decide items of any kind. Never raises: what can't be done now is answered, kept or logged."""
        deciding: list[Start | Delivery] = []
        for item in items:
            if isinstance(item, Operation):
                self._operate(item)
            else:
                deciding.append(item)
        possible = self._while_down(deciding) if deciding else ()
        together, apart = self._sorted_out(possible) if self.suspects else (possible, [])
        if together:
            self._together(together)
        for group in apart:
            self._alone(group)

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

    def _while_down(self, items: Sequence[Start | Delivery]) -> Sequence[Start | Delivery]:
        """While the database is away nothing is tried before the pause is over."""
        if self.monotonic() >= self._down_until:
            return items
        self._put_off(items, DatabaseUnavailableError("The database can't be reached at the moment."))
        return []

    def _sorted_out(self, items: Sequence[Start | Delivery]) -> tuple[list[Start | Delivery], list[list[Start | Delivery]]]:
        """What is decided together, and what by itself since its execution is suspected; that has to wait for its time."""
        together: list[Start | Delivery] = []
        apart: dict[str | None, list[Start | Delivery]] = {}
        for item in items:
            wait = self.suspects.wait(item.key)
            if wait is None:
                together.append(item)
            elif wait <= 0:
                apart.setdefault(item.key, []).append(item)
            else:
                self._put_off([item], DatabaseUnavailableError(f"{NOT_NOW} {self.suspects.reason(item.key or '')}"), wait)
        return together, list(apart.values())

    def _together(self, items: Sequence[Start | Delivery]) -> None:
        begun = self.monotonic()
        try:
            self.decider.decide(items)
            self._pause = FIRST_PAUSE
        except CONFLICTS as conflict:
            self._noted(conflict)
            self._apart(items)
        except TriggerMoved:
            self._apart(items)
        except DatabaseUnavailableError as error:
            self._not_taken(items, error, self.monotonic() - begun)
        except Exception as error:
            log.exception("deciding a batch failed", items=len(items))
            self._apart(items, error)

    def _apart(self, items: Sequence[Start | Delivery], fault: Exception | None = None) -> None:
        """Decide each execution by itself, from a fresh load."""
        if fault is not None and len(items) == 1:
            self._faulty(items[0], fault)
            return
        for group in _by_execution(items):
            self._alone(group)

    def _alone(self, items: Sequence[Start | Delivery]) -> None:
        items = self._while_down(items)
        for number in range(TRIES_APART):
            items = [item for item in items if self._is_open(item)]
            if not items or self._settled_alone(items):
                return
            if number > 1:
                time.sleep(random.uniform(0, 0.01 * 2**number))  # noqa: S311 - spreads rivals, no secret
        self._put_off(items, DatabaseUnavailableError("The execution is changed by others all the time; try again."))

    def _is_open(self, item: Start | Delivery) -> bool:
        """Whether the row that a delivery came from still has to be done."""
        return not isinstance(item, Delivery) or item.job_id is None or item.job_id in self.jobs.held

    def _settled_alone(self, items: Sequence[Start | Delivery]) -> bool:
        """One try; False if another process was quicker once more."""
        for item in items:
            item.tries += 1
        begun = self.monotonic()
        try:
            self.decider.decide(items)
            self._pause = FIRST_PAUSE
            self.suspects.clear(items[0].key)
        except CONFLICTS as conflict:
            self._noted(conflict)
            return False
        except TriggerMoved as error:
            for item in items:
                fail(item, error)
        except DatabaseUnavailableError as error:
            self._not_taken(items, error, self.monotonic() - begun)
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
            self.jobs.held.difference_update(conflict.ids)
        log.debug("decided in vain", reason=str(conflict))

    # ---- trouble

    def _not_taken(self, items: Sequence[Start | Delivery], error: DatabaseUnavailableError, took: float) -> None:
        """The database did not do it: either it does nothing at the moment, or it can't do this for one of the executions."""
        if not self.decider.is_database_usable():
            self._database_is_down(items, error)
        elif len(_by_execution(items)) > 1:
            log.warning("a batch can't be committed though the database works", items=len(items), error=str(error))
            self._apart(items)
        else:
            self._suspect(items, error, took)

    def _suspect(self, items: Sequence[Start | Delivery], error: DatabaseUnavailableError, took: float) -> None:
        self.wants_reconciliation = True
        key = items[0].key
        if key is None or isinstance(items[0], Start):
            self._put_off(items, error)
            return
        pause = self.suspects.note(key, error.message, took=took)
        log.warning("an execution can't be decided though the database works", execution_id=key, error=error.message, pause=pause)
        self._put_off(items, error, pause)

    def _database_is_down(self, items: Sequence[Start | Delivery], error: DatabaseUnavailableError) -> None:
        self._down_until = self.monotonic() + self._pause
        log.warning("the database is not available", error=str(error), kept=sum(item.future is None for item in items))
        self._pause = min(self._pause * 2, self._retry_delay_max)
        self.wants_reconciliation = True
        self._put_off(items, error)

    def _put_off(self, items: Sequence[Start | Delivery], error: MaestraleError, pause: float | None = None) -> None:
        """Requests fail, everything else waits."""
        for item in items:
            fail(item, error)
        kept = [item for item in items if item.future is None or (isinstance(item, Delivery) and item.job_id is not None)]
        self._keep_for_later(kept, pause)

    def _keep_for_later(self, items: Sequence[Item], pause: float | None = None) -> None:
        if items:
            at = max(self.monotonic() + (self._pause if pause is None else pause), self._down_until)
            self._later.append(_Later(at, list(items)))

    def _faulty(self, item: Start | Delivery, error: Exception) -> None:
        """A message that can't be decided, by a fault of ours: the execution has to end and say so."""
        text = f"{type(error).__name__}: {error}" if isinstance(error, MaestraleError) else type(error).__name__
        fail(item, error if isinstance(error, MaestraleError) else EngineError(f"Internal fault while deciding: {text}"))
        if item.future is not None or isinstance(item, Start):
            return
        if isinstance(item.message, Stop):
            log.error("an execution can't be decided at all", execution_id=item.execution_id)
            self._keep_for_later([item], self._pause_of_faulty(item, text, GIVE_UP_PAUSE))
            return
        item.faults += 1
        if item.faults >= TRIES_OF_A_FAULT:
            name = type(item.message).__name__
            item.message = Stop("ERROR", f"Internal fault while deciding on {name}: {text}")
        self._keep_for_later([item], self._pause_of_faulty(item, text, FIRST_PAUSE))

    def _pause_of_faulty(self, item: Delivery, text: str, at_least: float) -> float:
        """From now on it is decided by itself, since a fault throws away all that is decided together with it."""
        return at_least if item.key is None else self.suspects.note(item.key, f"Internal fault: {text}", at_least=at_least)


def _by_execution(items: Sequence[Start | Delivery]) -> list[list[Start | Delivery]]:
    """The items of each execution; one of which the execution isn't known is by itself."""
    groups: dict[Any, list[Start | Delivery]] = {}
    for item in items:
        groups.setdefault(item.key or item, []).append(item)
    return list(groups.values())
