"""What follows a task: clauses, conditions, engine commands (1.11, 1.12, 3.6)."""

from __future__ import annotations

import pytest
from world import Case, flow


@pytest.mark.parametrize("clause", ["b", "[b]", "[b: <% true %>]", "{next: b}", "{next: [b]}", "{next: [{b: <% true %>}]}"])
def test_L075_on_success_in_all_its_forms(clause: str) -> None:
    case = flow(f"wf: {{tasks: {{a: {{on-success: {clause}}}, b: {{action: std.noop}}}}}}")
    assert case.names == ["a", "b"]
    assert case.state == "SUCCESS"


def test_L075_conditions_pick_the_targets() -> None:
    case = flow("""
        wf:
          tasks:
            a: {on-success: [{b: <% false %>}, {c: <% true %>}, d]}
            b: {action: std.noop}
            c: {action: std.noop}
            d: {action: std.noop}
        """)
    assert case.names == ["a", "c", "d"]


@pytest.mark.parametrize(("condition", "holds"), [
    ("<% 0 %>", False), ("<% 0.0 %>", False), ("<% '' %>", False), ("<% [] %>", False), ("<% {} %>", False),
    ("<% null %>", False), ("<% false %>", False), ("{{ 0 }}", False), ("<% 1 %>", True), ("<% [0] %>", True),
    ("<% 'false' %>", True), ("<% False %>", True), ("{{ 'false' }}", True), ("<% 0 %> or <% 0 %>", True),
])
def test_L077_a_condition_holds_by_the_truth_of_its_value(condition: str, holds: bool) -> None:
    case = flow(f"""
        wf:
          tasks:
            a: {{on-success: [{{b: "{condition}"}}]}}
            b: {{action: std.noop}}
        """)
    assert (case.names == ["a", "b"]) is holds


def test_L078_the_same_target_with_two_conditions_runs_for_each_that_holds() -> None:
    case = flow("""
        wf:
          tasks:
            a: {on-success: [{b: <% 1 %>}, {b: <% 2 %>}, {b: <% 0 %>}]}
            b: {action: std.noop}
        """)
    assert case.names == ["a", "b", "b"]


def test_L079_a_mapping_under_an_on_clause_is_no_transition() -> None:
    case = flow("wf: {tasks: {a: {action: std.async_noop, on-success: {b: <% false %>}}, b: {action: std.noop}}}")
    assert case.states("b") == ["SUCCESS"]


def test_L080_a_single_mapping_under_next_is_taken_regardless() -> None:
    case = flow("wf: {tasks: {a: {on-success: {next: {b: <% false %>}}}, b: {action: std.noop}}}")
    assert case.names == ["a", "b"]


def test_L081_a_list_of_mappings_under_next_honours_conditions() -> None:
    case = flow("wf: {tasks: {a: {on-success: {next: [{b: <% false %>}]}}, b: {action: std.noop}}}")
    assert case.names == ["a"]


CLAUSES = """
wf:
  tasks:
    a:
      action: std.async_noop
      on-success: s
      on-error: e
      on-complete: c
      on-skip: k
    s: {action: std.noop}
    e: {action: std.noop}
    c: {action: std.noop}
    k: {action: std.noop}
"""


@pytest.mark.parametrize(("state", "followed"), [
    pytest.param("SUCCESS", ["s", "c"], id="L083"),
    pytest.param("ERROR", ["e", "c"], id="L084"),
    pytest.param("CANCELLED", [], id="L085"),
])
def test_L083_L085_which_clauses_apply_to_which_state(state: str, followed: list[str]) -> None:
    case = flow(CLAUSES)
    case.complete("a", state=state)
    assert case.names == ["a", *followed]


@pytest.mark.parametrize(("clause", "followed"), [
    ("on-skip: k, ", "k"),
    ("", "s"),
    ("on-skip: [{k: <% false %>}], ", "s"),
])
def test_L086_skipped_follows_on_skip_else_on_success(clause: str, followed: str) -> None:
    case = flow(f"""
        wf:
          tasks:
            a: {{action: std.fail, {clause}on-success: s, on-complete: c}}
            s: {{action: std.noop}}
            k: {{action: std.noop}}
            c: {{action: std.noop}}
        """)
    done = case.names
    case.skip("a")
    assert case.names == [*done, followed]


# ---- engine commands


def command(clause: str, other: str = "b: {action: std.noop}", output: str = "") -> Case:
    return flow(f"wf: {{{output} tasks: {{a: {{on-success: {clause}}}, {other}}}}}")


def test_L087_fail_ends_in_error_with_its_message() -> None:
    case = command("""[{'fail msg="gave up"': <% true %>}]""")
    assert (case.state, case.info, case.output) == ("ERROR", "gave up", {"result": "gave up"})


def test_L088_fail_without_message_leaves_null() -> None:
    case = command("fail")
    assert (case.state, case.info, case.output) == ("ERROR", None, {"result": None})


def test_L089_succeed_ends_at_once() -> None:
    case = flow("""
        wf:
          output: {x: 1}
          tasks:
            a: {on-success: 'succeed msg="enough"'}
            b: {action: std.async_noop, on-success: c}
            c: {action: std.noop}
        """)
    assert (case.state, case.info, case.output) == ("SUCCESS", "enough", {"x": 1})
    assert case.states("b") == ["RUNNING"]
    assert not case.tasks("c")


def test_L090_pause_pauses_with_its_message() -> None:
    case = command("""'pause msg="look"'""")
    assert (case.state, case.info) == ("PAUSED", "look")
    case.resume()
    assert case.state == "SUCCESS"


def test_L091_noop_under_on_error_handles_the_error() -> None:
    case = flow("wf: {tasks: {a: {action: std.fail, on-error: noop}}}")
    assert (case.state, case.task("a").error_handled) == ("SUCCESS", True)
    assert case.task("a").next_tasks == []


@pytest.mark.parametrize(("message", "shown"), [
    ("<% 2 + 3 %>", "5"), ("<% [1, 2] %>", "[1, 2]"), ("<% dict(a => 1) %>", '{"a": 1}'), ('"n=<% 7 %>"', "n=7"),
    ("<% null %>", None),
])
def test_L092_a_message_may_be_an_expression(message: str, shown: str | None) -> None:
    assert command(f"'fail msg={message}'").info == shown


@pytest.mark.parametrize(("message", "info", "result"), [
    ("<% dict(a => 1) %>", '{"a": 1}', "{'a': 1}"), ("<% [1] %>", "[1]", "[1]"), ("<% true %>", "True", "True"),
    ("<% 0 %>", "0", 0), ("<% false %>", "false", False), ("<% 0.0 %>", "0.0", 0.0), ("<% [] %>", "[]", []), ("<% null %>", None, None),
])
def test_L092_in_the_output_a_message_is_text_unless_it_is_empty(message: str, info: str | None, result: object) -> None:
    case = command(f"'fail msg={message}'")
    assert (case.info, case.output["result"]) == (info, result)


@pytest.mark.parametrize(("message", "shown"), [
    ("<% set(1) %>", "{1}"), ("<% [set(1), 2] %>", "[{1}, 2]"), ("<% datetime(2020, 1, 1) %>", "2020-01-01 00:00:00+00:00"),
    ("<% range(3) %>", "[0, 1, 2]"), ("<% set() %>", "[]"), ("<% dict(a => set(1)) %>", '{"a": [1]}'),
])
def test_L092_a_message_is_the_text_of_what_was_evaluated(message: str, shown: str) -> None:
    assert command(f"'succeed msg={message}'").info == shown


@pytest.mark.parametrize(("message", "shown"), [
    ("<% 1 + 1 %> {{ 1 + 3 }}", "<% 1 + 1 %> 4"), ("{{ 1 + 3 }} <% 1 + %>", "4 <% 1 + %>"), ("<% {{ 1 }} %>", "<% 1 %>"),
])
def test_L172_in_a_message_with_both_languages_jinja_counts(message: str, shown: str) -> None:
    assert command(f"""'fail msg="{message}"'""").info == shown


@pytest.mark.parametrize("clause", ["'fail msg=<% 1 + %>'", "'fail other=<% nope() %>'", "'b x=<% nope() %>'"])
def test_any_parameter_of_a_target_that_can_not_be_evaluated_fails_the_execution(clause: str) -> None:
    case = command(clause, "b: {action: std.noop}")
    assert case.state == "ERROR"
    assert case.info.startswith("Failed to handle action completion [error=Can not evaluate YAQL expression")


def test_parameters_count_only_where_the_condition_holds() -> None:
    assert command("[{'fail msg=<% nope() %>': <% false %>}]").state == "SUCCESS"


@pytest.mark.parametrize("clause", ["""'fail(msg="too big")'""", """[{'fail(msg="too big")': <% true %>}]"""])
def test_L093_a_command_with_parentheses(clause: str) -> None:
    assert command(clause).info == "too big"


def test_L094_only_the_first_state_command_counts_and_targets_before_it_start() -> None:
    case = command("[b, fail, succeed]")
    assert case.state == "ERROR"
    assert case.states("b") == ["SUCCESS"]


@pytest.mark.parametrize(("name", "state"), [("fail", "ERROR"), ("succeed", "SUCCESS")])
def test_L095_targets_after_fail_or_succeed_are_dropped(name: str, state: str) -> None:
    case = command(f"[{name}, b]")
    assert (case.state, case.names) == (state, ["a"])
    assert case.task("a").next_tasks == [["b", "on-success"]]


def test_L096_targets_after_pause_wait_for_resume() -> None:
    case = command("[b, pause, c]", "b: {action: std.noop}, c: {action: std.noop}")
    assert (case.state, case.names) == ("PAUSED", ["a", "b"])
    case.resume()
    assert (case.state, case.names) == ("SUCCESS", ["a", "b", "c"])


def test_a_second_pause_behind_the_first_pauses_again() -> None:
    case = command("[pause, b, {'pause msg=\"again\"': <% true %>}, c]", "b: {action: std.noop}, c: {action: std.noop}")
    case.resume()
    assert (case.state, case.info, case.names) == ("PAUSED", "again", ["a", "b"])
    case.resume()
    assert (case.state, case.names) == ("SUCCESS", ["a", "b", "c"])


def test_H21_a_join_behind_a_pause_starts_at_once_on_resume_and_again_when_its_branches_meet() -> None:
    case = flow("""
        wf:
          tasks:
            a: {on-success: [pause, j]}
            b: {action: std.async_noop, on-success: j}
            j: {join: all}
        """)
    assert not case.tasks("j")
    case.resume()
    assert case.states("j") == ["SUCCESS"]
    case.complete("b")
    assert (case.state, case.states("j")) == ("SUCCESS", ["SUCCESS", "SUCCESS"])


def test_succeed_with_a_failing_output_is_a_forced_failure_of_the_task_that_led_to_it() -> None:
    case = command("[b, succeed]", output="output: {x: <% $.nope %>},")
    assert (case.state, case.task("a").state) == ("ERROR", "ERROR")
    assert case.states("b") == ["SUCCESS"]
