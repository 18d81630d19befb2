"""A world in memory for the core: definitions in dicts, actions by script, time that is moved by hand."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from maestrale import lang
from maestrale.core import messages as m
from maestrale.core.decide import Decision, Limits, NewExecution, Ports, create, decide
from maestrale.core.model import Attempt, Task
from maestrale.core.ports import ActionDescriptor, Result, WorkflowEntry
from maestrale.core.snapshot import Snapshot
from maestrale.lang.specs import Parameter

START = datetime(2026, 1, 1)  # noqa: DTZ001 - stored times are naive UTC


def _noop(_values: Mapping[str, Any]) -> Result:
    return Result()


def _echo(values: Mapping[str, Any]) -> Result | None:
    return None if values.get("delay") else Result(data=values["output"])


def _fail(values: Mapping[str, Any]) -> Result:
    if values.get("error_data"):
        return Result(error=values["error_data"], failed=True)
    raise RuntimeError("Fail action expected exception.")


BUILT_IN = {
    "std.noop": ActionDescriptor("std.noop", pure=_noop),
    "std.echo": ActionDescriptor(
        "std.echo", (Parameter("output"), Parameter("delay", 0)), "mistral.actions.std_actions.EchoAction", pure=_echo),
    "std.fail": ActionDescriptor("std.fail", (Parameter("error_data", None),), pure=_fail),
    "std.async_noop": ActionDescriptor("std.async_noop", is_sync=False, inert=True),
    "test.work": ActionDescriptor("test.work", open_input=True),
}


@dataclass
class World:
    """Executions, and what waits for them. ``work`` answers ``test.work``: input to Result, or None to leave it running."""

    work: Callable[[Mapping[str, Any]], Result | None] = lambda _values: Result(data="done")
    budget: int = 1000
    reload: bool = False
    limits: Limits = field(default_factory=Limits)
    now: datetime = START
    workflows: dict[tuple[str, str], WorkflowEntry] = field(default_factory=dict)
    actions: dict[tuple[str, str], ActionDescriptor] = field(default_factory=dict)
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    queue: list[tuple[str, m.Message]] = field(default_factory=list)
    timers: list[tuple[datetime, int, str, m.WakeAt]] = field(default_factory=list)
    forgotten: set[str] = field(default_factory=set)
    ran: list[Attempt] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    notices: list[m.Notify] = field(default_factory=list)
    refused: list[Exception] = field(default_factory=list)
    counter: Any = field(default_factory=lambda: itertools.count(1))

    # ---- the ports

    def action(self, name: str, namespace: str, project_id: str) -> ActionDescriptor | None:
        return self.actions.get((name, namespace)) or self.actions.get((name, "")) or BUILT_IN.get(name)

    def workflow(self, name: str, namespace: str, project_id: str) -> WorkflowEntry | None:
        return self.workflows.get((name, namespace)) or self.workflows.get((name, ""))

    def environment(self, name: str, project_id: str) -> Mapping[str, Any] | None:
        return self.environments.get(name)

    def executions(self, project_id: str, **_filters: Any) -> list[dict[str, Any]]:
        return []

    def tasks(self, project_id: str, **_filters: Any) -> list[dict[str, Any]]:
        return []

    # ---- definitions

    def define(self, text: str, namespace: str = "") -> None:
        for parsed in lang.parse_workflows(text):
            spec = parsed.spec
            self.workflows[spec.name, namespace] = WorkflowEntry(f"id-{spec.name}", spec.name, namespace, spec, spec.name)

    def define_actions(self, text: str, namespace: str = "") -> None:
        for parsed in lang.parse_actions(text):
            self.actions[parsed.spec.name, namespace] = ActionDescriptor(
                parsed.spec.name, parsed.spec.input, adhoc=parsed.spec, namespace=namespace)

    def define_workbook(self, text: str) -> None:
        book = lang.parse_workbook(text).spec
        for spec in book.workflows:
            name = f"{book.name}.{spec.name}"
            self.workflows[name, ""] = WorkflowEntry(f"id-{name}", name, "", spec, name, book.name)
        for action in book.actions:
            name = f"{book.name}.{action.name}"
            self.actions[name, ""] = ActionDescriptor(name, action.input, adhoc=action)

    # ---- running

    def start(self, name: str | None = None, input: Mapping[str, Any] | None = None, **params: Any) -> str:  # noqa: A002
        entry = self.workflows[(name, params.get("namespace", ""))] if name else next(iter(self.workflows.values()))
        ident = f"ex{next(self.counter)}"
        snapshot = create(NewExecution(id=ident, entry=entry, input=input or {}, params=params, project_id="p"),
                          Ports(self, self), self.now, self.limits)
        self.snapshots[ident] = snapshot
        self.decide(ident, m.Continue())
        self.settle()
        return ident

    def decide(self, ident: str, *messages: m.Message) -> Decision:
        if self.reload and self.snapshots[ident].execution.stored:
            self.reload_from_records(ident)
        snapshot = self.snapshots[ident]
        decision = decide(snapshot, messages, Ports(self, self), self.now, self.limits, self.budget)
        snapshot.clean()
        self.refused.extend(decision.refused.values())
        for effect in decision.effects:
            self._effect(ident, effect)
        return decision

    def reload_from_records(self, ident: str) -> None:
        old = self.snapshots[ident]
        self.snapshots[ident] = Snapshot.load(old.execution, old.spec, old.tasks.values(), old.attempts.values())

    def _effect(self, ident: str, effect: m.Effect) -> None:
        match effect:
            case m.RunAction(attempt):
                self.ran.append(attempt)
                values = attempt.runtime_context.get("base", {}).get("input", attempt.input)
                result = self.work(values)
                if result is not None:
                    self.queue.append((ident, m.ActionCompleted(attempt.id, result.state, result.value)))
            case m.CancelAction(attempt_id):
                self.cancelled.append(attempt_id)
            case m.StartChild(child):
                self.snapshots[child.execution.id] = child
                self.queue.append((child.execution.id, m.Continue()))
            case m.Tell(execution_id, message):
                self.queue.append((execution_id, message))
            case m.WakeAt():
                heapq.heappush(self.timers, (effect.due_at, next(self.counter), ident, effect))
            case m.ForgetWake(key):
                self.forgotten.add(key)
            case m.Notify():
                self.notices.append(effect)

    def tell(self, ident: str, message: m.Message) -> Decision:
        decision = self.decide(ident, message)
        self.settle()
        return decision

    def settle(self, limit: int = 100_000) -> None:
        """Deliver everything that waits, without moving time."""
        for _ in range(limit):
            if not self.queue:
                return
            ident, message = self.queue.pop(0)
            self.decide(ident, message)
        raise AssertionError("it never settles")

    def advance(self, seconds: float) -> None:
        """Move time; timers that are due fire in order."""
        until = self.now + timedelta(seconds=seconds)
        while self.timers and self.timers[0][0] <= until:
            due, _, ident, wake = heapq.heappop(self.timers)
            self.now = max(self.now, due)
            if wake.key not in self.forgotten:
                self.decide(ident, wake.message)
                self.settle()
        self.now = until

    # ---- looking

    def execution(self, ident: str) -> Any:
        return self.snapshots[ident].execution

    def tasks_of(self, ident: str, name: str | None = None) -> list[Task]:
        return [t for t in self.snapshots[ident].tasks.values() if name is None or t.name == name]

    def task(self, ident: str, name: str) -> Task:
        return self.tasks_of(ident, name)[-1]

    def attempts(self, ident: str, name: str) -> list[Attempt]:
        return self.snapshots[ident].attempts_of[self.task(ident, name).id]

    def child(self, ident: str, name: str) -> str:
        return self.attempts(ident, name)[-1].id


def run(text: str, input: Mapping[str, Any] | None = None, **kwargs: Any) -> tuple[World, str]:  # noqa: A002
    """Define the workflows of a text, start the first, let it go on to where it waits."""
    world = World(**{k: kwargs.pop(k) for k in ("work", "budget", "reload", "limits") if k in kwargs})
    world.define(text)
    return world, world.start(next(iter(world.workflows))[0], input, **kwargs)
