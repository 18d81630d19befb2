"""Joins (3.7)."""

from __future__ import annotations

import pytest
from world import Case, flow

A_B = "a: {action: std.async_noop, on-success: j}, b: {action: std.async_noop, on-success: j}, c: {action: std.async_noop, on-success: j}"


def joined(join: str, keys: str = "", branches: str = A_B, more: str = "") -> Case:
    return flow(f"wf: {{tasks: {{{branches}, j: {{join: {join}{keys}}}{more}}}}}")


def test_L233_all_waits_for_all_inbound_tasks() -> None:
    case = joined("all")
    case.complete("a")
    case.complete("b")
    assert (case.task("j").state, case.task("j").state_info) == ("WAITING", "Task is waiting.")
    case.complete("c")
    assert case.states("j") == ["SUCCESS"]


def test_L234_all_fails_as_soon_as_one_inbound_task_can_not_trigger_it() -> None:
    case = joined("all")
    case.complete("a")
    case.complete("b", state="ERROR")
    assert case.task("j").state == "ERROR"
    assert (case.state, case.task("c").state) == ("RUNNING", "RUNNING")


def test_L235_a_failed_join_has_its_text_no_action_and_an_empty_result() -> None:
    case = joined("all")
    case.complete("c")
    case.complete("b", state="ERROR")
    case.complete("a", state="ERROR")
    assert case.task("j").state_info == "Failed by tasks: ['b']"
    assert (case.attempts("j"), case.result("j")) == ([], [])
    assert case.task("j").runtime_context["triggered_by"] == [{"task_id": case.task("b").id, "event": "not triggered"}]


def test_L236_on_error_of_a_failed_join_handles_it() -> None:
    case = flow("""
        wf:
          tasks:
            a: {action: std.noop, on-success: j}
            b: {action: std.fail, on-error: noop, on-success: j}
            j: {join: all, on-error: fix}
            fix: {action: std.noop}
        """)
    assert (case.state, case.output) == ("SUCCESS", {})
    assert case.task("j").state_info == "Failed by tasks: ['b']"
    assert case.states("fix") == ["SUCCESS"]


def test_L237_a_number_fails_only_when_it_can_not_be_reached_any_more() -> None:
    case = joined("2")
    case.complete("a", state="ERROR")
    assert not case.tasks("j")
    case.complete("b")
    assert case.task("j").state == "WAITING"
    case.complete("c", state="ERROR")
    assert case.task("j").state_info == "Failed by tasks: ['a', 'c']"


def test_L238_a_join_that_nobody_triggers_is_not_created() -> None:
    case = flow("wf: {tasks: {a: {on-success: [{j: <% false %>}]}, b: {on-success: [{j: <% false %>}]}, j: {join: all}}}")
    assert (case.state, case.names) == ("SUCCESS", ["a", "b"])


def test_L239_a_failed_task_whose_on_error_leads_to_the_join_counts_as_a_trigger() -> None:
    case = joined("all", branches="a: {action: std.fail, on-error: j}, b: {action: std.fail, on-complete: j}")
    assert case.states("j") == ["SUCCESS"]


def test_L240_a_condition_that_turned_away_counts_as_failure() -> None:
    case = joined("all", branches="a: {on-success: [{j: <% false %>}]}, b: {on-success: j}")
    assert case.task("j").state_info == "Failed by tasks: ['a']"


CHAIN = """
wf:
  tasks:
    a: {action: std.async_noop, on-success: c1}
    c1: {on-success: c2}
    c2: {on-success: j}
    b: {action: std.async_noop, on-success: j}
    j: {join: all}
"""


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_L241_an_impossible_route_further_upstream_is_detected(order: str) -> None:
    case = flow(CHAIN)
    for name in order:
        case.complete(name, state="ERROR" if name == "a" else "SUCCESS")
    assert case.task("j").state_info == "Failed by tasks: ['c2']"
    assert case.task("j").runtime_context["triggered_by"] == [{"task_id": None, "event": "impossible route"}]


def test_L241_a_route_is_open_while_any_task_on_it_may_run() -> None:
    case = flow("""
        wf:
          tasks:
            a: {action: std.async_noop, on-success: c}
            a2: {action: std.async_noop, on-success: c}
            c: {on-success: j}
            b: {on-success: j}
            j: {join: all}
        """)
    case.complete("a", state="ERROR")
    assert case.task("j").state == "WAITING"
    case.complete("a2")
    assert case.task("j").state == "SUCCESS"


def test_L241_a_cycle_that_nothing_enters_is_no_route() -> None:
    case = flow("""
        wf:
          tasks:
            a: {action: std.async_noop, on-success: c1}
            c1: {on-success: [c2, j]}
            c2: {on-success: c1}
            b: {on-success: j}
            j: {join: all}
        """)
    assert case.task("j").state == "WAITING"
    case.complete("a", state="ERROR")
    assert case.task("j").state_info == "Failed by tasks: ['c1']"


def test_L242_join_one_starts_with_the_first_trigger() -> None:
    case = joined("one", ", action: std.async_noop")
    case.complete("b")
    assert case.task("j").state == "RUNNING"
    assert [t["task_id"] for t in case.task("j").runtime_context["triggered_by"]] == [case.task("b").id]


def test_L243_join_one_runs_again_on_later_triggers() -> None:
    case = joined("one", ", action: std.echo output=1, on-success: k", more=", k: {action: std.noop}")
    for name in "abc":
        case.complete(name)
    assert (case.states("j"), case.states("k")) == (["SUCCESS"], ["SUCCESS"] * 3)
    assert len(case.attempts("j")) == 3
    assert case.state == "SUCCESS"


def test_L243_the_result_becomes_a_list() -> None:
    case = joined("one", ', action: std.echo output="x"')
    for name in "abc":
        case.complete(name)
    assert case.result("j") == ["x", "x", "x"]


def test_L243_a_trigger_while_it_runs_starts_a_second_action_and_the_first_answer_completes_it() -> None:
    case = joined("one", ", action: std.async_noop")
    case.complete("a")
    case.complete("b")
    assert [a.state for a in case.attempts("j")] == ["RUNNING", "RUNNING"]
    case.complete("j", 1, position=0)
    assert (case.task("j").state, case.attempts("j")[1].state) == ("SUCCESS", "RUNNING")


def test_L244_the_inbound_context_merges_those_of_the_triggers() -> None:
    case = flow("""
        wf:
          tasks:
            a: {publish: {x: 1}, on-success: j}
            b: {publish: {y: 2}, on-success: j}
            c: {publish: {z: 3}, on-success: [{j: <% false %>}]}
            j: {join: 2, publish: {seen: "<% [$.get(x), $.get(y), $.get(z)] %>"}}
        """)
    assert (case.task("j").published or {})["seen"] == [1, 2, None]


def test_a_join_sees_variables_of_branches_that_arrived_while_it_ran() -> None:
    case = flow("""
        wf:
          tasks:
            a: {on-success: j}
            b: {action: std.async_noop, publish: {late: 1}, on-success: [j, pause]}
            j: {join: one, action: std.async_noop, publish: {seen: <% $.get(late) %>}}
        """)
    case.complete("b")
    case.complete("j", position=0)
    assert case.task("j").published == {"seen": 1}


def test_L245_variables_of_a_skipped_inbound_task_are_lost() -> None:
    case = flow("""
        wf:
          tasks:
            a: {publish: {x: 1}, on-success: j}
            b: {action: std.fail, publish-on-skip: {y: 2}, on-success: j}
            j: {join: all, publish: {seen: "<% [$.get(x), $.get(y)] %>"}}
        """)
    case.skip("b")
    assert (case.state, (case.task("j").published or {})["seen"]) == ("SUCCESS", [1, None])


# H06: the reference forgets these policies on joins

ONE = "a: {on-success: j}"


def test_L246_wait_before_applies_to_a_join() -> None:
    case = joined("all", ", wait-before: 5", ONE)
    assert case.task("j").state == "DELAYED"
    case.advance(5)
    assert case.task("j").state == "SUCCESS"


def test_L246_timeout_applies_to_a_join_from_when_it_runs() -> None:
    case = joined("all", ", action: std.async_noop, timeout: 5", "a: {action: std.async_noop, on-success: j}, b: {on-success: j}")
    case.advance(10)
    case.complete("a")
    case.advance(5)
    assert case.task("j").state_info == "Task timed out [timeout(s)=5]."


def test_L246_pause_before_applies_to_a_join() -> None:
    case = joined("all", ", pause-before: true", ONE)
    assert (case.state, case.task("j").state) == ("PAUSED", "IDLE")
    case.resume()
    assert (case.state, case.task("j").state) == ("SUCCESS", "SUCCESS")


def test_L246_concurrency_applies_to_a_join() -> None:
    case = joined("all", ", with-items: 'i in [1, 2]', action: std.async_noop, concurrency: 1", ONE)
    assert len(case.attempts("j")) == 1


def test_L247_retry_on_a_join_waits_with_the_retry_text() -> None:
    case = joined("all", ", action: std.fail, retry: {count: 1, delay: 5}", ONE)
    assert (case.task("j").state, case.task("j").state_info) == ("WAITING", "Delayed by 'retry' policy [delay=5]")
    case.advance(5)
    assert (case.task("j").state, len(case.attempts("j"))) == ("ERROR", 2)


def test_L247_a_join_that_can_not_run_is_retried_too() -> None:
    case = joined("all", ", retry: {count: 2, delay: 5}", "a: {action: std.fail, on-success: j, on-error: noop}, b: {on-success: j}")
    case.advance(5)
    assert case.task("j").state == "WAITING"
    case.advance(5)
    assert (case.task("j").state, case.task("j").state_info) == ("ERROR", "Failed by tasks: ['a']")
    assert case.task("j").runtime_context["retry_task_policy"] == {"retry_no": 2}


def test_L248_joins_have_a_unique_key() -> None:
    case = joined("all", branches=ONE)
    assert case.task("j").unique_key == f"join-task-{case.id}-j"
    assert case.task("a").unique_key is None


def test_L041_a_task_that_names_a_join_twice_is_one_trigger_with_the_last_event() -> None:
    case = joined("all", branches="a: {on-success: j, on-complete: j}")
    assert len(case.attempts("j")) == 1
    assert case.task("j").runtime_context["triggered_by"][0]["event"] == "on-complete"


def test_joins_do_not_run_while_the_execution_is_paused() -> None:
    case = joined("all")
    case.complete("a")
    case.complete("b")
    case.pause()
    case.complete("c")
    assert case.task("j").state == "WAITING"
    case.resume()
    assert (case.state, len(case.attempts("j"))) == ("SUCCESS", 1)


def test_a_forced_failure_during_a_pause_fails_the_join_after_it() -> None:
    case = joined("all", branches="a: {action: std.async_noop, publish: {x: <% $.no %>}, on-success: j}, b: {on-success: j}")
    case.pause()
    case.complete("a")
    assert (case.state, case.task("a").state) == ("PAUSED", "ERROR")
    case.resume()
    assert (case.state, case.task("j").state_info) == ("ERROR", "Failed by tasks: ['a']")


SEEN = "q: '<% [$.get(e, none), $.get(s, none)] %>'"


@pytest.mark.parametrize("action", ["std.fail", "std.unknown"])
def test_L245_a_skipped_task_that_calls_a_join_into_being_is_seen_by_it(action: str) -> None:
    case = flow(f"""
        wf:
          tasks:
            a: {{action: {action}, publish-on-skip: {{s: 1}}, on-success: j}}
            j: {{join: one, publish: {{{SEEN}}}}}
        """)
    case.skip("a")
    assert (case.state, case.output) == ("SUCCESS", {"s": 1, "q": ["none", 1]})


def test_L245_what_comes_after_the_skipped_task_hides_its_variables_as_a_whole() -> None:
    case = flow("""
        wf:
          tasks:
            a: {action: std.unknown, publish-on-skip: {s: 1, both: {x: 1}}, on-success: j}
            z: {action: std.async_noop, publish: {both: {y: 1}}, on-success: j}
            j: {join: all, publish: {q: '<% [$.s, $.both] %>'}}
        """)
    case.skip("a")
    case.complete("z")
    assert (case.state, case.output["q"]) == ("SUCCESS", [1, {"y": 1}])


def test_L245_a_skipped_task_is_not_seen_by_a_join_that_was_there_before() -> None:
    case = joined("all", branches="a: {action: std.fail, publish-on-skip: {s: 1}, on-success: j}, b: {on-success: j}")
    assert case.task("j").state == "ERROR"
    case.skip("a")
    assert (case.state, case.output) == ("SUCCESS", {})


def test_L244_a_join_that_runs_again_still_sees_what_it_saw_before() -> None:
    case = flow(f"""
        wf:
          tasks:
            a: {{action: std.fail, publish-on-error: {{e: 1}}, on-error: j, publish-on-skip: {{s: 1}}, on-skip: j}}
            j: {{action: std.fail, join: one, publish-on-error: {{{SEEN}}}}}
        """)
    assert case.task("j").published == {"q": [1, "none"]}
    case.skip("a")
    assert case.task("j").published == {"q": [1, "none"]}
    case.rerun("j")
    assert case.task("j").published == {"q": [1, "none"]}


def test_what_a_join_saw_before_is_kept_only_as_far_as_its_sources_do_not_say_it_again() -> None:
    case = flow("""
        wf:
          tasks:
            a: {action: std.fail, publish-on-error: {e: 1}, on-error: j, publish-on-skip: {s: 1}, on-skip: j}
            b: {action: std.async_noop, publish: {e: 2}, on-success: j}
            j: {join: one, publish: {q: <% $.e %>}}
        """)
    case.skip("a")
    assert case.task("j").runtime_context["_seen"][0] == {"e": 1}
    case.complete("b")
    assert (case.task("j").published, "_seen" in case.task("j").runtime_context) == ({"q": 2}, False)


@pytest.mark.parametrize("end", ["", "skip"])
def test_L243_what_failed_in_a_join_does_not_count_once_it_is_triggered_again(end: str) -> None:
    case = flow("""
        wf:
          tasks:
            a: {action: std.fail, on-error: j}
            c: {action: std.fail}
            j: {action: std.fail, input: {error_data: no way}, join: one}
        """)
    if end:
        case.skip("j")
    case.rerun("a")
    assert ([a.accepted for a in case.attempts("j")], case.result("j")) == ([False, True], "no way")


def test_L243_successes_of_a_failed_join_count_on() -> None:
    case = joined("one", ", action: std.echo output=1, fail-on: true", "a: {on-success: j}, b: {action: std.async_noop, on-success: j}")
    case.complete("b")
    assert (case.state, case.result("j")) == ("ERROR", [1, 1])


def test_L276_a_failing_publication_of_a_failed_join_is_an_error_of_its_completion() -> None:
    case = joined("all", ", on-error: {publish: {global: {x: <% 1/0 %>}}}", "a: {action: std.fail, on-success: j}, b: {on-success: j}")
    assert (case.info or "").startswith("Failed to complete task [error=Can not evaluate YAQL expression")
