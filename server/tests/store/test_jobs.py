from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from records import NOW, job, later, new_id, save, start

from maestrale.store import jobs, nodes
from maestrale.store.nodes import Node


@pytest.fixture
def alive(database):
    with database.write() as conn:
        for name in ("n1", "n2"):
            nodes.register(conn, Node(name, "host", 1, "s", NOW, NOW))


def insert(database, *new):
    with database.write() as conn:
        jobs.insert(conn, new)


def claim(database, node, until=NOW, limit=100, **options):
    with database.write() as conn:
        return jobs.claim(conn, node, until, limit, **options)


def test_due_jobs_of_nobody_are_claimed_soonest_first(database):
    late, soon, future = job("x", due_at=later(-1)), job("x", due_at=later(-5)), job("x", due_at=later(1))
    insert(database, late, soon, future)

    found = claim(database, "n1")

    assert [one.id for one in found] == [soon.id, late.id]
    assert found[0].owner == "n1"
    assert found[0].payload == {"type": "Continue"}
    assert claim(database, "n2") == []
    assert [one.id for one in claim(database, "n2", later(2))] == [future.id]


def test_no_more_than_the_limit_is_claimed(database):
    insert(database, *(job("x", due_at=later(-number)) for number in range(5)))

    assert len(claim(database, "n1", limit=3)) == 3
    assert len(claim(database, "n2", limit=3)) == 2


def test_jobs_of_dead_nodes_are_claimed(database):
    insert(database, job("x", owner="dead"), job("x", owner="n2"), job("x"))

    assert len(claim(database, "n1", dead=["dead"])) == 2


def test_two_processes_never_claim_the_same_job(database):
    insert(database, *(job("x", due_at=later(-number)) for number in range(200)))
    claimed, barrier = [], threading.Barrier(4)

    def work(node):
        barrier.wait()
        while found := database.run_write(lambda conn: jobs.claim(conn, node, NOW, 7)):
            claimed.extend(one.id for one in found)

    threads = [threading.Thread(target=work, args=(f"n{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(claimed) == len(set(claimed)) == 200


def test_jobs_are_given_back_by_their_owner_only(database):
    one, two, other = job("x", owner="n1"), job("x", owner="n1"), job("x", owner="n2")
    insert(database, one, two, other)

    with database.write() as conn:
        assert jobs.release(conn, "n1", [one.id, other.id]) == 1
        assert jobs.release_all(conn, "n1") == 1
    assert {found.id for found in claim(database, "n3")} == {one.id, two.id}


def test_jobs_of_processes_that_are_no_more_are_freed(database, alive):
    lost, kept, free = job("x", owner="gone"), job("x", owner="n1"), job("x")
    insert(database, lost, kept, free)

    with database.write() as conn:
        assert jobs.release_abandoned(conn) == 1
    assert {found.id for found in claim(database, "n2")} == {lost.id, free.id}


def test_a_job_is_tried_again_later(database):
    one = job("x", owner="n1", kind="notify")
    insert(database, one)

    with database.write() as conn:
        assert jobs.reschedule(conn, one.id, later(10))
        assert not jobs.reschedule(conn, "x", later(10))
        assert jobs.next_due_at(conn) == later(10)
    assert claim(database, "n1") == []
    (found,) = claim(database, "n1", later(10))
    assert (found.attempts, found.kind) == (1, "notify")


def test_jobs_of_an_execution_are_listed(store, database):
    parent, _, _ = start(store)
    one, two = job(parent.id, due_at=later(2)), job(parent.id, payload={"n": [1, None, 2**70]})
    save(store, new_jobs=[one, two])
    insert(database, job("other"))

    with database.read() as conn:
        assert jobs.of_execution(conn, parent.id) == [two, one]
        assert jobs.count(conn) == 3


def test_removing_tells_how_many_there_were(database):
    one = job(None)
    insert(database, one)

    with database.write() as conn:
        assert jobs.remove(conn, [one.id, new_id()]) == 1
        assert jobs.next_due_at(conn) is None
        jobs.insert(conn, [])


def test_microseconds_count(database):
    insert(database, job("x", due_at=NOW + timedelta(microseconds=1)))

    assert claim(database, "n1", NOW) == []
    assert len(claim(database, "n1", NOW + timedelta(microseconds=1))) == 1
