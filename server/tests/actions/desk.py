"""A runner of actions with what it reported."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

from maestrale.actions import ActionSettings, Registry, Result, Runner, RunRequest, standard_registry

IDENT = f"a{os.getpid()}"
"""The usual action execution: what it leaves in the process table is told apart from that of tests that run beside these."""

OPEN = ("127.0.0.1/32", "::1/128", "169.254.0.0/16", "fe80::/10")
"""Networks denied in tests: all but the address where the peers are."""


def play(*tasks: Any, **more: Any) -> list[Any]:
    """A playbook of one play on all hosts."""
    return [{"hosts": "all", "gather_facts": False, **more, "tasks": list(tasks)}]


def wait_until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """What the condition gives as soon as it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "nothing came in time"
        time.sleep(0.02)
    return found


class Desk:
    """A runner with what it reported."""

    def __init__(self, settings: ActionSettings, registry: Registry | None = None) -> None:
        self.secrets: dict[str, str] = {}
        self.results: dict[str, Result] = {}
        self.released: list[str] = []
        self.events: list[Any] = []
        self._changed = threading.Condition()
        self.registry = registry or standard_registry(settings, plugins=False)
        self.runner = Runner(
            self.registry, settings, self._done, released=self._released, events=self._told, secrets=self)

    def get(self, project_id: str, name: str) -> str:
        """The secret of that name, as a store of secrets gives it."""
        del project_id
        return self.secrets[name]

    def _done(self, attempt_id: str, result: Result) -> None:
        with self._changed:
            assert attempt_id not in self.results, "an action was reported twice"
            self.results[attempt_id] = result
            self._changed.notify_all()

    def _told(self, attempt_id: str, events: list[Any]) -> None:
        del attempt_id
        with self._changed:
            self.events.extend(events)
            self._changed.notify_all()

    def _released(self, attempt_id: str) -> None:
        with self._changed:
            self.released.append(attempt_id)
            self._changed.notify_all()

    def submit(self, name: str, *, ident: str = IDENT, limit_seconds: float | None = None, **inputs: Any) -> None:
        self.runner.submit(RunRequest(attempt_id=ident, name=name, input=inputs, timeout=limit_seconds))

    def run(self, name: str, **inputs: Any) -> Result:
        return self.runner.run(RunRequest(attempt_id=IDENT, name=name, input=inputs))

    def wait(self, ident: str = IDENT, seconds: float = 20) -> Result:
        self.wait_for(lambda: ident in self.results, seconds)
        return self.results[ident]

    def wait_for(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, seconds), "nothing came in time"
