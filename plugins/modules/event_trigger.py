# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: event_trigger
short_description: Create, update and delete event triggers
version_added: 0.1.0
description:
  - Makes sure that an event trigger exists as described, or that it doesn't exist.
  - The API can't change the event of a trigger, so one for another event is deleted and created again.
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
  exchange:
    description: Exchange that the event comes from. Required with O(state=present).
    type: str
  topic:
    description: Topic of the event. Required with O(state=present).
    type: str
  event:
    description: Type of the event. Required with O(state=present).
    type: str
  input:
    description: Input of the workflow, in which expressions may speak of the event.
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
  - module: maestrale.mistral.event_trigger_info
"""

EXAMPLES = r"""
- name: Start a workflow for each new server
  maestrale.mistral.event_trigger:
    name: new-server
    workflow: register_server
    exchange: nova
    topic: notifications
    event: compute.instance.create.end
    input:
      server: <% $.event.payload.instance_id %>
"""

RETURN = r"""
event_trigger:
  description: The trigger; in check mode as it would be.
  returned: if it is present
  type: dict
  sample: {"name": "new-server", "exchange": "nova", "topic": "notifications", "event": "compute.instance.create.end"}
"""

from ..module_utils.errors import UsageError
from ..module_utils.kinds import EVENT_TRIGGER, WORKFLOW
from ..module_utils.module import engine_module, run
from ..module_utils.state import Resource, apply_state

SPEC = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "name": {"type": "str", "required": True},
    "workflow": {"type": "str"},
    "exchange": {"type": "str"},
    "topic": {"type": "str"},
    "event": {"type": "str"},
    "input": {"type": "dict"},
    "params": {"type": "dict"},
    "scope": {"type": "str", "choices": ["private", "public"]},
}
SOURCE = ("exchange", "topic", "event")
FIELDS = {**{key: key for key in SOURCE}, "input": "workflow_input", "params": "workflow_params", "scope": "scope"}


class EventTrigger(Resource):
    """A trigger; names need not be unique, and lists can't be filtered by them on every engine."""

    singular = "event_trigger"
    kind = EVENT_TRIGGER

    def find(self):
        name = self.params["name"]
        hits = [item for item in self.client.pages(self.kind) if name in (item["id"], item["name"])]
        exact = [item for item in hits if item["id"] == name] or hits
        if len(exact) > 1:
            raise UsageError(f"There are {len(exact)} event triggers named {name}: {', '.join(item['id'] for item in exact)}")
        return exact[0] if exact else None

    def wanted(self, existing):
        workflow = self.client.get(WORKFLOW, self.params["workflow"])
        fields = {"name": self.params["name"], "workflow_id": workflow["id"]}
        return {**fields, **{field: self.params[option] for option, field in FIELDS.items() if self.params[option] is not None}}

    def update(self, existing, changes):
        if not any(key in changes for key in SOURCE):
            return self.client.update(self.kind, existing["id"], changes)
        self.delete(existing)
        kept = ("name", "workflow_id", "scope", *FIELDS.values())
        return self.create({**{key: existing[key] for key in kept if existing.get(key) is not None}, **changes})

    def delete(self, existing):
        self.client.delete(self.kind, existing["id"])


def main():
    """Run the module."""
    module = engine_module(SPEC, required_if=[("state", "present", ("workflow", *SOURCE))])
    run(module, lambda client: apply_state(module, EventTrigger(client, module.params)))


if __name__ == "__main__":
    main()
