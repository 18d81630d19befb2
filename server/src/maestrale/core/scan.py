"""Finding what is ready to go on from the records alone (invariant 2).

Every reason for a step stands in the records: a task that is IDLE, a mark in its ``runtime_context`` (``_ready``: a delay is
over, ``_rerun``, ``_follow``: what comes after it was not dispatched), its ``with_items``, or a join that waits. So a
snapshot fresh from the store, and one that runs again after its end, go on where they were.
"""

from __future__ import annotations

from maestrale.core import states
from maestrale.core.model import Task
from maestrale.core.turn import Turn

DELAYS = ("wait-before", "wait-after", "retry")


def find_ready(turn: Turn) -> None:
    """Queue all steps that the records call for, and no others, so that their order is the same from whatever snapshot."""
    snapshot = turn.snapshot
    snapshot.needs_scan = False
    snapshot.pending.clear()
    snapshot.joins_due.clear()
    for ident in sorted(snapshot.unfinished, key=lambda i: snapshot.tasks[i].ordinal):
        task = snapshot.tasks[ident]
        step = _step_of(turn, task)
        if step is not None:
            turn.ready(step, ident)
        elif task.state == states.WAITING:
            snapshot.join_due(task)
    if snapshot.execution.state == states.RUNNING:
        for task in snapshot.tasks.values():
            if task.runtime_context.get("_follow"):
                turn.ready("follow", task.id)


def _step_of(turn: Turn, task: Task) -> str | None:
    context = task.runtime_context
    if task.state == states.IDLE:
        if not context.get("_held"):
            return "start"
        return "start-held" if turn.snapshot.execution.state == states.RUNNING else None
    if task.state == states.DELAYED:
        waits = any(purpose in context.get("_timers", {}) for purpose in DELAYS)
        return None if waits else "continue"
    if task.state == states.RUNNING:
        if context.get("_rerun"):
            return "rerun"
        return "items" if "with_items" in context else _lost(turn, task)
    return None


def _lost(turn: Turn, task: Task) -> str | None:
    """A task that runs while nothing runs for it: there is none, unless records were changed behind our back (L411)."""
    attempts = turn.snapshot.attempts_of[task.id]
    if any(not states.is_final(a.state) and not a.runtime_context.get("_abandoned") for a in attempts):
        return None
    return "recover"
