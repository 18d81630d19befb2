"""What is known of a dynamic action before it runs: its inputs, as its class declares them (1.15).

The text is parsed, never run: it is an administrator's code, and the server's own process is no place for it.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any

from maestrale.core.ports import ActionDescriptor
from maestrale.lang.specs import REQUIRED, Parameter


def describe_dynamic(row: Mapping[str, Any], content: str, carrier: str) -> ActionDescriptor:
    """A stored dynamic action with its source's text as a descriptor; ``carrier`` is the registered action that runs it.

    Where inputs can't be told from the text any are taken, and the class's constructor judges them.
    """
    parameters: tuple[Parameter, ...] = ()
    is_open, is_sync, description = True, True, ""
    try:
        classes = {node.name: node for node in ast.parse(content).body if isinstance(node, ast.ClassDef)}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        classes = {}  # running it names the line
    lineage = _lineage(classes, row["class_name"])
    if lineage:
        description = ast.get_docstring(lineage[0]) or ""
        is_sync = _is_sync(lineage)
        found = next((method for node in lineage if (method := _method(node, "__init__")) is not None), None)
        if found is not None:
            parameters, is_open = _inputs(found.args)
        else:
            is_open = bool(lineage[-1].bases) and not _is_plain(lineage[-1])
    return ActionDescriptor(
        name=row["name"], parameters=parameters, class_name=row["class_name"], is_sync=is_sync, open_input=is_open,
        description=description, namespace=row["namespace"], carrier=carrier,
        carried={"source_id": row["code_source_id"], "class_name": row["class_name"]},
    )


def _lineage(classes: Mapping[str, ast.ClassDef], name: str) -> list[ast.ClassDef]:
    """The class and its first bases, as far as the text has them."""
    found: list[ast.ClassDef] = []
    while name in classes and classes[name] not in found:
        found.append(classes[name])
        first = next(iter(classes[name].bases), None)
        name = first.id if isinstance(first, ast.Name) else ""
    return found


def _is_plain(node: ast.ClassDef) -> bool:
    """Whether the class's base is mistral-lib's, which takes no inputs."""
    return ast.unparse(node.bases[0]).rpartition(".")[2] == "Action"


def _method(node: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    return next((one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == name), None)


def _is_sync(lineage: list[ast.ClassDef]) -> bool:
    """False where ``is_sync`` does nothing but return False."""
    method = next((found for node in lineage if (found := _method(node, "is_sync")) is not None), None)
    if method is None:
        return True
    returned = [node.value for node in ast.walk(method) if isinstance(node, ast.Return)]
    return not (len(returned) == 1 and isinstance(returned[0], ast.Constant) and returned[0].value is False)


def _inputs(arguments: ast.arguments) -> tuple[tuple[Parameter, ...], bool]:
    """The parameters behind ``self``, and whether any others are taken."""
    named = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(named) - len(arguments.defaults)) + list(arguments.defaults)
    pairs = [*zip(named[1:], defaults[1:], strict=True), *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    return tuple(Parameter(argument.arg, _default(value)) for argument, value in pairs), arguments.kwarg is not None


def _default(value: ast.expr | None) -> Any:
    """A default as far as it is a plain value; another one is left to the constructor and shows as null."""
    if value is None:
        return REQUIRED
    try:
        return json.loads(json.dumps(ast.literal_eval(value)))
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return None
