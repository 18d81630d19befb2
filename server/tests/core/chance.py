"""Random workflows, and somebody who delivers, answers and meddles at random.

Every task publishes names of its own and every loop is bounded by a counter, so that an end exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any
from zlib import crc32

import yaml
from hypothesis import strategies as st
from world import Case, World, held

from maestrale.core import messages as m
from maestrale.core import states

WORK = ("std.noop", "std.fail", "test.work", "test.work", "std.async_noop")
CLAUSES = ("on-success", "on-error", "on-complete")


@dataclass
class Plan:
    """A definition, and the seed of all that is left to chance while it runs."""

    text: str
    seed: int


# ---- definitions


@st.composite
def plans(draw: st.DrawFn, *, calm: bool = False) -> Plan:
    """A workflow of some tasks. ``calm``: no engine command, no forced failure, no race, so that all orders end the same."""
    names = [f"t{i}" for i in range(draw(st.integers(1, 7)))]
    tasks = {name: draw(_task(name, names[i + 1:], calm=calm)) for i, name in enumerate(names)}
    for name in names:
        edges = sum(_names(task.get(clause, ())).count(name) for task in tasks.values() for clause in CLAUSES)
        sources = sum(any(name in _names(task.get(clause, ())) for clause in CLAUSES) for task in tasks.values())
        if edges > 1 if calm else edges and draw(st.booleans()):
            tasks[name]["join"] = draw(st.sampled_from(["all"] if calm else ["all", "one", sources]))
    if not calm and draw(st.booleans()):
        _loop(tasks, draw(st.sampled_from(names)), draw(st.sampled_from(names)))
    sub = {"input": [{"i": 0}], "tasks": {
        "x": {"action": draw(st.sampled_from(WORK)), "on-success": ["y"]}, "y": {"action": "std.noop"}}}
    text = yaml.safe_dump({"version": "2.0", "wf": {"vars": {"n": 0}, "tasks": tasks}, "sub": sub}, sort_keys=False)
    return Plan(text, draw(st.integers(0, 2**16)))


def _names(clause: Any) -> list[str]:
    return [name for each in clause for name in (each if isinstance(each, dict) else [each])]


@st.composite
def _task(draw: st.DrawFn, name: str, later: list[str], *, calm: bool) -> dict[str, Any]:
    task: dict[str, Any] = {"publish": {f"p_{name}": 1}, "publish-on-error": {f"e_{name}": 1}}
    if draw(st.integers(0, 5)) == 0:
        task["workflow"] = "sub"
    else:
        task["action"] = draw(st.sampled_from(WORK))
    if draw(st.integers(0, 3)) == 0:
        task["with-items"] = f"i in {draw(st.sampled_from(['[1]', '[1, 2, 3]', '<% [] %>']))}"
        if draw(st.booleans()):
            task["concurrency"] = draw(st.integers(0, 2))
    policies = {
        "retry": {"count": draw(st.integers(0, 2)), "delay": draw(st.sampled_from([0, 3]))},
        "wait-before": 2, "wait-after": 2, "timeout": draw(st.sampled_from([1, 5])), "pause-before": True,
        "fail-on": "<% true %>" if calm else draw(st.sampled_from(["<% true %>", "<% $.no %>"])),
    }
    allowed = ["retry", "wait-before", "fail-on"] if calm else sorted(policies)
    for key in draw(st.lists(st.sampled_from(allowed), max_size=2, unique=True)):
        task[key] = policies[key]
    for clause in CLAUSES:
        found = draw(st.lists(_target(later, calm=calm), max_size=2, unique_by=str))
        if found:
            task[clause] = found
    return task


@st.composite
def _target(draw: st.DrawFn, later: list[str], *, calm: bool) -> Any:
    commands = ["noop"] if calm else ["noop", "fail", "succeed", "pause"]
    name = draw(st.sampled_from([*later * 3, *commands]))
    return {name: draw(st.sampled_from(["<% true %>", "<% false %>"]))} if draw(st.integers(0, 3)) == 0 else name


def _loop(tasks: dict[str, Any], end: str, start: str) -> None:
    """One task leads back to another, or to itself, up to twice."""
    tasks[end]["publish"]["n"] = "<% $.n + 1 %>"
    tasks[end].setdefault("on-success", []).append({start: "<% $.n < 3 %>"})
    tasks["go"] = {"on-success": [start]}


# ---- running


class Driver:
    """Does one of the things that may happen, until nothing may.

    ``meddle``: people pause, resume, stop, rerun and skip meanwhile. ``twice``: every message comes twice. ``fixed``: an
    action's outcome depends on what it is, not on when it is answered.
    """

    def __init__(self, plan: Plan, *, meddle: bool = False, twice: bool = False, fixed: bool = False, seed: int = 0, **world: Any) -> None:
        self.random = Random(plan.seed + seed)
        self.plan, self.meddle, self.twice, self.fixed = plan, meddle, twice, fixed
        self.world = World(work=held, **world)
        self.world.define(plan.text)
        self.root = self.world.start("wf")
        self.reruns = 0

    @property
    def case(self) -> Case:
        return Case(self.world, self.root)

    def run(self) -> None:
        """To the end: what is paused is resumed once nothing else is left."""
        for _ in range(5000):
            if not self.step() and not self.resume():
                return
        raise AssertionError("there is no end")

    def resume(self) -> bool:
        paused = [ident for ident, s in self.world.snapshots.items() if s.execution.state == states.PAUSED]
        for ident in paused:
            self.world.decide(ident, m.Resume())
        return bool(paused)

    def step(self) -> bool:
        running = [(ident, a.id) for ident, s in self.world.snapshots.items() for a in s.attempts.values()
                   if a.kind == "action" and a.state == states.RUNNING]
        choices = [*(["deliver"] * 3 if self.world.queue else []), *(["answer"] * 2 if running else []),
                   *(["time"] if self.world.next_timer() is not None else [])]
        if not choices:
            return False
        if self.meddle and self.random.random() < 0.1:
            self.ask()
            return True
        choice = self.random.choice(choices)
        if choice == "deliver":
            self.decide(*self.world.queue.pop(self.random.randrange(len(self.world.queue))))
        elif choice == "answer":
            ident, attempt = self.random.choice(running)
            self.decide(ident, m.ActionCompleted(attempt, self.outcome(ident, attempt), "value"))
        else:
            self.world.fire()
        return True

    def outcome(self, ident: str, attempt_id: str) -> str:
        if not self.fixed:
            return self.random.choices(["SUCCESS", "ERROR", "CANCELLED"], [6, 3, int(self.meddle)])[0]
        snapshot = self.world.snapshots[ident]
        attempt = snapshot.attempts[attempt_id]
        task = snapshot.tasks[attempt.task_id or ""]
        tries = sum(a.index == attempt.index for a in snapshot.attempts_of[task.id])
        return "ERROR" if crc32(f"{self.plan.seed} {task.name} {attempt.index} {tries}".encode()) % 3 == 0 else "SUCCESS"

    def decide(self, ident: str, *messages: m.Message) -> None:
        self.world.decide(ident, *messages)
        if self.twice:
            before = shown(self.world)
            decision = self.world.decide(ident, *messages)
            assert shown(self.world) == before
            assert decision.effects == []

    def ask(self) -> None:
        ident = self.random.choice(list(self.world.snapshots))
        failed = [t.id for t in self.world.snapshots[ident].tasks.values() if t.state == states.ERROR]
        asked: list[m.Message] = [m.Pause(), m.Resume(), m.UpdateEnv({"e": 1})]
        if self.random.random() < 0.2:
            asked.append(m.Stop(self.random.choice(["SUCCESS", "ERROR", "CANCELLED"])))
        if failed and self.reruns < 3:
            self.reruns += 1
            asked += [m.Rerun(self.random.choice(failed), reset=True), m.Skip(self.random.choice(failed))]
        self.world.decide(ident, self.random.choice(asked))


def shown(world: World) -> list[str]:
    """All records of a world."""
    return [repr(record) for s in world.snapshots.values() for record in (s.execution, *s.tasks.values(), *s.attempts.values())]
