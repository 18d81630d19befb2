# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: task
short_description: Rerun or skip a failed task
version_added: 0.1.0
description:
  - Lets an execution that failed go on, by running a failed task again or by skipping it.
  - A task that is not in C(ERROR) is left alone.
author: The Maestrale contributors (@maestrale)
options:
  task_id:
    description: Id of the task.
    type: str
  execution_id:
    description: Id of the execution that O(name) is looked for in.
    type: str
  name:
    description: Name of the task in O(execution_id). If there are several, the only one in C(ERROR) is meant.
    type: str
  state:
    description: What to do with the task.
    type: str
    choices: [rerun, skip]
    default: rerun
  reset:
    description:
      - With O(state=rerun) of a C(with-items) task, whether to run all items again.
      - Otherwise only those that failed or have not been started are run.
      - With V(false), a playbook that failed is limited to the hosts on which it failed, and those that were unreachable.
        Only Maestrale can do that for tasks without C(with-items).
    type: bool
    default: true
  env:
    description: Variables to merge into the environment of the execution, with O(state=rerun).
    type: dict
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.diff
seealso:
  - module: maestrale.mistral.task_info
  - module: maestrale.mistral.execution_wait
"""

EXAMPLES = r"""
- name: Run the failed items of a task again
  maestrale.mistral.task:
    execution_id: 1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c
    name: deploy
    state: rerun
    reset: false

- name: Run a playbook again on the hosts on which it failed
  maestrale.mistral.task:
    execution_id: 1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c
    name: update
    reset: false

- name: Follow the execution that goes on
  maestrale.mistral.execution_wait:
    execution_id: 1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c
"""

RETURN = r"""
task:
  description: The task after that; its state may still be the old one, since a rerun begins a little later.
  returned: success
  type: dict
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
"""

from ..module_utils.errors import NotFoundError, UsageError
from ..module_utils.kinds import TASK
from ..module_utils.module import engine_module, run
from ..module_utils.state import as_text

SPEC = {
    "task_id": {"type": "str"},
    "execution_id": {"type": "str"},
    "name": {"type": "str"},
    "state": {"type": "str", "choices": ["rerun", "skip"], "default": "rerun"},
    "reset": {"type": "bool", "default": True},
    "env": {"type": "dict"},
}
STATES = {"rerun": "RUNNING", "skip": "SKIPPED"}


def find(client, params):
    """The task that is meant."""
    if params["task_id"]:
        return client.get(TASK, params["task_id"])
    hits = client.list(TASK, {"name": params["name"]}, path=("executions", params["execution_id"], "tasks"))
    if not hits:
        raise NotFoundError(f"Execution {params['execution_id']} has no task {params['name']}", status=404)
    failed = [item for item in hits if item["state"] == "ERROR"]
    if len(hits) > 1 and len(failed) != 1:
        listing = ", ".join(f"{item['id']} ({item['state']})" for item in hits)
        raise UsageError(f"Execution {params['execution_id']} has {len(hits)} tasks {params['name']}: {listing}")
    return failed[0] if failed else hits[0]


def execute(client, params, check_mode):
    """Rerun or skip the task if it failed."""
    task = find(client, params)
    if task["state"] != "ERROR":
        return {"changed": False, "task": task}
    body = {"id": task["id"], "state": STATES[params["state"]]}
    if params["state"] == "rerun":
        body["reset"] = params["reset"]
        if params["env"] is not None:
            body["env"] = params["env"]
    after = {**task, "state": body["state"]} if check_mode else client.update(TASK, task["id"], body)
    diff = {"before": as_text({"state": task["state"]}), "after": as_text({"state": body["state"]})}
    return {"changed": True, "task": after, "diff": diff}


def main():
    """Run the module."""
    module = engine_module(
        SPEC,
        mutually_exclusive=[("task_id", "execution_id")],
        required_one_of=[("task_id", "execution_id")],
        required_together=[("execution_id", "name")],
    )
    run(module, lambda client: execute(client, module.params, module.check_mode))


if __name__ == "__main__":
    main()
