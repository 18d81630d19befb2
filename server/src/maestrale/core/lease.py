"""The lease of an execution's owner: how long it may be silent, and what becomes of the execution then.

Whoever follows an execution and may be killed at any time (a play in a container) renews the lease while it lives. Mistral knows
no leases; there the key stays among the parameters and means nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maestrale.core import states
from maestrale.core.messages import Message, Pause, Stop
from maestrale.errors import InputError

PARAM = "lease"
LEAVE, CANCEL, PAUSE = "leave", "cancel", "pause"
FATES = (LEAVE, CANCEL, PAUSE)
SHORTEST, LONGEST = 1.0, 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Lease:
    """``seconds`` from each renewal; ``on_lost`` is one of ``FATES``."""

    seconds: float
    on_lost: str = CANCEL

    def verdict(self) -> Message | None:
        """What the execution is told when its owner was silent for too long."""
        text = f"its owner was not heard of for {self.seconds:g} s"
        if self.on_lost == CANCEL:
            return Stop(states.CANCELLED, f"Cancelled: {text}")
        return Pause(f"Paused: {text}") if self.on_lost == PAUSE else None


def read_lease(given: object) -> Lease:
    """A lease from ``{seconds, on_lost}``. Raises InputError."""
    if not isinstance(given, Mapping) or not set(given) <= {"seconds", "on_lost"}:
        raise InputError(f"A lease is a mapping of seconds and on_lost, not {given!r}")
    seconds, on_lost = given.get("seconds"), given.get("on_lost", CANCEL)
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not SHORTEST <= seconds <= LONGEST:
        raise InputError(f"A lease's seconds are a number from {SHORTEST:g} to {LONGEST:g}, not {seconds!r}")
    if on_lost not in FATES:
        raise InputError(f"A lease's on_lost is one of {', '.join(FATES)}, not {on_lost!r}")
    return Lease(float(seconds), on_lost)


def lease_of(params: Mapping[str, Any]) -> Lease | None:
    """The lease that an execution is started with, if any. Raises InputError."""
    given = params.get(PARAM)
    return None if given is None else read_lease(given)
