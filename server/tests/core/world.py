"""A world in memory for the core: definitions in dicts, actions by script, time that is moved by hand."""

from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from textwrap import dedent
from typing import Any

from maestrale import lang
from maestrale.core import messages as m
from maestrale.core.decide import Decision, Limits, NewExecution, Ports, create, decide
from maestrale.core.lookup import result_of, task_mapping
from maestrale.core.model import Attempt, Execution, Record, Task
from maestrale.core.ports import ActionDescriptor, Result, WorkflowEntry
from maestrale.core.snapshot import Snapshot
from maestrale.lang.specs import Parameter

START = datetime(2026, 1, 1)


class Scripted(Exception):  # noqa: N818 - as an action's own exception would be called
    """What a scripted action raises."""

    action = "Fail action"


def _noop(_values: Mapping[str, Any]) -> Result:
    return Result()


def _echo(values: Mapping[str, Any]) -> Result | None:
    return None if values.get("delay") else Result(data=values["output"])


def _fail(values: Mapping[str, Any]) -> Result:
    if values.get("error_data"):
        return Result(error=values["error_data"], failed=True)
    raise Scripted("Fail action expected exception.")


def _parts(result: Any) -> Mapping[str, Any] | None:
    return {"only": result["bad"]} if isinstance(result, Mapping) else None


def _picky(values: Mapping[str, Any]) -> str | None:
    return "picky says no" if values.get("bad") else None


BUILT_IN = {
    "std.noop": ActionDescriptor("std.noop", pure=_noop),
    "std.echo": ActionDescriptor(
        "std.echo", (Parameter("output"), Parameter("delay", 0)), "mistral.actions.std_actions.EchoAction", pure=_echo),
    "std.fail": ActionDescriptor("std.fail", (Parameter("error_data", None),), pure=_fail),
    "std.async_noop": ActionDescriptor("std.async_noop", is_sync=False, inert=True),
    "test.work": ActionDescriptor("test.work", open_input=True),
    "test.parts": ActionDescriptor("test.parts", open_input=True, modes=("check", "diff"), remainder=_parts),
    "test.picky": ActionDescriptor("test.picky", (Parameter("bad", None),), "test.Picky", construct_error=_picky),
}


def _done(_values: Mapping[str, Any]) -> Result | None:
    return Result(data="done")


def held(_values: Mapping[str, Any]) -> Result | None:
    """As ``World.work``: every ``test.work`` is left running."""
    return None


@dataclass
class World:
    """Executions, and what waits for them. ``work`` answers ``test.work``: input to Result, or None to leave it running.

    ``reload``: every decision starts from the records alone, after a round trip through JSON.
    """

    work: Callable[[Mapping[str, Any]], Result | None] = _done
    budget: int = 1000
    reload: bool = False
    limits: Limits = field(default_factory=Limits)
    now: datetime = START
    workflows: dict[tuple[str, str], WorkflowEntry] = field(default_factory=dict)
    actions: dict[tuple[str, str], ActionDescriptor] = field(default_factory=dict)
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    queue: list[tuple[Any, ...]] = field(default_factory=list)
    timers: list[tuple[datetime, int, str, m.WakeAt]] = field(default_factory=list)
    forgotten: set[str] = field(default_factory=set)
    ran: list[Attempt] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    notices: list[m.Notify] = field(default_factory=list)
    refused: list[Exception] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)
    counter: Any = field(default_factory=lambda: itertools.count(1))

    # ---- the ports

    def action(self, name: str, namespace: str, project_id: str) -> ActionDescriptor | None:
        return self.actions.get((name, namespace)) or self.actions.get((name, "")) or BUILT_IN.get(name)

    def workflow(self, name: str, namespace: str, project_id: str) -> WorkflowEntry | None:
        return self.workflows.get((name, namespace)) or self.workflows.get((name, ""))

    def environment(self, name: str, project_id: str) -> Mapping[str, Any] | None:
        return self.environments.get(name)

    def executions(
        self, project_id: str, *, id: str | None, root_execution_id: str | None, state: str | None,  # noqa: A002
        from_time: str | None, to_time: str | None,
    ) -> list[dict[str, Any]]:
        found = [s.execution for s in self.snapshots.values()]
        return [
            {"id": e.id, "state": e.state} for e in found
            if id in {None, e.id} and state in {None, e.state} and root_execution_id in {None, e.root_execution_id}]

    def tasks(
        self, project_id: str, *, workflow_execution_id: str | None, recursive: bool, state: str | None, flat: bool,
    ) -> list[Any]:
        wanted = [s for s in self.snapshots.values() if workflow_execution_id in {None, s.execution.id}
                  or (recursive and s.execution.root_execution_id == workflow_execution_id)]
        return [task_mapping(s, t) for s in wanted for t in s.tasks.values() if state in {None, t.state}]

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

    def start(
        self, name: str | None = None, input: Mapping[str, Any] | None = None, *, namespace: str = "", **params: Any,  # noqa: A002
    ) -> str:
        entry = self.workflows[name, namespace] if name else next(iter(self.workflows.values()))
        ident = f"ex{next(self.counter)}"
        snapshot = create(NewExecution(id=ident, entry=entry, input=input or {}, params=params, project_id="p"),
                          Ports(self, self), self.now, self.limits)
        self.snapshots[ident] = snapshot
        self.decide(ident)
        self.settle()
        return ident

    def decide(self, ident: str, *messages: m.Message) -> Decision:
        if self.reload and self.snapshots[ident].execution.stored:
            self.reload_from_records(ident)
        snapshot = self.snapshots[ident]
        decision = decide(snapshot, [_delivered(each) for each in messages], Ports(self, self), self.now, self.limits, self.budget)
        snapshot.clean()
        self.refused.extend(decision.refused.values())
        self.faults.extend(decision.faults)
        for fault in decision.faults:
            if isinstance(fault, AssertionError):
                raise fault
        for effect in decision.effects:
            self._effect(ident, effect)
        return decision

    def reload_from_records(self, ident: str) -> None:
        old = self.snapshots[ident]
        for record in (old.execution, *old.tasks.values(), *old.attempts.values()):
            _through_json(record)
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
                self.queue.append((child.execution.id,))
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
            self.decide(*self.queue.pop(0))
        raise AssertionError("it never settles")

    def advance(self, seconds: float) -> None:
        """Move time; timers that are due fire in order."""
        until = self.now + timedelta(seconds=seconds)
        while (due := self.next_timer()) is not None and due <= until:
            self.fire()
            self.settle()
        self.now = until

    def next_timer(self) -> datetime | None:
        """When the next timer is due."""
        while self.timers and self.timers[0][-1].key in self.forgotten:
            heapq.heappop(self.timers)
        return self.timers[0][0] if self.timers else None

    def fire(self) -> None:
        """Move time to the next timer and deliver it."""
        due, _, ident, wake = heapq.heappop(self.timers)
        self.now = max(self.now, due)
        self.decide(ident, wake.message)


def _delivered(message: m.Message) -> m.Message:
    """The message after it was stored: as its payload gives it, a child's output from its row."""
    if isinstance(message, m.ActionCompleted):
        return message
    again = m.from_payload(json.loads(json.dumps(m.to_payload(message))))
    if isinstance(message, m.ChildCompleted) and isinstance(again, m.ChildCompleted):
        return replace(again, output=message.output)
    return again


def _through_json(record: Record) -> None:
    for each in fields(record):
        value = getattr(record, each.name)
        if isinstance(value, dict | list):
            setattr(record, each.name, json.loads(json.dumps(value)))


@dataclass
class Case:
    """One execution of a world, for tests that look at it and tell it things."""

    world: World
    id: str

    @property
    def execution(self) -> Execution:
        return self.world.snapshots[self.id].execution

    @property
    def state(self) -> str:
        return self.execution.state

    @property
    def info(self) -> str | None:
        return self.execution.state_info

    @property
    def output(self) -> dict[str, Any]:
        return self.execution.output

    @property
    def names(self) -> list[str]:
        """Names of all task executions in order of creation."""
        return [t.name for t in self.world.snapshots[self.id].tasks.values()]

    def tasks(self, name: str) -> list[Task]:
        return [t for t in self.world.snapshots[self.id].tasks.values() if t.name == name]

    def task(self, name: str) -> Task:
        return self.tasks(name)[-1]

    def states(self, name: str) -> list[str]:
        return [t.state for t in self.tasks(name)]

    def attempts(self, name: str) -> list[Attempt]:
        snapshot = self.world.snapshots[self.id]
        return [a for t in self.tasks(name) for a in snapshot.attempts_of[t.id]]

    def result(self, name: str) -> Any:
        return result_of(self.world.snapshots[self.id], self.task(name))

    def child(self, name: str, position: int = -1) -> Case:
        return Case(self.world, self.attempts(name)[position].id)

    def tell(self, message: m.Message) -> Exception | None:
        """Deliver a message and all that follows; the error with which it was refused."""
        return self.world.tell(self.id, message).refused.get(0)

    def complete(self, name: str, value: Any = None, state: str = "SUCCESS", position: int = -1) -> Exception | None:
        """Complete an action execution of a task from outside."""
        return self.tell(m.ActionCompleted(self.attempts(name)[position].id, state, value))

    def pause(self, message: str | None = None) -> Exception | None:
        return self.tell(m.Pause(message))

    def resume(self, env: Mapping[str, Any] | None = None) -> Exception | None:
        return self.tell(m.Resume(env))

    def stop(self, state: str, message: str | None = None) -> Exception | None:
        return self.tell(m.Stop(state, message))

    def rerun(self, name: str, *, reset: bool = True, env: Mapping[str, Any] | None = None) -> Exception | None:
        return self.tell(m.Rerun(self.task(name).id, reset, env))

    def skip(self, name: str) -> Exception | None:
        return self.tell(m.Skip(self.task(name).id))

    def advance(self, seconds: float) -> None:
        self.world.advance(seconds)


def flow(
    text: str, input: Mapping[str, Any] | None = None, *, actions: str = "", world: World | None = None, start: str = "",  # noqa: A002
    params: Mapping[str, Any] | None = None, **options: Any,
) -> Case:
    """Define the workflows of a text (without ``version``), start the first (or ``start``), let it go on to where it waits."""
    world = world or World(**options)
    if actions:
        world.define_actions("version: '2.0'\n" + dedent(actions))
    known = set(world.workflows)
    world.define("version: '2.0'\n" + dedent(text))
    name = start or next(key for key in world.workflows if key not in known)[0]
    return Case(world, world.start(name, input, **(params or {})))
