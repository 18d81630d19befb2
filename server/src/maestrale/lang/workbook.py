"""Workbooks: members, and the text that is stored for each of them (1.20)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from maestrale.errors import DSLParsingError
from maestrale.lang.adhoc import read_action
from maestrale.lang.definitions import dump
from maestrale.lang.flaw import Flaw, error, require
from maestrale.lang.rules import WORKBOOK_SCHEMA
from maestrale.lang.schema import shown
from maestrale.lang.specs import WorkbookSpec
from maestrale.lang.typed import as_description, as_mapping, as_text, as_texts
from maestrale.lang.workflows import read_workflow
from maestrale.lang.yaml_text import Document, json_ready, load


@dataclass(frozen=True, slots=True)
class ParsedWorkbook:
    """A workbook with the definition texts of its members, by their short names."""

    spec: WorkbookSpec
    workflow_definitions: Mapping[str, str] = field(default_factory=dict)
    action_definitions: Mapping[str, str] = field(default_factory=dict)


def parse_workbook(text: str, *, validate: bool = True) -> ParsedWorkbook:
    """Read a workbook; ``validate`` and errors as of ``parse_workflows``."""
    document = load(text)
    try:
        return _read(document, validate=validate)
    except Flaw as flaw:
        raise error(flaw, document, "workbook") from None


def _read(document: Document, *, validate: bool) -> ParsedWorkbook:
    data = document.data = document.data or {}
    if isinstance(data, dict) and "version" in data:
        _check_version(data["version"])
    if validate:
        require(WORKBOOK_SCHEMA, data, (), "workbook")
    elif not isinstance(data, dict):
        raise Flaw(f"Invalid DSL: {shown(data)} is not of type 'object'", ())
    definitions = {section: _texts(document, section) for section in ("workflows", "actions")}
    members = {
        section: {name: item for name, item in as_mapping(data.get(section), (section,)).items() if name != "version"}
        for section in ("workflows", "actions")
    }
    spec = WorkbookSpec(
        name=as_text(data.get("name"), ("name",)),
        workflows=tuple(
            read_workflow(name, item, ("workflows", name), validate=validate, plain=document.plain)
            for name, item in members["workflows"].items()
        ),
        actions=tuple(
            read_action(name, item, ("actions", name), validate=validate, plain=document.plain) for name, item in members["actions"].items()
        ),
        description=as_description(data.get("description")),
        tags=as_texts(data.get("tags"), ("tags",)),
        raw=data if document.plain else json_ready(data),
    )
    return ParsedWorkbook(spec, definitions["workflows"], definitions["actions"])


def _check_version(version: Any) -> None:
    """Only the text ``'2.0'`` (L007); a number is an internal error in Mistral (H51)."""
    if version != "2.0":
        raise Flaw(f"Unsupported DSL version: {version}", ("version",), "expected version: '2.0', in quotes", DSLParsingError)


def _texts(document: Document, section: str) -> dict[str, str]:
    members = document.data.get(section)
    if not isinstance(members, dict):
        return {}
    lines = document.text.splitlines(keepends=True)
    return {name: _cut(document, lines, section, name) for name in members if name != "version"}


def _cut(document: Document, lines: list[str], section: str, name: Any) -> str:
    """The member's lines, moved to the left margin; a member in flow style is written anew.

    Mistral stores one line break for those, as it finds members by a line that has nothing but ``name:``.
    """
    first = document.line((section, name)) - 1
    opening = lines[first].strip() if 0 <= first < len(lines) else ""
    if opening not in (f"{name}:", f"'{name}':", f'"{name}":'):
        return dump({name: document.data[section][name]})
    indent = len(lines[first]) - len(lines[first].lstrip())
    cut = [lines[first].lstrip()]
    for line in lines[first + 1 :]:
        text = line.strip()
        margin = len(line) - len(line.lstrip())
        if text and not text.startswith("#") and margin <= indent:
            break
        cut.append(line[indent:] if text and margin >= indent else line)
    return "".join(cut).rstrip() + "\n"
