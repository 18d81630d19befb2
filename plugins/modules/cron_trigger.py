# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: cron_trigger
short_description: Create, replace and delete cron triggers
version_added: 0.1.0
description:
  - Makes sure that a cron trigger exists as described, or that it doesn't exist.
  - The API can't change a trigger, so one that differs is deleted and created again.
author: The Maestrale contributors (@maestrale)
options:
  state:
    description: Whether the trigger shall exist.
    type: str
    choices: [present, absent]
    default: present
  name:
    description: Name of the trigger, or with O(state=absent) also its id.
    type: str
    required: true
  workflow:
    description: Name or id of the workflow to start. Names are looked for in the default namespace. Required with O(state=present).
    type: str
  pattern:
    description: When to start it, in five fields as cron takes them, in UTC.
    type: str
  first_time:
    description: First time to start it, as C(YYYY-MM-DD HH:MM) in UTC, at least a minute ahead.
    type: str
  count:
    description:
      - How often to start it. It is not compared with an existing trigger, since each start counts it down.
    type: int
  input:
    description: Input of the workflow.
    type: dict
  params:
    description: More parameters of the start.
    type: dict
  scope:
    description: Who may see it.
    type: str
    choices: [private, public]
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.diff
seealso:
  - module: maestrale.mistral.cron_trigger_info
"""

EXAMPLES = r"""
- name: Start a workflow every night
  maestrale.mistral.cron_trigger:
    name: nightly
    workflow: clean_up
    pattern: "30 2 * * *"
    input:
      older_than: 30

- name: Start a workflow once
  maestrale.mistral.cron_trigger:
    name: migration
    workflow: migrate
    first_time: "2099-01-31 22:00"

- name: Remove a trigger
  maestrale.mistral.cron_trigger:
    name: nightly
    state: absent
"""

RETURN = r"""
cron_trigger:
  description: The trigger; in check mode as it would be.
  returned: if it is present
  type: dict
  sample: {"name": "nightly", "workflow_name": "clean_up", "pattern": "30 2 * * *", "next_execution_time": "2026-01-31 02:30:00"}
"""

from ..module_utils.kinds import CRON_TRIGGER, WORKFLOW
from ..module_utils.module import engine_module, run
from ..module_utils.state import Resource, apply_state

SPEC = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "name": {"type": "str", "required": True},
    "workflow": {"type": "str"},
    "pattern": {"type": "str"},
    "first_time": {"type": "str"},
    "count": {"type": "int"},
    "input": {"type": "dict"},
    "params": {"type": "dict"},
    "scope": {"type": "str", "choices": ["private", "public"]},
}
FIELDS = {"pattern": "pattern", "input": "workflow_input", "params": "workflow_params", "scope": "scope"}
# Fields that a replaced trigger keeps if the task does not name them. A first time that has passed can't be kept.
KEPT = ("workflow_id", "pattern", "workflow_input", "workflow_params", "scope", "remaining_executions")


class CronTrigger(Resource):
    """A trigger; the API has no way to change one."""

    singular = "cron_trigger"
    kind = CRON_TRIGGER

    def wanted(self, existing):
        workflow = self.client.get(WORKFLOW, self.params["workflow"])
        fields = {"name": self.params["name"], "workflow_id": workflow["id"]}
        fields.update({field: self.params[option] for option, field in FIELDS.items() if self.params[option] is not None})
        if self.params["first_time"] is not None:
            fields["first_execution_time"] = self._first_time(existing)
        return fields

    def _first_time(self, existing):
        """The first time, as the engine writes it if it is the same one."""
        wanted, stored = self.params["first_time"], (existing or {}).get("first_execution_time")
        return stored if stored and stored[:16] == wanted[:16] else wanted

    def create(self, wanted):
        body = dict(wanted)
        if self.params["count"] is not None:
            body["remaining_executions"] = self.params["count"]
        return self.client.create(self.kind, body)

    def update(self, existing, changes):
        self.delete(existing)
        kept = {key: existing[key] for key in KEPT if existing.get(key) is not None}
        return self.create({"name": existing["name"], **kept, **changes})


def main():
    """Run the module."""
    rules = {"required_if": [("state", "present", ("workflow",)), ("state", "present", ("pattern", "first_time"), True)]}
    module = engine_module(SPEC, **rules)
    run(module, lambda client: apply_state(module, CronTrigger(client, module.params)))


if __name__ == "__main__":
    main()
