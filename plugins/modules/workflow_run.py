# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: workflow_run
short_description: Start a workflow and follow it to its end
version_added: 0.1.0
description:
  - Starts an execution of a workflow, shows its progress, waits for its end, and returns its output.
  - Also goes on following an execution that was started before, by O(execution_id) or O(idempotency_key).
author: The Maestrale contributors (@maestrale)
options:
  workflow:
    description: Name or id of the workflow.
    type: str
  namespace:
    description: Namespace of the workflow, if it is given by name.
    type: str
    default: ""
  input:
    description: The workflow's input.
    type: dict
    default: {}
  secrets:
    description:
      - More input, whose values are not shown in anything that this task returns or shows.
      - The engine gets and keeps it like other input.
    type: dict
    default: {}
  env:
    description: The environment, either the name of a stored one or a mapping.
    type: raw
  params:
    description: More parameters of the start, for example C(task_name) for a reverse workflow.
    type: dict
    default: {}
  description:
    description:
      - A description of the execution.
      - If it is not set, it says which play started it, for which host, and in which AWX job if there is one. These are also kept under
        C(origin) in the parameters of the execution, unless O(run_from=target).
    type: str
  execution_id:
    description:
      - Id for the execution, a UUID. If there is an execution of that id, it is followed and none is started.
      - Without O(workflow) and O(source_execution_id) the execution must exist.
    type: str
  idempotency_key:
    description:
      - Any text. As O(execution_id), with an id made from it, so that a play that is run again doesn't start the workflow twice.
      - The id also depends on O(project_id) or else O(project).
    type: str
  source_execution_id:
    description: Start anew with the workflow, input and parameters of this execution.
    type: str
  wait:
    description: Whether to wait for the end of the execution.
    type: bool
    default: true
  run_from:
    description:
      - Where the requests are made. V(controller) shows progress; V(target) is for engines that only the host of the task can reach.
      - A task with C(async) is always done on its host.
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
  delegation:
    description: Can be delegated with C(delegate_to).
    support: partial
    details: With O(run_from=controller) the requests are made from the controller, whatever host the task is for.
notes:
  - In a play over many hosts every host starts an execution of its own. Use C(run_once) for just one.
  - When Ansible's output does not go to a terminal, set E(PYTHONUNBUFFERED) to V(1) to see progress lines as they come.
seealso:
  - module: maestrale.mistral.execution_wait
  - module: maestrale.mistral.execution
  - module: maestrale.mistral.execution_info
"""

EXAMPLES = r"""
- name: Run a workflow and show what it found
  maestrale.mistral.workflow_run:
    workflow: rollout
    input:
      hosts: "{{ ansible_play_hosts }}"
      version: "2.4"
  register: rollout
  run_once: true

- name: Start once for this release, however often the play is run
  maestrale.mistral.workflow_run:
    workflow: rollout
    idempotency_key: release 2.4
    wait: false

- name: Run a workflow, and undo if it fails
  block:
    - name: Run it
      maestrale.mistral.workflow_run:
        workflow: migrate
        wait_timeout: 600
        on_timeout: cancel
      register: migration
  rescue:
    - name: Undo
      maestrale.mistral.workflow_run:
        workflow: roll_back
        input:
          failed_tasks: "{{ migration.failed_tasks | default([]) }}"
"""

RETURN = r"""
execution:
  description: The execution, as M(maestrale.mistral.execution_info) returns it.
  returned: success, and failure after the start
  type: dict
  sample: {"id": "1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c", "state": "SUCCESS", "workflow_name": "greet"}
execution_id:
  description: Id of the execution.
  returned: success, and failure after the start
  type: str
  sample: 1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c
state:
  description: State of the execution.
  returned: success, and failure after the start
  type: str
  sample: SUCCESS
output:
  description: Output of the execution.
  returned: success, and failure after the start
  type: dict
  sample: {"text": "Hello world"}
finished:
  description: Whether the execution has ended.
  returned: success, and failure after the start
  type: bool
  sample: true
timed_out:
  description: Whether the time of waiting was up.
  returned: success, and failure after the start
  type: bool
  sample: false
elapsed:
  description: Seconds from the start to the end, as seen from here.
  returned: success, and failure after the start
  type: float
  sample: 3.5
failed_tasks:
  description: Tasks in C(ERROR), with their reasons; those of sub-workflows come before the task that called them.
  returned: if the state is C(ERROR) or C(CANCELLED)
  type: list
  elements: dict
  contains:
    id:
      description: Id of the task.
      type: str
      sample: 5b8a3f49-30b6-4b92-8f0f-2f2f4f7a4a3e
    name:
      description: Name of the task.
      type: str
      sample: deploy
    state:
      description: State of the task.
      type: str
      sample: ERROR
    state_info:
      description: Why it failed.
      type: str
      sample: web1 failed in task Restart
    workflow_name:
      description: Name of the workflow that the task belongs to.
      type: str
      sample: rollout
url:
  description: Address of the execution in the API.
  returned: success, and failure after the start
  type: str
  sample: http://127.0.0.1:8989/v2/executions/1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c
"""

from ..module_utils.module import engine_module, run
from ..module_utils.running import RUN_RULES, RUN_SPEC, run_workflow


def main():
    """Run the module."""
    module = engine_module(RUN_SPEC, **RUN_RULES)
    run(module, lambda client: run_workflow(client, module.params, module.check_mode))


if __name__ == "__main__":
    main()
