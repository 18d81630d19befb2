# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Waiting for an execution: looks with growing gaps, patience with an engine that restarts, a deadline.

It only looks; what is done at the deadline (fail, cancel, return) is decided by ``outcome.py``.
"""

from __future__ import annotations

import time

from .errors import EngineError
from .kinds import EXECUTION, TERMINAL_STATES

WAIT_SPEC = {
    "wait_timeout": {"type": "float", "default": 3600.0},
    "wait_sleep": {"type": "float", "default": 2.0},
    "wait_sleep_max": {"type": "float", "default": 30.0},
    "on_timeout": {"type": "str", "choices": ["fail", "cancel", "return"], "default": "fail"},
    "on_interrupt": {"type": "str", "choices": ["leave", "cancel"], "default": "leave"},
    "on_paused": {"type": "str", "choices": ["wait", "fail", "return"], "default": "wait"},
    "fail_on_error": {"type": "bool", "default": True},
    "progress": {"type": "str", "choices": ["none", "state", "tasks", "all"], "default": "tasks"},
    "show_output": {"type": "bool", "default": False},
}

# The first gap is this part of wait_sleep, so that a short workflow isn't waited for long.
FIRST_PART = 0.05
GROWTH = 1.5


class Waiter:
    """Follows one execution (or action execution, by ``kind``) until a state is reached, it is paused (if that matters), or time is up.

    ``watch(execution)`` is called at each look and says whether anything happened; ``warn(text)`` is told of
    trouble once. ``finished`` says whether a wanted state was reached, ``timed_out`` whether time was up first.
    """

    def __init__(self, client, options, watch=None, warn=None, kind=EXECUTION):
        self._client = client
        self._kind = kind
        self._options = options
        self._watch = watch or (lambda execution: False)
        self._warn = warn or (lambda text: None)
        self._troubles = 0
        self.finished = False
        self.timed_out = False
        self.started_at = time.monotonic()

    @property
    def elapsed(self):
        """Seconds since the waiter was made."""
        return round(time.monotonic() - self.started_at, 2)

    def wait(self, execution, until=TERMINAL_STATES):
        """Look until it is over; returns the execution as last seen."""
        gap = self._options["wait_sleep"] * FIRST_PART
        while True:
            is_late = self._is_late()
            look = self._look(execution["id"], is_late)
            if look is not None:
                execution = look
                # A change brings the looks closer together again, but not below the configured gap.
                if self._watch(execution):
                    gap = min(gap, self._options["wait_sleep"])
                self.finished = execution["state"] in until
                if self.finished or (execution["state"] == "PAUSED" and self._options["on_paused"] != "wait"):
                    return execution
            if is_late:
                self.timed_out = True
                return execution
            time.sleep(self._until_deadline(gap))
            gap = min(gap * GROWTH, self._options["wait_sleep_max"])

    def _look(self, execution_id, is_last):
        try:
            return self._client.get(self._kind, execution_id)
        except EngineError as error:
            if not error.is_transient or is_last:
                raise
            self._troubles += 1
            if self._troubles == 1:
                self._warn(f"The engine can't be asked about {execution_id} at the moment, going on: {error.message}")
            return None

    def _is_late(self):
        limit = self._options["wait_timeout"]
        return limit > 0 and time.monotonic() - self.started_at >= limit

    def _until_deadline(self, gap):
        limit = self._options["wait_timeout"]
        return gap if limit <= 0 else max(0.0, min(gap, self.started_at + limit - time.monotonic()))
