"""``with-items`` (1.14, 3.18)."""

from __future__ import annotations

from typing import Any

import pytest
from world import Case, flow, held

from maestrale.core import messages as m

THREE = "wf: {tasks: {t: {with-items: 'i in [1, 2, 3]', action: test.work i=<% $.i %>%s}}}"


def three(keys: str = "", **options: Any) -> Case:
    return flow(THREE.replace("%s", keys), **options)


@pytest.mark.parametrize(("items", "expected"), [
    ("i in <% $.list %>", [1, 2]),
    ('i in [1, 2, "x"]', [1, 2, "x"]),
    ("i in {{ _.list }}", [1, 2]),
])
def test_L115_forms_with_one_variable(items: str, expected: list[Any]) -> None:
    case = flow(f"wf: {{vars: {{list: [1, 2]}}, tasks: {{t: {{with-items: '{items}', action: std.echo output=<% $.i %>}}}}}}")
    assert case.result("t") == expected


def test_L115_several_variables_in_parallel() -> None:
    case = flow("""
        wf:
          tasks:
            t:
              with-items: ['i in [1, 2]', 'j in <% [a, b] %>']
              action: std.echo output="<% $.i %><% $.j %>"
        """)
    assert case.result("t") == ["1a", "2b"]


@pytest.mark.parametrize("value", ["null", "5"])
def test_L120_a_value_that_is_not_iterable_is_a_forced_failure(value: str) -> None:
    case = flow(f"wf: {{tasks: {{t: {{with-items: 'i in <% {value} %>', action: std.noop, on-error: noop}}}}}}")
    assert case.state == "ERROR"
    assert "Iterable type is expected for each value." in (case.info or "")


def test_L121_lists_of_different_lengths_are_a_forced_failure() -> None:
    case = flow("wf: {tasks: {t: {with-items: ['i in [1, 2]', 'j in [1]'], action: std.noop, on-error: noop}}}")
    assert case.state == "ERROR"
    assert "All arrays must have the same length." in (case.info or "")


@pytest.mark.parametrize(("value", "items"), [("dict(a => 1, b => 2)", ["a", "b"]), ("'xy'", ["x", "y"])])
def test_L122_a_mapping_gives_keys_a_text_characters(value: str, items: list[str]) -> None:
    case = flow(f"""
        wf:
          tasks:
            t: {{with-items: "i in <% {value} %>", action: std.echo output=<% $.i %>}}
        """)
    assert case.result("t") == items


def test_L123_the_variable_is_visible_in_the_input_only() -> None:
    case = flow("""
        wf:
          vars: {i: outer, name: std.echo}
          tasks:
            t:
              with-items: i in [1, 2]
              action: <% $.name %>
              input: {output: <% $.i %>}
              publish: {seen: <% $.i %>}
        """)
    assert case.result("t") == [1, 2]
    assert case.output == {"seen": "outer"}


def test_L123_the_variable_is_not_visible_in_the_name() -> None:
    case = flow("wf: {tasks: {t: {with-items: 'i in <% [\"std.echo\"] %>', action: <% $.i %>, input: {output: 1}, on-error: noop}}}")
    assert "Can not evaluate YAQL expression" in (case.task("t").state_info or "")


def test_the_variable_is_visible_in_the_target() -> None:
    case = flow("""wf: {tasks: {t: {with-items: 'i in ["n1", "n2"]', action: std.noop, target: <% $.i %>}}}""")
    assert [a.runtime_context["target"] for a in case.attempts("t")] == ["n1", "n2"]


def test_H75_the_variable_hides_an_input_but_not_a_published_variable() -> None:
    case = flow("""
        wf:
          input: [k, p]
          tasks:
            a: {publish: {p: published}, on-success: t}
            t: {with-items: ['k in [1]', 'p in [2]'], action: std.echo output="<% $.k %> <% $.p %>"}
        """, {"k": "input", "p": "input"})
    assert case.result("t") == ["1 published"]


def test_L332_results_are_in_index_order() -> None:
    case = three(work=held)
    for position in (2, 0, 1):
        case.complete("t", f"r{position}", position=position)
    assert case.result("t") == ["r0", "r1", "r2"]


def test_L333_one_failed_item_fails_the_task_after_all_have_finished() -> None:
    case = three(work=held)
    case.complete("t", "bad", state="ERROR", position=0)
    assert case.task("t").state == "RUNNING"
    case.complete("t", position=1)
    case.complete("t", position=2)
    assert (case.task("t").state, case.task("t").state_info) == ("ERROR", "One or more actions had failed.")


def test_L334_error_contents_appear_in_the_result() -> None:
    case = three(", on-error: noop", work=held)
    for position, state in enumerate(("SUCCESS", "ERROR", "SUCCESS")):
        case.complete("t", position, state=state, position=position)
    assert case.result("t") == [0, 1, 2]


def test_L335_an_empty_list_succeeds_at_once() -> None:
    case = flow("""
        wf:
          tasks:
            t:
              with-items: i in <% [] %>
              action: std.fail
              publish: {r: <% task().result %>}
              retry: {count: 2, delay: 0, continue-on: <% true %>}
        """)
    assert (case.state, case.output, case.attempts("t")) == ("SUCCESS", {"r": []}, [])
    assert case.task("t").runtime_context["retry_task_policy"] == {"retry_no": 2}


@pytest.mark.parametrize(("concurrency", "at_once"), [("1", 1), ("2", 2), ("0", 3), ("5", 3), ("<% 1 + 1 %>", 2)])
def test_L336_concurrency_limits_parallel_items(concurrency: str, at_once: int) -> None:
    case = three(f", concurrency: {concurrency}", work=held)
    assert len(case.attempts("t")) == at_once
    for position in range(3):
        case.complete("t", position=position)
        assert sum(a.state == "RUNNING" for a in case.attempts("t")) <= at_once
    assert case.state == "SUCCESS"
    assert [a.index for a in case.attempts("t")] == [0, 1, 2]


def test_L337_a_failed_item_does_not_stop_further_ones() -> None:
    case = three(", concurrency: 1", work=held)
    case.complete("t", state="ERROR", position=0)
    assert len(case.attempts("t")) == 2


def test_L338_retry_repeats_all_items() -> None:
    case = three(", retry: {count: 1, delay: 0}", work=held)
    for position, state in enumerate(("SUCCESS", "ERROR", "SUCCESS")):
        case.complete("t", position, state=state, position=position)
    assert [a.accepted for a in case.attempts("t")] == [False] * 3 + [False] * 3
    for position in (3, 4, 5):
        case.complete("t", position, position=position)
    assert (case.state, case.result("t")) == ("SUCCESS", [3, 4, 5])


def test_L283_an_unknown_action_is_a_handled_failure_within_items() -> None:
    case = flow("wf: {tasks: {t: {with-items: 'i in [1]', action: no.such, on-error: noop}}}")
    assert case.state == "SUCCESS"
    assert case.task("t").state_info == "Failed to find action [action_name=no.such, namespace=]"


def test_L283_a_failing_name_is_a_handled_failure_within_items() -> None:
    case = flow("wf: {tasks: {t: {with-items: 'i in [1]', action: <% $.nope %>, on-error: noop}}}")
    assert case.state == "SUCCESS"
    assert (case.task("t").state_info or "").startswith("Can not evaluate YAQL expression")


def test_an_error_in_the_input_of_one_item_is_a_forced_failure_and_starts_none() -> None:
    case = flow("wf: {tasks: {t: {with-items: 'i in [1, 0]', action: std.echo output=<% 1 / $.i %>, on-error: noop}}}")
    assert (case.state, case.attempts("t"), case.result("t")) == ("ERROR", [], [])


def test_a_retry_after_a_handled_failure_in_the_middle_gives_up_the_items_that_run() -> None:
    case = flow("wf: {tasks: {t: {with-items: 'i in [0, 1]', action: test.work, input: {i: <% $.i %>}, concurrency: 1,"
                " timeout: 5, retry: {count: 1, delay: 0}}}}", work=held)
    case.advance(5)
    first, second = case.attempts("t")
    assert case.world.cancelled == [first.id]
    assert case.complete("t", "late", position=0) is None
    assert (case.task("t").state, first.accepted, second.state) == ("RUNNING", False, "RUNNING")


def test_L305_a_cancelled_item_completes_the_task_as_cancelled() -> None:
    case = three(work=held)
    case.complete("t", state="CANCELLED", position=1)
    assert (case.task("t").state, case.task("t").state_info) == ("CANCELLED", "One or more actions was cancelled.")
    assert case.state == "CANCELLED"


def test_a_paused_item_holds_back_further_ones_until_it_goes_on() -> None:
    case = flow("wf: {tasks: {t: {with-items: 'i in [1, 2, 3]', action: std.async_noop, concurrency: 2}}}")
    first = case.attempts("t")[0].id
    case.tell(m.ActionUpdated(first, "PAUSED"))
    case.complete("t", position=1)
    assert len(case.attempts("t")) == 2
    case.tell(m.ActionUpdated(first, "RUNNING"))
    assert len(case.attempts("t")) == 3


ITEMS_BEHIND_A_JOIN = """
wf:
  tasks:
    a: {on-success: j}
    b: {action: std.async_noop, on-success: j}
    j: {join: one, with-items: 'i in [1, 2]', action: test.work i=<% $.i %>, concurrency: 1}
"""


def test_items_that_succeeded_are_not_run_again_when_their_join_is_triggered_again() -> None:
    case = flow(ITEMS_BEHIND_A_JOIN)
    assert case.states("j") == ["SUCCESS"]
    case.complete("b")
    assert (case.state, len(case.attempts("j"))) == ("SUCCESS", 2)


def test_items_that_failed_are_run_again_when_their_join_is_triggered_again() -> None:
    case = flow(ITEMS_BEHIND_A_JOIN.replace("test.work i=<% $.i %>, concurrency: 1", "std.async_noop"))
    case.complete("j", state="ERROR", position=0)
    case.complete("j", "kept", position=1)
    assert case.states("j") == ["ERROR"]
    case.complete("b")
    assert [(a.index, a.state, a.accepted) for a in case.attempts("j")] == [
        (0, "ERROR", False), (1, "SUCCESS", True), (0, "RUNNING", False)]
    case.complete("j", "late", position=2)
    assert (case.state, case.result("j")) == ("SUCCESS", ["late", "kept"])
