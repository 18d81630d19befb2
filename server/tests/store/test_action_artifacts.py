from __future__ import annotations

import pytest
from records import NOW, attempt, execution, later, save, task

from maestrale.errors import NotFoundError
from maestrale.store import EVERYTHING, Changeset, Scope, action_artifacts

LARGE = "ü" * (action_artifacts.PART + 10)


@pytest.fixture
def action(store):
    one = attempt()
    save(store, standalone=[one])
    return one


def keep(database, attempt_id, texts, now=NOW):
    return database.run_write(lambda conn: action_artifacts.keep(conn, attempt_id, texts, now))


def names(database, attempt_id, scope=EVERYTHING):
    return [(one.name, one.size) for one in database.run_read(lambda conn: action_artifacts.names(conn, scope, attempt_id))]


def text(database, attempt_id, name, scope=EVERYTHING):
    count = database.run_read(lambda conn: action_artifacts.count_parts(conn, scope, attempt_id, name))
    return "".join(part(database, attempt_id, name, number) for number in range(count))


def part(database, attempt_id, name, number):
    return database.run_look(lambda conn: action_artifacts.part(conn, attempt_id, name, number))


def test_texts_of_any_size_come_back_whole(database, action):
    assert keep(database, action.id, {"b.json": LARGE, "a.json": "{}"})

    assert names(database, action.id) == [("a.json", 2), ("b.json", 2 * len(LARGE))]
    assert text(database, action.id, "b.json") == LARGE
    assert text(database, action.id, "a.json") == "{}"


def test_a_text_that_is_replaced_while_it_is_read_is_not_taken_for_whole(database, action):
    keep(database, action.id, {"a.json": LARGE})
    assert len(part(database, action.id, "a.json", 1)) == 10

    keep(database, action.id, {"a.json": "2"})
    with pytest.raises(NotFoundError):
        part(database, action.id, "a.json", 1)


def test_those_of_a_repeated_run_replace_the_former(database, action):
    keep(database, action.id, {"a.json": LARGE, "b.json": "1"})
    keep(database, action.id, {"a.json": "2"})

    assert names(database, action.id) == [("a.json", 1)]
    assert text(database, action.id, "a.json") == "2"


def test_nothing_is_kept_for_an_action_that_is_not_there_or_has_ended(store, database):
    ended = attempt(state="SUCCESS")
    save(store, standalone=[ended])

    assert not keep(database, "nobody", {"a.json": "1"})
    assert not keep(database, ended.id, {"a.json": "1"})
    assert names(database, ended.id) == []


def test_another_project_sees_none(database, action):
    keep(database, action.id, {"a.json": "1"})

    for look in (names, lambda *given: text(given[0], given[1], "a.json", given[2])):
        with pytest.raises(NotFoundError):
            look(database, action.id, Scope("p2"))
    with pytest.raises(NotFoundError):
        text(database, action.id, "b.json")


def test_they_are_deleted_with_their_action(store, database, action):
    keep(database, action.id, {"a.json": "1"})

    with database.write() as conn:
        store.delete_attempt(conn, action.id)

    assert rows(database) == 0


def rows(database):
    with database.read() as conn:
        return conn.exec_driver_sql("SELECT COUNT(*) FROM action_artifacts").scalar()


def test_they_are_deleted_with_their_execution(store, database):
    parent = execution()
    step = task(parent)
    one = attempt(step)
    save(store, Changeset(parent, 0, [step], [one]))
    keep(database, one.id, {"a.json": "1"})

    with database.write() as conn:
        store.delete_tree(conn, parent.id)

    assert rows(database) == 0


def test_old_ones_expire(store, database, action):
    other = attempt()
    save(store, standalone=[other])
    keep(database, action.id, {"a.json": LARGE}, NOW)
    keep(database, other.id, {"a.json": "1"}, later(10))

    assert database.run_write(lambda conn: action_artifacts.expire(conn, later(5), 10)) == 2
    assert database.run_write(lambda conn: action_artifacts.expire(conn, later(5), 10)) == 0

    assert names(database, action.id) == []
    assert names(database, other.id) == [("a.json", 1)]
