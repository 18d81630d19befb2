# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""What a module or plugin that waited gives back: the same words for workflow_run and execution_wait."""

from __future__ import annotations

from .kinds import EXECUTION, TASK

FAILED_TASK_KEYS = ("id", "name", "state", "state_info", "workflow_name")
# Reasons are kept to a length that a screen bears; the whole one is a task_info away.
REASON_LENGTH = 2000


def describe(client, execution, changed, elapsed=0.0, timed_out=False, finished=None):
    """The result of a look at an execution, not yet judged."""
    is_over = execution["state"] in ("SUCCESS", "ERROR", "CANCELLED")
    return {
        "changed": changed,
        "execution": execution,
        "execution_id": execution["id"],
        "state": execution["state"],
        "output": execution.get("output") or {},
        "finished": is_over if finished is None else finished,
        "timed_out": timed_out,
        "elapsed": elapsed,
        "url": f"{client.endpoint}/executions/{execution['id']}" if execution["id"] else None,
    }


def judge(client, result, options, waited):
    """Add ``failed`` and ``msg`` where the execution's end, pause or lateness is a failure; returns the result."""
    execution, state = result["execution"], result["state"]
    name = f"Execution {execution['id']} of workflow {execution['workflow_name']}"
    if state in ("ERROR", "CANCELLED"):
        result["failed_tasks"] = failed_tasks(client, execution)
    if not waited:
        return result
    if result["timed_out"]:
        _judge_lateness(client, result, options, name)
    elif state == "PAUSED" and not result["finished"]:
        if options["on_paused"] == "fail":
            result.update(failed=True, msg=f"{name} is paused")
    elif state in ("ERROR", "CANCELLED") and options["fail_on_error"]:
        result.update(failed=True, msg=f"{name} ended in {state}: {_reason(result, execution)}")
    return result


def _judge_lateness(client, result, options, name):
    if options["on_timeout"] == "return":
        return
    text = f"{name} is still {result['state']} after {options['wait_timeout']:g} s"
    if options["on_timeout"] == "cancel":
        cancel(client, result["execution_id"], "Cancelled: time was up")
        text += ", cancelled"
    result.update(failed=True, msg=text)


def cancel(client, execution_id, reason, timeout=None):
    """Ask the engine to cancel an execution; the state that it answers with."""
    body = {"state": "CANCELLED", "state_info": reason}
    reply = client.request("PUT", EXECUTION.path(execution_id), document=body, timeout=timeout)
    return reply.json().get("state")


def failed_tasks(client, execution):
    """Tasks in ERROR of the execution and, where such a task is a sub-workflow, those below it; deepest reason first."""
    found = []
    for task in client.pages(TASK, {"state": "ERROR", "sort_keys": "created_at"}, path=("executions", execution["id"], "tasks")):
        if task.get("type") == "WORKFLOW":
            for child in client.pages(EXECUTION, {"state": "ERROR"}, path=("tasks", task["id"], "workflow_executions")):
                found += failed_tasks(client, child)
        found.append({key: _short(task.get(key)) for key in FAILED_TASK_KEYS})
    return found


def _reason(result, execution):
    first = next((task for task in result["failed_tasks"] if task["state_info"]), None)
    if first:
        return f"task {first['name']}: {first['state_info']}"
    return _short(execution.get("state_info")) or "no reason given"


def _short(value):
    return value if not isinstance(value, str) or len(value) <= REASON_LENGTH else value[:REASON_LENGTH] + " [cut]"
