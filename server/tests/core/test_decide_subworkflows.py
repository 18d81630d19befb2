"""Sub-workflows (3.17)."""

from __future__ import annotations

from typing import Any

import pytest
from world import flow

from maestrale.core import messages as m

TWO = """
wf:
  input: [{n: 5}]
  output: {r: <% task(s).result %>}
  tasks: {s: {workflow: sub, input: {n: <% $.n %>}}}
sub:
  input: [n]
  output: {twice: <% $.n * 2 %>}
  tasks: {t: {action: std.async_noop}}
"""


def test_L323_children_have_their_task_and_the_top_as_root() -> None:
    case = flow("""
        wf: {tasks: {s: {workflow: mid}}}
        mid: {tasks: {m: {workflow: sub}}}
        sub: {tasks: {t: {action: std.async_noop}}}
        """)
    mid, leaf = case.child("s"), case.child("s").child("m")
    assert case.execution.root_execution_id is None
    assert (mid.execution.task_execution_id, mid.execution.root_execution_id) == (case.task("s").id, case.id)
    assert (leaf.execution.task_execution_id, leaf.execution.root_execution_id) == (mid.task("m").id, case.id)
    assert (leaf.execution.parent_execution_id, leaf.execution.description) == (mid.id, "sub-workflow execution")
    assert leaf.execution.params == {
        "root_execution_id": case.id, "task_execution_id": mid.task("m").id, "index": 0, "namespace": "", "env": {}}


def test_L324_the_result_is_the_childs_output_mapping() -> None:
    case = flow(TWO)
    case.child("s").complete("t")
    assert (case.state, case.output) == ("SUCCESS", {"r": {"twice": 10}})


def test_L325_a_failed_child_fails_its_task_and_on_error_works() -> None:
    case = flow("""
        wf: {tasks: {s: {workflow: sub, on-error: e}, e: {action: std.noop}}}
        sub: {tasks: {t: {action: std.fail error_data="no"}}}
        """)
    assert (case.state, case.task("s").state, case.states("e")) == ("SUCCESS", "ERROR", ["SUCCESS"])
    assert case.task("s").state_info == case.child("s").info


def test_L326_a_failed_childs_message_is_at_result_result() -> None:
    case = flow("""
        outer:
          tasks:
            s: {workflow: inner, input: {x: 3}, on-error: e}
            e: {publish: {msg: <% task(s).result.result %>, part: <% task(s).result.partial %>}}
        inner:
          input: [x]
          output-on-error: {partial: <% $.x %>}
          tasks:
            t: {action: std.fail error_data="no"}
        """)
    assert case.output == {"msg": case.child("s").info, "part": 3}


def test_a_child_that_fails_without_a_message_gives_no_state_info() -> None:
    case = flow("wf: {tasks: {s: {workflow: sub}}}\nsub: {tasks: {t: {on-success: fail}}}")
    assert (case.task("s").state, case.task("s").state_info) == ("ERROR", None)


def test_L327_items_over_a_sub_workflow_give_a_list_with_index_on_the_children() -> None:
    case = flow("""
        wf: {tasks: {s: {with-items: 'i in [1, 2]', workflow: sub, input: {i: <% $.i %>}, publish: {r: <% task().result %>}}}}
        sub: {input: [i], output: {o: <% $.i %>}, tasks: {t: {action: std.noop}}}
        """)
    assert case.output == {"r": [{"o": 1}, {"o": 2}]}
    assert [case.child("s", i).execution.runtime["index"] for i in (0, 1)] == [0, 1]
    assert [case.child("s", i).execution.params["index"] for i in (0, 1)] == [0, 1]


REVERSE = """
wf: {tasks: {s: {workflow: rev%s, on-error: h}, h: {action: std.noop}}}
rev: {type: reverse, tasks: {a: {action: std.noop}, b: {requires: [a]}}}
"""


def test_L328_a_reverse_child_takes_task_name_from_its_input() -> None:
    case = flow(REVERSE.replace("%s", ", input: {task_name: b}"))
    assert (case.task("s").state, case.child("s").names) == ("SUCCESS", ["a", "b"])


def test_L328_without_it_the_task_fails_and_a_child_without_tasks_stays_behind() -> None:
    case = flow(REVERSE.replace("%s", ""))
    assert (case.state, case.task("s").state, case.result("s")) == ("SUCCESS", "ERROR", [])
    assert (case.task("s").state_info or "").startswith("Invalid task name [wf_spec=")
    child = case.child("s")
    assert (child.state, child.names) == ("RUNNING", [])
    child.stop("CANCELLED")
    assert (child.state, case.task("s").state) == ("CANCELLED", "ERROR")


def test_L328_such_a_child_ends_with_the_reason_once_it_is_told_to_continue() -> None:
    case = flow(REVERSE.replace("%s", ""))
    child = case.child("s")
    child.tell(m.Continue())
    assert (child.state, child.info, case.state) == ("ERROR", "Invalid task name [wf_spec=rev, task_name=None]", "SUCCESS")


def test_a_child_with_tasks_is_not_changed_by_being_told_to_continue() -> None:
    case = flow(TWO)
    child = case.child("s")
    child.tell(m.Continue())
    assert (child.state, child.names, case.state) == ("RUNNING", ["t"], "RUNNING")


def test_L329_a_timeout_leaves_the_child_running_and_its_late_result_changes_nothing() -> None:
    case = flow(TWO.replace("{workflow: sub,", "{workflow: sub, timeout: 5, on-error: noop,"))
    case.advance(5)
    child = case.child("s")
    assert (case.state, case.task("s").state, child.state) == ("SUCCESS", "ERROR", "RUNNING")
    child.complete("t")
    assert (child.state, case.attempts("s")[0].state, case.attempts("s")[0].accepted) == ("SUCCESS", "SUCCESS", False)
    assert (case.task("s").state, case.result("s")) == ("ERROR", [])


def test_a_cancel_reaches_a_child_that_was_given_up() -> None:
    case = flow(TWO.replace("{workflow: sub,", "{workflow: sub, timeout: 5, on-error: w,").replace(
        "tasks: {s", "tasks: {w: {action: std.async_noop}, s"))
    case.advance(5)
    case.stop("CANCELLED")
    assert case.child("s").state == "CANCELLED"


def test_recursion_ends_by_its_condition() -> None:
    case = flow("""
        wf:
          input: [n]
          output: {sum: "<% $.n + $.get(below, 0) %>"}
          tasks:
            go: {on-success: [{down: <% $.n > 0 %>}]}
            down: {workflow: wf, input: {n: <% $.n - 1 %>}, publish: {below: <% task().result.sum %>}}
        """, {"n": 6})
    assert case.output == {"sum": 21}


def test_a_dynamic_name_and_input() -> None:
    case = flow("""
        wf: {vars: {w: sub, i: {n: 4}}, tasks: {s: {workflow: <% $.w %>, input: <% $.i %>}}}
        sub: {input: [n], output: {n: <% $.n %>}, tasks: {t: {action: std.noop}}}
        """)
    assert (case.result("s"), case.task("s").type) == ({"n": 4}, "WORKFLOW")


@pytest.mark.parametrize("message", [m.ChildCompleted, m.ChildPaused, m.ChildResumed])
def test_news_of_an_unknown_child_is_refused(message: type) -> None:
    case = flow(TWO)
    args = ("nobody", "SUCCESS") if message is m.ChildCompleted else ("nobody",)
    assert case.tell(message(*args)) is not None


def test_the_end_of_a_child_counts_once() -> None:
    case = flow(TWO)
    child = case.child("s")
    child.complete("t")
    case.tell(m.ChildCompleted(child.id, "ERROR", {"result": "late"}))
    assert (case.state, case.output) == ("SUCCESS", {"r": {"twice": 10}})


def test_L373_children_inherit_notify() -> None:
    target = {"type": "webhook", "url": "http://x", "event_types": ["WORKFLOW_LAUNCHED"]}
    case = flow("wf: {tasks: {s: {workflow: sub}}}\nsub: {tasks: {t: {action: std.noop}}}", params={"notify": [target]})
    assert [n.body["name"] for n in case.world.notices] == ["wf", "sub"]


def test_a_timeout_by_the_environment_fails_the_task_of_a_sub_workflow() -> None:
    case = flow("""
        wf: {tasks: {t: {workflow: sub, timeout: <% env().t %>, on-error: noop}}}
        sub: {tasks: {a: {action: std.noop}}}
        """, params={"env": {"t": 9}})
    assert (case.state, case.attempts("t")) == ("SUCCESS", [])
    assert (case.task("t").state_info or "").startswith("Can not evaluate YAQL expression [expression=env().t")


@pytest.mark.parametrize(("given", "stored"), [("{x: 1}", {}), ("{env: {k: <% 1 + 1 %>}}", {"k": 2})])
def test_a_child_has_an_env_of_its_own_in_its_params_but_sees_the_roots(given: str, stored: dict[str, Any]) -> None:
    case = flow(f"""
        wf: {{tasks: {{t: {{workflow: sub, input: {given}}}}}}}
        sub: {{output: {{params: <% execution().params.env %>, env: <% env() %>}}, tasks: {{a: {{action: std.noop}}}}}}
        """, params={"env": {"a": 1}})
    assert case.result("t") == {"params": stored, "env": {"a": 1}}
