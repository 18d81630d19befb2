# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Documentation of the options that all listing modules share; their spec is module_utils/listing.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment of the info modules."""

    DOCUMENTATION = r"""
options:
  filters:
    description:
      - "More filters, as the API's list requests take them, for example C(created_at) with the value V(gte:2026-01-01 00:00:00)."
      - A value may begin with one of the operators C(eq:), C(neq:), C(gt:), C(gte:), C(lt:), C(lte:), C(in:), C(nin:), C(has:).
      - Also takes C(sort_keys) and C(sort_dirs).
    type: dict
    default: {}
  limit:
    description: The most objects to return. Pages are followed up to it.
    type: int
    default: 1000
"""
