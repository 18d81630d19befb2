"""Closures for functions of YAQL and for those of Mistral. See ``fastpath``.

A builder gets the trees of the arguments and compiles those that it takes; a form that it doesn't know raises
UnsureError, and the whole expression is left to YAQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from maestrale.expr import documents
from maestrale.expr import fast_operators as operators
from maestrale.expr import fast_values as values
from maestrale.expr.fast_nodes import RAW, Compiler, Node
from maestrale.expr.fast_values import UnsureError
from maestrale.expr.limits import Options, check_text_length

FunctionBuilder = Callable[[Compiler, Any], Node]


# Functions of Mistral: what they return is RAW, as YAQL doesn't convert it.


def _task(compiler: Compiler, trees: Any) -> Node:
    nodes = compiler.arguments(trees, 0, 1)
    if not nodes:
        return Node(lambda _current, run: run.lookup.task(None), RAW, shared=True)
    name = nodes[0].run
    return Node(lambda current, run: run.lookup.task(name(current, run) or None), RAW, shared=True)


def _env(compiler: Compiler, trees: Any) -> Node:
    compiler.arguments(trees, 0, 0)

    def env(_current: Any, run: Any) -> Any:
        root = run.root
        return root["__env"] if isinstance(root, Mapping) and "__env" in root else run.lookup.env()

    return Node(env, RAW, shared=True)


def _execution(compiler: Compiler, trees: Any) -> Node:
    compiler.arguments(trees, 0, 0)
    return Node(lambda _current, run: run.lookup.execution(), RAW, shared=True)


def _global(compiler: Compiler, trees: Any) -> Node:
    name = compiler.arguments(trees, 1, 1)[0].run
    return Node(lambda current, run: run.lookup.global_(name(current, run)), RAW, shared=True)


def _json_parse(compiler: Compiler, trees: Any) -> Node:
    text, options = compiler.arguments(trees, 1, 1)[0].run, compiler.options
    return Node(lambda current, run: documents.json_parse(text(current, run), options), RAW, shared=True)


def _uuid(compiler: Compiler, trees: Any) -> Node:
    compiler.arguments(trees, 0, 0)
    return Node(lambda _current, run: run.lookup.uuid())


def _dump(write: Callable[[Any, Options], str]) -> FunctionBuilder:
    def build(compiler: Compiler, trees: Any) -> Node:
        value, options = compiler.arguments(trees, 1, 1)[0].run, compiler.options
        return Node(operators.accounted(compiler, lambda current, run: write(value(current, run), options)))

    return build


# Functions of one value.


def _unary(function: Callable[[Any], Any]) -> FunctionBuilder:
    def build(compiler: Compiler, trees: Any) -> Node:
        value = compiler.arguments(trees, 1, 1)[0].run
        return Node(lambda current, run: function(value(current, run)))

    return build


_NUMERIC = frozenset({int, float, str, bool})


def _int(value: Any) -> int:
    if type(value) in _NUMERIC:
        return int(value)
    if value is None:
        return 0
    raise UnsureError


def _float(value: Any) -> float:
    if type(value) in _NUMERIC:
        return float(value)
    if value is None:
        return 0.0
    raise UnsureError


def _abs(value: Any) -> Any:
    if values.is_number(value):
        return abs(value)
    raise UnsureError


def _is_list(value: Any) -> bool:
    if type(value) is list:
        return True
    if type(value) in (str, int, float, bool, dict) or value is None:
        return False
    raise UnsureError


# Functions of several values.


def _extreme(*, greatest: bool) -> FunctionBuilder:
    def build(compiler: Compiler, trees: Any) -> Node:
        nodes = compiler.arguments(trees, 2, 2)
        one, other = nodes[0].run, nodes[1].run
        choose = partial(values.choose, greatest=greatest)
        return Node(lambda current, run: choose(one(current, run), other(current, run)))

    return build


def _range(compiler: Compiler, trees: Any) -> Node:
    bounds = [node.run for node in compiler.arguments(trees, 1, 3)]
    options, looping = compiler.options, compiler.looping

    def count(current: Any, run: Any) -> Iterator[int]:
        numbers = [bound(current, run) for bound in bounds]
        if any(type(number) is not int for number in numbers):
            raise UnsureError
        result = range(*numbers)
        if len(result) > options.element_limit:
            raise UnsureError
        if looping:
            run.meter.step(len(result))
        return iter(result)

    return Node(count)


def _switch(compiler: Compiler, trees: Any) -> Node:
    rules = operators.mapping_rules(compiler, trees)
    runs = tuple((condition.run, value.run) for condition, value in rules)
    origin = 0
    for _, value in rules:
        origin |= value.origin

    def choose(current: Any, run: Any) -> Any:
        for condition, value in runs:
            if condition(current, run):
                return value(current, run)
        return None

    return Node(choose, origin, all(value.shared for _, value in rules))


def _coalesce(compiler: Compiler, trees: Any) -> Node:
    nodes = compiler.arguments(trees, 0, operators.MOST)
    runs = tuple(node.run for node in nodes)
    origin = 0
    for node in nodes:
        origin |= node.origin

    def choose(current: Any, run: Any) -> Any:
        for candidate in runs:
            value = candidate(current, run)
            if value is not None:
                return value
        return None

    return Node(choose, origin, all(node.shared for node in nodes))


def _concat(compiler: Compiler, trees: Any) -> Node:
    runs = [node.run for node in compiler.arguments(trees, 1, operators.MOST)]
    options = compiler.options

    def concatenate(current: Any, run: Any) -> str:
        parts = [part(current, run) for part in runs]
        if any(type(part) is not str for part in parts):
            raise UnsureError
        check_text_length(sum(map(len, parts)), options)
        return "".join(parts)

    return Node(operators.accounted(compiler, concatenate))


def _list(compiler: Compiler, trees: Any) -> Node:
    node = operators.literal_list(compiler, trees)
    build = node.run

    def checked(current: Any, run: Any) -> Any:
        result = build(current, run)
        if any(isinstance(value, Iterator) for value in result):
            raise UnsureError
        return result

    return Node(checked, node.origin)


FUNCTIONS: Mapping[str, FunctionBuilder] = {
    "task": _task,
    "env": _env,
    "execution": _execution,
    "global": _global,
    "json_parse": _json_parse,
    "json_dump": _dump(documents.json_dump),
    "yaml_dump": _dump(documents.yaml_dump),
    "uuid": _uuid,
    "len": _unary(values.length),
    "str": _unary(values.text),
    "int": _unary(_int),
    "float": _unary(_float),
    "bool": _unary(bool),
    "abs": _unary(_abs),
    "isString": _unary(lambda value: type(value) is str),
    "isBoolean": _unary(lambda value: type(value) is bool),
    "isInteger": _unary(lambda value: type(value) is int),
    "isNumber": _unary(values.is_number),
    "isDict": _unary(lambda value: type(value) is dict or isinstance(value, Mapping)),
    "isList": _unary(_is_list),
    "isEmpty": _unary(values.is_empty_text),
    "min": _extreme(greatest=False),
    "max": _extreme(greatest=True),
    "range": _range,
    "switch": _switch,
    "coalesce": _coalesce,
    "concat": _concat,
    "list": _list,
    "dict": operators.build_map,
}
