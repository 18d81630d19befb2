# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: action_run
short_description: Run one action without a workflow
version_added: 0.1.0
description:
  - Lets the engine run an action, and returns its result.
author: The Maestrale contributors (@maestrale)
options:
  action:
    description: Name of the action.
    type: str
    required: true
  namespace:
    description: Namespace of the action.
    type: str
    default: ""
  input:
    description: The action's input.
    type: dict
    default: {}
  secrets:
    description: More input, whose values are not shown in anything that this task returns. The engine gets it like other input.
    type: dict
    default: {}
  description:
    description: A description of the action execution.
    type: str
  save_result:
    description:
      - Whether the engine stores the action execution.
      - Otherwise the action runs within the request, and O(request_timeout) must allow for that.
    type: bool
    default: true
  run_timeout:
    description: Seconds that the engine gives the action.
    type: int
  target:
    description: Where the engine shall run it, if it has several places.
    type: str
  wait:
    description: Whether to wait for a stored action execution to end.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait at most. V(0) waits for ever.
    type: float
    default: 600.0
  wait_sleep:
    description: Seconds between two looks. The first looks come sooner, and the gap grows up to O(wait_sleep_max).
    type: float
    default: 2.0
  wait_sleep_max:
    description: The longest gap between two looks, in seconds.
    type: float
    default: 30.0
  fail_on_error:
    description: Whether the task fails if the action fails.
    type: bool
    default: true
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.no_diff
seealso:
  - module: maestrale.mistral.action_definition_info
  - module: maestrale.mistral.workflow_run
"""

EXAMPLES = r"""
- name: Let the engine fetch a page
  maestrale.mistral.action_run:
    action: std.http
    input:
      url: https://www.example.org/
  register: page
"""

RETURN = r"""
output:
  description: What the action gave back.
  returned: if it has ended
  type: raw
  sample: {"status": 200}
state:
  description: State of the action execution.
  returned: always
  type: str
  sample: SUCCESS
finished:
  description: Whether it has ended.
  returned: always
  type: bool
  sample: true
elapsed:
  description: Seconds of waiting.
  returned: always
  type: float
  sample: 0.4
action_execution:
  description: The action execution. Its id is null if it was not stored.
  returned: always
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

from ..module_utils.kinds import ACTION, ACTION_EXECUTION, TERMINAL_STATES
from ..module_utils.module import engine_module, run
from ..module_utils.waiting import WAIT_SPEC, Waiter

SPEC = {
    "action": {"type": "str", "required": True},
    "namespace": {"type": "str", "default": ""},
    "input": {"type": "dict", "default": {}},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "description": {"type": "str"},
    "save_result": {"type": "bool", "default": True},
    "run_timeout": {"type": "int"},
    "target": {"type": "str"},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "float", "default": 600.0},
    "wait_sleep": WAIT_SPEC["wait_sleep"],
    "wait_sleep_max": WAIT_SPEC["wait_sleep_max"],
    "fail_on_error": WAIT_SPEC["fail_on_error"],
}


def request_body(params):
    """The body of the POST."""
    start = {"save_result": params["save_result"], "run_sync": not params["save_result"]}
    start.update({key: params[option] for key, option in (("timeout", "run_timeout"), ("target", "target")) if params[option] is not None})
    body = {"name": params["action"], "input": {**params["input"], **params["secrets"]}, "params": start}
    if params["namespace"]:
        body["workflow_namespace"] = params["namespace"]
    if params["description"] is not None:
        body["description"] = params["description"]
    return body


def execute(client, params, check_mode):
    """Run the action, and wait for it if it is stored."""
    if check_mode:
        client.get(ACTION, params["action"], {"namespace": params["namespace"]})
        return {"changed": True, "state": "IDLE", "finished": False, "elapsed": 0.0, "action_execution": request_body(params)}
    item = client.create(ACTION_EXECUTION, request_body(params))
    waiter = Waiter(client, {**params, "on_paused": "wait"}, kind=ACTION_EXECUTION)
    if params["save_result"] and params["wait"]:
        item = waiter.wait(item)
    is_over = item["state"] in TERMINAL_STATES
    result = {"changed": True, "state": item["state"], "finished": is_over, "elapsed": waiter.elapsed, "action_execution": item}
    if is_over:
        result["output"] = (item.get("output") or {}).get("result")
    if waiter.timed_out:
        result.update(failed=True, msg=f"Action {params['action']} is still {item['state']} after {params['wait_timeout']:g} s")
    elif item["state"] in ("ERROR", "CANCELLED") and params["fail_on_error"]:
        result.update(failed=True, msg=f"Action {params['action']} ended in {item['state']}: {result['output'] or item.get('state_info')}")
    return result


def main():
    """Run the module."""
    module = engine_module(SPEC)
    run(module, lambda client: execute(client, module.params, module.check_mode))


if __name__ == "__main__":
    main()
