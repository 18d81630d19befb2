# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Documentation of the options of waiting; their spec is module_utils/waiting.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment of the modules that wait for executions."""

    DOCUMENTATION = r"""
options:
  wait_timeout:
    description: Seconds to wait at most. V(0) waits for ever.
    type: float
    default: 3600.0
  wait_sleep:
    description:
      - Seconds between two looks at the execution while things change. The first looks come sooner.
      - While nothing changes the gap grows by half each time, up to O(wait_sleep_max).
    type: float
    default: 2.0
  wait_sleep_max:
    description: The longest gap between two looks, in seconds.
    type: float
    default: 30.0
  on_timeout:
    description:
      - What to do when the time is up.
      - V(fail) fails and leaves the execution running.
      - V(cancel) cancels the execution and fails.
      - V(return) succeeds with RV(finished=false) and leaves the execution running.
    type: str
    choices: [fail, cancel, return]
    default: fail
  on_interrupt:
    description:
      - What becomes of the execution when the play is interrupted (Ctrl-C, SIGTERM, the task's C(timeout)).
      - A killed play (SIGKILL) can't do anything. The execution goes on, unless there is a lease.
    type: str
    choices: [leave, cancel]
    default: leave
  on_paused:
    description:
      - What to do when the execution is paused.
      - V(wait) goes on waiting, V(fail) fails, V(return) succeeds with RV(finished=false).
    type: str
    choices: [wait, fail, return]
    default: wait
  fail_on_error:
    description: Whether the task fails if the execution ends in C(ERROR) or C(CANCELLED).
    type: bool
    default: true
  progress:
    description:
      - What is shown while waiting, if the task runs on the controller.
      - V(state) shows the states of the execution, V(tasks) also those of its tasks, V(all) also sub-workflows, and how many items
        of a C(with-items) task are done.
      - Only names, states and durations are shown, and nothing at all with C(no_log).
    type: str
    choices: [none, state, tasks, all]
    default: tasks
  show_output:
    description:
      - Whether to show also what the actions of tasks print, as it comes, such as the output of playbooks. Needs O(progress=tasks) or
        V(all), and an engine that keeps it, which OpenStack Mistral does not.
      - Secrets that the playbook or this task declares are masked in it; others are not.
    type: bool
    default: false
"""
