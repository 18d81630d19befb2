"""Where the deciding thread gets snapshots from: its memory, else the store.

What comes from memory may be outdated, if another process has changed the execution since; ``outdated`` asks.
Used by the deciding thread only, but for ``home_of``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from maestrale.core import states
from maestrale.core.model import Attempt
from maestrale.core.snapshot import Snapshot
from maestrale.engine.cache import SnapshotCache, weight_of_records
from maestrale.engine.programs import Programs
from maestrale.errors import NotFoundError
from maestrale.store import Connection, Database, Executions

STRAY = 1000
HOMES = 100_000
"""Asynchronous actions whose execution is remembered; the others are looked up."""
CONTENDED = 1000
CALM_AFTER = 16
"""So many looks in a row that found memory right, and an execution isn't contended any more."""


class Shelf:
    """See the module."""

    def __init__(self, database: Database, executions: Executions, programs: Programs, cache: SnapshotCache) -> None:
        self._database = database
        self._executions = executions
        self._programs = programs
        self._cache = cache
        self._from_memory: set[str] = set()
        self._contended: dict[str, int] = {}
        self._homes: dict[str, str] = {}
        self._weights: dict[str, int] = {}

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
        doubtful = {one: snapshot for one, snapshot in found.items() if one in self._contended}
        if missing or doubtful:
            outdated, loaded = self._database.run_read(lambda conn: self._look(conn, doubtful, missing))
            for execution_id in doubtful:
                self._calm(execution_id, is_outdated=execution_id in outdated)
            for execution_id in outdated:
                del found[execution_id]
            found.update(loaded)
            self._from_memory.difference_update(missing)
        return found

    def contend(self, ids: Iterable[str]) -> None:
        """Other processes change these too: what memory holds of them is compared with the rows before it is used, for a while.

        A look at a version is cheaper than a decision in vain.
        """
        for execution_id in ids:
            self._contended[execution_id] = CALM_AFTER
        while len(self._contended) > CONTENDED:
            del self._contended[next(iter(self._contended))]

    def _calm(self, execution_id: str, *, is_outdated: bool) -> None:
        self._contended[execution_id] = CALM_AFTER if is_outdated else self._contended[execution_id] - 1
        if not self._contended[execution_id]:
            del self._contended[execution_id]

    def _look(
        self, conn: Connection, doubtful: Mapping[str, Snapshot], missing: Sequence[str],
    ) -> tuple[list[str], dict[str, Snapshot]]:
        """Which of the doubtful are not what is stored, and they and the missing ones loaded."""
        versions = self._executions.versions(conn, list(doubtful)) if doubtful else {}
        outdated = [one for one, snapshot in doubtful.items() if versions.get(one) != snapshot.execution.version]
        return outdated, self._load(conn, [*missing, *outdated])

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
            self._weights[execution_id] = weight_of_records(loaded.execution, loaded.tasks, loaded.attempts)
        return found

    def outdated(self, snapshots: Iterable[Snapshot]) -> list[str]:
        """Which of those that came from memory are not what is stored now."""
        asked = [one.execution for one in snapshots if one.execution.id in self._from_memory]
        if not asked:
            return []

        stored = self._database.run_look(lambda conn: self._executions.versions(conn, [one.id for one in asked]))
        return [one.id for one in asked if stored.get(one.id) != one.version]

    def keep(self, snapshot: Snapshot) -> None:
        """Put back what equals its rows now. What has ended is not needed again soon."""
        execution_id = snapshot.execution.id
        if states.is_final(snapshot.execution.state):
            self.drop([execution_id])
            return
        for gone in self._cache.put(snapshot, self._weights.get(execution_id, 0)):
            self._weights.pop(gone, None)
            self._from_memory.discard(gone)
        if len(self._weights) > len(self._cache) + STRAY:
            # what was only read, for another execution's expressions
            self._weights = {one: weight for one, weight in self._weights.items() if one in self._cache}

    def note_changes(self, snapshot: Snapshot) -> None:
        """What was just written takes room in memory; to be called before the snapshot is cleaned."""
        execution = snapshot.execution
        if states.is_final(execution.state):
            return  # it won't be kept
        weight = weight_of_records(None if execution.stored else execution, snapshot.changed_tasks(), snapshot.changed_attempts())
        self._weights[execution.id] = self._weights.get(execution.id, 0) + weight

    def drop(self, ids: Iterable[str]) -> None:
        """Forget what may differ from its rows."""
        for execution_id in ids:
            self._cache.drop(execution_id)
            self._from_memory.discard(execution_id)
            self._weights.pop(execution_id, None)

    def clear(self) -> None:
        """Forget everything."""
        self._cache.clear()
        self._from_memory.clear()
        self._weights.clear()
