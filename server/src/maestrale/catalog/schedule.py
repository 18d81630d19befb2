"""When a cron trigger runs: what its pattern, first time and count may be, and which times follow. Pure (1.13)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter

from maestrale.errors import RequestError

NEVER = "0 0 30 2 0"
"""The pattern stored for a trigger that has only a first time: 30 February."""

FIRST_TIME_FORM = "%Y-%m-%d %H:%M"
FIRST_TIME_TEXT = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}")
LEAD = timedelta(seconds=60)
LONGEST_PATTERN = 255
MOST_FIELDS = 6
LARGEST_COUNT = 2**31 - 1
CATCH_UP = ("skip", "once", "all")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A checked schedule. Times are naive UTC; ``timezone`` None is UTC."""

    pattern: str
    remaining: int | None
    first_time: datetime | None
    next_time: datetime
    timezone: str | None = None


def plan(
    *, pattern: str | None, first_time: str | None, remaining: int | str | None, now: datetime, timezone: str | None = None,
) -> Schedule:
    """The schedule that a new trigger asks for. Raises RequestError for everything that 1.13 refuses."""
    count = read_count(remaining)
    first = read_first_time(first_time, now)
    if pattern is None and first is None:
        raise RequestError("Pattern or first_execution_time must be specified.")
    if pattern is None and count is not None and count > 1:
        raise RequestError("Pattern must be provided if count is superior to 1.")
    if pattern is None:
        assert first is not None
        return Schedule(NEVER, 1, first, first, timezone)
    check_pattern(pattern)
    check_timezone(timezone)
    return Schedule(pattern, count, first, first or following(pattern, now, timezone), timezone)


def read_count(value: int | str | None) -> int | None:
    """A number of runs; digit strings are accepted (A238). Raises RequestError."""
    if value is None:
        return None
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,10}", text) or not 1 <= int(text) <= LARGEST_COUNT:
        raise RequestError(f"The number of remaining executions must be a whole number from 1 on, not {text[:40]}.")
    return int(text)


def read_first_time(text: str | None, now: datetime) -> datetime | None:
    """A time to the minute, UTC, at least a minute ahead (A240). Raises RequestError."""
    if text is None:
        return None
    first = _time_of(text) if FIRST_TIME_TEXT.fullmatch(text) else None
    if first is None:
        raise RequestError(f"Unexpected first_execution_time, use YYYY-MM-DD HH:MM in UTC, not {text[:40]}.")
    if first < now + LEAD:
        raise RequestError("first_execution_time must be at least 1 minute in the future.")
    return first


def _time_of(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, FIRST_TIME_FORM)  # noqa: DTZ007 - stored times are naive UTC
    except ValueError:
        return None


def check_pattern(pattern: str) -> None:
    """Five fields, a sixth one for seconds, or an alias as @daily (A236, A237). Raises RequestError."""
    fields = pattern.split()
    is_random = any(field.upper().startswith("R") for field in fields)  # each look would give another time
    if len(pattern) > LONGEST_PATTERN or len(fields) > MOST_FIELDS or is_random or not _is_known(pattern):
        raise RequestError(f"The specified pattern is not valid: {pattern[:80]}")


def _is_known(pattern: str) -> bool:
    try:
        return bool(croniter.is_valid(pattern))
    except (ValueError, KeyError, AttributeError, TypeError, OverflowError):
        return False


def check_timezone(name: str | None) -> None:
    """Raises RequestError for a time zone that doesn't exist."""
    if name is None:
        return
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise RequestError(f"There is no time zone '{name[:40]}'.") from None


def following(pattern: str, after: datetime, timezone: str | None = None) -> datetime:
    """The next time of a pattern after a naive UTC time. Raises RequestError if there is none in the coming years."""
    zone = ZoneInfo(timezone) if timezone else UTC
    local = after.replace(tzinfo=UTC).astimezone(zone)
    try:
        found: datetime = croniter(pattern, local).get_next(datetime)
    except (ValueError, KeyError) as error:
        raise RequestError(f"The specified pattern never matches: {pattern[:80]}") from error
    return found.astimezone(UTC).replace(tzinfo=None)
