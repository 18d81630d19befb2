"""Executions kept in memory between two events, bounded by number, records and bytes.

A snapshot here equals its rows as this process knows them; another process may have changed them since,
which the version check of the next commit tells. Used by the deciding thread only.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

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

    def put(self, snapshot: Snapshot, size: int = 0) -> None:
        """Keep a snapshot whose rows take about ``size`` bytes, and let go of the oldest beyond the bounds."""
        self.drop(snapshot.execution.id)
        records = 1 + len(snapshot.tasks) + len(snapshot.attempts)
        self._entries[snapshot.execution.id] = (snapshot, records, size)
        self._records += records
        self._bytes += size
        while self._entries and (
            len(self._entries) > self._bounds.executions or self._records > self._bounds.records or self._bytes > self._bounds.bytes
        ):
            self.drop(next(iter(self._entries)))

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
