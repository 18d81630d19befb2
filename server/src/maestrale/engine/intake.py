"""What has to be looked up before a round can begin: which execution an item is about, and what is to be started.

Everything is read in one transaction for all items of a batch. Refuses what makes no sense, so that a round sees
only deliveries with an execution and starts with a workflow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from maestrale.caller import Caller
from maestrale.core import states
from maestrale.core.decide import NewExecution
from maestrale.core.messages import ChildCompleted
from maestrale.core.model import Execution
from maestrale.core.ports import WorkflowEntry
from maestrale.engine.items import Delivery, Start, StartRequest
from maestrale.engine.programs import Programs
from maestrale.errors import DuplicateError, MaestraleError, NotFoundError, RequestError
from maestrale.store import Connection, Executions

CHILD_DELETED = "The sub-workflow was deleted."


class Workflows(Protocol):
    """Where a start finds its definition; an answer is never older than the begin of the batch."""

    def workflow_by_id(self, conn: Connection, identifier: str, caller: Caller) -> WorkflowEntry:
        """A workflow that the caller sees. Raises NotFoundError."""

    def workflow_by_name(self, conn: Connection, name: str, namespace: str, caller: Caller) -> WorkflowEntry:
        """The same by name, in exactly that namespace (L151). Raises NotFoundError."""


@dataclass(slots=True)
class Ready:
    """What a round is given, and what is settled without one."""

    starts: list[tuple[Start, NewExecution]] = field(default_factory=list)
    specs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    answered: list[tuple[Start | Delivery, Any]] = field(default_factory=list)
    refused: list[tuple[Start | Delivery, MaestraleError]] = field(default_factory=list)
    later: list[Start] = field(default_factory=list)


class Intake:
    """See the module."""

    def __init__(self, executions: Executions, workflows: Workflows, programs: Programs) -> None:
        self._executions = executions
        self._workflows = workflows
        self._programs = programs

    def needs_reading(self, items: Sequence[Start | Delivery]) -> bool:
        """Whether anything of the store is needed at all."""
        return any(isinstance(item, Start) or item.execution_id is None or _lacks_output(item) for item in items)

    def prepare(self, conn: Connection | None, items: Sequence[Start | Delivery]) -> Ready:
        """Sort the items out; ``conn`` may be None if nothing needs reading."""
        ready = Ready()
        begun: set[str] = set()
        for item in items:
            try:
                if isinstance(item, Start):
                    assert conn is not None
                    self._start(conn, item, ready, begun)
                else:
                    self._delivery(conn, item, ready)
            except MaestraleError as error:
                ready.refused.append((item, error))
        return ready

    # ---- deliveries

    def _delivery(self, conn: Connection | None, item: Delivery, ready: Ready) -> None:
        if item.execution_id is None:
            assert conn is not None
            item.execution_id = self._locate(conn, item)
        message = item.message
        if isinstance(message, ChildCompleted) and message.output is None:
            assert conn is not None
            child = self._executions.execution(conn, message.attempt_id)
            if child is None:
                # it was deleted, before its end or before this was told; what it came to is gone with it
                item.message = replace(message, state=states.ERROR, output={"result": CHILD_DELETED})
            else:
                item.message = replace(message, output=child.output)
        ready.deliveries.append(item)

    def _locate(self, conn: Connection, item: Delivery) -> str:
        assert item.subject_id is not None
        if item.subject == "task":
            found = self._executions.execution_of_task(conn, item.subject_id)
            if found is None:
                raise NotFoundError(f"Task execution not found [id={item.subject_id}]")
            return found
        attempt = self._executions.attempt(conn, item.subject_id)
        if attempt is None or attempt.execution_id is None:
            raise NotFoundError(f"Action execution not found [id={item.subject_id}]")
        return attempt.execution_id

    # ---- starts

    def _start(self, conn: Connection, item: Start, ready: Ready, begun: set[str]) -> None:
        if item.id in begun:
            ready.later.append(item)
            return
        if item.request.id is not None or item.tries:
            existing = self._executions.execution(conn, item.id)
            if existing is not None:
                ready.answered.append((item, _visible(existing, item.caller)))
                return
        request = self._with_source(conn, item.request, item.caller)
        entry = self._entry(conn, request, item.caller)
        ready.specs[entry.spec_digest] = entry.spec.raw
        ready.starts.append((item, NewExecution(
            id=item.id, entry=entry, input=request.input, params=request.params, description=request.description,
            project_id=item.caller.project_id, security=item.caller.as_security(), openstack=item.caller.as_context(),
            program=self._programs.of_spec(entry.spec_digest, entry.spec),
        )))
        begun.add(item.id)

    def _entry(self, conn: Connection, request: StartRequest, caller: Caller) -> WorkflowEntry:
        if request.workflow_id:
            return self._workflows.workflow_by_id(conn, request.workflow_id, caller)
        if request.workflow_name:
            return self._workflows.workflow_by_name(conn, request.workflow_name, request.namespace, caller)
        raise RequestError(
            "Workflow ID or workflow name must be provided. Workflow ID is recommended since the workflow name isn't unique.")

    def _with_source(self, conn: Connection, request: StartRequest, caller: Caller) -> StartRequest:
        """The workflow of another execution. Over the API its input and params are not copied, whatever is documented (L162)."""
        if request.source_execution_id is None:
            return request
        source = self._executions.execution(conn, request.source_execution_id)
        if source is None or not _may_see(source, caller):
            raise NotFoundError(f"Workflow execution not found [id={request.source_execution_id}]")
        names_workflow = bool(request.workflow_id or request.workflow_name)
        text = f"{request.description or ''} Based on the execution '{source.id}'".strip()
        return replace(
            request,
            description=text,
            workflow_id=request.workflow_id if names_workflow else source.workflow_id,
            workflow_name=request.workflow_name if names_workflow else source.workflow_name,
            namespace=request.namespace if names_workflow else source.workflow_namespace,
        )


def _lacks_output(item: Delivery) -> bool:
    return isinstance(item.message, ChildCompleted) and item.message.output is None


def _may_see(execution: Execution, caller: Caller) -> bool:
    return caller.is_admin or caller.project_id == execution.project_id


def _visible(existing: Execution, caller: Caller) -> Execution:
    """The existing execution (L161). Raises DuplicateError if it is somebody else's."""
    if not _may_see(existing, caller):
        raise DuplicateError("There is an execution of that id already.")
    return copy(existing)
