# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: execution_wait
short_description: Follow executions until they end
version_added: 0.1.0
description:
  - Shows the progress of executions that were started elsewhere, waits for their end, and returns their outputs.
author: The Maestrale contributors (@maestrale)
options:
  execution_id:
    description: Ids of the executions. They are waited for one after the other, O(wait_timeout) counts for all of them together.
    type: list
    elements: str
    required: true
  until_state:
    description: The states to wait for.
    type: list
    elements: str
    choices: [RUNNING, PAUSED, SUCCESS, ERROR, CANCELLED]
    default: [SUCCESS, ERROR, CANCELLED]
  run_from:
    description:
      - Where the requests are made. V(controller) shows progress; V(target) is for engines that only the host of the task can reach.
    type: str
    choices: [controller, target]
    default: controller
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.wait
  - maestrale.mistral.lease
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.no_diff
  - maestrale.mistral.attributes.action
attributes:
  async:
    description: Supports the task keyword C(async).
    support: full
seealso:
  - module: maestrale.mistral.workflow_run
"""

EXAMPLES = r"""
- name: Start without waiting
  maestrale.mistral.workflow_run:
    workflow: rollout
    wait: false
  register: rollout

- name: Wait for it later
  maestrale.mistral.execution_wait:
    execution_id: "{{ rollout.execution_id }}"
    wait_timeout: 900

- name: Wait until somebody has to approve
  maestrale.mistral.execution_wait:
    execution_id: "{{ rollout.execution_id }}"
    until_state: [PAUSED, SUCCESS, ERROR, CANCELLED]
"""

RETURN = r"""
executions:
  description: The executions, as M(maestrale.mistral.execution_info) returns them, in the order of O(execution_id).
  returned: success
  type: list
  elements: dict
  sample: [{"id": "1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c", "state": "SUCCESS", "workflow_name": "greet"}]
execution:
  description: The execution that the other values tell of. It is the first one that failed, or else the last one.
  returned: success
  type: dict
  sample: {"id": "1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c", "state": "SUCCESS", "workflow_name": "greet"}
execution_id:
  description: Id of RV(execution).
  returned: success
  type: str
  sample: 1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c
state:
  description: State of RV(execution).
  returned: success
  type: str
  sample: SUCCESS
output:
  description: Output of RV(execution).
  returned: success
  type: dict
  sample: {"text": "Hello world"}
finished:
  description: Whether RV(execution) reached one of the states.
  returned: success
  type: bool
  sample: true
timed_out:
  description: Whether the time of waiting was up.
  returned: success
  type: bool
  sample: false
elapsed:
  description: Seconds of waiting.
  returned: success
  type: float
  sample: 3.5
failed_tasks:
  description: Tasks in C(ERROR) of RV(execution), with their reasons.
  returned: if its state is C(ERROR) or C(CANCELLED)
  type: list
  elements: dict
  sample: [{"name": "deploy", "state": "ERROR", "state_info": "web1 failed in task Restart"}]
url:
  description: Address of RV(execution) in the API.
  returned: success
  type: str
  sample: http://127.0.0.1:8989/v2/executions/1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c
"""

from ..module_utils.module import engine_module, run
from ..module_utils.running import WAIT_FOR_SPEC, wait_for_executions


def main():
    """Run the module."""
    module = engine_module(WAIT_FOR_SPEC)
    run(module, lambda client: wait_for_executions(client, module.params, module.check_mode))


if __name__ == "__main__":
    main()
