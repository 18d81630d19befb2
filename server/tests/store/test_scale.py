"""Lists stay small work however many executions there are: SQLite's own count of steps, no times."""

from __future__ import annotations

import pytest
from records import execution, later, new_id, task

from maestrale.store import EVERYTHING, Batch, Changeset, Database, Executions, Scope, Where, list_, reports, upgrade

MANY = 6000
MOST_STEPS = 6000
"""A page takes about a thousand; looking at every row once takes four a row."""

UNFINISHED = Where("state", "in", ("RUNNING", "IDLE", "DELAYED", "PAUSED"))


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    """Thousands of finished executions of one project and a few that run."""
    url = f"sqlite:///{tmp_path_factory.mktemp('scale')}/x.db"
    upgrade(url)
    database = Database(url)
    changes = []
    for number in range(MANY):
        parent = execution(
            created_at=later(number), updated_at=later(number), workflow_name=f"w{number % 3}", workflow_id=new_id(),
            state="RUNNING" if number % 1000 == 7 else ("SUCCESS", "ERROR")[number % 2], root_execution_id=None if number % 2 else "root",
        )
        changes.append(Changeset(parent, 0, [task(parent, created_at=later(number), state="SUCCESS")]))
    Executions(database).commit(Batch(changes))
    yield database
    database.close()


def steps(database, work):
    """How many instructions of SQLite's machine ``work`` takes, in hundreds."""
    count = [0]

    def tick():
        count[0] += 100
        return 0

    with database.read() as conn:
        raw = conn.connection.driver_connection
        raw.set_progress_handler(tick, 100)
        try:
            work(conn)
        finally:
            raw.set_progress_handler(None, 0)
    return count[0]


@pytest.mark.parametrize("scope", [EVERYTHING, Scope("p1"), Scope("stranger")])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sort": [("created_at", True)]},
        {"sort": [("created_at", True), ("id", True)]},
        {"filters": [UNFINISHED]},
        {"filters": [Where("state", "eq", "PAUSED")]},
        {"filters": [Where("state", "eq", "ERROR")], "sort": [("created_at", True)]},
        {"filters": [Where("workflow_name", "eq", "w1")]},
        {"filters": [Where("workflow_name", "eq", "none")]},
        {"filters": [Where("workflow_id", "eq", "none")]},
        {"filters": [Where("root_execution_id", "eq", "none")]},
        {"filters": [Where("task_execution_id", "eq", "none")]},
        {"filters": [Where("created_at", "gte", later(MANY - 30))]},
        {"nulls": ["root_execution_id"], "sort": [("created_at", True)]},
    ],
)
def test_A366_a_list_of_executions_reads_about_a_page(crowded, scope, options):
    if scope == Scope("stranger") and any(one.operator == "eq" and one.value in {"ERROR", "w1"} for one in options.get("filters", ())):
        pytest.skip("SQLite looks for the value, not for the project, since files with several projects are rare")

    assert steps(crowded, lambda conn: list_(conn, "executions", scope, limit=20, **options)) < MOST_STEPS


@pytest.mark.parametrize("scope", [EVERYTHING, Scope("p1")])
@pytest.mark.parametrize(
    "filters",
    [[], [Where("state", "eq", "RUNNING")], [Where("workflow_name", "eq", "none")], [Where("workflow_execution_id", "eq", "none")]],
)
def test_a_list_of_tasks_reads_about_a_page(crowded, scope, filters):
    assert steps(crowded, lambda conn: list_(conn, "tasks", scope, limit=20, filters=filters)) < MOST_STEPS


def test_a_page_far_inside_reads_about_a_page(crowded):
    with crowded.read() as conn:
        (row,) = list_(conn, "executions", EVERYTHING, filters=[Where("created_at", "eq", later(MANY // 2))])

    for sort in ([("created_at", False)], [("created_at", True)]):
        count = steps(crowded, lambda conn, s=sort: list_(conn, "executions", EVERYTHING, limit=20, marker=row["id"], sort=s))
        assert count < MOST_STEPS


def test_looking_for_what_has_to_be_done_does_not_read_what_is_finished(crowded):
    for work in (
        lambda conn: reports.idle_executions(conn, later(10**6)),
        lambda conn: reports.count_in_states(conn, "executions", reports.UNFINISHED),
        lambda conn: reports.mean_duration(conn, "w2", "", "p1"),
        lambda conn: reports.expired_executions(conn, later(5), ("SUCCESS",), 20),
    ):
        assert steps(crowded, work) < MOST_STEPS


def test_the_count_sees_a_scan(crowded):
    assert steps(crowded, lambda conn: list_(conn, "executions", EVERYTHING, filters=[Where("description", "eq", "none")])) > MOST_STEPS
