"""Properties that hold for every definition, sane or not."""

from __future__ import annotations

import contextlib
import json

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maestrale import lang
from maestrale.errors import DSLParsingError, ExpressionGrammarError
from maestrale.lang.rules import KNOWN_KEYS

KEYS = [*sorted(set().union(*KNOWN_KEYS.values())), "a", "b", "a b", 'fail(msg="x y")', "", "é"]
TEXTS = [
    "",
    "a",
    "b",
    "std.noop",
    "<% $.x %>",
    "<% 1 + %>",
    "{{ _.x }}",
    "{% x %}",
    "<% a\n %>",
    'fail msg="x"',
    "i in [1]",
    "i in [x]",
    "count=1 delay=2",
    "all",
    "one",
    "direct",
    "reverse",
    "2.0",
    "$a x",
    "a x=1 y=q z=[",
    "11111111222233334444555555555555",
]
SCALARS = st.sampled_from([*TEXTS, None, True, False, 0, 1, -1, 2, 1.0, 1.5])
ODD_KEYS = st.sampled_from([*KEYS, 1, None, True, 2.5])
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD_KEYS, inner, max_size=3), max_leaves=12)
TASKS = st.dictionaries(
    st.sampled_from(["a", "b", "c", "version", "noop", "a b"]),
    st.dictionaries(st.sampled_from(KEYS), VALUES, min_size=1, max_size=3) | VALUES,
    max_size=3,
)
VARIABLES = st.dictionaries(st.sampled_from(["a", "b", "c d"]), VALUES, min_size=1, max_size=2)
PLAUSIBLE_TASK = st.fixed_dictionaries(
    {"description": st.just("d")},
    optional={
        "action": st.sampled_from(["std.noop", "a x=1 y=q", "<% $.a %> x=[1]", "std.<%$.a%>", "a x=[1] y=[2]"]),
        "input": VARIABLES,
        "publish": VARIABLES,
        "on-error": st.sampled_from(["a", 'fail msg="x"', ["fail", {"a": "<% $.x %>"}], {"a": "<% 1 %>"}, {"next": {"a": "{{ 1 }}"}}]),
        "on-complete": st.builds(lambda v: {"publish": {"global": v, "atomic": v}}, VARIABLES),
        "with-items": st.sampled_from(["i in [1, 2] x", ["i in <% $.a %>", "i in {{ _.b }}"]]),
        "retry": st.sampled_from([{"count": 1, "delay": "<% $.a %>"}, "count=1 delay=2 x"]),
        "timeout": st.sampled_from([0, 1, 2.0, "<% True %>"]),
        "keep-result": st.sampled_from([True, "<% $x %>"]),
    },
)
PLAUSIBLE = st.fixed_dictionaries(
    {"tasks": st.dictionaries(st.sampled_from(["a", "b", "a-b", "noop", "version"]), PLAUSIBLE_TASK, min_size=1, max_size=3)},
    optional={"vars": VARIABLES, "output": VARIABLES, "output-on-error": VARIABLES, "x": VALUES, "input": st.just(["a", {"b": "<% 1 %>"}])},
)
WORKFLOWS = (
    PLAUSIBLE | st.fixed_dictionaries({"tasks": TASKS}, optional=dict.fromkeys(sorted(KNOWN_KEYS["workflow"] - {"tasks"}), VALUES)) | VALUES
)
ACTIONS = st.fixed_dictionaries({"base": st.just("b x=1 y=q")}, optional={"base-input": VARIABLES, "output": VALUES}) | st.dictionaries(
    st.sampled_from(sorted(KNOWN_KEYS["action"])), VALUES, max_size=4
)
DOCUMENTS = (
    st.fixed_dictionaries({"version": st.just("2.0") | SCALARS}, optional={"w": WORKFLOWS, "v": WORKFLOWS, "x": ACTIONS})
    | st.fixed_dictionaries(
        {"version": st.just("2.0"), "name": st.just("lib") | VALUES},
        optional={"workflows": st.fixed_dictionaries({"w": WORKFLOWS}) | VALUES, "actions": st.fixed_dictionaries({"a": ACTIONS}) | VALUES},
    )
    | VALUES
)
REFUSALS = (DSLParsingError, ExpressionGrammarError)
PARSERS = (lang.parse_workflows, lang.parse_actions, lang.parse_workbook)
WARNERS = (lang.warnings_workflows, lang.warnings_actions, lang.warnings_workbook)


@pytest.mark.parametrize("validate", [True, False])
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors])
@given(document=DOCUMENTS)
def test_any_document_is_read_or_refused(validate, document):
    text = yaml.safe_dump(document, allow_unicode=True)
    for parse in PARSERS:
        with contextlib.suppress(*REFUSALS):
            assert parse(text, validate=validate)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(document=DOCUMENTS)
def test_whatever_is_accepted_can_be_warned_of_stored_and_rebuilt(document):
    text = yaml.safe_dump(document, allow_unicode=True)
    for parse, warn in zip(PARSERS, WARNERS, strict=True):
        try:
            parsed = parse(text)
        except REFUSALS:
            with pytest.raises(REFUSALS):
                warn(text)
            continue
        assert all(warning.text and warning.line >= 0 for warning in warn(text))
        for spec in _specs(parsed):
            raw = json.loads(json.dumps(spec.raw))
            assert raw == spec.raw
            rebuild = lang.workflow_from_raw if hasattr(spec, "tasks") else lang.action_from_raw
            assert rebuild(raw) == spec


def _specs(parsed):
    if isinstance(parsed, lang.ParsedWorkbook):
        return [*parsed.spec.workflows, *parsed.spec.actions]
    return [item.spec for item in parsed]


NAMES = [f"t{n}" for n in range(6)]
TARGETS = st.sampled_from([*NAMES, "noop", "fail"])
CLAUSE = st.lists(st.one_of(TARGETS, st.builds(lambda name: {name: "<% $.x %>"}, TARGETS)), min_size=1, max_size=3, unique_by=str)
TASK = st.fixed_dictionaries(
    {"action": st.just("std.noop")},
    optional={
        key: CLAUSE | TARGETS | st.builds(lambda c: {"next": c}, CLAUSE) for key in ("on-success", "on-error", "on-complete", "on-skip")
    }
    | {"join": st.sampled_from(["all", "one", 0, 1, 2]), "timeout": st.integers(0, 3)},
)
GRAPHS = st.fixed_dictionaries(
    {"tasks": st.dictionaries(st.sampled_from(NAMES), TASK, min_size=1)},
    optional={"task-defaults": st.fixed_dictionaries({"on-error": CLAUSE})},
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(GRAPHS)
def test_the_graph_of_an_accepted_workflow_is_consistent(body):
    try:
        [parsed] = lang.parse_workflows(yaml.safe_dump({"version": "2.0", "w": body}))
    except REFUSALS:
        return
    spec = parsed.spec
    assert spec.start_tasks
    for name, task in spec.tasks.items():
        targets = {transition.target for _, clause in task.clauses() for transition in clause.targets}
        assert targets <= {*spec.tasks, "noop", "fail"}
        assert set(spec.outbound[name]) == targets & spec.tasks.keys()
        assert all(name in spec.inbound[other] for other in spec.outbound[name])
        assert (name in spec.start_tasks) == (not spec.inbound[name])
        if task.join is not None:
            assert len(spec.inbound[name]) >= max(task.join, 1)
