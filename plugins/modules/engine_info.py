# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: engine_info
short_description: Read what an engine says of itself
version_added: 0.1.0
description:
  - Returns the versions of the API, whether the engine is ready, its maintenance mode, its limits, and what its operator tells about it.
author: The Maestrale contributors (@maestrale)
extends_documentation_fragment:
  - maestrale.mistral.engine
  - maestrale.mistral.attributes
  - maestrale.mistral.attributes.no_diff
"""

EXAMPLES = r"""
- name: Wait until the engine answers
  maestrale.mistral.engine_info:
  register: engine
  until: engine is success
  retries: 30
  delay: 2

- name: Refuse early what the engine would refuse
  ansible.builtin.assert:
    that: my_input | to_json | length < 1024 * (engine.engine.limits.field_kb + 1)
    fail_msg: The input is too large.
"""

RETURN = r"""
engine:
  description: What the engine says.
  returned: success
  type: dict
  contains:
    endpoint:
      description: The address of its API.
      type: str
      sample: http://127.0.0.1:8989/v2
    versions:
      description: The versions of the API.
      type: list
      elements: dict
      sample: [{"id": "v2.0", "status": "CURRENT"}]
    product:
      description: Name and version of the engine, if it tells them.
      type: str
      sample: Maestrale 0.1.0
    version:
      description: Version of the engine, if it tells it. OpenStack Mistral does not.
      type: str
      sample: 0.1.0
    ready:
      description: Whether the engine says that it and its database are ready; null if it doesn't say, as OpenStack Mistral.
      type: bool
      sample: true
    maintenance:
      description: The maintenance mode, if the caller may know it.
      type: str
      sample: RUNNING
    info:
      description: What its operator tells about it, if anything.
      type: dict
      sample: null
    limits:
      description:
        - The sizes that the engine takes; null where one is unlimited.
        - Null as a whole if the engine doesn't tell them, as OpenStack Mistral.
      type: dict
      sample: {"field_kb": 1024, "request_bytes": 67108864, "page_size": 1000}
    features:
      description: The collections of its API.
      type: list
      elements: str
      sample: [workflows, executions, environments]
"""

from ..module_utils.errors import EngineError
from ..module_utils.kinds import (
    ACTION,
    ACTION_EXECUTION,
    CODE_SOURCE,
    CRON_TRIGGER,
    DYNAMIC_ACTION,
    ENVIRONMENT,
    EVENT_TRIGGER,
    EXECUTION,
    PROJECT_SOURCE,
    TASK,
    WORKBOOK,
    WORKFLOW,
)
from ..module_utils.module import engine_module, run

KINDS = (
    ACTION,
    ACTION_EXECUTION,
    CODE_SOURCE,
    CRON_TRIGGER,
    DYNAMIC_ACTION,
    ENVIRONMENT,
    EVENT_TRIGGER,
    EXECUTION,
    PROJECT_SOURCE,
    TASK,
    WORKBOOK,
    WORKFLOW,
)


def features(client):
    """The collections that the caller can list."""
    found = []
    for kind in KINDS:
        try:
            client.list(kind, {"limit": 1}, limit=1)
        except EngineError as error:
            if error.is_transient:
                raise
        else:
            found.append(kind.collection)
    return found


def execute(client):
    """Ask what can be asked without knowing anything."""
    versions = client.service("")
    if versions is None:
        raise EngineError(f"There is no workflow service at {client.endpoint}")
    description = (client.service("openapi.json") or {}).get("info")
    engine = {
        "endpoint": client.endpoint,
        "versions": versions.get("versions", []),
        "product": description and f"{description.get('title')} {description.get('version')}",
        "version": description and description.get("version"),
        "ready": client.is_ready(),
        "maintenance": (client.service("maintenance") or {}).get("status"),
        "info": client.service("info"),
        "limits": client.service("limits"),
        "features": features(client),
    }
    return {"changed": False, "engine": engine}


def main():
    """Run the module."""
    module = engine_module({})
    run(module, execute)


if __name__ == "__main__":
    main()
