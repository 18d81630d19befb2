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
    no output, and is told the rest. Of results only C(msg), C(rc) and C(stderr) are told,
    where a task failed, and nothing of them with C(no_log).
  - The result is a mapping like that of the action C(ansible.playbook), with C(status), C(changed), C(message), C(stats), C(hosts),
    C(artifacts), C(host_artifacts), C(failed_tasks) and C(rescued_tasks).
  - A play that ends without a recap, since it was interrupted or could not go on, completes the action with an error. One that was
    killed, or that ends before it begins (no hosts, a playbook that can't be read), tells nothing; so give the task of the workflow
    a C(timeout).
  - Trouble with the engine never fails the play; it is shown as a warning. An engine that is away is told later.
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
  outage_seconds:
    description: How long at the play's end an engine that doesn't answer is waited for.
    type: float
    default: 300.0
    env:
      - name: MAESTRALE_OUTAGE_SECONDS
    ini:
      - section: callback_maestrale_report
        key: outage_seconds
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

import atexit
import os
import signal
import time

from ansible.plugins.callback import CallbackBase

from ..module_utils.client import Client
from ..module_utils.connection import CONNECTION_SPEC, connect
from ..module_utils.errors import EngineError
from ..module_utils.kinds import ACTION_EXECUTION
from ..plugin_utils.told_output import ToldOutput
from ..plugin_utils.told_result import ToldResult, failure_of

# How much longer than a try that failed took nothing is tried: an engine that is away must not hold the play up.
PATIENCE = 10
FINAL_PAUSE = 5.0


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
        self._result = ToldResult()
        self._told_at = None
        self._quiet_until = 0.0
        self._process = None

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
        self._watch_the_end()

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

    def v2_runner_item_on_failed(self, result):
        """An item of a loop failed."""
        host, task, values = _parts(result)
        failure = failure_of(host, task, values)
        self._result.note(failure, _key(host, task), is_item=True)
        item = f" (item={failure['item']})" if "item" in failure else ""
        self._tell("runner_item_on_failed", f"failed: [{failure['host']}]{item}: {failure['msg']}", **_about(failure))

    def v2_runner_on_failed(self, result, ignore_errors=False):
        """A task failed."""
        host, task, values = _parts(result)
        failure = failure_of(host, task, values)
        if ignore_errors:
            self._result.forget_items(_key(host, task))
        else:
            self._result.note(failure, _key(host, task))
        word = "failed (ignored)" if ignore_errors else "failed"
        self._tell("runner_on_failed", f"{word}: [{failure['host']}]: {failure['msg']}", **_about(failure))

    def v2_runner_on_unreachable(self, result):
        """A host can't be reached."""
        host, task, values = _parts(result)
        failure = failure_of(host, task, values, is_unreachable=True)
        self._result.note(failure, _key(host, task))
        self._tell("runner_on_unreachable", f"unreachable: [{failure['host']}]: {failure['msg']}", **_about(failure))

    def v2_playbook_on_stats(self, stats):
        """The play has ended: complete the action."""
        self._process = None
        result = self._result.ended(stats)
        lines = [f"{host}: {' '.join(f'{name}={count}' for name, count in counts.items())}" for host, counts in result["stats"].items()]
        self._note("playbook_on_stats", "\n".join(["PLAY RECAP", *lines]))
        self._complete("SUCCESS" if result["status"] == "successful" else "ERROR", result, self.get_option("outage_seconds"))

    def _watch_the_end(self):
        """Complete the action also where the play ends without a recap."""
        if self._client is None:
            return
        self._process = os.getpid()
        atexit.register(self._break_off, "The play ended before its recap: it was interrupted, or could not go on.")
        earlier = signal.getsignal(signal.SIGTERM)

        def ended(number, frame):
            self._break_off("The play was ended by a signal before its recap.")
            if callable(earlier):
                earlier(number, frame)
            else:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)

        signal.signal(signal.SIGTERM, ended)

    def _break_off(self, message):
        # Processes of tasks are copies of this one.
        if self._process != os.getpid():
            return
        self._process = None
        self._note("error", message)
        self._complete("ERROR", self._result.broken_off(message), 0.0)

    def _note(self, event, text, **about):
        if self._client is not None:
            self._output.note({"event": event, "stdout": text, **about})

    def _tell(self, event, text, **about):
        self._note(event, text, **about)
        if self._client is not None and self._output.is_due():
            self._now_and_then(self._output.send)
        self._beat()

    def _beat(self):
        now = time.monotonic()
        if self._told_at is None or now - self._told_at >= self.get_option("heartbeat_seconds"):
            self._told_at = now
            self._now_and_then(lambda: self._client.update(ACTION_EXECUTION, self._target, {"state": "RUNNING"}))

    def _now_and_then(self, send):
        """Send while the play runs; what can't be sent now waits, or is sent anew with the next of its kind."""
        began = time.monotonic()
        if self._client is None or began < self._quiet_until:
            return
        try:
            send()
        except EngineError as error:
            if not error.is_transient:
                self._give_up(error)
                return
            now = time.monotonic()
            self._quiet_until = now + PATIENCE * (now - began)

    def _complete(self, state, result, patience):
        """Send what waits, and then the end: once the action has ended, nothing more can be told of it."""
        if self._client is None:
            return
        deadline = time.monotonic() + patience
        while True:
            try:
                self._output.send()
                self._client.update(ACTION_EXECUTION, self._target, {"state": state, "output": result})
            except EngineError as error:
                if not error.is_transient or time.monotonic() + FINAL_PAUSE > deadline:
                    self._give_up(error)
                    return
            else:
                return
            time.sleep(FINAL_PAUSE)

    def _give_up(self, error):
        self._client = None
        self._display.warning(f"maestrale.mistral.report: the engine is not told any more: {error.message}")


def _parts(result):
    # ansible-core names these attributes without the underscore from 2.20 on.
    return [getattr(result, name, None) or getattr(result, f"_{name}") for name in ("host", "task", "result")]


def _key(host, task):
    return host.get_name(), getattr(task, "_uuid", task.get_name())


def _about(failure):
    return {"host": failure["host"], "task": failure["task"]}
