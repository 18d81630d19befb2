# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: code_source
short_description: Upload Python code of actions
version_added: 0.1.0
description:
  - Makes sure that a text of Python code is stored in the engine, or that it isn't.
  - M(maestrale.mistral.dynamic_action) makes actions of it.
  - The engine runs this code, so only administrators may use it.
author: The Maestrale contributors (@maestrale)
options:
  state:
    description: Whether the code shall be stored.
    type: str
    choices: [present, absent]
    default: present
  name:
    description: Name of the code, or with O(state=absent) also its id.
    type: str
    required: true
  namespace:
    description: Namespace of the code.
    type: str
    default: ""
  content:
    description: The code.
    type: str
  src:
    description: Path of a file with the code, on the controller. It is looked for as the copy module does.
    type: path
  scope:
    description: Who may see it.
    type: str
    choices: [private, public]
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.diff
  - maestrale.mistral.attributes.action
notes:
  - Deleting code deletes the dynamic actions that are made of it.
seealso:
  - module: maestrale.mistral.dynamic_action
"""

EXAMPLES = r"""
- name: Upload code
  maestrale.mistral.code_source:
    name: tickets
    src: actions/tickets.py
"""

RETURN = r"""
code_source:
  description: The code; in check mode as it would be.
  returned: if it is present
  type: dict
  sample: {"name": "tickets", "namespace": "", "scope": "private", "version": 1}
"""

from ..module_utils.definitions import text_of
from ..module_utils.kinds import CODE_SOURCE
from ..module_utils.module import engine_module, run
from ..module_utils.state import Resource, apply_state

SPEC = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "default": ""},
    "content": {"type": "str"},
    "src": {"type": "path"},
    "scope": {"type": "str", "choices": ["private", "public"]},
}


class CodeSource(Resource):
    """A text of Python code."""

    singular = "code_source"
    kind = CODE_SOURCE

    def wanted(self, existing):
        fields = {"name": self.params["name"], "content": text_of({"definition": self.params["content"], "src": self.params["src"]})}
        return fields if self.params["scope"] is None else {**fields, "scope": self.params["scope"]}

    def create(self, wanted):
        query = {**self.query(), "name": wanted["name"], "scope": wanted.get("scope")}
        return self.client.send_text("POST", self.kind, wanted["content"], query)

    def update(self, existing, changes):
        query = {**self.query(), "scope": changes.get("scope", existing.get("scope"))}
        return self.client.send_text("PUT", self.kind, changes.get("content", existing["content"]), query, existing["id"])


def main():
    """Run the module."""
    module = engine_module(
        SPEC,
        mutually_exclusive=[("content", "src")],
        required_if=[("state", "present", ("content", "src"), True)],
    )
    run(module, lambda client: apply_state(module, CodeSource(client, module.params)))


if __name__ == "__main__":
    main()
