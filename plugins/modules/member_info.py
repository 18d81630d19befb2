# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: member_info
short_description: Read with which projects a workflow is shared
version_added: 0.1.0
description:
  - Returns the projects that a workflow is offered to. A project that it is offered to sees only itself.
author: The Maestrale contributors (@maestrale)
options:
  workflow:
    description: Id of the workflow, or its name if the caller can see it by name.
    type: str
    required: true
  namespace:
    description: Namespace of the workflow, if it is given by name.
    type: str
    default: ""
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.no_diff
seealso:
  - module: maestrale.mistral.member
"""

EXAMPLES = r"""
- name: See who has accepted a workflow
  maestrale.mistral.member_info:
    workflow: rollout
"""

RETURN = r"""
members:
  description: The offers; an empty list if there is none.
  returned: success
  type: list
  elements: dict
  sample: [{"resource_id": "6b2cf1a4-5a63-4c3b-bb9f-9c6d9f6f7a55", "member_id": "3d1b0f8f0a0c4c0f9a6f6e7c8d9e0f1a", "status": "pending"}]
"""

from ..module_utils.kinds import members_of
from ..module_utils.listing import listed
from ..module_utils.module import engine_module, run
from ..module_utils.sharing import workflow_id

SPEC = {
    "workflow": {"type": "str", "required": True},
    "namespace": {"type": "str", "default": ""},
}


def execute(client, params):
    """Read the offers, which come in one page."""
    kind = members_of(workflow_id(client, params))
    return listed("members", client.request("GET", kind.path()).json()["members"])


def main():
    """Run the module."""
    module = engine_module(SPEC)
    run(module, lambda client: execute(client, module.params))


if __name__ == "__main__":
    main()
