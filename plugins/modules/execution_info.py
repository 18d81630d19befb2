# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: execution_info
short_description: Read executions of workflows
version_added: 0.1.0
description:
  - Returns one execution, or those that match all of the filters.
author: The Maestrale contributors (@maestrale)
options:
  execution_id:
    description: Id of one execution. The filters do not apply then.
    type: str
  workflow:
    description: Name of the workflow.
    type: str
  state:
    description: States to look for.
    type: list
    elements: str
    choices: [IDLE, RUNNING, PAUSED, SUCCESS, ERROR, CANCELLED]
    default: []
  tags:
    description: Look for executions that have all of these tags, which they get from their workflows.
    type: list
    elements: str
    default: []
  sort:
    description:
      - Fields to sort by, C(created_at) for example; those with C(-) before them the other way round.
      - Oldest first if it is not set.
    type: list
    elements: str
    default: []
  root_execution_id:
    description: Look for sub-workflow executions anywhere below this execution.
    type: str
  only_roots:
    description: Leave out executions of sub-workflows.
    type: bool
    default: false
  created_after:
    description: Look for executions created at this time (UTC, C(YYYY-MM-DD HH:MM:SS)) or later.
    type: str
  with_output:
    description: Whether lists hold the outputs too.
    type: bool
    default: false
  with_tasks:
    description: Whether to read the tasks of each execution too.
    type: bool
    default: false
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.listing
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.no_diff
seealso:
  - module: maestrale.mistral.execution
  - module: maestrale.mistral.task_info
"""

EXAMPLES = r"""
- name: Read one execution with its tasks
  maestrale.mistral.execution_info:
    execution_id: 1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c
    with_tasks: true

- name: Find the last execution of a workflow
  maestrale.mistral.execution_info:
    workflow: rollout
    sort: [-created_at]
    limit: 1

- name: Find what failed today
  maestrale.mistral.execution_info:
    state: [ERROR]
    created_after: "2026-01-31 00:00:00"
    only_roots: true
"""

RETURN = r"""
executions:
  description: The executions; an empty list if there is none.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the execution.
      type: str
      sample: 1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c
    workflow_name:
      description: Name of the workflow.
      type: str
      sample: greet
    state:
      description: Its state.
      type: str
      sample: SUCCESS
    state_info:
      description: The reason of the state, if there is one.
      type: str
      sample: null
    input:
      description: The workflow's input.
      type: dict
      sample: {"name": "world"}
    params:
      description: The parameters of the start.
      type: dict
      sample: {"env": {}, "namespace": ""}
    output:
      description: The workflow's output; in a list only with O(with_output).
      type: dict
      sample: {"text": "Hello world"}
    tasks:
      description: Its tasks, with O(with_tasks).
      type: list
      elements: dict
      sample: [{"name": "hello", "state": "SUCCESS"}]
"""

from ..module_utils.kinds import EXECUTION, TASK
from ..module_utils.listing import LIST_SPEC, all_tags, list_or_get, listed, one_of, sorting
from ..module_utils.module import engine_module, run

STATES = ["IDLE", "RUNNING", "PAUSED", "SUCCESS", "ERROR", "CANCELLED"]
SPEC = {
    **LIST_SPEC,
    "execution_id": {"type": "str"},
    "workflow": {"type": "str"},
    "state": {"type": "list", "elements": "str", "choices": STATES, "default": []},
    "tags": {"type": "list", "elements": "str", "default": []},
    "sort": {"type": "list", "elements": "str", "default": []},
    "root_execution_id": {"type": "str"},
    "only_roots": {"type": "bool", "default": False},
    "created_after": {"type": "str"},
    "with_output": {"type": "bool", "default": False},
    "with_tasks": {"type": "bool", "default": False},
}


def execute(client, params):
    """Read the executions and, if wanted, their tasks."""
    query = {
        "workflow_name": params["workflow"],
        "state": one_of(params["state"]),
        "tags": all_tags(params["tags"]),
        **sorting(params["sort"]),
        "root_execution_id": params["root_execution_id"],
        "nulls": "root_execution_id" if params["only_roots"] else None,
        "created_at": params["created_after"] and f"gte:{params['created_after']}",
        "include_output": "true" if params["with_output"] else None,
    }
    items = list_or_get(client, EXECUTION, params, params["execution_id"], query)
    if params["with_tasks"]:
        for item in items:
            item["tasks"] = client.list(TASK, path=("executions", item["id"], "tasks"))
    return listed("executions", items)


def main():
    """Run the module."""
    module = engine_module(SPEC)
    run(module, lambda client: execute(client, module.params))


if __name__ == "__main__":
    main()
