# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
name: report
type: notification
short_description: Report a play into an action of a workflow that waits for it
version_added: 0.1.0
description:
  - Makes a play that runs somewhere else, in AWX or a pipeline, a step of a workflow. It is given the id of an asynchronous action
    that waits, tells the engine that the play runs, and completes the action when the play ends.
  - Meanwhile it tells the engine each task and what came of it on each host, as the live output of the action. OpenStack Mistral keeps
    no output, and is told the rest. Results are not told, only their C(msg) where a task failed.
  - The result is a mapping like that of the action C(ansible.playbook), with C(status), C(stats), C(artifacts) and C(failed_tasks).
  - Trouble with the engine never fails the play; it is shown as a warning.
author: The Maestrale contributors (@maestrale)
requirements:
  - enable it in C(callbacks_enabled)
options:
  action_execution_id:
    description: Id of the action execution. Without it the callback does nothing.
    type: str
    env:
      - name: MAESTRALE_ACTION_EXECUTION_ID
    ini:
      - section: callback_maestrale_report
        key: action_execution_id
  heartbeat_seconds:
    description: How often at most to tell the engine that the play runs.
    type: float
    default: 30.0
    env:
      - name: MAESTRALE_HEARTBEAT_SECONDS
    ini:
      - section: callback_maestrale_report
        key: heartbeat_seconds
  batch_seconds:
    description: How often at most to tell the engine what the tasks came to.
    type: float
    default: 2.0
    env:
      - name: MAESTRALE_BATCH_SECONDS
    ini:
      - section: callback_maestrale_report
        key: batch_seconds
extends_documentation_fragment:
  - maestrale.mistral.engine_plugins
"""

EXAMPLES = r"""
# In the workflow: start a pipeline with the id of an action that waits, here action "std.async_noop"; then in the pipeline:
#
#   export MAESTRALE_ENDPOINT=http://engine.example.org:8989/v2
#   export MAESTRALE_ACTION_EXECUTION_ID=9d6c8f1e-1a2b-4f6e-b9f0-2f4a6a3f9f11
#   export ANSIBLE_CALLBACKS_ENABLED=maestrale.mistral.report
#   ansible-playbook site.yml
"""

import time

from ansible.plugins.callback import CallbackBase

from ..module_utils.client import Client
from ..module_utils.connection import CONNECTION_SPEC, connect
from ..module_utils.errors import EngineError
from ..module_utils.kinds import ACTION_EXECUTION
from ..plugin_utils.told_output import ToldOutput

TEXT_LENGTH = 2000
FAILURES = 100
RECAP = {"ok": "ok", "changed": "changed", "unreachable": "dark", "failed": "failures", "skipped": "skipped", "rescued": "rescued"}


class CallbackModule(CallbackBase):
    """Tells the engine how the play goes and ends, and collects what failed."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "maestrale.mistral.report"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._client = None
        self._output = None
        self._target = None
        self._failures = []
        self._told_at = None

    def set_options(self, task_keys=None, var_options=None, direct=None):
        """Read the options; without an action execution nothing is ever sent."""
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        self._target = self.get_option("action_execution_id")
        if not self._target:
            self.disabled = True
            return
        try:
            self._client = Client(connect({name: self.get_option(name) for name in CONNECTION_SPEC}))
            self._output = ToldOutput(self._client, self._target, self.get_option("batch_seconds"))
        except EngineError as error:
            self._give_up(error)

    def v2_playbook_on_start(self, playbook):
        """The play runs."""
        self._beat()

    def v2_playbook_on_play_start(self, play):
        """Another play begins."""
        self._tell("playbook_on_play_start", f"PLAY [{play.get_name().strip()}]", play=play.get_name().strip())

    def v2_playbook_on_task_start(self, task, is_conditional):
        """A task begins on its first host."""
        self._tell("playbook_on_task_start", f"TASK [{task.get_name().strip()}]", task=task.get_name().strip())

    def v2_runner_on_ok(self, result):
        """A task is done on a host."""
        host, task, values = _parts(result)
        word = "changed" if values.get("changed") else "ok"
        self._tell("runner_on_ok", f"{word}: [{host.get_name()}]", host=host.get_name(), task=task.get_name())

    def v2_runner_on_skipped(self, result):
        """A task is skipped on a host."""
        host, task, dummy = _parts(result)
        self._tell("runner_on_skipped", f"skipping: [{host.get_name()}]", host=host.get_name(), task=task.get_name())

    def v2_runner_on_failed(self, result, ignore_errors=False):
        """A task failed."""
        failure = _failure(result)
        if not ignore_errors:
            self._failures.append(failure)
        word = "failed (ignored)" if ignore_errors else "failed"
        self._tell("runner_on_failed", f"{word}: [{failure['host']}]: {failure['msg']}", host=failure["host"], task=failure["task"])

    def v2_runner_on_unreachable(self, result):
        """A host can't be reached."""
        failure = _failure(result)
        self._failures.append(failure)
        text = f"unreachable: [{failure['host']}]: {failure['msg']}"
        self._tell("runner_on_unreachable", text, host=failure["host"], task=failure["task"])

    def v2_playbook_on_stats(self, stats):
        """The play has ended: complete the action."""
        recap = {host: {name: getattr(stats, column).get(host, 0) for name, column in RECAP.items()} for host in sorted(stats.processed)}
        has_failed = any(counts["failed"] or counts["unreachable"] for counts in recap.values())
        lines = [f"{host}: {' '.join(f'{name}={count}' for name, count in counts.items())}" for host, counts in recap.items()]
        self._tell("playbook_on_stats", "\n".join(["PLAY RECAP", *lines]))
        result = {
            "status": "failed" if has_failed else "successful",
            "changed": any(counts["changed"] for counts in recap.values()),
            "stats": recap,
            "artifacts": stats.custom.get("_run", {}),
            "failed_tasks": self._failures[:FAILURES] if has_failed else [],
        }
        if has_failed and self._failures:
            first = self._failures[0]
            result["message"] = f"{first['host']} failed in task {first['task']}: {first['msg']}"
        # Once the action has ended, nothing more can be told of it.
        self._flush()
        self._send({"state": "ERROR" if has_failed else "SUCCESS", "output": result})

    def _tell(self, event, text, **about):
        if self._client is None:
            return
        self._output.note({"event": event, "stdout": text, **about})
        if self._output.is_due():
            self._flush()
        self._beat()

    def _flush(self):
        if self._client is None:
            return
        try:
            self._output.send()
        except EngineError as error:
            self._give_up(error)

    def _beat(self):
        now = time.monotonic()
        if self._told_at is None or now - self._told_at >= self.get_option("heartbeat_seconds"):
            self._told_at = now
            self._send({"state": "RUNNING"})

    def _send(self, body):
        if self._client is None:
            return
        try:
            self._client.update(ACTION_EXECUTION, self._target, body)
        except EngineError as error:
            self._give_up(error)

    def _give_up(self, error):
        self._client = None
        self._display.warning(f"maestrale.mistral.report: the engine is not told any more: {error.message}")


def _parts(result):
    # ansible-core names these attributes without the underscore from 2.20 on.
    return [getattr(result, name, None) or getattr(result, f"_{name}") for name in ("host", "task", "result")]


def _failure(result):
    host, task, values = _parts(result)
    hidden = values.get("_ansible_no_log") or task.no_log
    text = "(hidden by no_log)" if hidden else str(values.get("msg") or "")[:TEXT_LENGTH]
    return {"host": host.get_name(), "task": task.get_name(), "module": task.action, "msg": text}
