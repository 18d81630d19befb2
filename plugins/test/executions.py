# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Tests of the state of an execution, of a task, or of what a module returned."""

from __future__ import annotations

from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

FINISHED = ("SUCCESS", "ERROR", "CANCELLED", "SKIPPED")


def state_of(value):
    """The state that a value has or is."""
    if isinstance(value, Mapping):
        value = value.get("state", (value.get("execution") or {}).get("state"))
    if not isinstance(value, str):
        raise AnsibleFilterError("An execution, a task, a result with a state, or a state is wanted")
    return value


class TestModule:
    """Names of the tests."""

    def tests(self):
        """What Ansible loads."""
        return {
            "finished": lambda value: state_of(value) in FINISHED,
            "succeeded": lambda value: state_of(value) == "SUCCESS",
            "cancelled": lambda value: state_of(value) == "CANCELLED",
            "paused": lambda value: state_of(value) == "PAUSED",
        }
