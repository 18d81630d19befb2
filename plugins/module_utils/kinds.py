# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""The kinds of objects that the API knows: where they live, and which of their fields are JSON texts.

Classic servers send some fields as text that holds JSON, newer ones may send objects; both are read here, and
everything above this file sees objects only.
"""

from __future__ import annotations

import json


class Kind:
    """One collection of the API."""

    def __init__(self, collection, json_fields=(), namespaced=False, below=()):
        self.collection = collection
        self.json_fields = json_fields
        self.namespaced = namespaced
        self.below = below

    def path(self, identity=None):
        """Path segments of the collection, or of one object in it."""
        return (*self.below, self.collection) if identity is None else (*self.below, self.collection, identity)

    def decode(self, item):
        """The object with its JSON texts parsed; text that isn't JSON stays as it is."""
        return {key: _parsed(value) if key in self.json_fields else value for key, value in item.items()}


def _parsed(value):
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


WORKFLOW = Kind("workflows", ("interface",), namespaced=True)
WORKBOOK = Kind("workbooks", namespaced=True)
ACTION = Kind("actions", namespaced=True)
EXECUTION = Kind("executions", ("input", "output", "params", "published_global"))
TASK = Kind("tasks", ("runtime_context", "published", "published_global", "result"))
ACTION_EXECUTION = Kind("action_executions", ("input", "output", "params"))
ENVIRONMENT = Kind("environments", ("variables",))
CRON_TRIGGER = Kind("cron_triggers", ("workflow_input", "workflow_params"))
EVENT_TRIGGER = Kind("event_triggers", ("workflow_input", "workflow_params"))
CODE_SOURCE = Kind("code_sources", namespaced=True)
DYNAMIC_ACTION = Kind("dynamic_actions", namespaced=True)
PROJECT_SOURCE = Kind("project_sources")

TERMINAL_STATES = ("SUCCESS", "ERROR", "CANCELLED")


def members_of(workflow_id):
    """The projects that a workflow is shared with."""
    return Kind("members", below=("workflows", workflow_id))


def secrets_of(environment):
    """The sealed secrets of an environment."""
    return Kind("secrets", below=("environments", environment))


_ALL = (
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


def by_collection(name):
    """The kind of a collection, or None."""
    return next((kind for kind in _ALL if kind.collection == name), None)
