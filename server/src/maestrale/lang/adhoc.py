"""An ad-hoc action: from its mapping to an ``ActionSpec`` (1.19)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maestrale.lang.flaw import Flaw, require, require_syntax
from maestrale.lang.rules import ACTION_SCHEMA
from maestrale.lang.schema import shown
from maestrale.lang.specs import REQUIRED, ActionSpec
from maestrale.lang.tasks import read_command
from maestrale.lang.typed import as_description, as_mapping, as_parameters, as_texts, merged
from maestrale.lang.yaml_text import Path, json_ready

VERSION = "2.0"


def read_action(name: Any, data: Any, path: Path, *, validate: bool, plain: bool) -> ActionSpec:
    """Complete, check and build one action. ``plain``: the data holds JSON types only. Raises Flaw."""
    if not isinstance(name, str):
        raise Flaw(f"Invalid DSL: {shown(name)} is not of type 'string'", path, "write the name in quotes")
    if not isinstance(data, dict):
        raise Flaw(f"Invalid DSL: {shown(data)} is not of type 'object'", path)
    data["name"] = name
    data["version"] = VERSION
    if validate:
        require(ACTION_SCHEMA, data, path, "action")
    return build_action(data if plain else json_ready(data), path, check=validate)


def build_action(data: Mapping[str, Any], path: Path, *, check: bool) -> ActionSpec:
    """The specification of a completed mapping. Raises Flaw."""
    if "base" not in data:
        raise Flaw("Invalid DSL: 'base' is a required property", path)
    command = read_command(data["base"], (*path, "base"))
    base_input = as_mapping(data.get("base-input"), (*path, "base-input"))
    if check:
        for name, value in command.parameters.items():
            require_syntax(value, (*path, "base", name))
        for name, value in base_input.items():
            require_syntax(value, (*path, "base-input", name))
        require_syntax(data.get("output"), (*path, "output"))
    return ActionSpec(
        name=data["name"],
        base=command.name,
        base_input=merged(base_input, command.parameters),
        input=as_parameters(data.get("input"), (*path, "input")),
        output=data.get("output", REQUIRED),
        description=as_description(data.get("description")),
        tags=as_texts(data.get("tags"), (*path, "tags")),
        raw=data,
    )
