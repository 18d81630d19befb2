"""Definitions: what may be stored under which name, and what a decision finds. ``service.py`` holds the use cases."""

from maestrale.catalog.lookup import Definitions
from maestrale.catalog.service import Catalog

__all__ = ["Catalog", "Definitions"]
