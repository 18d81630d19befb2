# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0

"""Filters over tasks and definitions."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.maestrale.mistral.plugins.filter import workflows

DEFINITION = """
version: '2.0'
wf:
  task-defaults:
    on-error: fail
  tasks:
    a:
      action: std.echo output=1
      on-success:
        - b: <% $.x %>
        - c
    b:
      workflow: sub
      on-complete:
        next: d
        publish: {branch: {x: 1}}
    c:
      with-items: i in <% $.list %>
      on-success: d
    d:
      join: all
      on-error: []
"""
REVERSE = {"version": "2.0", "wf": {"type": "reverse", "tasks": {"a": {}, "b": {"requires": ["a"]}, "c": {"requires": "b"}}}}


def pairs(graph):
    return [(edge["from"], edge["on"], edge["to"]) for edge in graph["edges"]]


def test_failed_tasks_are_picked():
    assert workflows.failed_tasks([{"state": "ERROR", "id": 1}, {"state": "SUCCESS"}]) == [{"state": "ERROR", "id": 1}]


def test_a_definition_becomes_a_graph():
    graph = workflows.workflow_graph(DEFINITION)["wf"]
    assert [(node["name"], node["type"], node.get("runs")) for node in graph["nodes"]] == [
        ("a", "action", "std.echo output=1"),
        ("b", "workflow", "sub"),
        ("c", "action", "std.noop"),
        ("d", "action", "std.noop"),
        ("fail", "command", None),
    ]
    assert pairs(graph) == [
        ("a", "success", "b"),
        ("a", "success", "c"),
        ("a", "error", "fail"),
        ("b", "error", "fail"),
        ("b", "complete", "d"),
        ("c", "success", "d"),
        ("c", "error", "fail"),
    ]
    assert graph["edges"][0]["condition"] == "<% $.x %>"
    assert graph["nodes"][3]["join"] == "all"


def test_a_reverse_workflow_becomes_a_graph():
    graph = workflows.workflow_graph(REVERSE)["wf"]
    assert (graph["type"], pairs(graph)) == ("reverse", [("a", "requires", "b"), ("b", "requires", "c")])


def test_a_workbook_becomes_graphs():
    assert list(workflows.workflow_graph({"name": "wb", "workflows": {"one": {"tasks": {"a": {}}}}})) == ["one"]


@pytest.mark.parametrize("definition", ["[", "text", 5])
def test_what_is_no_definition_is_told(definition):
    with pytest.raises(AnsibleFilterError):
        workflows.workflow_graph(definition)


def test_yaql_is_evaluated():
    pytest.importorskip("yaql")
    assert workflows.yaql([{"n": "a", "c": 1}, {"n": "b", "c": 9}], "$.where($.c > 4).n") == ["b"]
    with pytest.raises(AnsibleFilterError, match="yaql: "):
        workflows.yaql({}, "$.nothing(")


def test_without_yaql_it_is_said_so(monkeypatch):
    monkeypatch.setattr(workflows, "yaql_library", None)
    with pytest.raises(AnsibleFilterError, match="Python package yaql"):
        workflows.yaql({}, "$")
