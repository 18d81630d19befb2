"""Keeps artifacts of running actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from maestrale.errors import MaestraleError
from maestrale.store import Database, action_artifacts

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Artifacts:
    """See the module."""

    database: Database
    now: Callable[[], datetime]

    def keep(self, attempt_id: str, texts: Mapping[str, str]) -> bool:
        """Store texts by name; False if the run is not kept or the database is away: a result counts more than what is beside it."""
        try:
            return self.database.run_write(lambda conn: action_artifacts.keep(conn, attempt_id, texts, self.now()))
        except MaestraleError as error:
            log.warning("artifacts were not kept", action_execution_id=attempt_id, error=str(error))
            return False
