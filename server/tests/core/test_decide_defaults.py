"""``task-defaults`` at work (1.17)."""

from __future__ import annotations

from typing import Any

import pytest
from world import flow


def attempts(defaults: str, own: str, **options: Any) -> int:
    case = flow(f"wf: {{task-defaults: {{{defaults}}}, tasks: {{t: {{action: std.fail{own}}}}}}}", **options)
    return len(case.attempts("t"))


RETRY = "retry: {count: 2, delay: 0}"


@pytest.mark.parametrize(("own", "runs"), [
    pytest.param("", 3, id="L124"),
    pytest.param(", retry: {count: 1, delay: 0}", 2, id="own"),
    pytest.param(", retry: {count: 0, delay: 0}", 1, id="L127"),
])
def test_L124_L127_policies_of_defaults_apply_where_the_task_has_none(own: str, runs: int) -> None:
    assert attempts(RETRY, own) == runs


@pytest.mark.parametrize(("own", "state"), [
    pytest.param("", "DELAYED", id="default"),
    pytest.param(", wait-before: 0", "DELAYED", id="L125"),
    pytest.param(", wait-before: <% 0 %>", "ERROR", id="L126"),
])
def test_L125_L126_a_literal_zero_does_not_override_a_default_an_expression_does(own: str, state: str) -> None:
    case = flow(f"wf: {{task-defaults: {{wait-before: 5}}, tasks: {{t: {{action: std.fail{own}}}}}}}")
    assert case.task("t").state == state


def test_L128_a_default_clause_applies_when_the_task_has_no_targets() -> None:
    case = flow("""
        wf:
          task-defaults: {on-error: [fix]}
          tasks:
            a: {action: std.fail}
            b: {action: std.fail, on-error: noop}
            fix: {action: std.noop}
        """)
    assert (case.state, case.names) == ("SUCCESS", ["a", "b", "fix"])


def test_L129_a_clause_with_only_publish_still_gets_the_targets() -> None:
    case = flow("""
        wf:
          task-defaults: {on-success: [next]}
          tasks:
            a: {on-success: {publish: {branch: {x: 1}}}}
            next: {publish: {seen: <% $.x %>}}
        """)
    assert case.output == {"x": 1, "seen": 1}


def test_L130_a_task_is_no_target_of_its_own_defaults() -> None:
    case = flow("wf: {task-defaults: {on-error: [fix]}, tasks: {a: {action: std.fail}, fix: {action: std.fail}}}")
    assert (case.state, case.names) == ("ERROR", ["a", "fix"])


def test_L131_requires_of_defaults_and_task_are_united() -> None:
    case = flow("""
        wf:
          type: reverse
          task-defaults: {requires: [first]}
          tasks:
            first: {action: std.noop}
            second: {action: std.noop}
            last: {action: std.noop, requires: [second]}
        """, params={"task_name": "last"})
    assert case.names == ["first", "second", "last"]
