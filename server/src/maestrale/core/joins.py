"""When a join may run, when it can't any more (3.7).

Each inbound task, by specification, *induces* a state for the join: WAITING while it may still trigger it, RUNNING when
it did, ERROR when it can't any more. The induced states are kept per waiting join and changed one by one, so a join
of N branches costs O(N) in all. A branch that was turned away is followed forward through the tasks that will never
start because of it; each of those is visited once.
"""

from __future__ import annotations

from collections.abc import Iterator

from maestrale.core import states
from maestrale.core.model import Task
from maestrale.core.snapshot import JoinState, Snapshot
from maestrale.core.turn import Turn
from maestrale.lang.specs import ALL

WAITING_TEXT = "Task is waiting."
NOT_TRIGGERED = "not triggered"
IMPOSSIBLE_ROUTE = "impossible route"


def triggers(task: Task, target: str) -> bool:
    """Whether a completed task names the target among its next ones."""
    return any(name == target for name, _ in task.next_tasks or ())


def route_possible(snapshot: Snapshot, name: str) -> bool:
    """Whether a task that has no execution may still get one: some way back is open (L241)."""
    stack, seen = [name], {name}
    while stack:
        current = stack.pop()
        inbound = snapshot.spec.inbound.get(current, ())
        if not inbound:
            return True
        for source in inbound:
            task = snapshot.latest(source)
            if task is None:
                if source not in seen:
                    seen.add(source)
                    stack.append(source)
            elif not states.is_final(task.state) or triggers(task, current):
                return True
    return False


def induced(snapshot: Snapshot, join: str, inbound: str) -> str:
    """What one inbound task induces for the join."""
    task = snapshot.latest(inbound)
    if task is None:
        return states.WAITING if route_possible(snapshot, inbound) else states.ERROR
    if not states.is_final(task.state):
        return states.WAITING
    return states.RUNNING if triggers(task, join) else states.ERROR


def join_state(snapshot: Snapshot, task: Task) -> JoinState:
    """The induced states of a join task, computed when first needed."""
    found = snapshot.joins.get(task.id)
    if found is None:
        found = snapshot.joins[task.id] = JoinState(
            {name: induced(snapshot, task.name, name) for name in snapshot.spec.inbound[task.name]})
    return found


def verdict(required: int, counts: dict[str, int]) -> str:
    """RUNNING, ERROR or WAITING for a join, from how many inbound tasks induce which."""
    total = sum(counts.values())
    needed = total if required == ALL else required
    if counts[states.ERROR] > total - needed:
        return states.ERROR
    return states.RUNNING if counts[states.RUNNING] >= needed else states.WAITING


def decide_join(snapshot: Snapshot, task: Task) -> str:
    """The verdict about a waiting join."""
    required = snapshot.spec.tasks[task.name].join
    assert required is not None
    return verdict(required, join_state(snapshot, task).counts)


def waiting_join(snapshot: Snapshot, name: str) -> Task | None:
    """The execution of a join of that name, if it is waiting."""
    spec = snapshot.spec.tasks[name]
    task = snapshot.latest(name) if spec.join is not None else None
    return task if task is not None and task.state == states.WAITING else None


def note_started(turn: Turn, name: str) -> None:
    """A task got an execution: joins right behind it wait for it from now on."""
    _refresh_direct(turn, name)


def note_completed(turn: Turn, task: Task) -> None:
    """A task completed: its joins learn it, and joins further down learn which ways are closed now."""
    snapshot = turn.snapshot
    _refresh_direct(turn, task.name)
    taken = {name for name, _ in task.next_tasks or ()}
    closed = [name for name in snapshot.spec.outbound.get(task.name, ()) if name not in taken]
    for name in _never_started(snapshot, closed):
        _refresh_direct(turn, name)


def _refresh_direct(turn: Turn, name: str) -> None:
    snapshot = turn.snapshot
    for target in snapshot.spec.outbound.get(name, ()):
        join = waiting_join(snapshot, target)
        if join is not None:
            if join.id in snapshot.joins:
                snapshot.joins[join.id].change(name, induced(snapshot, target, name))
            turn.joins_due[join.id] = None


def _never_started(snapshot: Snapshot, names: list[str]) -> Iterator[str]:
    """Tasks without execution that can be reached from the names through others without execution."""
    seen: set[str] = set()
    while names:
        name = names.pop()
        if name in seen or snapshot.latest(name) is not None:
            continue
        seen.add(name)
        yield name
        names.extend(snapshot.spec.outbound.get(name, ()))


def event_of(task: Task, target: str) -> str | None:
    """The event by which a task triggers the target: the last one where several do."""
    found = None
    for name, event in task.next_tasks or ():
        if name == target:
            found = event
    return found
