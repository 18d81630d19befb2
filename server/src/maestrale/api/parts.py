"""What the application is put together from; ``bootstrap`` fills it in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from maestrale.actions import Registry
from maestrale.api.auth import Authenticator
from maestrale.api.policy import Policy
from maestrale.catalog import Catalog, Sharing, Sources, Triggers
from maestrale.config import Settings
from maestrale.engine import Engine
from maestrale.store import Database


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The rooms below, as endpoints use them. ``not_ready`` gives the reason why no request can be served now, or ""."""

    settings: Settings
    authenticator: Authenticator
    policy: Policy
    database: Database
    engine: Engine
    catalog: Catalog
    triggers: Triggers
    sharing: Sharing
    sources: Sources
    registry: Registry
    now: Callable[[], datetime]
    not_ready: Callable[[], str]
