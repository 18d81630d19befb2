"""The shape of definitions: which keys there are, and what may stand under each (1.4 - 1.20).

Tables only; ``schema.py`` knows how they are checked and worded. ``EXPECTED`` says in plain words what a key
wants, for the end of an error text. Knows nothing of what the keys mean.
"""

from __future__ import annotations

from collections.abc import Mapping

from maestrale.lang.schema import Rules, Schema

TEXT: Rules = {"type": "string", "minLength": 1}
TEXTS: Rules = {"type": "array", "items": TEXT, "uniqueItems": True, "minItems": 1}
ANY: Rules = {"anyOf": [{"type": name} for name in ("null", "array", "boolean", "integer", "number", "object", "string")]}
MAPPING: Rules = {"type": "object", "minProperties": 1, "patternProperties": {r"^\w+$": ANY}}
ONE_KEY: Rules = {"type": "object", "minProperties": 1, "maxProperties": 1, "patternProperties": {r"^\w+$": ANY}}
VERSION: Rules = {"anyOf": [TEXT, {"type": "integer", "minimum": 0}, {"type": "number", "minimum": 0.0}]}
INPUT: Rules = {"type": "array", "items": {"oneOf": [TEXT, ONE_KEY]}, "uniqueItems": True, "minItems": 1}

EXPRESSION: Rules = {"oneOf": [{"type": "string", "pattern": r"^({{(.*?)}})\s*$"}, {"type": "string", "pattern": r"^<%.*?%>\s*$"}]}
INTEGER: Rules = {"oneOf": [EXPRESSION, {"type": "integer", "minimum": 0}]}
BOOLEAN: Rules = {"oneOf": [EXPRESSION, {"type": "boolean"}]}

TARGET: Rules = {
    "oneOf": [
        {"type": "string", "pattern": r"^\S+$"},
        {"type": "string", "pattern": r"^\w+ \w+=(.*)$"},
        {"type": "string", "pattern": r"^\w+\(\w+=(.*)\)$"},
    ]
}
CONDITIONAL_TARGET: Rules = {"type": "object", "minProperties": 1, "maxProperties": 1, "patternProperties": {r"^\S+$": EXPRESSION}}
TARGETS: Rules = {"type": "array", "items": {"oneOf": [TARGET, CONDITIONAL_TARGET]}, "uniqueItems": True, "minItems": 1}
SCOPES: Rules = {
    "type": "object",
    "properties": {"branch": MAPPING, "global": MAPPING, "atomic": MAPPING},
    "additionalProperties": False,
}
ADVANCED_CLAUSE: Rules = {
    "type": "object",
    "properties": {"publish": SCOPES, "next": {"oneOf": [TARGET, CONDITIONAL_TARGET, TARGETS]}},
    "additionalProperties": False,
}
CLAUSE: Rules = {"oneOf": [TARGET, CONDITIONAL_TARGET, TARGETS, ADVANCED_CLAUSE]}
"""An on-clause (1.11)."""

RETRY_MAPPING: Rules = {
    "type": "object",
    "properties": {"count": INTEGER, "break-on": EXPRESSION, "continue-on": EXPRESSION, "delay": INTEGER},
    "required": ["count", "delay"],
    "additionalProperties": False,
}

POLICIES: Mapping[str, Rules] = {
    "retry": {"oneOf": [RETRY_MAPPING, TEXT]},
    "wait-before": INTEGER,
    "wait-after": INTEGER,
    "timeout": INTEGER,
    "pause-before": BOOLEAN,
    "concurrency": INTEGER,
    "fail-on": BOOLEAN,
}
CLAUSES: Mapping[str, Rules] = dict.fromkeys(("on-success", "on-error", "on-complete", "on-skip"), CLAUSE)
REQUIRES: Rules = {"oneOf": [TEXT, TEXTS]}

_TASK: Mapping[str, Rules] = {
    "name": TEXT,
    "version": VERSION,
    "action": TEXT,
    "workflow": TEXT,
    "input": {"oneOf": [MAPPING, TEXT]},
    "description": TEXT,
    "tags": TEXTS,
    "publish": MAPPING,
    "publish-on-error": MAPPING,
    "publish-on-skip": MAPPING,
    "with-items": {"oneOf": [TEXT, TEXTS]},
    "keep-result": BOOLEAN,
    "target": TEXT,
    "safe-rerun": BOOLEAN,
    **POLICIES,
}
_ACTION: Rules = {"type": "object", "required": ["action"]}
_WORKFLOW: Rules = {"type": "object", "required": ["workflow"]}


def _task(kind: str, own: Mapping[str, Rules]) -> Rules:
    return {
        "type": "object",
        "properties": {"type": {"enum": [kind]}, **_TASK, **own},
        "additionalProperties": False,
        "anyOf": [{"not": {"type": "object", "required": ["action", "workflow"]}}, {"oneOf": [_ACTION, _WORKFLOW]}],
    }


DIRECT_TASK = _task("direct", {"join": {"oneOf": [{"enum": ["all", "one"]}, {"type": "integer", "minimum": 0}]}, **CLAUSES})
REVERSE_TASK = _task("reverse", {"requires": REQUIRES})
TASK_DEFAULTS: Rules = {
    "type": "object",
    "properties": {**POLICIES, **CLAUSES, "requires": REQUIRES, "safe-rerun": BOOLEAN},
    "additionalProperties": False,
}
WORKFLOW: Rules = {
    "type": "object",
    "properties": {
        "name": TEXT,
        "version": VERSION,
        "tags": TEXTS,
        "input": INPUT,
        "output": MAPPING,
        "output-on-error": MAPPING,
        "vars": MAPPING,
        "task-defaults": MAPPING,
        "tasks": {"type": "object", "minProperties": 1, "patternProperties": {r"^\w+$": MAPPING}},
    },
    "required": ["tasks"],
}
ACTION: Rules = {
    "type": "object",
    "properties": {
        "name": TEXT,
        "version": VERSION,
        "base": TEXT,
        "base-input": MAPPING,
        "input": INPUT,
        "output": ANY,
        "description": TEXT,
        "tags": TEXTS,
    },
    "required": ["base"],
    "additionalProperties": False,
}
LIST: Rules = {"type": "object", "properties": {"version": VERSION}, "required": ["version"], "additionalProperties": MAPPING}
"""A document of several workflows or actions."""

_MEMBERS: Rules = {
    "type": "object",
    "minProperties": 1,
    "patternProperties": {"^version$": {"enum": ["2.0", 2.0]}, r"^(?!version$)[\w-]+$": ANY},
    "additionalProperties": False,
}
WORKBOOK: Rules = {
    "type": "object",
    "properties": {
        "version": {"enum": ["2.0", 2.0], **VERSION},
        "name": TEXT,
        "description": TEXT,
        "tags": TEXTS,
        "actions": _MEMBERS,
        "workflows": _MEMBERS,
    },
    "required": ["version", "name"],
    "additionalProperties": False,
}

DIRECT_TASK_SCHEMA = Schema(DIRECT_TASK)
REVERSE_TASK_SCHEMA = Schema(REVERSE_TASK)
TASK_DEFAULTS_SCHEMA = Schema(TASK_DEFAULTS)
WORKFLOW_SCHEMA = Schema(WORKFLOW)
ACTION_SCHEMA = Schema(ACTION)
LIST_SCHEMA = Schema(LIST)
WORKBOOK_SCHEMA = Schema(WORKBOOK)
RETRY_SCHEMA = Schema(RETRY_MAPPING)
SCOPES_SCHEMA = Schema(SCOPES)

WORKFLOW_KEYS = frozenset({"type", "description", *WORKFLOW["properties"]})
"""All keys that mean something in a workflow; others are ignored there (L022)."""

_INTEGER_OR_EXPRESSION = "an integer >= 0, or a text that is one whole expression"
_BOOLEAN_OR_EXPRESSION = "true or false, or a text that is one whole expression"
_CLAUSE_FORMS = "a task name, a list of names and {name: <% condition %>}, or a mapping with 'publish' and 'next'"
_VARIABLES = "a mapping of names to values, with at least one"
EXPECTED: Mapping[str, str] = {
    **dict.fromkeys(("wait-before", "wait-after", "timeout", "concurrency", "count", "delay"), _INTEGER_OR_EXPRESSION),
    **dict.fromkeys(("pause-before", "fail-on", "keep-result", "safe-rerun"), _BOOLEAN_OR_EXPRESSION),
    **dict.fromkeys(("break-on", "continue-on"), "a text that is one whole expression, such as <% $.done %>"),
    **dict.fromkeys(CLAUSES, _CLAUSE_FORMS),
    **dict.fromkeys(("publish", "publish-on-error", "publish-on-skip"), _VARIABLES),
    **dict.fromkeys(("output", "output-on-error", "vars", "branch", "global", "atomic", "base-input"), _VARIABLES),
    "next": "a task name, or a list of names and {name: <% condition %>}",
    "retry": "a mapping with 'count' and 'delay', or a text such as count=3 delay=5",
    "input": "a list of names and {name: default}, without repeats",
    "task input": "a mapping of parameters, or a text that is an expression giving one",
    "clause publish": "one or more of 'branch', 'global' and 'atomic', each a mapping of names to values",
    "tags": "a list of texts without repeats",
    "join": "'all', 'one', or an integer >= 0",
    "requires": "a task name, or a list of task names without repeats",
    "with-items": "a text such as 'i in <% $.list %>', or a list of such texts",
    "tasks": "a mapping of task names to tasks, each with at least one key",
    "action": "either 'action' or 'workflow', with a name as text",
    "workflow": "either 'action' or 'workflow', with a name as text",
    "base": "the name of an action",
    "version": "version: '2.0'",
    "task-defaults": "a mapping with policies, on-clauses, 'requires' or 'safe-rerun'",
}
"""What each key wants, in words; a key of several meanings has further entries with a word before it."""


KNOWN_KEYS: Mapping[str, frozenset[str]] = {
    "direct": frozenset(DIRECT_TASK["properties"]),
    "reverse": frozenset(REVERSE_TASK["properties"]),
    "task-defaults": frozenset(TASK_DEFAULTS["properties"]),
    "workflow": WORKFLOW_KEYS,
    "action": frozenset(ACTION["properties"]),
    "workbook": frozenset(WORKBOOK["properties"]),
    "retry": frozenset(RETRY_MAPPING["properties"]),
    "scopes": frozenset(SCOPES["properties"]),
    "clause": frozenset(ADVANCED_CLAUSE["properties"]),
}
"""Keys that may stand in each kind of mapping; the first two are tasks."""
