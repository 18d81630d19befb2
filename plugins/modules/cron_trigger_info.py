# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: cron_trigger_info
short_description: Read cron triggers
version_added: 0.1.0
description:
  - Returns one cron trigger, or those that match all of the filters.
author: The Maestrale contributors (@maestrale)
options:
  name:
    description: Name or id of one trigger. The filters do not apply then.
    type: str
  workflow:
    description: Look for triggers of the workflow of this name.
    type: str
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.listing
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.no_diff
seealso:
  - module: maestrale.mistral.cron_trigger
"""

EXAMPLES = r"""
- name: See when workflows will be started
  maestrale.mistral.cron_trigger_info:
    filters:
      sort_keys: next_execution_time
"""

RETURN = r"""
cron_triggers:
  description: The triggers; an empty list if there is none.
  returned: success
  type: list
  elements: dict
  sample: [{"name": "nightly", "workflow_name": "clean_up", "pattern": "30 2 * * *", "next_execution_time": "2026-01-31 02:30:00"}]
"""

from ..module_utils.kinds import CRON_TRIGGER
from ..module_utils.listing import LIST_SPEC, list_or_get, listed
from ..module_utils.module import engine_module, run

SPEC = {
    **LIST_SPEC,
    "name": {"type": "str"},
    "workflow": {"type": "str"},
}


def execute(client, params):
    """Read the triggers."""
    return listed("cron_triggers", list_or_get(client, CRON_TRIGGER, params, params["name"], {"workflow_name": params["workflow"]}))


def main():
    """Run the module."""
    module = engine_module(SPEC)
    run(module, lambda client: execute(client, module.params))


if __name__ == "__main__":
    main()
