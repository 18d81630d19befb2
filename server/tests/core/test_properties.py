"""What has to hold for random workflows, outcomes and orders, whatever happens."""

from __future__ import annotations

from typing import Any

import pytest
from chance import Driver, Plan, plans, shown
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maestrale.core import states

check = settings(
    max_examples=80, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture])


def ended(driver: Driver) -> None:
    """With nothing outstanding no execution may be RUNNING, and one that ended by itself has no task that waits."""
    for snapshot in driver.world.snapshots.values():
        assert states.is_final(snapshot.execution.state)
        assert not snapshot.pending
        assert not snapshot.joins_due or snapshot.execution.state != states.RUNNING
    assert driver.world.faults == []


@check
@given(plans())
def test_nothing_hangs(plan: Plan) -> None:
    driver = Driver(plan)
    driver.run()
    ended(driver)


@check
@given(plans())
def test_nothing_hangs_while_people_meddle(plan: Plan) -> None:
    driver = Driver(plan, meddle=True)
    driver.run()
    ended(driver)


@check
@given(plans(), st.integers(1, 3))
def test_nothing_hangs_with_cold_loads_and_small_budgets(plan: Plan, budget: int) -> None:
    driver = Driver(plan, meddle=True, reload=True, budget=budget)
    driver.run()
    ended(driver)


@check
@given(plans())
def test_no_task_runs_that_nothing_led_to(plan: Plan) -> None:
    driver = Driver(plan)
    driver.run()
    for snapshot in driver.world.snapshots.values():
        for task in snapshot.tasks.values():
            triggers = task.runtime_context.get("triggered_by", [])
            if not triggers:
                assert task.name in snapshot.spec.start_tasks or not snapshot.attempts_of[task.id]
                continue
            led = [t for t in triggers if t["event"] not in {"not triggered", "impossible route"}]
            assert led or not snapshot.attempts_of[task.id]
            for trigger in led:
                source = snapshot.tasks[trigger["task_id"]]
                # A join that ran again has forgotten where it led before.
                assert [task.name, trigger["event"]] in (source.next_tasks or []) or (
                    source.unique_key is not None and task.name in snapshot.spec.outbound[source.name])


@check
@given(plans())
def test_the_same_messages_give_the_same_records(plan: Plan) -> None:
    first, second = Driver(plan, meddle=True), Driver(plan, meddle=True)
    first.run()
    second.run()
    assert shown(first.world) == shown(second.world)


@check
@given(plans())
def test_a_message_that_comes_twice_changes_nothing(plan: Plan) -> None:
    Driver(plan, meddle=True, twice=True).run()


@check
@given(plans())
def test_a_cold_load_before_each_decision_gives_the_same_records(plan: Plan) -> None:
    warm, cold = Driver(plan, meddle=True), Driver(plan, meddle=True, reload=True)
    warm.run()
    cold.run()
    assert shown(cold.world) == shown(warm.world)


def end_of(driver: Driver) -> Any:
    case = driver.case
    tasks = {(t.name, t.state, str(t.published)) for t in driver.world.snapshots[driver.root].tasks.values()}
    output = {k: v for k, v in case.output.items() if k != "result"}
    return case.state, sorted(tasks), output


@check
@given(plans(calm=True), st.integers(1, 3), st.booleans(), st.integers(0, 5))
def test_orders_budgets_and_cold_loads_do_not_matter_for_the_end(plan: Plan, budget: int, reload: bool, seed: int) -> None:
    one, other = Driver(plan, fixed=True), Driver(plan, fixed=True, seed=seed, budget=budget, reload=reload)
    one.run()
    other.run()
    ended(other)
    assert end_of(other) == end_of(one)


@pytest.mark.parametrize("seed", range(3))
def test_the_driver_is_repeatable(seed: int) -> None:
    plan = Plan("{version: '2.0', wf: {tasks: {a: {action: test.work, retry: {count: 2, delay: 1}}}}}", seed)
    assert [_seen(plan) for _ in range(2)] == [_seen(plan)] * 2


def _seen(plan: Plan) -> list[str]:
    driver = Driver(plan, meddle=True)
    driver.run()
    return shown(driver.world)
