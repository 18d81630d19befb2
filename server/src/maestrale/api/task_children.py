"""What a task has started: its action executions and sub-workflow executions (1.10)."""

from __future__ import annotations

from starlette.responses import Response

from maestrale.api import reads
from maestrale.api.action_executions import STORED, action_execution_row
from maestrale.api.call import Call
from maestrale.api.executions import TREE_PARAMETERS, answer_tree
from maestrale.api.listing import Filter
from maestrale.api.openapi import fields_parameter, listing_parameters, many, one, operation
from maestrale.api.resources import ACTION_EXECUTIONS, EXECUTIONS, TASKS
from maestrale.api.routes import Endpoint
from maestrale.api.wire import execution_row, reply, shape
from maestrale.errors import NotFoundError

OF_TASK = "task_execution_id"


def list_task_actions(call: Call, identifier: str) -> Response:
    """A page of the task's action executions."""
    reads.get(call, TASKS, identifier, fields=["id"])
    return reads.answer(call, ACTION_EXECUTIONS, where=[Filter(OF_TASK, "eq", identifier)], prepare=action_execution_row)


def get_task_action(call: Call, identifier: str, action_execution_id: str) -> Response:
    """One action execution of the task. Raises NotFoundError for one of another task."""
    names = reads.single_fields(call, ACTION_EXECUTIONS)
    row = reads.get(call, ACTION_EXECUTIONS, action_execution_id, fields=STORED)
    if row[OF_TASK] != identifier:
        raise NotFoundError(f"ActionExecution not found [id={action_execution_id}, task_execution_id={identifier}]")
    return reply(shape(ACTION_EXECUTIONS, action_execution_row(row), names or STORED))


def list_task_workflows(call: Call, identifier: str) -> Response:
    """A page of the sub-workflow executions that the task has started itself."""
    reads.get(call, TASKS, identifier, fields=["id"])
    return reads.answer(call, EXECUTIONS, where=[Filter(OF_TASK, "eq", identifier)], prepare=execution_row)


def list_task_descendants(call: Call, identifier: str) -> Response:
    """Everything below the task, nearest first."""
    return answer_tree(call, task_id=identifier)


ENDPOINTS = (
    Endpoint(
        method="GET", path="/v2/tasks/{identifier}/action_executions", handler=list_task_actions, rule="action_executions:list",
        document=operation(
            "tasks", "List the action executions of a task", parameters=listing_parameters(ACTION_EXECUTIONS, [OF_TASK]),
            reply=many(ACTION_EXECUTIONS),
        ),
    ),
    Endpoint(
        method="GET", path="/v2/tasks/{identifier}/action_executions/{action_execution_id}", handler=get_task_action,
        rule="action_executions:get",
        document=operation(
            "tasks", "Show an action execution of a task", parameters=[fields_parameter()], reply=one(ACTION_EXECUTIONS),
        ),
    ),
    Endpoint(
        method="GET", path="/v2/tasks/{identifier}/workflow_executions", handler=list_task_workflows, rule="executions:list",
        document=operation(
            "tasks", "List the sub-workflow executions of a task", parameters=listing_parameters(EXECUTIONS, [OF_TASK]),
            reply=many(EXECUTIONS),
        ),
    ),
    Endpoint(
        method="GET", path="/v2/tasks/{identifier}/executions", handler=list_task_descendants, rule="executions:get",
        document=operation(
            "tasks", "List all executions below a task", parameters=TREE_PARAMETERS, reply=many(EXECUTIONS, paged=False),
        ),
    ),
)
