"""Closures for YAQL's methods and operators of texts. See ``fastpath``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from maestrale.expr import fast_operators as operators
from maestrale.expr import fast_values as values
from maestrale.expr import regex_guard
from maestrale.expr.fast_collections import walked
from maestrale.expr.fast_nodes import RAW, Compiler, MethodBuilder, Node
from maestrale.expr.fast_values import UnsureError
from maestrale.expr.limits import check_text_length


def _join(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    separator = compiler.arguments(trees, 1, 1)[0].run
    collection, options = walked(compiler, receiver), compiler.options

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


def _text_method(method: Callable[..., Any], least: int, most: int, origin: int = 0) -> MethodBuilder:
    """A method of str whose receiver and arguments all are texts."""

    def build(compiler: Compiler, receiver: Node, trees: Any) -> Node:
        runs = [receiver.run, *(node.run for node in compiler.arguments(trees, least, most))]

        def call(current: Any, run: Any) -> Any:
            texts = [part(current, run) for part in runs]
            if any(type(text) is not str for text in texts):
                raise UnsureError
            return method(*texts)

        return Node(operators.accounted(compiler, call), origin)

    return build


def _replace(text: str, old: str, new: str) -> str:
    # YAQL's own function knows the ceiling on the result.
    if len(new) > len(old) and (len(text) + 1) * len(new) > 1_000_000:
        raise UnsureError
    return text.replace(old, new)


def _is_empty(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    compiler.arguments(trees, 0, 0)
    source = receiver.run
    return Node(lambda current, run: values.is_empty_text(source(current, run)))


def _substring(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    source, bounds = receiver.run, [node.run for node in compiler.arguments(trees, 1, 2)]

    def cut(current: Any, run: Any) -> str:
        text, numbers = source(current, run), [bound(current, run) for bound in bounds]
        if type(text) is not str or any(type(number) is not int for number in numbers):
            raise UnsureError
        start = numbers[0] + len(text) if numbers[0] < 0 else numbers[0]
        size = numbers[1] if len(numbers) == 2 and numbers[1] >= 0 else len(text)
        return text[start : start + size]

    return Node(cut)


def match(compiler: Compiler, text: Node, pattern: Node, *, wanted: bool) -> Node:
    """``text =~ pattern``, or its contrary."""
    subject, expression, options = text.run, pattern.run, compiler.options

    def search(current: Any, run: Any) -> bool:
        value, regex = subject(current, run), expression(current, run)
        if type(value) is not str or type(regex) is not str:
            raise UnsureError
        regex_guard.check(regex, 0, value, options)
        return (re.search(regex, value) is not None) is wanted

    return Node(search)


METHODS: Mapping[str, MethodBuilder] = {
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
    "isEmpty": _is_empty,
    "substring": _substring,
    "indexOf": _text_method(str.find, 1, 1),
}
