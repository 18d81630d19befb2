# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Filters over what the engine returns, and over definitions."""

from __future__ import annotations

from collections.abc import Mapping

import yaml
from ansible.errors import AnsibleFilterError

try:
    # yaql uses collections.abc without importing it; the import above does.
    import yaql as yaql_library
except ImportError:
    yaql_library = None

EVENTS = ("on-success", "on-error", "on-complete", "on-skip")
COMMANDS = ("fail", "succeed", "pause", "noop")


def failed_tasks(tasks):
    """Tasks in ERROR."""
    return [task for task in tasks if task.get("state") == "ERROR"]


def workflow_graph(definition):
    """Nodes and edges of each workflow of a definition."""
    document = _document(definition)
    workflows = document["workflows"] if "workflows" in document else {k: v for k, v in document.items() if k not in ("version", "name")}
    return {name: _graph(body) for name, body in workflows.items() if isinstance(body, Mapping) and "tasks" in body}


def _document(definition):
    if isinstance(definition, str):
        try:
            definition = yaml.safe_load(definition)
        except yaml.YAMLError as error:
            raise AnsibleFilterError(f"workflow_graph: the definition is not YAML: {error}") from error
    if not isinstance(definition, Mapping):
        raise AnsibleFilterError("workflow_graph: a definition is wanted, as text or mapping")
    return definition


def _graph(body):
    tasks, defaults = body["tasks"], body.get("task-defaults") or {}
    nodes = [_node(name, task or {}) for name, task in tasks.items()]
    edges = []
    for name, task in tasks.items():
        edges += [{"from": source, "to": name, "on": "requires", "condition": None} for source in _names((task or {}).get("requires"))]
        for event in EVENTS:
            for target, condition in _targets((task or {}).get(event, defaults.get(event))):
                edges.append({"from": name, "to": target, "on": event[len("on-") :], "condition": condition})
    known = set(tasks)
    nodes += [{"name": to, "type": "command"} for to in sorted({edge["to"] for edge in edges} - known) if to.split(" ")[0] in COMMANDS]
    return {"type": body.get("type", "direct"), "nodes": nodes, "edges": edges}


def _node(name, task):
    node = {
        "name": name,
        "type": "workflow" if "workflow" in task else "action",
        "runs": task.get("workflow", task.get("action", "std.noop")),
    }
    for key, field in (("join", "join"), ("with-items", "with_items")):
        if key in task:
            node[field] = task[key]
    return node


def _names(value):
    return [value] if isinstance(value, str) else list(value or [])


def _targets(clause):
    """Pairs of target and condition; the forms are text, list, mapping, and mapping with ``next``."""
    if isinstance(clause, Mapping):
        clause = clause.get("next") if "next" in clause or "publish" in clause else [clause]
    for item in _names(clause):
        if isinstance(item, Mapping):
            yield from item.items()
        else:
            yield item, None


def yaql(data, expression):
    """The value of a YAQL expression; ``$`` is the data."""
    if yaql_library is None:
        raise AnsibleFilterError("The filter yaql needs the Python package yaql on the controller")
    try:
        parsed = _yaql_engine()(expression)
        return parsed.evaluate(data=_plain(data), context=yaql_library.create_context())
    # yaql's functions raise what they like.
    except Exception as error:
        raise AnsibleFilterError(f"yaql: {expression}: {error}") from error


def _yaql_engine():
    return yaql_library.factory.YaqlFactory().create(options={"yaql.limitIterators": 100_000, "yaql.convertTuplesToLists": True})


def _plain(value):
    """The data without Ansible's marks, which yaql does not know."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


class FilterModule:
    """Names of the filters."""

    def filters(self):
        """What Ansible loads."""
        return {"failed_tasks": failed_tasks, "workflow_graph": workflow_graph, "yaql": yaql}
