# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: project_source_info
short_description: Read project sources
version_added: 0.1.0
description:
  - Returns one source of playbooks, or those that match all of the filters.
author: The Maestrale contributors (@maestrale)
options:
  name:
    description: Name or id of one source. The filters do not apply then.
    type: str
  scope:
    description: Look for sources of this scope.
    type: str
    choices: [private, public]
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.listing
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.no_diff
seealso:
  - module: maestrale.mistral.project_source
"""

EXAMPLES = r"""
- name: See which commit is used
  maestrale.mistral.project_source_info:
    name: site
"""

RETURN = r"""
project_sources:
  description: The sources, as M(maestrale.mistral.project_source) returns them; an empty list if there is none.
  returned: success
  type: list
  elements: dict
  sample: [{"name": "site", "url": "https://git.example.org/site.git", "ref": "main", "revision": null}]
"""

from ..module_utils.kinds import PROJECT_SOURCE
from ..module_utils.listing import LIST_SPEC, list_or_get, listed
from ..module_utils.module import engine_module, run

SPEC = {
    **LIST_SPEC,
    "name": {"type": "str"},
    "scope": {"type": "str", "choices": ["private", "public"]},
}


def execute(client, params):
    """Read the sources."""
    return listed("project_sources", list_or_get(client, PROJECT_SOURCE, params, params["name"], {"scope": params["scope"]}))


def main():
    """Run the module."""
    module = engine_module(SPEC)
    run(module, lambda client: execute(client, module.params))


if __name__ == "__main__":
    main()
