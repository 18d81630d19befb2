"""From events of running actions to stored rows, in a thread of its own that starts with the first event.

Whoever emits never waits. Events are written when ``BATCH`` of them are there, or after ``PATIENCE`` seconds; an action's
end is told only when all its events are stored, so whoever sees the end has seen, or can read, the whole output.
More events than ``pending_max`` are not kept while the database is away: an event of the kind ``lost`` tells how many.
A text longer than ``event_max`` comes in pieces: the event itself has the first, events of the kind ``continued`` the others. They end
where lines end; a piece that a line goes on after is marked ``open``.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from maestrale import clock
from maestrale.errors import DatabaseUnavailableError, MaestraleError
from maestrale.store import Connection, ConstraintError, Database, action_events
from maestrale.store.encoding import dumps

log = structlog.get_logger(__name__)

BATCH = 100
MOST_AT_ONCE = 2000
PATIENCE = 0.5
RETRY_PAUSE = 1.0
RIVAL_TRIES = 5
_KEPT = ("uuid", "parent_uuid", "created", "play", "role", "task", "host")

Report = Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Item:
    """One event, or something to do once all before it are stored."""

    attempt_id: str
    event: Mapping[str, Any] | None = None
    report: Report | None = None


class LiveOutput:
    """See the module. All methods may be called from any thread."""

    def __init__(
        self, database: Database, now: Callable[[], datetime], *, event_max: int = 256 * 1024, pending_max: int = 100_000,
    ) -> None:
        """``event_max``: characters of one event's text beyond which it comes in pieces."""
        self._database = database
        self._now = now
        self._event_max = event_max
        self._pending_max = pending_max
        self._changed = threading.Condition()
        self._queue: deque[_Item] = deque()
        self._open: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()
        self._first_at = 0.0
        self._hurry = False
        self._closing = False
        self._thread: threading.Thread | None = None

    def emit(self, attempt_id: str, events: Sequence[Mapping[str, Any]]) -> None:
        """Store these events of an action soon."""
        with self._changed:
            if not self._queue:
                self._first_at = clock.monotonic()
            for event in events:
                if len(self._queue) >= self._pending_max:
                    self._lost[attempt_id] += 1
                    continue
                if lost := self._lost.pop(attempt_id, 0):
                    self._add(attempt_id, {"event": "lost", "stdout": "", "lost": lost})
                self._add(attempt_id, event)
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._run, name="live output", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _add(self, attempt_id: str, event: Mapping[str, Any]) -> None:
        for piece in pieces(event, self._event_max):
            self._queue.append(_Item(attempt_id, event=piece))
            self._open[attempt_id] += 1

    def told(self, attempt_id: str) -> Iterator[Mapping[str, Any]]:
        """What is stored of an action so far, in order. Raises DatabaseUnavailableError."""
        page = self._page(attempt_id, 0)
        while page:
            for _, body in page:
                yield json.loads(body)
            page = self._page(attempt_id, page[-1][0])

    def _page(self, attempt_id: str, after: int) -> Sequence[tuple[int, str]]:
        return self._database.run_read(lambda conn: action_events.stored(conn, attempt_id, after=after, limit=MOST_AT_ONCE))

    def when_stored(self, attempt_id: str, report: Report) -> None:
        """Call ``report`` when all events that the action has emitted are stored; at once if there are none."""
        if attempt_id in self._open or attempt_id in self._lost:
            with self._changed:
                if attempt_id in self._open or attempt_id in self._lost:
                    if lost := self._lost.pop(attempt_id, 0):
                        self._add(attempt_id, {"event": "lost", "stdout": "", "lost": lost})
                    self._queue.append(_Item(attempt_id, report=report))
                    self._hurry = True
                    self._changed.notify()
                    return
        report()

    def close(self) -> None:
        """Store what waits and end the thread; events that can't be stored now are given up, ends are told all the same."""
        with self._changed:
            self._closing = True
            thread, self._thread = self._thread, None
            self._changed.notify()
        if thread is not None:
            thread.join()

    # ---- the thread

    def _run(self) -> None:
        while batch := self._next():
            self._store([item for item in batch if item.event is not None])
            with self._changed:
                for item in batch:
                    if item.event is not None:
                        self._open[item.attempt_id] -= 1
                        if not self._open[item.attempt_id]:
                            del self._open[item.attempt_id]
            for item in batch:
                if item.report is not None:
                    self._tell(item.report)

    @staticmethod
    def _tell(report: Report) -> None:
        try:
            report()
        except Exception:
            log.exception("an action's end was not taken")

    def _next(self) -> list[_Item]:
        """What to store now; nothing at the end."""
        with self._changed:
            while not self._closing and not self._hurry and len(self._queue) < BATCH:
                wait = self._first_at + PATIENCE - clock.monotonic() if self._queue else None
                if wait is not None and wait <= 0:
                    break
                self._changed.wait(wait)
            batch = [self._queue.popleft() for _ in range(min(MOST_AT_ONCE, len(self._queue)))]
            self._first_at = clock.monotonic()
            self._hurry = any(item.report is not None for item in self._queue)
            return batch

    def _store(self, items: Sequence[_Item]) -> None:
        """Store events in order, however long the database is away."""
        if not items:
            return
        tries = 0
        while True:
            try:
                self._database.run_write(lambda conn: self._write(conn, items))
            except DatabaseUnavailableError as error:
                if self._closing:
                    log.warning("live output could not be stored", events=len(items), error=str(error))
                    return
                log.info("live output waits for the database", events=len(items), error=str(error))
                with self._changed:
                    self._changed.wait_for(lambda: self._closing, RETRY_PAUSE)
            except ConstraintError:
                # another process stored events of the action, which it lost or took over
                tries += 1
                if tries == RIVAL_TRIES:
                    log.warning("live output could not be stored: its numbers are taken", events=len(items))
                    return
            except MaestraleError as error:
                log.warning("live output could not be stored", events=len(items), error=str(error))
                return
            else:
                return

    def _write(self, conn: Connection, items: Sequence[_Item]) -> None:
        """Number and insert; events of actions that have no row (run without keeping them, or deleted) are left out."""
        counters = action_events.last_counters(conn, {item.attempt_id for item in items})
        rows = []
        for item in items:
            if item.attempt_id in counters and item.event is not None:
                counters[item.attempt_id] += 1
                body = dumps({**item.event, "counter": counters[item.attempt_id]})
                rows.append((item.attempt_id, counters[item.attempt_id], body))
        action_events.append(conn, rows, self._now())


def pieces(event: Mapping[str, Any], most: int) -> Iterator[Mapping[str, Any]]:
    """The event, in pieces if its text is too long."""
    text = event.get("stdout")
    if not isinstance(text, str) or len(text) <= most:
        yield event
        return
    shown, start = dict(event), 0
    while start < len(text):
        at_line = text.rfind("\n", start, start + most + 1)
        is_last = len(text) - start <= most
        end = len(text) if is_last else at_line if at_line > start else start + most
        shown["stdout"] = text[start:end]
        if not is_last and end != at_line:
            shown["open"] = True
        yield shown
        shown = {"event": "continued", **{key: event[key] for key in _KEPT if key in event}}
        start = end + (end == at_line)
