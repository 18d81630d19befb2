# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
name: executions
short_description: Hosts out of the output of an execution
version_added: 0.1.0
description:
  - Makes an inventory of the hosts that a workflow found or made.
  - The file must be named C(*.maestrale.yml) or C(*.maestrale.yaml).
author: The Maestrale contributors (@maestrale)
options:
  plugin:
    description: Marks the file as one for this plugin.
    type: str
    required: true
    choices: [maestrale.mistral.executions]
  execution_id:
    description: Id of the execution.
    type: str
  workflow:
    description: Name of a workflow whose newest successful execution is taken, if O(execution_id) is not set.
    type: str
  hosts_path:
    description:
      - Where the hosts are in the output. Dots lead into mappings.
      - They are a list of names, a list of mappings with a C(name), or a mapping of names to mappings. The rest of a mapping becomes
        variables of the host, and C(groups) its groups.
    type: str
    default: hosts
extends_documentation_fragment:
  - maestrale.mistral.engine_plugins
  - constructed
  - inventory_cache
"""

EXAMPLES = r"""
# found.maestrale.yml
plugin: maestrale.mistral.executions
workflow: survey
hosts_path: hosts
keyed_groups:
  - key: os
    prefix: os
compose:
  ansible_host: address
"""

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ..module_utils.errors import EngineError, UsageError
from ..module_utils.kinds import EXECUTION
from ..module_utils.paths import MISSING, value_at
from ..plugin_utils.plugin_client import client_of


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Reads an output and makes hosts of it."""

    NAME = "maestrale.mistral.executions"

    def verify_file(self, path):
        """Whether the file's name is one of ours."""
        return super().verify_file(path) and path.endswith((".maestrale.yml", ".maestrale.yaml"))

    def parse(self, inventory, loader, path, cache=True):
        """Fill the inventory."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        self.load_cache_plugin()
        key = self.get_cache_key(path)
        uses_cache = self.get_option("cache")
        hosts = self._cache.get(key) if uses_cache and cache else None
        if hosts is None:
            try:
                hosts = hosts_of(self._output(), self.get_option("hosts_path"))
            except EngineError as error:
                raise AnsibleParserError(f"{path}: {error.message}") from error
            if uses_cache:
                self._cache[key] = hosts
        for name, variables in hosts.items():
            self._add(name, dict(variables))

    def _output(self):
        client, execution_id = client_of(self), self.get_option("execution_id")
        if execution_id is None:
            if not self.get_option("workflow"):
                raise UsageError("execution_id or workflow is needed")
            query = {"workflow_name": self.get_option("workflow"), "state": "SUCCESS", "sort_keys": "created_at", "sort_dirs": "desc"}
            newest = client.list(EXECUTION, query, limit=1)
            if not newest:
                raise UsageError(f"Workflow {self.get_option('workflow')} has no successful execution")
            execution_id = newest[0]["id"]
        return client.get(EXECUTION, execution_id).get("output") or {}

    def _add(self, name, variables):
        self.inventory.add_host(name)
        for group in variables.pop("groups", None) or []:
            self.inventory.add_child(self.inventory.add_group(group), name)
        for key, value in variables.items():
            self.inventory.set_variable(name, key, value)
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict)


def hosts_of(output, path):
    """The hosts at a path of an output: name to variables."""
    value = value_at(output, path)
    if value is MISSING:
        raise UsageError(f"The output has nothing at {path}")
    if isinstance(value, dict):
        return {name: variables or {} for name, variables in value.items()}
    if not isinstance(value, list):
        raise UsageError(f"What the output has at {path} is neither a list nor a mapping")
    hosts = {}
    for item in value:
        if isinstance(item, dict):
            variables = dict(item)
            if not variables.get("name"):
                raise UsageError(f"A host at {path} has no name")
            hosts[variables.pop("name")] = variables
        else:
            hosts[item] = {}
    return hosts
