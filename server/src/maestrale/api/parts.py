"""What the application is put together from; ``bootstrap`` fills it in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from maestrale.actions import Registry
from maestrale.api.auth import Authenticator
from maestrale.api.policy import Policy
from maestrale.caller import Caller
from maestrale.catalog import Catalog, Delegations, EnvironmentSecrets, ProjectSources, Sharing, Sources, Triggers
from maestrale.config import Settings
from maestrale.engine import Engine
from maestrale.store import Database


class WorkflowNames:
    """Name and namespace of the workflow by execution, for the executions asked about lately."""

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._rows: dict[str, dict[str, Any]] = {}

    def get(self, execution_id: str) -> dict[str, Any] | None:
        """What is known, or None."""
        return self._rows.get(execution_id)

    def put(self, execution_id: str, row: dict[str, Any]) -> None:
        """Remember, and forget what came first where there are too many."""
        self._rows[execution_id] = row
        while len(self._rows) > self._size:
            self._rows.pop(next(iter(self._rows)), None)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The rooms below, as endpoints use them.

    ``not_ready`` gives the reason why no request can be served now, or "". ``delegations`` is None without an identity service.
    ``remember`` is told who asks, since actions may act in the caller's name.
    """

    settings: Settings
    authenticator: Authenticator
    policy: Policy
    database: Database
    engine: Engine
    catalog: Catalog
    triggers: Triggers
    sharing: Sharing
    sources: Sources
    secrets: EnvironmentSecrets
    project_sources: ProjectSources
    registry: Registry
    now: Callable[[], datetime]
    not_ready: Callable[[], str]
    delegations: Delegations | None = None
    remember: Callable[[Caller], None] = lambda _: None
    workflow_names: WorkflowNames = field(default_factory=WorkflowNames)
