# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""The lease of whoever follows an execution: renewed at looks, so that the engine notices when the follower was killed.

Maestrale keeps leases, OpenStack Mistral doesn't: there the follower is told once, and nothing else happens.
"""

from __future__ import annotations

import time

from .errors import EngineError
from .kinds import EXECUTION

LEASE_SPEC = {
    "lease": {"type": "float", "default": 0.0},
    "on_lease_lost": {"type": "str", "choices": ["cancel", "pause", "leave"], "default": "cancel"},
}
# Looks and renewals come at least this often within a lease, so that one that fails costs nothing.
RENEWALS = 3


def lease_body(params):
    """What the engine is told of the lease; None without one."""
    return {"seconds": params["lease"], "on_lost": params["on_lease_lost"]} if params["lease"] > 0 else None


def paced(params):
    """The options of waiting with gaps short enough for the lease."""
    if params["lease"] <= 0:
        return params
    longest = params["lease"] / RENEWALS
    return {**params, "wait_sleep": min(params["wait_sleep"], longest), "wait_sleep_max": min(params["wait_sleep_max"], longest)}


class Lease:
    """The lease on one execution; without one in the options it does nothing. ``warn(text)`` is told of trouble once."""

    def __init__(self, client, execution_id, params, warn):
        self._client = client
        self._path = (*EXECUTION.path(execution_id), "lease")
        self._body = lease_body(params)
        self._warn = warn
        self._due = None

    def renew(self):
        """Renew it if a part of it has passed; trouble is left to the next time."""
        if self._body is None or (self._due is not None and time.monotonic() < self._due):
            return
        try:
            self._client.request("PUT", self._path, document=self._body)
        except EngineError as error:
            if not error.is_transient:
                self._body = None
                self._warn(f"The engine keeps no lease, so an execution whose player is killed goes on: {error.message}")
            return
        self._due = time.monotonic() + self._body["seconds"] / RENEWALS

    def release(self, timeout=None):
        """Give it back: the execution may go on alone.

        OpenStack Mistral takes a DELETE of this path for one of the execution itself, so it is told that the loss won't matter.
        """
        if self._body is None:
            return
        try:
            self._client.request("PUT", self._path, document={**self._body, "on_lost": "leave"}, timeout=timeout)
        except EngineError as error:
            self._warn(f"The lease could not be given back: {error.message}")
