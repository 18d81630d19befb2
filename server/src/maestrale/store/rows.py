"""Records as rows: which column holds which field, and how it is encoded and decoded.

The four tables of the hot path are written with the driver's own bulk statements, so this is the place that
knows their columns by name; ``tables.py`` defines them, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any, Generic, TypeVar

from maestrale.core.model import Attempt, Execution, Job, Record, Task
from maestrale.store.dialect import TIMESTAMP, Dialect
from maestrale.store.encoding import clean_text, dumps, loads
from maestrale.store.payloads import PayloadReader

R = TypeVar("R")

PLAIN, TEXT, NUMBER, BOOL, TIME, JSON, MAPPING = "plain", "text", "number", "bool", "time", "json", "mapping"

SQL_TYPES = {NUMBER: "bigint", BOOL: "bool", TIME: TIMESTAMP}

COLUMN_NAMES = {"index": "item_index"}
"""Fields whose column has another name, since SQL has taken theirs."""


@dataclass(frozen=True)
class Layout(Generic[R]):
    """A table's columns: field name to kind, in the order of the row."""

    table: str
    record: type[R]
    kinds: dict[str, str]

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields in the order of the row."""
        return tuple(self.kinds)

    def columns(self, fields: Iterable[str] | None = None) -> tuple[str, ...]:
        """The columns of these fields, or of all."""
        return tuple(COLUMN_NAMES.get(name, name) for name in (self.kinds if fields is None else fields))

    @cached_property
    def types(self) -> dict[str, str]:
        """The SQL types of the columns, and of the version that all but jobs have."""
        types = {COLUMN_NAMES.get(name, name): SQL_TYPES.get(kind, "text") for name, kind in self.kinds.items()}
        return {**types, "version": SQL_TYPES[NUMBER]}


EXECUTION = Layout(
    "executions", Execution,
    {
        "id": PLAIN, "version": NUMBER, "created_at": TIME, "updated_at": TIME, "project_id": TEXT, "workflow_id": PLAIN,
        "workflow_name": TEXT, "workflow_namespace": TEXT, "spec_digest": PLAIN, "description": TEXT, "tags": JSON, "state": PLAIN,
        "state_info": TEXT, "input": MAPPING, "params": MAPPING, "context": MAPPING, "output": MAPPING, "accepted": BOOL,
        "task_execution_id": PLAIN, "parent_execution_id": PLAIN, "root_execution_id": PLAIN, "runtime": MAPPING,
        "security": JSON, "started_at": TIME, "finished_at": TIME,
    },
)

TASK = Layout(
    "task_executions", Task,
    {
        "id": PLAIN, "created_at": TIME, "updated_at": TIME, "execution_id": PLAIN, "ordinal": NUMBER, "project_id": TEXT, "name": TEXT,
        "type": PLAIN, "state": PLAIN, "state_info": TEXT, "unique_key": TEXT, "tags": JSON, "published": MAPPING,
        "published_global": MAPPING, "processed": BOOL, "next_tasks": JSON, "has_next_tasks": BOOL, "error_handled": BOOL,
        "runtime_context": MAPPING, "started_at": TIME, "finished_at": TIME,
    },
)

ATTEMPT = Layout(
    "action_executions", Attempt,
    {
        "id": PLAIN, "created_at": TIME, "updated_at": TIME, "kind": PLAIN, "execution_id": PLAIN, "task_id": PLAIN, "ordinal": NUMBER,
        "index": NUMBER, "project_id": TEXT, "name": TEXT, "namespace": TEXT, "description": TEXT, "state": PLAIN, "state_info": TEXT,
        "input": MAPPING, "output": MAPPING, "accepted": BOOL, "is_sync": BOOL, "idempotent": BOOL, "tags": JSON,
        "runtime_context": MAPPING, "owner": PLAIN, "dispatched_at": TIME,
    },
)

JOB = Layout(
    "jobs", Job,
    {
        "id": PLAIN, "kind": PLAIN, "execution_id": PLAIN, "due_at": TIME, "payload": JSON, "created_at": TIME, "owner": PLAIN,
        "attempts": NUMBER,
    },
)

Step = Callable[[Any], Any]
Encoder = Callable[[Any, Step], list[Any]]
"""From a record, and what writes its mappings, to the values that the driver takes."""


def encoder(layout: Layout[Any], fields: Sequence[str], dialect: Dialect) -> Encoder:
    """The encoder of these fields. Raises KeyError for one that has no column."""
    read = attrgetter(*fields)
    single = len(fields) == 1
    steps: list[tuple[int, Step]] = []
    mappings: list[int] = []
    time_in = dialect.time_in()
    for position, name in enumerate(fields):
        kind = layout.kinds[name]
        if kind == TEXT:
            steps.append((position, clean_text))
        elif kind == JSON:
            steps.append((position, _json_in))
        elif kind == MAPPING:
            mappings.append(position)
        elif kind == TIME and time_in is not None:
            steps.append((position, time_in))

    def encode(record: Any, to_mapping: Step) -> list[Any]:
        values = [read(record)] if single else list(read(record))
        for position, step in steps:
            value = values[position]
            if value is not None:
                values[position] = step(value)
        for position in mappings:
            values[position] = to_mapping(values[position])
        return values

    return encode


def decode_rows(layout: Layout[R], rows: Iterable[Sequence[Any]], dialect: Dialect, reader: PayloadReader) -> list[R]:
    """The records of rows with all columns of the layout, in its order. References stay open in ``reader``."""
    fields = layout.fields
    steps: list[tuple[str, Callable[[Any], Any]]] = []
    time_out, bool_out = dialect.time_out(), dialect.bool_out()
    for name, kind in layout.kinds.items():
        if kind == JSON:
            steps.append((name, _json_out))
        elif kind == MAPPING:
            steps.append((name, reader.decode))
        elif kind == TIME and time_out is not None:
            steps.append((name, time_out))
        elif kind == BOOL and bool_out is not None:
            steps.append((name, bool_out))
    extra = {"stored": True} if issubclass(layout.record, Record) else {}
    records = []
    for row in rows:
        values = dict(zip(fields, row, strict=True))
        for name, step in steps:
            value = values[name]
            if value is not None:
                values[name] = step(value)
        records.append(layout.record(**values, **extra))
    return records


def _json_in(value: Any) -> str:
    return "[]" if value == [] else dumps(value)


def _json_out(text: str) -> Any:
    return [] if text == "[]" else loads(text)
