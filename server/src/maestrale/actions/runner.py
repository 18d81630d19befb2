"""Runs actions and reports what they came to. It knows no workflow and no database; the engine decides what a result means.

Life of a request: *waiting* until it has its places (see ``limits``) and its lane has room, *running*, and then reported once by
``done``, in the thread in which it ended: a callback has to be quick. Told to end (cancel, time limit), an action is given a grace;
after that its end is reported though it may still go on, and the text says so. Asynchronous actions are not reported when ``run``
returns: they wait for their completion from outside, and ``released`` is called. ``stop`` reports nothing of what it had to break off: that
is the caller's to hand over.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from maestrale import clock
from maestrale.actions.egress import EgressPolicy
from maestrale.actions.http_client import HttpClient
from maestrale.actions.lanes import LoopLane, ThreadLane, Timer
from maestrale.actions.limits import NoPlaces, Places, limits_for
from maestrale.actions.project_source import NoProjectSources, ProjectSources
from maestrale.actions.protocol import Action, ActionContext, Emit, Ending, Keep, NoSecrets, Secrets, Told
from maestrale.actions.registry import Entry, Registry
from maestrale.actions.results import CANCELLED, json_ready, not_instantiated_text, raised, timed_out
from maestrale.actions.settings import ActionSettings
from maestrale.core.model import Attempt
from maestrale.core.ports import Result
from maestrale.errors import ConflictError, InvalidActionError, StoppingError

Done = Callable[[str, Result], None]
"""Takes the attempt's id and what it came to."""

BROKEN_OFF = "The service is stopping and has broken off the action."

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """An action to run. ``name`` is a registered one (the base of an ad-hoc action), ``timeout`` in seconds.

    ``created_at``: when the attempt was (naive UTC); ``repeated``: a process that died may have begun it before.
    The workflow's and the task's fields are None for an action that is run on its own.
    """

    attempt_id: str
    name: str
    input: Mapping[str, Any] = field(default_factory=dict)
    workflow_name: str | None = None
    workflow_execution_id: str | None = None
    task_name: str | None = None
    task_execution_id: str | None = None
    project_id: str = ""
    security: Mapping[str, Any] = field(default_factory=dict)
    timeout: float | None = None
    created_at: datetime = field(default_factory=clock.now)
    repeated: bool = False

    @classmethod
    def of(
        cls, attempt: Attempt, *, workflow_name: str | None = None, task_name: str | None = None,
        security: Mapping[str, Any] | None = None, name: str | None = None, inputs: Mapping[str, Any] | None = None,
        timeout: float | None = None, repeated: bool = False,
    ) -> RunRequest:
        """The request for an attempt; ``name`` and ``inputs`` replace its own for an ad-hoc action's base."""
        return cls(
            attempt_id=attempt.id, name=name or attempt.name, input=attempt.input if inputs is None else inputs,
            workflow_name=workflow_name, workflow_execution_id=attempt.execution_id,
            task_name=task_name, task_execution_id=attempt.task_id,
            project_id=attempt.project_id, security=security or {}, timeout=timeout, created_at=attempt.created_at,
            repeated=repeated,
        )


@dataclass(frozen=True, slots=True)
class Leftover:
    """What a stop broke off, by attempt id: actions that had started, and actions that had not."""

    started: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Load:
    """How many actions run and how many wait for room."""

    running: int
    waiting: int


class Runner:
    """See the module. Threads start with the first request; all methods may be called from any thread."""

    def __init__(
        self, registry: Registry, settings: ActionSettings, done: Done, *,
        released: Callable[[str], None] | None = None, events: Emit | None = None, secrets: Secrets | None = None,
        when_stored: Callable[[str, Callable[[], None]], None] | None = None, project_sources: ProjectSources | None = None,
        places: Places | None = None, keep: Keep | None = None, told: Told | None = None,
    ) -> None:
        """``when_stored`` calls a function once all events of an action are kept. Raises ValueError for senseless settings."""
        self._places = NoPlaces() if places is None else places
        self.registry = registry
        self.settings = settings
        self._done = done
        self._released = released
        self._events = events
        self._secrets = secrets or NoSecrets()
        self._project_sources = project_sources or NoProjectSources()
        self._when_stored = when_stored
        self._keep = keep
        self._told = told
        policy = EgressPolicy.of(settings.http_denied_cidrs, settings.http_allowed_hosts)
        self._http = HttpClient(policy, connections=settings.http_connections, ca_file=settings.ca_file)
        self._loop_lane = LoopLane(
            {"": settings.async_slots, "playbook": settings.playbooks.slots}, name="actions-loop")
        self._thread_lane = ThreadLane(settings.threads, name="action")
        self._jobs: dict[str, _Job] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._loop_lane.at_close(self._http.close)

    def submit(self, request: RunRequest) -> bool:
        """Run the action; False if it is running or waiting here already. Raises StoppingError after ``stop``."""
        return self._submit(request, self._done)

    def run(self, request: RunRequest) -> Result:
        """Run the action and wait for its result, which is not reported otherwise.

        Raises InvalidActionError for an asynchronous action, StoppingError after ``stop`` or if it was broken off by it.
        """
        descriptor = self.registry.descriptor(request.name)
        if descriptor is not None and not descriptor.is_sync:
            raise InvalidActionError("Action does not support synchronous execution.")
        future: Future[Result] = Future()
        if not self._submit(request, lambda _, result: _settle(future, result), broken_off=future.cancel):
            raise ConflictError(f"The action {request.attempt_id} is running already.")
        if (result := _outcome(future)) is None:
            raise StoppingError(BROKEN_OFF)
        return result

    def cancel(self, attempt_id: str) -> bool:
        """Make an action end. It is reported as cancelled once it has ended. False if it isn't here."""
        with self._changed:
            job = self._jobs.get(attempt_id)
        if job is None:
            return False
        self._end(job, "cancel")
        return True

    def is_running(self, attempt_id: str) -> bool:
        """Whether the action runs or waits here."""
        return attempt_id in self._jobs

    def running(self) -> list[str]:
        """The attempts that run or wait here."""
        with self._changed:
            return list(self._jobs)

    @property
    def load(self) -> Load:
        """How busy the runner is."""
        waiting = self._thread_lane.waiting + self._loop_lane.waiting + len(self._places)
        return Load(max(0, len(self._jobs) - waiting), waiting)

    def release_callers(self) -> None:
        """Break off the actions that a call of ``run`` waits for, so that it ends now: the first half of a ``stop``."""
        with self._changed:
            waited_for = [job for job in self._jobs.values() if job.has_caller and not job.reported]
        for job in waited_for:
            self._end(job, "stop")
            with self._changed:
                job.reported = True
                self._jobs.pop(job.attempt_id, None)
                self._changed.notify_all()
            job.broken_off()

    def stop(self, grace: float = 0.0) -> Leftover:
        """Take no more; let what runs go on for up to ``grace`` seconds, then break it off."""
        with self._changed:
            self._stopping = True
            waiting = [job for job in self._jobs.values() if not job.started]
            for job in waiting:
                job.context.ending = "stop"
                del self._jobs[job.attempt_id]
            self._changed.wait_for(lambda: not self._jobs, timeout=grace)
            broken = list(self._jobs.values())
        for job in broken:
            self._end(job, "stop")
        self._thread_lane.close()
        self._loop_lane.close(self.settings.cancel_grace if broken else 1.0)
        with self._changed:
            started = [job for job in broken if not job.reported]
            for job in started:
                job.reported = True  # what comes later is too late
            self._jobs.clear()
        for job in (*waiting, *started):
            job.broken_off()
        return Leftover(tuple(job.attempt_id for job in started), tuple(job.attempt_id for job in waiting))

    def _submit(self, request: RunRequest, report: Done, broken_off: Callable[[], object] | None = None) -> bool:
        entry = self.registry.entry(request.name)
        if entry is None:
            report(request.attempt_id, Result(failed=True, error=f"Failed to find action [action_name={request.name}]"))
            return True
        is_async = inspect.iscoroutinefunction(entry.action.run)
        job = _Job(self, request, entry, report, broken_off, is_async=is_async)
        with self._changed:
            if self._stopping:
                raise StoppingError
            if request.attempt_id in self._jobs:
                return False
            self._jobs[request.attempt_id] = job
        if job.limits:
            self._places.wait(job.attempt_id, job.limits, lambda: self._enter(job))
        else:
            self._enter(job)
        return True

    def _enter(self, job: _Job) -> None:
        """A job has all the places that it needs: on to its lane, unless it has ended meanwhile."""
        if self.is_running(job.attempt_id):
            (self._loop_lane if job.is_async else self._thread_lane).submit(job)

    def begin(self, job: _Job) -> ActionContext | None:
        """A job's lane has room: the context to run in, or None if it was broken off while it waited."""
        with self._changed:
            if job.context.ending is not None:
                return None
            job.started = True
        request = job.request
        if request.timeout is not None:
            job.context.deadline = clock.monotonic() + request.timeout
            job.timers.append(self._loop_lane.call_later(request.timeout, lambda: self._end(job, "timeout")))
        return job.context

    def finish(self, job: _Job, result: Result) -> None:
        """Report a job's result, unless it was reported or has been broken off by ``stop``."""
        with self._changed:
            if job.reported or (job.context.ending == "stop" and result.state != "SUCCESS"):
                return
            job.reported = True
            self._jobs.pop(job.attempt_id, None)
            self._changed.notify_all()
        for timer in job.timers:
            timer.stop()
        if job.limits:
            self._places.leave(job.attempt_id)
        if self._when_stored is None:
            self._tell(job, result)
        else:
            self._when_stored(job.attempt_id, lambda: self._tell(job, result))

    def _tell(self, job: _Job, result: Result) -> None:
        try:
            if job.entry.action.is_sync or result.state != "SUCCESS":
                job.report(job.attempt_id, result)
            elif self._released is not None:
                self._released(job.attempt_id)
        except Exception:  # noqa: BLE001 - the one who is told must not end the lane
            _log.exception("action_result_not_taken", action_execution_id=job.attempt_id, action=job.request.name)

    def limits_of(self, entry: Entry, request: RunRequest) -> list[str]:
        """The names of the limits of how many may run at once that hold for a request."""
        subjects, limits = entry.action.subjects, self._places.limits
        return [] if subjects is None or not limits else limits_for(subjects(request.input), limits)

    def context(self, request: RunRequest) -> ActionContext:
        """What the action is given."""
        return ActionContext(
            action_execution_id=request.attempt_id, action_name=request.name, settings=self.settings, http=self._http,
            workflow_name=request.workflow_name, workflow_execution_id=request.workflow_execution_id,
            task_name=request.task_name, task_execution_id=request.task_execution_id, project_id=request.project_id,
            security=request.security, secrets=self._secrets, sink=self._events, keeper=self._keep, teller=self._told,
            created_at=request.created_at, repeated=request.repeated, project_sources=self._project_sources,
        )

    def _end(self, job: _Job, ending: Ending) -> None:
        """Tell a job to end; if it waits, that is its end."""
        with self._changed:
            if job.reported or (job.context.ending is not None and ending != "stop"):
                return
            job.context.ending = ending
            waits = not job.started
        job.context.cancelled.set()
        if waits:
            self._withdraw(job)
            return
        grace = self.settings.cancel_grace + job.entry.action.extra_grace
        if ending != "stop":
            job.timers.append(self._loop_lane.call_later(grace, lambda: self.finish(job, job.overdue(grace))))
        if job.is_async:
            self._loop_lane.cancel(job)
        elif job.action is not None:
            self._loop_lane.call(lambda: _call_apart(job.action))

    def _withdraw(self, job: _Job) -> None:
        if job.is_async:
            self._loop_lane.withdraw(job, lambda: None)
        else:
            self._thread_lane.withdraw(job)
        self.finish(job, job.ended())


class _Job:
    """One request on its way. Fields below ``started`` are changed under the runner's lock."""

    def __init__(
        self, runner: Runner, request: RunRequest, entry: Entry, report: Done, broken_off: Callable[[], object] | None, *,
        is_async: bool,
    ) -> None:
        self.runner = runner
        self.request = request
        self.entry = entry
        self.report = report
        self.has_caller = broken_off is not None
        self.broken_off = broken_off or (lambda: None)
        self.is_async = is_async
        self.attempt_id = request.attempt_id
        self.slot = entry.action.slot
        self.limits = runner.limits_of(entry, request)
        self.context = runner.context(request)
        self.action: Action | None = None
        self.timers: list[Timer] = []
        self.started = False
        self.reported = False

    def perform(self) -> Coroutine[Any, Any, None] | None:
        """Run in the lane: a coroutine on the loop, at once in a thread."""
        if self.is_async:
            return self._perform_on_loop()
        context = self.runner.begin(self)
        if context is not None:
            self.runner.finish(self, self._outcome(lambda: self._created().run(context)))
        return None

    async def _perform_on_loop(self) -> None:
        context = self.runner.begin(self)
        if context is None:
            return
        try:
            value = await self._created().run(context)
        except asyncio.CancelledError:
            result = self.ended()
        except Exception as error:  # noqa: BLE001 - whatever an action raises is its failure
            result = self._failure(error)
        else:
            result = self._outcome(lambda: value)
        self.runner.finish(self, result)

    def ended(self) -> Result:
        """The result of having been told to end."""
        if self.context.ending == "timeout" and self.request.timeout is not None:
            return timed_out(self.request.timeout)
        return Result(cancelled=True, error=CANCELLED)

    def overdue(self, grace: float) -> Result:
        """The result of an action that didn't end when told to."""
        result = self.ended()
        text = f"{result.error} It did not end within {grace:g} seconds and may still be at work."
        return Result(failed=result.failed, cancelled=result.cancelled, error=text)

    def _created(self) -> Action:
        try:
            action = self.entry.create(self.request.input)
        except Exception as error:
            raise _NotInstantiatedError(self.entry, error) from error
        self.action = action
        return action

    def _outcome(self, work: Callable[[], Any]) -> Result:
        """What the work returned or raised, as a Result with JSON-ready values."""
        try:
            value = work()
            if not isinstance(value, Result):
                value = Result(data=value)
            elif value.cancelled and self.context.ending == "timeout":
                value = Result(failed=True, error=value.error)
            if self.entry.action.json_ready:
                return value
            limit = self.runner.settings.result_max
            return Result(
                data=json_ready(value.data, limit=limit), error=json_ready(value.error, limit=limit),
                failed=value.failed, cancelled=value.cancelled,
            )
        except Exception as error:  # noqa: BLE001 - whatever an action raises is its failure
            return self._failure(error)

    def _failure(self, error: Exception) -> Result:
        if isinstance(error, _NotInstantiatedError):
            return Result(failed=True, error=str(error))
        if self.context.ending is not None:
            return self.ended()
        _log.info("action_raised", action=self.request.name, action_execution_id=self.attempt_id, error=str(error),
                  kind=type(error).__name__)
        return raised(self.action or self.entry.descriptor.class_name, self.attempt_id, error)


class _NotInstantiatedError(Exception):
    """The constructor of an action raised (L281)."""

    def __init__(self, entry: Entry, error: Exception) -> None:
        super().__init__(not_instantiated_text(entry.descriptor.name, entry.descriptor.class_name, error))


def _settle(future: Future[Result], result: Result) -> None:
    """Give a waiting call its result, unless it was told before that there will be none."""
    if not future.cancelled():
        future.set_result(result)


def _outcome(future: Future[Result]) -> Result | None:
    """The result, or None if the future was cancelled."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    done.wait()
    return None if future.cancelled() else future.result()


def _call_apart(action: Action | None) -> None:
    """Call an action's ``cancel`` in a thread of its own, since it may take its time."""
    if action is not None:
        threading.Thread(target=action.cancel, name="action-cancel", daemon=True).start()
