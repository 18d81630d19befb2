"""When a join may run, when it can't any more (3.7).

Each inbound task, by specification, *induces* a state for the join: WAITING while it may still trigger it, RUNNING when
it did, ERROR when it can't any more. The induced states are kept per waiting join and changed one by one, so a join
of N branches costs O(N) in all. A branch that was turned away is followed forward through the tasks that can't start
any more because of it; each of those is visited once.
"""

from __future__ import annotations

from maestrale.core import states
from maestrale.core.derived import JoinState
from maestrale.core.model import Task
from maestrale.core.snapshot import Snapshot
from maestrale.core.turn import Turn
from maestrale.lang.specs import ALL

WAITING_TEXT = "Task is waiting."
NOT_TRIGGERED = "not triggered"
IMPOSSIBLE_ROUTE = "impossible route"

_OPEN = ""
"""No task's name: stands for a way that is open."""


def triggers(task: Task, target: str) -> bool:
    """Whether a completed task names the target among its next ones."""
    return any(name == target for name, _ in task.next_tasks or ())


def route_possible(snapshot: Snapshot, name: str) -> bool:
    """Whether a task that has no execution may still get one: some way back is open (L241)."""
    routes = snapshot.routes
    if name in routes.closed:
        return False
    path, seen, tried = [name], {name}, dict[str, int]()
    while path:
        step = _way_back(snapshot, path[-1], seen, tried)
        if step == _OPEN:
            return True
        if step is None:
            path.pop()
        else:
            seen.add(step)
            path.append(step)
    routes.closed |= seen
    return False


def _way_back(snapshot: Snapshot, name: str, seen: set[str], tried: dict[str, int]) -> str | None:
    """The next task to look at on the way back, ``_OPEN`` if the way is open here, None if there is no more to try.

    ``tried`` is how far this search has come, ``routes.position`` how far any search has to look.
    """
    routes = snapshot.routes
    inbound = snapshot.spec.inbound.get(name, ())
    if not inbound:
        return _OPEN
    position = tried.get(name, routes.position.get(name, 0))
    while position < len(inbound):
        source = inbound[position]
        task = snapshot.latest(source)
        if task is not None and (not states.is_final(task.state) or triggers(task, name)):
            return _OPEN
        if task is None and source not in routes.closed:
            if source not in seen:
                tried[name] = position
                return source
        elif position == routes.position.get(name, 0):
            routes.position[name] = position + 1
        position += 1
    tried[name] = position
    if routes.position.get(name, 0) == position:
        routes.closed.add(name)
    return None


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


def note_started(turn: Turn, name: str) -> None:
    """A task got an execution: joins right behind it wait for it from now on."""
    _refresh_direct(turn, name)


def note_revived(turn: Turn, name: str) -> None:
    """A task of which an execution had ended is not final any more, so ways that were closed may be open again."""
    if turn.snapshot.routes.reset():
        turn.snapshot.joins.clear()
    _refresh_direct(turn, name)


def note_completed(turn: Turn, task: Task) -> None:
    """A task completed: its joins learn it, and joins further down learn which ways are closed now."""
    snapshot = turn.snapshot
    _refresh_direct(turn, task.name)
    if not snapshot.waiting:
        return
    taken = {name for name, _ in task.next_tasks or ()}
    names = [name for name in snapshot.spec.outbound.get(task.name, ()) if name not in taken]
    told = snapshot.routes.told
    while names:
        name = names.pop()
        if name in told or snapshot.latest(name) is not None or route_possible(snapshot, name):
            continue
        told.add(name)
        _refresh_direct(turn, name)
        names.extend(snapshot.spec.outbound.get(name, ()))


def _refresh_direct(turn: Turn, name: str) -> None:
    snapshot = turn.snapshot
    if not snapshot.waiting:
        return
    for target in snapshot.spec.outbound.get(name, ()):
        join = snapshot.join_rows.get(target)
        if join is None or join.state != states.WAITING:
            continue
        known = snapshot.joins.get(join.id)
        if known is not None:
            known.change(name, induced(snapshot, target, name))
            if decide_join(snapshot, join) == states.WAITING:
                continue
        snapshot.join_due(join)


def event_of(task: Task, target: str) -> str | None:
    """The event by which a task triggers the target: the last one where several do."""
    found = None
    for name, event in task.next_tasks or ():
        if name == target:
            found = event
    return found
