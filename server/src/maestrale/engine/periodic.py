"""Duties that come round again and again, each at its own pace, in one thread. A duty that fails is tried again next time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Event

import structlog

from maestrale import clock
from maestrale.errors import DatabaseUnavailableError

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Duty:
    """Something to do every ``interval`` seconds, first at ``due`` on the monotonic clock."""

    name: str
    interval: float
    run: Callable[[], None]
    due: float = 0.0


class Periodic:
    """See the module. All methods but ``run`` may be called from any thread."""

    def __init__(self, duties: Iterable[Duty]) -> None:
        self.duties = list(duties)
        self._wake = Event()
        self._stopping = False

    def run(self) -> None:
        """Do what is due until ``stop``; the body of a thread."""
        while not self._stopping and self.duties:
            now = clock.monotonic()
            for duty in self.duties:
                if duty.due <= now and not self._stopping:
                    duty.due = now + duty.interval
                    self._do(duty)
            self._wake.wait(max(0.0, min(duty.due for duty in self.duties) - clock.monotonic()))
            self._wake.clear()

    @staticmethod
    def _do(duty: Duty) -> None:
        try:
            duty.run()
        except DatabaseUnavailableError as error:
            log.warning("the database is not available", duty=duty.name, error=str(error))
        except Exception:
            log.exception("a duty failed", duty=duty.name)

    def hurry(self) -> None:
        """Do everything at once."""
        for duty in self.duties:
            duty.due = 0.0
        self._wake.set()

    def stop(self) -> None:
        """Make ``run`` return after the duty at hand."""
        self._stopping = True
        self._wake.set()
