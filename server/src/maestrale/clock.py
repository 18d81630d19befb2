"""The time. The one place that reads it; everything else is handed ``now``."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The current time as a naive UTC datetime, the form of all stored times."""
    return datetime.now(UTC).replace(tzinfo=None)  # noqa: TID251 - this is the place


def monotonic() -> float:
    """Seconds on a clock that never jumps, for measuring spans."""
    return time.monotonic()
