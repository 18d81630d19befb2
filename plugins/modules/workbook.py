# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: workbook
short_description: Create, update and delete workbooks
version_added: 0.1.0
description:
  - Makes sure that a workbook exists as written, or that it doesn't exist.
  - A workbook defines workflows and actions; they stay when it is deleted.
author: The Maestrale contributors (@maestrale)
options:
  state:
    description: Whether the workbook shall exist.
    type: str
    choices: [present, absent]
    default: present
  name:
    description:
      - Name of the workbook to remove.
      - With a definition it must be the name in it.
    type: str
  namespace:
    description: The namespace of the workbook.
    type: str
    default: ""
  scope:
    description:
      - Who may see and use it.
      - If it is not set, a new one is private and an existing one keeps its scope.
    type: str
    choices: [private, public]
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.definition
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.diff
  - maestrale.mistral.attributes.action
seealso:
  - module: maestrale.mistral.workbook_info
  - module: maestrale.mistral.workflow
"""

EXAMPLES = r"""
- name: Publish a workbook
  maestrale.mistral.workbook:
    src: workbooks/operations.yaml

- name: Remove it
  maestrale.mistral.workbook:
    name: operations
    state: absent
"""

RETURN = r"""
workbook:
  description: The workbook; in check mode as it would be.
  returned: if it is present
  type: dict
  sample: {"name": "operations", "namespace": "", "scope": "private", "definition": "version: '2.0'\nname: operations\n..."}
"""

from ..module_utils.definitions import DEFINITION_SPEC, parse, require_yaml, text_of
from ..module_utils.errors import UsageError
from ..module_utils.kinds import WORKBOOK
from ..module_utils.module import engine_module, run
from ..module_utils.state import Resource, apply_state

SPEC = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "name": {"type": "str"},
    "namespace": {"type": "str", "default": ""},
    "scope": {"type": "str", "choices": ["private", "public"]},
    **DEFINITION_SPEC,
}


class Workbook(Resource):
    """A workbook, known by the name in its definition."""

    singular = "workbook"
    kind = WORKBOOK

    def __init__(self, client, params):
        super().__init__(client, params)
        self._text = text_of(params)
        self._name = params["name"]
        if self._text is not None:
            name = parse(self._text).get("name")
            if self._name is not None and self._name != name:
                raise UsageError(f"The definition is one of workbook {name}, not {self._name}")
            self._name = name

    @property
    def identity(self):
        return self._name

    def wanted(self, existing):
        scope = self.params["scope"] or (existing or {}).get("scope") or "private"
        return {"name": self._name, "namespace": self.params["namespace"], "scope": scope, "definition": self._text}

    def create(self, wanted):
        return self._send("POST", wanted["scope"])

    def update(self, existing, changes):
        return self._send("PUT", changes.get("scope", existing.get("scope")))

    def shown(self, item):
        return f"# {item['name']}, scope {item['scope']}\n{item['definition']}"

    def _send(self, method, scope):
        return self.client.send_text(method, self.kind, self._text, {**self.query(), "scope": scope})


def main():
    """Run the module."""
    module = engine_module(
        SPEC,
        mutually_exclusive=[("definition", "src")],
        required_one_of=[("name", "definition", "src")],
        required_if=[("state", "present", ("definition", "src"), True)],
    )
    require_yaml(module)
    run(module, lambda client: apply_state(module, Workbook(client, module.params)))


if __name__ == "__main__":
    main()
