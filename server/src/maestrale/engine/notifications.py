"""Notifications on their way out: job rows, sent through the runner as ``std.http`` is, and deleted when they arrived.

A notification is tried a bounded number of times, with growing pauses, by whatever process holds its row. It may
arrive twice when a process dies between the answer and the deletion. What can't be delivered is logged and
forgotten. Those of one execution go out one after the other, in the order of their events; one that has to be tried again
doesn't hold up the next. The runner calls back in its threads; rows are touched by ``flush``, which the sweeper calls.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from threading import Lock
from typing import TypeVar

import structlog

from maestrale import notify
from maestrale.actions import Result, Runner, RunRequest
from maestrale.core.model import Job
from maestrale.errors import StoppingError
from maestrale.notify import UndeliverableError, Webhook
from maestrale.store import Connection, Database, jobs

log = structlog.get_logger(__name__)

PREFIX = "notification:"
HTTP_ACTION = "std.http"

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Notifications:
    """See the module. ``attempts`` and ``retry_delay`` (seconds, doubled each time) bound the tries."""

    database: Database
    node_id: str
    now: Callable[[], datetime]
    attempts: int
    retry_delay: float
    timeout: float
    runner: Runner | None = None
    _known: dict[str, Job] = field(default_factory=dict)
    _lines: dict[str, deque[tuple[Job, Webhook]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _done: SimpleQueue[str] = field(default_factory=SimpleQueue)
    _again: SimpleQueue[Job] = field(default_factory=SimpleQueue)

    def send(self, job: Job) -> None:
        """Send one whose row bears this process's name. Callable from any thread."""
        if job.id in self._known:
            return
        self._known[job.id] = job
        try:
            webhook = notify.prepare(job.payload["target"], job.payload["body"])
        except UndeliverableError as error:
            self._forget(job, str(error))
            return
        if webhook is None:
            self._done.put(job.id)
            return
        line = job.execution_id or job.id
        with self._lock:
            waiting = self._lines.get(line)
            if waiting is not None:
                waiting.append((job, webhook))
                return
            self._lines[line] = deque()
        self._submit(job, webhook)

    def _submit(self, job: Job, webhook: Webhook) -> None:
        assert self.runner is not None
        request = RunRequest(attempt_id=PREFIX + job.id, name=HTTP_ACTION, input=webhook.as_http_input(self.timeout))
        try:
            self.runner.submit(request)
        except StoppingError:
            # the process is ending; the rows are released with the others
            log.debug("not sent any more", job=job.id)

    def _next(self, line: str) -> None:
        with self._lock:
            waiting = self._lines[line]
            if not waiting:
                del self._lines[line]
                return
            job, webhook = waiting.popleft()
        self._submit(job, webhook)

    def takes(self, attempt_id: str) -> bool:
        """Whether a result of the runner is about a notification."""
        return attempt_id.startswith(PREFIX)

    def done(self, attempt_id: str, result: Result) -> None:
        """The runner's answer, in its thread."""
        job = self._known.get(attempt_id.removeprefix(PREFIX))
        if job is None:
            return
        if result.state == "SUCCESS" and notify.is_accepted(result.value):
            self._done.put(job.id)
        elif job.attempts + 1 >= self.attempts:
            self._forget(job, _reason(result))
        else:
            self._again.put(job)
        self._next(job.execution_id or job.id)

    def _forget(self, job: Job, reason: str) -> None:
        log.warning("a notification was not delivered", execution_id=job.execution_id, reason=reason)
        self._done.put(job.id)

    def flush(self) -> None:
        """Delete the rows of what arrived or was given up, and put off what is to be tried again."""
        done, again = _drained(self._done), _drained(self._again)
        if not done and not again:
            return

        def write(conn: Connection) -> None:
            if done:
                jobs.remove(conn, done)
            for job in again:
                due_at = self.now() + timedelta(seconds=self.retry_delay * 2**job.attempts)
                jobs.reschedule(conn, job.id, due_at)

        try:
            self.database.run_write(write)
        except BaseException:
            for job_id in done:
                self._done.put(job_id)
            for job in again:
                self._again.put(job)
            raise
        for job_id in (*done, *(job.id for job in again)):
            self._known.pop(job_id, None)


def _reason(result: Result) -> str:
    value = result.value
    return f"status {value['status']}" if isinstance(value, dict) and "status" in value else str(value)[:200]


def _drained(queue: SimpleQueue[T]) -> list[T]:
    found = []
    while True:
        try:
            found.append(queue.get_nowait())
        except Empty:
            return found
