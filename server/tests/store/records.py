"""Records for the tests of the store, with as little to say as possible."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count

from maestrale.core.model import Attempt, Execution, Job, Task
from maestrale.store import Batch, Changeset

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456)

_numbers = count(1)


def later(seconds):
    return NOW + timedelta(seconds=seconds)


def new_id(prefix="00000000"):
    return f"{prefix}-0000-4000-8000-{next(_numbers):012x}"


def execution(**values):
    base = {
        "id": new_id(), "created_at": NOW, "updated_at": NOW, "project_id": "p1", "workflow_name": "w", "spec_digest": "d1",
        "state": "RUNNING",
    }
    return Execution(**{**base, **values})


def task(parent, **values):
    base = {
        "id": new_id("11111111"), "created_at": NOW, "updated_at": NOW, "execution_id": parent.id, "ordinal": next(_numbers),
        "project_id": parent.project_id, "name": "t", "type": "ACTION", "state": "RUNNING",
    }
    return Task(**{**base, **values})


def attempt(of=None, **values):
    base = {
        "id": new_id("22222222"), "created_at": NOW, "updated_at": NOW, "execution_id": of.execution_id if of else None,
        "task_id": of.id if of else None, "ordinal": next(_numbers), "project_id": of.project_id if of else "p1", "name": "std.noop",
        "state": "RUNNING",
    }
    return Attempt(**{**base, **values})


def job(execution_id, **values):
    base = {
        "id": new_id("33333333"), "kind": "message", "execution_id": execution_id, "due_at": NOW, "payload": {"type": "Continue"},
        "created_at": NOW,
    }
    return Job(**{**base, **values})


def save(store, *changesets, **parts):
    """Commit and mark the records as stored, as a snapshot does."""
    batch = Batch(changesets=list(changesets), **parts)
    store.commit(batch)
    records = [*batch.standalone]
    for changeset in changesets:
        records.extend([changeset.execution, *changeset.tasks, *changeset.attempts])
    for record in records:
        record.stored = True
        record.dirty.clear()


def start(store, *, tasks=0, attempts=0, **values):
    """A stored execution with some tasks of some attempts each."""
    parent = execution(**values)
    children = [task(parent) for _ in range(tasks)]
    tries = [attempt(child) for child in children for _ in range(attempts)]
    save(store, Changeset(parent, 0, children, tries))
    return parent, children, tries
