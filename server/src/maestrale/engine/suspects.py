"""Executions whose decisions fail though the database works.

Such a one is decided by itself, after pauses that grow, so that it doesn't take up others that are decided with it, nor all the
time of the deciding thread. What fails more than once is to be written down, for the doctor. Used by the deciding thread; ``changes`` and
``keep_changes`` by any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from maestrale import clock

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 600.0
SHARE = 10.0
"""A pause is so many times as long as what was tried took: a tenth of the time, at most, goes to what can't be done."""
FORGET_AFTER = 120.0
"""Seconds after which one that nothing was tried for, since nobody wanted anything, is suspected no more."""
TOLD_FROM = 2


@dataclass(slots=True)
class Suspect:
    """``at``: when it may be tried again, on the monotonic clock; ``reason``: the last error's text."""

    since: datetime
    at: float
    tries: int
    reason: str


class Suspects:
    """See the module."""

    def __init__(self, now: Callable[[], datetime] = clock.now, monotonic: Callable[[], float] = clock.monotonic) -> None:
        self.now = now
        self.monotonic = monotonic
        self._known: dict[str, Suspect] = {}
        self._changed: set[str] = set()
        self._mutex = Lock()

    def __bool__(self) -> bool:
        return bool(self._known)

    def wait(self, execution_id: str | None) -> float | None:
        """Seconds until the execution may be tried again, 0 or less if it may be now; None if it isn't suspected."""
        suspect = self._known.get(execution_id or "")
        return None if suspect is None else suspect.at - self.monotonic()

    def reason(self, execution_id: str) -> str:
        """Why it is suspected."""
        return self._known[execution_id].reason

    def note(self, execution_id: str, reason: str, *, took: float = 0.0, at_least: float = FIRST_PAUSE) -> float:
        """It failed once more, after ``took`` seconds; how many seconds it has to wait."""
        with self._mutex:
            suspect = self._known.setdefault(execution_id, Suspect(self.now(), 0.0, 0, reason))
            pause: float = min(LONGEST_PAUSE, max(at_least, FIRST_PAUSE * 2**min(suspect.tries, 16), took * SHARE))
            suspect.tries += 1
            suspect.reason = reason
            suspect.at = self.monotonic() + pause
            if suspect.tries >= TOLD_FROM:
                self._changed.add(execution_id)
            return pause

    def clear(self, execution_id: str | None) -> None:
        """It was decided."""
        if execution_id in self._known:
            with self._mutex:
                self._drop(execution_id)

    def _drop(self, execution_id: str) -> None:
        if self._known.pop(execution_id).tries >= TOLD_FROM:
            self._changed.add(execution_id)

    def changes(self) -> tuple[dict[str, Suspect], list[str]]:
        """What is to be written down since the last call, and what is over."""
        with self._mutex:
            forgotten = self.monotonic() - FORGET_AFTER
            for execution_id in [one for one, suspect in self._known.items() if suspect.at < forgotten]:
                self._drop(execution_id)
            changed, self._changed = self._changed, set()
            told = {one: suspect for one in changed if (suspect := self._known.get(one)) is not None}
            return told, sorted(changed - told.keys())

    def keep_changes(self, execution_ids: Iterable[str]) -> None:
        """They could not be written down, and are to be given once more."""
        with self._mutex:
            self._changed.update(execution_ids)
