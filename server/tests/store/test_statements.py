"""How many statements the hot path sends: counts, so that they can't creep up unnoticed."""

from __future__ import annotations

import pytest
from records import attempt, execution, job, save, start, task

from maestrale.store import Changeset, Executions


@pytest.fixture
def statements(database):
    seen = []
    database.on_statement = lambda text, rows: seen.append((" ".join(text.split()[:3]), rows))
    return seen


def began(count):
    """Changesets of new executions with a task and an attempt each."""
    changes = []
    for _ in range(count):
        parent = execution()
        child = task(parent)
        changes.append(Changeset(parent, 0, [child], [attempt(child)]))
    return changes


def without_begin(statements):
    return [one for one in statements if not one[0].startswith("BEGIN")]


@pytest.mark.parametrize("count", [1, 40])
def test_starting_executions_takes_one_statement_for_each_table(store, statements, count):
    changes = began(count)
    save(store, *changes, new_jobs=[job(changes[0].execution.id)], new_specs={"s": {"name": "w"}})

    assert without_begin(statements) == [
        ("INSERT INTO executions", count), ("INSERT INTO specs", 1), ("INSERT INTO task_executions", count),
        ("INSERT INTO action_executions", count), ("INSERT INTO jobs", 1),
    ]


def test_what_was_stored_before_is_not_sent_again(store, statements):
    value = {"blob": "x" * 100_000}
    first = began(1)[0]
    first.execution.set(input=value)
    save(store, first, new_specs={"s": {"name": "w"}})
    statements.clear()

    save(store, Changeset(first.execution.set(context=value), 1), new_specs={"s": {"name": "w"}})

    assert without_begin(statements) == [("UPDATE executions SET", 1)]


@pytest.mark.parametrize("count", [1, 40])
def test_completing_tasks_takes_one_statement_for_each_table_and_set_of_columns(store, statements, count):
    started = [start(store, tasks=1, attempts=1) for _ in range(count)]
    jobs = [job(parent.id) for parent, _, _ in started]
    save(store, new_jobs=jobs)
    statements.clear()
    changes = [
        Changeset(
            parent.set(state="SUCCESS", output={"r": 1}), 1, [child.set(state="SUCCESS", published={"a": 1})],
            [one.set(state="SUCCESS", accepted=True, output={"result": 1})],
        )
        for parent, (child,), (one,) in started
    ]
    save(store, *changes, done_jobs=[one.id for one in jobs])

    assert without_begin(statements) == [
        ("UPDATE executions SET", count), ("DELETE FROM jobs", count), ("UPDATE action_executions SET", count),
        ("UPDATE task_executions SET", count),
    ]


def test_an_empty_batch_costs_nothing(store, statements):
    save(store)

    assert statements == []


def test_loading_takes_three_statements_and_one_more_for_big_values(store, database, statements):
    parent, _, _ = start(store, tasks=30, attempts=3, input={"a": "x" * 9000, "b": ["y" * 9000]})
    statements.clear()

    with database.read() as conn:
        store.load(conn, parent.id)
        assert len(without_begin(statements)) == 3
        statements.clear()
        Executions(database).load(conn, parent.id)
        assert len(without_begin(statements)) == 4
        statements.clear()
        store.refresh(conn, parent.id, 0)
        assert len(without_begin(statements)) == 3
