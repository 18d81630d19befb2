"""One execution as a decision sees it: its records, and what can be derived from them cheaply.

Everything here besides the records is derived: it is built when a snapshot is loaded and kept up to date by the
methods below, so that deciding about one task costs the same among ten tasks and among ten thousand. A
snapshot belongs to one decision at a time; one whose commit failed is thrown away.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from maestrale.core import identity, states
from maestrale.core.dataflow import EMPTY, Context, extend, lay_over, merge_all, restored, stored
from maestrale.core.derived import ItemsState, JoinState, Routes
from maestrale.core.model import Attempt, Execution, Task
from maestrale.core.program import Program
from maestrale.lang.specs import WorkflowSpec


class Snapshot:
    """The records of one execution with their indexes; see the module."""

    def __init__(self, execution: Execution, spec: WorkflowSpec, program: Program | None = None) -> None:
        self.execution = execution
        self.spec = spec
        self.program = program or Program(spec)
        self.tasks: dict[str, Task] = {}
        self.attempts: dict[str, Attempt] = {}
        self.by_name: dict[str, list[Task]] = {}
        self.attempts_of: dict[str, list[Attempt]] = {}
        self.join_rows: dict[str, Task] = {}
        self.followers: dict[str, list[Task]] = {}
        self.unfinished: set[str] = set()
        self.waiting: set[str] = set()
        self.pending: deque[tuple[Any, ...]] = deque()
        self.joins_due: list[tuple[int, str]] = []
        self.items: dict[str, ItemsState] = {}
        self.joins: dict[str, JoinState] = {}
        self.routes = Routes()
        self.needed: frozenset[str] | None = None
        self.required: dict[str, int] = {}
        self._inbound: dict[str, Context] = {}
        self._outbound: dict[str, Context] = {}
        self._changed_tasks: dict[str, Task] = {}
        self._changed_attempts: dict[str, Attempt] = {}
        self.changes = 0
        self.needs_scan = False
        self.launch_effects: list[Any] = []

    @classmethod
    def load(
        cls, execution: Execution, spec: WorkflowSpec, tasks: Iterable[Task], attempts: Iterable[Attempt],
        program: Program | None = None,
    ) -> Snapshot:
        """From stored records; what was ready to run is found again by the next decision."""
        snapshot = cls(execution, spec, program)
        for task in sorted(tasks, key=lambda t: t.ordinal):
            snapshot._index_task(task)
        for attempt in sorted(attempts, key=lambda a: a.ordinal):
            snapshot._index_attempt(attempt)
        snapshot.needs_scan = True
        return snapshot

    # ---- records

    def _index_task(self, task: Task) -> None:
        self.tasks[task.id] = task
        self.by_name.setdefault(task.name, []).append(task)
        self.attempts_of.setdefault(task.id, [])
        if task.unique_key is not None:
            self.join_rows[task.name] = task
        self.index_follower(task)
        self._index_state(task)

    def index_follower(self, task: Task) -> None:
        """Note whose context the task goes by, see ``freeze_followers``."""
        if task.unique_key is None:
            for ident in _source_idents(task):
                self.followers.setdefault(ident, []).append(task)

    def _index_state(self, task: Task) -> None:
        (self.unfinished.discard if states.is_final(task.state) else self.unfinished.add)(task.id)
        (self.waiting.add if task.state == states.WAITING else self.waiting.discard)(task.id)

    def _index_attempt(self, attempt: Attempt) -> None:
        self.attempts[attempt.id] = attempt
        if attempt.task_id is not None:
            self.attempts_of.setdefault(attempt.task_id, []).append(attempt)

    def next_ordinal(self) -> int:
        """The next number of this execution, for tasks, attempts and timers alike."""
        number: int = self.execution.runtime.get("ordinal", 0) + 1
        self.execution.set(runtime={**self.execution.runtime, "ordinal": number})
        return number

    def new_id(self, kind: str) -> tuple[str, int]:
        """An identity and an ordinal for a new record."""
        ordinal = self.next_ordinal()
        return identity.derive(self.execution.id, kind, ordinal), ordinal

    def add_task(self, task: Task) -> None:
        """Take in a new task."""
        self._index_task(task)
        self._changed_tasks[task.id] = task
        self.changes += 1

    def add_attempt(self, attempt: Attempt) -> None:
        """Take in a new attempt."""
        self._index_attempt(attempt)
        self._changed_attempts[attempt.id] = attempt
        self.changes += 1

    def change_task(self, task: Task, **values: Any) -> None:
        """Assign columns of a task and keep the indexes right."""
        task.set(**values)
        self._changed_tasks[task.id] = task
        self.changes += 1
        if "state" in values:
            self._index_state(task)
        if "published" in values:
            self._outbound.pop(task.id, None)

    def change_attempt(self, attempt: Attempt, **values: Any) -> None:
        """Assign columns of an attempt."""
        attempt.set(**values)
        self._changed_attempts[attempt.id] = attempt
        self.changes += 1

    def changed_tasks(self) -> list[Task]:
        """New and changed tasks since ``clean``."""
        return list(self._changed_tasks.values())

    def changed_attempts(self) -> list[Attempt]:
        """New and changed attempts since ``clean``."""
        return list(self._changed_attempts.values())

    def is_changed(self) -> bool:
        """Whether anything has to be written."""
        return bool(self.execution.dirty or not self.execution.stored or self._changed_tasks or self._changed_attempts)

    def clean(self) -> None:
        """All changes are committed."""
        for record in (self.execution, *self._changed_tasks.values(), *self._changed_attempts.values()):
            record.stored = True
            record.dirty.clear()
        self._changed_tasks.clear()
        self._changed_attempts.clear()

    # ---- look-ups

    def latest(self, name: str) -> Task | None:
        """The last execution of the task of that name."""
        found = self.by_name.get(name)
        return found[-1] if found else None

    def join_due(self, task: Task) -> None:
        """A waiting join is to be looked at once all else is done; the one that was created first comes first."""
        heapq.heappush(self.joins_due, (task.ordinal, task.id))

    def next_join_due(self) -> Task:
        """Take out the first join that is to be looked at."""
        ident = heapq.heappop(self.joins_due)[1]
        while self.joins_due and self.joins_due[0][1] == ident:
            heapq.heappop(self.joins_due)
        return self.tasks[ident]

    def env(self) -> Mapping[str, Any]:
        """The environment of the root execution, which children carry along (L160)."""
        source = self.execution.runtime if self.execution.task_execution_id else self.execution.params
        env: Mapping[str, Any] = source.get("env") or {}
        return env

    def items_of(self, task: Task) -> ItemsState:
        """The with-items state of a task, rebuilt where it isn't at hand."""
        state = self.items.get(task.id)
        if state is None:
            state = self.items[task.id] = ItemsState.rebuild(self.attempts_of[task.id])
        return state

    def accepted(self, task: Task) -> list[Attempt]:
        """The attempts whose results count, in index order for with-items."""
        found = [a for a in self.attempts_of[task.id] if a.accepted]
        if self.spec.tasks[task.name].with_items:
            found.sort(key=lambda a: a.index)
        return found

    # ---- contexts

    def refresh_inbound(self, task: Task) -> None:
        """The inbound context of a task is to be computed anew when next asked for (3.5 step 2); a join sees who has come."""
        if task.unique_key is not None:
            self._refresh_sources(task)
        self._inbound.pop(task.id, None)
        self._outbound.pop(task.id, None)

    def _refresh_sources(self, task: Task) -> None:
        context = {key: value for key, value in task.runtime_context.items() if key != "_sources"}
        sources = self._arrived(task.name)
        if {s.id for s in sources} != {t["task_id"] for t in context.get("triggered_by", ())}:
            context["_sources"] = [s.id for s in sources]
        if "_seen" in context and context["_seen"][0].keys() <= {name for s in sources for name in self.outbound(s).variables}:
            del context["_seen"]  # all of it is hidden
        if context != task.runtime_context:
            self.change_task(task, runtime_context=context)

    def inbound(self, task: Task) -> Context:
        """What a task started with. Computed without recursion, since chains may be long."""
        known = self._inbound.get(task.id)
        if known is not None:
            return known
        stack, waiting = [task], {task.id}
        while stack:
            current = stack[-1]
            if current.id in self._inbound:
                waiting.discard(stack.pop().id)
                continue
            frozen = current.runtime_context.get("_in_context")
            if frozen is not None:
                self._inbound[current.id] = restored(frozen)
                continue
            sources = self._sources(current)
            missing = [s for s in sources if s.id not in self._inbound and s.id not in waiting]
            if missing:
                stack.extend(missing)
                waiting.update(s.id for s in missing)
                continue
            merged = merge_all(self._outbound_now(s) for s in sources)
            seen = current.runtime_context.get("_seen")
            self._inbound[current.id] = merged if seen is None else lay_over(restored(seen), merged)
        return self._inbound[task.id]

    def thawed(self, task: Task) -> dict[str, Any]:
        """The runtime context of a task that is held to no inbound context any more.

        What a join has seen once stays visible to it, beneath what its sources tell now (L244).
        """
        context = dict(task.runtime_context)
        frozen = context.pop("_in_context", None)
        if frozen is not None and task.unique_key is not None:
            context["_seen"] = frozen
        return context

    def freeze_followers(self, task: Task) -> None:
        """A task that has led somewhere is about to change: what follows keeps the context it was started with."""
        followers = self.followers.pop(task.id, [])
        for name in self.spec.outbound.get(task.name, ()):
            join = self.join_rows.get(name)
            if join is not None and join is not task and any(source is task for source in self._sources(join)):
                followers.append(join)
        for follower in followers:
            if "_in_context" not in follower.runtime_context:
                self.change_task(follower, runtime_context={**follower.runtime_context, "_in_context": stored(self.inbound(follower))})

    @contextmanager
    def supposing(self, task: Task, state: str, published: dict[str, Any] | None) -> Iterator[None]:
        """Have a task look for a while as it would be in a state, without changing anything that is stored."""
        kept, outbound = (task.state, task.published), self._outbound.pop(task.id, None)
        task.state, task.published = state, published
        try:
            yield
        finally:
            task.state, task.published = kept
            self._outbound.pop(task.id, None)
            if outbound is not None:
                self._outbound[task.id] = outbound

    def outbound(self, task: Task) -> Context:
        """What a task leaves to its successors: inbound and published."""
        self.inbound(task)
        return self._outbound_now(task)

    def _outbound_now(self, task: Task) -> Context:
        found = self._outbound.get(task.id)
        if found is None:
            found = extend(self._inbound.get(task.id, EMPTY), task.published)
            if task.id in self._inbound:
                self._outbound[task.id] = found
        return found

    def _sources(self, task: Task) -> list[Task]:
        """The tasks whose outbound contexts make up a task's inbound one, in order of creation."""
        if self.spec.type == "reverse":
            named = (self.latest(name) for name in self.spec.tasks[task.name].requires)
            return sorted((t for t in named if t is not None), key=lambda t: t.ordinal)
        found = (self.tasks.get(ident) for ident in _source_idents(task))
        return sorted((t for t in found if t is not None), key=lambda t: t.ordinal)

    def _arrived(self, name: str) -> list[Task]:
        """Completed inbound tasks that name the join; a skipped one is left out, as in Mistral (L245)."""
        found = []
        for inbound in self.spec.inbound[name]:
            source = self.latest(inbound)
            if source is None or source.state not in (states.SUCCESS, states.ERROR, states.CANCELLED):
                continue
            if any(target == name for target, _ in source.next_tasks or ()):
                found.append(source)
        return sorted(found, key=lambda t: t.ordinal)


def _source_idents(task: Task) -> list[str]:
    """The ids of the tasks that a task of a direct workflow goes by; a join, and a task that was skipped, name them themselves."""
    idents: list[str] | None = task.runtime_context.get("_sources")
    return [each["task_id"] for each in task.runtime_context.get("triggered_by", ())] if idents is None else idents
