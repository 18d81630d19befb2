# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Reads the file named by ``src`` on the controller and runs the module with its text; nothing in it is rendered.

Serves all modules that send definitions: ``meta/runtime.yml`` names it for the others.
"""

from __future__ import annotations

from ansible.plugins.action import ActionBase

# Where the module wants the text, if not in "definition".
TEXT_OPTIONS = {"maestrale.mistral.code_source": "content"}


class ActionModule(ActionBase):
    """Turns ``src`` into text."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp=None, task_vars=None):
        """Run the module with the file's text."""
        super().run(tmp, task_vars)
        module = self._task.resolved_action or self._task.action
        arguments = dict(self._task.args)
        text_option = TEXT_OPTIONS.get(module, "definition")
        # With both given the module is left to complain.
        if arguments.get("src") is not None and arguments.get(text_option) is None:
            path = self._find_needle("files", arguments.pop("src"))
            arguments[text_option] = self._loader.get_text_file_contents(path)
        return self._execute_module(module_name=module, module_args=arguments, task_vars=task_vars, wrap_async=self._task.async_val)
