# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: workbook_info
short_description: Read workbooks
version_added: 0.1.0
description:
  - Returns one workbook, or those that match all of the filters.
author: The Maestrale contributors (@maestrale)
options:
  name:
    description: Name of one workbook. The filters do not apply then.
    type: str
  namespace:
    description: Namespace to look in. A list looks in all of them if it is not set.
    type: str
  tags:
    description: Look for workbooks that have all of these tags.
    type: list
    elements: str
    default: []
  scope:
    description: Look for workbooks of this scope.
    type: str
    choices: [private, public]
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.listing
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.no_diff
seealso:
  - module: maestrale.mistral.workbook
"""

EXAMPLES = r"""
- name: List the workbooks
  maestrale.mistral.workbook_info:

- name: Read one of them
  maestrale.mistral.workbook_info:
    name: operations
"""

RETURN = r"""
workbooks:
  description: The workbooks; an empty list if there is none.
  returned: success
  type: list
  elements: dict
  sample: [{"name": "operations", "namespace": "", "scope": "private", "definition": "version: '2.0'\nname: operations\n..."}]
"""

from ..module_utils.kinds import WORKBOOK
from ..module_utils.listing import LIST_SPEC, all_tags, list_or_get, listed
from ..module_utils.module import engine_module, run

SPEC = {
    **LIST_SPEC,
    "name": {"type": "str"},
    "namespace": {"type": "str"},
    "tags": {"type": "list", "elements": "str", "default": []},
    "scope": {"type": "str", "choices": ["private", "public"]},
}


def execute(client, params):
    """Read the workbooks."""
    query = {"namespace": params["namespace"], "tags": all_tags(params["tags"]), "scope": params["scope"]}
    return listed("workbooks", list_or_get(client, WORKBOOK, params, params["name"], query, {"namespace": params["namespace"]}))


def main():
    """Run the module."""
    module = engine_module(SPEC)
    run(module, lambda client: execute(client, module.params))


if __name__ == "__main__":
    main()
