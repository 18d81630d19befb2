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


class Keyword:
    """One rule of a schema."""

    name = ""

    def valid(self, value: Any) -> bool:
        """Whether the value keeps the rule."""
        raise NotImplementedError

    def text(self, value: Any) -> str:
        """What is wrong with a value that doesn't."""
        raise NotImplementedError

    def violations(self, value: Any) -> Iterator[Violation]:
        """All ways in which the value breaks the rule."""
        if not self.valid(value):
            yield Violation(self.name, f"{shown(value)} {self.text(value)}")


class Type(Keyword):
    """The value's type."""

    name = "type"

    def __init__(self, expected: str, _: Rules) -> None:
        self.expected = expected
        self.valid = TYPES[expected]  # type: ignore[method-assign]

    def text(self, value: Any) -> str:  # noqa: ARG002
        return f"is not of type {self.expected!r}"


class Enum(Keyword):
    """One of a few values."""

    name = "enum"

    def __init__(self, values: Sequence[Any], _: Rules) -> None:
        self.values = values
        self._known = {_distinct(value) for value in values}

    def valid(self, value: Any) -> bool:
        return _distinct(value) in self._known

    def text(self, value: Any) -> str:  # noqa: ARG002
        return f"is not one of {self.values!r}"


class Pattern(Keyword):
    """A text that a regular expression is found in."""

    name = "pattern"

    def __init__(self, pattern: str, _: Rules) -> None:
        self.pattern = pattern
        self._search = re.compile(pattern).search

    def valid(self, value: Any) -> bool:
        return not isinstance(value, str) or self._search(value) is not None

    def text(self, value: Any) -> str:  # noqa: ARG002
        return f"does not match {self.pattern!r}"


class Minimum(Keyword):
    """The least number."""

    name = "minimum"

    def __init__(self, least: float, _: Rules) -> None:
        self.least = least

    def valid(self, value: Any) -> bool:
        return not TYPES["number"](value) or not value < self.least

    def text(self, value: Any) -> str:  # noqa: ARG002
        return f"is less than the minimum of {self.least!r}"


class NotEmpty(Keyword):
    """At least one character, item or key; the only least size that the language has."""

    def __init__(self, name: str, kind: type) -> None:
        self.name = name
        self._kind = kind

    def valid(self, value: Any) -> bool:
        return not isinstance(value, self._kind) or bool(value)

    def text(self, value: Any) -> str:  # noqa: ARG002
        return "should be non-empty"


class OneKey(Keyword):
    """At most one key."""

    name = "maxProperties"

    def __init__(self, *_: Any) -> None:
        pass

    def valid(self, value: Any) -> bool:
        return not isinstance(value, dict) or len(value) <= 1

    def text(self, value: Any) -> str:  # noqa: ARG002
        return "has too many properties"


class UniqueItems(Keyword):
    """No two equal items."""

    name = "uniqueItems"

    def __init__(self, *_: Any) -> None:
        pass

    def valid(self, value: Any) -> bool:
        return not isinstance(value, list) or len(value) < 2 or len({_distinct(item) for item in value}) == len(value)

    def text(self, value: Any) -> str:  # noqa: ARG002
        return "has non-unique elements"


class Items(Keyword):
    """A rule for each item."""

    name = "items"

    def __init__(self, rules: Rules, _: Rules) -> None:
        self.schema = Schema(rules)

    def valid(self, value: Any) -> bool:
        return not isinstance(value, list) or all(map(self.schema.valid, value))

    def violations(self, value: Any) -> Iterator[Violation]:
        for index, item in enumerate(value if isinstance(value, list) else ()):
            for violation in self.schema.violations(item):
                yield violation.below(index)


class Properties(Keyword):
    """Rules for named keys."""

    name = "properties"

    def __init__(self, rules: Mapping[str, Rules], _: Rules) -> None:
        self.schemas = {key: Schema(rule) for key, rule in rules.items()}

    def valid(self, value: Any) -> bool:
        if not isinstance(value, dict):
            return True
        schemas = self.schemas
        return all(schemas[key].valid(item) for key, item in value.items() if key in schemas)

    def violations(self, value: Any) -> Iterator[Violation]:
        for key, schema in self.schemas.items() if isinstance(value, dict) else ():
            if key in value:
                for violation in schema.violations(value[key]):
                    yield violation.below(key)


class PatternProperties(Keyword):
    """Rules for keys that a pattern is found in. Keys that aren't texts break it (an internal error in Mistral)."""

    name = "patternProperties"

    def __init__(self, rules: Mapping[str, Rules], _: Rules) -> None:
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


class AdditionalProperties(Keyword):
    """What holds for keys that no other rule names: nothing may be there, or a rule."""

    name = "additionalProperties"

    def __init__(self, rules: Rules | bool, siblings: Rules) -> None:
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
                text = f"{listed} {'does' if len(extras) == 1 else 'do'} not match any of the regexes: {', '.join(map(repr, self.patterns))}"
            else:
                text = f"Additional properties are not allowed ({listed} {'was' if len(extras) == 1 else 'were'} unexpected)"
            yield Violation(self.name, text, names=tuple(extras))


class Required(Keyword):
    """Keys that have to be there."""

    name = "required"

    def __init__(self, names: Sequence[str], _: Rules) -> None:
        self.names = names

    def valid(self, value: Any) -> bool:
        return not isinstance(value, dict) or all(name in value for name in self.names)

    def violations(self, value: Any) -> Iterator[Violation]:
        for name in self.names if isinstance(value, dict) else ():
            if name not in value:
                yield Violation(self.name, f"{name!r} is a required property", names=(name,))


class Alternatives(Keyword):
    """``oneOf`` and ``anyOf``."""

    def __init__(self, name: str, rules: Sequence[Rules]) -> None:
        self.name = name
        self.rules = rules
        self.schemas = [Schema(rule) for rule in rules]

    def valid(self, value: Any) -> bool:
        if self.name == "anyOf":
            return any(schema.valid(value) for schema in self.schemas)
        return sum(schema.valid(value) for schema in self.schemas) == 1

    def violations(self, value: Any) -> Iterator[Violation]:
        fitting = [index for index, schema in enumerate(self.schemas) if schema.valid(value)]
        if not fitting:
            context = tuple(violation for schema in self.schemas for violation in schema.violations(value))
            yield Violation(self.name, f"{shown(value)} is not valid under any of the given schemas", context=context)
        elif len(fitting) > 1 and self.name == "oneOf":
            listed = ", ".join(repr(self.rules[index]) for index in (*fitting[1:], fitting[0]))
            yield Violation(self.name, f"{shown(value)} is valid under each of {listed}")


class Not(Keyword):
    """A rule that must be broken."""

    name = "not"

    def __init__(self, rules: Rules, _: Rules) -> None:
        self.rules = rules
        self.schema = Schema(rules)

    def valid(self, value: Any) -> bool:
        return not self.schema.valid(value)

    def text(self, value: Any) -> str:  # noqa: ARG002
        return f"should not be valid under {self.rules!r}"


_KEYWORDS: Mapping[str, Callable[[Any, Rules], Keyword]] = {
    "type": Type,
    "enum": Enum,
    "pattern": Pattern,
    "minimum": Minimum,
    "minLength": lambda *_: NotEmpty("minLength", str),
    "minItems": lambda *_: NotEmpty("minItems", list),
    "minProperties": lambda *_: NotEmpty("minProperties", dict),
    "maxProperties": OneKey,
    "uniqueItems": UniqueItems,
    "items": Items,
    "properties": Properties,
    "patternProperties": PatternProperties,
    "additionalProperties": AdditionalProperties,
    "required": Required,
    "oneOf": lambda rules, _: Alternatives("oneOf", rules),
    "anyOf": lambda rules, _: Alternatives("anyOf", rules),
    "not": Not,
}


class Schema:
    """A compiled schema."""

    def __init__(self, rules: Rules) -> None:
        self._type = TYPES[rules["type"]] if "type" in rules else None
        self._keywords = [_KEYWORDS[name](argument, rules) for name, argument in rules.items()]
        self._checks = [keyword.valid for keyword in self._keywords]

    def valid(self, value: Any) -> bool:
        """Whether the value keeps all rules."""
        return all(check(value) for check in self._checks)

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
