# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
name: execution_output
short_description: Output of executions
version_added: 0.1.0
description:
  - Returns the output of executions of workflows, or one key of it.
author: The Maestrale contributors (@maestrale)
options:
  _terms:
    description: Ids of the executions.
    required: true
  key:
    description: Return only this key of the output. Dots lead into mappings.
    type: str
  wait:
    description: Whether to wait for executions that have not ended. Otherwise what they have put out so far is returned.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait at most. V(0) waits for ever.
    type: float
    default: 3600.0
  default:
    description: Returned for an output without the key. Without it that is an error.
    type: raw
extends_documentation_fragment:
  - maestrale.mistral.engine_plugins
seealso:
  - module: maestrale.mistral.execution_info
"""

EXAMPLES = r"""
- name: Use what a workflow found
  ansible.builtin.debug:
    msg: "{{ lookup('maestrale.mistral.execution_output', execution_id, key='hosts', wait=true) }}"
  vars:
    execution_id: 1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c
"""

RETURN = r"""
_raw:
  description: The outputs, or their keys, in the order of the ids.
  type: list
  elements: raw
"""

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

from ..module_utils.errors import EngineError
from ..module_utils.kinds import EXECUTION
from ..module_utils.paths import MISSING, value_at
from ..module_utils.waiting import Waiter
from ..plugin_utils.plugin_client import client_of

WAIT = {"wait_sleep": 1.0, "wait_sleep_max": 10.0, "on_paused": "wait"}


class LookupModule(LookupBase):
    """Reads outputs."""

    def run(self, terms, variables=None, **kwargs):
        """Return the output of each execution."""
        self.set_options(var_options=variables, direct=kwargs)
        try:
            client = client_of(self)
            return [self._output(client, term) for term in terms]
        except EngineError as error:
            raise AnsibleError(error.message) from error

    def _output(self, client, execution_id):
        execution = client.get(EXECUTION, execution_id)
        if self.get_option("wait"):
            execution = Waiter(client, {**WAIT, "wait_timeout": self.get_option("wait_timeout")}).wait(execution)
        output, key = execution.get("output") or {}, self.get_option("key")
        if key is None:
            return output
        value = value_at(output, key)
        if value is not MISSING:
            return value
        if self.get_option("default") is None:
            raise AnsibleError(f"The output of execution {execution_id} ({execution['state']}) has no key {key}")
        return self.get_option("default")
