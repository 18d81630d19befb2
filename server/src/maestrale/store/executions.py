"""Executions as the engine sees them: load with everything below, refresh, commit, delete.

Knows the rows of the hot path and nothing of what a state means. What the API lists is in ``queries.py``.
"""

# ruff: noqa: S608 - statements are put together from names that stand in this room; values are always parameters

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection

from maestrale.core.model import Attempt, Execution, Task
from maestrale.errors import NotFoundError
from maestrale.store.commits import Batch, Plan, RowsMissing, missing_rows, rival_of
from maestrale.store.database import ConstraintError, Database
from maestrale.store.encoding import loads
from maestrale.store.payloads import PayloadCache, PayloadReader
from maestrale.store.rows import ATTEMPT, EXECUTION, TASK, Encoder, Layout, decode_rows

R = TypeVar("R")

IDS_AT_ONCE = 500


@dataclass(slots=True)
class Loaded:
    """An execution with its tasks and attempts, all of them or those that changed, by ordinal."""

    execution: Execution
    tasks: list[Task] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a deletion took away: how many executions, and each action that a process had in hand with that process's name."""

    executions: int
    at_work: Sequence[tuple[str, str]] = ()


class Executions:
    """The executions of one database. Thread-safe; one per process, since it remembers big values."""

    def __init__(self, database: Database, payloads: PayloadCache | None = None) -> None:
        self.database = database
        self.payloads = payloads or PayloadCache()
        self._known_specs: set[str] = set()
        self._encoders: dict[Any, Encoder] = {}

    def load(self, conn: Connection, execution_id: str) -> Loaded:
        """The execution with all its tasks and attempts. Raises NotFoundError."""
        found = self._load(conn, execution_id, None)
        if found is None:
            raise _not_found(execution_id)
        return found

    def refresh(self, conn: Connection, execution_id: str, since_version: int) -> Loaded | None:
        """What changed after ``since_version``: the execution, and the tasks and attempts written since.

        None if nothing changed. Raises NotFoundError if the execution is gone.
        """
        found = self._load(conn, execution_id, since_version)
        if found is None and self.version(conn, execution_id) is None:
            raise _not_found(execution_id)
        return found

    def _load(self, conn: Connection, execution_id: str, since: int | None) -> Loaded | None:
        mark = self.database.dialect.placeholder
        newer = "" if since is None else f" AND version > {mark}"
        values = (execution_id,) if since is None else (execution_id, since)
        executions, tasks, attempts = self._fetch(conn, [
            (f"{_select(EXECUTION)} WHERE id = {mark}{newer}", values),
            (f"{_select(TASK)} WHERE execution_id = {mark}{newer} ORDER BY ordinal", values),
            (f"{_select(ATTEMPT)} WHERE execution_id = {mark}{newer} ORDER BY ordinal", values),
        ])
        if not executions:
            return None
        reader = PayloadReader(self.payloads)
        execution = self._decode(EXECUTION, executions, reader)[0]
        loaded = Loaded(execution, self._decode(TASK, tasks, reader), self._decode(ATTEMPT, attempts, reader))
        scope = execution.root_execution_id or execution.id
        self._fill(conn, reader, scope, renew=since is None)
        return loaded

    def execution(self, conn: Connection, execution_id: str) -> Execution | None:
        """The execution alone, without what is below it."""
        mark = self.database.dialect.placeholder
        (rows,) = self._fetch(conn, [(f"{_select(EXECUTION)} WHERE id = {mark}", (execution_id,))])
        if not rows:
            return None
        reader = PayloadReader(self.payloads)
        execution = self._decode(EXECUTION, rows, reader)[0]
        self._fill(conn, reader, execution.root_execution_id or execution.id)
        return execution

    def version(self, conn: Connection, execution_id: str) -> int | None:
        """The version that is stored now, None if the execution doesn't exist."""
        mark = self.database.dialect.placeholder
        (rows,) = self._fetch(conn, [(f"SELECT version FROM executions WHERE id = {mark}", (execution_id,))])
        return rows[0][0] if rows else None

    def versions(self, conn: Connection, ids: Sequence[str]) -> dict[str, int]:
        """The same for many at once; those that don't exist are left out."""
        return {row[0]: row[1] for row in self._each(conn, "SELECT id, version FROM executions WHERE id", ids)}

    def attempt(self, conn: Connection, attempt_id: str) -> Attempt | None:
        """One attempt, of a task or run on its own."""
        found = self._attempts_where(conn, "id", [attempt_id])
        return found[0] if found else None

    def attempts(self, conn: Connection, ids: Sequence[str]) -> list[Attempt]:
        """Attempts with inputs and results in the order of ``ids``; those that don't exist are left out."""
        found = {attempt.id: attempt for attempt in self._attempts_where(conn, "id", ids)}
        return [found[one] for one in ids if one in found]

    def attempts_of_tasks(self, conn: Connection, task_ids: Sequence[str]) -> dict[str, list[Attempt]]:
        """All attempts of tasks with inputs and results, by ordinal."""
        grouped: dict[str, list[Attempt]] = {one: [] for one in task_ids}
        for attempt in sorted(self._attempts_where(conn, "task_id", task_ids), key=lambda attempt: attempt.ordinal):
            grouped[str(attempt.task_id)].append(attempt)
        return grouped

    def attempts_of_task(self, conn: Connection, task_id: str) -> list[Attempt]:
        """All attempts of a task with inputs and results, by ordinal."""
        return self.attempts_of_tasks(conn, [task_id])[task_id]

    def _attempts_where(self, conn: Connection, column: str, values: Sequence[str]) -> list[Attempt]:
        rows = self._each(conn, f"{_select(ATTEMPT)} WHERE {column}", values)
        place = ATTEMPT.fields.index("execution_id")
        parents = sorted({row[place] for row in rows if row[place] is not None})
        scopes = dict(self._each(conn, "SELECT id, COALESCE(root_execution_id, id) FROM executions WHERE id", parents)) if rows else {}
        by_scope: dict[str, list[Any]] = {}
        for row in rows:
            by_scope.setdefault(scopes.get(row[place], row[0]), []).append(row)
        found: list[Attempt] = []
        for scope, chosen in by_scope.items():
            reader = PayloadReader(self.payloads)
            found += self._decode(ATTEMPT, chosen, reader)
            if reader.pending:
                self._fill(conn, reader, scope)
        return found

    def execution_of_task(self, conn: Connection, task_id: str) -> str | None:
        """The id of the execution that a task belongs to, None if there is no such task."""
        mark = self.database.dialect.placeholder
        (rows,) = self._fetch(conn, [(f"SELECT execution_id FROM task_executions WHERE id = {mark}", (task_id,))])
        return rows[0][0] if rows else None

    def spec(self, conn: Connection, digest: str) -> Mapping[str, Any]:
        """The specification stored under a digest. Raises NotFoundError."""
        mark = self.database.dialect.placeholder
        (rows,) = self._fetch(conn, [(f"SELECT body FROM specs WHERE digest = {mark}", (digest,))])
        if not rows:
            raise NotFoundError(f"No specification is stored under that digest [digest={digest}]")
        spec: Mapping[str, Any] = loads(rows[0][0])
        return spec

    def plan(self, batch: Batch) -> Plan:
        """The statements that ``commit`` would run."""
        return Plan(batch, self.database.dialect, self.payloads, self._known_specs, self._encoders)

    def commit(self, batch: Batch) -> None:
        """Write a batch in one transaction, all or nothing, and give each execution its new version.

        Deadlocks and lost connections are tried again; if the connection broke while committing, the second try
        finds its own work done and says VersionConflict, JobGone or AlreadyExists, after which a fresh load shows it.
        Raises those three, DatabaseUnavailableError, SizeLimitExceededError. The records' ``stored`` and ``dirty``
        are the caller's to reset.
        """
        plan = self.plan(batch)
        if not plan.statements:
            return
        try:
            self.database.run_write(lambda conn: plan.run(conn, self.database.note))
        except RowsMissing as error:
            raise missing_rows(error, batch, self.database) from error
        except ConstraintError as error:
            raise rival_of(batch, self.database) or error from error
        plan.committed()

    def delete_tree(self, conn: Connection, execution_id: str) -> Deleted:
        """Delete an execution, all its descendants and everything of theirs.

        Raises NotFoundError. A commit that touches one of them fails from then on.
        """
        root = self._scope_of(conn, execution_id)
        if root is None:
            raise _not_found(execution_id)
        ids: list[str] = []
        while (found := self._tree(conn, execution_id)) != ids:
            # taking the rows' locks keeps new children out; those that came before are found by looking again
            ids = found
            self._each(conn, "UPDATE executions SET version = version + 1 WHERE id", ids)
        at_work = self._each(
            conn, "SELECT id, owner FROM action_executions WHERE owner IS NOT NULL AND state = 'RUNNING' AND execution_id", ids)
        for beside in ("action_events", "action_artifacts"):
            self._each(
                conn, f"DELETE FROM {beside} WHERE attempt_id IN (SELECT id FROM action_executions WHERE execution_id", ids, end=")")
        for table, column in (("executions", "id"), ("task_executions", "execution_id"), ("action_executions", "execution_id"),
                              ("jobs", "execution_id"), ("execution_leases", "execution_id"), ("execution_troubles", "execution_id")):
            self._each(conn, f"DELETE FROM {table} WHERE {column}", ids)
        if root == execution_id:
            self._each(conn, "DELETE FROM payloads WHERE scope_id", [execution_id])
            self.payloads.renew(execution_id)
        return Deleted(len(ids), [(row[0], row[1]) for row in at_work])

    def delete_attempt(self, conn: Connection, attempt_id: str) -> None:
        """Delete one action execution; the big values too if it was run on its own."""
        self._each(conn, "DELETE FROM action_events WHERE attempt_id", [attempt_id])
        self._each(conn, "DELETE FROM action_artifacts WHERE attempt_id", [attempt_id])
        self._each(conn, "DELETE FROM action_executions WHERE id", [attempt_id])
        self._each(conn, "DELETE FROM payloads WHERE scope_id", [attempt_id])

    def _tree(self, conn: Connection, execution_id: str) -> list[str]:
        level, found = [execution_id], [execution_id]
        while level:
            level = [row[0] for row in self._each(conn, "SELECT id FROM executions WHERE parent_execution_id", level)]
            found.extend(level)
        return sorted(found)

    def _each(self, conn: Connection, statement: str, ids: Sequence[str], *, end: str = "") -> list[Any]:
        """Run ``statement IN (ids)`` in portions, with ``end`` behind; the rows, if it gives any."""
        mark = self.database.dialect.placeholder
        rows: list[Any] = []
        for start in range(0, len(ids), IDS_AT_ONCE):
            part = tuple(ids[start:start + IDS_AT_ONCE])
            result = conn.exec_driver_sql(f"{statement} IN ({', '.join([mark] * len(part))}){end}", part)
            if result.returns_rows:
                rows.extend(result)
        return rows

    def _scope_of(self, conn: Connection, execution_id: str | None) -> str | None:
        mark = self.database.dialect.placeholder
        text = f"SELECT COALESCE(root_execution_id, id) FROM executions WHERE id = {mark}"
        (rows,) = self._fetch(conn, [(text, (execution_id,))])
        return rows[0][0] if rows else None

    def _fetch(self, conn: Connection, queries: Sequence[tuple[str, tuple[Any, ...]]]) -> list[list[Any]]:
        """The rows of several queries, sent together where the database can."""
        raw = conn.connection.driver_connection
        dialect = self.database.dialect
        cursors: list[Any] = []
        try:
            with dialect.pipeline(raw):
                for text, values in queries:
                    self.database.note(text, 1)
                    cursors.append(dialect.run_many(raw, text, [values]))
            return [cursor.fetchall() for cursor in cursors]
        finally:
            for cursor in cursors:
                cursor.close()

    def _decode(self, layout: Layout[R], rows: Iterable[Sequence[Any]], reader: PayloadReader) -> list[R]:
        return decode_rows(layout, rows, self.database.dialect, reader)

    def _fill(self, conn: Connection, reader: PayloadReader, scope: str, *, renew: bool = False) -> None:
        """Read the big values that were referred to. ``renew``: what was known of the scope may be outdated."""
        stored = self.payloads.renew(scope) if renew else self.payloads.stored(scope)
        wanted = sorted(reader.wanted())
        bodies = payload_bodies(conn, self.database, scope, wanted) if wanted else {}
        self.payloads.mark_stored(scope, stored, reader.fill(bodies))


def payload_bodies(conn: Connection, database: Database, scope: str, digests: Sequence[str]) -> dict[str, str]:
    """The texts of big values of one scope."""
    mark = database.dialect.placeholder
    parts: dict[str, list[str]] = {}
    for start in range(0, len(digests), IDS_AT_ONCE):
        chosen = digests[start:start + IDS_AT_ONCE]
        marks = ", ".join([mark] * len(chosen))
        text = f"SELECT digest, body FROM payloads WHERE scope_id = {mark} AND digest IN ({marks}) ORDER BY digest, part"
        for digest, body in conn.exec_driver_sql(text, (scope, *chosen)):
            parts.setdefault(digest, []).append(body)
    return {digest: "".join(pieces) for digest, pieces in parts.items()}


def _select(layout: Layout[Any]) -> str:
    return f"SELECT {', '.join(layout.columns())} FROM {layout.table}"


def _not_found(execution_id: str) -> NotFoundError:
    return NotFoundError(f"Workflow execution not found [workflow_execution_id={execution_id}]")
