# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Info modules: one object by name or id, or a list by filters. Nothing found is an empty list."""

from __future__ import annotations

LIST_SPEC = {
    "filters": {"type": "dict", "default": {}},
    "limit": {"type": "int", "default": 1000},
}


def one_of(values):
    """A filter for any of several values; None for no values, which filters nothing."""
    return None if not values else "in:" + ",".join(values) if len(values) > 1 else values[0]


def all_tags(tags):
    """A filter for objects that bear all the tags."""
    return ",".join(tags) if tags else None


def sorting(fields):
    """The query for a list sorted by these fields, ``-`` before one turning it round."""
    directions = ["desc" if field.startswith("-") else "asc" for field in fields]
    return {"sort_keys": ",".join(field.lstrip("-") for field in fields), "sort_dirs": ",".join(directions)} if fields else {}


def list_or_get(client, kind, params, identity=None, query=None, single_query=None):
    """Objects of a kind: the one named by ``identity`` (list of one, or empty), or all that match."""
    if identity is not None:
        found = client.find(kind, identity, single_query)
        return [] if found is None else [found]
    return client.list(kind, {**(query or {}), **params["filters"]}, params["limit"])


def listed(key, items):
    """The result of an info module."""
    return {"changed": False, key: items}
