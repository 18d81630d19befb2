"""What an action is given besides what its task says: modes of the execution, and what a rerun leaves to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from world import Case, flow

from maestrale.core.control import NOTHING_LEFT
from maestrale.core.ports import Result

NOT_WITH_ITEMS = "Only with-items task has the option to not reset."


def inputs(case: Case, name: str) -> list[dict[str, Any]]:
    return [attempt.input for attempt in case.attempts(name)]


def test_modes_of_the_execution_reach_the_actions_that_know_them() -> None:
    case = flow("wf: {tasks: {a: {action: test.parts, input: {x: 1}}, b: {action: test.work, input: {x: 1}}}}",
                params={"check": True, "diff": False, "other": 1})
    assert (inputs(case, "a"), inputs(case, "b")) == ([{"x": 1, "check": True, "diff": False}], [{"x": 1}])


def test_a_task_that_says_otherwise_is_left_alone() -> None:
    case = flow("wf: {tasks: {a: {action: test.parts, input: {check: false}}}}", params={"check": True})
    assert inputs(case, "a") == [{"check": False}]


def test_modes_reach_an_ad_hoc_action_s_base() -> None:
    case = flow("wf: {tasks: {a: {action: mine}}}", actions="mine: {base: test.parts, base-input: {x: 1}}", params={"check": True})
    [attempt] = case.attempts("a")
    assert attempt.runtime_context["base"]["input"] == {"x": 1, "check": True}
    assert attempt.input == {}


def test_modes_reach_sub_workflows_however_deep_unless_their_task_says_otherwise() -> None:
    case = flow("""
        wf: {tasks: {in: {workflow: mid}, out: {workflow: mid, input: {check: false}}}}
        mid: {tasks: {m: {workflow: low}}}
        low: {tasks: {t: {action: test.parts}}}
        """, params={"check": True})
    found = {name: inputs(case.child(name).child("m"), "t") for name in ("in", "out")}
    assert found == {"in": [{"check": True}], "out": [{"check": False}]}


def test_an_input_of_a_sub_workflow_that_has_a_mode_s_name_is_only_its_input() -> None:
    case = flow("""
        wf: {tasks: {s: {workflow: sub, input: {check: 5}}}}
        sub: {input: [check], tasks: {t: {action: test.parts}}}
        """, params={"check": True})
    assert inputs(case.child("s"), "t") == [{"check": True}]


def failing_on(*rounds: Any) -> Callable[[Mapping[str, Any]], Result]:
    """Each run fails with the next of the results, then runs go well."""
    left = iter(rounds)

    def work(_values: Mapping[str, Any]) -> Result:
        result = next(left, None)
        return Result(data="good") if result is None else Result(error=result, failed=True)

    return work


PARTS = "wf: {tasks: {a: {action: test.parts, input: {only: all, x: 1}}}}"


def test_a_rerun_without_reset_repeats_only_what_failed() -> None:
    case = flow(PARTS, work=failing_on({"bad": ["h1", "h2"]}, {"bad": ["h2"]}))
    assert case.rerun("a", reset=False) is None
    assert case.rerun("a", reset=False) is None
    assert [each["only"] for each in inputs(case, "a")] == ["all", ["h1", "h2"], ["h2"]]
    assert case.state == "SUCCESS"


def test_a_rerun_with_reset_repeats_everything_whatever_was_repeated_before() -> None:
    case = flow(PARTS, work=failing_on({"bad": ["h1"]}, {"bad": ["h1"]}))
    case.rerun("a", reset=False)
    case.rerun("a")
    assert [each["only"] for each in inputs(case, "a")] == ["all", ["h1"], "all"]


def test_retries_of_such_a_rerun_repeat_only_what_failed_too() -> None:
    case = flow("wf: {tasks: {a: {action: test.parts, input: {only: all}, retry: {count: 1, delay: 1}}}}",
                work=failing_on({"bad": ["h1"]}, {"bad": ["h2"]}, {"bad": ["h2"]}))
    case.advance(1)
    case.rerun("a", reset=False)
    case.advance(1)
    assert [each["only"] for each in inputs(case, "a")] == ["all", "all", ["h2"], ["h2"]]


def test_failed_items_repeat_only_what_failed_in_each() -> None:
    results = {"p": {"bad": ["h1"]}, "r": "no idea"}
    first = [True]

    def work(values: Mapping[str, Any]) -> Result:
        error = results.get(values["play"]) if first[0] else None
        return Result(error=error, failed=True) if error else Result(data="good")

    case = flow("""wf: {tasks: {a: {with-items: "i in <% [p, q, r] %>", action: test.parts, input: {play: <% $.i %>, only: all}}}}""",
                work=work)
    first[0] = False
    assert case.rerun("a", reset=False) is None
    repeated = [(each["play"], each["only"]) for each in inputs(case, "a")][3:]
    assert repeated == [("p", ["h1"]), ("r", "all")]
    assert case.state == "SUCCESS"


@pytest.mark.parametrize(("action", "result", "text"), [
    ("test.parts", "no idea", NOTHING_LEFT), ("test.parts", {"bad": []}, None), ("test.work", {"bad": ["h1"]}, NOT_WITH_ITEMS)])
def test_what_can_t_be_repeated_in_part_is_refused(action: str, result: Any, text: str | None) -> None:
    case = flow(f"wf: {{tasks: {{a: {{action: {action}, input: {{x: 1}}}}}}}}", work=failing_on(result))
    error = case.rerun("a", reset=False)
    assert (None if error is None else str(error)) == text
