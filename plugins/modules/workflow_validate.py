# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: workflow_validate
short_description: Let the engine check a definition
version_added: 0.1.0
description:
  - Asks the engine whether a definition is valid, and stores nothing.
author: The Maestrale contributors (@maestrale)
options:
  kind:
    description: What the definition defines.
    type: str
    choices: [workflow, workbook, action]
    default: workflow
  fail_on_invalid:
    description: Whether the task fails if the definition is not valid.
    type: bool
    default: true
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.definition
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.no_diff
  - maestrale.mistral.attributes.action
seealso:
  - module: maestrale.mistral.workflow
"""

EXAMPLES = r"""
- name: Check a file before it is published
  maestrale.mistral.workflow_validate:
    src: workflows/rollout.yaml

- name: Collect what is wrong
  maestrale.mistral.workflow_validate:
    definition: "{{ lookup('file', item) }}"
    fail_on_invalid: false
  loop: "{{ query('fileglob', 'workflows/*.yaml') }}"
  register: checks
"""

RETURN = r"""
valid:
  description: Whether the definition is valid.
  returned: always
  type: bool
  sample: false
errors:
  description: What is wrong with it.
  returned: always
  type: list
  elements: str
  sample: ["Invalid DSL: task 'a' has no such property"]
"""

from ..module_utils.definitions import DEFINITION_SPEC, text_of
from ..module_utils.kinds import ACTION, WORKBOOK, WORKFLOW
from ..module_utils.module import engine_module, run

KINDS = {"workflow": WORKFLOW, "workbook": WORKBOOK, "action": ACTION}
SPEC = {
    **DEFINITION_SPEC,
    "kind": {"type": "str", "choices": list(KINDS), "default": "workflow"},
    "fail_on_invalid": {"type": "bool", "default": True},
}


def execute(client, params):
    """Ask, and judge the answer."""
    verdict = client.validate(KINDS[params["kind"]], text_of(params))
    result = {"changed": False, "valid": verdict["valid"], "errors": [verdict["error"]] if verdict.get("error") else []}
    if not verdict["valid"] and params["fail_on_invalid"]:
        result.update(failed=True, msg=f"The definition is not valid: {verdict.get('error')}")
    return result


def main():
    """Run the module."""
    module = engine_module(SPEC, mutually_exclusive=[("definition", "src")], required_one_of=[("definition", "src")])
    run(module, lambda client: execute(client, module.params))


if __name__ == "__main__":
    main()
