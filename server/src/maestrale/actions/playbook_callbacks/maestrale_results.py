"""Collects what a playbook hands on, for the engine: per-host statistics set by tasks, registered variables, facts.

ansible-core loads this file as a callback plugin. The file named by ``MAESTRALE_RESULTS_REQUEST`` holds what is wanted, as JSON:
``{"facts": true or [names], "registered": [names], "into": path}``; the answer is written to ``into`` when the play recap comes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase  # type: ignore[import-untyped]
from ansible.release import __version__  # type: ignore[import-untyped]

_WHOLE_RESULT = "_task.polymorphic_result"

DOCUMENTATION = """
name: maestrale_results
type: notification
short_description: collects what a playbook hands on, for the workflow engine
description:
  - Writes per-host custom statistics, chosen registered variables and chosen facts to a file.
version_added: 0.1.0
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """The plugin; its methods are called by ansible-core."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "maestrale_results"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        request = os.environ.get("MAESTRALE_RESULTS_REQUEST")
        wanted = json.loads(Path(request).read_text(encoding="utf-8")) if request else {}
        self.into: str | None = wanted.get("into")
        self.wanted_facts: Any = wanted.get("facts")
        self.wanted_registered = frozenset(wanted.get("registered") or ())
        self.facts: dict[str, dict[str, Any]] = {}
        self.registered: dict[str, dict[str, Any]] = {}
        self.parts_of_results: dict[str, tuple[Any, set[str]]] = {}
        self.play: Any = None
        self.disabled = self.into is None

    def set_options(self, task_keys: Any = None, var_options: Any = None, direct: Any = None) -> None:
        """There are none."""

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """A play begins; it knows where variables are kept."""
        self.play = play

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task went well on a host."""
        self._take(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: ARG002
        """A task failed on a host."""
        self._take(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host could not be reached."""
        self._take(result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """A task was skipped on a host."""
        self._take(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The end: write down what was collected."""
        self._take_parts()
        custom = {host: values for host, values in getattr(stats, "custom", {}).items() if host != "_run"}
        collected = {"custom": custom, "facts": self.facts, "registered": self.registered, "ansible_version": __version__}
        text = json.dumps(collected, default=str)
        descriptor = os.open(str(self.into), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)

    def _take(self, result: Any) -> None:
        # Callback plugins are given these by name in all releases of ansible-core.
        task, host, values = result._task, result._host.get_name(), result._result  # noqa: SLF001
        if self.wanted_registered and task.register:
            whole, parts = _registered(task.register)
            for name in self.wanted_registered & whole:
                self.registered.setdefault(host, {})[name] = values
            if "censored" not in values and (wanted := self.wanted_registered & parts):
                self.parts_of_results.setdefault(host, (result._host, set()))[1].update(wanted)  # noqa: SLF001
        if self.wanted_facts:
            for part in (values, *(values.get("results") or ())):
                facts = part.get("ansible_facts") if isinstance(part, dict) else None
                if isinstance(facts, dict):
                    self._take_facts(_owner(task, host, values), facts)

    def _take_parts(self) -> None:
        """Registered variables that hold a part of a result, which the result itself doesn't tell."""
        for host, (known_host, names) in self.parts_of_results.items():
            variables = self.play.get_variable_manager().get_vars(play=self.play, host=known_host, include_hostvars=False)
            self.registered.setdefault(host, {}).update({name: variables[name] for name in names if name in variables})

    def _take_facts(self, host: str, facts: dict[str, Any]) -> None:
        if self.wanted_facts is True:
            self.facts.setdefault(host, {}).update(facts)
            return
        for name in self.wanted_facts:
            for key in (name, f"ansible_{name}"):
                if key in facts:
                    self.facts.setdefault(host, {})[name] = facts[key]
                    break


def _registered(register: Any) -> tuple[set[str], set[str]]:
    """Names of variables that hold a task's whole result, and of those that hold a part (ansible-core 2.21 and later)."""
    if not isinstance(register, dict):
        return {str(register)}, set()
    whole = {name for name, expression in register.items() if str(expression) == _WHOLE_RESULT}
    return whole, set(register) - whole


def _owner(task: Any, host: str, values: dict[str, Any]) -> str:
    """Whose facts a task's are: the host's, or the one's that the task was delegated to with ``delegate_facts``."""
    delegated = values.get("_ansible_delegated_vars")
    if getattr(task, "delegate_facts", None) and isinstance(delegated, dict):
        return str(delegated.get("ansible_delegated_vars_host") or task.delegate_to or host)
    if getattr(task, "delegate_facts", None) and task.delegate_to:
        return str(task.delegate_to)
    return host
