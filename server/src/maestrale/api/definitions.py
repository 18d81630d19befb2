"""What the endpoints of definitions share: their query arguments, the right to publish, the verdict on a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from maestrale.api.bodies import read_text
from maestrale.api.call import Call
from maestrale.api.openapi import Operation, literal, operation, parameter, text_body
from maestrale.api.resources import Kind
from maestrale.api.routes import check_rule
from maestrale.api.wire import reply
from maestrale.errors import MaestraleError, RequestError
from maestrale.lang.specs import Warning as Surprise

PUBLIC = "public"
PRIVATE = "private"
ABSENT = frozenset({"", "None", "null"})
"""What clients send for a scope that nobody chose (3.4)."""

LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition's text with the arguments that came beside it."""

    text: str
    namespace: str
    scope: str
    skip_validation: bool


def read_definition(call: Call, publicize_rule: str) -> Definition:
    """The request of an endpoint that takes a definition. Raises RequestError, NotAllowedError."""
    return Definition(
        read_text(call.content), read_namespace(call), read_scope(call, publicize_rule), call.arguments.flag("skip_validation"),
    )


def read_namespace(call: Call) -> str:
    """The namespace, the default one if none is named. Raises RequestError."""
    namespace = call.arguments.get("namespace") or ""
    if len(namespace) > LONGEST_NAME:
        raise RequestError(f"The namespace has {len(namespace)} characters, at most {LONGEST_NAME} are allowed.")
    return namespace


def read_scope(call: Call, publicize_rule: str) -> str:
    """The scope, private if none is named (A094). Raises RequestError, or NotAllowedError where publishing is not permitted."""
    return check_scope(call, call.arguments.get("scope"), publicize_rule)


def check_scope(call: Call, scope: str | None, publicize_rule: str) -> str:
    """The same for a scope that came in a body (A295)."""
    if scope is None or scope in ABSENT:
        return PRIVATE
    if scope not in {PUBLIC, PRIVATE}:
        raise RequestError(f"Scope must be one of the following: {{'public', 'private'}}; actual: {scope[:LONGEST_NAME]}")
    if scope == PUBLIC:
        check_rule(call, publicize_rule)
    return scope


def verdict(call: Call, check: Callable[..., None], surprises: Callable[[str], Sequence[Surprise]]) -> Response:
    """The answer of a validate endpoint: never an error, whatever the text (A106)."""
    try:
        text = read_text(call.content)
        check(text, skip_validation=call.arguments.flag("skip_validation"))
    except MaestraleError as error:
        return reply({"valid": False, "error": error.message})
    body: dict[str, Any] = {"valid": True}
    found = _surprises(text, surprises)
    if found:
        body["warnings"] = found
    return reply(body)


def _surprises(text: str, surprises: Callable[[str], Sequence[Surprise]]) -> list[dict[str, Any]]:
    """What is accepted but surprising; nothing of a text that was accepted unchecked and can't be read further."""
    try:
        return [{"place": one.place, "line": one.line, "text": one.text} for one in surprises(text)]
    except MaestraleError:
        return []


# ---- the description

SKIP_VALIDATION = parameter(
    "skip_validation", "Store unchecked, where the option api.validation_mode is enabled.", Kind.FLAG,
)


def validate_operation(resource: str, example: str) -> Operation:
    """The description of a validate endpoint."""
    return operation(
        resource, "Check a definition without storing it", errors=(401, 403, 413), body=text_body(example), parameters=[SKIP_VALIDATION],
        reply=literal(
            {
                "type": "object", "required": ["valid"],
                "properties": {
                    "valid": {"type": "boolean"}, "error": {"type": "string"}, "warnings": {"type": "array", "items": {"type": "object"}},
                },
            },
            {"valid": False, "error": "Task 'ghost' not found. (line 6, workflow 'demo', task 't', key 'on-success')"},
        ),
    )
