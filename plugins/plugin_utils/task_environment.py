# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""The environment that a task asks for, in force for the plugin's own process as well."""

from __future__ import annotations

import contextlib
import os


@contextlib.contextmanager
def task_environment(task, templar):
    """Set the variables of the task's ``environment`` for a while."""
    wanted = {}
    for layer in task.environment or []:
        wanted.update(templar.template(layer) or {})
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update({name: str(value) for name, value in wanted.items()})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
