"""Executions kept in memory between two events, bounded by number, records and bytes.

A snapshot here equals its rows as this process knows them; another process may have changed them since,
which the version check of the next commit tells. Used by the deciding thread only.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from maestrale.core.model import Attempt, Execution, Task
from maestrale.core.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class CacheBounds:
    """Most executions, most tasks and attempts over all of them, most bytes of data."""

    executions: int
    records: int
    bytes: int


class SnapshotCache:
    """Least recently used goes first."""

    def __init__(self, bounds: CacheBounds) -> None:
        self._bounds = bounds
        self._entries: OrderedDict[str, tuple[Snapshot, int, int]] = OrderedDict()
        self._records = 0
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, execution_id: str) -> bool:
        return execution_id in self._entries

    def get(self, execution_id: str) -> Snapshot | None:
        """The snapshot, which counts as used now."""
        entry = self._entries.get(execution_id)
        if entry is None:
            return None
        self._entries.move_to_end(execution_id)
        return entry[0]

    def put(self, snapshot: Snapshot, size: int = 0) -> list[str]:
        """Keep a snapshot whose data takes about ``size`` bytes, and let go of the oldest beyond the bounds, which are given."""
        self.drop(snapshot.execution.id)
        records = 1 + len(snapshot.tasks) + len(snapshot.attempts)
        self._entries[snapshot.execution.id] = (snapshot, records, size)
        self._records += records
        self._bytes += size
        gone = []
        while self._entries and (
            len(self._entries) > self._bounds.executions or self._records > self._bounds.records or self._bytes > self._bounds.bytes
        ):
            gone.append(next(iter(self._entries)))
            self.drop(gone[-1])
        return gone

    def drop(self, execution_id: str) -> None:
        """Forget a snapshot; one that isn't kept is no error."""
        entry = self._entries.pop(execution_id, None)
        if entry is not None:
            self._records -= entry[1]
            self._bytes -= entry[2]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._records = self._bytes = 0


SAMPLED = 8
TEXT, ITEM, ENTRY = 50, 8, 100


def weight_of(value: Any, depth: int = 4) -> int:
    """About how many bytes a JSON value takes in memory; long lists and mappings are judged by their first items."""
    if isinstance(value, str):
        return TEXT + len(value)
    is_mapping = type(value) is dict or isinstance(value, Mapping)
    if depth == 0 or not (is_mapping or isinstance(value, (list, tuple))):
        return TEXT
    if is_mapping:
        some = [TEXT + len(str(key)) + weight_of(item, depth - 1) for key, item in islice(value.items(), SAMPLED)]
        each = ENTRY
    else:
        some = [weight_of(item, depth - 1) for item in islice(value, SAMPLED)]
        each = ITEM
    return TEXT + (each + sum(some) // len(some)) * len(value) if some else TEXT


def weight_of_records(execution: Execution | None, tasks: Iterable[Task], attempts: Iterable[Attempt]) -> int:
    """The same for the data of records."""
    weight = 0
    if execution is not None:
        weight += sum(weight_of(one) for one in (execution.input, execution.params, execution.context, execution.output))
    for task in tasks:
        weight += weight_of(task.published) + weight_of(task.runtime_context)
    for attempt in attempts:
        weight += weight_of(attempt.input) + weight_of(attempt.output)
    return weight
