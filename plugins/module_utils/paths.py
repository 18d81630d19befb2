# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Dotted paths into nested values."""

from __future__ import annotations

MISSING = object()


def value_at(value, path):
    """The value at a path such as ``result.hosts``; MISSING if there is none."""
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return MISSING
        value = value[key]
    return value
