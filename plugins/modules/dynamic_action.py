# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: dynamic_action
short_description: Make an action of uploaded Python code
version_added: 0.1.0
description:
  - Makes sure that a class of uploaded code is an action, or that it isn't.
  - The engine runs this code, so only administrators may use it.
author: The Maestrale contributors (@maestrale)
options:
  state:
    description: Whether the action shall exist.
    type: str
    choices: [present, absent]
    default: present
  name:
    description: Name of the action, or with O(state=absent) also its id.
    type: str
    required: true
  namespace:
    description: Namespace of the action.
    type: str
    default: ""
  class_name:
    description: Name of the class in the code. Required with O(state=present).
    type: str
  code_source:
    description: Name or id of the code, in the same namespace. Required with O(state=present).
    type: str
  scope:
    description: Who may see and use it.
    type: str
    choices: [private, public]
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.diff
seealso:
  - module: maestrale.mistral.code_source
  - module: maestrale.mistral.dynamic_action_info
"""

EXAMPLES = r"""
- name: Make an action of a class
  maestrale.mistral.dynamic_action:
    name: tickets.open
    class_name: OpenTicket
    code_source: tickets
"""

RETURN = r"""
dynamic_action:
  description: The action; in check mode as it would be.
  returned: if it is present
  type: dict
  sample: {"name": "tickets.open", "class_name": "OpenTicket", "code_source_name": "tickets", "scope": "private"}
"""

from ..module_utils.kinds import CODE_SOURCE, DYNAMIC_ACTION
from ..module_utils.module import engine_module, run
from ..module_utils.state import Resource, apply_state

SPEC = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "default": ""},
    "class_name": {"type": "str"},
    "code_source": {"type": "str"},
    "scope": {"type": "str", "choices": ["private", "public"]},
}


class DynamicAction(Resource):
    """An action made of uploaded code."""

    singular = "dynamic_action"
    kind = DYNAMIC_ACTION

    def wanted(self, existing):
        source = self.client.get(CODE_SOURCE, self.params["code_source"], self.query())
        fields = {"name": self.params["name"], "class_name": self.params["class_name"], "code_source_id": source["id"]}
        return fields if self.params["scope"] is None else {**fields, "scope": self.params["scope"]}

    def create(self, wanted):
        return self.client.create(self.kind, {**wanted, "namespace": self.params["namespace"]})

    def update(self, existing, changes):
        # Some engines fail unless the class is named again.
        body = {"id": existing["id"], "class_name": existing["class_name"], **changes}
        return self.client.update(self.kind, None, {**body, "namespace": self.params["namespace"]})


def main():
    """Run the module."""
    module = engine_module(SPEC, required_if=[("state", "present", ("class_name", "code_source"))])
    run(module, lambda client: apply_state(module, DynamicAction(client, module.params)))


if __name__ == "__main__":
    main()
