# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: action_execution_info
short_description: Read action executions
version_added: 0.1.0
description:
  - Returns one action execution, those of a task, or those that match all of the filters.
author: The Maestrale contributors (@maestrale)
options:
  action_execution_id:
    description: Id of one action execution. The filters do not apply then.
    type: str
  task_id:
    description: Look for action executions of this task.
    type: str
  name:
    description: Look for executions of this action.
    type: str
  state:
    description: States to look for.
    type: list
    elements: str
    choices: [IDLE, RUNNING, DELAYED, PAUSED, SUCCESS, ERROR, CANCELLED]
    default: []
  with_output:
    description: Whether lists hold the outputs too.
    type: bool
    default: false
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.listing
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.no_diff
seealso:
  - module: maestrale.mistral.action_execution
"""

EXAMPLES = r"""
- name: See which actions wait for somebody to complete them
  maestrale.mistral.action_execution_info:
    name: std.async_noop
    state: [RUNNING]
"""

RETURN = r"""
action_executions:
  description: The action executions; an empty list if there is none.
  returned: success
  type: list
  elements: dict
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

from ..module_utils.kinds import ACTION_EXECUTION
from ..module_utils.listing import LIST_SPEC, list_or_get, listed, one_of
from ..module_utils.module import engine_module, run

STATES = ["IDLE", "RUNNING", "DELAYED", "PAUSED", "SUCCESS", "ERROR", "CANCELLED"]
SPEC = {
    **LIST_SPEC,
    "action_execution_id": {"type": "str"},
    "task_id": {"type": "str"},
    "name": {"type": "str"},
    "state": {"type": "list", "elements": "str", "choices": STATES, "default": []},
    "with_output": {"type": "bool", "default": False},
}


def execute(client, params):
    """Read the action executions."""
    query = {
        "task_execution_id": params["task_id"],
        "name": params["name"],
        "state": one_of(params["state"]),
        "include_output": "true" if params["with_output"] else None,
    }
    return listed("action_executions", list_or_get(client, ACTION_EXECUTION, params, params["action_execution_id"], query))


def main():
    """Run the module."""
    module = engine_module(SPEC)
    run(module, lambda client: execute(client, module.params))


if __name__ == "__main__":
    main()
