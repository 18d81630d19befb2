# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""The live output of actions, such as what a playbook prints, line by line as it comes.

Only engines that keep it have it (Maestrale does, OpenStack Mistral doesn't); elsewhere there is just none.
"""

from __future__ import annotations

import json

from .errors import EngineError, NotFoundError
from .kinds import ACTION_EXECUTION, TERMINAL_STATES

PAGE = 500


class LiveOutput:
    """Reads on, at each look, in the output of the actions of tasks that have been noted; ``tell`` gets the lines."""

    def __init__(self, client, tell):
        self._client = client
        self._tell = tell
        self._names = {}
        self._positions = {}
        self._closed = set()
        self._is_kept = True

    def note(self, task, name):
        """Read on in the output of this task too."""
        self._names[task["id"]] = name

    def look(self):
        """Tell what has come since the last look."""
        for task_id in list(self._names):
            self._read_task(task_id)

    def finish(self, task, name):
        """Tell the rest of a task that has ended, and forget it."""
        self.note(task, name)
        self._read_task(task["id"])
        del self._names[task["id"]]

    def _read_task(self, task_id):
        if not self._is_kept:
            return
        path = ("tasks", task_id, "action_executions")
        for action in self._client.pages(ACTION_EXECUTION, {"fields": "id,state"}, path=path):
            if action["id"] not in self._closed and self._read_action(action["id"], self._names[task_id]):
                is_over = action["state"] in TERMINAL_STATES
                self._closed.update({action["id"]} if is_over else ())

    def _read_action(self, action_id, name):
        """Returns whether the end of what there is has been reached."""
        while self._is_kept:
            query = {"since": self._positions.get(action_id, 0), "limit": PAGE}
            try:
                reply = self._client.request("GET", (*ACTION_EXECUTION.path(action_id), "events"), query=query)
            except NotFoundError:
                self._is_kept = False
                return True
            except EngineError as error:
                if not error.is_transient:
                    raise
                return False
            events = [json.loads(line) for line in reply.text.splitlines() if line.strip()]
            for event in events:
                for line in (event.get("stdout") or "").splitlines():
                    self._tell(f"{name} | {line}")
                self._positions[action_id] = event["counter"]
            if len(events) < PAGE:
                return True
        return True
