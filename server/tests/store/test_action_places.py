from __future__ import annotations

import threading

import pytest
from records import NOW, attempt, later, save

from maestrale.store import ConstraintError, action_places, nodes
from maestrale.store.action_places import Wish
from maestrale.store.nodes import Node


@pytest.fixture
def noted(database):
    """A function that notes wishes of processes that are known."""
    with database.write() as conn:
        for name in ("a", "b"):
            nodes.register(conn, Node(name, "host", 7, "4711", NOW, NOW))

    def note(*wishes):
        with database.write() as conn:
            action_places.ask(conn, wishes)

    return note


def known(database):
    return [(wish.attempt_id, wish.name, wish.place) for wish in database.run_read(action_places.of_the_living)]


def take(database, attempt_id, owner, **numbers):
    database.run_write(lambda conn: action_places.take(conn, attempt_id, owner, numbers))


def test_wishes_are_listed_oldest_first_and_replaced_when_asked_again(database, noted):
    noted(Wish("x", "p", "a", later(5)), Wish("y", "p", "b", NOW), Wish("y", "i", "b", NOW))
    noted(Wish("x", "i", "a", later(6)))

    assert known(database) == [("y", "i", None), ("y", "p", None), ("x", "i", None)]


def test_a_place_is_taken_once_until_it_is_given_back(database, noted):
    noted(Wish("x", "p", "a", NOW), Wish("y", "p", "b", NOW))
    take(database, "x", "a", p=0)

    with pytest.raises(ConstraintError):
        take(database, "y", "b", p=0)
    with database.write() as conn:
        action_places.leave(conn, "a", ["x"])
    take(database, "y", "b", p=0)

    assert known(database) == [("y", "p", 0)]


def test_places_of_several_limits_are_taken_all_or_none(database, noted):
    noted(Wish("x", "p", "a", NOW), Wish("y", "i", "b", NOW), Wish("y", "p", "b", NOW))
    take(database, "x", "a", p=0)

    with pytest.raises(ConstraintError):
        take(database, "y", "b", i=0, p=0)

    assert known(database) == [("x", "p", 0), ("y", "i", None), ("y", "p", None)]


def test_a_wish_that_was_forgotten_gets_no_place(database, noted):
    noted(Wish("x", "p", "a", NOW))

    with pytest.raises(ConstraintError):
        take(database, "y", "a", p=0)


def test_of_many_at_once_one_gets_the_place(database, noted):
    names = [f"x{number}" for number in range(6)]
    noted(*(Wish(name, "p", "a", NOW) for name in names))
    won, barrier = [], threading.Barrier(len(names))

    def work(name):
        barrier.wait()
        try:
            take(database, name, "a", p=0)
        except ConstraintError:
            return
        won.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(won) == 1
    assert [name for name, _, place in known(database) if place == 0] == won


def test_a_place_of_a_dead_process_is_free(database, noted):
    noted(Wish("x", "p", "a", NOW), Wish("y", "p", "b", NOW))
    take(database, "x", "a", p=0)
    with database.write() as conn:
        nodes.remove(conn, ["a"])

    take(database, "y", "b", p=0)

    assert known(database) == [("y", "p", 0)]


def test_who_waited_when_its_process_died_is_told_from_who_had_begun(store, database, noted):
    begun, waiting = (attempt(owner="a", dispatched_at=NOW) for _ in range(2))
    save(store, standalone=[begun, waiting])
    noted(Wish(begun.id, "p", "a", NOW), Wish(waiting.id, "p", "a", NOW))
    take(database, begun.id, "a", p=0)
    ids = [begun.id, waiting.id]
    assert database.run_read(lambda conn: action_places.waiting_of_the_dead(conn, ids)) == set()

    with database.write() as conn:
        nodes.remove(conn, ["a"])
        action_places.forget_of_the_dead(conn)

    assert database.run_read(lambda conn: action_places.waiting_of_the_dead(conn, ids)) == {waiting.id}


def test_what_an_action_waits_for_is_shown_until_it_begins_or_leaves(store, database, noted):
    entering, leaving = (attempt(owner="a", dispatched_at=NOW) for _ in range(2))
    save(store, standalone=[entering, leaving])
    noted(Wish(entering.id, "p", "a", NOW), Wish(leaving.id, "p", "a", NOW))

    def shown():
        ids = [entering.id, leaving.id]
        found = {one.id: one.state_info for one in database.run_read(lambda conn: store.attempts(conn, ids))}
        return [found[one] for one in ids]

    with database.write() as conn:
        action_places.tell(conn, "a", {entering.id: "waits", leaving.id: "waits"})
    assert shown() == ["waits", "waits"]
    take(database, entering.id, "a", p=0)
    assert shown() == [None, "waits"]
    with database.write() as conn:
        action_places.leave(conn, "a", [leaving.id])
    assert shown() == [None, None]
