from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from records import NOW, attempt, execution, job, later, new_id, save, start, task
from sqlalchemy import Boolean, DateTime, Integer, String

from maestrale.errors import NotFoundError
from maestrale.store import AlreadyExists, Batch, Changeset, Database, Executions, JobGone, Loaded, VersionConflict
from maestrale.store.rows import ATTEMPT, EXECUTION, JOB, TASK
from maestrale.store.tables import metadata


def load(store, execution_id):
    with store.database.read() as conn:
        return store.load(conn, execution_id)


def refresh(store, execution_id, since):
    with store.database.read() as conn:
        return store.refresh(conn, execution_id, since)


def test_an_execution_is_loaded_as_it_was_stored(store):
    parent = execution(
        workflow_id="wid", description="d", tags=["a", "b"], state_info="why", input={"x": [1, {"y": None}]}, params={"env": {}},
        context={"vars": {"a": 1.5}}, output={"r": True}, accepted=True, runtime={"ordinal": 4}, security={"roles": ["admin"]},
        started_at=later(1), finished_at=later(2),
    )
    save(store, Changeset(parent, 0))

    assert load(store, parent.id).execution == parent


def test_tasks_and_attempts_are_loaded_by_ordinal(store):
    parent = execution()
    tasks = [task(parent, ordinal=n, published={"n": n}, next_tasks=[["b", "on-success"]], unique_key=f"k{n}") for n in (3, 1, 2)]
    tries = [attempt(tasks[0], ordinal=n, index=n, input={"n": n}, owner="me", dispatched_at=NOW) for n in (6, 5)]
    save(store, Changeset(parent, 0, tasks, tries))

    loaded = load(store, parent.id)

    assert loaded.tasks == [tasks[1], tasks[2], tasks[0]]
    assert loaded.attempts == [tries[1], tries[0]]


def test_loading_an_unknown_execution_says_so(store):
    with pytest.raises(NotFoundError, match="nope"):
        load(store, "nope")


def test_a_commit_raises_the_version(store):
    parent, _, _ = start(store)
    assert parent.version == 1

    save(store, Changeset(parent.set(state="PAUSED"), 1))

    assert parent.version == 2
    assert load(store, parent.id).execution == parent


def test_only_dirty_columns_are_written(store):
    parent, (child,), _ = start(store, tasks=1)
    other = replace(child, state="ERROR", state_info="kept", dirty={"state"})

    save(store, Changeset(parent, 1, [other]))

    found = load(store, parent.id).tasks[0]
    assert (found.state, found.state_info) == ("ERROR", None)


def test_a_commit_on_another_version_changes_nothing(store):
    first, _, _ = start(store)
    second, (child,), _ = start(store, tasks=1)
    save(store, Changeset(first.set(state="PAUSED"), 1))
    stale = replace(first, dirty=set()).set(state="ERROR")

    with pytest.raises(VersionConflict) as caught:
        store.commit(Batch([Changeset(second.set(state="SUCCESS"), 1, [child.set(state="ERROR")]), Changeset(stale, 1)]))

    assert caught.value.ids == [first.id]
    assert load(store, first.id).execution.state == "PAUSED"
    assert load(store, second.id).execution.state == "RUNNING"
    assert load(store, second.id).tasks[0].state == "RUNNING"


def test_a_rival_that_decided_the_same_is_a_conflict_of_versions(store):
    parent, _, _ = start(store)
    rival = replace(parent, dirty=set()).set(state="PAUSED")
    new = task(parent)
    save(store, Changeset(parent.set(state="ERROR"), 1, [new]))

    with pytest.raises(VersionConflict) as caught:
        store.commit(Batch([Changeset(rival, 1, [replace(new, stored=False)])]))

    assert caught.value.ids == [parent.id]


def test_a_rival_that_did_the_same_job_is_noticed_by_the_job(store):
    parent, _, _ = start(store)
    following, done = job(parent.id), new_id()
    save(store, new_jobs=[following])

    with pytest.raises(JobGone) as caught:
        store.commit(Batch(new_jobs=[following], done_jobs=[done]))

    assert caught.value.ids == [done]


def test_a_snapshot_of_a_deleted_and_restarted_execution_is_refused(store):
    old, _, _ = start(store, id="chosen", created_at=NOW)
    with store.database.write() as conn:
        store.delete_tree(conn, old.id)
    start(store, id="chosen", created_at=later(1))

    with pytest.raises(VersionConflict):
        store.commit(Batch([Changeset(old.set(state="ERROR"), 1)]))


def test_starting_an_execution_again_says_that_it_exists(store):
    parent, _, _ = start(store)
    again = execution(id=parent.id)
    other = execution()

    with pytest.raises(AlreadyExists) as caught:
        store.commit(Batch([Changeset(other, 0), Changeset(again, 0)], new_jobs=[job(other.id)]))

    assert caught.value.id == parent.id
    with store.database.read() as conn:
        assert store.version(conn, other.id) is None


def test_a_job_is_done_once(store):
    parent, _, _ = start(store)
    kept, done = job(parent.id), job(parent.id)
    save(store, new_jobs=[kept, done])
    save(store, Changeset(parent, 1), done_jobs=[done.id])

    with pytest.raises(JobGone) as caught:
        store.commit(Batch([Changeset(parent.set(state="ERROR"), 2)], done_jobs=[kept.id, done.id]))

    assert caught.value.ids == [done.id]
    assert load(store, parent.id).execution.version == 2


def test_refresh_gives_what_changed(store):
    parent, tasks, tries = start(store, tasks=3, attempts=2)
    save(store, Changeset(parent.set(state="PAUSED"), 1, [tasks[1].set(state="ERROR")], [tries[4].set(output={"result": 1})]))

    changed = refresh(store, parent.id, 1)

    assert changed.execution == parent
    assert changed.tasks == [tasks[1]]
    assert changed.attempts == [tries[4]]


def test_refresh_gives_none_when_nothing_changed(store):
    parent, _, _ = start(store, tasks=1)

    assert refresh(store, parent.id, 1) is None


def test_refresh_of_a_deleted_execution_says_so(store):
    with pytest.raises(NotFoundError):
        refresh(store, "gone", 3)


def test_a_standalone_attempt_is_completed_once(store):
    alone = attempt(accepted=False)
    save(store, standalone=[alone])
    save(store, standalone=[alone.set(state="SUCCESS", output={"result": 1}, accepted=True)])

    with pytest.raises(VersionConflict) as caught:
        store.commit(Batch(standalone=[alone.set(state="ERROR")]))

    assert caught.value.ids == [alone.id]
    with store.database.read() as conn:
        assert store.attempt(conn, alone.id).output == {"result": 1}


def test_a_specification_is_stored_once_and_found_by_digest(store):
    save(store, new_specs={"d1": {"name": "w", "tasks": {}}})
    save(Executions(store.database), new_specs={"d1": {"name": "w", "tasks": {}}})

    with store.database.read() as conn:
        assert store.spec(conn, "d1") == {"name": "w", "tasks": {}}


def test_many_executions_of_different_changes_share_a_commit(store):
    started = [start(store, tasks=1) for _ in range(20)]
    changes = []
    for number, (parent, (child,), _) in enumerate(started):
        parent.set(state="SUCCESS") if number % 2 else parent.set(context={"n": number})
        changes.append(Changeset(parent, 1, [child.set(state="SUCCESS", published={"n": number})], [attempt(child)]))
    save(store, *changes)

    for parent, (child,), _ in started:
        loaded = load(store, parent.id)
        assert (loaded.execution, loaded.tasks) == (parent, [child])
        assert len(loaded.attempts) == 1


@pytest.mark.parametrize("count", [1, 3, 1200])
def test_many_rows_are_updated_in_one_commit(store, count):
    parent, tasks, _ = start(store, tasks=count)
    for number, child in enumerate(tasks):
        child.set(state="SUCCESS", finished_at=later(number), state_info=None if number % 2 else f"'{number}\\")
    save(store, Changeset(parent, 1, tasks))

    assert load(store, parent.id).tasks == tasks


def test_many_odd_rows_come_back_as_they_were(store):
    """Enough of them at once that they are sent together."""
    odd = ["\\", "'", '"', "\n\t\r", "\u2028", "\U0001f600", "%s %(x)s ?", "{}", "null", "\\u0000", "\x1a", "x" * 5000]
    changes = []
    for number, text in enumerate(odd):
        parent = execution(
            workflow_name=text[:255], description=text, state_info=None if number % 2 else text, input={text[:10]: text, "n": None},
            tags=[text], created_at=later(number), finished_at=None if number % 3 else later(1), accepted=number % 2 == 0,
        )
        child = task(parent, name=text[:255], published={"v": {text[:10]: [text, 2**70]}}, next_tasks=[[text, None]])
        changes.append(Changeset(parent, 0, [child], [attempt(child, output={"result": text}, is_sync=number % 2 == 1)]))
    save(store, *changes, new_jobs=[job(one.execution.id, payload={"t": one.execution.description}) for one in changes])

    again = Executions(store.database)
    for one in changes:
        assert load(again, one.execution.id) == Loaded(one.execution, one.tasks, one.attempts)
        one.execution.set(description=one.execution.description[::-1], output=one.execution.input, finished_at=None)
        one.tasks[0].set(published_global=one.tasks[0].published, state_info="\0")
    save(store, *(Changeset(one.execution, 1, one.tasks) for one in changes))
    for one in changes:
        loaded = load(again, one.execution.id)
        assert loaded.execution == one.execution
        assert loaded.tasks[0].published_global == one.tasks[0].published
        assert loaded.tasks[0].state_info == "\ufffd"


def test_several_standalone_attempts_are_completed_together_and_once(store):
    alone = [attempt() for _ in range(6)]
    save(store, standalone=alone)
    save(store, standalone=[one.set(state="SUCCESS") for one in alone])

    with pytest.raises(VersionConflict):
        store.commit(Batch(standalone=[one.set(state="ERROR") for one in alone]))


def test_the_layouts_name_the_columns_of_the_tables():
    for layout in (EXECUTION, TASK, ATTEMPT, JOB):
        columns = metadata.tables[layout.table].c
        assert {*layout.columns(), *(["version"] if "version" in columns else [])} == set(columns.keys())
        for name, sql_type in layout.types.items():
            if name in columns:
                kind = columns[name].type
                expected = {"timestamp": DateTime, "bool": Boolean, "bigint": Integer, "text": String}[sql_type]
                assert isinstance(kind, expected), (layout.table, name)


def test_deciders_in_several_processes_lose_no_update(url, store):
    """Each thread has connections of its own, as another process would."""
    parent, _, _ = start(store, context={"n": 0})

    def work():
        database = Database(url)
        own = Executions(database)
        for _ in range(8):
            while True:
                changed = load(own, parent.id).execution
                changed.set(context={"n": changed.context["n"] + 1})
                try:
                    own.commit(Batch([Changeset(changed, changed.version)]))
                    break
                except VersionConflict:
                    continue
        database.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert load(store, parent.id).execution.context == {"n": 24}


def test_deleting_an_execution_takes_everything_below_along(store):
    root, (child,), _ = start(store, tasks=1, attempts=1)
    below, _, _ = start(store, tasks=2, attempts=1, parent_execution_id=root.id, root_execution_id=root.id, task_execution_id=child.id)
    deeper, _, _ = start(store, tasks=1, parent_execution_id=below.id, root_execution_id=root.id, input={"x": "y" * 5000})
    other, _, _ = start(store, tasks=1, attempts=1, input={"x": "z" * 5000})
    save(store, new_jobs=[job(deeper.id), job(other.id)])

    with store.database.write() as conn:
        assert store.delete_tree(conn, root.id).executions == 3

    with store.database.read() as conn:
        counts = {
            table: conn.exec_driver_sql(f"SELECT COUNT(*) FROM {table}").scalar()
            for table in ("executions", "task_executions", "action_executions", "payloads", "jobs")
        }
    assert counts == {"executions": 1, "task_executions": 1, "action_executions": 1, "payloads": 1, "jobs": 1}


def test_deleting_a_child_keeps_its_parent_and_the_parents_values(store):
    root, _, _ = start(store, input={"x": "y" * 5000})
    below, _, _ = start(store, parent_execution_id=root.id, root_execution_id=root.id, input={"x": "y" * 5000})

    with store.database.write() as conn:
        assert store.delete_tree(conn, below.id).executions == 1

    assert load(Executions(store.database), root.id).execution == root


def test_deleting_an_unknown_execution_says_so(store):
    with pytest.raises(NotFoundError), store.database.write() as conn:
        store.delete_tree(conn, new_id())


def test_attempts_and_tasks_lead_to_their_execution(store):
    parent, (child,), tries = start(store, tasks=1, attempts=2)

    with store.database.read() as conn:
        assert store.execution_of_task(conn, child.id) == parent.id
        assert store.attempt(conn, tries[1].id) == tries[1]
        assert store.attempts_of_task(conn, child.id) == tries
        assert store.execution(conn, parent.id) == parent
        assert store.execution(conn, "x") is None
        assert store.attempt(conn, "x") is None
