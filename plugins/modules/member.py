# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: member
short_description: Share a private workflow with another project
version_added: 0.1.0
description:
  - Makes sure that a workflow is offered to a project, or that it isn't, or as that project accepts or rejects the offer.
  - Needs an engine with authentication.
author: The Maestrale contributors (@maestrale)
options:
  state:
    description: Whether the workflow shall be offered to the project.
    type: str
    choices: [present, absent]
    default: present
  workflow:
    description: Id of the workflow, or its name if the caller can see it by name.
    type: str
    required: true
  namespace:
    description: Namespace of the workflow, if it is given by name.
    type: str
    default: ""
  member_id:
    description: Id of the project to share with.
    type: str
    required: true
  status:
    description: The answer of the project to the offer. Only that project can give it.
    type: str
    choices: [pending, accepted, rejected]
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.diff
seealso:
  - module: maestrale.mistral.member_info
"""

EXAMPLES = r"""
- name: Offer a workflow to a project
  maestrale.mistral.member:
    workflow: rollout
    member_id: 3d1b0f8f0a0c4c0f9a6f6e7c8d9e0f1a

- name: Accept it, as that project
  maestrale.mistral.member:
    cloud: other
    workflow: 6b2cf1a4-5a63-4c3b-bb9f-9c6d9f6f7a55
    member_id: 3d1b0f8f0a0c4c0f9a6f6e7c8d9e0f1a
    status: accepted
"""

RETURN = r"""
member:
  description: The offer; in check mode as it would be.
  returned: if it is present
  type: dict
  sample: {"resource_id": "6b2cf1a4-5a63-4c3b-bb9f-9c6d9f6f7a55", "member_id": "3d1b0f8f0a0c4c0f9a6f6e7c8d9e0f1a", "status": "pending"}
"""

from ..module_utils.kinds import members_of
from ..module_utils.module import engine_module, run
from ..module_utils.sharing import workflow_id
from ..module_utils.state import Resource, apply_state

SPEC = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "workflow": {"type": "str", "required": True},
    "namespace": {"type": "str", "default": ""},
    "member_id": {"type": "str", "required": True},
    "status": {"type": "str", "choices": ["pending", "accepted", "rejected"]},
}


class Member(Resource):
    """An offer of a workflow to a project."""

    singular = "member"

    def __init__(self, client, params):
        super().__init__(client, params)
        self.kind = members_of(workflow_id(client, params))

    @property
    def identity(self):
        return self.params["member_id"]

    def wanted(self, existing):
        fields = {"member_id": self.identity}
        return fields if self.params["status"] is None else {**fields, "status": self.params["status"]}

    def create(self, wanted):
        member = self.client.create(self.kind, {"member_id": self.identity})
        is_answered = wanted.get("status") not in (None, member["status"])
        return self.update(member, wanted) if is_answered else member

    def update(self, existing, changes):
        return self.client.update(self.kind, self.identity, {"status": changes["status"]})


def main():
    """Run the module."""
    module = engine_module(SPEC)
    run(module, lambda client: apply_state(module, Member(client, module.params)))


if __name__ == "__main__":
    main()
