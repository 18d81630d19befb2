"""YAQL as OpenStack Mistral drives it: the whole context converted, the result converted back. Slow, and right."""

from __future__ import annotations

import collections.abc
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import yaql
import yaql.language.factory

TASKS = {
    "t": {"id": "1", "name": "t", "result": [1, "a", {"k": [2]}], "state": "SUCCESS", "published": {"p": 1}},
    "u": {"id": "2", "name": "u", "result": {"a": 1, "l": [1, 2], "s": "x,y"}, "state": "ERROR", "published": {}},
    "n": {"id": "3", "name": "n", "result": 5, "state": "SUCCESS", "published": None},
}
ENV = {"x": 7, "s": "env", "l": [1, 2, 2], "d": {"a": 1, "b": None}}
GLOBALS = {"g": 1, "l": ["a", 1], "d": {"k": "v"}}


class LazyTask(Mapping[str, Any]):
    """A task as the engine hands it out, which notes what was read of it."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields
        self.read: list[str] = []

    def __getitem__(self, key: str) -> Any:
        value = self._fields[key]
        self.read.append(key)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


class Lookup:
    """The engine's answers, from the tables above."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self._uuids = 0

    def env(self) -> dict[str, Any]:
        return ENV

    def execution(self) -> dict[str, Any]:
        return {"id": "e", "name": "wf", "input": {"a": 1}, "spec": {}, "params": {}, "root_execution_id": None}

    def executions(self, **filters: Any) -> list[Any]:
        self.calls.append(filters)
        return [self.execution()]

    def task(self, name: str | None) -> Mapping[str, Any] | None:
        fields = TASKS.get(name or "t")
        return None if fields is None else LazyTask(fields)

    def tasks(self, **filters: Any) -> list[Any]:
        self.calls.append(filters)
        return [LazyTask(fields) for fields in TASKS.values()]

    def global_(self, name: str) -> Any:
        return GLOBALS.get(name)

    def uuid(self) -> str:
        self._uuids += 1
        return f"uuid-{self._uuids}"

    def now(self) -> datetime:
        return datetime(2026, 8, 1, 10, 20, 30)


def _engine() -> Any:
    factory = yaql.language.factory.YaqlFactory(keyword_operator="=>", allow_delegates=False)
    return factory.create(
        options={
            "yaql.limitIterators": -1,
            "yaql.memoryQuota": -1,
            "yaql.convertTuplesToLists": True,
            "yaql.convertSetsToLists": False,
            "yaql.iterableDicts": False,
            "yaql.convertOutputData": True,
        }
    )


def _context() -> Any:
    context = yaql.create_context()
    context.register_function(lambda context: context["__env"], name="env")
    context.register_function(lambda context, task_name=None: TASKS.get(task_name or "t"), name="task")
    context.register_function(lambda context, var_name: GLOBALS.get(var_name), name="global")
    context.register_function(lambda context: Lookup().execution(), name="execution")
    context.register_function(lambda context, data: json.loads(data), name="json_parse")
    context.register_function(lambda context, data: json.dumps(data, indent=4, default=_plain), name="json_dump")
    return context


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else list(value)


ENGINE = _engine()
CONTEXT = _context()


def evaluate(expression: str, data: dict[str, Any]) -> Any:
    """The value that Mistral would get; raises what YAQL raises."""
    context = CONTEXT.create_child_context()
    context["$"] = yaql.language.utils.convert_input_data(data)
    for name in ("__env", "__execution", "__task_execution"):
        context[name] = data.get(name)
    result = ENGINE(expression).evaluate(context=context)
    return list(result) if isinstance(result, collections.abc.Iterator) else result
