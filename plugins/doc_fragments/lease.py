# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Documentation of the options of leases; their spec is module_utils/lease.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment of the modules that follow executions."""

    DOCUMENTATION = r"""
options:
  lease:
    description:
      - Seconds after which the engine notices that whoever followed the execution was killed, as AWX does when a job is cancelled.
        V(0) is no lease.
      - The task renews the lease while it waits, and gives it back when it stops waiting in order, for example after O(wait_timeout).
      - Maestrale keeps leases; OpenStack Mistral does not, which is shown as a warning.
      - Give it several times the seconds that one request may take.
    type: float
    default: 0.0
  on_lease_lost:
    description: What the engine does with the execution when O(lease) was not renewed in time.
    type: str
    choices: [cancel, pause, leave]
    default: cancel
"""
