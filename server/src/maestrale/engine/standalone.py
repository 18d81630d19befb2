"""Actions that are run on their own, without a task (4.6).

A run that has to be seen again is a row first, like any other action: RUNNING with this process's name, completed by
a conditional update, so that one result counts. A synchronous run that nobody wants to keep never touches the
database. May be called from any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import structlog

from maestrale.actions import Result, Runner
from maestrale.caller import Caller
from maestrale.core import states
from maestrale.core.adhoc import Resolved, apply_outputs, carried_out_by, resolve, with_defaults
from maestrale.core.decide import Limits
from maestrale.core.ending import json_size
from maestrale.core.model import Attempt, Job
from maestrale.core.ports import ActionDescriptor, Catalogue
from maestrale.engine.dispatch import Dispatcher, Origin, cancellation, request_of
from maestrale.engine.items import RunActionRequest
from maestrale.errors import (
    ConflictError,
    DatabaseUnavailableError,
    InvalidActionError,
    InvalidStateTransitionError,
    MaestraleError,
    NotAllowedError,
    NotFoundError,
    RequestError,
    SizeLimitExceededError,
)
from maestrale.expr import Options
from maestrale.store import Batch, Database, Executions, VersionConflict

log = structlog.get_logger(__name__)


class CatalogueSource(Protocol):
    """Where the definitions come from."""

    def catalogue(self) -> Catalogue:
        """Definitions as they are stored now."""


@dataclass(slots=True, kw_only=True)
class StandaloneActions:
    """See the module."""

    node_id: str
    database: Database
    executions: Executions
    definitions: CatalogueSource
    dispatcher: Dispatcher
    runner: Runner
    limits: Limits
    options: Options
    new_id: Callable[[], str]
    now: Callable[[], datetime]

    # ---- running

    def run(self, caller: Caller, request: RunActionRequest) -> Attempt:
        """Run an action as asked for. Raises InvalidActionError, InputError, RequestError, SizeLimitExceededError."""
        catalogue = self.definitions.catalogue()
        descriptor = self._descriptor(catalogue, caller, request)
        resolved = self._resolved(catalogue, caller, request, descriptor)
        is_sync = resolved.descriptor.is_sync
        if request.run_sync and not is_sync:
            raise InvalidActionError("Action does not support synchronous execution.")
        attempt = self._attempt(caller, request, descriptor, resolved)
        self.limits.check("input", attempt.input, json_size)
        origin = Origin(security=caller.as_security())
        if is_sync and not request.save_result:
            return self._unsaved(attempt, self.runner.run(request_of(attempt, origin)))
        is_inert = resolved.descriptor.inert
        attempt.set(owner=None if is_inert else self.node_id, dispatched_at=attempt.created_at)
        self.dispatcher.take(attempt)
        try:
            self._store(attempt)
        except BaseException:
            self.dispatcher.settle([attempt.id])
            raise
        if request.run_sync:
            return self._run_and_wait(attempt, origin)
        shown = _copy(attempt)
        if is_inert:
            self.dispatcher.settle([attempt.id])
        else:
            self.dispatcher.run(attempt, origin)
        return shown

    @staticmethod
    def _descriptor(catalogue: Catalogue, caller: Caller, request: RunActionRequest) -> ActionDescriptor:
        if not request.name:
            raise RequestError("Please provide at least action name to run action.")
        found = catalogue.action(request.name, request.namespace, caller.project_id)
        if found is None:
            raise InvalidActionError(f"Failed to find action [action_name={request.name}]")
        return found

    def _resolved(self, catalogue: Catalogue, caller: Caller, request: RunActionRequest, descriptor: ActionDescriptor) -> Resolved:
        resolved = resolve(catalogue, descriptor, request.input, caller.project_id, {}, None, self.options)
        check = resolved.descriptor.construct_error
        text = check(resolved.input) if check is not None else None
        if text is not None:
            raise InvalidActionError(text)
        return resolved

    def _attempt(self, caller: Caller, request: RunActionRequest, descriptor: ActionDescriptor, resolved: Resolved) -> Attempt:
        """The row of a run. An ad-hoc action's ``output`` is applied only where the run is not waited for, as in Mistral."""
        context: dict[str, Any] = {"index": 0, "safe_rerun": False, "security": caller.as_security()}
        if request.target:
            context["target"] = request.target
        if request.timeout is not None:
            context["timeout"] = request.timeout
        given = dict(request.input)
        base = carried_out_by(descriptor, resolved)
        if base is not None:
            context["base"] = base
        if descriptor.adhoc is not None:
            given = with_defaults(descriptor.adhoc.input, given)
            context["outputs"] = [] if request.run_sync else list(resolved.outputs)
        now = self.now()
        return Attempt(
            id=self.new_id(), created_at=now, updated_at=now, execution_id=None, task_id=None, project_id=caller.project_id,
            name=descriptor.name, namespace=descriptor.namespace, description=request.description or "", state=states.RUNNING, input=given,
            is_sync=resolved.descriptor.is_sync, idempotent=resolved.descriptor.idempotent, tags=list(request.tags),
            runtime_context=context,
        )

    @staticmethod
    def _unsaved(attempt: Attempt, result: Result) -> Attempt:
        """The reply for a run that nobody wants to keep."""
        attempt.id = ""
        return attempt.set(state=result.state, output={"result": result.value})

    def _run_and_wait(self, attempt: Attempt, origin: Origin) -> Attempt:
        """The finished run, which isn't ``accepted``, as in Mistral.

        It stays in hand if its end can't be written now: what isn't in hand counts as not begun.
        """
        result = self.runner.run(request_of(attempt, origin))
        try:
            done = self._finished(attempt, result.state, result.value, accepted=False)
        except DatabaseUnavailableError:
            self.dispatcher.on_standalone(attempt.id, result)
            raise
        self.dispatcher.settle([attempt.id])
        return done

    # ---- completing

    def complete(self, attempt: Attempt, state: str, output: Any) -> Attempt:
        """Complete, pause or resume from outside (3.21). Raises ConflictError, InvalidActionError, InvalidStateTransitionError."""
        if states.is_final(attempt.state):
            raise ConflictError(f"Action {attempt.id} is already completed")
        if not states.is_final(state):
            if attempt.is_sync:
                raise InvalidActionError(
                    f"Transition to the {state} state is only supported for asynchronous action execution.")
            if not states.may_move(states.ACTION, attempt.state, state):
                raise InvalidStateTransitionError(f"Invalid state transition from {attempt.state} to {state}.")
            self._store(attempt.set(state=state, updated_at=self.now()))
            return _copy(attempt)
        done = self._finished(attempt, state, output, then=self._cancellations(attempt))
        self.dispatcher.settle([attempt.id])
        self.dispatcher.cancel(attempt.id)
        return done

    def _cancellations(self, attempt: Attempt) -> list[Job]:
        """What the process that runs it has to be told, if that is another one: it is at work still."""
        if attempt.owner in {None, self.node_id} or not attempt.is_sync:
            return []
        return [cancellation(self.new_id(), attempt.id, attempt.owner, self.now(), execution_id=None)]

    def finish(self, attempt_id: str, result: Result) -> None:
        """An action that was run here came to an end; one that is complete already stays as it is."""
        attempt = self.database.run_read(lambda conn: self.executions.attempt(conn, attempt_id))
        if attempt is not None and not states.is_final(attempt.state):
            try:
                self._finished(attempt, result.state, result.value)
            except ConflictError:
                log.info("a result came too late", action_execution_id=attempt_id)
        self.dispatcher.settle([attempt_id])

    def lose(self, attempt: Attempt, reason: str) -> None:
        """The process that ran it died."""
        self._finished(attempt, states.ERROR, reason)

    def _finished(self, attempt: Attempt, state: str, value: Any, *, accepted: bool = True, then: Sequence[Job] = ()) -> Attempt:
        """Write the end of an action, and the jobs ``then``. Raises ConflictError if it has another one already."""
        if state == states.SUCCESS:
            try:
                value = apply_outputs(attempt.runtime_context.get("outputs") or (), value, None, self.options)
                self.limits.check("output", {"result": value}, json_size)
            except SizeLimitExceededError as error:
                state, value = states.ERROR, str(error)
            except MaestraleError as error:
                state, value = states.ERROR, f"Failed to evaluate the output of an ad-hoc action: {error}"
        attempt.set(state=state, output={"result": value}, accepted=accepted, updated_at=self.now())
        try:
            self._store(attempt, then)
        except VersionConflict:
            raise ConflictError(f"Action {attempt.id} is already completed") from None
        return _copy(attempt)

    def delete(self, caller: Caller, attempt_id: str) -> None:
        """Delete a completed one. Raises NotFoundError, NotAllowedError."""
        attempt = self.database.run_read(lambda conn: self.executions.attempt(conn, attempt_id))
        if attempt is None or not (caller.is_admin or attempt.project_id == caller.project_id):
            raise NotFoundError(f"ActionExecution not found [id={attempt_id}]")
        if attempt.task_id is not None:
            raise NotAllowedError("Only ad-hoc action execution can be deleted.")
        if not states.is_final(attempt.state):
            raise NotAllowedError("Only completed action execution can be deleted.")
        self.database.run_write(lambda conn: self.executions.delete_attempt(conn, attempt_id))

    def _store(self, attempt: Attempt, jobs: Sequence[Job] = ()) -> None:
        self.executions.commit(Batch(standalone=[attempt], new_jobs=list(jobs)))
        attempt.stored = True
        attempt.dirty.clear()


def _copy(attempt: Attempt) -> Attempt:
    twin = copy(attempt)
    twin.dirty = set()
    return twin
