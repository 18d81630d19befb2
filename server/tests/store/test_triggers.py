from __future__ import annotations

import threading

import pytest
from records import NOW, later, new_id

from maestrale.errors import DuplicateError
from maestrale.store import EVERYTHING, Scope, definitions, get_, triggers
from maestrale.store.definitions import CRON_TRIGGERS, EVENT_TRIGGERS, WORKFLOWS


@pytest.fixture
def workflow_id(database):
    row = {
        "id": new_id(), "name": "w", "namespace": "", "project_id": "p1", "scope": "private", "definition": "", "spec": {},
        "spec_digest": "d", "input": "", "interface": {}, "tags": [], "is_system": False, "created_at": NOW,
    }
    with database.write() as conn:
        definitions.create(conn, WORKFLOWS, [row])
    return row["id"]


def cron(workflow_id, name, next_time=NOW, **values):
    base = {
        "id": new_id(), "name": name, "project_id": "p1", "scope": "private", "workflow_id": workflow_id, "workflow_name": "w",
        "workflow_input": {"a": 1}, "workflow_params": {}, "pattern": "* * * * *", "remaining_executions": None,
        "first_execution_time": None, "next_execution_time": next_time, "security": {"project_id": "p1"}, "created_at": NOW,
    }
    return {**base, **values}


def add(database, *rows):
    with database.write() as conn:
        for row in rows:
            triggers.create_cron(conn, row)


def test_due_triggers_come_soonest_first(database, workflow_id):
    add(database, cron(workflow_id, "a", later(-1)), cron(workflow_id, "b", later(-2)), cron(workflow_id, "c", later(1)))

    with database.read() as conn:
        found = triggers.due(conn, NOW, 10)
        assert [row["name"] for row in found] == ["b", "a"]
        assert (found[0]["workflow_input"], found[0]["security"]) == ({"a": 1}, {"project_id": "p1"})
        assert [row["name"] for row in triggers.due(conn, NOW, 1)] == ["b"]
        assert triggers.next_time(conn) == later(-2)


def test_each_time_is_fired_by_one_process(database, workflow_id):
    row = cron(workflow_id, "a", remaining_executions=5)
    add(database, row)
    won, barrier = [], threading.Barrier(4)

    def work():
        barrier.wait()
        won.append(database.run_write(lambda conn: triggers.advance(conn, row["id"], NOW, later(60), 4)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(won) == [False, False, False, True]
    with database.read() as conn:
        found = definitions.get(conn, CRON_TRIGGERS, EVERYTHING, row["id"])
    assert (found["next_execution_time"], found["remaining_executions"]) == (later(60), 4)


def test_the_last_firing_deletes_the_trigger_once(database, workflow_id):
    row = cron(workflow_id, "a")
    add(database, row)

    with database.write() as conn:
        assert not triggers.advance(conn, row["id"], later(1), None, 0)
        assert triggers.advance(conn, row["id"], NOW, None, 0)
        assert not triggers.advance(conn, row["id"], NOW, None, 0)
        assert triggers.next_time(conn) is None


def test_a_name_is_unique_in_its_project(database, workflow_id):
    add(database, cron(workflow_id, "a"), cron(workflow_id, "a", project_id="p2"), cron(workflow_id, "b"))

    with pytest.raises(DuplicateError) as caught:
        add(database, cron(workflow_id, "a"))

    assert str(caught.value) == "Duplicate entry for cron trigger ['name', 'project_id']: a, p1"


def test_triggers_that_are_the_same_in_everything_collide_until_they_have_fired(database, workflow_id):
    whole = {"remaining_executions": 2, "first_execution_time": later(60)}
    first = cron(workflow_id, "a", **whole)
    add(database, first, cron(workflow_id, "b", **whole, project_id="p2"), cron(workflow_id, "c", **{**whole, "remaining_executions": 3}))

    with pytest.raises(DuplicateError, match="Duplicate entry for cron trigger"):
        add(database, cron(workflow_id, "d", **whole))

    with database.write() as conn:
        triggers.advance(conn, first["id"], NOW, later(60), 1)
    add(database, cron(workflow_id, "d", **whole))


def test_what_is_internal_is_not_shown(database, workflow_id):
    add(database, cron(workflow_id, "a"))

    with database.read() as conn:
        row = get_(conn, "cron_triggers", Scope("p1"), "a")

    assert row["workflow_input"] == '{"a":1}'
    assert row["next_execution_time"] == NOW
    assert not {"identity", "security", "trust_id"} & row.keys()


def test_event_triggers_are_found_by_what_they_listen_to(database, workflow_id):
    def trigger(**values):
        base = {
            "id": new_id(), "name": "", "project_id": "p1", "scope": "private", "workflow_id": workflow_id, "exchange": "nova",
            "topic": "notifications", "event": "created", "workflow_input": {}, "workflow_params": {}, "created_at": NOW,
        }
        return {**base, **values}

    with database.write() as conn:
        definitions.create(conn, EVENT_TRIGGERS, [
            trigger(project_id="p2", created_at=later(1)), trigger(), trigger(event="deleted"), trigger(exchange="glance"),
        ])

    with database.read() as conn:
        assert triggers.subscriptions(conn) == [("glance", "notifications"), ("nova", "notifications")]
        found = triggers.for_event(conn, "nova", "notifications", "created")
        assert [(row["project_id"], row["workflow_params"]) for row in found] == [("p1", {}), ("p2", {})]
        assert triggers.for_event(conn, "nova", "notifications", "Created") == []
    with pytest.raises(DuplicateError, match="Duplicate entry for event trigger"), database.write() as conn:
        definitions.create(conn, EVENT_TRIGGERS, [trigger()])
