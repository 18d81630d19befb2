"""Who may run when only so many may."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from maestrale.engine.places import plan
from maestrale.store.action_places import Wish

NOW = datetime(2026, 3, 1, 12)
LIMITED = {"playbooks": {"limits": {"playbook:site.yml": 1}}}
TEXT = """
site: {tasks: {a: {action: ansible.playbook, input: {playbook: site.yml}}}}
"""


def wish(attempt_id, name, place=None, *, after=0):
    return Wish(attempt_id, name, "n", NOW + timedelta(seconds=after), place)


@pytest.mark.parametrize(("wishes", "entering", "lacking"), [
    pytest.param([wish("a", "p"), wish("b", "p", after=1)], {"a": {"p": 0}, "b": {"p": 1}}, {}, id="as many as there are places"),
    pytest.param([wish("b", "p", after=1), wish("a", "p"), wish("c", "p", 0)], {"a": {"p": 1}}, {"b": ["p"]}, id="the oldest first"),
    pytest.param([wish("a", "p", 1), wish("b", "p")], {"b": {"p": 0}}, {}, id="a gap is filled"),
    pytest.param([wish("a", "i", 0), wish("b", "i"), wish("b", "p")], {}, {"b": ["i"]}, id="all places or none"),
    pytest.param(
        [wish("a", "i", 0), wish("b", "i"), wish("b", "p"), wish("c", "p", after=1), wish("d", "p", after=2)], {"c": {"p": 1}},
        {"b": ["i"], "d": ["p"]}, id="one that lacks another place keeps its turn and lets pass whom there is room for"),
    pytest.param([wish("a", "p", 5), wish("b", "p")], {"b": {"p": 0}}, {}, id="a place above a limit that was lowered"),
    pytest.param([wish("a", "other"), wish("b", "other", 0)], {"a": {"other": 1}}, {}, id="a limit that is unknown here"),
])
def test_places_go(wishes, entering, lacking):
    planned = plan(wishes, {"p": 2, "i": 1})

    assert planned.entering == entering
    assert planned.lacking == lacking


class Waiting:
    """A process's places, with what they let in."""

    def __init__(self, process):
        self.places = process.sweeper.places
        self.entered = []

    def wait(self, *ids):
        for one in ids:
            self.places.wait(one, ["playbook:site.yml"], lambda one=one: self.entered.append(one))
        self.places.poll()


def test_processes_on_one_database_share_the_places(url, processes):
    one, two = Waiting(processes(url, **LIMITED)), Waiting(processes(url, **LIMITED))
    one.wait("a")
    two.wait("b")
    assert (one.entered, two.entered) == (["a"], [])

    one.places.leave("a")
    one.places.poll()
    two.places.poll()

    assert two.entered == ["b"]


def test_who_leaves_while_waiting_never_begins(url, processes):
    one = Waiting(processes(url, **LIMITED))
    one.wait("a", "b")

    one.places.leave("b")
    one.places.leave("a")
    one.wait("c")

    assert one.entered == ["a", "c"]


def test_places_of_a_dead_process_are_free(url, processes):
    process = processes(url, **LIMITED)
    one, two = Waiting(process), Waiting(processes(url, **LIMITED))
    one.wait("a")
    two.wait("b")
    with process.service.database.write() as conn:
        conn.exec_driver_sql(f"DELETE FROM nodes WHERE id = '{one.places.node_id}'")

    two.places.poll()

    assert two.entered == ["b"]


def test_a_process_that_was_taken_for_dead_asks_again_for_who_waits(url, processes):
    process = processes(url, **LIMITED)
    one = Waiting(process)
    one.wait("a", "b")
    with process.service.database.write() as conn:
        conn.exec_driver_sql("DELETE FROM action_places")

    one.places.poll()
    one.places.poll()

    assert one.entered == ["a", "b"]


def test_a_place_that_was_taken_by_a_commit_whose_answer_was_lost_is_used(url, processes):
    process = processes(url, **LIMITED)
    one = Waiting(process)
    one.wait("a", "b")
    with process.service.database.write() as conn:
        conn.exec_driver_sql("UPDATE action_places SET place = 7 WHERE attempt_id = 'b'")

    one.places.poll()

    assert one.entered == ["a", "b"]


def test_an_action_that_waited_for_a_place_when_its_process_died_is_run_by_another(url, processes):
    one, two = processes(url, **LIMITED), processes(url, **LIMITED)
    one.define(TEXT)
    executions = [one.start("site") for _ in range(2)]
    begun, waiting = [one.attempts(execution.id)[0].id for execution in executions]
    Waiting(one).wait(begun, waiting)
    assert one.attempts(executions[1].id)[0].state_info.startswith("Waits for a place of 'playbook:site.yml' (1 at once) since ")
    one.die()

    two.sweeper.beat()
    two.poll()

    assert two.state(executions[0].id) == "ERROR"
    assert list(two.runner.taken) == [waiting]
    assert two.attempts(executions[1].id)[0].state_info is None


def test_what_a_dead_process_wished_for_is_forgotten_also_for_runs_that_nobody_keeps(url, processes):
    one, two = processes(url, **LIMITED), processes(url, **LIMITED)
    Waiting(one).wait("a", "b")
    one.die()

    two.sweeper.beat()

    with two.service.database.read() as conn:
        assert conn.exec_driver_sql("SELECT COUNT(*) FROM action_places").scalar() == 0
