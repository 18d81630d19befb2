# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Secrets in what an action plugin returns: Ansible masks the results of modules only."""

from __future__ import annotations

from ansible.module_utils.common.parameters import remove_values


def masked(result, validation):
    """The result with the values of ``no_log`` options replaced, also inside longer texts."""
    # There is no public way to the values that the validation collected.
    return remove_values(result, validation._no_log_values)  # pylint: disable=protected-access
