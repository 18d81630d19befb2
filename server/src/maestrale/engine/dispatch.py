"""From attempts to the runner, and from its results to messages.

An attempt is *in hand* from the moment this process wrote its name into the row until its result is committed. What
is owned by this process but not in hand has never been dispatched: a commit whose answer was lost. The runner
calls back in its own threads; everything that follows from that goes through the inbox.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from maestrale.actions import Result, Runner, RunRequest
from maestrale.core.messages import ActionCompleted
from maestrale.core.model import Attempt, Execution, Job
from maestrale.engine.faults import AFTER_DISPATCH, BEFORE_DISPATCH, RESULT_IN_HAND, Faults, no_faults
from maestrale.engine.items import Delivery
from maestrale.errors import StoppingError

log = structlog.get_logger(__name__)

Report = Callable[[Delivery], None]

CANCEL_ACTION = "CancelAction"
"""Type of a job's payload that no execution is told: the process that runs the attempt has to end it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What an action is told about where it belongs; all None for an action that is run on its own."""

    workflow_name: str | None = None
    task_name: str | None = None
    security: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, execution: Execution, task_name: str | None) -> Origin:
        """The origin of a task's attempt."""
        return cls(execution.workflow_name, task_name, execution.security)


class Dispatcher:
    """See the module. ``limit`` bounds the attempts in hand."""

    def __init__(self, limit: int, report: Report, faults: Faults = no_faults) -> None:
        self._limit = limit
        self._report = report
        self._faults = faults
        self._runner: Runner | None = None
        self._in_hand: dict[str, str | None] = {}
        self._left_behind = False
        self.unbegun: list[str] = []
        self._released: list[str] = []
        self.on_room: Callable[[], None] = _nothing
        self.on_released: Callable[[], None] = _nothing
        self.on_standalone: Callable[[str, Result], None] = _unexpected

    def attach(self, runner: Runner) -> None:
        """Say who runs the actions; the runner is made with this object's callbacks, so it comes later."""
        self._runner = runner

    @property
    def room(self) -> int:
        """How many more attempts this process takes at the moment."""
        return max(0, self._limit - len(self._in_hand))

    def __contains__(self, attempt_id: str) -> bool:
        return attempt_id in self._in_hand

    def in_hand(self) -> list[str]:
        """The attempts that this process takes care of."""
        return list(self._in_hand)

    def of_executions(self) -> list[str]:
        """Those of them that belong to an execution."""
        return [attempt_id for attempt_id, execution_id in list(self._in_hand.items()) if execution_id is not None]

    def take(self, attempt: Attempt) -> None:
        """From now on this process takes care of the attempt, whose row says so, or will with the next commit."""
        self._in_hand[attempt.id] = attempt.execution_id

    def settle(self, attempt_ids: Iterable[str]) -> None:
        """These have ended for good, or are no business of this process any more."""
        for attempt_id in attempt_ids:
            self._in_hand.pop(attempt_id, None)
        if self._left_behind and self.room >= self._limit // 4:
            self._left_behind = False
            self.on_room()

    def leave_behind(self) -> None:
        """There are more actions than this process has room for; ``on_room`` is called when it has some again."""
        self._left_behind = True

    def run(self, attempt: Attempt, origin: Origin, *, repeated: bool = False) -> None:
        """Hand an attempt to the runner. Its row is committed. ``repeated``: another process may have begun it.

        One that comes too late goes to ``unbegun``, for another process.
        """
        assert self._runner is not None
        self._faults(BEFORE_DISPATCH)
        try:
            self._runner.submit(request_of(attempt, origin, repeated=repeated))
        except StoppingError:
            self.unbegun.append(attempt.id)
        self._faults(AFTER_DISPATCH)

    def cancel(self, attempt_id: str) -> bool:
        """Make a running action end; False if it isn't here."""
        return self._runner is not None and self._runner.cancel(attempt_id)

    # ---- called by the runner, in its threads

    def done(self, attempt_id: str, result: Result) -> None:
        """An action came to an end."""
        self._faults(RESULT_IN_HAND)
        execution_id = self._in_hand.get(attempt_id)
        if execution_id is None:
            self.on_standalone(attempt_id, result)
            return
        self._report(Delivery(ActionCompleted(attempt_id, result.state, result.value), execution_id=execution_id))

    def released(self, attempt_id: str) -> None:
        """An asynchronous action has been set going and waits for its completion from outside."""
        self._released.append(attempt_id)
        self.on_released()

    def take_released(self) -> list[str]:
        """The asynchronous actions that were set going since the last call; their rows still bear this process's name."""
        released, self._released = self._released, []
        return released


def _nothing() -> None:
    return


def _unexpected(attempt_id: str, result: Result) -> None:
    log.warning("a result of nobody's action", action_execution_id=attempt_id, state=result.state)


def cancellation(job_id: str, attempt_id: str, owner: str, now: datetime, *, execution_id: str | None) -> Job:
    """What tells the process ``owner`` to end an action that it runs; ``execution_id`` is None if that is gone."""
    return Job(
        id=job_id, kind="message", execution_id=execution_id, due_at=now, payload={"type": CANCEL_ACTION, "attempt_id": attempt_id},
        created_at=now, owner=owner,
    )


def request_of(attempt: Attempt, origin: Origin, *, repeated: bool = False) -> RunRequest:
    """What the runner is given: for an ad-hoc action its base with the base's input."""
    context = attempt.runtime_context
    base = context.get("base") or {}
    return RunRequest.of(
        attempt, workflow_name=origin.workflow_name, task_name=origin.task_name, security=origin.security,
        name=base.get("name"), inputs=base.get("input"), timeout=_time_limit(attempt), repeated=repeated,
    )


BACKSTOP = 5.0
"""Seconds by which a runner is more patient than a task: the task's own timer decides, and says so in its words (L344)."""


def _time_limit(attempt: Attempt) -> float | None:
    given = seconds(attempt.runtime_context.get("timeout"))
    return given + BACKSTOP if given is not None and attempt.task_id else given


def seconds(value: Any) -> float | None:
    """A time limit that makes sense, or None: it is the author's, maybe from an expression."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if number > 0 else None

