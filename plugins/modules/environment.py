# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: environment
short_description: Create, update and delete environments
version_added: 0.1.0
description:
  - Makes sure that an environment, a named set of variables for workflows, exists as described, or that it doesn't exist.
author: The Maestrale contributors (@maestrale)
options:
  state:
    description: Whether the environment shall exist.
    type: str
    choices: [present, absent]
    default: present
  name:
    description: Name of the environment.
    type: str
    required: true
  variables:
    description: Its variables.
    type: dict
    default: {}
  secrets:
    description: More variables, whose values are not shown in anything that this task returns. The engine keeps them like the others.
    type: dict
    default: {}
  sealed_secrets:
    description:
      - Secrets that the engine seals with a key of its operator and shows nobody. Playbooks are given them by name, as C(ENVIRONMENT/NAME).
      - Values are texts. A secret whose value is null is removed.
      - Nobody can read the values, so in check mode a secret that is there counts as unchanged.
      - If this is not set, the sealed secrets stay as they are. OpenStack Mistral has none.
    type: dict
  merge:
    description:
      - Whether variables that are not named here stay. With V(false) they are removed.
      - With O(sealed_secrets) it counts for these as well.
    type: bool
    default: true
  description:
    description: A description.
    type: str
  scope:
    description:
      - Who may see and use it.
      - If it is not set, a new one is private and an existing one keeps its scope.
    type: str
    choices: [private, public]
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.diff
seealso:
  - module: maestrale.mistral.environment_info
"""

EXAMPLES = r"""
- name: Keep settings of a site
  maestrale.mistral.environment:
    name: site-a
    variables:
      limit: 5
      ntp: ntp.example.org
    secrets:
      password: "{{ vaulted_password }}"

- name: Keep a password sealed
  maestrale.mistral.environment:
    name: site-a
    sealed_secrets:
      root_password: "{{ vaulted_password }}"

- name: Run a playbook with it
  maestrale.mistral.action_run:
    action: ansible.playbook
    input:
      playbook: site.yml
      inventory: web1
      secrets:
        ansible_password: site-a/root_password

- name: Remove it
  maestrale.mistral.environment:
    name: site-a
    state: absent
"""

RETURN = r"""
environment:
  description: The environment; in check mode as it would be.
  returned: if it is present
  type: dict
  sample: {"name": "site-a", "description": null, "scope": "private", "variables": {"limit": 5}}
sealed_secrets:
  description: The names of its sealed secrets; in check mode as they would be.
  returned: if O(sealed_secrets) is set and the environment is present
  type: list
  elements: str
  sample: [root_password]
"""

from ..module_utils.kinds import ENVIRONMENT
from ..module_utils.module import engine_module, run
from ..module_utils.sealed import check_values, plan, store, stored_names
from ..module_utils.state import Resource, apply_state

SPEC = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "name": {"type": "str", "required": True},
    "variables": {"type": "dict", "default": {}},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "sealed_secrets": {"type": "dict", "no_log": True},
    "merge": {"type": "bool", "default": True},
    "description": {"type": "str"},
    "scope": {"type": "str", "choices": ["private", "public"]},
}


class Environment(Resource):
    """A named set of variables."""

    singular = "environment"
    kind = ENVIRONMENT

    def wanted(self, existing):
        kept = (existing or {}).get("variables") or {} if self.params["merge"] else {}
        fields = {"name": self.params["name"], "variables": {**kept, **self.params["variables"], **self.params["secrets"]}}
        if self.params["description"] is not None:
            fields["description"] = self.params["description"]
        scope = self.params["scope"] or (None if existing else "private")
        return fields if scope is None else {**fields, "scope": scope}

    def update(self, existing, changes):
        return self.client.update(self.kind, None, {"name": self.params["name"], **changes})

    def shown(self, item):
        variables = {key: "(secret)" if key in self.params["secrets"] else value for key, value in (item.get("variables") or {}).items()}
        return {**super().shown(item), "variables": variables}


def execute(module, client):
    """Look after the environment, and then after what is sealed in it."""
    secrets = module.params["sealed_secrets"]
    if secrets is None or module.params["state"] == "absent":
        return apply_state(module, Environment(client, module.params))
    check_values(secrets)
    is_new = client.find(ENVIRONMENT, module.params["name"]) is None
    before = set() if is_new else stored_names(client, module.params["name"])
    result = apply_state(module, Environment(client, module.params))
    return with_secrets(result, before, secrets, module, client)


def with_secrets(result, before, secrets, module, client):
    """The result of the environment, with what becomes of its secrets."""
    stored, removed = plan(before, secrets, module.params["merge"])
    after = sorted((before | set(stored)) - set(removed))
    changed = set(stored) - before if module.check_mode else store(client, module.params["name"], secrets, stored, removed)
    if not changed and not removed:
        return {**result, "sealed_secrets": after}
    header = f"sealed secrets of {module.params['name']}"
    diff = {"before": "".join(f"{name}\n" for name in sorted(before)), "after": "".join(f"{name}\n" for name in after)}
    shown = {**diff, "before_header": header, "after_header": header}
    return {**result, "changed": True, "sealed_secrets": after, "diff": [*([result["diff"]] if "diff" in result else []), shown]}


def main():
    """Run the module."""
    module = engine_module(SPEC)
    run(module, lambda client: execute(module, client))


if __name__ == "__main__":
    main()
