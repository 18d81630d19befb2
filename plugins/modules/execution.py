# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: execution
short_description: Pause, resume, cancel, describe and delete executions
version_added: 0.1.0
description:
  - Brings an existing execution to a state. Use M(maestrale.mistral.workflow_run) to start one.
author: The Maestrale contributors (@maestrale)
options:
  execution_id:
    description: Id of the execution.
    type: str
    required: true
  state:
    description:
      - V(running) resumes a paused execution, V(paused) pauses it, V(cancelled) cancels it.
      - V(succeeded) and V(failed) end it by hand.
      - V(absent) deletes it with all that belongs to it.
      - V(present) only looks after O(description) and O(env).
    type: str
    choices: [present, running, paused, cancelled, succeeded, failed, absent]
    default: present
  reason:
    description: The text that becomes the execution's C(state_info), with O(state=cancelled), V(failed) and V(succeeded).
    type: str
  description:
    description: A new description.
    type: str
  env:
    description:
      - Variables to merge into the environment of the execution.
      - Can be given with O(state=running), or with O(state=present) for an execution that does not run.
    type: dict
  force:
    description: Whether O(state=absent) also deletes an execution that has not ended.
    type: bool
    default: false
  wait:
    description: Whether to wait until the execution has reached the state, or for O(state=running) until it has ended.
    type: bool
    default: false
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.wait
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.diff
notes:
  - This module waits on the host that it runs on and shows no progress. O(on_interrupt=leave) is all that it can do.
seealso:
  - module: maestrale.mistral.workflow_run
  - module: maestrale.mistral.execution_wait
  - module: maestrale.mistral.execution_info
"""

EXAMPLES = r"""
- name: Cancel an execution and wait until all of it has stopped
  maestrale.mistral.execution:
    execution_id: 1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c
    state: cancelled
    reason: The change window is over
    wait: true
    fail_on_error: false

- name: Resume a paused execution with another limit
  maestrale.mistral.execution:
    execution_id: 1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c
    state: running
    env:
      limit: 10

- name: Delete an execution
  maestrale.mistral.execution:
    execution_id: 1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c
    state: absent
"""

RETURN = r"""
execution:
  description: The execution, as M(maestrale.mistral.execution_info) returns it; in check mode as it would be.
  returned: unless it is absent
  type: dict
  sample: {"id": "1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c", "state": "CANCELLED", "workflow_name": "greet"}
execution_id:
  description: Id of the execution.
  returned: unless it is absent
  type: str
  sample: 1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c
state:
  description: State of the execution.
  returned: unless it is absent
  type: str
  sample: CANCELLED
output:
  description: Output of the execution.
  returned: unless it is absent
  type: dict
  sample: {"text": "Hello world"}
finished:
  description: Whether the execution has ended, or with O(wait) has reached the state.
  returned: unless it is absent
  type: bool
  sample: true
timed_out:
  description: Whether the time of waiting was up.
  returned: unless it is absent
  type: bool
  sample: false
elapsed:
  description: Seconds of waiting.
  returned: unless it is absent
  type: float
  sample: 3.5
failed_tasks:
  description: Tasks in C(ERROR), with their reasons.
  returned: if the state is C(ERROR) or C(CANCELLED)
  type: list
  elements: dict
  sample: [{"name": "deploy", "state": "ERROR", "state_info": "web1 failed in task Restart"}]
url:
  description: Address of the execution in the API.
  returned: unless it is absent
  type: str
  sample: http://127.0.0.1:8989/v2/executions/1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c
"""

from ..module_utils.errors import UsageError
from ..module_utils.kinds import EXECUTION, TERMINAL_STATES
from ..module_utils.module import engine_module, run
from ..module_utils.outcome import describe, judge
from ..module_utils.state import as_text
from ..module_utils.waiting import WAIT_SPEC, Waiter

TARGETS = {"running": "RUNNING", "paused": "PAUSED", "cancelled": "CANCELLED", "succeeded": "SUCCESS", "failed": "ERROR"}
SPEC = {
    "execution_id": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", *TARGETS, "absent"], "default": "present"},
    "reason": {"type": "str"},
    "description": {"type": "str"},
    "env": {"type": "dict"},
    "force": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": False},
    **WAIT_SPEC,
}


def requests_for(execution, params):
    """The PUT bodies that bring the execution where it shall be; the engine takes state and description apart."""
    target = TARGETS.get(params["state"])
    bodies = []
    if params["description"] is not None and params["description"] != execution.get("description"):
        bodies.append({"description": params["description"]})
    env = params["env"] or {}
    current = (execution.get("params") or {}).get("env") or {}
    has_new_env = any(current.get(key) != value for key, value in env.items())
    if target and target != execution["state"]:
        if target == "RUNNING" and execution["state"] in TERMINAL_STATES:
            raise UsageError(
                f"Execution {execution['id']} has ended in {execution['state']}; rerun its failed task with maestrale.mistral.task"
            )
        body = {"state": target}
        if params["reason"] is not None:
            body["state_info"] = params["reason"]
        if env and target == "RUNNING":
            body["params"] = {"env": env}
        bodies.append(body)
    elif has_new_env:
        bodies.append({"params": {"env": env}})
    return bodies


def predicted(execution, bodies):
    """The execution as it would be after the requests."""
    after = dict(execution)
    for body in bodies:
        env = body.get("params", {}).get("env")
        if env:
            params = after.get("params") or {}
            after["params"] = {**params, "env": {**(params.get("env") or {}), **env}}
        after.update({key: value for key, value in body.items() if key != "params"})
    return after


def shown(execution):
    """What a diff shows of an execution."""
    return as_text(
        {
            "state": execution["state"],
            "state_info": execution.get("state_info"),
            "description": execution.get("description"),
            "env": (execution.get("params") or {}).get("env"),
        }
    )


def delete(client, execution, params, check_mode):
    """Remove the execution if it is there."""
    if execution is None:
        return {"changed": False}
    if not check_mode:
        client.delete(EXECUTION, execution["id"], {"force": "true" if params["force"] else None})
    return {"changed": True, "diff": {"before": shown(execution), "after": ""}}


def execute(client, params, check_mode):
    """Bring the execution to its state."""
    execution_id = params["execution_id"]
    if params["state"] == "absent":
        return delete(client, client.find(EXECUTION, execution_id), params, check_mode)
    execution = client.get(EXECUTION, execution_id)
    bodies = requests_for(execution, params)
    after = predicted(execution, bodies)
    if not check_mode:
        for body in bodies:
            client.update(EXECUTION, execution_id, body)
        after = client.get(EXECUTION, execution_id) if bodies else execution
    waits = params["wait"] and not check_mode
    waiter = Waiter(client, params)
    if waits:
        target = TARGETS.get(params["state"])
        until = TERMINAL_STATES if target in (None, "RUNNING") else (*TERMINAL_STATES, target)
        after = waiter.wait(after, until)
    result = describe(client, after, bool(bodies), waiter.elapsed, waiter.timed_out, waiter.finished if waits else None)
    if bodies:
        result["diff"] = {"before": shown(execution), "after": shown(predicted(execution, bodies) if check_mode else after)}
    is_meant = TARGETS.get(params["state"]) == after["state"]
    return judge(client, result, params, waits and not is_meant)


def main():
    """Run the module."""
    module = engine_module(SPEC)
    run(module, lambda client: execute(client, module.params, module.check_mode))


if __name__ == "__main__":
    main()
