"""The engine's use cases: what a caller may ask of executions, tasks and action executions.

Each call puts an item into the inbox and waits for its decision; what comes back is a copy that the caller's
thread may keep. What is asked for most, ``starting`` and ``completing``, can be asked without waiting too. Callers are
checked where the records are at hand: whoever may not see an execution gets NotFoundError. All methods may be called from
any thread. Errors are those of ``errors.py``; any method may raise DatabaseUnavailableError when the database is away, too
much waits, or no decision comes in time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import datetime
from typing import Any

from maestrale import clock
from maestrale.caller import Caller
from maestrale.core import states
from maestrale.core.messages import (
    ActionCompleted,
    ActionUpdated,
    ChildCompleted,
    Describe,
    Message,
    Pause,
    Rerun,
    Resume,
    Skip,
    Stop,
    UpdateEnv,
    to_payload,
)
from maestrale.core.model import Attempt, Execution, Job, Task
from maestrale.engine.dispatch import Dispatcher, cancellation
from maestrale.engine.inbox import Inbox
from maestrale.engine.items import Delivery, Item, Operation, RunActionRequest, Start, StartRequest
from maestrale.engine.maintenance import Maintenance
from maestrale.engine.question import Question
from maestrale.engine.shelf import Shelf
from maestrale.engine.standalone import StandaloneActions
from maestrale.errors import NotAllowedError, NotFoundError, RequestError
from maestrale.store import Connection, Database, Deleted, Executions, jobs

UNKNOWN_ERROR = "Unknown error"
COMPLETIONS = (states.SUCCESS, states.ERROR, states.CANCELLED)
ACTION_STATES = (*COMPLETIONS, states.PAUSED, states.RUNNING)


class Engine:
    """See the module."""

    def __init__(
        self, *, database: Database, executions: Executions, inbox: Inbox, shelf: Shelf, standalone: StandaloneActions,
        dispatcher: Dispatcher, maintenance: Maintenance, new_id: Callable[[], str], timeout: float,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._database = database
        self._executions = executions
        self._inbox = inbox
        self._shelf = shelf
        self._standalone = standalone
        self._dispatcher = dispatcher
        self.maintenance = maintenance
        self._new_id = new_id
        self._timeout = timeout
        self._now = now

    # ---- executions

    def start(self, caller: Caller, request: StartRequest) -> Execution:
        """A new execution as it was created, RUNNING; or the one that exists under the given id (L161)."""
        return self.starting(caller, request).wait()

    def starting(self, caller: Caller, request: StartRequest) -> Question[Execution]:
        """The same as a question; needs no database by itself."""
        return self._ask(Start(caller, request, request.id or self._new_id(), Future()))

    def pause(self, caller: Caller, execution_id: str, message: str | None = None) -> Execution:
        """Pause (3.13). Raises WorkflowError from a state that can't be paused."""
        return self._tell(caller, execution_id, Pause(message))

    def resume(self, caller: Caller, execution_id: str, env: Mapping[str, Any] | None = None) -> Execution:
        """Resume, merging ``env`` first; an execution that isn't paused is left as it is (3.13)."""
        return self._tell(caller, execution_id, Resume(env))

    def stop(self, caller: Caller, execution_id: str, state: str, message: str | None = None) -> Execution:
        """End it as SUCCESS, ERROR or CANCELLED (3.14)."""
        return self._tell(caller, execution_id, Stop(state, message))

    def update_env(self, caller: Caller, execution_id: str, env: Mapping[str, Any]) -> Execution:
        """Merge into the environment. Raises NotAllowedError while it runs (L297)."""
        return self._tell(caller, execution_id, UpdateEnv(env))

    def describe(self, caller: Caller, execution_id: str, description: str) -> Execution:
        """Change the description."""
        return self._tell(caller, execution_id, Describe(description))

    def delete(self, caller: Caller, execution_id: str, *, force: bool = False) -> None:
        """Delete an execution with everything below it, and end its actions wherever they run.

        Raises NotAllowedError for an unfinished one without ``force`` (L331).
        """
        self._ask(Operation("delete an execution", lambda: self._delete(caller, execution_id, force=force), Future())).wait()

    def _delete(self, caller: Caller, execution_id: str, *, force: bool) -> None:
        def work(conn: Connection) -> Deleted:
            execution = self._executions.execution(conn, execution_id)
            if execution is None or not (caller.is_admin or execution.project_id == caller.project_id):
                raise NotFoundError(f"Workflow execution not found [id={execution_id}]")
            if not force and not states.is_final(execution.state):
                raise NotAllowedError(
                    f"Only completed executions can be deleted. Use --force to override this. "
                    f"Execution {execution_id} is in {execution.state} state.")
            deleted = self._executions.delete_tree(conn, execution_id)
            jobs.insert(conn, [*self._news_of_deletion(execution), *self._cancellations(deleted)])
            return deleted

        deleted = self._database.run_write(work)
        # children may be in memory too, and are rarely worth finding
        self._shelf.clear()
        for attempt_id, _ in deleted.at_work:
            self._dispatcher.cancel(attempt_id)

    def _cancellations(self, deleted: Deleted) -> list[Job]:
        """What other processes have to be told that run actions of what was deleted."""
        return [
            cancellation(self._new_id(), attempt_id, owner, self._now(), execution_id=None)
            for attempt_id, owner in deleted.at_work if attempt_id not in self._dispatcher
        ]

    def _news_of_deletion(self, execution: Execution) -> list[Job]:
        """What the parent has to be told, which may wait for it; whoever finds the row delivers it."""
        if execution.parent_execution_id is None:
            return []
        now = self._now()
        message = ChildCompleted(execution.id, states.ERROR, revival=execution.runtime.get("revived", 0))
        return [Job(
            id=self._new_id(), kind="message", execution_id=execution.parent_execution_id, due_at=now, payload=to_payload(message),
            created_at=now,
        )]

    # ---- tasks

    def rerun(self, caller: Caller, task_id: str, *, reset: bool, env: Mapping[str, Any] | None = None) -> Task:
        """Run a failed task again (3.15)."""
        return self._tell_task(caller, task_id, Rerun(task_id, reset, env))

    def skip(self, caller: Caller, task_id: str, env: Mapping[str, Any] | None = None) -> Task:
        """Skip a failed task (3.16)."""
        return self._tell_task(caller, task_id, Skip(task_id, env))

    # ---- action executions

    def complete_action(self, caller: Caller, attempt_id: str, state: str, output: Any = None) -> Attempt:
        """Complete an action from outside, or pause and resume it (3.21). ``output`` is the bare result.

        A cancelled action has none, as in Mistral. One that runs still is ended, whatever it is completed as.
        Raises RequestError for a state that can't be asked for, ConflictError if it is complete already.
        """
        home = self._shelf.home_of(attempt_id)
        if home is None:
            attempt = self._database.run_read(lambda conn: self._executions.attempt(conn, attempt_id))
            if attempt is None or not (caller.is_admin or attempt.project_id == caller.project_id):
                raise NotFoundError(f"Action execution not found [id={attempt_id}]")
            if attempt.execution_id is None:
                return self._standalone.complete(attempt, *_result(state, output))
            home = attempt.execution_id
        return self.completing(caller, home, attempt_id, state, output).wait()

    def home_of(self, attempt_id: str) -> str | None:
        """The execution of an asynchronous action that waits for its result, if it is at hand; for ``completing``."""
        return self._shelf.home_of(attempt_id)

    def completing(self, caller: Caller, execution_id: str, attempt_id: str, state: str, output: Any = None) -> Question[Attempt]:
        """As ``complete_action``, as a question, for an action of which it is known where it belongs; needs no database by itself."""
        state, output = _result(state, output)
        message: Message
        if state in COMPLETIONS:
            message = ActionCompleted(attempt_id, state, output, from_outside=True)
        else:
            message = ActionUpdated(attempt_id, state)
        return self._ask(Delivery(
            message, execution_id=execution_id, subject="attempt", subject_id=attempt_id, caller=caller, future=Future()))

    def run_action(self, caller: Caller, request: RunActionRequest) -> Attempt:
        """Run an action on its own (4.6). What isn't saved has the id ''."""
        return self._standalone.run(caller, request)

    def delete_action(self, caller: Caller, attempt_id: str) -> None:
        """Delete an action execution. Raises NotAllowedError for one of a task and for one that still runs (L395)."""
        self._standalone.delete(caller, attempt_id)

    # ---- the way through the inbox

    def _tell(self, caller: Caller, execution_id: str, message: Message) -> Execution:
        execution: Execution = self._ask(Delivery(message, execution_id=execution_id, caller=caller, future=Future())).wait()
        return execution

    def _tell_task(self, caller: Caller, task_id: str, message: Message) -> Task:
        task: Task = self._ask(Delivery(message, subject="task", subject_id=task_id, caller=caller, future=Future())).wait()
        return task

    def _ask(self, item: Item) -> Question[Any]:
        future = item.future
        assert future is not None
        self._inbox.request(item)
        return Question(future, self._timeout)


def _result(state: str, output: Any) -> tuple[str, Any]:
    """State and output as they are told on. Raises RequestError for a state that can't be asked for."""
    if state not in ACTION_STATES:
        raise RequestError(f"Error. Expected one of {list(ACTION_STATES)}, actual: {state}")
    if state == states.CANCELLED:
        return state, None
    return state, UNKNOWN_ERROR if state == states.ERROR and not output else output
