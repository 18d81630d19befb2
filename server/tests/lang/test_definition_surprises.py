"""Warnings for what is accepted and surprises (6.3)."""

from __future__ import annotations

import pytest
from lang_parsing import document

from maestrale import lang


def warned(body: str) -> dict[str, str]:
    """Places and texts of the warnings for a workflow ``wf`` of that body; texts of one place are joined."""
    found: dict[str, str] = {}
    for warning in lang.warnings_workflows(document(body)):
        found[warning.place] = (found[warning.place] + "; " if warning.place in found else "") + warning.text
    return found


def task_warnings(body: str) -> dict[str, str]:
    return warned(f"tasks:\n  t: {body}\n  u: {{action: std.noop}}\n  v: {{action: std.noop}}")


def test_an_ordinary_workflow_gives_no_warning():
    body = """
    description: fetches $things (`True` ones) and x=y
    input: [host, {port: 22}, {note: null}]
    vars: {url: 'http://<% $.host %>:<% $.port %>'}
    output: {r: <% $.r %>}
    output-on-error: {why: <% $.why %>}
    task-defaults: {retry: {count: 3, delay: 1}, on-error: report}
    tasks:
      get:
        action: std.http url=<% $.url %> method="GET" timeout=5
        publish: {r: <% task().result.content %>, rows: '{{ _.rows.items() }}'}
        on-success: [{list: <% $.r != null and true %>}, fail msg="nothing there"]
      list:
        with-items: i in <% $.r %>
        concurrency: 2
        workflow: part
        input: {row: <% $.i %>}
        on-success: {publish: {global: {n: <% len($.r) %>}}, next: [done]}
      done: {join: all, action: std.noop}
      report: {action: std.echo output="failed at <% $.host %>", on-success: fail}
    """
    assert warned(body) == {}


@pytest.mark.parametrize(
    ("body", "place", "text"),
    [
        ("{on-success: {u: <% true %>}}", "wf.t.on-success", "is ignored, so there is no transition to 'u'"),
        ("{on-error: {next: {u: <% false %>}}}", "wf.t.on-error.next", "the condition of a mapping under 'next' is ignored"),
        ("{action: 'std.http method=GET'}", "wf.t.action", "dropped, since it fits no parameter form: 'method=GET'"),
        ("{action: 'a x=-5'}", "wf.t.action", "'x=-5'"),
        ("{action: 'a x={\"a\": 1}'}", "wf.t.action", "'x={\"a\": 1}'"),
        ("{action: 'a x=1.5'}", "wf.t.action", "'.5'"),
        ("{workflow: 'w x=12abc'}", "wf.t.workflow", "'abc'"),
        ("{action: 'a x=nullish'}", "wf.t.action", "'ish'"),
        ("{action: 'a x=[1] y=[2]'}", "wf.t.action", "so it is the text '[1] y=[2]'"),
        ("{action: 'std.<% $.m %> x=1'}", "wf.t.action", "dropped"),
        ("{retry: 'count=1 delay=2 break-on=yes'}", "wf.t.retry", "'break-on=yes'"),
        ("{keep-result: <% false %>}", "wf.t.keep-result", "never evaluated"),
        ("{safe-rerun: '{{ false }}'}", "wf.t.safe-rerun", "never evaluated"),
        ("{on-success: {publish: {atomic: {a: 1}}}}", "wf.t.on-success.publish.atomic", "never published"),
        ("{on-success: [{u: <% a %> or <% b %>}]}", "wf.t.on-success.0", "the condition of 'u' has no effect"),
        ("{on-success: [{u: '<% a %> '}]}", "wf.t.on-success.0", "the condition of 'u' has no effect"),
        ("{on-success: [{'fail msg=\"x\"': true}]}", "wf.t.on-success.0", "is ignored, since it is no expression"),
        ("{on-success: [{'fail msg=\"x\"': yes_text}]}", "wf.t.on-success.0", "without an expression is always true"),
        ("{on-success: ['u x=1']}", "wf.t.on-success.0", "parameters of 'u' are ignored"),
        ("{on-success: 'fail msg=\"a\" code=1'}", "wf.t.on-success", "parameter 'code' of 'fail' is ignored"),
        ("{on-success: [fail, u]}", "wf.t.on-success.0", "targets after 'fail' are dropped"),
        ("{publish: {a: <% True %>}}", "wf.t.publish", "True is a plain text in YAQL; write true"),
        ("{input: {a: [<% $.x = None %>]}}", "wf.t.input", "None is a plain text in YAQL; write null"),
        ("{publish: {a: <% $x %>}}", "wf.t.publish", "$x is null in YAQL; write $.x"),
        ("{publish: {a: '{{ _.items }}'}}", "wf.t.publish", "_['items']"),
        ('{publish: {a: "<% 1 +\\n 2 %>"}}', "wf.t.publish", "over several lines stays text"),
        ("{action: '<% 1 + %>'}", "wf.t.action", "fails when it runs: Parse error"),
        ("{target: <% 1 + %>}", "wf.t.target", "fails when it runs: Parse error"),
        ("{on-success: [fail msg=<% 1 + %>]}", "wf.t.on-success.0", "fails when it runs: Parse error"),
        ("{on-error: 'pause msg=\"<% 1 %> {{ 2 }}\"'}", "wf.t.on-error", "Mixing expression types"),
        ("{input: {x: {y: [<% 1 + %>]}}}", "wf.t.input.x", "fails when it runs: Parse error"),
        ("{with-items: 'i in [1] and [2'}", "wf.t.with-items", "the text after the list is ignored: 'and [2'"),
        ("{with-items: ['i in [1]', 'i in [2]']}", "wf.t.with-items", "'i' is given twice"),
        ("{with-items: 'i in [1]', publish: {i: 1}}", "wf.t.with-items", "hides the item variable"),
        ("{concurrency: 2}", "wf.t.concurrency", "means nothing without 'with-items'"),
        ("{type: direct, action: x}", "wf.t.type", "set by the engine"),
        (
            "{publish: {a: 1}, on-success: {publish: {branch: {a: 2}}}}",
            "wf.t.on-success",
            "variable 'a' is overruled by the one in 'publish'",
        ),
        ("{publish: {a: 1}, on-success: {publish: {global: {g: 2}}}}", "wf.t.publish", "its branch variables are lost"),
        ("{publish: {a: 1}, on-complete: {publish: {global: {g: 2}}}}", "wf.t.on-complete", "its global variables are lost"),
    ],
)
def test_H30_to_H61_surprises_of_a_task(body, place, text):
    assert text in task_warnings(body).get(place, "")


@pytest.mark.parametrize(
    ("body", "place", "text"),
    [
        ("ouput: {a: 1}", "wf.ouput", "unknown key 'ouput' is ignored; did you mean 'output'?"),
        ("colour: red", "wf.colour", "unknown key 'colour' is ignored"),
        ("on-error: x", "wf.on-error", "it belongs to a task, or to 'task-defaults'"),
        ("input: [{a: [<% 1 %>]}]", "wf.input", "the default of 'a' is never evaluated"),
        ("vars: {a: 1, b: <% $.a %>}", "wf.vars.b", "variable 'a' is not there yet"),
        ("output-on-error: {x: <% 1 + %>}", "wf.output-on-error.x", "fails when it runs"),
        ("output-on-error: {result: 1}", "wf.output-on-error.result", "hides the message"),
        ("output: {x: <% TRUE %>}", "wf.output.x", "plain text in YAQL"),
        ("task-defaults: {requires: t}", "wf.task-defaults.requires", "means nothing in a direct workflow"),
        ("task-defaults: {on-error: {publish: {branch: {a: 1}}}}", "wf.task-defaults.on-error.publish", "is ignored"),
        ("task-defaults: {on-error: {t: <% 1 %>}}", "wf.task-defaults.on-error", "no transition to 't'"),
        ("task-defaults: {safe-rerun: <% 1 %>}", "wf.task-defaults.safe-rerun", "never evaluated"),
    ],
)  # fmt: skip
def test_H35_to_H67_surprises_of_a_workflow(body, place, text):
    assert text in warned(f"{body}\ntasks: {{t: {{action: std.noop}}}}").get(place, "")


def test_H36_a_version_that_is_not_looked_at():
    [warning] = lang.warnings_workflows("version: 3\nwf: {tasks: {t: {action: std.noop}}}")
    assert (warning.place, warning.line) == ("version", 1)


def test_H37_a_task_called_version_or_like_a_command():
    found = warned(
        "tasks:\n  version: {action: std.noop}\n  a: {on-success: noop}\n  noop: {action: std.noop}\n  pause: {action: std.noop}"
    )
    assert found == {
        "wf.version": "a task called 'version' is dropped; give it another name",
        "wf.noop": "the task never runs: a transition to 'noop' is the engine command of that name",
    }


def test_H40_a_literal_that_does_not_switch_a_default_off():
    found = warned("task-defaults: {timeout: 5, pause-before: true}\ntasks: {t: {timeout: 0, pause-before: false}, u: {timeout: <% 0 %>}}")
    assert set(found) == {"wf.t.timeout", "wf.t.pause-before"}


def test_H45_duplicate_keys_with_their_lines():
    warnings = lang.warnings_workflows(document("tags: [a]\ntags: [b]\ntasks:\n  t: {action: a}\n  t:\n    action: b\n    action: c"))
    assert [(warning.place, warning.line) for warning in warnings] == [("wf.tags", 4), ("wf.t", 7), ("wf.t.action", 9)]


def test_H46_tasks_of_a_reverse_workflow_that_require_each_other():
    found = warned("type: reverse\ntasks: {a: {requires: b}, b: {requires: c}, c: {requires: b}, d: {action: x}}")
    assert found == {"wf.b.requires": "tasks that require each other never run: b, c"}


def test_H50_a_base_that_names_a_sibling():
    text = "version: '2.0'\nname: lib\nactions: {a: {base: b x=1}, b: {base: std.noop}}\n"
    assert [(w.place, w.text) for w in lang.warnings_workbook(text)] == [
        ("a.base", "'b' is not looked for in the workbook; write its full name")
    ]


def test_warnings_of_a_workbook_and_of_actions():
    head = "version: '2.0'\nname: lib\nname: lib\nactions: {a: {base: b x=q}}\n"
    text = head + "workflows:\n  w:\n    ouput: 1\n    tasks: {t: {type: direct}}\n"
    assert [(w.place, w.line) for w in lang.warnings_workbook(text)] == [("name", 3), ("a.base", 4), ("w.ouput", 7), ("w.t.type", 8)]
    text = "version: '2.0'\na b: {base: x, input: [{y: <% 1 %>}], output: {z: [<% 1 + %>]}}\n"
    assert [w.place for w in lang.warnings_actions(text)] == ["a b", "a b.input", "a b.output"]


def test_a_task_that_nothing_leads_to():
    found = warned("tasks: {a: {action: x}, b: {on-success: c}, c: {on-error: b}}")
    assert found == dict.fromkeys(("wf.b", "wf.c"), "the task never runs: no way leads to it from a start task")


def test_a_blank_in_names():
    warnings = lang.warnings_workflows("version: '2.0'\nw f: {tasks: {a b: {action: std.noop}}}")
    assert [warning.place for warning in warnings] == ["w f", "w f.a b"]


def test_H38_a_folded_expression_is_fine():
    assert warned("tasks:\n  t:\n    publish:\n      a: >-\n        <% 1 +\n        2 %>") == {}
