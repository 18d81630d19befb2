# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Starts and follows executions from the controller, so that progress is seen as it happens.

Serves workflow_run and, through ``meta/runtime.yml``, execution_wait.
"""

from __future__ import annotations

from ansible.plugins.action import ActionBase

from ..module_utils.client import Client
from ..module_utils.connection import CONNECTION_SPEC, connect
from ..module_utils.errors import EngineError
from ..module_utils.running import RUN_RULES, RUN_SPEC, WAIT_FOR_SPEC, run_workflow, wait_for_executions
from ..plugin_utils.interrupts import interruptible
from ..plugin_utils.masking import masked
from ..plugin_utils.observing import DisplayObserver, origin
from ..plugin_utils.task_environment import task_environment

RUN = "maestrale.mistral.workflow_run"
SPECS = {
    RUN: ({**CONNECTION_SPEC, **RUN_SPEC}, RUN_RULES),
    "maestrale.mistral.execution_wait": ({**CONNECTION_SPEC, **WAIT_FOR_SPEC}, {}),
}


class ActionModule(ActionBase):
    """Does what the module of the task's name does, on the controller and with progress."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp=None, task_vars=None):
        """Follow from here, or hand over to the module where only the target can."""
        super().run(tmp, task_vars)
        module = self._task.resolved_action or RUN
        spec, rules = SPECS[module]
        # The task's "environment" reaches modules only; options fall back to it here too.
        with task_environment(self._task, self._templar):
            validation, params = self.validate_argument_spec(argument_spec=spec, **rules)
            if self._task.async_val or params["run_from"] == "target":
                arguments = self._task.args
                return self._execute_module(module_name=module, module_args=arguments, task_vars=task_vars, wrap_async=self._task.async_val)
            result = self._follow(module, params, task_vars or {}, lambda text: masked(text, validation))
        result["invocation"] = {"module_args": params}
        return masked(result, validation)

    def _follow(self, module, params, task_vars, mask):
        if self._task.no_log:
            params = {**params, "progress": "none"}
        observer = DisplayObserver(self._display, params, task_vars, mask)
        try:
            client = Client(connect(params), read_only=self._task.check_mode)
            with interruptible(client, params, observer):
                if module == RUN:
                    return run_workflow(client, params, self._task.check_mode, observer, origin(task_vars))
                return wait_for_executions(client, params, self._task.check_mode, observer)
        except EngineError as error:
            # A returned failure obeys failed_when and until; a raised one would not.
            return {"changed": False, "failed": True, **error.as_failure()}
