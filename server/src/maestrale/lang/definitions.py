"""Documents of workflows and of actions, and rebuilding specifications from what was stored (1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from maestrale.errors import InvalidModelError
from maestrale.lang.adhoc import build_action, read_action
from maestrale.lang.flaw import Flaw, error, require
from maestrale.lang.rules import LIST_SCHEMA
from maestrale.lang.schema import shown
from maestrale.lang.specs import ActionSpec, WorkflowSpec
from maestrale.lang.workflows import build_workflow, read_workflow
from maestrale.lang.yaml_text import Document, load


@dataclass(frozen=True, slots=True)
class ParsedWorkflow:
    """``definition`` is the text to be stored: as sent, or cut out of a document of several (L015)."""

    spec: WorkflowSpec
    definition: str


@dataclass(frozen=True, slots=True)
class ParsedAction:
    """``definition`` is the whole text that was sent."""

    spec: ActionSpec
    definition: str


def parse_workflows(text: str, *, validate: bool = True) -> list[ParsedWorkflow]:
    """Read a document of one or more workflows, in written order.

    ``validate=False`` leaves out the schema, the syntax of expressions and the structural checks (L017).
    Raises DSLParsingError, InvalidModelError or an ExpressionGrammarError.
    """
    document = load(text)
    try:
        data = _items(document, validate=validate)
        texts = {name: _excerpt(name, item, document.data) for name, item in data.items()} if len(data) > 1 else dict.fromkeys(data, text)
        return [
            ParsedWorkflow(read_workflow(name, item, (name,), validate=validate, plain=document.plain), texts[name])
            for name, item in data.items()
        ]
    except Flaw as flaw:
        raise error(flaw, document, "workflows") from None


def parse_actions(text: str, *, validate: bool = True) -> list[ParsedAction]:
    """Read a document of one or more ad-hoc actions; errors as of ``parse_workflows``."""
    document = load(text)
    try:
        data = _items(document, validate=validate)
        return [
            ParsedAction(read_action(name, item, (name,), validate=validate, plain=document.plain), text) for name, item in data.items()
        ]
    except Flaw as flaw:
        raise error(flaw, document, "actions") from None


def check_name(name: str) -> None:
    """Raise InvalidModelError for a name that can't be stored: one with a blank (L011)."""
    if " " in name:
        raise InvalidModelError(f"Name '{name}' must not contain spaces")


def workflow_from_raw(raw: Mapping[str, Any]) -> WorkflowSpec:
    """Rebuild a specification from ``WorkflowSpec.raw``, without validation."""
    try:
        return build_workflow(raw, (), check=False)
    except Flaw as flaw:
        raise flaw.kind(flaw.text) from None


def action_from_raw(raw: Mapping[str, Any]) -> ActionSpec:
    """Rebuild a specification from ``ActionSpec.raw``, without validation."""
    try:
        return build_action(raw, (), check=False)
    except Flaw as flaw:
        raise flaw.kind(flaw.text) from None


def _items(document: Document, *, validate: bool) -> dict[Any, Any]:
    """The members of a document by name. Raises Flaw."""
    data = document.data = document.data or {}
    if validate:
        require(LIST_SCHEMA, data, (), "document")
    elif not isinstance(data, dict):
        raise Flaw(f"Invalid DSL: {shown(data)} is not of type 'object'", ())
    if not data.keys() - {"version"}:
        raise Flaw(f"At least one item must be in the list [data={shown(data)}].", ())
    return {name: item for name, item in data.items() if name != "version"}


class _Dumper(yaml.CSafeDumper):
    """Writes equal values out again instead of referring to the first."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _excerpt(name: Any, item: Any, document: Mapping[Any, Any]) -> str:
    """One workflow of a document of several, as a document of its own."""
    return dump({"version": document.get("version", "2.0"), name: item})


def dump(data: Any) -> str:
    """YAML in block style, keys in their order."""
    try:
        return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=1000))
    except yaml.YAMLError as problem:
        raise InvalidModelError(f"Definition can't be written as YAML: {problem}") from None
