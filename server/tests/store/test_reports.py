from __future__ import annotations

import json

import pytest
from records import attempt, job, later, save, start

from maestrale.errors import NotFoundError
from maestrale.store import EVERYTHING, Changeset, Scope, reports

P1, P2 = Scope("p1"), Scope("p2")


@pytest.fixture
def tree(store):
    """root -> (left -> leaf, right); right is in ERROR."""
    root, (task,), _ = start(store, tasks=1, attempts=1, workflow_name="root")
    common = {"root_execution_id": root.id, "tasks": 1, "attempts": 2}
    left, (inner,), _ = start(
        store, workflow_name="left", parent_execution_id=root.id, task_execution_id=task.id, created_at=later(1), **common,
    )
    leaf, _, _ = start(store, workflow_name="leaf", parent_execution_id=left.id, task_execution_id=inner.id, **common)
    right, _, _ = start(
        store, workflow_name="right", parent_execution_id=root.id, task_execution_id=task.id, created_at=later(2), state="ERROR", **common,
    )
    return {"root": root, "task": task, "left": left, "leaf": leaf, "right": right}


def shown(rows):
    return [(row["workflow_name"], row["depth"]) for row in rows]


def below(conn, tree, **options):
    names = {execution.id: name for name, execution in tree.items() if name != "task"}
    return [names[one] for one in reports.sub_executions(conn, P1, **options)]


def test_sub_executions_are_listed_nearest_first(database, tree):
    root = tree["root"].id
    with database.read() as conn:
        assert below(conn, tree, execution_id=root) == ["root", "left", "right", "leaf"]
        assert below(conn, tree, execution_id=root, max_depth=0) == ["root"]
        assert below(conn, tree, execution_id=root, max_depth=1) == ["root", "left", "right"]
        assert below(conn, tree, execution_id=tree["left"].id) == ["left", "leaf"]
        assert below(conn, tree, task_id=tree["task"].id) == ["left", "right", "leaf"]


def test_sub_executions_can_be_those_in_error_only(database, tree):
    with database.read() as conn:
        assert below(conn, tree, execution_id=tree["root"].id, errors_only=True) == ["right"]


def test_trees_of_other_projects_are_not_found(database, tree):
    with database.read() as conn:
        for options in ({"execution_id": tree["root"].id}, {"task_id": tree["task"].id}):
            with pytest.raises(NotFoundError):
                reports.sub_executions(conn, P2, **options)
        with pytest.raises(NotFoundError):
            reports.report(conn, P2, tree["root"].id)


def test_a_report_has_all_rows_of_the_tree(store, database, tree):
    save(store, Changeset(tree["root"], 1, [], [attempt(tree["task"], kind="workflow")]))

    with database.read() as conn:
        whole = reports.report(conn, P1, tree["root"].id)
        flat = reports.report(conn, EVERYTHING, tree["root"].id, max_depth=0)

    assert shown(whole.executions) == [("root", 0), ("left", 1), ("right", 1), ("leaf", 2)]
    assert (len(whole.tasks), len(whole.actions)) == (4, 7)
    assert (len(flat.executions), len(flat.tasks), len(flat.actions)) == (1, 1, 1)
    assert flat.tasks[0]["workflow_execution_id"] == tree["root"].id
    assert flat.actions[0]["task_execution_id"] == tree["task"].id
    assert json.loads(flat.tasks[0]["runtime_context"]) == {}


def test_global_variables_are_those_of_the_tasks_in_the_order_of_their_end(store, database):
    parent, (a, b, c), _ = start(store, tasks=3)
    a.set(published_global={"x": 1, "y": "y" * 5000}, finished_at=later(5))
    b.set(published_global={"x": 2, "z": 3}, finished_at=later(1))
    c.set(published={"no": 1}, finished_at=later(9))
    save(store, Changeset(parent, 1, [a, b, c]))

    with database.read() as conn:
        assert json.loads(reports.published_global(conn, P1, parent.id)) == {"x": 1, "y": "y" * 5000, "z": 3}
        assert reports.published_global(conn, P2, parent.id) == "{}"


def test_the_mean_duration_is_that_of_the_last_successful_runs(store, database):
    for number in range(25):
        start(store, state="SUCCESS", created_at=later(number * 100), finished_at=later(number * 100 + (10 if number >= 5 else 99)))
    start(store, state="ERROR", created_at=later(9000), finished_at=later(9900))
    start(store, state="SUCCESS", created_at=later(9000), finished_at=later(9900), project_id="p2")

    with database.read() as conn:
        assert reports.mean_duration(conn, "w", "", "p1") == 10
        assert reports.mean_duration(conn, "other", "", "p1") is None


def test_states_are_counted(store, database):
    start(store, tasks=2, attempts=1)
    start(store, state="SUCCESS")

    with database.read() as conn:
        assert reports.state_counts(conn) == {
            "executions": {"RUNNING": 1, "SUCCESS": 1}, "tasks": {"RUNNING": 2}, "actions": {"RUNNING": 2},
        }
        assert reports.count_in_states(conn, "executions", reports.UNFINISHED) == 1
        assert reports.count_in_states(conn, "tasks", ["RUNNING"]) == 2


def test_executions_in_a_state_are_walked_in_portions(store, database):
    ids = sorted(start(store)[0].id for _ in range(5))
    start(store, state="ERROR")

    with database.read() as conn:
        first = reports.executions_in_states(conn, reports.UNFINISHED, limit=3)
        rest = reports.executions_in_states(conn, reports.UNFINISHED, after_id=first[-1], limit=3)
    assert first + rest == ids


def test_idle_executions_are_those_that_nothing_will_wake(store, database):
    stuck, _, _ = start(store, tasks=1)
    start(store, tasks=1, attempts=1)
    start(store, updated_at=later(100))
    waiting, _, _ = start(store)
    save(store, new_jobs=[job(waiting.id, due_at=later(1000))])

    with database.read() as conn:
        assert reports.idle_executions(conn, later(50)) == [stuck.id]


def test_expired_roots_are_found_oldest_first(store, database):
    finished = ("SUCCESS", "ERROR")
    ids = [start(store, state="SUCCESS", created_at=later(n), updated_at=later(n))[0].id for n in (2, 1, 50)]
    start(store, state="RUNNING", created_at=later(-5), updated_at=later(-5))
    start(store, state="CANCELLED", created_at=later(-5), updated_at=later(-5))
    start(store, state="SUCCESS", created_at=later(-5), updated_at=later(99))
    start(store, state="SUCCESS", created_at=later(-5), updated_at=later(-5), root_execution_id="r")

    with database.read() as conn:
        assert reports.expired_executions(conn, later(10), finished, 10) == [ids[1], ids[0]]
        assert reports.expired_executions(conn, later(10), finished, 1) == [ids[1]]
        assert len(reports.surplus_executions(conn, 1, finished, 10)) == 3
        assert len(reports.surplus_executions(conn, 1, finished, 2)) == 2
        assert reports.surplus_executions(conn, 4, finished, 10) == []


