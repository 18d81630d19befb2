# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: workflow
short_description: Create, update and delete workflow definitions
version_added: 0.1.0
description:
  - Makes sure that the workflows of a definition exist as written, or that they don't exist.
  - A document may define several workflows; all are looked after together.
author: The Maestrale contributors (@maestrale)
options:
  state:
    description: Whether the workflows shall exist.
    type: str
    choices: [present, absent]
    default: present
  name:
    description:
      - Name or id of the workflow to remove, if no definition is given.
      - With a definition it must be the name of the only workflow in it.
    type: str
  namespace:
    description: The namespace of the workflows.
    type: str
    default: ""
  scope:
    description:
      - Who may see and run the workflows. V(public) is everybody.
      - If it is not set, new ones are private and existing ones keep theirs.
    type: str
    choices: [private, public]
  validate:
    description:
      - Whether the engine checks the definition. An engine may insist on it.
    type: bool
    default: true
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.definition
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.diff
  - maestrale.mistral.attributes.action
seealso:
  - module: maestrale.mistral.workflow_info
  - module: maestrale.mistral.workflow_run
  - module: maestrale.mistral.workflow_validate
"""

EXAMPLES = r"""
- name: Publish the workflows of a file
  maestrale.mistral.workflow:
    src: workflows/rollout.yaml

- name: Define a workflow inline
  maestrale.mistral.workflow:
    definition: |
      version: '2.0'
      greet:
        input: [name]
        output:
          text: <% task(hello).result %>
        tasks:
          hello:
            action: std.echo output="Hello <% $.name %>"
    scope: public

- name: Remove a workflow
  maestrale.mistral.workflow:
    name: greet
    state: absent
"""

RETURN = r"""
workflows:
  description: The workflows of the definition; in check mode as they would be.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the workflow.
      type: str
      sample: 6b2cf1a4-5a63-4c3b-bb9f-9c6d9f6f7a55
    name:
      description: Name of the workflow.
      type: str
      sample: greet
    namespace:
      description: Its namespace.
      type: str
      sample: ""
    scope:
      description: Who may see it.
      type: str
      sample: private
    input:
      description: Its inputs as one line of text.
      type: str
      sample: name
    definition:
      description: Its definition as stored.
      type: str
      sample: "version: '2.0'\n..."
"""

from ..module_utils.definitions import DEFINITION_SPEC, DefinitionSet, require_yaml
from ..module_utils.kinds import WORKFLOW
from ..module_utils.module import engine_module, run

SPEC = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "name": {"type": "str"},
    "namespace": {"type": "str", "default": ""},
    "scope": {"type": "str", "choices": ["private", "public"]},
    "validate": {"type": "bool", "default": True},
    **DEFINITION_SPEC,
}


def main():
    """Run the module."""
    module = engine_module(
        SPEC,
        mutually_exclusive=[("definition", "src")],
        required_one_of=[("name", "definition", "src")],
        required_if=[("state", "present", ("definition", "src"), True)],
    )
    require_yaml(module)
    run(
        module,
        lambda client: DefinitionSet(client, WORKFLOW, module.params).apply(module.check_mode, not module.params["validate"]),
    )


if __name__ == "__main__":
    main()
