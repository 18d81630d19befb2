# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: action_execution
short_description: Complete an action that waits for its result
version_added: 0.1.0
description:
  - Gives an asynchronous action its result, for example the answer of the person that a workflow waits for.
  - An action execution that has the state already is left alone.
author: The Maestrale contributors (@maestrale)
options:
  action_execution_id:
    description: Id of the action execution.
    type: str
  execution_id:
    description: Id of the execution that O(task) is looked for in.
    type: str
  task:
    description: Name of the task in O(execution_id) whose unfinished action execution is meant.
    type: str
  state:
    description: The state to bring it to.
    type: str
    choices: [success, error, cancelled, paused, running]
    default: success
  output:
    description:
      - The result, a mapping or the JSON text of one. The API takes nothing else.
    type: raw
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.diff
seealso:
  - module: maestrale.mistral.action_execution_info
"""

EXAMPLES = r"""
- name: Approve what the task "approval" waits for
  maestrale.mistral.action_execution:
    execution_id: 1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c
    task: approval
    state: success
    output:
      approved: true
      by: "{{ ansible_user_id | default('nobody') }}"
"""

RETURN = r"""
action_execution:
  description: The action execution; in check mode as it would be.
  returned: success
  type: dict
  contains:
    id:
      description: Id of the action execution.
      type: str
      sample: 9d6c8f1e-1a2b-4f6e-b9f0-2f4a6a3f9f11
    name:
      description: Name of the action.
      type: str
      sample: std.async_noop
    state:
      description: Its state.
      type: str
      sample: SUCCESS
    task_execution_id:
      description: Id of the task that it belongs to, if it belongs to one.
      type: str
      sample: 5b8a3f49-30b6-4b92-8f0f-2f2f4f7a4a3e
    input:
      description: The action's input.
      type: dict
      sample: {}
    output:
      description: What the action gave back, under C(result).
      type: dict
      sample: {"result": {"approved": true}}
"""

import json

from ..module_utils.errors import ConflictError, NotFoundError, UsageError
from ..module_utils.kinds import ACTION_EXECUTION, TASK, TERMINAL_STATES
from ..module_utils.module import engine_module, run
from ..module_utils.state import as_text

STATES = {"success": "SUCCESS", "error": "ERROR", "cancelled": "CANCELLED", "paused": "PAUSED", "running": "RUNNING"}
SPEC = {
    "action_execution_id": {"type": "str"},
    "execution_id": {"type": "str"},
    "task": {"type": "str"},
    "state": {"type": "str", "choices": list(STATES), "default": "success"},
    "output": {"type": "raw"},
}


def find(client, params):
    """The action execution that is meant; by task it is the only unfinished one, or else the last one."""
    if params["action_execution_id"]:
        return client.get(ACTION_EXECUTION, params["action_execution_id"])
    tasks = client.list(TASK, {"name": params["task"]}, path=("executions", params["execution_id"], "tasks"))
    hits = [hit for task in tasks for hit in client.pages(ACTION_EXECUTION, path=("tasks", task["id"], "action_executions"))]
    if not hits:
        raise NotFoundError(f"Task {params['task']} of execution {params['execution_id']} has no action execution", status=404)
    open_ones = [hit for hit in hits if hit["state"] not in TERMINAL_STATES]
    if len(open_ones) > 1:
        raise UsageError(f"Task {params['task']} has several unfinished action executions: {', '.join(hit['id'] for hit in open_ones)}")
    return client.get(ACTION_EXECUTION, (open_ones or hits)[-1]["id"])


def mapping_of(output):
    """The result as a mapping. Raises UsageError for what the API would refuse."""
    try:
        found = json.loads(output) if isinstance(output, str) else output
    except ValueError:
        found = output
    if not isinstance(found, dict):
        raise UsageError(f"output must be a mapping or the JSON text of one, such as {{'value': ...}}, and not {found!r}")
    return found


def execute(client, params, check_mode):
    """Complete the action execution unless it is complete."""
    before, state = find(client, params), STATES[params["state"]]
    if before["state"] == state:
        return {"changed": False, "action_execution": before}
    if before["state"] in TERMINAL_STATES:
        raise ConflictError(f"Action execution {before['id']} has ended in {before['state']} already", status=409)
    body = {"state": state}
    if params["output"] is not None:
        body["output"] = mapping_of(params["output"])
    predicted = {**before, "state": state, "output": {"result": body.get("output")}}
    after = predicted if check_mode else client.update(ACTION_EXECUTION, before["id"], body)
    diff = {"before": as_text({"state": before["state"]}), "after": as_text(body)}
    return {"changed": True, "action_execution": after, "diff": diff}


def main():
    """Run the module."""
    module = engine_module(
        SPEC,
        mutually_exclusive=[("action_execution_id", "execution_id")],
        required_one_of=[("action_execution_id", "execution_id")],
        required_together=[("execution_id", "task")],
    )
    run(module, lambda client: execute(client, module.params, module.check_mode))


if __name__ == "__main__":
    main()
