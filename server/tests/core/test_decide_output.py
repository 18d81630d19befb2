"""How executions end: output and the merging of contexts (3.10, 3.11)."""

from __future__ import annotations

from typing import Any

import pytest
from world import World, flow

from maestrale.core.decide import Limits
from maestrale.core.ports import WorkflowEntry
from maestrale.lang import workflow_from_raw


def test_L261_without_output_the_final_context_of_all_leaves_is_the_output() -> None:
    case = flow("""
        wf:
          tasks:
            a: {publish: {a: 1}, on-success: [b, c]}
            b: {publish: {b: 2}}
            c: {publish: {c: 3}}
            d: {publish: {d: 4}}
        """)
    assert case.output == {"a": 1, "b": 2, "c": 3, "d": 4}


def test_L262_the_default_output_has_no_input_vars_globals_or_internals() -> None:
    case = flow("""
        wf:
          input: [i]
          vars: {v: 1}
          tasks: {a: {on-success: {publish: {global: {g: 1}, branch: {b: 1}}}}}
        """, {"i": 1}, params={"env": {"e": 1}})
    assert case.output == {"b": 1}


def test_L263_an_evaluated_empty_output_falls_back_to_the_final_context() -> None:
    world = World()
    spec = workflow_from_raw({"version": "2.0", "name": "wf", "output": {}, "tasks": {"a": {"publish": {"b": 1}}}})
    world.workflows["wf", ""] = WorkflowEntry("id", "wf", "", spec, "wf")
    assert world.snapshots[world.start("wf")].execution.output == {"b": 1}


def test_L264_output_may_use_input_vars_globals_and_tasks() -> None:
    case = flow("""
        wf:
          input: [i]
          vars: {v: 1}
          output: {i: <% $.i %>, v: <% $.v %>, g: <% global(g) %>, t: <% task(a).result %>, b: <% $.b %>}
          tasks:
            a:
              action: std.echo output=5
              on-success: {publish: {global: {g: 2}, branch: {b: 3}}}
        """, {"i": 0})
    assert case.output == {"i": 0, "v": 1, "g": 2, "t": 5, "b": 3}


def test_L265_a_failing_output_ends_in_error() -> None:
    case = flow("wf: {output: {x: <% $.nope %>}, tasks: {a: {publish: {b: 1}}}}")
    assert case.state == "ERROR"
    assert (case.info or "").startswith(f"Failed to check and complete [wf_ex_id={case.id}, wf_name=wf]: Can not evaluate")
    assert case.output == {"result": case.info, "b": 1}
    assert case.task("a").state == "SUCCESS"


def test_L266_error_output_is_result_and_the_final_context() -> None:
    case = flow("wf: {output: {x: 1}, tasks: {a: {action: std.fail, publish-on-error: {b: 1}}}}")
    assert case.output == {"result": case.info, "b": 1}


def test_L266_error_output_is_result_and_output_on_error() -> None:
    case = flow("wf: {output-on-error: {why: <% $.b %>}, tasks: {a: {action: std.fail, publish-on-error: {b: 1}}}}")
    assert case.output == {"result": case.info, "why": 1}


def test_L267_a_result_key_of_output_on_error_overrides_the_message() -> None:
    case = flow("wf: {output-on-error: {result: mine}, tasks: {a: {action: std.fail}}}")
    assert case.output == {"result": "mine"}
    assert (case.info or "").startswith("Failure caused by")


def test_L268_a_failing_output_on_error_is_reported_with_the_cause() -> None:
    case = flow('wf: {output-on-error: {x: <% $.nope %>}, tasks: {a: {action: std.fail error_data="bad"}}}')
    assert case.state == "ERROR"
    assert (case.info or "").startswith("Failed to evaluate expression in output-on-error! (output-on-error: '{'x': '<% $.nope %>'}'")
    assert "Cause: 'Failure caused by error in tasks: a" in (case.info or "")
    assert case.output == {"result": case.info}


def test_L269_cancelled_output_is_only_result() -> None:
    case = flow("wf: {output: {x: 1}, tasks: {a: {publish: {b: 1}}, t: {action: std.async_noop}}}")
    case.stop("CANCELLED", "enough")
    assert case.output == {"result": "enough"}


@pytest.mark.parametrize(("command", "output"), [("fail", {"result": None}), ("succeed", {})])
def test_L270_variables_published_before_a_command_beside_a_task_are_missing(command: str, output: dict[str, Any]) -> None:
    case = flow(f"wf: {{tasks: {{a: {{publish: {{v: 1}}, on-success: [b, {command}]}}, b: {{publish: {{w: 2}}}}}}}}")
    assert case.output == output
    assert case.states("b") == ["SUCCESS"]


def merged(left: str, right: str, before: str = "{}") -> Any:
    return flow(f"""
        wf:
          output: {{d: <% $.d %>}}
          tasks:
            start: {{action: std.echo output=1, publish: {before or '{}'}, on-success: [l, r]}}
            l: {{{left}}}
            r: {{{right}}}
            j: {{join: all}}
        """).output["d"]


def test_L271_different_keys_of_one_mapping_published_in_parallel_are_united() -> None:
    assert merged("publish: {d: {x: 1, n: {a: 1}}}, on-success: j", "publish: {d: {y: 2, n: {b: 2}}}, on-success: j",
                  "{z: 0}") == {"x": 1, "y": 2, "n": {"a": 1, "b": 2}}


def test_L272_the_branch_that_republished_more_often_wins() -> None:
    case = flow("""
        wf:
          output: {d: <% $.d %>}
          tasks:
            l1: {publish: {d: l1}, on-success: l2}
            l2: {publish: {d: l2}, on-success: l3}
            l3: {publish: {d: l3}, on-success: j}
            r: {publish: {d: r}, on-success: j}
            j: {join: all}
        """)
    assert case.output == {"d": "l3"}


def test_L272_a_name_from_before_the_fork_takes_the_value_of_the_branch_that_published_it() -> None:
    assert merged("publish: {d: new}, on-success: j", "on-success: j", "{d: old}") == "new"
    assert merged("on-success: j", "publish: {d: new}, on-success: j", "{d: old}") == "new"


def test_versions_count_publications_not_changes() -> None:
    case = flow("""
        wf:
          output: {d: <% $.d %>}
          tasks:
            start: {publish: {d: {x: 1, y: 1}}, on-success: [l1, r]}
            l1: {publish: {d: {x: 2, y: 1}}, on-success: l2}
            l2: {publish: {d: {x: 3, y: 1}}, on-success: j}
            r: {publish: {d: {x: 1, y: 9}}, on-success: j}
            j: {join: all}
        """)
    assert case.output == {"d": {"x": 3, "y": 1}}


def test_at_equal_versions_the_task_that_was_created_later_wins() -> None:
    assert merged("publish: {d: left}, on-success: j", "publish: {d: right}, on-success: j", "{z: 0}") == "right"


def test_L273_republishing_replaces_a_variable_as_a_whole() -> None:
    case = flow("wf: {tasks: {a: {publish: {d: {x: 1, y: 1}}, on-success: b}, b: {publish: {d: {x: 2}}}}}")
    assert case.output == {"d": {"x": 2}}


def test_L274_a_sub_workflow_sees_nothing_of_the_parents_context() -> None:
    case = flow("""
        wf:
          vars: {v: 1}
          tasks: {a: {publish: {p: 1}, on-success: s}, s: {workflow: sub}}
        sub: {output: {keys: "<% [$.get(v), $.get(p)] %>"}, tasks: {t: {action: std.noop}}}
        """)
    assert case.result("s") == {"keys": [None, None]}


def test_the_output_is_that_of_the_leaves_only() -> None:
    case = flow("wf: {tasks: {a: {publish: {x: 1}, on-success: b}, b: {action: std.async_noop}}}")
    case.stop("SUCCESS")
    assert case.output == {}


def test_versions_are_seen_with_the_whole_root_only() -> None:
    case = flow("wf: {tasks: {a: {publish: {x: 1}, on-success: b}, b: {publish: {n: \"<% $.get('__versions').len() %>\"}}}}")
    assert case.output == {"x": 1, "n": 1}


# ---- limits (5.8)

SMALL = Limits(field_size_kb=2)


def test_L284_an_oversized_action_result_is_a_forced_failure() -> None:
    case = flow("wf: {tasks: {t: {action: std.async_noop, on-error: noop}}}", limits=SMALL)
    case.complete("t", "x" * 4000)
    assert (case.state, case.task("t").state) == ("ERROR", "ERROR")
    assert "Field size limit exceeded [class=TaskExecution, field=output, size=3KB, limit=2KB]" in (case.info or "")
    assert (case.attempts("t")[0].state, case.attempts("t")[0].accepted) == ("ERROR", False)


def test_L285_an_oversized_action_input_is_a_handled_failure() -> None:
    case = flow("wf: {input: [x], tasks: {t: {action: test.work x=<% $.x + $.x %>, on-error: noop}}}", {"x": "x" * 2000}, limits=SMALL)
    assert case.state == "SUCCESS"
    assert (case.task("t").state_info or "").startswith("Field size limit exceeded [class=TaskExecution, field=input, ")


def test_L414_published_values_are_limited() -> None:
    case = flow("wf: {input: [x], tasks: {t: {publish: {y: <% $.x + $.x %>}}}}", {"x": "x" * 2000}, limits=SMALL)
    assert case.state == "ERROR"
    assert "field=published" in (case.info or "")


def test_L415_an_oversized_output_is_an_error() -> None:
    case = flow("wf: {input: [x], output: {y: <% $.x + $.x %>}, tasks: {t: {action: std.noop}}}", {"x": "x" * 2000}, limits=SMALL)
    assert case.state == "ERROR"
    assert "Field size limit exceeded [class=TaskExecution, field=output, " in (case.info or "")


def test_L266_the_message_in_the_output_is_cut_to_the_limit() -> None:
    case = flow("wf: {tasks: {t: {action: std.async_noop}}}", limits=Limits(field_size_kb=4))
    case.stop("ERROR", "m" * 10_000)
    assert case.output == {"result": case.output["result"]}
    assert 3000 < len(case.output["result"]) <= 4096
