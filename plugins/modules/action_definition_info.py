# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: action_definition_info
short_description: Read actions, built-in ones too
version_added: 0.1.0
description:
  - Returns one action, or those that match all of the filters.
author: The Maestrale contributors (@maestrale)
options:
  name:
    description: Name of one action. The filters do not apply then.
    type: str
  namespace:
    description: Namespace to look in.
    type: str
  scope:
    description: Look for actions of this scope.
    type: str
    choices: [private, public]
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.listing
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.no_diff
seealso:
  - module: maestrale.mistral.action_definition
"""

EXAMPLES = r"""
- name: List what a workflow can call
  maestrale.mistral.action_definition_info:
  register: catalogue

- name: See how an action is called
  maestrale.mistral.action_definition_info:
    name: std.http
"""

RETURN = r"""
actions:
  description: The actions; an empty list if there is none.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the action.
      type: str
      sample: std.echo
    input:
      description: Its inputs as one line of text.
      type: str
      sample: output, delay=0
    description:
      description: What it does.
      type: str
      sample: Returns its input.
    is_system:
      description: Whether it is built in.
      type: bool
      sample: true
"""

from ..module_utils.kinds import ACTION
from ..module_utils.listing import LIST_SPEC, list_or_get, listed
from ..module_utils.module import engine_module, run

SPEC = {
    **LIST_SPEC,
    "name": {"type": "str"},
    "namespace": {"type": "str"},
    "scope": {"type": "str", "choices": ["private", "public"]},
}


def execute(client, params):
    """Read the actions."""
    query = {"namespace": params["namespace"], "scope": params["scope"]}
    return listed("actions", list_or_get(client, ACTION, params, params["name"], query, {"namespace": params["namespace"]}))


def main():
    """Run the module."""
    module = engine_module(SPEC)
    run(module, lambda client: execute(client, module.params))


if __name__ == "__main__":
    main()
