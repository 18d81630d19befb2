# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Progress on the screen of the user who runs the play."""

from __future__ import annotations

import os

from .interrupts import Orphaned

WIDTH = 150
# What AWX tells each job of itself, under the prefixes awx_ and tower_.
AWX_VARIABLES = ("job_id", "job_launch_type", "job_template_name", "user_name", "workflow_job_id")


class DisplayObserver:
    """Shows lines through Ansible's display, which reaches AWX and log files too."""

    def __init__(self, display, params, task_vars, mask=None):
        self._display = display
        self._mask = mask or (lambda text: text)
        self._is_silent = params["progress"] == "none"
        self._on_interrupt = params["on_interrupt"]
        is_alone = len(task_vars.get("ansible_play_hosts_all") or []) <= 1
        self._prefix = "" if is_alone else f"[{task_vars.get('inventory_hostname')}] "
        self.followed = []
        self._parent = os.getppid()

    def check(self):
        """Raises Orphaned if the play was killed; what the lease says then is left to the engine."""
        if os.getppid() != self._parent:
            raise Orphaned

    def say(self, text):
        """Show a line of progress."""
        if not self._is_silent:
            self._display.display(f"  {self._prefix}{text}"[:WIDTH])

    def tell(self, text):
        """Show a line of what an action has printed, whole."""
        if not self._is_silent:
            self._display.display(f"  {self._prefix}{self._mask(text)}")

    def warn(self, text):
        """Show a warning."""
        self._display.warning(self._prefix + text)

    def seen(self, execution):
        """Remember the execution, and say how to follow it: after an interrupt nothing may reach the screen."""
        self.followed.append(execution["id"])
        fate = "leaves it running" if self._on_interrupt == "leave" else "cancels it"
        self.say(f"{execution['workflow_name']}: execution {execution['id']} (an interrupt {fate}; follow it with execution_wait)")


def origin(task_vars):
    """Who starts an execution: which play, for which host, in which AWX job."""
    found = {"play": task_vars.get("ansible_play_name"), "host": task_vars.get("inventory_hostname")}
    for name in AWX_VARIABLES:
        found[f"awx_{name}"] = task_vars.get(f"awx_{name}", task_vars.get(f"tower_{name}"))
    return {key: value for key, value in found.items() if value not in (None, "")}
