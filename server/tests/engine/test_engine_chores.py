"""Maintenance mode, expiration, the doctor and cron triggers."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from maestrale.caller import Caller
from maestrale.catalog import CronRequest, Triggers
from maestrale.engine import StartRequest
from maestrale.engine.diagnosis import Diagnosis
from maestrale.engine.expiration import Expiration, Policy
from maestrale.engine.items import Start
from maestrale.engine.nodes import this_process
from maestrale.errors import ConflictError, NotAllowedError, RequestError
from maestrale.scheduler import CronScheduler, step_of
from maestrale.store import TriggerMoved, action_places
from maestrale.store.triggers import Firing

ADMIN = Caller(project_id="admin", is_admin=True)
WORKFLOWS = """
waits: {tasks: {a: {action: std.async_noop, on-success: b}, b: {action: std.noop}}}
quick: {input: [{x: 1}], tasks: {a: {action: std.noop}}}
slow: {tasks: {a: {action: std.sleep seconds=60}}}
"""


# ---- maintenance (3.23)


def go_on(process):
    """One look of the duty, with the loop turned beside it."""
    process.ask(process.engine.maintenance.go_on)


def test_L375_maintenance_pauses_what_runs_and_resumes_exactly_that(process):
    process.define(WORKFLOWS)
    paused_by_owner, running = process.start("waits").id, process.start("waits").id
    process.ask(lambda: process.engine.pause(process.caller, paused_by_owner, "mine"))
    maintenance = process.engine.maintenance

    assert maintenance.request(ADMIN, "PAUSED") == "PAUSING"
    go_on(process)
    assert process.state(running) == "PAUSED"
    go_on(process)
    assert maintenance.status() == "PAUSED"
    for execution in (running, paused_by_owner):
        process.ask(lambda one=execution: process.engine.complete_action(process.caller, process.attempts(one)[0].id, "SUCCESS"))
    assert process.state(running) == "PAUSED"

    assert maintenance.request(ADMIN, "RUNNING") == "RUNNING"
    go_on(process)
    assert process.state(running) == "SUCCESS"
    assert process.state(paused_by_owner) == "PAUSED"


def test_maintenance_waits_for_what_a_process_has_in_hand(url, processes):
    process = processes(url)
    process.define(WORKFLOWS)
    process.start("waits")
    at_work = process.attempts(process.start("slow").id)[0].id
    process.engine.maintenance.request(ADMIN, "PAUSED")
    for _ in range(3):
        go_on(process)
    assert process.engine.maintenance.status() == "PAUSING"

    process.finish(at_work)
    go_on(process)
    assert process.engine.maintenance.status() == "PAUSED"


def test_maintenance_is_for_administrators_and_two_states(process):
    maintenance = process.engine.maintenance
    with pytest.raises(NotAllowedError):
        maintenance.request(process.caller, "PAUSED")
    with pytest.raises(RequestError):
        maintenance.request(ADMIN, "PAUSING")
    assert maintenance.request(ADMIN, "RUNNING") == "RUNNING"


def test_while_pausing_nobody_can_ask_for_running(process):
    process.define(WORKFLOWS)
    process.start("slow")
    process.engine.maintenance.request(ADMIN, "PAUSED")

    with pytest.raises(ConflictError):
        process.engine.maintenance.request(ADMIN, "RUNNING")


def test_all_processes_see_the_state_of_maintenance(url, processes):
    one, two = processes(url), processes(url)
    assert two.engine.maintenance.status() == "RUNNING"
    one.engine.maintenance.request(ADMIN, "PAUSED")
    two.engine.maintenance._seen_at = None

    assert two.engine.maintenance.status() == "PAUSING"


# ---- expiration (5.4)


def expiration(process, ahead=timedelta(), **policy):
    values = {"older_than": None, "keep": 0, "batch_size": 2, "ignored_states": (), **policy}
    return Expiration(
        node_id=process.runtime.node_id, database=process.service.database, executions=process.service.executions, policy=Policy(**values),
        interval=60, now=lambda: process.now() + ahead)


def test_A354_A355_L407_executions_that_finished_long_ago_are_deleted_with_all_below(process):
    process.define(WORKFLOWS + "parent: {tasks: {a: {workflow: quick}}}")
    for _ in range(3):
        process.start("parent")
    running = process.start("waits").id

    expiration(process, timedelta(minutes=11), older_than=10).run()

    assert [row["id"] for row in process.rows("executions")] == [running]


def test_A365_an_execution_with_twenty_levels_below_is_deleted_at_once(process):
    levels = "".join(f"w{number}: {{tasks: {{a: {{workflow: w{number + 1}}}}}}}\n" for number in range(20))
    process.define(f"{levels}w20: {{tasks: {{a: {{action: std.noop}}}}}}\n")
    top = process.start("w0").id
    assert len(process.rows("executions")) == 21

    process.ask(lambda: process.engine.delete(process.caller, top))
    assert process.rows("executions") == process.rows("tasks") == []


def test_A354_L407_young_executions_and_ignored_states_stay(process):
    process.define(WORKFLOWS)
    process.start("quick")
    expiration(process, timedelta(minutes=5), older_than=10).run()
    expiration(process, timedelta(minutes=20), older_than=10, ignored_states=("SUCCESS",)).run()

    assert len(process.rows("executions")) == 1


def test_A354_L408_a_number_alone_keeps_the_newest(process):
    process.define(WORKFLOWS)
    ids = [process.start("quick").id for _ in range(5)]

    expiration(process, keep=2).run()

    assert sorted(row["id"] for row in process.rows("executions")) == sorted(ids[3:])


# ---- the doctor


def doctor(process, ahead=timedelta(hours=1)):
    return Diagnosis(
        database=process.service.database, executions=process.service.executions, identity=this_process("doctor"), node_timeout=10,
        now=lambda: process.now() + ahead, new_id=process.service.catalog.new_id)


def test_the_doctor_says_what_each_execution_waits_for(process):
    process.define(WORKFLOWS + "later: {tasks: {a: {action: std.noop, wait-before: 36000}}}\nparent: {tasks: {a: {workflow: waits}}}")
    outside, running, timer = (process.start(name).id for name in ("waits", "slow", "later"))
    parent = process.start("parent").id
    held = process.start("waits").id
    process.ask(lambda: process.engine.pause(process.caller, held, "lunch"))

    findings = {one.execution_id: one for one in doctor(process).findings()}

    assert "std.async_noop from outside" in findings[outside].reason
    assert findings[running].reason == "the action std.sleep"
    assert "pid" in findings[running].holder
    assert "a timer (TimerFired wait-before)" in findings[timer].reason
    assert "the sub-workflow waits" in findings[parent].reason
    assert "a resume (lunch)" in findings[held].reason
    assert not any(one.is_stuck for one in findings.values())


def test_the_doctor_names_no_execution_that_moved_lately(process):
    process.define(WORKFLOWS)
    process.start("waits")

    assert doctor(process, timedelta()).findings() == []


def test_the_doctor_finds_and_frees_what_is_stuck(process):
    process.define(WORKFLOWS)
    stuck = process.start("slow").id
    attempt = process.attempts(stuck)[0].id
    with process.service.database.write() as conn:
        conn.exec_driver_sql(
            f"UPDATE action_executions SET state = 'SUCCESS', accepted = 1, output = '{{\"result\": 1}}' WHERE id = '{attempt}'")
    process.pass_time(3600)
    diagnosis = doctor(process, timedelta())
    (finding,) = diagnosis.findings()
    assert finding.is_stuck
    assert finding.reason.startswith("nothing")

    (fixed,) = diagnosis.free([finding])
    process.poll()

    assert fixed.is_fixed
    assert process.state(stuck) == "SUCCESS"


@pytest.mark.parametrize(("statement", "reason"), [
    ("DELETE FROM executions WHERE id = '{child}'", "news of the sub-workflow waits, which is gone [id={child}]"),
    ("UPDATE executions SET state = 'SUCCESS' WHERE id = '{child}'", "news of the sub-workflow waits, which ended as SUCCESS [id={child}]"),
])
def test_the_doctor_finds_and_tells_a_parent_that_never_heard_of_its_childs_end(process, statement, reason):
    process.define(WORKFLOWS + "parent: {tasks: {a: {workflow: waits}}}")
    parent = process.start("parent").id
    (child,) = [row["id"] for row in process.rows("executions") if row["id"] != parent]
    with process.service.database.write() as conn:
        conn.exec_driver_sql(statement.format(child=child))
    process.pass_time(3600)
    diagnosis = doctor(process, timedelta())

    (finding,) = [one for one in diagnosis.findings() if one.execution_id == parent]
    diagnosis.free([finding])
    process.loop.decider._parts.shelf.clear()
    process.poll()

    assert finding.is_stuck
    assert finding.reason == reason.format(child=child)
    assert finding.since
    assert process.state(parent) == ("SUCCESS" if "SUCCESS" in statement else "ERROR")


def test_the_doctor_names_an_action_whose_process_is_dead(url, processes):
    one, two = processes(url), processes(url)
    one.define(WORKFLOWS)
    one.start("slow")
    one.die()

    (finding,) = doctor(two).findings()

    assert finding.is_stuck
    assert "whose process is dead" in finding.reason


# ---- cron triggers (5.2)

NOON = datetime(2026, 3, 1, 12, 0)


def row(**values):
    return {
        "id": "t", "next_execution_time": NOON, "catch_up": None, "remaining_executions": None, "pattern": "*/5 * * * *", "timezone": None,
        **values,
    }


@pytest.mark.parametrize(("values", "late", "fires", "following", "remaining"), [
    ({}, 1, True, NOON + timedelta(minutes=5), None),
    ({}, 1000, True, NOON + timedelta(minutes=20), None),
    ({"catch_up": "all"}, 1000, True, NOON + timedelta(minutes=5), None),
    ({"catch_up": "skip"}, 1000, False, NOON + timedelta(minutes=20), None),
    ({"catch_up": "skip"}, 1, True, NOON + timedelta(minutes=5), None),
    ({"remaining_executions": 3}, 1, True, NOON + timedelta(minutes=5), 2),
    ({"remaining_executions": 1}, 1, True, None, 0),
    ({"remaining_executions": 3, "catch_up": "skip"}, 1000, False, NOON + timedelta(minutes=20), 3),
    ({"pattern": "0 12 * * *", "timezone": "America/New_York"}, 1, True, datetime(2026, 3, 1, 17, 0), None),
    ({"pattern": "0 0 30 2 *"}, 1, True, None, None),
])
def test_what_a_due_trigger_does(values, late, fires, following, remaining):
    step = step_of(row(**values), NOON + timedelta(seconds=late))

    assert (step.fires, step.next_time, step.remaining) == (fires, following, remaining)


def schedule(process, **fields):
    triggers = Triggers(database=process.service.database, new_id=process.service.catalog.new_id, now=process.now)
    return triggers.create_cron(process.caller, CronRequest(name="t", workflow_name="quick", **fields))


def fire(process):
    scheduler = CronScheduler(database=process.service.database, engine=process.engine, now=process.now, batch_size=10)
    process.ask(scheduler.run)


def test_A247_L399_missed_runs_collapse_into_one(process):
    process.define(WORKFLOWS)
    schedule(process, pattern="* * * * *", workflow_input={"x": 5})
    process.pass_time(600)
    fire(process)
    fire(process)

    (execution,) = process.rows("executions")
    assert process.execution(execution["id"]).input == {"x": 5}


def test_A248_L400_a_trigger_disappears_after_its_last_run(process):
    process.define(WORKFLOWS)
    schedule(process, pattern="* * * * *", remaining_executions=2)
    for _ in range(3):
        process.pass_time(61)
        fire(process)

    assert len(process.rows("executions")) == 2
    assert process.rows("cron_triggers") == []


def test_A361_a_run_that_fell_due_while_no_process_was_there_is_made_up(url, processes):
    one = processes(url)
    one.define(WORKFLOWS)
    schedule(one, pattern="* * * * *")
    one.pass_time(61)
    fire(one)
    one.die()

    two = processes(url)
    two.pass_time(121)
    fire(two)
    fire(two)

    assert len(two.rows("executions")) == 2


def test_A311_an_execution_that_a_trigger_starts_has_its_makers_project_and_roles(process):
    process.define(WORKFLOWS)
    maker = replace(process.caller, user_id="u1", user_name="ann", roles=("member", "operator"), authenticated=True)
    triggers = Triggers(database=process.service.database, new_id=process.service.catalog.new_id, now=process.now)
    triggers.create_cron(maker, CronRequest(name="t", workflow_name="quick", pattern="* * * * *"))
    process.pass_time(61)
    fire(process)

    (row,) = process.rows("executions")
    found = process.execution(row["id"])
    assert found.project_id == maker.project_id
    assert (found.security["user_id"], found.security["roles"]) == ("u1", ["member", "operator"])
    assert found.context["openstack"]["roles"] == ["member", "operator"]


def test_A246_L401_two_processes_never_fire_the_same_run(url, processes):
    one, two = processes(url), processes(url)
    one.define(WORKFLOWS)
    schedule(one, pattern="* * * * *")
    for each in (one, two):
        each.pass_time(61)
    threads = [threading.Thread(target=fire, args=(each,)) for each in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(one.rows("executions")) == 1


def test_a_process_that_died_between_start_and_moving_on_does_not_fire_twice(process, monkeypatch):
    from maestrale import scheduler as scheduling

    process.define(WORKFLOWS)
    schedule(process, pattern="* * * * *")
    process.pass_time(61)
    with monkeypatch.context() as dying:
        dying.setattr(scheduling.triggers, "advance", lambda *arguments: False)
        fire(process)
    fire(process)

    assert len(process.rows("executions")) == 1


@pytest.mark.parametrize("remaining", [None, 1])
def test_a_trigger_that_was_deleted_after_it_was_found_due_does_not_fire(url, processes, monkeypatch, remaining):
    process, other = processes(url), processes(url)
    process.define(WORKFLOWS)
    trigger = schedule(process, pattern="* * * * *", remaining_executions=remaining)
    process.pass_time(61)
    start = process.engine.start

    def deleted_before(caller, request):
        with other.service.database.write() as conn:
            conn.exec_driver_sql(f"DELETE FROM cron_triggers WHERE id = '{trigger['id']}'")
        return start(caller, request)

    monkeypatch.setattr(process.engine, "start", deleted_before)
    fire(process)

    assert process.rows("executions") == []


def test_a_start_that_a_trigger_cannot_have_does_not_hold_up_others(process):
    process.define(WORKFLOWS)
    lost = Start(process.caller, StartRequest(workflow_name="quick", id="e1", firing=Firing("none", NOON, NOON, None)), "e1", Future())
    good = Start(process.caller, StartRequest(workflow_name="quick", id="e2"), "e2", Future())
    process.loop.process([lost, good])

    assert good.future.result(0).id == "e2"
    assert isinstance(lost.future.exception(0), TriggerMoved)
    assert [row["id"] for row in process.rows("executions")] == ["e2"]


def test_A249_L403_the_description_names_the_trigger(process):
    import json

    process.define(WORKFLOWS)
    trigger = schedule(process, pattern="* * * * *")
    process.pass_time(61)
    fire(process)

    triggered_by = json.loads(process.rows("executions")[0]["description"])["triggered_by"]
    assert (triggered_by["type"], triggered_by["id"]) == ("cron_trigger", trigger["id"])


def test_A251_a_start_that_can_never_work_does_not_stop_the_trigger(process):
    process.define(WORKFLOWS)
    schedule(process, pattern="* * * * *")
    process.catalog.update_workflows(process.caller, "version: '2.0'\nquick: {input: [needed], tasks: {a: {action: std.noop}}}")
    process.pass_time(61)
    fire(process)

    assert process.rows("executions") == []
    assert process.rows("cron_triggers")[0]["next_execution_time"] > process.now() - timedelta(seconds=1)


def test_the_doctor_says_what_place_an_action_waits_for(processes, url):
    process = processes(url)
    process.define(WORKFLOWS)
    execution = process.start("slow").id
    attempt = process.attempts(execution)[0].id
    with process.service.database.write() as conn:
        action_places.tell(conn, process.sweeper.identity.id, {attempt: "Waits for a place of 'inventory:lab' (1 at once)."})
    process.pass_time(3600)

    (finding,) = doctor(process).findings()

    assert not finding.is_stuck
    assert finding.reason.endswith(" to begin. Waits for a place of 'inventory:lab' (1 at once).")
    assert finding.holder
