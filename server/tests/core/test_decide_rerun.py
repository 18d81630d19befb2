"""Rerun and skip (3.15, 3.16)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from world import Case, World, flow

from maestrale.core import messages as m
from maestrale.core.ports import Result
from maestrale.errors import RequestError, WorkflowError


def failing(times: int) -> Callable[[Mapping[str, Any]], Result]:
    """``test.work`` fails so many times, then succeeds."""
    left = iter(range(times))

    def work(_values: Mapping[str, Any]) -> Result:
        return Result(error="bad", failed=True) if next(left, None) is not None else Result(data="good")

    return work


ONE = "wf: {tasks: {a: {action: test.work, publish: {r: <% task().result %>}, on-success: b}, b: {action: std.noop}}}"


def test_L308_rerun_needs_a_task_in_error() -> None:
    case = flow("wf: {tasks: {a: {action: std.noop}, f: {action: std.fail}}}")
    error = case.rerun("a")
    assert isinstance(error, RequestError)
    assert str(error) == "The current task execution must be in ERROR for rerun. Only updating task to rerun is supported."
    assert case.state == "ERROR"


def test_L310_reset_false_is_for_with_items_only() -> None:
    case = flow(ONE, work=failing(1))
    error = case.rerun("a", reset=False)
    assert str(error) == "Only with-items task has the option to not reset."


@pytest.mark.parametrize("ask", [Case.rerun, Case.skip])
def test_L311_rerun_of_a_task_in_a_success_execution_is_refused(ask: Callable[[Case, str], Exception | None]) -> None:
    case = flow("wf: {tasks: {f: {action: std.fail, on-error: noop}}}")
    error = ask(case, "f")
    assert isinstance(error, WorkflowError)
    assert str(error).startswith("Can't change workflow execution state from SUCCESS to RUNNING.")


def test_L312_rerun_sets_execution_and_ancestors_running_and_clears_state_info() -> None:
    case = flow("""
        wf: {tasks: {s: {workflow: mid}}}
        mid: {tasks: {m: {workflow: sub}}}
        sub: {tasks: {t: {action: test.work}}}
        """, work=failing(1))
    leaf = case.child("s").child("m")
    case.world.work = lambda _values: None
    output = case.output
    leaf.rerun("t")
    for one in (case, case.child("s"), leaf):
        assert (one.state, one.info, one.execution.accepted) == ("RUNNING", None, False)
    assert (case.task("s").state, case.child("s").task("m").state, case.output) == ("RUNNING", "RUNNING", output)


def test_L313_rerun_clears_the_retry_count_and_applies_policies_again() -> None:
    case = flow("wf: {tasks: {a: {action: std.fail, retry: {count: 1, delay: 0}, wait-before: 5}}}")
    case.advance(5)
    assert (case.state, len(case.attempts("a"))) == ("ERROR", 2)
    case.rerun("a")
    assert case.task("a").state == "DELAYED"
    case.advance(5)
    assert (case.state, len(case.attempts("a"))) == ("ERROR", 4)
    assert case.task("a").runtime_context["retry_task_policy"] == {"retry_no": 1}


ITEMS = "wf: {tasks: {t: {with-items: 'i in [0, 1, 2, 3]', action: std.async_noop, publish: {r: <% task().result %>}}}}"


def items(states: Mapping[int, str], keys: str = "") -> Case:
    case = flow(ITEMS.replace("std.async_noop,", f"std.async_noop{keys},"))
    for index in range(4):
        position = next(i for i, a in enumerate(case.attempts("t")) if a.index == index)
        case.complete("t", f"first{index}", state=states.get(index, "SUCCESS"), position=position)
    return case


def test_L314_reset_true_repeats_all_items() -> None:
    case = items({1: "ERROR"})
    case.rerun("t", reset=True)
    assert [a.index for a in case.attempts("t")[4:]] == [0, 1, 2, 3]
    assert [a.accepted for a in case.attempts("t")[:4]] == [False] * 4


@pytest.mark.parametrize("failed", [{1}, {0, 2}, {3}, {0, 1, 2, 3}])
@pytest.mark.parametrize("keys", ["", ", concurrency: 1"])
def test_L314_L315_reset_false_repeats_only_what_failed_and_ends(failed: set[int], keys: str) -> None:
    case = items(dict.fromkeys(failed, "ERROR"), keys)
    case.rerun("t", reset=False)
    for position, index in enumerate(sorted(failed), 4):
        case.complete("t", f"second{index}", position=position)
    assert [a.index for a in case.attempts("t")[4:]] == sorted(failed)
    assert case.state == "SUCCESS"
    assert case.output == {"r": [f"second{i}" if i in failed else f"first{i}" for i in range(4)]}


def test_L316_rerun_of_a_sub_workflow_task_starts_a_new_child() -> None:
    case = flow("wf: {tasks: {s: {workflow: sub}}}\nsub: {tasks: {t: {action: test.work}}}", work=failing(1))
    case.rerun("s")
    assert (case.state, [a.state for a in case.attempts("s")]) == ("SUCCESS", ["ERROR", "SUCCESS"])
    assert [a.accepted for a in case.attempts("s")] == [False, True]


def test_L317_rerun_of_an_inner_task_revives_the_parents() -> None:
    case = flow("""
        wf: {output: {r: <% task(s).result %>}, tasks: {s: {workflow: mid, on-success: z}, z: {action: std.noop}}}
        mid: {output: {m: <% task(m).result %>}, tasks: {m: {workflow: sub}}}
        sub: {output: {t: <% task(t).result %>}, tasks: {t: {action: test.work}}}
        """, work=failing(1))
    assert case.state == "ERROR"
    case.child("s").child("m").rerun("t")
    assert (case.state, case.names, len(case.attempts("s"))) == ("SUCCESS", ["s", "z"], 1)
    assert case.output == {"r": {"m": {"t": "good"}}}


def test_L317_one_failed_child_among_items_is_revived() -> None:
    case = flow("""
        wf: {tasks: {s: {with-items: 'i in [0, 1, 2]', workflow: sub, input: {i: <% $.i %>}, publish: {r: <% task().result %>}}}}
        sub: {input: [i], output: {i: <% $.i %>}, tasks: {t: {action: std.async_noop}}}
        """)
    for position in range(3):
        case.child("s", position).complete("t", state="ERROR" if position == 1 else "SUCCESS")
    assert case.state == "ERROR"
    case.child("s", 1).rerun("t")
    case.child("s", 1).complete("t")
    assert (case.state, case.output) == ("SUCCESS", {"r": [{"i": 0}, {"i": 1}, {"i": 2}]})


def test_L317_a_child_that_was_given_up_revives_nothing() -> None:
    case = flow("wf: {tasks: {s: {workflow: sub}}}\nsub: {tasks: {t: {action: test.work}}}", work=failing(2))
    case.rerun("s")
    assert case.state == "ERROR"
    case.child("s", 0).rerun("t")
    assert (case.state, case.child("s", 0).state) == ("ERROR", "SUCCESS")


def test_news_from_before_a_revival_is_no_news() -> None:
    case = flow("wf: {tasks: {s: {workflow: sub}}}\nsub: {tasks: {t: {action: std.async_noop}}}")
    child = case.child("s")
    case.world.decide(child.id, m.ActionCompleted(child.attempts("t")[0].id, "ERROR"))
    case.world.decide(child.id, m.Rerun(child.task("t").id, reset=True))
    case.world.queue.reverse()
    case.world.settle()
    assert (case.state, child.state, case.task("s").state) == ("RUNNING", "RUNNING", "RUNNING")
    child.complete("t")
    assert case.state == "SUCCESS"


def test_L318_successors_that_already_ran_run_again() -> None:
    case = flow("wf: {tasks: {a: {action: test.work, on-complete: b}, b: {action: std.noop}}}", work=failing(1))
    assert case.names == ["a", "b"]
    case.rerun("a")
    assert (case.state, case.names) == ("SUCCESS", ["a", "b", "b"])


def test_H25_rerun_of_a_handled_error_repeats_the_on_error_branch() -> None:
    case = flow("wf: {tasks: {a: {action: std.fail, on-error: b}, b: {action: std.noop}, w: {action: std.async_noop}}}")
    case.rerun("a")
    assert (case.state, case.names) == ("RUNNING", ["a", "w", "b", "b"])


def test_what_followed_a_task_keeps_the_context_that_it_had() -> None:
    case = flow("""
        wf:
          tasks:
            a: {action: test.work, publish: {r: good}, publish-on-error: {r: bad}, on-complete: b}
            b: {publish: {seen: <% $.r %>}, on-complete: c}
            c: {action: std.async_noop, publish: {c: <% $.r %>}}
        """, work=failing(1), reload=True)
    case.rerun("a")
    case.complete("c", position=0)
    case.complete("c", position=1)
    assert [(t.published or {})["seen"] for t in case.tasks("b")] == ["bad", "good"]
    assert [(t.published or {})["c"] for t in case.tasks("c")] == ["bad", "good"]


def test_L319_rerun_can_update_env() -> None:
    case = flow("wf: {tasks: {a: {action: std.fail error_data=<% env().e %>, publish-on-error: {e: <% env().e %>}}}}",
                params={"env": {"e": {"x": 1}}})
    case.rerun("a", env={"e": {"y": 2}})
    assert case.task("a").published == {"e": {"x": 1, "y": 2}}


def test_a_rerun_in_a_paused_execution_does_nothing() -> None:
    case = flow("wf: {tasks: {a: {action: std.fail, on-error: noop}, w: {action: std.async_noop}}}")
    case.pause()
    assert case.rerun("a") is None
    assert (case.state, case.task("a").state) == ("PAUSED", "ERROR")
    assert case.skip("a") is None
    assert case.task("a").state == "ERROR"


def test_a_failed_join_runs_at_once_on_rerun() -> None:
    case = flow("wf: {tasks: {a: {action: std.fail, on-success: j}, b: {on-success: j}, j: {join: all}}}")
    case.rerun("j")
    assert (case.task("j").state, case.state) == ("SUCCESS", "ERROR")


def test_a_rerun_of_a_failed_branch_triggers_the_join_again() -> None:
    case = flow("""
        wf:
          tasks:
            a: {action: test.work, publish: {x: 1}, on-success: j}
            b: {publish: {y: 2}, on-success: j}
            j: {join: all, publish: {seen: "<% [$.x, $.y] %>"}}
        """, work=failing(1))
    assert case.task("j").state == "ERROR"
    case.rerun("a")
    assert (case.state, case.task("j").state, case.output["seen"]) == ("SUCCESS", "SUCCESS", [1, 2])


def test_a_rerun_upstream_opens_ways_that_were_closed() -> None:
    case = flow("""
        wf:
          tasks:
            a: {action: test.work, on-success: c}
            c: {on-success: j}
            b: {on-success: j}
            w: {action: std.async_noop, on-success: j}
            j: {join: 2}
            k: {action: std.async_noop}
        """, work=failing(1))
    assert case.task("j").state == "WAITING"
    case.complete("w", state="ERROR")
    assert case.task("j").state == "ERROR"
    case.rerun("a")
    assert case.task("j").state == "SUCCESS"


# ---- skip

SKIP = """
wf:
  tasks:
    a:
      action: std.fail
      publish-on-error: {from: error}
      publish-on-skip: {from: skip}
      wait-after: 0
      retry: {count: 1, delay: 0}
      on-success: s
      on-skip: k
    s: {action: std.noop}
    k: {publish: {seen: <% $.from %>}}
"""


def test_L320_skip_makes_the_task_skipped() -> None:
    case = flow(SKIP)
    assert case.skip("a") is None
    assert (case.task("a").state, case.task("a").state_info) == ("SKIPPED", "Task was skipped.")
    assert (case.state, case.info) == ("SUCCESS", None)


def test_L321_skip_publishes_and_follows_on_skip() -> None:
    case = flow(SKIP)
    case.skip("a")
    assert (case.names, case.output["seen"]) == (["a", "k"], "skip")
    assert case.task("a").next_tasks == [["k", "on-skip"]]


def test_L321_without_publish_on_skip_what_was_published_stays() -> None:
    case = flow(SKIP.replace("publish-on-skip: {from: skip}", "tags: [x]"))
    case.skip("a")
    assert case.output["seen"] == "error"


def test_L322_skip_does_not_run_policies() -> None:
    case = flow("wf: {tasks: {a: {action: std.fail, wait-after: 100, retry: {count: 1, delay: 100}}}}")
    case.advance(1000)
    case.skip("a")
    assert (case.state, case.task("a").state) == ("SUCCESS", "SKIPPED")


def test_the_result_of_a_skipped_task_is_its_error() -> None:
    case = flow('wf: {output: {r: <% task(a).result %>}, tasks: {a: {action: std.fail error_data="bad"}}}')
    case.skip("a")
    assert case.output == {"r": "bad"}


def test_a_skipped_requirement_lets_a_reverse_workflow_end_without_its_dependants() -> None:
    case = flow("wf: {type: reverse, tasks: {a: {action: std.fail}, b: {requires: [a]}}}", params={"task_name": "b"})
    case.skip("a")
    assert (case.state, case.names) == ("SUCCESS", ["a"])


def test_L086_L110_skip_publishes_also_what_on_complete_says_but_does_not_follow_it() -> None:
    case = flow("""
        wf:
          tasks:
            a:
              action: std.fail
              publish-on-skip: {s: 1}
              on-complete: {publish: {branch: {c: 2}}, next: [b]}
              on-skip: [d]
            b: {action: std.noop}
            d: {publish: {seen: <% $.c %>}}
        """)
    case.skip("a")
    assert (case.task("a").published, case.task("d").published) == ({"s": 1, "c": 2}, {"seen": 2})
    assert case.names == ["a", "b", "d"]


def test_a_skip_is_refused_if_what_on_complete_publishes_fails() -> None:
    case = flow("""
        wf:
          tasks:
            a: {action: std.unknown, publish-on-skip: {s: 1}, on-complete: {publish: {branch: {c: <% 1/0 %>}}}}
        """)
    refused = case.skip("a")
    assert "1/0" in str(refused)
    assert (case.state, case.task("a").state) == ("ERROR", "ERROR")


@pytest.mark.parametrize("clause", [
    "on-skip: [{b: <% 1/0 %>}]", "on-success: [{b: <% 1/0 %>}]", "on-skip: [fail(msg=<% 1/0 %>)]", "on-skip: [{b: <% $.s / ($.s - 1) %>}]",
])
def test_a_skip_is_refused_if_a_condition_of_what_follows_fails_and_nothing_is_changed(clause: str) -> None:
    case = flow(f"wf: {{tasks: {{a: {{action: std.fail, publish-on-skip: {{s: 1}}, {clause}}}, b: {{action: std.noop}}}}}}")
    before = case.info
    assert "integer division or modulo by zero" in str(case.skip("a"))
    assert (case.state, case.info, case.task("a").state, case.task("a").published) == ("ERROR", before, "ERROR", {})


def test_conditions_behind_a_skip_see_the_task_as_skipped_and_what_it_publishes() -> None:
    case = flow("""
        wf:
          tasks:
            a:
              action: std.fail
              publish-on-skip: {s: 1}
              on-skip: [{b: "<% task(a).published.s = 1 and task().state = SKIPPED and $.s = 1 %>"}]
            b: {action: std.noop}
        """)
    assert case.skip("a") is None
    assert (case.state, case.names) == ("SUCCESS", ["a", "b"])


@pytest.mark.parametrize("ask", [Case.rerun, Case.skip])
def test_L225_tasks_that_ended_by_a_forced_failure_count_as_processed_once_the_execution_runs_again(
    ask: Callable[[Case, str], Exception | None],
) -> None:
    case = flow("wf: {tasks: {a: {action: std.unknown}, b: {action: std.fail}}}")
    assert [case.task(name).processed for name in "ab"] == [False, True]
    ask(case, "b")
    assert [case.task(name).processed for name in "ab"] == [True, True]


def test_a_skipped_task_says_nothing_of_its_policies_and_triggers_any_more() -> None:
    case = flow("""
        wf:
          tasks:
            z: {publish: {x: 1}, on-success: a}
            a: {action: std.fail, retry: {count: 1, delay: 0}, wait-after: 1, on-skip: b}
            b: {publish: {y: <% $.x %>}}
        """)
    case.advance(5)
    assert "retry_task_policy" in case.task("a").runtime_context
    case.skip("a")
    assert [name for name in case.task("a").runtime_context if not name.startswith("_")] == []
    assert case.output == {"x": 1, "y": 1}


@pytest.mark.parametrize("reload", [False, True])
def test_a_skipped_task_keeps_the_context_that_it_had_when_what_led_to_it_is_run_again(reload: bool) -> None:
    case = flow("""
        wf:
          tasks:
            a: {action: std.fail, publish-on-error: {e: <% env().v %>}, on-error: s}
            s: {action: std.fail}
            other: {action: std.fail}
        """, world=World(reload=reload), params={"env": {"v": 1}})
    case.skip("s")
    case.rerun("a", env={"v": 2})
    snapshot = case.world.snapshots[case.id]
    assert [snapshot.inbound(task).variables["e"] for task in case.tasks("s")] == [1, 2]
