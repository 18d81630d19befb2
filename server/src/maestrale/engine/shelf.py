"""Where the deciding thread gets snapshots from: its memory, else the store.

What comes from memory may be outdated, if another process has changed the execution since; ``outdated`` asks.
Used by the deciding thread only, but for ``home_of``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from maestrale.core import states
from maestrale.core.model import Attempt
from maestrale.core.snapshot import Snapshot
from maestrale.engine.cache import SnapshotCache
from maestrale.engine.programs import Programs
from maestrale.errors import NotFoundError
from maestrale.store import Connection, Database, Executions

HOMES = 100_000
"""Asynchronous actions whose execution is remembered; the others are looked up."""


class Shelf:
    """See the module."""

    def __init__(self, database: Database, executions: Executions, programs: Programs, cache: SnapshotCache) -> None:
        self._database = database
        self._executions = executions
        self._programs = programs
        self._cache = cache
        self._from_memory: set[str] = set()
        self._homes: dict[str, str] = {}

    def note_attempt(self, attempt: Attempt) -> None:
        """Remember where an asynchronous action belongs until it ends, since its result comes from outside."""
        if attempt.is_sync or attempt.kind != "action" or attempt.execution_id is None:
            return
        if states.is_final(attempt.state):
            self._homes.pop(attempt.id, None)
            return
        self._homes[attempt.id] = attempt.execution_id
        if len(self._homes) > HOMES:
            del self._homes[next(iter(self._homes))]

    def home_of(self, attempt_id: str) -> str | None:
        """The execution of an asynchronous action, if it is remembered. From any thread."""
        return self._homes.get(attempt_id)

    def get(self, ids: Sequence[str]) -> dict[str, Snapshot]:
        """The snapshots of those executions that exist."""
        found: dict[str, Snapshot] = {}
        missing = []
        for execution_id in ids:
            snapshot = self._cache.get(execution_id)
            if snapshot is None:
                missing.append(execution_id)
            else:
                found[execution_id] = snapshot
                self._from_memory.add(execution_id)
        if missing:
            found.update(self._database.run_read(lambda conn: self._load(conn, missing)))
            self._from_memory.difference_update(missing)
        return found

    def _load(self, conn: Connection, ids: Sequence[str]) -> dict[str, Snapshot]:
        found = {}
        for execution_id in ids:
            try:
                loaded = self._executions.load(conn, execution_id)
            except NotFoundError:
                continue
            program = self._programs.of_digest(
                loaded.execution.spec_digest, lambda digest: self._executions.spec(conn, digest))
            found[execution_id] = Snapshot.load(loaded.execution, program.spec, loaded.tasks, loaded.attempts, program)
        return found

    def outdated(self, snapshots: Iterable[Snapshot]) -> list[str]:
        """Which of those that came from memory are not what is stored now."""
        asked = [one.execution for one in snapshots if one.execution.id in self._from_memory]
        if not asked:
            return []

        def look(conn: Connection) -> list[str]:
            return [one.id for one in asked if self._executions.version(conn, one.id) != one.version]

        return self._database.run_read(look)

    def keep(self, snapshot: Snapshot) -> None:
        """Put back what equals its rows now. What has ended is not needed again soon."""
        if states.is_final(snapshot.execution.state):
            self._cache.drop(snapshot.execution.id)
        else:
            self._cache.put(snapshot)

    def drop(self, ids: Iterable[str]) -> None:
        """Forget what may differ from its rows."""
        for execution_id in ids:
            self._cache.drop(execution_id)
            self._from_memory.discard(execution_id)

    def clear(self) -> None:
        """Forget everything."""
        self._cache.clear()
        self._from_memory.clear()
