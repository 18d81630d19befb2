# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: dynamic_action_info
short_description: Read actions made of uploaded Python code
version_added: 0.1.0
description:
  - Returns one dynamic action, or those that match all of the filters.
author: The Maestrale contributors (@maestrale)
options:
  name:
    description: Name or id of one action. The filters do not apply then.
    type: str
  namespace:
    description: Namespace to look in. A list looks in all of them if it is not set.
    type: str
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.listing
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.no_diff
seealso:
  - module: maestrale.mistral.dynamic_action
"""

EXAMPLES = r"""
- name: List the dynamic actions
  maestrale.mistral.dynamic_action_info:
"""

RETURN = r"""
dynamic_actions:
  description: The actions; an empty list if there is none.
  returned: success
  type: list
  elements: dict
  sample: [{"name": "tickets.open", "class_name": "OpenTicket", "code_source_name": "tickets", "scope": "private"}]
"""

from ..module_utils.kinds import DYNAMIC_ACTION
from ..module_utils.listing import LIST_SPEC, list_or_get, listed
from ..module_utils.module import engine_module, run

SPEC = {
    **LIST_SPEC,
    "name": {"type": "str"},
    "namespace": {"type": "str"},
}


def execute(client, params):
    """Read the actions."""
    query = {"namespace": params["namespace"]}
    return listed("dynamic_actions", list_or_get(client, DYNAMIC_ACTION, params, params["name"], query, query))


def main():
    """Run the module."""
    module = engine_module(SPEC)
    run(module, lambda client: execute(client, module.params))


if __name__ == "__main__":
    main()
