"""The database: the only room that knows SQL.

``Database`` gives transactions, ``Executions`` loads and commits the hot path, ``list_``/``get_`` are what the API
reads, all other modules hold functions on a connection: ``definitions``, ``members``, ``triggers``, ``jobs``,
``nodes``, ``dispatch``, ``reports``, ``settings``, ``tokens``, ``trusts``, ``action_artifacts``, ``action_events``,
``action_places``, ``execution_leases``, ``execution_troubles``, ``environment_secrets``.
"""

from sqlalchemy import Connection

from maestrale.store import (
    action_artifacts,
    action_events,
    action_places,
    definitions,
    dispatch,
    environment_secrets,
    execution_leases,
    execution_troubles,
    jobs,
    members,
    nodes,
    reports,
    settings,
    tokens,
    triggers,
    trusts,
)
from maestrale.store.commits import AlreadyExists, Batch, Changeset, JobGone, TriggerMoved, VersionConflict
from maestrale.store.database import ConstraintError, Database, TransientError
from maestrale.store.executions import Deleted, Executions, Loaded
from maestrale.store.filters import Where
from maestrale.store.payloads import PayloadCache
from maestrale.store.queries import by_ids, count_, field_names, get_, list_
from maestrale.store.schema import upgrade
from maestrale.store.scope import EVERYTHING, Scope

__all__ = [
    "EVERYTHING", "AlreadyExists", "Batch", "Changeset", "Connection", "ConstraintError", "Database", "Deleted", "Executions",
    "JobGone", "Loaded", "PayloadCache", "Scope", "TransientError", "TriggerMoved", "VersionConflict", "Where", "action_artifacts",
    "action_events", "action_places", "by_ids", "count_", "definitions", "dispatch", "environment_secrets", "execution_leases",
    "execution_troubles", "field_names", "get_", "jobs", "list_", "members", "nodes", "reports", "settings", "tokens", "triggers",
    "trusts", "upgrade",
]
