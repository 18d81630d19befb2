"""The part of JSON Schema that the language's rules need, with the reference validator's choice of words.

Mistral checks definitions with JSON Schema and shows the *best match* among all violations. Which one that is
decides what a user reads, so the choice is made here by the same order: shallow before deep, except below
``oneOf``/``anyOf``, where the deepest and most telling alternative wins. ``Schema.valid`` is the fast path and
builds nothing; ``Schema.violation`` explains. Knows nothing of workflows; ``rules.py`` has the tables.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Rules = Mapping[str, Any]
"""A schema as written in ``rules.py``."""

MAX_SHOWN = 600
"""Longest rendering of an offending value in a message."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule. ``path`` leads from the checked value to the offending one."""

    keyword: str
    text: str
    path: tuple[Any, ...] = ()
    type_fits: bool = False
    context: tuple[Violation, ...] = ()
    names: tuple[Any, ...] = ()
    """The unexpected or missing keys, where that is what is wrong."""
    overlaps: bool = False
    """More than one alternative fits where one has to."""

    def below(self, step: Any) -> Violation:
        """The same, seen from the container that has the value under ``step``."""
        return replace(self, path=(step, *self.path))

    def relevance(self) -> tuple[Any, ...]:
        """Order of importance: the greatest is shown, or the smallest among alternatives."""
        strength = self.keyword not in ("oneOf", "anyOf")
        steps = tuple((0, step, "") if type(step) is int else (1, 0, str(step)) for step in self.path)
        return -len(self.path), steps, strength, not self.type_fits


def shown(value: Any) -> str:
    """Python notation, shortened in the middle."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN // 2]} ... {text[-MAX_SHOWN // 2 :]}"


def _is_integer(value: Any) -> bool:
    """``2.0`` is an integer for JSON Schema, a boolean is none."""
    return (type(value) is int) or (isinstance(value, float) and value.is_integer())


TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": _is_integer,
}


def _distinct(value: Any) -> Any:
    """A hashable stand-in that tells ``true`` from 1, as equality in JSON Schema does."""
    if isinstance(value, dict):
        return "object", frozenset((key, _distinct(item)) for key, item in value.items())
    if isinstance(value, list):
        return "array", tuple(_distinct(item) for item in value)
    return (isinstance(value, bool), value)


class _Keyword:
    """One rule of a schema: a test, and what is wrong with a value that fails it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def valid(self, value: Any) -> bool:
        raise NotImplementedError

    def violations(self, value: Any) -> Iterator[Violation]:
        raise NotImplementedError


class _Simple(_Keyword):
    """A rule without parts. A value whose type the rule isn't about passes."""

    def __init__(self, name: str, fits: Callable[[Any], bool], text: str) -> None:
        super().__init__(name)
        self._fits = fits
        self._text = text

    def valid(self, value: Any) -> bool:
        return self._fits(value)

    def violations(self, value: Any) -> Iterator[Violation]:
        if not self._fits(value):
            yield Violation(self.name, f"{shown(value)} {self._text}")


def _type(expected: str, _: Rules) -> _Keyword:
    return _Simple("type", TYPES[expected], f"is not of type {expected!r}")


def _enum(values: Sequence[Any], _: Rules) -> _Keyword:
    known = {_distinct(value) for value in values}
    return _Simple("enum", lambda value: _distinct(value) in known, f"is not one of {values!r}")


def _pattern(pattern: str, _: Rules) -> _Keyword:
    search = re.compile(pattern).search
    return _Simple("pattern", lambda value: not isinstance(value, str) or search(value) is not None, f"does not match {pattern!r}")


def _minimum(least: float, _: Rules) -> _Keyword:
    is_number = TYPES["number"]
    return _Simple("minimum", lambda value: not is_number(value) or not value < least, f"is less than the minimum of {least!r}")


def _not_empty(name: str, kind: type) -> _Keyword:
    """At least one character, item or key: the only least size that the language has."""
    return _Simple(name, lambda value: not isinstance(value, kind) or bool(value), "should be non-empty")


def _one_key() -> _Keyword:
    return _Simple("maxProperties", lambda value: not isinstance(value, dict) or len(value) <= 1, "has too many properties")


def _unique_items() -> _Keyword:
    return _Simple("uniqueItems", _is_unique, "has non-unique elements")


def _is_unique(value: Any) -> bool:
    return not isinstance(value, list) or len(value) < 2 or len({_distinct(item) for item in value}) == len(value)


def _not(rules: Rules, _: Rules) -> _Keyword:
    schema = Schema(rules)
    return _Simple("not", lambda value: not schema.valid(value), f"should not be valid under {rules!r}")


class _Items(_Keyword):
    """A rule for each item."""

    def __init__(self, rules: Rules, _: Rules) -> None:
        super().__init__("items")
        self.schema = Schema(rules)

    def valid(self, value: Any) -> bool:
        return not isinstance(value, list) or all(map(self.schema.valid, value))

    def violations(self, value: Any) -> Iterator[Violation]:
        for index, item in enumerate(value if isinstance(value, list) else ()):
            for violation in self.schema.violations(item):
                yield violation.below(index)


class _Properties(_Keyword):
    """Rules for named keys."""

    def __init__(self, rules: Mapping[str, Rules], _: Rules) -> None:
        super().__init__("properties")
        self.schemas = {key: Schema(rule) for key, rule in rules.items()}

    def valid(self, value: Any) -> bool:
        if not isinstance(value, dict):
            return True
        schemas = self.schemas
        for key, item in value.items():  # noqa: SIM110 - a generator costs twice as much here
            if key in schemas and not schemas[key].valid(item):
                return False
        return True

    def violations(self, value: Any) -> Iterator[Violation]:
        for key, schema in self.schemas.items() if isinstance(value, dict) else ():
            if key in value:
                for violation in schema.violations(value[key]):
                    yield violation.below(key)


class _PatternProperties(_Keyword):
    """Rules for keys that a pattern is found in. Keys that aren't texts break it (an internal error in Mistral)."""

    def __init__(self, rules: Mapping[str, Rules], _: Rules) -> None:
        super().__init__("patternProperties")
        self.schemas = [(re.compile(pattern).search, Schema(rule)) for pattern, rule in rules.items()]

    def valid(self, value: Any) -> bool:
        if not isinstance(value, dict):
            return True
        for key, item in value.items():
            if type(key) is not str:
                return False
            for search, schema in self.schemas:
                if not schema.valid(item) and search(key):
                    return False
        return True

    def violations(self, value: Any) -> Iterator[Violation]:
        if not isinstance(value, dict):
            return
        for key in value:
            if not isinstance(key, str):
                yield Violation("keyType", f"key {shown(key)} is not of type 'string'", (key,))
        for search, schema in self.schemas:
            for key, item in value.items():
                if isinstance(key, str) and search(key):
                    for violation in schema.violations(item):
                        yield violation.below(key)


class _AdditionalProperties(_Keyword):
    """What holds for keys that no other rule names: nothing may be there, or a rule."""

    def __init__(self, rules: Rules | bool, siblings: Rules) -> None:
        super().__init__("additionalProperties")
        self.named = frozenset(siblings.get("properties", ()))
        self.patterns = sorted(siblings.get("patternProperties", ()))
        self._search = re.compile("|".join(self.patterns)).search if self.patterns else None
        self.schema = None if isinstance(rules, bool) else Schema(rules)

    def _extras(self, value: Any) -> list[Any]:
        if not isinstance(value, dict):
            return []
        search = self._search
        return [key for key in value if key not in self.named and not (search and isinstance(key, str) and search(key))]

    def valid(self, value: Any) -> bool:
        if self.schema is not None:
            return all(self.schema.valid(value[key]) for key in self._extras(value))
        if self._search is None:
            return not isinstance(value, dict) or value.keys() <= self.named
        return not self._extras(value)

    def violations(self, value: Any) -> Iterator[Violation]:
        extras = sorted(self._extras(value), key=str)
        if self.schema is not None:
            for key in extras:
                for violation in self.schema.violations(value[key]):
                    yield violation.below(key)
        elif extras:
            listed = ", ".join(map(shown, extras))
            if self.patterns:
                text = (
                    f"{listed} {'does' if len(extras) == 1 else 'do'} not match any of the regexes: {', '.join(map(repr, self.patterns))}"
                )
            else:
                text = f"Additional properties are not allowed ({listed} {'was' if len(extras) == 1 else 'were'} unexpected)"
            yield Violation(self.name, text, names=tuple(extras))


class _Required(_Keyword):
    """Keys that have to be there."""

    def __init__(self, names: Sequence[str], _: Rules) -> None:
        super().__init__("required")
        self.names = names

    def valid(self, value: Any) -> bool:
        return not isinstance(value, dict) or all(name in value for name in self.names)

    def violations(self, value: Any) -> Iterator[Violation]:
        for name in self.names if isinstance(value, dict) else ():
            if name not in value:
                yield Violation(self.name, f"{name!r} is a required property", names=(name,))


class _Alternatives(_Keyword):
    """``oneOf`` and ``anyOf``."""

    def __init__(self, name: str, rules: Sequence[Rules]) -> None:
        super().__init__(name)
        self.rules = rules
        self.schemas = [Schema(rule) for rule in rules]
        self._checks = [schema.valid for schema in self.schemas]
        self._types = _plain_types(rules) if name == "anyOf" else None

    def valid(self, value: Any) -> bool:
        if self._types is not None:
            return isinstance(value, self._types)
        fitting = 0
        for check in self._checks:
            fitting += check(value)
        return fitting == 1 if self.name == "oneOf" else fitting > 0

    def violations(self, value: Any) -> Iterator[Violation]:
        fitting = [index for index, schema in enumerate(self.schemas) if schema.valid(value)]
        if not fitting:
            context = tuple(violation for schema in self.schemas for violation in schema.violations(value))
            yield Violation(self.name, f"{shown(value)} is not valid under any of the given schemas", context=context)
        elif len(fitting) > 1 and self.name == "oneOf":
            listed = ", ".join(repr(self.rules[index]) for index in (*fitting[1:], fitting[0]))
            yield Violation(self.name, f"{shown(value)} is valid under each of {listed}", overlaps=True)


def _plain_types(rules: Sequence[Rules]) -> tuple[type, ...] | None:
    """The Python types of alternatives that name all the types there are."""
    every = {rule["type"] for rule in rules if rule.keys() == {"type"}} == TYPES.keys()
    return (dict, list, str, bool, type(None), int, float) if every else None


_KEYWORDS: Mapping[str, Callable[[Any, Rules], _Keyword]] = {
    "type": _type,
    "enum": _enum,
    "pattern": _pattern,
    "minimum": _minimum,
    "minLength": lambda *_: _not_empty("minLength", str),
    "minItems": lambda *_: _not_empty("minItems", list),
    "minProperties": lambda *_: _not_empty("minProperties", dict),
    "maxProperties": lambda *_: _one_key(),
    "uniqueItems": lambda *_: _unique_items(),
    "items": _Items,
    "properties": _Properties,
    "patternProperties": _PatternProperties,
    "additionalProperties": _AdditionalProperties,
    "required": _Required,
    "oneOf": lambda rules, _: _Alternatives("oneOf", rules),
    "anyOf": lambda rules, _: _Alternatives("anyOf", rules),
    "not": _not,
}


class Schema:
    """A compiled schema."""

    valid: Callable[[Any], bool]
    """Whether a value keeps all rules."""

    def __init__(self, rules: Rules) -> None:
        self._type = TYPES[rules["type"]] if "type" in rules else None
        self._keywords = [_KEYWORDS[name](argument, rules) for name, argument in rules.items()]
        self.valid = _all([keyword.valid for keyword in self._keywords])

    def violations(self, value: Any) -> Iterator[Violation]:
        """All broken rules, in the order of the rules."""
        fits = self._type is not None and self._type(value)
        for keyword in self._keywords:
            for violation in keyword.violations(value):
                # One without a path is this schema's own; the others have been told the type of theirs.
                yield violation if violation.path else replace(violation, type_fits=fits)

    def violation(self, value: Any) -> Violation | None:
        """The broken rule that is worth showing, with its path from ``value``."""
        return None if self.valid(value) else _best(list(self.violations(value)))


def _all(checks: Sequence[Callable[[Any], bool]]) -> Callable[[Any], bool]:
    if len(checks) == 1:
        return checks[0]

    def valid(value: Any) -> bool:
        for check in checks:  # noqa: SIM110 - a generator costs twice as much here
            if not check(value):
                return False
        return True

    return valid


def _best(violations: Sequence[Violation]) -> Violation:
    best = max(violations, key=Violation.relevance)
    path = best.path
    while best.context:
        smallest = heapq.nsmallest(2, best.context, key=Violation.relevance)
        if len(smallest) == 2 and smallest[0].relevance() == smallest[1].relevance():
            break
        best = smallest[0]
        path += best.path
    return replace(best, path=path)
