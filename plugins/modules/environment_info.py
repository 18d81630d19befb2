# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_info
short_description: Read environments
version_added: 0.1.0
description:
  - Returns one environment, or those that match all of the filters.
author: The Maestrale contributors (@maestrale)
options:
  name:
    description: Name of one environment. The filters do not apply then.
    type: str
  scope:
    description: Look for environments of this scope.
    type: str
    choices: [private, public]
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.listing
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.no_diff
seealso:
  - module: maestrale.mistral.environment
"""

EXAMPLES = r"""
- name: Read one environment
  maestrale.mistral.environment_info:
    name: site-a
  no_log: true
"""

RETURN = r"""
environments:
  description: The environments; an empty list if there is none.
  returned: success
  type: list
  elements: dict
  sample: [{"name": "site-a", "description": null, "scope": "private", "variables": {"limit": 5}}]
"""

from ..module_utils.kinds import ENVIRONMENT
from ..module_utils.listing import LIST_SPEC, list_or_get, listed
from ..module_utils.module import engine_module, run

SPEC = {
    **LIST_SPEC,
    "name": {"type": "str"},
    "scope": {"type": "str", "choices": ["private", "public"]},
}


def execute(client, params):
    """Read the environments."""
    return listed("environments", list_or_get(client, ENVIRONMENT, params, params["name"], {"scope": params["scope"]}))


def main():
    """Run the module."""
    module = engine_module(SPEC)
    run(module, lambda client: execute(client, module.params))


if __name__ == "__main__":
    main()
