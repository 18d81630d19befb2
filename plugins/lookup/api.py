# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
name: api
short_description: Read anything from the engine's API
version_added: 0.1.0
description:
  - Returns what GET requests of the API answer. Pages of lists are followed.
author: The Maestrale contributors (@maestrale)
options:
  _terms:
    description: Paths below C(/v2), for example C(executions) or C(executions/ID/report).
    required: true
  query:
    description: Arguments of the query.
    type: dict
    default: {}
  max_objects:
    description: The most objects of a list to return. More is an error.
    type: int
    default: 1000
  expect_one:
    description: Whether a list must hold exactly one object, which is returned by itself.
    type: bool
    default: false
extends_documentation_fragment:
  - maestrale.mistral.engine_plugins
"""

EXAMPLES = r"""
- name: Count what runs
  ansible.builtin.debug:
    msg: "{{ query('maestrale.mistral.api', 'executions', query={'state': 'RUNNING'}) | length }} run"

- name: Read the report of an execution
  ansible.builtin.debug:
    msg: "{{ lookup('maestrale.mistral.api', 'executions/' ~ execution_id ~ '/report') }}"
  vars:
    execution_id: 1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c
"""

RETURN = r"""
_raw:
  description: Objects of the lists, and the answers of other paths.
  type: list
  elements: dict
"""

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

from ..module_utils.errors import EngineError
from ..module_utils.kinds import by_collection
from ..plugin_utils.plugin_client import client_of


class LookupModule(LookupBase):
    """Reads paths."""

    def run(self, terms, variables=None, **kwargs):
        """Return what the paths answer, lists joined."""
        self.set_options(var_options=variables, direct=kwargs)
        try:
            client = client_of(self)
            return [item for term in terms for item in self._read(client, tuple(part for part in term.split("/") if part))]
        except EngineError as error:
            raise AnsibleError(error.message) from error

    def _read(self, client, path):
        query, most = self.get_option("query"), self.get_option("max_objects")
        kind = by_collection("executions" if path[-1] == "workflow_executions" else path[-1])
        if kind is None:
            of_kind = by_collection(path[-2]) if len(path) > 1 else None
            answer = client.request("GET", path, query=query).json()
            return [of_kind.decode(answer) if of_kind else answer]
        items = client.list(kind, query, most + 1, path)
        if len(items) > most:
            raise AnsibleError(f"{'/'.join(path)} has more than {most} objects; narrow the query, or raise max_objects")
        if self.get_option("expect_one") and len(items) != 1:
            raise AnsibleError(f"{'/'.join(path)} has {len(items)} objects that match, not one")
        return items
