"""The database: the only room that knows SQL. See ``database.py``, ``tables.py``, ``executions.py``, ``queries.py``."""

from sqlalchemy import Connection

from maestrale.store.commits import AlreadyExists, Batch, Changeset, JobGone, VersionConflict
from maestrale.store.database import ConstraintError, Database, TransientError
from maestrale.store.executions import Executions, Loaded
from maestrale.store.payloads import PayloadCache
from maestrale.store.schema import upgrade

__all__ = [
    "AlreadyExists", "Batch", "Changeset", "Connection", "ConstraintError", "Database", "Executions", "JobGone", "Loaded",
    "PayloadCache", "TransientError", "VersionConflict", "upgrade",
]
