"""What the application is put together from; ``bootstrap`` fills it in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from maestrale.api.auth import Authenticator
from maestrale.api.policy import Policy
from maestrale.config import Settings


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The rooms below, as endpoints use them. ``not_ready`` gives the reason why no request can be served now, or ""."""

    settings: Settings
    authenticator: Authenticator
    policy: Policy
    not_ready: Callable[[], str]
    engine: Any
    catalog: Any
    queries: Any
