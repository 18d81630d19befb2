# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: action_definition
short_description: Create, update and delete ad-hoc actions
version_added: 0.1.0
description:
  - Makes sure that the ad-hoc actions of a definition exist as written, or that they don't exist.
  - A document may define several actions; all are looked after together.
author: The Maestrale contributors (@maestrale)
options:
  state:
    description: Whether the actions shall exist.
    type: str
    choices: [present, absent]
    default: present
  name:
    description:
      - Name or id of the action to remove, if no definition is given.
      - With a definition it must be the name of the only action in it.
    type: str
  namespace:
    description: The namespace of the actions.
    type: str
    default: ""
  scope:
    description:
      - Who may see and use the actions.
      - If it is not set, new ones are private and existing ones keep their scope.
    type: str
    choices: [private, public]
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.definition
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.diff
  - maestrale.mistral.attributes.action
seealso:
  - module: maestrale.mistral.action_definition_info
  - module: maestrale.mistral.action_run
"""

EXAMPLES = r"""
- name: Define an action on top of another
  maestrale.mistral.action_definition:
    definition: |
      version: '2.0'
      shout:
        input: [text]
        base: std.echo
        base-input:
          output: <% $.text.toUpper() %>

- name: Remove it
  maestrale.mistral.action_definition:
    name: shout
    state: absent
"""

RETURN = r"""
actions:
  description: The actions of the definition; in check mode as they would be.
  returned: success
  type: list
  elements: dict
  sample: [{"name": "shout", "namespace": "", "scope": "private", "input": "text", "is_system": false}]
"""

from ..module_utils.definitions import DEFINITION_SPEC, DefinitionSet, require_yaml
from ..module_utils.kinds import ACTION
from ..module_utils.module import engine_module, run

SPEC = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "name": {"type": "str"},
    "namespace": {"type": "str", "default": ""},
    "scope": {"type": "str", "choices": ["private", "public"]},
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
    run(module, lambda client: DefinitionSet(client, ACTION, module.params).apply(module.check_mode))


if __name__ == "__main__":
    main()
