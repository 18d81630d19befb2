"""One commit: everything that a batch of decisions changes, in one transaction of a few bulk statements.

The batch is encoded before the transaction begins, so that locks are held for the time of the statements only.
An execution's row is written on every commit that touches it or anything below it, with the version that was
loaded as condition; that row is the only one two deciders ever fight for, and it is written first.
"""

# ruff: noqa: S608 - statements are put together from names that stand in this room; values are always parameters

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import Connection

from maestrale.core.lease import lease_of
from maestrale.core.model import Attempt, Execution, Job, Record, Task
from maestrale.errors import ConflictError, DuplicateError, EngineError
from maestrale.store.database import Database
from maestrale.store.dialect import TIMESTAMP, Dialect, Insert, Row, Update
from maestrale.store.encoding import dumps
from maestrale.store.payloads import PayloadCache, PayloadWriter
from maestrale.store.rows import ATTEMPT, EXECUTION, JOB, TASK, Encoder, Layout, Step, encoder
from maestrale.store.triggers import Firing

EXECUTION_FIELDS = tuple(name for name in EXECUTION.fields if name != "version")

NOT_FINAL = f"{ATTEMPT.table}.state NOT IN ('SUCCESS', 'ERROR', 'CANCELLED')"

MOST_KNOWN_SPECS = 10_000

SPECS = Insert("specs", ("digest", "body"))
PAYLOADS = Insert("payloads", ("scope_id", "digest", "part", "body"))
LEASES = Insert(
    "execution_leases", ("execution_id", "seconds", "on_lost", "expires_at"),
    {"execution_id": "text", "seconds": "double precision", "on_lost": "text", "expires_at": TIMESTAMP})


class VersionConflict(ConflictError):  # noqa: N818 - names what happened, not that it is wrong
    """Another process has changed an execution since it was loaded; ``ids`` of executions and standalone attempts."""

    def __init__(self, ids: Iterable[str]) -> None:
        self.ids = sorted(ids)
        super().__init__(f"Changed by another process meanwhile: {', '.join(self.ids)}")


class JobGone(ConflictError):  # noqa: N818 - as above
    """Jobs that were to be done with this commit don't exist any more, so another process has done them; ``ids``."""

    def __init__(self, ids: Iterable[str]) -> None:
        self.ids = sorted(ids)
        super().__init__(f"Done by another process meanwhile: {', '.join(self.ids)}")


class AlreadyExists(DuplicateError):  # noqa: N818 - as above
    """An execution that was to be started exists; ``id``, and all such as ``ids``."""

    def __init__(self, ids: Iterable[str]) -> None:
        self.ids = sorted(ids)
        self.id = self.ids[0]
        super().__init__(f"The execution exists already: {', '.join(self.ids)}")


class TriggerMoved(ConflictError):  # noqa: N818 - as above
    """A cron trigger that was to fire has been fired by another process, or deleted."""


@dataclass(slots=True)
class Changeset:
    """One execution with the records below it that are new or changed.

    ``expected_version`` is the version that was loaded, 0 for a new execution; the commit writes the next one.
    """

    execution: Execution
    expected_version: int
    tasks: Sequence[Task] = ()
    attempts: Sequence[Attempt] = ()


@dataclass(slots=True)
class Batch:
    """What one commit writes. ``new_specs`` maps digests to what ``WorkflowSpec.raw`` holds."""

    changesets: list[Changeset] = field(default_factory=list)
    standalone: list[Attempt] = field(default_factory=list)
    new_jobs: list[Job] = field(default_factory=list)
    done_jobs: list[str] = field(default_factory=list)
    new_specs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    firings: list[Firing] = field(default_factory=list)


Kind = Literal["versions", "jobs", "triggers", "standalone", "rows", "any"]


@dataclass(slots=True)
class Statement:
    """One bulk statement. ``kind`` says what it means if it finds fewer rows than it was given."""

    text: str
    rows: Sequence[Row]
    run: Callable[[Any], list[Any]]
    kind: Kind = "any"


class RowsMissing(Exception):  # noqa: N818 - internal signal
    """A statement found fewer rows than it should."""

    def __init__(self, kind: Kind, text: str) -> None:
        self.kind: Kind = kind
        super().__init__(text)


class Plan:
    """A batch as statements, ready to run; it may run again after a failed transaction."""

    def __init__(self, batch: Batch, dialect: Dialect, cache: PayloadCache, known_specs: set[str], encoders: dict[Any, Encoder]) -> None:
        self.batch = batch
        self.statements: list[Statement] = []
        self._dialect = dialect
        self._encoders = encoders
        self._writer = PayloadWriter(cache)
        self._known_specs = known_specs
        self._inserts: dict[str, list[Row]] = {}
        self._updates: dict[tuple[str, tuple[str, ...], str], list[Row]] = {}
        self._prepare()

    def run(self, conn: Connection, note: Callable[[str, int], None]) -> None:
        """Send all statements, then see what they found. Raises RowsMissing."""
        raw = conn.connection.driver_connection
        cursors: list[tuple[Statement, Any]] = []
        try:
            with self._dialect.pipeline(raw):
                for statement in self.statements:
                    note(statement.text, len(statement.rows))
                    cursors.extend((statement, cursor) for cursor in statement.run(raw))
            found: Counter[int] = Counter()
            for statement, cursor in cursors:
                found[id(statement)] += cursor.rowcount
        finally:
            for _, cursor in cursors:
                cursor.close()
        for statement in self.statements:
            if statement.kind != "any" and found[id(statement)] != len(statement.rows):
                raise RowsMissing(statement.kind, f"{found[id(statement)]} of {len(statement.rows)} rows: {statement.text}")

    def committed(self) -> None:
        """Note what the database has now."""
        self._writer.committed()
        if len(self._known_specs) > MOST_KNOWN_SPECS:
            self._known_specs.clear()
        self._known_specs.update(self.batch.new_specs)
        for changeset in self.batch.changesets:
            changeset.execution.version = changeset.expected_version + 1

    def _prepare(self) -> None:
        batch = self.batch
        for changeset in batch.changesets:
            self._changeset(changeset)
        for attempt in batch.standalone:
            self._record(ATTEMPT, attempt, attempt.id, 0, alone=True)
        encode = self._encoder(JOB, JOB.fields)
        for job in batch.new_jobs:
            self._inserts.setdefault(JOB.table, []).append(encode(job, dumps))
        self._order()

    def _changeset(self, changeset: Changeset) -> None:
        execution, version = changeset.execution, changeset.expected_version + 1
        scope = execution.root_execution_id or execution.id
        if not execution.stored and scope == execution.id:
            self._writer.begin_scope(scope)
        to_mapping = self._mapping_step(scope)
        if execution.stored:
            fields = tuple(sorted(execution.dirty - {"version"}))
            row = self._encoder(EXECUTION, fields)(execution, to_mapping) if fields else []
            key = [execution.id, changeset.expected_version, self._time(execution.created_at)]
            self._updates.setdefault((EXECUTION.table, fields, ""), []).append([*row, version, *key])
        else:
            row = self._encoder(EXECUTION, EXECUTION_FIELDS)(execution, to_mapping)
            self._inserts.setdefault(EXECUTION.table, []).append([*row, version])
            self._lease(execution)
        for task in changeset.tasks:
            self._record(TASK, task, scope, version)
        for attempt in changeset.attempts:
            self._record(ATTEMPT, attempt, scope, version)

    def _lease(self, execution: Execution) -> None:
        """Store the lease that a root is started with."""
        lease = lease_of(execution.params) if execution.task_execution_id is None else None
        if lease is not None:
            expires_at = self._time(execution.created_at + timedelta(seconds=lease.seconds))
            self._inserts.setdefault(LEASES.table, []).append([execution.id, lease.seconds, lease.on_lost, expires_at])

    def _record(self, layout: Layout[Any], record: Record, scope: str, version: int, *, alone: bool = False) -> None:
        to_mapping = self._mapping_step(scope)
        if not record.stored:
            if alone:
                self._writer.begin_scope(scope)
            row = self._encoder(layout, layout.fields)(record, to_mapping)
            self._inserts.setdefault(layout.table, []).append([*row, version])
        elif record.dirty:
            fields = tuple(sorted(record.dirty))
            row = self._encoder(layout, fields)(record, to_mapping)
            condition = NOT_FINAL if alone else ""
            self._updates.setdefault((layout.table, fields, condition), []).append([*row, version, record.id])

    def _mapping_step(self, scope: str) -> Step:
        encode = self._writer.encode
        return lambda value: encode(scope, value)

    def _encoder(self, layout: Layout[Any], fields: tuple[str, ...]) -> Encoder:
        key = (layout.table, fields)
        found = self._encoders.get(key)
        if found is None:
            found = self._encoders[key] = encoder(layout, fields, self._dialect)
        return found

    def _time(self, value: Any) -> Any:
        convert = self._dialect.time_in()
        return convert(value) if convert is not None else value

    def _order(self) -> None:
        """Executions first, then what may be refused, then the rest."""
        layouts = {layout.table: layout for layout in (EXECUTION, TASK, ATTEMPT)}
        updates = sorted(self._updates.items(), key=lambda item: item[0])
        for (table, fields, condition), rows in updates:
            if table == EXECUTION.table:
                self._add_update(EXECUTION, fields, condition, rows, ("id", "version", "created_at"), "versions")
        if self.batch.done_jobs:
            self._add_delete(self.batch.done_jobs)
        for firing in self.batch.firings:
            self._add_firing(firing)
        self._add_insert(Insert(EXECUTION.table, (*EXECUTION.columns(EXECUTION_FIELDS), "version"), EXECUTION.types))
        self._add_insert(LEASES)
        specs = {digest: raw for digest, raw in self.batch.new_specs.items() if digest not in self._known_specs}
        self._add_new(SPECS, [(digest, dumps(raw)) for digest, raw in sorted(specs.items())])
        self._add_new(PAYLOADS, self._writer.rows())
        self._add_insert(Insert(TASK.table, (*TASK.columns(), "version"), TASK.types))
        self._add_insert(Insert(ATTEMPT.table, (*ATTEMPT.columns(), "version"), ATTEMPT.types))
        self._add_insert(Insert(JOB.table, JOB.columns(), JOB.types))
        for (table, fields, condition), rows in updates:
            if table != EXECUTION.table:
                self._add_update(layouts[table], fields, condition, rows, ("id",), "standalone" if condition else "rows")

    def _add_update(
        self, layout: Layout[Any], fields: tuple[str, ...], condition: str, rows: list[Row], keys: tuple[str, ...], kind: Kind,
    ) -> None:
        update = Update(layout.table, (*layout.columns(fields), "version"), keys, condition, layout.types)
        rows.sort(key=lambda row: row[-len(keys)])
        dialect = self._dialect
        self.statements.append(Statement(dialect.update(update), rows, lambda raw: dialect.update_many(raw, update, rows), kind))

    def _add_delete(self, ids: Sequence[str]) -> None:
        dialect, ordered = self._dialect, sorted(ids)
        rows = [(one,) for one in ordered]
        text = f"DELETE FROM {JOB.table}"
        self.statements.append(Statement(text, rows, lambda raw: dialect.delete_many(raw, JOB.table, ordered), "jobs"))

    def _add_firing(self, firing: Firing) -> None:
        dialect, mark = self._dialect, self._dialect.placeholder
        where = f"WHERE id = {mark} AND next_execution_time = {mark}"
        key = (firing.trigger_id, self._time(firing.expected))
        row: Row
        if firing.following is None:
            text, row = f"DELETE FROM cron_triggers {where}", key
        else:
            # a trigger that has fired is the same as no new one
            text = f"UPDATE cron_triggers SET next_execution_time = {mark}, remaining_executions = {mark}, identity = NULL {where}"
            row = (self._time(firing.following), firing.remaining, *key)
        self.statements.append(Statement(text, [row], lambda raw: [dialect.run_many(raw, text, [row])], "triggers"))

    def _add_insert(self, insert: Insert) -> None:
        rows = self._inserts.get(insert.table)
        if rows:
            dialect = self._dialect
            self.statements.append(Statement(dialect.insert(insert), rows, lambda raw: dialect.insert_many(raw, insert, rows)))

    def _add_new(self, insert: Insert, rows: Sequence[Row]) -> None:
        if rows:
            dialect = self._dialect
            self.statements.append(Statement(dialect.insert_new(insert), rows, lambda raw: dialect.insert_many_new(raw, insert, rows)))


def missing_rows(error: RowsMissing, batch: Batch, database: Database) -> Exception:
    """The error to raise for a statement that found too few rows, after the transaction was rolled back."""
    if error.kind == "jobs":
        return JobGone(_gone_jobs(batch, database) or set(batch.done_jobs))
    if error.kind == "triggers":
        return TriggerMoved("The cron trigger was fired by another process or deleted.")
    if error.kind == "versions":
        return VersionConflict(_outdated(batch, database) or {item.execution.id for item in batch.changesets if item.execution.stored})
    if error.kind == "standalone":
        return VersionConflict(attempt.id for attempt in batch.standalone if attempt.stored)
    return EngineError(f"Rows that should exist do not: {error}")


def rival_of(batch: Batch, database: Database) -> Exception | None:
    """Who was quicker, if that is why a row of the batch exists already.

    Identities follow from the execution's, so another process that decides the same writes the same rows; and statements that
    are sent together reach them before the versions are looked at.
    """
    present = _present(database, EXECUTION.table, [item.execution.id for item in batch.changesets if not item.execution.stored])
    if present:
        return AlreadyExists(present)
    outdated = _outdated(batch, database)
    if outdated:
        return VersionConflict(outdated)
    gone = _gone_jobs(batch, database)
    return JobGone(gone) if gone else None


def _outdated(batch: Batch, database: Database) -> set[str]:
    """The executions of the batch whose stored version is another one than the one that was loaded."""
    expected = {item.execution.id: item.expected_version for item in batch.changesets if item.execution.stored}
    present = _present(database, EXECUTION.table, list(expected), "version")
    return {one for one, version in expected.items() if present.get(one) != version}


def _gone_jobs(batch: Batch, database: Database) -> set[str]:
    return set(batch.done_jobs) - _present(database, JOB.table, batch.done_jobs).keys()


def _present(database: Database, table: str, ids: Sequence[str], column: str = "id") -> dict[str, Any]:
    mark = database.dialect.placeholder

    def look(conn: Connection) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for start in range(0, len(ids), 500):
            part = tuple(ids[start:start + 500])
            marks = ", ".join([mark] * len(part))
            rows = conn.exec_driver_sql(f"SELECT id, {column} FROM {table} WHERE id IN ({marks})", part)
            found.update({row[0]: row[1] for row in rows})
        return found

    return database.run_read(look) if ids else {}
