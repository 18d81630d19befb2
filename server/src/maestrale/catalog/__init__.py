"""Definitions: what may be stored under which name, and what a decision finds. ``service.py`` holds the use cases."""

from maestrale.catalog.delegations import Delegations
from maestrale.catalog.lookup import Definitions
from maestrale.catalog.project_sources import ProjectSources
from maestrale.catalog.secrets import EnvironmentSecrets, Sealer
from maestrale.catalog.service import Catalog
from maestrale.catalog.sharing import Sharing
from maestrale.catalog.sources import Sources
from maestrale.catalog.triggers import CronRequest, EventRequest, Triggers

__all__ = [
    "Catalog", "CronRequest", "Definitions", "Delegations", "EnvironmentSecrets", "EventRequest", "ProjectSources", "Sealer", "Sharing",
    "Sources",
    "Triggers",
]
