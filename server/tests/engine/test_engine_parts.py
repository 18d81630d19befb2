"""Small parts by themselves: inbox, cache, neighbours, periodic duties."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from maestrale.core.model import Execution
from maestrale.core.snapshot import Snapshot
from maestrale.engine.cache import CacheBounds, SnapshotCache, weight_of
from maestrale.engine.inbox import Inbox
from maestrale.engine.items import Operation
from maestrale.engine.nodes import NodeIdentity, Watch, process_start, this_process
from maestrale.engine.periodic import Duty, Periodic
from maestrale.errors import DatabaseUnavailableError
from maestrale.lang import workflow_from_raw

NOW = datetime(2026, 1, 1)
SPEC = workflow_from_raw({"name": "w", "version": "2.0", "tasks": {"a": {"action": "std.noop", "name": "a", "version": "2.0"}}})


def operation(name):
    return Operation(name, lambda: None)


def test_the_inbox_gives_all_that_waits_up_to_a_limit():
    inbox = Inbox(10)
    for name in "abc":
        inbox.put(operation(name))

    assert [item.name for item in inbox.take(2, 0.0)] == ["a", "b"]
    assert [item.name for item in inbox.take(2, None)] == ["c"]
    assert inbox.take(2, 0.0) == []


def test_the_inbox_refuses_requests_beyond_its_bound_but_never_results():
    inbox = Inbox(1)
    inbox.request(operation("a"))
    with pytest.raises(DatabaseUnavailableError):
        inbox.request(operation("b"))
    inbox.put(operation("c"))

    assert len(inbox) == 2


def test_waking_ends_a_wait_without_anything():
    inbox = Inbox(1)
    threading.Timer(0.05, inbox.wake).start()

    assert inbox.take(1, 5) == []


def snapshot(name):
    return Snapshot(
        Execution(id=name, created_at=NOW, updated_at=NOW, project_id="p", workflow_name="w", spec_digest="d", state="RUNNING"), SPEC)


@pytest.mark.parametrize("bounds", [CacheBounds(2, 100, 100), CacheBounds(100, 2, 100), CacheBounds(100, 100, 20)])
def test_the_cache_lets_go_of_what_was_not_used_longest(bounds):
    cache = SnapshotCache(bounds)
    cache.put(snapshot("a"), 10)
    cache.put(snapshot("b"), 10)
    cache.get("a")
    cache.put(snapshot("c"), 10)

    assert ("a" in cache, "b" in cache, "c" in cache) == (True, False, True)


def test_a_cache_of_no_size_keeps_nothing():
    cache = SnapshotCache(CacheBounds(0, 0, 0))
    cache.put(snapshot("a"))

    assert len(cache) == 0


@dataclass
class Row:
    id: str
    host: str
    pid: int
    process_started: str
    heartbeat_at: datetime


OWN = NodeIdentity("own", "here", 1, "1")


def test_a_neighbour_is_dead_when_its_heartbeat_did_not_move_for_the_timeout_on_our_clock():
    watch = Watch(OWN, 10)
    row = Row("n", "there", 5, "5", NOW)
    assert watch.dead([row], 100) == []
    assert watch.dead([row], 104) == []
    assert watch.dead([row], 108) == []
    assert watch.dead([row], 110) == ["n"]


def test_a_neighbour_whose_heartbeat_moves_lives_whatever_its_clock_says():
    watch = Watch(OWN, 10)
    for second in range(0, 40, 4):
        assert watch.dead([Row("n", "there", 5, "5", NOW - timedelta(days=second))], second) == []


def test_after_a_gap_of_our_own_nobody_is_judged_at_once():
    watch = Watch(OWN, 10)
    row = Row("n", "there", 5, "5", NOW)
    watch.dead([row], 0)

    assert watch.dead([row], 60) == []
    assert watch.dead([row], 64) == []
    assert watch.dead([row], 68) == []
    assert watch.dead([row], 70) == ["n"]


def test_a_process_of_this_host_that_is_gone_is_dead_at_once():
    own = this_process("own")
    watch = Watch(own, 10)
    gone = Row("gone", own.host, own.pid, "another start", NOW)
    alive = Row("alive", own.host, own.pid, own.process_started, NOW)

    assert watch.dead([gone, alive], 0) == ["gone"]


def test_the_start_of_a_process_is_known_and_that_of_no_process_is_none():
    assert process_start(os.getpid())
    assert process_start(2**22 + 1) is None


def test_a_duty_that_fails_does_not_stop_the_others_and_comes_round_again():
    seen = []

    def failing():
        seen.append("failing")
        raise RuntimeError("bug")

    periodic = Periodic([Duty(name="a", interval=0.01, run=failing), Duty(name="b", interval=0.01, run=lambda: seen.append("good"))])
    thread = threading.Thread(target=periodic.run)
    thread.start()
    deadline = time.monotonic() + 5
    while (seen.count("failing") < 2 or seen.count("good") < 2) and time.monotonic() < deadline:
        time.sleep(0.005)
    periodic.stop()
    thread.join(5)

    assert seen.count("failing") >= 2
    assert seen.count("good") >= 2


def test_the_weight_of_data_grows_with_it_and_costs_the_same_for_long_lists():
    assert weight_of("x" * 1000) > 1000
    assert weight_of([{"k": "x" * 100}] * 10_000) > 1_000_000
    assert weight_of({str(n): n for n in range(1000)}) > 100_000
    assert weight_of(None) == weight_of(5)
    assert weight_of([]) == weight_of({}) > 0


def test_the_memory_is_bounded_by_data_too(new_database, processes):
    process = processes(new_database("sqlite"), engine={"snapshot_cache_mb": 1})
    process.define("w: {input: [blob], tasks: {a: {action: std.async_noop}}}")
    for _ in range(5):
        process.start("w", input={"blob": "x" * 400_000})

    shelf = process.loop.decider._parts.shelf
    assert 1 <= len(shelf._cache) <= 2
    assert set(shelf._weights) == set(shelf._cache._entries)
