"""The near future in memory: job rows of this process that become due soon.

A shortcut only. Each entry is a row that stays until the decision that uses it deletes it; what lies beyond
the horizon is not kept here at all, and is claimed from the table when its time comes. Stored due times are
wall-clock times; how long it is until then is measured once, when a job comes here, and from then on by the
monotonic clock, so a wall clock that is set forward or back fires nothing too early or late.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime
from itertools import count

from maestrale import clock
from maestrale.core.model import Job


class Timers:
    """A heap of jobs by due time, in seconds of the monotonic clock. Used by one thread."""

    def __init__(self, now: Callable[[], datetime] = clock.now, monotonic: Callable[[], float] = clock.monotonic) -> None:
        self.now = now
        self.monotonic = monotonic
        self._heap: list[tuple[float, int, Job]] = []
        self._ids: set[str] = set()
        self._order = count()

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._ids

    def add(self, job: Job) -> None:
        """Keep a job until it is due; one that is kept already stays as it is."""
        if job.id not in self._ids:
            self._ids.add(job.id)
            due = self.monotonic() + (job.due_at - self.now()).total_seconds()
            heapq.heappush(self._heap, (due, next(self._order), job))

    def forget(self, job_id: str) -> bool:
        """The job is of no use any more; whether it was kept here."""
        if job_id in self._ids:
            self._ids.discard(job_id)
            return True
        return False

    def due(self) -> list[Job]:
        """Take out what is due, earliest first."""
        found = []
        now = self.monotonic()
        while self._heap and self._heap[0][0] <= now:
            job = heapq.heappop(self._heap)[2]
            if job.id in self._ids:
                self._ids.discard(job.id)
                found.append(job)
        return found

    def next_in(self) -> float | None:
        """Seconds until the earliest is due, None when there is none."""
        return max(0.0, self._heap[0][0] - self.monotonic()) if self._heap else None

    def clear(self) -> list[Job]:
        """Take out everything, for handing it over."""
        jobs = [entry[2] for entry in self._heap if entry[2].id in self._ids]
        self._heap.clear()
        self._ids.clear()
        return jobs
