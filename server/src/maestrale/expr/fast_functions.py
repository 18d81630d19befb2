"""Closures for functions and methods of YAQL and for those of Mistral. See ``fastpath``.

A builder gets the trees of the arguments and compiles those that it takes; a form that it doesn't know raises
UnsureError, and the whole expression is left to YAQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any

from maestrale.expr import documents
from maestrale.expr import fast_operators as operators
from maestrale.expr import fast_values as values
from maestrale.expr.fast_nodes import FROZEN, RAW, Compiler, Node
from maestrale.expr.fast_values import UnsureError
from maestrale.expr.limits import check_text_length

FunctionBuilder = Callable[[Compiler, Any], Node]
MethodBuilder = Callable[[Compiler, Node, Any], Node]

_MISSING = object()


def _take(nodes: list[Node], least: int, most: int) -> list[Node]:
    """The arguments if their number is right."""
    if not least <= len(nodes) <= most:
        raise UnsureError
    return nodes


# Functions of Mistral: what they return is RAW, as YAQL doesn't convert it.


def _task(compiler: Compiler, trees: Any) -> Node:
    nodes = _take(compiler.arguments(trees), 0, 1)
    if not nodes:
        return Node(lambda _current, run: run.lookup.task(None), RAW, shared=True)
    name = nodes[0].run
    return Node(lambda current, run: run.lookup.task(name(current, run) or None), RAW, shared=True)


def _env(compiler: Compiler, trees: Any) -> Node:
    _take(compiler.arguments(trees), 0, 0)

    def env(_current: Any, run: Any) -> Any:
        root = run.root
        return root["__env"] if isinstance(root, Mapping) and "__env" in root else run.lookup.env()

    return Node(env, RAW, shared=True)


def _execution(compiler: Compiler, trees: Any) -> Node:
    _take(compiler.arguments(trees), 0, 0)
    return Node(lambda _current, run: run.lookup.execution(), RAW, shared=True)


def _global(compiler: Compiler, trees: Any) -> Node:
    name = _take(compiler.arguments(trees), 1, 1)[0].run
    return Node(lambda current, run: run.lookup.global_(name(current, run)), RAW, shared=True)


def _json_parse(compiler: Compiler, trees: Any) -> Node:
    text, options = _take(compiler.arguments(trees), 1, 1)[0].run, compiler.options
    return Node(lambda current, run: documents.json_parse(text(current, run), options), RAW, shared=True)


def _json_dump(compiler: Compiler, trees: Any) -> Node:
    value, options = _take(compiler.arguments(trees), 1, 1)[0].run, compiler.options
    looping = compiler.looping

    def dump(current: Any, run: Any) -> str:
        text = documents.json_dump(value(current, run), options)
        if looping:
            run.meter.make(text)
        return text

    return Node(dump)


# Functions of one value.


def _unary(function: Callable[[Any], Any]) -> FunctionBuilder:
    def build(compiler: Compiler, trees: Any) -> Node:
        value = _take(compiler.arguments(trees), 1, 1)[0].run
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
        nodes = _take(compiler.arguments(trees), 2, 2)
        one, other = nodes[0].run, nodes[1].run
        choose = partial(_choose, greatest=greatest)
        return Node(lambda current, run: choose(one(current, run), other(current, run)))

    return build


def _choose(first: Any, second: Any, *, greatest: bool) -> Any:
    return second if values.greater(second, first) is greatest else first


def _range(compiler: Compiler, trees: Any) -> Node:
    bounds = [node.run for node in _take(compiler.arguments(trees), 1, 3)]
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
    nodes = compiler.arguments(trees)
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
    runs = [node.run for node in _take(compiler.arguments(trees), 1, 1_000)]
    options, looping = compiler.options, compiler.looping

    def concatenate(current: Any, run: Any) -> str:
        parts = [part(current, run) for part in runs]
        if any(type(part) is not str for part in parts):
            raise UnsureError
        check_text_length(sum(map(len, parts)), options)
        text = "".join(parts)
        if looping:
            run.meter.make(text)
        return text

    return Node(concatenate)


def _list(compiler: Compiler, trees: Any) -> Node:
    node = operators.literal_list(compiler, trees)
    build = node.run

    def checked(current: Any, run: Any) -> Any:
        result = build(current, run)
        if any(isinstance(value, Iterator) for value in result):
            raise UnsureError
        return result

    return Node(checked, node.origin)


# Methods of mappings and collections.


def _get(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    nodes = _take(compiler.arguments(trees), 1, 2)
    source, key, mapping = receiver.run, nodes[0].run, values.mapping
    if len(nodes) == 1:
        return Node(
            lambda current, run: mapping(source(current, run)).get(key(current, run)), receiver.origin, receiver.shared
        )
    default = nodes[1].run
    return Node(
        lambda current, run: mapping(source(current, run)).get(key(current, run), default(current, run)),
        receiver.origin | nodes[1].origin,
        receiver.shared and nodes[1].shared,
    )


def _view(view: str) -> MethodBuilder:
    def build(compiler: Compiler, receiver: Node, trees: Any) -> Node:
        _take(compiler.arguments(trees), 0, 0)
        source, looping = receiver.run, compiler.looping

        def look(current: Any, run: Any) -> Any:
            mapping = values.mapping(source(current, run))
            if looping:
                run.meter.step(len(mapping) // 64)
            return mapping.keys() if view == "keys" else mapping.values()

        return Node(look, receiver.origin)

    return build


def _length(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    _take(compiler.arguments(trees), 0, 0)
    source, length = receiver.run, values.length
    return Node(lambda current, run: length(source(current, run)))


def _count(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    collection = _collection(compiler, receiver)
    _take(compiler.arguments(trees), 0, 0)
    return Node(lambda current, run: sum(1 for _ in collection(current, run)))


def _collection(compiler: Compiler, receiver: Node) -> Callable[[Any, Any], Any]:
    """The receiver as a collection that is about to be walked through, each element of which is a step."""
    compiler.findings.loops = True
    source, options, sequence = receiver.run, compiler.options, values.sequence

    def walk(current: Any, run: Any) -> Any:
        collection = sequence(source(current, run), options)
        if type(collection) is list:
            run.meter.step(len(collection))
        return collection

    return walk


def _lambda(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    """The one argument, evaluated with ``$`` for an element of the receiver."""
    if len(trees) != 1:
        raise UnsureError
    return compiler.loop(receiver).compile(trees[0])


def _select(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    collection, node = _collection(compiler, receiver), _lambda(compiler, receiver, trees)
    body = node.run

    def select(current: Any, run: Any) -> Any:
        return map(lambda element: body(element, run), collection(current, run))

    return Node(select, node.origin)


def _where(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    collection, body = _collection(compiler, receiver), _lambda(compiler, receiver, trees).run

    def where(current: Any, run: Any) -> Any:
        return filter(lambda element: body(element, run), collection(current, run))

    return Node(where, receiver.origin)


def _ordered(*, descending: bool) -> MethodBuilder:
    def build(compiler: Compiler, receiver: Node, trees: Any) -> Node:
        collection, key = _collection(compiler, receiver), _lambda(compiler, receiver, trees).run

        def order(current: Any, run: Any) -> Any:
            return values.Ordered(
                collection(current, run), lambda element: key(element, run), descending=descending
            )

        return Node(order, receiver.origin)

    return build


def _quantified(*, wanted: bool) -> MethodBuilder:
    """``any`` looks for an element that holds, ``all`` for one that doesn't."""

    def build(compiler: Compiler, receiver: Node, trees: Any) -> Node:
        collection = _collection(compiler, receiver)
        body = _lambda(compiler, receiver, trees).run if trees else lambda element, _run: element

        def decide(current: Any, run: Any) -> bool:
            for element in collection(current, run):
                if bool(body(element, run)) is wanted:
                    return wanted
            return not wanted

        return Node(decide)

    return build


def _first(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    nodes = _take(compiler.arguments(trees), 0, 1)
    source, options, sequence = receiver.run, compiler.options, values.sequence
    default = nodes[0].run if nodes else lambda _current, _run: _MISSING

    def first(current: Any, run: Any) -> Any:
        collection = sequence(source(current, run), options)
        fallback = default(current, run)
        value = next(iter(collection), _MISSING)
        if value is not _MISSING:
            return value
        if fallback is _MISSING:
            raise UnsureError
        return fallback

    origin = receiver.origin | (nodes[0].origin if nodes else 0)
    return Node(first, origin, receiver.shared and all(node.shared for node in nodes))


def _last(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    _take(compiler.arguments(trees), 0, 0)
    collection = _collection(compiler, receiver)

    def last(current: Any, run: Any) -> Any:
        values_left = collection(current, run)
        value = _MISSING
        if type(values_left) is list:
            value = values_left[-1] if values_left else _MISSING
        else:
            for value in values_left:
                pass
        if value is _MISSING:
            raise UnsureError
        return value

    return Node(last, receiver.origin, receiver.shared)


def _contains(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    needle = _take(compiler.arguments(trees), 1, 1)[0]
    found = operators.contains(compiler, needle, receiver, text=False)
    return found


def _contains_key(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    key = _take(compiler.arguments(trees), 1, 1)[0].run
    source, mapping = receiver.run, values.mapping
    return Node(lambda current, run: _has_key(mapping(source(current, run)), key(current, run)))


def _has_key(mapping: Mapping[Any, Any], key: Any) -> bool:
    return key in mapping


def _to_list(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    _take(compiler.arguments(trees), 0, 0)
    collection = _collection(compiler, receiver)
    looping = compiler.looping

    def to_list(current: Any, run: Any) -> list[Any]:
        result = list(collection(current, run))
        if looping:
            run.meter.make(result)
        return result

    return Node(to_list, receiver.origin | FROZEN)


def _sum(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    nodes = _take(compiler.arguments(trees), 0, 1)
    collection, initial = _collection(compiler, receiver), nodes[0].run if nodes else None

    def add_up(current: Any, run: Any) -> Any:
        elements = iter(collection(current, run))
        total = next(elements, _MISSING) if initial is None else initial(current, run)
        if not values.is_number(total):
            raise UnsureError
        for element in elements:
            values.numbers(total, element)
            total += element
        return total

    return Node(add_up)


def _extreme_of(*, greatest: bool) -> MethodBuilder:
    def build(compiler: Compiler, receiver: Node, trees: Any) -> Node:
        nodes = _take(compiler.arguments(trees), 0, 1)
        collection, initial = _collection(compiler, receiver), nodes[0].run if nodes else None

        def find(current: Any, run: Any) -> Any:
            elements = iter(collection(current, run))
            result = next(elements, _MISSING) if initial is None else initial(current, run)
            if result is _MISSING:
                raise UnsureError
            for element in elements:
                result = _choose(result, element, greatest=greatest)
            return result

        return Node(find, receiver.origin | FROZEN | RAW)

    return build


def _slice(*, skip: bool) -> MethodBuilder:
    def build(compiler: Compiler, receiver: Node, trees: Any) -> Node:
        number = _take(compiler.arguments(trees), 1, 1)[0].run
        collection = _collection(compiler, receiver)

        def cut(current: Any, run: Any) -> Any:
            elements, count = collection(current, run), number(current, run)
            if type(count) is not int:
                raise UnsureError
            return islice(elements, count, None) if skip else islice(elements, count)

        return Node(cut, receiver.origin)

    return build


def _reverse(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    _take(compiler.arguments(trees), 0, 0)
    collection = _collection(compiler, receiver)
    return Node(lambda current, run: reversed(list(collection(current, run))), receiver.origin)


def _join(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    separator = _take(compiler.arguments(trees), 1, 1)[0].run
    collection, options = _collection(compiler, receiver), compiler.options

    def join(current: Any, run: Any) -> str:
        elements, between = collection(current, run), separator(current, run)
        if type(between) is not str:
            raise UnsureError
        parts = [values.text(element) for element in elements]
        check_text_length(sum(map(len, parts)) + len(between) * len(parts), options)
        result = between.join(parts)
        run.meter.make(result)
        return result

    return Node(join)


# Methods of texts.


def _text_method(method: Callable[..., Any], least: int, most: int, origin: int = 0) -> MethodBuilder:
    """A method of str whose receiver and arguments all are texts."""

    def build(compiler: Compiler, receiver: Node, trees: Any) -> Node:
        runs = [receiver.run, *(node.run for node in _take(compiler.arguments(trees), least, most))]
        looping = compiler.looping

        def call(current: Any, run: Any) -> Any:
            texts = [part(current, run) for part in runs]
            if any(type(text) is not str for text in texts):
                raise UnsureError
            result = method(*texts)
            if looping:
                run.meter.make(result)
            return result

        return Node(call, origin)

    return build


def _replace(text: str, old: str, new: str) -> str:
    # YAQL's own function knows the ceiling on the result.
    if len(new) > len(old) and (len(text) + 1) * len(new) > 1_000_000:
        raise UnsureError
    return text.replace(old, new)


FUNCTIONS: Mapping[str, FunctionBuilder] = {
    "task": _task,
    "env": _env,
    "execution": _execution,
    "global": _global,
    "json_parse": _json_parse,
    "json_dump": _json_dump,
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
    "min": _extreme(greatest=False),
    "max": _extreme(greatest=True),
    "range": _range,
    "switch": _switch,
    "coalesce": _coalesce,
    "concat": _concat,
    "list": _list,
    "dict": operators.build_map,
}

METHODS: Mapping[str, MethodBuilder] = {
    "get": _get,
    "keys": _view("keys"),
    "values": _view("values"),
    "containsKey": _contains_key,
    "len": _length,
    "count": _count,
    "select": _select,
    "map": _select,
    "where": _where,
    "filter": _where,
    "orderBy": _ordered(descending=False),
    "orderByDescending": _ordered(descending=True),
    "any": _quantified(wanted=True),
    "all": _quantified(wanted=False),
    "first": _first,
    "last": _last,
    "contains": _contains,
    "toList": _to_list,
    "sum": _sum,
    "min": _extreme_of(greatest=False),
    "max": _extreme_of(greatest=True),
    "skip": _slice(skip=True),
    "limit": _slice(skip=False),
    "take": _slice(skip=False),
    "reverse": _reverse,
    "join": _join,
    "toUpper": _text_method(str.upper, 0, 0),
    "toLower": _text_method(str.lower, 0, 0),
    "trim": _text_method(str.strip, 0, 1),
    "trimLeft": _text_method(str.lstrip, 0, 1),
    "trimRight": _text_method(str.rstrip, 0, 1),
    "startsWith": _text_method(lambda text, *starts: text.startswith(starts), 0, 100),
    "endsWith": _text_method(lambda text, *ends: text.endswith(ends), 0, 100),
    "split": _text_method(str.split, 0, 1, RAW),
    "replace": _text_method(_replace, 2, 2),
}
