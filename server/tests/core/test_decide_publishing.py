"""Publishing (1.13)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from world import flow

PUBLISH = """
wf:
  tasks:
    a:
      action: std.async_noop
      publish: {why: success}
      publish-on-error: {why: error}
      publish-on-skip: {why: skip}
"""


@pytest.mark.parametrize(("state", "published"), [("SUCCESS", {"why": "success"}), ("ERROR", {"why": "error"})])
def test_L097_publish_by_final_state(state: str, published: dict[str, Any]) -> None:
    case = flow(PUBLISH)
    case.complete("a", state=state)
    assert case.task("a").published == published


def test_L097_publish_on_skip() -> None:
    case = flow(PUBLISH)
    case.complete("a", state="ERROR")
    case.skip("a")
    assert case.task("a").published == {"why": "skip"}
    assert case.output == {"why": "skip"}


def test_L098_nothing_is_published_for_cancelled() -> None:
    case = flow(PUBLISH)
    case.complete("a", state="CANCELLED")
    assert case.task("a").published == {}


@pytest.mark.parametrize("value", [1, 1.5, True, None, "text", [1, [2]], {"a": {"b": []}}])
def test_L099_literals_keep_their_types(value: Any) -> None:
    case = flow(f"wf: {{tasks: {{a: {{publish: {{v: {json.dumps(value)}}}}}}}}}")
    assert case.output == {"v": value}
    assert type(case.output["v"]) is type(value)


def test_L100_structures_are_evaluated_inside_and_keys_are_not() -> None:
    case = flow("""
        wf: {tasks: {a: {publish: {v: {"<% 1 %>": ["<% 1 + 1 %>", {k: "{{ 3 }}"}]}}}}}
        """)
    assert case.output == {"v": {"<% 1 %>": [2, {"k": 3}]}}


def test_L101_values_of_one_task_do_not_see_each_other() -> None:
    case = flow("""
        wf:
          vars: {a: old}
          tasks:
            t:
              publish: {a: new, b: <% $.a %>}
              on-success: {publish: {global: {a: globe, c: <% $.a %>}, branch: {z: 1}}}
        """)
    assert case.output == {"a": "new", "b": "old", "z": 1}
    assert case.execution.context["c"] == "old"


def test_L102_transition_conditions_see_what_was_just_published() -> None:
    case = flow("""
        wf:
          tasks:
            a: {publish: {n: 1}, on-success: [{b: <% $.n = 1 %>}]}
            b: {action: std.noop}
        """)
    assert case.names == ["a", "b"]


SCOPES = """
wf:
  tasks:
    a:
      on-success:
        publish: {branch: {v: branch}, global: {g: globe}}
        next: b
    b: {publish: {b_v: <% $.get(v) %>, b_g: <% $.get(g) %>}}
    other: {action: std.async_noop, publish: {o_v: <% $.get(v) %>, o_g: <% $.get(g) %>}}
"""


def test_L103_branch_variables_are_visible_downstream_only() -> None:
    case = flow(SCOPES)
    case.complete("other")
    assert (case.task("b").published or {})["b_v"] == "branch"
    assert (case.task("other").published or {})["o_v"] is None


def test_L104_globals_are_visible_in_all_branches_afterwards() -> None:
    case = flow(SCOPES)
    case.complete("other")
    assert (case.task("b").published or {})["b_g"] == "globe"
    assert (case.task("other").published or {})["o_g"] == "globe"


def test_L105_globals_are_not_visible_in_sub_workflows() -> None:
    case = flow("""
        wf:
          tasks:
            a: {on-success: {publish: {global: {g: 1}}, next: b}}
            b: {workflow: sub}
        sub: {output: {g: <% global(g) %>}, tasks: {t: {action: std.noop}}}
        """)
    assert case.result("b") == {"g": None}


def test_L106_L107_a_branch_variable_hides_a_global_one_but_not_from_its_function() -> None:
    case = flow("""
        wf:
          output: {g: <% global(total) %>, b: <% $.total %>}
          tasks:
            a:
              on-success:
                publish: {global: {total: 10}, branch: {total: 1}}
                next: [c]
            c: {publish: {total: <% $.total + 1 %>}}
        """)
    assert case.output == {"g": 10, "b": 2}


def test_L109_atomic_has_no_effect() -> None:
    case = flow("wf: {tasks: {a: {on-success: {publish: {atomic: {x: 1}}, next: b}}, b: {publish: {x: <% $.get(x) %>}}}}")
    assert case.task("a").published is None
    assert case.output == {"x": None}


@pytest.mark.parametrize(("task_level", "specific", "complete", "expected"), [
    ("1", "2", "3", 3), ("1", "2", None, 1), (None, "2", "3", 3), ("1", None, "3", 3), (None, "2", None, 2),
])
def test_L110_precedence_for_one_name(task_level: str | None, specific: str | None, complete: str | None, expected: int) -> None:
    keys = [f"publish: {{x: {task_level}}}" if task_level else None,
            f"on-success: {{publish: {{branch: {{x: {specific}}}}}}}" if specific else None,
            f"on-complete: {{publish: {{branch: {{x: {complete}}}}}}}" if complete else None]
    case = flow(f"wf: {{tasks: {{t: {{{', '.join(k for k in keys if k)}}}}}}}")
    assert case.output == {"x": expected}


@pytest.mark.parametrize(("keys", "published", "global_"), [
    ("publish: {a: 1}, on-success: {publish: {global: {g: 1}}}", None, 1),
    ("publish: {a: 1}, on-complete: {publish: {global: {g: 1}}}", {"a": 1}, None),
    ("publish: {a: 1}, on-success: {publish: {branch: {b: 2}, global: {g: 1}}}", {"a": 1, "b": 2}, 1),
])
def test_L111_a_scope_that_the_receiving_side_lacks_is_dropped(keys: str, published: Any, global_: Any) -> None:
    case = flow(f"wf: {{tasks: {{t: {{{keys}}}}}}}")
    assert case.task("t").published == published
    assert case.execution.context.get("g") == global_


def test_L112_publishing_in_clauses_of_task_defaults_is_ignored() -> None:
    case = flow("""
        wf:
          task-defaults: {on-success: {publish: {branch: {x: 1}}, next: b}}
          tasks: {a: {action: std.noop}, b: {action: std.noop}}
        """)
    assert case.names == ["a", "b"]
    assert case.output == {}


def test_L113_an_error_in_publish_is_a_forced_failure() -> None:
    case = flow("wf: {tasks: {a: {publish: {x: <% $.nope %>}, on-error: b}, b: {action: std.noop}}}")
    assert (case.state, case.names) == ("ERROR", ["a"])
    assert (case.info or "").startswith("Failed to handle action completion [error=Can not evaluate YAQL expression")


def test_L113_what_the_branch_gets_stays_published_where_a_global_variable_fails() -> None:
    case = flow("""
        wf: {tasks: {t: {on-success: {publish: {branch: {b: 1}, global: {g: <% 1/0 %>}}}}}}
        """)
    assert (case.state, case.task("t").published, case.output["b"]) == ("ERROR", {"b": 1}, 1)


def test_L114_globals_are_kept_apart_from_vars() -> None:
    case = flow("""
        wf:
          vars: {v: 1}
          tasks: {a: {on-success: {publish: {global: {g: 2}}}}}
        """)
    assert case.execution.context == {"__execution": {"id": case.id}, "v": 1, "g": 2}
    assert case.task("a").published_global == {"g": 2}


def test_globals_merge_nested_mappings() -> None:
    case = flow("""
        wf:
          vars: {g: {a: 1}}
          tasks: {t: {on-success: {publish: {global: {g: {b: 2}}}}}}
        """)
    assert case.execution.context["g"] == {"a": 1, "b": 2}


def test_a_task_that_publishes_nothing_has_an_empty_mapping() -> None:
    assert flow("wf: {tasks: {a: {action: std.noop}}}").task("a").published == {}
