# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: task_info
short_description: Read tasks of executions
version_added: 0.1.0
description:
  - Returns one task, the tasks of an execution, or those that match all of the filters.
author: The Maestrale contributors (@maestrale)
options:
  task_id:
    description: Id of one task. The filters do not apply then.
    type: str
  execution_id:
    description: Look for tasks of this execution.
    type: str
  name:
    description: Look for tasks of this name.
    type: str
  state:
    description: States to look for.
    type: list
    elements: str
    choices: [IDLE, WAITING, RUNNING, DELAYED, PAUSED, SUCCESS, ERROR, CANCELLED, SKIPPED]
    default: []
  with_result:
    description: Whether to read the result of each listed task too, by one more request each. That of O(task_id) always is.
    type: bool
    default: false
  recursive:
    description: Whether to look for tasks in sub-workflows of O(execution_id) too.
    type: bool
    default: false
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.listing
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.no_diff
seealso:
  - module: maestrale.mistral.task
"""

EXAMPLES = r"""
- name: See what failed, anywhere below an execution
  maestrale.mistral.task_info:
    execution_id: 1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c
    state: [ERROR]
    recursive: true
    with_result: true
"""

RETURN = r"""
tasks:
  description: The tasks; an empty list if there is none.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the task.
      type: str
      sample: 5b8a3f49-30b6-4b92-8f0f-2f2f4f7a4a3e
    name:
      description: Its name.
      type: str
      sample: deploy
    state:
      description: Its state.
      type: str
      sample: ERROR
    state_info:
      description: The reason of the state, if there is one.
      type: str
      sample: web1 failed in task Restart
    workflow_execution_id:
      description: Id of the execution that it belongs to.
      type: str
      sample: 1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c
    result:
      description: Its result, for O(task_id) or with O(with_result).
      type: raw
      sample: {"rc": 0}
    published:
      description: The variables that it published.
      type: dict
      sample: {}
"""

from ..module_utils.kinds import EXECUTION, TASK
from ..module_utils.listing import LIST_SPEC, list_or_get, listed, one_of
from ..module_utils.module import engine_module, run

STATES = ["IDLE", "WAITING", "RUNNING", "DELAYED", "PAUSED", "SUCCESS", "ERROR", "CANCELLED", "SKIPPED"]
SPEC = {
    **LIST_SPEC,
    "task_id": {"type": "str"},
    "execution_id": {"type": "str"},
    "name": {"type": "str"},
    "state": {"type": "list", "elements": "str", "choices": STATES, "default": []},
    "with_result": {"type": "bool", "default": False},
    "recursive": {"type": "bool", "default": False},
}


def execute(client, params):
    """Read the tasks of one execution, or of all those below it."""
    query = {"name": params["name"], "state": one_of(params["state"]), "workflow_execution_id": params["execution_id"]}
    items = list_or_get(client, TASK, params, params["task_id"], query)
    if params["recursive"] and params["execution_id"]:
        for child in client.pages(EXECUTION, {"root_execution_id": params["execution_id"], "fields": "id"}):
            items += list_or_get(client, TASK, params, None, {**query, "workflow_execution_id": child["id"]})
        items = items[: params["limit"]]
    if params["with_result"] and not params["task_id"]:
        items = [client.get(TASK, item["id"]) for item in items]
    return listed("tasks", items)


def main():
    """Run the module."""
    module = engine_module(SPEC)
    run(module, lambda client: execute(client, module.params))


if __name__ == "__main__":
    main()
