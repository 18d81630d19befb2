# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: workflow_info
short_description: Read workflow definitions
version_added: 0.1.0
description:
  - Returns one workflow, or those that match all of the filters.
author: The Maestrale contributors (@maestrale)
options:
  name:
    description: Name or id of one workflow. O(tags), O(scope) and O(filters) do not apply then.
    type: str
  namespace:
    description: Namespace to look in. A list looks in all of them if it is not set.
    type: str
  tags:
    description: Look for workflows that have all of these tags.
    type: list
    elements: str
    default: []
  scope:
    description: Look for workflows of this scope.
    type: str
    choices: [private, public]
  with_definition:
    description: Whether to return the definitions of listed workflows. That of O(name) always is.
    type: bool
    default: false
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.listing
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.no_diff
seealso:
  - module: maestrale.mistral.workflow
"""

EXAMPLES = r"""
- name: Read one workflow
  maestrale.mistral.workflow_info:
    name: rollout

- name: List what is public
  maestrale.mistral.workflow_info:
    scope: public
"""

RETURN = r"""
workflows:
  description: The workflows; an empty list if there is none.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the workflow.
      type: str
      sample: 6b2cf1a4-5a63-4c3b-bb9f-9c6d9f6f7a55
    name:
      description: Its name.
      type: str
      sample: rollout
    namespace:
      description: Its namespace.
      type: str
      sample: ""
    scope:
      description: Who may see it.
      type: str
      sample: private
    tags:
      description: Its tags.
      type: list
      elements: str
      sample: []
    input:
      description: Its inputs as one line of text.
      type: str
      sample: hosts, version="1.0"
    interface:
      description: Its inputs and outputs, if the engine tells them.
      type: dict
      sample: {"input": ["hosts", {"version": "1.0"}], "output": ["report"]}
    definition:
      description: Its definition, for O(name) or with O(with_definition).
      type: str
      sample: "version: '2.0'\n..."
"""

from ..module_utils.kinds import WORKFLOW
from ..module_utils.listing import LIST_SPEC, all_tags, list_or_get, listed
from ..module_utils.module import engine_module, run

FIELDS = "id,name,namespace,input,interface,checksum,tags,scope,project_id,created_at,updated_at"
SPEC = {
    **LIST_SPEC,
    "name": {"type": "str"},
    "namespace": {"type": "str"},
    "tags": {"type": "list", "elements": "str", "default": []},
    "scope": {"type": "str", "choices": ["private", "public"]},
    "with_definition": {"type": "bool", "default": False},
}


def execute(client, params):
    """Read the workflows."""
    query = {
        "namespace": params["namespace"],
        "tags": all_tags(params["tags"]),
        "scope": params["scope"],
        "fields": None if params["with_definition"] else FIELDS,
    }
    return listed("workflows", list_or_get(client, WORKFLOW, params, params["name"], query, {"namespace": params["namespace"]}))


def main():
    """Run the module."""
    module = engine_module(SPEC)
    run(module, lambda client: execute(client, module.params))


if __name__ == "__main__":
    main()
