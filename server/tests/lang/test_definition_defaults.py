"""``task-defaults`` (1.17)."""

from __future__ import annotations

import pytest
from lang_parsing import document, refusal, workflow

from maestrale.lang.specs import NO_CLAUSE, PublishSpec, RetrySpec, Transition

POLICIES = {
    "wait-before": 3,
    "wait-after": 3,
    "timeout": 3,
    "concurrency": 3,
    "pause-before": True,
    "fail-on": "<% $.x %>",
}


def folded(defaults: str, body: str = "{action: std.noop}", kind: str = "direct"):
    """Task ``t`` of a workflow that also has ``u``, ``v`` and ``c``."""
    others = "".join(f"  {name}: {{action: std.noop}}\n" for name in "uvc")
    return workflow(f"type: {kind}\ntask-defaults: {defaults}\ntasks:\n  t: {body}\n{others}").tasks["t"]


@pytest.mark.parametrize(("key", "value"), POLICIES.items())
def test_L124_a_default_policy_applies_where_the_task_has_none(key, value):
    text = str(value).lower() if isinstance(value, bool) else value
    attribute = key.replace("-", "_")
    assert getattr(folded(f"{{{key}: {text}}}").policies, attribute) == value
    own = "<% $.own %>"
    assert getattr(folded(f"{{{key}: {text}}}", f"{{{key}: {own}}}").policies, attribute) == own


@pytest.mark.parametrize("kind", ["direct", "reverse"])
def test_L124_in_both_types_of_workflow(kind):
    assert folded("{retry: count=2 delay=1}", kind=kind).policies.retry == RetrySpec(2, 1)


@pytest.mark.parametrize(
    ("key", "off"), [("wait-before", "0"), ("timeout", "0"), ("concurrency", "0"), ("pause-before", "false"), ("fail-on", "false")]
)
def test_L125_a_literal_zero_or_false_does_not_switch_a_default_off(key, off):
    value = "true" if off == "false" else "5"
    assert getattr(folded(f"{{{key}: {value}}}", f"{{{key}: {off}}}").policies, key.replace("-", "_")) in (True, 5)


@pytest.mark.parametrize("key", ["wait-before", "timeout", "pause-before"])
def test_L126_an_expression_does(key):
    value = "true" if key == "pause-before" else "5"
    assert getattr(folded(f"{{{key}: {value}}}", f"{{{key}: <% 0 %>}}").policies, key.replace("-", "_")) == "<% 0 %>"


def test_L127_a_retry_with_count_zero_overrides():
    assert folded("{retry: {count: 3, delay: 1}}", "{retry: {count: 0, delay: 0}}").policies.retry == RetrySpec(0, 0)


@pytest.mark.parametrize(
    ("own", "targets"),
    [
        ("{action: std.noop}", ("c",)),
        ("{on-error: u}", ("u",)),
        ("{on-error: {next: u}}", ("u",)),
        ("{on-error: {u: <% true %>}}", ("c",)),
        ("{on-success: u}", ("c",)),
        ("{on-error: noop}", ("noop",)),
    ],
)
def test_L128_a_default_clause_applies_where_the_own_has_no_targets(own, targets):
    assert tuple(transition.target for transition in folded("{on-error: c}", own).on_error.targets) == targets


@pytest.mark.parametrize("key", ["on-success", "on-error", "on-complete", "on-skip"])
def test_L128_for_every_clause_with_conditions_and_commands(key):
    spec = folded(f'{{{key}: [{{c: <% $.x %>}}, fail msg="y"]}}')
    assert dict(spec.clauses())[key].targets == (Transition("c", "<% $.x %>"), Transition("fail", None, {"msg": "y"}))


def test_L129_a_clause_with_only_a_publish_gets_the_targets_of_the_default():
    clause = folded("{on-error: {publish: {branch: {lost: 1}}, next: c}}", "{on-error: {publish: {branch: {own: 1}}}}").on_error
    assert clause.targets == (Transition("c"),)
    assert clause.publish == PublishSpec(branch={"own": 1})


def test_L112_a_default_publish_alone_is_nothing():
    assert folded("{on-error: {publish: {branch: {lost: 1}}, next: c}}").on_error.publish is None
    assert folded("{on-error: {publish: {branch: {lost: 1}}}}").on_error is NO_CLAUSE


def test_L130_a_task_is_no_target_of_its_own_defaults():
    spec = workflow("task-defaults: {on-error: [c, d]}\ntasks: {a: {action: x}, c: {action: x}, d: {action: x}}")
    assert [t.target for t in spec.tasks["c"].on_error.targets] == ["d"]
    assert [t.target for t in spec.tasks["a"].on_error.targets] == ["c", "d"]
    single = workflow("task-defaults: {on-error: c}\ntasks: {a: {action: x}, c: {action: x}}")
    assert single.tasks["c"].on_error is NO_CLAUSE
    assert single.start_tasks == ("a",)


def test_L130_targets_of_defaults_count_as_inbound():
    spec = workflow("task-defaults: {on-success: j}\ntasks: {a: {action: x}, b: {action: x}, j: {join: 2}}")
    assert spec.inbound["j"] == ("a", "b")


def test_L131_requires_are_united():
    spec = workflow(
        "type: reverse\ntask-defaults: {requires: [x, y]}\ntasks: {a: {requires: [z, x]}, x: {action: n}, y: {action: n}, z: {action: n}}"
    )
    assert spec.tasks["a"].requires == ("z", "x", "y")
    assert spec.tasks["x"].requires == ("y",)


@pytest.mark.parametrize(
    "key", ["action", "workflow", "input", "publish", "publish-on-error", "target", "keep-result", "join", "with-items", "colour"]
)
def test_L132_other_keys_are_refused(key):
    message = refusal(document(f"task-defaults: {{{key}: x}}\ntasks: {{t: {{action: std.noop}}}}"))
    assert message.startswith(f"Invalid DSL: Additional properties are not allowed ('{key}' was unexpected)")


def test_the_timeout_of_defaults_is_not_the_tasks_own():
    spec = folded("{timeout: 5}")
    assert (spec.policies.timeout, spec.own_timeout) == (5, None)
    spec = folded("{timeout: 5}", "{timeout: 3}")
    assert (spec.policies.timeout, spec.own_timeout) == (3, 3)


@pytest.mark.parametrize(
    ("default", "own", "expected"),
    [
        ("{safe-rerun: true}", "{action: x}", True),
        ("{safe-rerun: true}", "{safe-rerun: false}", False),
        ("{timeout: 1}", "{action: x}", False),
    ],
)
def test_safe_rerun_is_own_then_default_then_false(default, own, expected):
    assert folded(default, own).safe_rerun is expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [("{}", "{} should be non-empty"), ("[a]", "['a'] is not of type 'object'"), ("{timeout: -1}", "-1 is not valid under any")],
)
def test_malformed_defaults_are_refused(value, reason):
    assert refusal(document(f"task-defaults: {value}\ntasks: {{t: {{action: std.noop}}}}")).startswith(f"Invalid DSL: {reason}")


def test_keys_of_the_other_type_of_workflow_mean_nothing():
    assert folded("{requires: ghost, timeout: 1}").requires == ()
    assert folded("{on-error: ghost, timeout: 1}", kind="reverse").on_error is NO_CLAUSE
