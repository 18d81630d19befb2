"""The load: starts executions of all shapes, completes asynchronous actions, resumes what pauses, cancels some.

Half of the executions get their id from here, and are started again under it until somebody says 201. The others
are started once; where the reply was lost it isn't known whether they exist, and the audit takes them as they are.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from storm.client import MEANS_LATER, Client, NoReplyError
from storm.shapes import SHAPES, TICKED, Shape
from storm.sink import Sink

FIRING_TAKES = 25.0
"""Seconds that a firing may take while servers are killed."""


@dataclass
class Ticking:
    """A cron trigger that fires each minute, by minutes since the epoch.

    ``made`` and ``deleted``, and ``in_time``, the last of which the firing had time to happen.
    """

    made: int
    in_time: int = 0
    deleted: int = 0


@dataclass
class Run:
    """One execution that was asked for. ``promised``: somebody said 201, so it has to be there."""

    shape: Shape
    path: str
    execution_id: str | None = None
    promised: bool = False
    unexpected: str = ""


@dataclass
class Load:
    """See the module."""

    client: Client
    sink: Sink
    seed: int
    runs: list[Run] = field(default_factory=list)
    completions: dict[str, set[str]] = field(default_factory=dict)
    """By action execution: the values whose completion was answered 200, or not answered at all."""
    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    oddities: list[str] = field(default_factory=list)
    triggers: dict[str, Ticking] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _helpers: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        """Start what completes, resumes and cancels."""
        for work in (self._complete_some, self._resume_some, self._cancel_some):
            thread = threading.Thread(target=self._again_and_again, args=(work,), daemon=True)
            self._helpers.append(thread)
            thread.start()

    def end(self) -> None:
        """End it."""
        self._stopping.set()
        for thread in self._helpers:
            thread.join(30)

    def create_triggers(self, count: int) -> None:
        """Cron triggers that fire each minute."""
        for number in range(count):
            name = f"cron{number}"
            reply = self.client.ask("POST", "/v2/cron_triggers", {
                "name": name, "pattern": "* * * * *", "workflow_name": TICKED.name,
                "workflow_input": {"sink": self.sink.url, "run": name}})
            if reply.status != 201:
                raise RuntimeError(f"the trigger was refused: {reply.body}")
            self.triggers[name] = Ticking(_minute())

    def delete_triggers(self) -> None:
        """Delete them. A first try whose answer was lost makes the next one say 404."""
        for name, ticking in self.triggers.items():
            ticking.in_time = _minute(FIRING_TAKES)
            reply = self.client.ask("DELETE", f"/v2/cron_triggers/{name}")
            ticking.deleted = _minute()
            if reply.status not in {204, 404}:
                self.oddities.append(f"deleting {name}: {reply.status} {reply.body}")

    def start_all(self, count: int, seconds: float) -> None:
        """Start ``count`` executions, spread evenly over ``seconds``; returns when all have been started."""
        chosen = random.Random(self.seed)
        begin = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            for number in range(count):
                shape = SHAPES[number % len(SHAPES)] if number < len(SHAPES) else chosen.choice(SHAPES)
                run = Run(shape, f"r{number}")
                if chosen.random() < 0.5:
                    run.execution_id = str(UUID(int=chosen.getrandbits(128), version=4))
                self.runs.append(run)
                pool.submit(self._start, run)
                time.sleep(max(0.0, begin + (number + 1) * seconds / count - time.monotonic()))

    def _start(self, run: Run) -> None:
        body: dict[str, Any] = {
            "workflow_name": run.shape.name, "input": {"sink": self.sink.url, "run": run.path}, "description": run.path}
        try:
            if run.execution_id is None:
                reply = self.client.once("POST", "/v2/executions", body)
            else:
                reply = self.client.ask("POST", "/v2/executions", {**body, "id": run.execution_id}, patience=120)
        except NoReplyError as error:
            if run.execution_id is not None:
                run.unexpected = f"nobody took it: {error}"
            return
        if reply.status == 201:
            run.execution_id, run.promised = reply.body["id"], True
        elif reply.status != MEANS_LATER:
            run.unexpected = f"status {reply.status}: {reply.body}"

    # ---- what happens outside of the service

    def _again_and_again(self, work: Callable[[], None]) -> None:
        while not self._stopping.wait(0.2):
            try:
                work()
            except NoReplyError:
                continue

    def _complete_some(self) -> None:
        for name in ("std.async_noop", "std.mistral_http"):
            for found in self.client.list("action_executions", patience=5, state="RUNNING", name=name, fields="id"):
                self._complete(found["id"])

    def _complete(self, attempt_id: str) -> None:
        """By two who don't know of each other: one of them is believed."""
        rivals = [threading.Thread(target=self._complete_with, args=(attempt_id, value)) for value in ("one", "two")]
        for rival in rivals:
            rival.start()
        for rival in rivals:
            rival.join()

    def _complete_with(self, attempt_id: str, value: str) -> None:
        body = {"state": "SUCCESS", "output": {"by": value}}
        try:
            reply = self.client.once("PUT", f"/v2/action_executions/{attempt_id}", body)
        except NoReplyError:
            self.completions.setdefault(attempt_id, set()).add(value)
            return
        if reply.status == 200:
            self.completions.setdefault(attempt_id, set()).add(value)
            self.acknowledged.setdefault(attempt_id, []).append(value)
        elif reply.status == 409:
            # the first try of a commit whose answer was lost may have been its own
            self.completions.setdefault(attempt_id, set()).add(value)
        elif reply.status != MEANS_LATER:
            self.oddities.append(f"completing {attempt_id}: {reply.status} {reply.body}")

    def _resume_some(self) -> None:
        for found in self.client.list("executions", patience=5, state="PAUSED", fields="id"):
            reply = self.client.once("PUT", f"/v2/executions/{found['id']}", {"state": "RUNNING"})
            if reply.status not in {200, MEANS_LATER}:
                self.oddities.append(f"resuming {found['id']}: {reply.status} {reply.body}")

    def _cancel_some(self) -> None:
        """Those too of which nobody knows that they run, since the answer to their start was lost."""
        for found in self.client.list("executions", patience=5, state="RUNNING", workflow_name="cancelled", fields="id,description"):
            if self.sink.hits(f"/{found['description']}/slow"):
                self.client.once("PUT", f"/v2/executions/{found['id']}", {"state": "CANCELLED"})


def _minute(ago: float = 0.0) -> int:
    return int((datetime.now(UTC).timestamp() - ago) // 60)  # noqa: TID251 - what the service's clock shows is looked at from outside
