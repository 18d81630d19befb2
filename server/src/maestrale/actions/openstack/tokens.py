"""Tokens of callers, in memory only: a workflow's actions use the token of the request that started it.

A token is found by everything that was known of its caller, so that one of fewer roles never stands in for one of more.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from maestrale import clock
from maestrale.caller import Target

Key = tuple[Any, ...]
MARGIN = 30.0
"""Seconds before its end at which a token isn't used any more."""


class Tokens:
    """The newest token of each of the last ``size`` callers. Safe to use from several threads."""

    def __init__(self, size: int = 10_000) -> None:
        self._known: OrderedDict[Key, tuple[str, datetime | None]] = OrderedDict()
        self._targets: OrderedDict[str, tuple[str, Any]] = OrderedDict()
        self._size = size
        self._lock = threading.Lock()

    def remember(self, security: Mapping[str, Any], token: str | None) -> None:
        """Keep the token of a caller, given as ``Caller.as_security``."""
        if not token:
            return
        with self._lock:
            self._known[_key(security)] = (token, _time(security.get("expires_at")))
            self._known.move_to_end(_key(security))
            while len(self._known) > self._size:
                self._known.popitem(last=False)

    def remember_target(self, target: Target) -> None:
        """Keep the token and the catalogue of another cloud."""
        with self._lock:
            self._targets[target.key] = (target.token, target.catalog)
            self._targets.move_to_end(target.key)
            while len(self._targets) > self._size:
                self._targets.popitem(last=False)

    def find_target(self, key: str) -> tuple[str, Any] | None:
        """Token and catalogue (None: not known) of another cloud."""
        with self._lock:
            return self._targets.get(key)

    def find(self, security: Mapping[str, Any]) -> str | None:
        """A token of that caller that is still good."""
        with self._lock:
            found = self._known.get(_key(security))
            if found is None:
                return None
            token, expires = found
            if expires is not None and (expires - clock.now()).total_seconds() < MARGIN:
                del self._known[_key(security)]
                return None
            return token


def _key(security: Mapping[str, Any]) -> Key:
    return (
        security.get("project_id"), security.get("user_id"), tuple(sorted(security.get("roles") or ())), security.get("trust_id"),
    )


def _time(text: Any) -> datetime | None:
    """A naive UTC time from what an identity service writes."""
    if not text:
        return None
    time = datetime.fromisoformat(str(text))
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
