from __future__ import annotations

import threading

import pytest
from records import NOW, attempt, later, save, start, task

from maestrale.caller import Caller
from maestrale.errors import DuplicateError
from maestrale.store import Changeset, dispatch, nodes, settings, tokens
from maestrale.store.nodes import Node


def node(name, heartbeat=NOW):
    return Node(name, "host", 7, "4711", NOW, heartbeat)


def register(database, *new):
    with database.write() as conn:
        for one in new:
            nodes.register(conn, one)


def test_processes_are_known_until_they_are_removed(database):
    register(database, node("a"), node("b", later(5)))

    with database.write() as conn:
        assert nodes.all_nodes(conn) == [node("a"), node("b", later(5))]
        assert nodes.silent(conn, later(1)) == [node("a")]
        assert nodes.heartbeat(conn, "a", later(9))
        assert nodes.silent(conn, later(1)) == []
        assert nodes.remove(conn, ["a", "x"]) == 1
        assert not nodes.heartbeat(conn, "a", later(10))


def test_a_lease_is_held_by_one_until_it_ends(database):
    register(database, node("a"), node("b"))

    with database.write() as conn:
        assert nodes.acquire_lease(conn, "expiry", "a", NOW, 10)
        assert not nodes.acquire_lease(conn, "expiry", "b", later(9), 10)
        assert nodes.acquire_lease(conn, "expiry", "a", later(9), 10)
        assert not nodes.acquire_lease(conn, "expiry", "b", later(18), 10)
        assert nodes.acquire_lease(conn, "expiry", "b", later(19), 10)
        nodes.release_lease(conn, "expiry", "a")
        assert not nodes.acquire_lease(conn, "expiry", "a", later(20), 10)
        nodes.remove(conn, ["b"])
        assert nodes.acquire_lease(conn, "expiry", "a", later(20), 10)


def test_of_many_one_gets_the_lease(database):
    register(database, *(node(f"n{number}") for number in range(6)))
    won, barrier = [], threading.Barrier(6)

    def work(name):
        barrier.wait()
        if database.run_write(lambda conn: nodes.acquire_lease(conn, "x", name, NOW, 10)):
            won.append(name)

    threads = [threading.Thread(target=work, args=(f"n{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(won) == 1


@pytest.fixture
def actions(store, database):
    """A task with actions in all situations; the ids by what they are."""
    register(database, node("alive"), node("me"))
    parent, (child,), _ = start(store, tasks=1)
    made = {
        "waiting": attempt(child, created_at=later(1), input={"big": "b" * 5000}),
        "old": attempt(child, created_at=later(-100)),
        "mine": attempt(child, owner="me", dispatched_at=NOW),
        "lost": attempt(child, owner="dead", dispatched_at=NOW),
        "lost async": attempt(child, owner="dead", dispatched_at=NOW, is_sync=False),
        "handed out": attempt(child, dispatched_at=NOW, is_sync=False),
        "others": attempt(child, owner="alive", dispatched_at=NOW),
        "done": attempt(child, owner="dead", state="SUCCESS"),
        "child": attempt(child, kind="workflow"),
    }
    save(store, Changeset(parent, 1, [], list(made.values())))
    return made


def test_waiting_actions_are_found_oldest_first(store, database, actions):
    with database.read() as conn:
        assert dispatch.unclaimed_actions(store, conn, 10) == [actions["old"], actions["waiting"]]
        assert dispatch.unclaimed_actions(store, conn, 1) == [actions["old"]]
        assert dispatch.unclaimed_actions(store, conn, 10, created_before=NOW) == [actions["old"]]


def test_an_action_is_claimed_once(store, database, actions):
    ids = [one.id for one in actions.values()]

    with database.write() as conn:
        assert dispatch.claim_actions(conn, "me", ids, later(3)) == {actions["old"].id, actions["waiting"].id}
        assert dispatch.claim_actions(conn, "alive", ids, later(3)) == set()
        assert set(dispatch.owned_actions(conn, "me")) == {actions[name].id for name in ("mine", "old", "waiting")}
        found = store.attempt(conn, actions["old"].id)
    assert (found.owner, found.dispatched_at) == ("me", later(3))


def test_claiming_does_not_disturb_a_decision(store, database, actions):
    parent_id = actions["old"].execution_id
    with database.read() as conn:
        loaded = store.load(conn, parent_id)
    with database.write() as conn:
        dispatch.claim_actions(conn, "me", [actions["old"].id], later(3))
    done = next(one for one in loaded.attempts if one.id == actions["old"].id)

    save(store, Changeset(loaded.execution, loaded.execution.version, [], [done.set(state="SUCCESS", output={"result": 1})]))

    with database.read() as conn:
        found = store.attempt(conn, done.id)
    assert (found.state, found.owner) == ("SUCCESS", "me")


def test_actions_of_dead_processes_are_found(store, database, actions):
    with database.read() as conn:
        assert dispatch.orphaned_ids(conn) == [actions["lost"].id, actions["lost async"].id]
        nodes.remove(conn, ["alive"])
        assert set(dispatch.orphaned_ids(conn)) == {actions[name].id for name in ("lost", "lost async", "others")}


def test_actions_are_handed_back_and_let_go(store, database, actions):
    with database.write() as conn:
        assert dispatch.release_actions(conn, "me", [actions["mine"].id, actions["others"].id]) == 1
        assert actions["mine"].id in {one.id for one in dispatch.unclaimed_actions(store, conn, 10)}
        assert dispatch.let_go(conn, "alive", [actions["others"].id]) == 1
        assert actions["others"].id not in {one.id for one in dispatch.unclaimed_actions(store, conn, 10)}
        assert dispatch.owned_actions(conn, "alive") == []


def test_of_many_each_action_goes_to_one(store, database):
    parent, (child,), _ = start(store, tasks=1)
    waiting = [attempt(child) for _ in range(60)]
    save(store, Changeset(parent, 1, [], waiting))
    ids, won, barrier = [one.id for one in waiting], [], threading.Barrier(4)

    def work(name):
        barrier.wait()
        for first in range(0, 60, 10):
            won.extend(database.run_write(lambda conn, some=ids[first:first + 20]: dispatch.claim_actions(conn, name, some, NOW)))

    threads = [threading.Thread(target=work, args=(f"n{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(won) == sorted(ids)


def test_settings_are_written_and_compared(database):
    with database.write() as conn:
        assert settings.read(conn, "mode") is None
        assert not settings.compare_and_set(conn, "mode", "RUNNING", "PAUSED")
        assert settings.compare_and_set(conn, "mode", None, "RUNNING")
        assert not settings.compare_and_set(conn, "mode", None, "PAUSED")
        assert settings.compare_and_set(conn, "mode", "RUNNING", "PAUSED")
        settings.write(conn, "mode", "X")
        settings.write(conn, "other", "Y")
        assert (settings.read(conn, "mode"), settings.read(conn, "other")) == ("X", "Y")


def test_a_token_stands_for_its_caller_until_it_expires(database):
    row = {
        "id": "1", "digest": "abc", "name": "ci", "project_id": "p1", "user_name": "robot", "roles": ["admin", "x"], "created_at": NOW,
        "expires_at": later(10),
    }
    with database.write() as conn:
        tokens.add(conn, row)

    with database.read() as conn:
        assert tokens.caller_of(conn, "abc", NOW) == Caller(
            project_id="p1", user_name="robot", roles=("admin", "x"), is_admin=True, authenticated=True, expires_at=later(10).isoformat(),
        )
        assert tokens.caller_of(conn, "abc", later(10)) is None
        assert tokens.caller_of(conn, "other", NOW) is None
        (listed,) = tokens.all_tokens(conn)
    assert listed["roles"] == ["admin", "x"]
    assert "digest" not in listed
    with pytest.raises(DuplicateError), database.write() as conn:
        tokens.add(conn, {**row, "id": "2", "digest": "def"})
    with database.write() as conn:
        assert tokens.remove(conn, "ci")
        assert not tokens.remove(conn, "ci")


def test_tasks_without_actions_make_no_difference(store, database):
    parent, _, _ = start(store)
    save(store, Changeset(parent, 1, [task(parent)]))

    with database.read() as conn:
        assert dispatch.unclaimed_actions(store, conn, 5) == []
