# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: project_source
short_description: Register git repositories as sources of playbooks
version_added: 0.1.0
description:
  - Makes sure that a git repository is known to the engine as a source of playbooks, or that it isn't.
  - The action C(ansible.playbook) takes its name as C(project), and then runs a playbook of that repository.
  - The engine resolves the branch or tag to a commit when the source is first used, and uses that commit until O(update) or O(revision)
    say otherwise.
  - OpenStack Mistral has no project sources.
author: The Maestrale contributors (@maestrale)
options:
  state:
    description: Whether the source shall be registered.
    type: str
    choices: [present, absent]
    default: present
  name:
    description: Name of the source, or the id of an existing one.
    type: str
    required: true
  url:
    description: Address of the repository. Required for a new source.
    type: str
  ref:
    description:
      - Branch, tag or commit. A new source without it follows the default branch of the repository, and so does an existing one
        with the empty text.
    type: str
  revision:
    description: The commit to use, as 40 hexadecimal digits, instead of the one that O(ref) is resolved to.
    type: str
  playbooks:
    description: Patterns of the paths of playbooks that may be run, as in a shell. A new source without it allows all.
    type: list
    elements: str
  credential:
    description: Name of the engine's secret that opens the repository. The empty text removes it from an existing source.
    type: str
  description:
    description: A description.
    type: str
  scope:
    description:
      - Who may see and use it.
      - If it is not set, a new one is private and an existing one keeps its scope.
    type: str
    choices: [private, public]
  update:
    description:
      - Whether the engine shall fetch the repository now, resolve O(ref) again, and use the commit that it finds.
      - In check mode that is not tried, so what it would change isn't told.
    type: bool
    default: false
  update_timeout:
    description: Seconds that O(update) may take.
    type: float
    default: 600.0
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.diff
seealso:
  - module: maestrale.mistral.project_source_info
"""

EXAMPLES = r"""
- name: Let workflows run the playbooks of a repository
  maestrale.mistral.project_source:
    name: site
    url: https://git.example.org/site.git
    ref: main
    playbooks: ["deploy/*.yml"]

- name: Use what has been pushed since then
  maestrale.mistral.project_source:
    name: site
    update: true
  register: site

- name: Go back to an earlier commit
  maestrale.mistral.project_source:
    name: site
    revision: 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12
"""

RETURN = r"""
project_source:
  description: The source; in check mode as it would be.
  returned: if it is present
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: site
    url:
      description: Address of the repository.
      type: str
      sample: https://git.example.org/site.git
    ref:
      description: Branch, tag or commit; null for the default branch.
      type: str
      sample: main
    revision:
      description: The commit that is used; null before the first use.
      type: str
      sample: 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12
    playbooks:
      description: Patterns of playbooks that may be run; null for all.
      type: list
      elements: str
      sample: ["deploy/*.yml"]
    scope:
      description: Who may see it.
      type: str
      sample: private
found:
  description: What the engine found in the repository, such as the paths of its playbooks.
  returned: with O(update), except in check mode
  type: dict
  sample: {"revision": "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12", "changed": true, "playbooks": ["deploy/web.yml"]}
"""

from ..module_utils.errors import EngineError, UsageError
from ..module_utils.kinds import ACTION_EXECUTION, PROJECT_SOURCE
from ..module_utils.module import engine_module, run
from ..module_utils.state import Resource, apply_state
from ..module_utils.waiting import WAIT_SPEC, Waiter

SPEC = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "name": {"type": "str", "required": True},
    "url": {"type": "str"},
    "ref": {"type": "str"},
    "revision": {"type": "str"},
    "playbooks": {"type": "list", "elements": "str"},
    "credential": {"type": "str"},
    "description": {"type": "str"},
    "scope": {"type": "str", "choices": ["private", "public"]},
    "update": {"type": "bool", "default": False},
    "update_timeout": {"type": "float", "default": 600.0},
}
# Texts that the engine knows as null when they are empty.
NULLABLE = ("ref", "credential")


class ProjectSource(Resource):
    """A repository."""

    singular = "project_source"
    kind = PROJECT_SOURCE

    def wanted(self, existing):
        if existing is None and not self.params["url"]:
            raise UsageError(f"There is no project source {self.params['name']}, and no url to register one")
        fields = {} if existing else {"name": self.params["name"], "scope": "private"}
        for name in ("url", "ref", "revision", "playbooks", "credential", "description", "scope"):
            value = self.params[name]
            if value is not None:
                fields[name] = None if value == "" and name in NULLABLE else value
        return fields

    def update(self, existing, changes):
        return self.client.update(self.kind, existing["id"], changes)

    def delete(self, existing):
        self.client.delete(self.kind, existing["id"])


def fetch(client, params):
    """Let the engine resolve the source anew; returns what the action found."""
    waiting = {key: option["default"] for key, option in WAIT_SPEC.items()}
    body = {"name": "ansible.project", "input": {"project": params["name"], "update": True}, "params": {"save_result": True}}
    waiter = Waiter(client, {**waiting, "wait_timeout": params["update_timeout"]}, kind=ACTION_EXECUTION)
    item = waiter.wait(client.create(ACTION_EXECUTION, body))
    found = (item.get("output") or {}).get("result")
    if item["state"] != "SUCCESS":
        raise EngineError(f"Project source {params['name']} could not be updated, {item['state']}: {found or item.get('state_info')}")
    return found


def execute(module, client):
    """Bring the source to its state, and fetch it if that is asked for."""
    resource = ProjectSource(client, module.params)
    result = apply_state(module, resource)
    if not module.params["update"] or module.params["state"] == "absent" or module.check_mode:
        return result
    found = fetch(client, module.params)
    has_moved = result["project_source"].get("revision") != found["revision"]
    return {**result, "changed": result["changed"] or has_moved, "project_source": resource.find(), "found": found}


def main():
    """Run the module."""
    module = engine_module(SPEC)
    run(module, lambda client: execute(module, client))


if __name__ == "__main__":
    main()
