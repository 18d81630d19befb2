# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""What a play says, told to the engine in portions as the live output of an action."""

from __future__ import annotations

import json
import time
import uuid

from ..module_utils.errors import ConflictError, EngineError
from ..module_utils.kinds import ACTION_EXECUTION

# The most events of one request, and the most that are kept while the engine is away.
PORTION = 500
KEPT = 5000


class ToldOutput:
    """Events that wait, and those that were sent. An engine that keeps no output is asked once."""

    def __init__(self, client, action_id, seconds):
        self._client = client
        self._path = (*ACTION_EXECUTION.path(action_id), "events")
        self._seconds = seconds
        self._events = []
        self._sent_at = time.monotonic()
        self._is_kept = True
        self._last = 0
        self._is_unsure = False
        self._lost = 0

    def note(self, event):
        """Send this soon."""
        if self._is_kept:
            self._events.append(_identified(event))
            self._lost += max(0, len(self._events) - KEPT)
            del self._events[:-KEPT]

    def is_due(self):
        """Whether what waits has waited long enough."""
        return bool(self._events) and time.monotonic() - self._sent_at >= self._seconds

    def send(self):
        """Send what waits. Raises EngineError: a transient one if it waits on, others if the engine refuses more than the output."""
        self._sent_at = time.monotonic()
        while self._events and self._is_kept:
            try:
                self._send_portion()
            except EngineError as error:
                self._is_unsure = error.is_transient
                if error.is_transient or isinstance(error, ConflictError):
                    raise
                # OpenStack Mistral knows no such path.
                self._is_kept = False
                self._events.clear()

    def _send_portion(self):
        if self._is_unsure:
            self._forget_stored()
        if self._lost:
            self._events.insert(0, _identified({"event": "lost", "stdout": f"({self._lost} events were lost)"}))
            self._lost = 0
        portion = self._events[:PORTION]
        if portion:
            self._last = self._client.request("POST", self._path, document={"events": portion}).json()["last"]
        del self._events[:PORTION]

    def _forget_stored(self):
        """The answer to a request may have been lost, not its work: what is stored since must not be sent again."""
        is_more = True
        while is_more:
            reply = self._client.request("GET", self._path, query={"since": self._last, "limit": PORTION})
            stored = [json.loads(line) for line in reply.text.splitlines() if line.strip()]
            known = {event.get("uuid") for event in stored}
            self._events = [event for event in self._events if event["uuid"] not in known]
            self._last = stored[-1]["counter"] if stored else self._last
            is_more = len(stored) == PORTION


def _identified(event):
    return {**event, "uuid": str(uuid.uuid4())}
