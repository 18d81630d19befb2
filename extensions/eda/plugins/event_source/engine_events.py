# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Changes of executions as events for rulebooks."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

DOCUMENTATION = r"""
short_description: Changes of executions of workflows and of their tasks
description:
  - Looks at an engine again and again, and makes an event of each change of the state of an execution, or of a task if that is asked for.
  - Goes on after trouble with the engine, and where it stopped if O(state_file) is set.
options:
  endpoint:
    description: Address of the engine's API. The default comes from E(MAESTRALE_ENDPOINT) or E(OS_MISTRAL_URL).
    type: str
    default: http://127.0.0.1:8989/v2
  token:
    description: A token, sent as C(X-Auth-Token). The default comes from E(MAESTRALE_TOKEN).
    type: str
  username:
    description: Name of the user for basic authentication.
    type: str
  password:
    description: Password of the user.
    type: str
  validate_certs:
    description: Whether to check the engine's certificate.
    type: bool
    default: true
  types:
    description: What to make events of, C(execution), C(task) or both.
    type: list
    elements: str
    default: [execution]
  workflow:
    description: Only executions, and tasks, of the workflow of this name.
    type: str
  states:
    description: Only changes to these states.
    type: list
    elements: str
    default: [SUCCESS, ERROR, CANCELLED, PAUSED]
  only_roots:
    description: Leave out executions of sub-workflows. Their tasks are not left out.
    type: bool
    default: true
  with_output:
    description: Whether events hold the outputs of executions too.
    type: bool
    default: false
  since:
    description: Begin with changes at this time (UTC, C(YYYY-MM-DD HH:MM:SS)). Without it the source begins with what changes from now on.
    type: str
  state_file:
    description: File that remembers where the source was, so that a restarted rulebook misses nothing.
    type: str
  poll_seconds:
    description: Seconds between two looks.
    type: float
    default: 5.0
"""

EXAMPLES = r"""
- maestrale.mistral.engine_events:
    endpoint: http://127.0.0.1:8989/v2
    workflow: rollout
    states: [ERROR]
"""

LOG = logging.getLogger(__name__)
DEFAULTS = {
    "endpoint": None,
    "token": None,
    "username": None,
    "password": None,
    "validate_certs": True,
    "types": ["execution"],
    "workflow": None,
    "states": ["SUCCESS", "ERROR", "CANCELLED", "PAUSED"],
    "only_roots": True,
    "with_output": False,
    "since": None,
    "state_file": None,
    "poll_seconds": 5.0,
}
KNOWN_STATES = {"IDLE", "RUNNING", "PAUSED", "SUCCESS", "ERROR", "CANCELLED"}
KNOWN_TYPES = ("execution", "task")
JSON_TEXTS = ("input", "output", "params", "published", "runtime_context")
PAGE = 200
REQUEST_TIMEOUT = 30


def checked(args):
    """The options with their defaults; raises ValueError for what makes no sense, since ansible-rulebook checks nothing."""
    unknown = set(args) - set(DEFAULTS)
    if unknown:
        raise ValueError(f"engine_events has no option {', '.join(sorted(unknown))}")
    options = {**DEFAULTS, **args}
    options["endpoint"] = options["endpoint"] or os.environ.get("MAESTRALE_ENDPOINT") or os.environ.get("OS_MISTRAL_URL")
    options["endpoint"] = (options["endpoint"] or "http://127.0.0.1:8989/v2").rstrip("/")
    if not options["endpoint"].startswith(("http://", "https://")):
        raise ValueError("engine_events: endpoint must be an address of http or https")
    if not options["endpoint"].endswith("/v2"):
        options["endpoint"] += "/v2"
    options["token"] = options["token"] or os.environ.get("MAESTRALE_TOKEN")
    if not isinstance(options["states"], list) or not set(options["states"]) <= KNOWN_STATES:
        raise ValueError(f"engine_events: states must be a list of {', '.join(sorted(KNOWN_STATES))}")
    if not isinstance(options["types"], list) or not options["types"] or not set(options["types"]) <= set(KNOWN_TYPES):
        raise ValueError(f"engine_events: types must be a list of {' and '.join(KNOWN_TYPES)}")
    options["poll_seconds"] = float(options["poll_seconds"])
    if options["poll_seconds"] <= 0:
        raise ValueError("engine_events: poll_seconds must be more than 0")
    return options


class Source:
    """Asks for what changed since the newest change it has seen, one list for each type of event."""

    def __init__(self, options):
        self._options = options
        remembered = self._remembered()
        self._lists = [Changes(self._page, kind, options, remembered.get(kind, {})) for kind in options["types"]]

    def _remembered(self):
        path = self._options["state_file"]
        return json.loads(Path(path).read_text()) if path and Path(path).exists() else {}

    def look(self):
        """Events since the last look, of each type the oldest first."""
        events = [event for changes in self._lists for event in changes.look()]
        if self._options["state_file"]:
            Path(self._options["state_file"]).write_text(json.dumps({changes.kind: changes.position() for changes in self._lists}))
        return events

    def _page(self, kind, query):
        options = self._options
        if options["workflow"]:
            query["workflow_name"] = options["workflow"]
        if options["only_roots"] and kind == "execution":
            query["nulls"] = "root_execution_id"
        if options["with_output"] and kind == "execution":
            query["include_output"] = "true"
        url = f"{options['endpoint']}/{kind}s?{urllib.parse.urlencode(query)}"
        # checked() lets addresses of http and https through only.
        request = urllib.request.Request(url, headers=self._headers())  # noqa: S310
        context = None if options["validate_certs"] else ssl._create_unverified_context()  # noqa: S323
        with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT, context=context) as reply:  # noqa: S310
            return [_decoded(item) for item in json.load(reply)[f"{kind}s"]]

    def _headers(self):
        headers = {"Accept": "application/json"}
        if self._options["token"]:
            headers["X-Auth-Token"] = self._options["token"]
        elif self._options["username"]:
            pair = f"{self._options['username']}:{self._options['password']}".encode()
            headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
        return headers


class Changes:
    """The changes of one type, ``kind``; ``page(kind, query)`` asks the engine, ``remembered`` is a ``position`` of before."""

    def __init__(self, page, kind, options, remembered):
        self.kind = kind
        self._page = page
        self._states = options["states"]
        self._seen = remembered.get("seen", {})
        self._since = options["since"] or remembered.get("since")

    def look(self):
        """Events since the last look, oldest first."""
        if self._since is None:
            newest = self._page(self.kind, {"limit": 1, "sort_keys": "updated_at", "sort_dirs": "desc"})
            self._since = _changed_at(newest[0]) if newest else "1970-01-01 00:00:00"
            self._seen = {item["id"]: item["state"] for item in self._changed()}
            return []
        events = []
        for item in self._changed():
            if self._seen.get(item["id"]) != item["state"] and item["state"] in self._states:
                events.append({"type": self.kind, self.kind: item})
            self._seen[item["id"]] = item["state"]
            self._since = max(self._since, _changed_at(item))
        if len(self._seen) > PAGE:
            # Keep only what the next look shows again.
            self._seen = {item["id"]: item["state"] for item in self._changed()}
        return events

    def position(self):
        """Where to go on after a restart."""
        return {"since": self._since, "seen": self._seen}

    def _changed(self):
        query = {"updated_at": f"gte:{self._since}", "sort_keys": "updated_at", "limit": PAGE}
        marker = {}
        while True:
            page = self._page(self.kind, {**query, **marker})
            yield from page
            if len(page) < PAGE:
                return
            marker = {"marker": page[-1]["id"]}


def _changed_at(item):
    return item.get("updated_at") or item["created_at"]


def _decoded(item):
    """The execution with its JSON texts as values."""
    decoded = dict(item)
    for key in JSON_TEXTS:
        if isinstance(decoded.get(key), str):
            decoded[key] = json.loads(decoded[key])
    return decoded


async def main(queue, args):
    """Put events into the queue for ever; when a source returns, its rulebook ends."""
    options = checked(args)
    source = Source(options)
    while True:
        try:
            events = await asyncio.to_thread(source.look)
        except (urllib.error.URLError, OSError, ValueError) as error:
            LOG.warning("engine_events: %s: %s", options["endpoint"], error)
        else:
            for event in events:
                await queue.put(event)
        await asyncio.sleep(options["poll_seconds"])
