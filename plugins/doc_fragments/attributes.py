# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Documentation of the attributes that all modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of modules; the fragment's parts are for those that differ."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Can run in check mode, reads what is there and tells what would change without changing it.
    support: full
  action_group:
    description: Its options can be set for all modules at once, through C(module_defaults).
    support: full
    membership: [maestrale.mistral.engine]
"""

    DIFF = r"""
attributes:
  diff_mode:
    description: Returns what changed, or would change in check mode.
    support: full
"""

    NO_DIFF = r"""
attributes:
  diff_mode:
    description: Returns what changed, or would change in check mode.
    support: none
    details: It changes nothing that a difference could be shown of.
"""

    ACTION = r"""
attributes:
  action:
    description: Has an action plugin, so a part of it runs on the controller.
    support: full
"""
