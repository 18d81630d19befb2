"""Short ways to a specification, or to the text of a refusal."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from maestrale import lang
from maestrale.errors import DSLParsingError, ExpressionGrammarError
from maestrale.lang.specs import TaskSpec, WorkflowSpec

REFUSALS = (DSLParsingError, ExpressionGrammarError)


def document(body: str) -> str:
    """A document with one workflow ``wf`` of that body."""
    return "version: '2.0'\nwf:\n" + indent(dedent(body).strip("\n"), "  ") + "\n"


def workflow(body: str) -> WorkflowSpec:
    return lang.parse_workflows(document(body))[0].spec


def tasks(body: str) -> WorkflowSpec:
    """A workflow that has just these tasks."""
    return workflow("tasks:\n" + indent(dedent(body).strip("\n"), "  "))


def task(body: str, name: str = "t") -> TaskSpec:
    """The task ``t`` of a workflow whose other tasks are ``u`` and ``v``."""
    return tasks(f"t: {body}\nu: {{action: std.noop}}\nv: {{action: std.noop}}").tasks[name]


def refusal(text: str) -> str:
    """The message with which a document of workflows is refused."""
    with pytest.raises(REFUSALS) as caught:
        lang.parse_workflows(text)
    return str(caught.value)


def task_refusal(body: str) -> str:
    return refusal(document(f"tasks:\n  t: {body}\n  u: {{action: std.noop}}\n  v: {{action: std.noop}}"))
