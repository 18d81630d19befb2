"""Stands for the OpenStack actions until one is asked for, so that starting costs nothing."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from importlib import import_module
from typing import Any

NAMESPACES = (
    "openstack", "nova", "glance", "keystone", "heat", "neutron", "cinder", "trove", "ironic", "baremetal_introspection", "swift",
    "swiftservice", "zaqar", "mistral", "designate", "magnum", "aodh", "gnocchi", "zun", "manila",
)


class LazyFamily:
    """The catalogue, loaded at the first question. ``cache_dir`` and ``offered`` as for the catalogue."""

    def __init__(self, cache_dir: str | None = None, offered: Mapping[str, str] | None = None) -> None:
        self._given = (cache_dir, offered)
        self._lock = threading.Lock()
        self._loaded: Any = None

    def entry(self, name: str) -> Any:
        """The action of that name."""
        return self._catalogue().entry(name)

    def entries(self) -> Any:
        """All actions."""
        return self._catalogue().entries()

    def _catalogue(self) -> Any:
        with self._lock:
            if self._loaded is None:
                self._loaded = import_module("maestrale.actions.openstack.catalogue").OpenStackActions(*self._given)
            return self._loaded
