# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: event_trigger_info
short_description: Read event triggers
version_added: 0.1.0
description:
  - Returns the event triggers.
author: The Maestrale contributors (@maestrale)
options:
  name:
    description: Return only triggers of this name or id.
    type: str
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.listing
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.no_diff
seealso:
  - module: maestrale.mistral.event_trigger
"""

EXAMPLES = r"""
- name: List the event triggers
  maestrale.mistral.event_trigger_info:
"""

RETURN = r"""
event_triggers:
  description: The triggers; an empty list if there is none.
  returned: success
  type: list
  elements: dict
  sample: [{"name": "new-server", "exchange": "nova", "topic": "notifications", "event": "compute.instance.create.end"}]
"""

from ..module_utils.kinds import EVENT_TRIGGER
from ..module_utils.listing import LIST_SPEC, list_or_get, listed
from ..module_utils.module import engine_module, run

SPEC = {
    **LIST_SPEC,
    "name": {"type": "str"},
}


def execute(client, params):
    """Read the triggers; an engine may not be able to filter them by name."""
    items = list_or_get(client, EVENT_TRIGGER, params)
    name = params["name"]
    return listed("event_triggers", [item for item in items if name is None or name in (item["id"], item["name"])])


def main():
    """Run the module."""
    module = engine_module(SPEC)
    run(module, lambda client: execute(client, module.params))


if __name__ == "__main__":
    main()
