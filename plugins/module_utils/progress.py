# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""What happened in an execution since the last look, as lines of text.

Only ids, names, states and durations are told: results and reasons may hold secrets. A look costs what changed,
not what there is: tasks are asked for by the time of their creation and of their last change.
"""

from __future__ import annotations

from datetime import datetime

from .errors import EngineError
from .kinds import ACTION_EXECUTION, EXECUTION, TASK, TERMINAL_STATES

LEVELS = ("none", "state", "tasks", "all")
TASK_FIELDS = "id,name,state,type,created_at,updated_at,started_at,finished_at,runtime_context"
EXECUTION_FIELDS = "id,workflow_name,state,task_execution_id,created_at,updated_at"
DONE = (*TERMINAL_STATES, "SKIPPED")


class Changes:
    """Objects of a list that are new or changed since it was last asked for."""

    def __init__(self, client, kind, path, fields, query=None):
        self._client = client
        self._kind = kind
        self._path = path
        self._query = {**(query or {}), "fields": fields, "sort_keys": "created_at"}
        self._newest = {"created_at": None, "updated_at": None}
        self._states = {}

    def take(self):
        """The changed objects, in the order of their changes."""
        changed = []
        for item in self._ask():
            for column, newest in self._newest.items():
                if item.get(column) and (newest is None or item[column] > newest):
                    self._newest[column] = item[column]
            if self._states.get(item["id"]) != item["state"]:
                self._states[item["id"]] = item["state"]
                changed.append(item)
        return sorted(changed, key=lambda item: (item.get("updated_at") or item["created_at"] or "", item["created_at"] or ""))

    def _ask(self):
        if self._newest["created_at"] is None:
            return self._client.list(self._kind, self._query, path=self._path)
        # A fresh object has no time of change yet, an old one no new time of creation: both lists are needed.
        found = {}
        for column, newest in self._newest.items():
            if newest is not None:
                for item in self._client.pages(self._kind, {**self._query, column: f"gte:{newest}"}, path=self._path):
                    found[item["id"]] = item
        return list(found.values())


class Progress:
    """Turns looks at an execution into lines; ``look`` is what a Waiter watches with."""

    def __init__(self, client, level, say, live_output=None):
        self._client = client
        self._live_output = live_output
        self._level = LEVELS.index(level)
        self._say = say
        self._state = None
        self._trees = {}
        self._task_names = {}
        self._children = None
        self._open_children = {}
        self._item_counts = {}

    def look(self, execution):
        """Tell what changed; returns whether anything did. Trouble here must not end the wait."""
        try:
            if self._live_output:
                self._live_output.look()
            has_news = self._level >= 2 and self._look_at_tasks(execution)
        except EngineError as error:
            if not error.is_transient:
                raise
            has_news = False
        if execution["state"] != self._state:
            self._state = execution["state"]
            if self._level >= 1:
                self._say(f"{execution['workflow_name']}: {execution['state']}{_duration(execution)}")
            has_news = True
        return has_news

    def _look_at_tasks(self, execution):
        has_news = self._look_at_tree(execution["id"], "")
        if self._level >= 3:
            has_news = self._look_at_children(execution) or has_news
            has_news = self._count_items() or has_news
        return has_news

    def _look_at_tree(self, execution_id, prefix):
        if execution_id not in self._trees:
            self._trees[execution_id] = Changes(self._client, TASK, ("executions", execution_id, "tasks"), TASK_FIELDS)
        changed = self._trees[execution_id].take()
        for task in changed:
            self._task_names[task["id"]] = prefix + task["name"]
            if self._live_output and task["type"] == "ACTION":
                (self._live_output.finish if task["state"] in DONE else self._live_output.note)(task, prefix + task["name"])
            self._say(f"{prefix}{task['name']}: {task['state']}{_duration(task)}")
            self._note_items(task, prefix)
        return bool(changed)

    def _note_items(self, task, prefix):
        """Count the items of a task while it runs; when it is done, its state says enough."""
        if task["state"] in DONE:
            self._item_counts.pop(task["id"], None)
        elif self._level >= 3 and "with_items" in (task.get("runtime_context") or {}):
            told = self._item_counts.get(task["id"], (None, None, 0))[2]
            self._item_counts[task["id"]] = (task, prefix, told)

    def _look_at_children(self, execution):
        if self._children is None:
            self._children = Changes(self._client, EXECUTION, EXECUTION.path(), EXECUTION_FIELDS, {"root_execution_id": execution["id"]})
        for child in self._children.take():
            self._open_children[child["id"]] = child
        has_news = False
        # Parents are older than their children, so the name of a child's task is known when its turn comes.
        for child_id, child in list(self._open_children.items()):
            prefix = self._task_names.get(child["task_execution_id"], child["workflow_name"]) + " > "
            has_news = self._look_at_tree(child_id, prefix) or has_news
            if child["state"] in DONE:
                del self._open_children[child_id]
        return has_news

    def _count_items(self):
        has_news = False
        for task_id, (task, prefix, told) in list(self._item_counts.items()):
            kind, path = (EXECUTION, "workflow_executions") if task["type"] == "WORKFLOW" else (ACTION_EXECUTION, "action_executions")
            query = {"fields": "id,state", "state": "in:" + ",".join(TERMINAL_STATES)}
            done = len(self._client.list(kind, query, path=("tasks", task_id, path)))
            total = task["runtime_context"]["with_items"].get("count", "?")
            if done != told:
                self._say(f"{prefix}{task['name']}: {done} of {total} items done")
                has_news = True
            self._item_counts[task_id] = (task, prefix, done)
        return has_news


def _duration(item):
    if item["state"] not in DONE:
        return ""
    begin, end = item.get("started_at") or item.get("created_at"), item.get("finished_at") or item.get("updated_at")
    try:
        seconds = (_time(end) - _time(begin)).total_seconds()
    except (TypeError, ValueError):
        return ""
    return f" ({seconds:.0f} s)" if seconds >= 1 else ""


def _time(text):
    return datetime.fromisoformat(text)
