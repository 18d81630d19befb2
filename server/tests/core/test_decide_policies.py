"""Policies (1.15, 1.16, 3.19)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from world import START, Case, flow, held

from maestrale.core import messages as m


def task(keys: str, action: str = "std.async_noop", **options: Any) -> Case:
    return flow(f"wf: {{tasks: {{t: {{action: {action}, {keys}}}, u: {{action: std.noop}}}}}}", **options)


def test_L339_wait_before_delays_with_its_text() -> None:
    case = task("wait-before: 5")
    assert (case.task("t").state, case.task("t").state_info) == ("DELAYED", "Delayed by 'wait-before' policy [delay=5]")
    assert case.task("t").runtime_context["wait_before_policy"] == {"skip": True}
    case.advance(4)
    assert case.task("t").state == "DELAYED"
    case.advance(1)
    assert (case.task("t").state, case.task("t").state_info) == ("RUNNING", None)


def test_L340_wait_before_is_not_repeated_for_retries() -> None:
    case = task("wait-before: 5, retry: {count: 2, delay: 0}", "std.fail")
    case.advance(5)
    assert (case.state, len(case.attempts("t"))) == ("ERROR", 3)


@pytest.mark.parametrize("state", ["SUCCESS", "ERROR"])
def test_L341_wait_after_delays_completion_also_on_error(state: str) -> None:
    case = task("wait-after: 5, on-complete: u")
    case.complete("t", "value", state=state)
    assert (case.task("t").state, case.task("t").state_info) == ("DELAYED", "Delayed by 'wait-after' policy [delay=5]")
    case.advance(5)
    assert (case.task("t").state, case.task("t").state_info) == (state, None if state == "SUCCESS" else "value")
    assert case.names == ["t", "u"]


def test_L341_wait_after_delays_once_per_run_not_once_per_retry() -> None:
    case = task("wait-after: 5, retry: {count: 2, delay: 0}", "std.fail")
    assert len(case.attempts("t")) == 1
    case.advance(5)
    assert (case.state, len(case.attempts("t"))) == ("ERROR", 3)


def test_L342_fail_on_turns_success_into_error_and_keeps_publish() -> None:
    case = flow("""
        wf:
          tasks:
            a:
              action: std.echo output="x"
              fail-on: <% task().result = x %>
              publish: {p: 1}
              publish-on-error: {q: 1}
              on-error: b
            b: {publish: {p: <% $.get(p) %>, q: <% $.get(q) %>}}
        """)
    assert (case.task("a").state, case.task("a").state_info) == ("ERROR", "Failed by 'fail-on' policy")
    assert (case.task("a").published, case.output, case.state) == ({"p": 1}, {"p": 1, "q": None}, "SUCCESS")


def test_L343_pause_before_holds_the_task_and_pauses_the_execution() -> None:
    case = task("pause-before: true")
    assert (case.task("t").state, case.task("t").state_info, case.state) == ("IDLE", "Set by 'pause-before' policy", "PAUSED")
    assert case.states("u") == ["SUCCESS"]


@pytest.mark.parametrize("value", ["false", "<% false %>"])
def test_L343_a_false_pause_before_does_nothing(value: str) -> None:
    assert task(f"pause-before: {value}").state == "RUNNING"


def test_L344_timeout_fails_an_incomplete_task() -> None:
    case = task("timeout: 5, on-error: u")
    case.advance(5)
    assert (case.task("t").state, case.task("t").state_info) == ("ERROR", "Task timed out [timeout(s)=5].")
    assert (case.state, case.names) == ("SUCCESS", ["t", "u"])


def test_L344_a_timeout_that_is_not_reached_is_forgotten() -> None:
    case = task("timeout: 5")
    case.complete("t")
    assert [w.key for *_, w in case.world.timers] == list(case.world.forgotten)


def test_a_timeout_asks_the_running_action_to_stop() -> None:
    case = task("timeout: 5", "test.work", work=held)
    case.advance(5)
    assert case.world.cancelled == [case.attempts("t")[0].id]


def test_L345_a_late_result_is_recorded_and_changes_nothing_else() -> None:
    case = task("timeout: 5, on-error: u")
    case.advance(5)
    assert case.complete("t", "late") is None
    attempt = case.attempts("t")[0]
    assert (attempt.state, attempt.output, attempt.accepted) == ("SUCCESS", {"result": "late"}, False)
    assert (case.task("t").state, case.result("t")) == ("ERROR", [])


def test_L346_a_late_result_of_an_abandoned_attempt_does_not_complete_the_retried_task() -> None:
    case = task("timeout: 5, retry: {count: 1, delay: 0}")
    case.advance(5)
    case.complete("t", "late", position=0)
    assert (case.task("t").state, case.attempts("t")[0].accepted) == ("RUNNING", False)
    case.complete("t", "right", position=1)
    assert (case.state, case.result("t")) == ("SUCCESS", "right")


@pytest.mark.parametrize(("condition", "state"), [("task().result = 1", "ERROR"), ("$.get(p) = 1", "SUCCESS")])
def test_L347_fail_on_sees_the_result_but_not_what_was_just_published(condition: str, state: str) -> None:
    assert task(f"fail-on: <% {condition} %>, publish: {{p: 1}}", "std.echo output=1").task("t").state == state


def test_L348_timeout_counts_waiting_time() -> None:
    case = task("wait-before: 3, timeout: 5")
    case.advance(3)
    case.advance(2)
    assert case.task("t").state_info == "Task timed out [timeout(s)=5]."


def test_L348_a_task_that_still_waits_times_out_too() -> None:
    case = task("wait-before: 10, timeout: 5")
    case.advance(5)
    assert (case.task("t").state, case.attempts("t")) == ("ERROR", [])
    case.advance(10)
    assert case.attempts("t") == []


def test_L349_retry_repeats_an_error_with_delay() -> None:
    case = task("retry: {count: 2, delay: 5}", "std.fail")
    for done in (1, 2):
        assert (case.task("t").state, len(case.attempts("t"))) == ("DELAYED", done)
        assert case.task("t").state_info == "Delayed by 'retry' policy [delay=5]"
        case.advance(5)
    assert (case.state, len(case.attempts("t"))) == ("ERROR", 3)
    assert case.world.now == START + timedelta(seconds=10)


def test_L350_a_retry_is_a_new_action_execution_and_withdraws_the_old_ones_accepted() -> None:
    case = task("retry: {count: 2, delay: 0}", "std.fail")
    assert [a.accepted for a in case.attempts("t")] == [False, False, True]
    assert case.task("t").runtime_context["retry_task_policy"] == {"retry_no": 2}


@pytest.mark.parametrize(("condition", "runs"), [("<% task().result = stop %>", 1), ("<% task().result = other %>", 3)])
def test_L351_break_on_stops_retries_of_an_error(condition: str, runs: int) -> None:
    case = task(f"retry: {{count: 2, delay: 0, break-on: {condition}}}", 'std.fail error_data="stop"')
    assert (case.state, len(case.attempts("t"))) == ("ERROR", runs)


def test_L351_break_on_has_no_influence_on_success() -> None:
    case = task("retry: {count: 2, delay: 0, break-on: <% true %>, continue-on: <% true %>}", "std.noop")
    assert (case.state, len(case.attempts("t"))) == ("SUCCESS", 3)


@pytest.mark.parametrize(("action", "condition", "runs", "state"), [
    ("std.fail", "true", 3, "ERROR"), ("std.fail", "false", 1, "ERROR"),
    ("std.noop", "true", 3, "SUCCESS"), ("std.noop", "false", 1, "SUCCESS"),
])
def test_L352_L353_continue_on(action: str, condition: str, runs: int, state: str) -> None:
    case = task(f"retry: {{count: 2, delay: 0, continue-on: <% {condition} %>}}", action)
    assert (case.state, len(case.attempts("t"))) == (state, runs)


@pytest.mark.parametrize("condition", ["task().result = 1", "$.p = 1"])
def test_L354_retry_conditions_see_the_result_and_published_variables(condition: str) -> None:
    case = task(f"publish: {{p: <% task().result %>}}, retry: {{count: 1, delay: 0, continue-on: <% {condition} %>}}", "std.echo output=1")
    assert len(case.attempts("t")) == 2


def test_L355_count_zero_does_nothing() -> None:
    case = task("retry: {count: 0, delay: 0, continue-on: <% $.nope %>}", "std.fail error_data='bad'")
    assert (len(case.attempts("t")), case.task("t").state_info) == (1, "bad")


def test_L356_retry_applies_after_fail_on() -> None:
    assert len(task("fail-on: <% true %>, retry: {count: 2, delay: 0}", "std.noop").attempts("t")) == 3


def test_L356_H07_retry_applies_after_timeout_and_each_attempt_has_its_own() -> None:
    case = task("timeout: 5, retry: {count: 1, delay: 2}")
    case.advance(5)
    assert case.task("t").state == "DELAYED"
    case.advance(2)
    case.advance(4)
    assert case.task("t").state == "RUNNING"
    case.advance(1)
    assert (case.task("t").state, len(case.attempts("t"))) == ("ERROR", 2)


def test_a_timeout_of_the_attempt_before_does_not_end_the_delay_of_a_retry() -> None:
    case = task("timeout: 5, retry: {count: 1, delay: 20}")
    case.complete("t", state="ERROR")
    case.advance(10)
    assert case.task("t").state == "DELAYED"


def test_L357_retry_in_one_line() -> None:
    assert len(task("retry: count=2 delay=0 break-on=<% false %>", "std.fail").attempts("t")) == 3


def test_L358_wait_after_comes_before_fail_on_and_retry() -> None:
    case = task("wait-after: 5, fail-on: <% true %>, retry: {count: 1, delay: 7}", "std.noop")
    assert case.task("t").state_info == "Delayed by 'wait-after' policy [delay=5]"
    case.advance(5)
    assert case.task("t").state_info == "Delayed by 'retry' policy [delay=7]"
    case.advance(7)
    assert (case.state, case.task("t").state_info) == ("ERROR", "Failed by 'fail-on' policy")


def test_L359_publishing_happens_at_each_attempt_and_the_last_stays() -> None:
    case = task("publish-on-error: {e: '<% $.get(e, 0) + 1 %>', first: <% $.get(first) = null %>}, publish: {ok: 1},"
                " retry: {count: 1, delay: 0}")
    case.complete("t", state="ERROR", position=0)
    assert case.task("t").published == {"e": 1, "first": True}
    case.complete("t", position=1)
    assert (case.task("t").published, case.output) == ({"ok": 1}, {"ok": 1})


def test_policies_take_expressions() -> None:
    case = flow("wf: {input: [n], tasks: {t: {action: std.fail, wait-before: <% $.n %>, retry: {count: <% $.n %>, delay: <% $.n %>}}}}",
                {"n": 2})
    case.advance(6)
    assert (case.state, len(case.attempts("t"))) == ("ERROR", 3)


def test_conditions_of_retry_are_evaluated_while_wait_after_delays() -> None:
    case = task("wait-after: 5, retry: {count: 1, delay: 0, break-on: <% $.nope %>}", "std.noop")
    assert case.state == "ERROR"


def test_a_timer_that_is_no_longer_wanted_does_nothing() -> None:
    case = task("wait-before: 5")
    wake = case.world.timers[0][-1]
    case.advance(5)
    before = case.world.snapshots[case.id].is_changed()
    assert case.tell(wake.message) is None
    assert case.tell(m.TimerFired("nobody", "retry", 1)) is None
    assert before is False
    assert len(case.attempts("t")) == 1
