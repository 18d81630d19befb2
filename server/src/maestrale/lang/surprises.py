"""Warnings for definitions that Mistral accepts and that may not do what they say (6.3).

Nothing here changes a verdict. Each warning has a place and a line; ``task_surprises.py`` and
``expression_surprises.py`` know those of tasks and texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from maestrale.expr import has_expression
from maestrale.lang.definitions import parse_actions, parse_workflows
from maestrale.lang.expression_surprises import in_value, syntax_error
from maestrale.lang.flaw import Layout, place, suggestion
from maestrale.lang.graph import cycle, reachable
from maestrale.lang.inline import parse_command
from maestrale.lang.rules import CLAUSES, KNOWN_KEYS, WORKFLOW_KEYS
from maestrale.lang.specs import ActionSpec, Parameter, Warning, WorkflowSpec  # noqa: A004 - the word that users know
from maestrale.lang.task_surprises import Found, clause_surprises, command_surprises, task_surprises
from maestrale.lang.workbook import parse_workbook
from maestrale.lang.yaml_text import Document, Path, load

MAX_WARNINGS = 200
"""More than that help nobody."""


def warnings_workflows(text: str) -> list[Warning]:
    """Warnings for a document of workflows; errors as of ``parse_workflows``."""
    specs = [parsed.spec for parsed in parse_workflows(text)]
    document = load(text)
    found = [*_document(document), *_overwritten(document, ())]
    for spec in specs:
        found += _workflow(spec, (spec.name,))
    return _warnings(found, document, "workflows")


def warnings_actions(text: str) -> list[Warning]:
    """Warnings for a document of ad-hoc actions; errors as of ``parse_actions``."""
    specs = [parsed.spec for parsed in parse_actions(text)]
    document = load(text)
    found = list(_document(document))
    for spec in specs:
        found += _action(spec, (spec.name,), ())
    return _warnings(found, document, "actions")


def warnings_workbook(text: str) -> list[Warning]:
    """Warnings for a workbook; errors as of ``parse_workbook``."""
    spec = parse_workbook(text).spec
    document = load(text)
    found = [*_duplicates(document), *_overwritten(document, ("workflows",))]
    siblings = [action.name for action in spec.actions]
    for action in spec.actions:
        found += _action(action, ("actions", action.name), siblings)
    for workflow in spec.workflows:
        found += _workflow(workflow, ("workflows", workflow.name))
    return _warnings(found, document, "workbook")


def _warnings(found: Iterable[tuple[Path, str]], document: Document, layout: Layout) -> list[Warning]:
    warnings = [Warning(place(path, layout), text, document.line(path)) for path, text in dict.fromkeys(found)]
    return sorted(warnings, key=lambda warning: warning.line)[:MAX_WARNINGS]


def _document(document: Document) -> Found:
    version = document.data.get("version")
    if str(version) not in ("2.0", "2"):
        yield ("version",), f"{version!r} is not looked at: the document is read as version '2.0'"
    yield from _duplicates(document)


def _duplicates(document: Document) -> Found:
    for path in document.duplicates:
        yield path, f"key {path[-1]!r} is written more than once; only the last one counts"


def _overwritten(document: Document, section: Path) -> Found:
    """Keys that the engine sets itself; seen before it does (L049)."""
    members = document.data
    for step in section:
        members = members.get(step) or {}
    for name, data in members.items():
        tasks = data.get("tasks", {}) if isinstance(data, dict) else {}
        for task, body in tasks.items():
            for key in ("name", "version", "type"):
                if task != "version" and key in body:
                    yield (*section, name, "tasks", task, key), f"{key!r} of a task is set by the engine; what is written here is ignored"
        if "version" in tasks:
            yield (*section, name, "tasks", "version"), "a task called 'version' is dropped; give it another name"


def _workflow(spec: WorkflowSpec, path: Path) -> Found:
    if " " in spec.name:
        yield path, "a name with a blank is refused when the workflow is stored"
    for key in spec.raw.keys() - WORKFLOW_KEYS:
        yield (*path, key), _unknown_key(key)
    yield from _inputs(spec.input, (*path, "input"))
    yield from _vars(spec, (*path, "vars"))
    yield from _outputs(spec, path)
    yield from _graph(spec, (*path, "tasks"))
    yield from _defaults(spec, (*path, "task-defaults"))
    for name, task in spec.tasks.items():
        yield from task_surprises(task, spec, (*path, "tasks", name))


def _unknown_key(key: str) -> str:
    if key in KNOWN_KEYS["direct"]:
        return f"{key!r} means nothing for a workflow and is ignored; it belongs to a task, or to 'task-defaults'"
    near = suggestion(key, WORKFLOW_KEYS)
    return f"unknown key {key!r} is ignored" + (f"; {near}" if near else "")


def _inputs(parameters: Iterable[Parameter], path: Path) -> Found:
    for parameter in parameters:
        if any(map(has_expression, _texts(parameter.default))):
            yield path, f"the default of {parameter.name!r} is never evaluated: it stays text"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _vars(spec: WorkflowSpec, path: Path) -> Found:
    inputs = {parameter.name for parameter in spec.input}
    for name, value in spec.vars.items():
        used = {match for text in _texts(value) if has_expression(text) for match in re.findall(r"[$_]\.(\w+)", text)}
        for other in sorted(used & (spec.vars.keys() - inputs)):
            yield (*path, name), f"variable {other!r} is not there yet: all 'vars' are evaluated at once"
        yield from _expressions(value, (*path, name))


def _outputs(spec: WorkflowSpec, path: Path) -> Found:
    for key, section in (("output", spec.output), ("output-on-error", spec.output_on_error)):
        for name, value in (section or {}).items():
            yield from _expressions(value, (*path, key, name))
    if "result" in (spec.output_on_error or {}):
        yield (*path, "output-on-error", "result"), "'result' hides the message of the error"


def _expressions(value: Any, path: Path) -> Found:
    problem = syntax_error(value)
    if problem:
        yield path, f"fails when it runs: {problem}"
    for text in dict.fromkeys(in_value(value)):
        yield path, text


def _graph(spec: WorkflowSpec, path: Path) -> Found:
    if spec.type == "reverse":
        names = cycle(spec.inbound)
        if names:
            yield (*path, names[0], "requires"), f"tasks that require each other never run: {', '.join(names)}"
        return
    for name in spec.tasks.keys() - reachable(spec.outbound, spec.start_tasks) - {"noop", "fail", "succeed", "pause"}:
        yield (*path, name), "the task never runs: no way leads to it from a start task"


def _defaults(spec: WorkflowSpec, path: Path) -> Found:
    data: Mapping[str, Any] = spec.raw.get("task-defaults") or {}
    for key in CLAUSES.keys() & data.keys():
        if spec.type == "reverse":
            yield (*path, key), "means nothing in a reverse workflow"
            continue
        yield from clause_surprises(data[key], (*path, key))
        if isinstance(data[key], Mapping) and data[key].get("publish"):
            yield (*path, key, "publish"), "publishing in 'task-defaults' is ignored"
    if "requires" in data and spec.type == "direct":
        yield (*path, "requires"), "means nothing in a direct workflow"
    if isinstance(data.get("safe-rerun"), str):
        yield (*path, "safe-rerun"), "the expression is never evaluated and counts as true; write true or false"
    for key in data.keys() - CLAUSES.keys():
        for text in dict.fromkeys(in_value(data[key])):
            yield (*path, key), text


def _action(spec: ActionSpec, path: Path, siblings: Iterable[str]) -> Found:
    if " " in spec.name:
        yield path, "a name with a blank is refused when the action is stored"
    base: str = spec.raw["base"]
    yield from command_surprises(base, (*path, "base"))
    if parse_command(base).name in siblings:
        yield (*path, "base"), f"{spec.base!r} is not looked for in the workbook; write its full name"
    yield from _inputs(spec.input, (*path, "input"))
    for key in ("base", "base-input", "output"):
        yield from _expressions(spec.raw.get(key), (*path, key))
