# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""A client for plugins that are no modules: their options come from documentation, not from a spec."""

from __future__ import annotations

from ..module_utils.client import Client
from ..module_utils.connection import CONNECTION_SPEC, connect


def client_of(plugin):
    """A client that only reads, as the plugin's options describe it."""
    options = {name: plugin.get_option(name) for name in CONNECTION_SPEC}
    return Client(connect(options), read_only=True)
