"""The queue between everything that knows something new and the one thread that decides.

Requests are bounded: what doesn't fit is refused at once. Results, timers and follow-ups are never
refused, since a row stands behind each and their number is bounded by what runs. Whatever has gathered
while a commit ran is taken in one go, which is what makes commits shared; a lone item is taken at once.
"""

from __future__ import annotations

from queue import Empty, SimpleQueue

from maestrale.engine.items import Item
from maestrale.errors import DatabaseUnavailableError


class Inbox:
    """A queue that any thread may put to and that one thread takes from."""

    def __init__(self, limit: int) -> None:
        self._queue: SimpleQueue[Item | None] = SimpleQueue()
        self._limit = limit

    def __len__(self) -> int:
        return self._queue.qsize()

    def put(self, item: Item) -> None:
        """Add what the service itself has to deliver."""
        self._queue.put(item)

    def request(self, item: Item) -> None:
        """Add a client's request. Raises DatabaseUnavailableError when too many wait."""
        if self._queue.qsize() >= self._limit:
            raise DatabaseUnavailableError("Too many requests wait for a decision; try again later.")
        self._queue.put(item)

    def wake(self) -> None:
        """Make a waiting ``take`` return."""
        self._queue.put(None)

    def take(self, limit: int, timeout: float | None) -> list[Item]:
        """Wait up to ``timeout`` seconds for something, then give all that waits, at most ``limit`` items."""
        found: list[Item] = []
        try:
            first = self._queue.get(timeout=timeout) if timeout is None or timeout > 0 else self._queue.get_nowait()
            if first is not None:
                found.append(first)
            while len(found) < limit:
                item = self._queue.get_nowait()
                if item is not None:
                    found.append(item)
        except Empty:
            pass
        return found
