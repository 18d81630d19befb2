# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Starting and following, as the modules workflow_run and execution_wait do it, on whichever side of the wire.

``observer`` is told what happens: ``say(text)`` gets lines of progress, ``tell(text)`` output of actions, ``warn(text)``
trouble, ``seen(execution)`` the execution that is being followed, so that an interrupt knows what to cancel.
"""

from __future__ import annotations

from .errors import EngineError, UsageError
from .kinds import EXECUTION, TERMINAL_STATES
from .lease import LEASE_SPEC, Lease, paced
from .live_output import LiveOutput
from .outcome import describe, judge
from .progress import Progress
from .submission import SUBMISSION_RULES, SUBMISSION_SPEC, start
from .waiting import WAIT_SPEC, Waiter

RUN_FROM_SPEC = {"run_from": {"type": "str", "choices": ["controller", "target"], "default": "controller"}}
RUN_SPEC = {**SUBMISSION_SPEC, **WAIT_SPEC, **LEASE_SPEC, **RUN_FROM_SPEC, "wait": {"type": "bool", "default": True}}
RUN_RULES = SUBMISSION_RULES
WAIT_FOR_SPEC = {
    **WAIT_SPEC,
    **LEASE_SPEC,
    **RUN_FROM_SPEC,
    "execution_id": {"type": "list", "elements": "str", "required": True},
    "until_state": {
        "type": "list",
        "elements": "str",
        "choices": ["RUNNING", "PAUSED", *TERMINAL_STATES],
        "default": list(TERMINAL_STATES),
    },
}


class Observer:
    """Hears nothing and says nothing: for modules, whose output nobody sees before the end."""

    def check(self):
        """Called at each look; raises what ends the wait when there is nobody left to wait for it."""

    def say(self, text):
        """A line of progress."""

    def tell(self, text):
        """A line of what an action has printed."""

    def warn(self, text):
        """Something that the user should know."""

    def seen(self, execution):
        """The execution that is followed from now on."""


def run_workflow(client, params, check_mode, observer=None, origin=None):
    """Start, or find, and follow an execution; returns the result of workflow_run.

    ``origin`` says who starts it, see ``submission.py``.
    """
    if params["lease"] > 0 and not params["wait"]:
        raise UsageError("A lease is renewed while the task waits: lease needs wait")
    observer = observer or Observer()
    execution, is_new = start(client, params, origin or {}, check_mode)
    if check_mode:
        return describe(client, execution, is_new)
    if not params["wait"]:
        return judge(client, describe(client, execution, is_new), params, waited=False)
    return follow(client, execution, params, is_new, observer)


def wait_for_executions(client, params, check_mode, observer=None):
    """Follow executions one after the other; returns the result of execution_wait."""
    observer = observer or Observer()
    results, elapsed = [], 0.0
    for execution_id in params["execution_id"]:
        execution = client.get(EXECUTION, execution_id)
        if check_mode:
            results.append(describe(client, execution, changed=False))
            continue
        remaining = params["wait_timeout"]
        if remaining > 0:
            remaining = max(remaining - elapsed, 0.01)
        results.append(follow(client, execution, {**params, "wait_timeout": remaining}, False, observer, params["until_state"]))
        elapsed += results[-1]["elapsed"]
    chosen = next((result for result in results if result.get("failed")), results[-1] if results else {"changed": False})
    return {**chosen, "executions": [result["execution"] for result in results], "elapsed": round(elapsed, 2)}


def follow(client, execution, params, is_new, observer, until=TERMINAL_STATES):
    """Wait for one execution, telling the observer; trouble becomes a failed result that still names the execution."""
    observer.seen(execution)
    lease = Lease(client, execution["id"], params, observer.warn)
    live_output = LiveOutput(client, observer.tell) if params["show_output"] else None
    progress = Progress(client, params["progress"], observer.say, live_output)

    def watch(seen):
        observer.check()
        lease.renew()
        return progress.look(seen)

    waiter = Waiter(client, paced(params), watch, observer.warn)
    try:
        execution = waiter.wait(execution, until)
        if execution["state"] not in TERMINAL_STATES:
            lease.release()
        result = describe(client, execution, is_new, waiter.elapsed, waiter.timed_out, waiter.finished)
        return judge(client, result, params, waited=True)
    except EngineError as error:
        return {**describe(client, execution, is_new, waiter.elapsed, finished=False), **error.as_failure(), "failed": True}
