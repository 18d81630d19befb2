# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""The frame of every module: its options joined with those of the connection, and errors made into failed results."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from .client import Client
from .connection import CONNECTION_SPEC, connect
from .errors import EngineError


def engine_module(spec, **rules):
    """An AnsibleModule with the connection options added; check mode is supported by all modules."""
    return AnsibleModule(argument_spec={**CONNECTION_SPEC, **spec}, supports_check_mode=True, **rules)


def run(module, body):
    """Call ``body(client)`` and end the module with what it returns."""
    try:
        result = body(Client(connect(module.params), read_only=module.check_mode))
    except EngineError as error:
        module.fail_json(**error.as_failure())
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
