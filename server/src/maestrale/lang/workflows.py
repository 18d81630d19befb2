"""A workflow: from its mapping to a checked ``WorkflowSpec`` (1.4 - 1.7)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from maestrale.errors import DSLParsingError
from maestrale.lang.defaults import parse_defaults
from maestrale.lang.flaw import Flaw, require, require_syntax
from maestrale.lang.graph import check_direct, check_reverse, direct_graph, reverse_graph
from maestrale.lang.rules import DIRECT_TASK_SCHEMA, REVERSE_TASK_SCHEMA, TASK_DEFAULTS_SCHEMA, WORKFLOW_SCHEMA
from maestrale.lang.schema import shown
from maestrale.lang.specs import TaskSpec, WorkflowSpec
from maestrale.lang.tasks import parse_task
from maestrale.lang.typed import as_description, as_mapping, as_parameters, as_texts
from maestrale.lang.yaml_text import Path, json_ready

VERSION = "2.0"
_UUID = re.compile(r"[0-9a-f]{32}")


def workflow_kind(data: Mapping[str, Any], path: Path) -> str:
    """``direct`` or ``reverse`` (L019). Raises Flaw."""
    kind = data.get("type", "direct")
    if kind not in ("direct", "reverse"):
        text = f"Failed to find a specification class for a workflow of type {shown(kind)}"
        raise Flaw(text, (*path, "type"), "expected 'direct' or 'reverse'", DSLParsingError)
    return str(kind)


def read_workflow(name: Any, data: Any, path: Path, *, validate: bool, plain: bool) -> WorkflowSpec:
    """Complete, check and build one workflow. ``plain``: the data holds JSON types only. Raises Flaw.

    Like Mistral this adds ``name`` and ``version`` to the author's mapping, and these and ``type`` to each task (1.3).
    A task's body has to have something in it before that (L048).
    """
    if not isinstance(name, str):
        raise Flaw(f"Invalid DSL: {shown(name)} is not of type 'string'", path, "write the name in quotes")
    if not isinstance(data, dict):
        raise Flaw(f"Invalid DSL: {shown(data)} is not of type 'object'", path)
    kind = workflow_kind(data, path)
    data["name"] = name
    data["version"] = VERSION
    if validate:
        require(WORKFLOW_SCHEMA, data, path, "workflow")
    _complete_tasks(data.get("tasks"), kind)
    if validate:
        _check_parts(data, kind, path)
    return build_workflow(data if plain else json_ready(data), path, check=validate)


def _complete_tasks(tasks: Any, kind: str) -> None:
    for name, task in tasks.items() if isinstance(tasks, dict) else ():
        if isinstance(task, dict) and name != "version":
            task["type"] = kind
            task["name"] = name
            task["version"] = VERSION


def _check_parts(data: Mapping[str, Any], kind: str, path: Path) -> None:
    """The schemas of ``task-defaults`` and of each completed task. Raises Flaw."""
    if "task-defaults" in data:
        require(TASK_DEFAULTS_SCHEMA, data["task-defaults"], (*path, "task-defaults"), "task-defaults")
    schema = DIRECT_TASK_SCHEMA if kind == "direct" else REVERSE_TASK_SCHEMA
    for name, task in data["tasks"].items():
        if name != "version":
            require(schema, task, (*path, "tasks", name), kind)


def build_workflow(data: Mapping[str, Any], path: Path, *, check: bool) -> WorkflowSpec:
    """The specification of a completed workflow. Raises Flaw."""
    name, direct = data["name"], workflow_kind(data, path) == "direct"
    if _is_uuid(name):
        raise Flaw("Workflow name cannot be in the format of UUID.", path)
    if check:
        _check_expressions(data, path)
    tasks = _tasks(data, path, direct=direct, check=check)
    graph = direct_graph(tasks) if direct else reverse_graph(tasks)
    if check and direct:
        check_direct(name, tasks, graph, path)
    elif check:
        check_reverse(tasks, path)
    return WorkflowSpec(
        name=name,
        type="direct" if direct else "reverse",
        tasks=tasks,
        input=as_parameters(data.get("input"), (*path, "input")),
        output=_variables(data, "output", path),
        output_on_error=_variables(data, "output-on-error", path),
        vars=as_mapping(data.get("vars"), (*path, "vars")),
        description=as_description(data.get("description")),
        tags=as_texts(data.get("tags"), (*path, "tags")),
        raw=data,
        inbound=graph.inbound,
        outbound=graph.outbound,
        start_tasks=graph.start_tasks,
    )


def _tasks(data: Mapping[str, Any], path: Path, *, direct: bool, check: bool) -> dict[str, TaskSpec]:
    """All tasks but one called ``version``, whose name the language takes for its own (L057, 1.3)."""
    defaults = parse_defaults(
        as_mapping(data.get("task-defaults"), (*path, "task-defaults")), (*path, "task-defaults"), direct=direct, check=check
    )
    tasks: dict[str, TaskSpec] = {}
    for name, task in as_mapping(data.get("tasks"), (*path, "tasks")).items():
        if name != "version":
            place = (*path, "tasks", name)
            if not isinstance(task, Mapping):
                raise Flaw(f"Invalid DSL: {shown(task)} is not of type 'object'", place)
            tasks[name] = parse_task(name, task, defaults, place, direct=direct, check=check)
    return tasks


def _variables(data: Mapping[str, Any], key: str, path: Path) -> Mapping[str, Any] | None:
    return as_mapping(data[key], (*path, key)) if data.get(key) is not None else None


def _check_expressions(data: Mapping[str, Any], path: Path) -> None:
    for section in ("output", "vars"):
        for name, value in (data.get(section) or {}).items():
            require_syntax(value, (*path, section, name))


def _is_uuid(name: str) -> bool:
    """Whether the name could be taken for an id, in any notation of one (L010)."""
    digits = name.replace("urn:", "").replace("uuid:", "").strip("{}").replace("-", "").lower()
    return _UUID.fullmatch(digits) is not None
