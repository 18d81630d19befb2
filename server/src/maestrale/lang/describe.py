"""The text forms of declared inputs that the API shows (API reference 1.6, 1.8)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from maestrale.lang.specs import REQUIRED, Parameter, WorkflowSpec


def describe_input(parameters: Sequence[Parameter]) -> str:
    """``a, b="2", c="None"``: the ``input`` field of a workflow."""
    return ", ".join(p.name if p.default is REQUIRED else f'{p.name}="{p.default}"' for p in parameters)


def describe_action_input(parameters: Sequence[Parameter], *, is_open: bool = False) -> str:
    """``a, b=2, c=null``: the ``input`` field of an action."""
    shown = [p.name if p.default is REQUIRED else f"{p.name}={json.dumps(p.default, default=str)}" for p in parameters]
    return ", ".join([*shown, *(["**kwargs"] if is_open else [])])


def describe_interface(spec: WorkflowSpec) -> dict[str, Any]:
    """The ``interface`` field of a workflow: inputs as declared, and the keys of the output."""
    return {
        "input": [p.name if p.default is REQUIRED else {p.name: p.default} for p in spec.input],
        "output": list(spec.output or ()),
    }
