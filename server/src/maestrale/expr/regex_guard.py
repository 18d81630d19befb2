"""How much work a regular expression may make of a text, judged before it runs.

Python's ``re`` can't be interrupted, and backtracking can take longer than anyone waits. Three things drive it: how
many repeats can share the same stretch of text among themselves (each multiplies), repeats within repeats that can
split a stretch in every possible way (these double with every character), and at how many places a search starts. The
judgement reads the parsed pattern and looks in the text for the longest stretch that each repeat could cover, so that
usual patterns pass on large texts, and a pattern that explodes passes where the text gives it nothing to explode on.
It is an estimate, and errs towards letting through what it doesn't look into (back references, conditional groups).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any

from maestrale.expr.limits import LimitExceededError, Options

_LONGEST_PATTERN = 10_000
_HARMLESS_LENGTH = 16
"""No pattern explodes on a text as short as that."""

_REPEATS = {sre.MAX_REPEAT, sre.MIN_REPEAT}
_ATOMIC = {getattr(sre, "POSSESSIVE_REPEAT", None), getattr(sre, "ATOMIC_GROUP", None)}
_CATEGORIES = {
    sre.CATEGORY_DIGIT: r"\d",
    sre.CATEGORY_NOT_DIGIT: r"\D",
    sre.CATEGORY_SPACE: r"\s",
    sre.CATEGORY_NOT_SPACE: r"\S",
    sre.CATEGORY_WORD: r"\w",
    sre.CATEGORY_NOT_WORD: r"\W",
}


@dataclass(frozen=True, slots=True)
class _Item:
    """A part of a pattern in sequence: a repeat, or something that has to be there.

    ``classes`` are the characters that it may cover, as patterns for one character each. ``literal`` is the text of
    a part that is fixed. A place, such as the end, covers nothing and yet has to be there. A repeat, also an optional
    part, happens up to ``most`` times; ``inner`` are the parts within that could compete for text, ``branches`` the
    characters that alternatives within begin with.
    """

    classes: frozenset[str]
    repeat: bool = False
    most: float = 1
    literal: str = ""
    inner: tuple[_Item, ...] = ()
    branches: tuple[frozenset[str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Shape:
    """What of a pattern decides how much work it can make."""

    items: tuple[_Item, ...]
    anchored: bool
    flags: int

    @property
    def repeats(self) -> int:
        return sum(item.repeat for item in self.items)

    @property
    def nested(self) -> bool:
        return any(item.inner or item.branches for item in self.items)


def check(pattern: str, flags: int, text: str, options: Options) -> None:
    """Raises LimitExceededError if searching ``text`` could take too long, re.error for a pattern that is none."""
    if len(pattern) > _LONGEST_PATTERN:
        raise LimitExceededError(f"Regular expression has more than {_LONGEST_PATTERN} characters")
    if len(text) <= _HARMLESS_LENGTH:
        return
    shape = _shape(pattern, flags)
    if not shape.repeats or (shape.repeats == 1 and not shape.nested and (shape.anchored or len(text) < 50_000)):
        return
    if _Estimate(shape, text).work() > options.max_regex_work:
        raise LimitExceededError(
            f"Regular expression could take more than {options.max_regex_work} steps on a text of {len(text)} characters"
        )


@lru_cache(maxsize=512)
def _shape(pattern: str, flags: int) -> _Shape:
    parsed = sre_parser.parse(pattern, flags)
    effective = parsed.state.flags
    first = parsed[0] if len(parsed) else (None, None)
    anchored = first[0] is sre.AT and (
        first[1] is sre.AT_BEGINNING_STRING or (first[1] is sre.AT_BEGINNING and not effective & re.MULTILINE)
    )
    return _Shape(tuple(_items(parsed)), anchored, effective & (re.IGNORECASE | re.DOTALL | re.ASCII | re.UNICODE))


def _items(parsed: Iterable[tuple[Any, Any]]) -> list[_Item]:
    """The parts of a parsed pattern in sequence; groups are taken apart, alternatives are one part."""
    items: list[_Item] = []
    for operator, argument in parsed:
        if operator is sre.LITERAL:
            literal = chr(argument)
            if items and items[-1].literal:
                literal = items.pop().literal + literal
            items.append(_Item(frozenset(map(re.escape, literal)), literal=literal))
        else:
            items += _part(operator, argument)
    return items


def _part(operator: Any, argument: Any) -> list[_Item]:
    if operator in _REPEATS:
        return _repeat_items(*argument)
    if operator is sre.SUBPATTERN:
        return _items(argument[3])
    if operator in (sre.ASSERT, sre.ASSERT_NOT):
        return _items(argument[1])
    if operator is sre.BRANCH:
        return [_branch_item(argument[1])]
    if operator is sre.AT and argument not in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING):
        return [_Item(frozenset())]
    return [_Item(_classes([(operator, argument)]))] if operator in _SINGLE or operator in _ATOMIC else []


def _repeat_items(least: int, most: int, body: Any) -> list[_Item]:
    inner = _items(body)
    varies = any(item.repeat or item.branches for item in inner)
    if least == most and not varies:
        return inner
    branches = tuple(branch for item in inner for branch in item.branches)
    competing = tuple(inner) if varies and most > 1 else ()
    return [_Item(_classes(body), repeat=True, most=int(most), inner=competing, branches=branches if most > 1 else ())]


def _branch_item(alternatives: Any) -> _Item:
    """Alternatives as one part: it repeats if one of them does."""
    parts = [_items(alternative) for alternative in alternatives]
    repeats = tuple(item for part in parts for item in part if item.repeat)
    classes = frozenset[str]().union(*(_classes(alternative) for alternative in alternatives))
    most = max((item.most for item in repeats), default=1)
    return _Item(classes, repeat=bool(repeats), most=most, inner=repeats, branches=tuple(map(_first, parts)))


def _first(items: list[_Item]) -> frozenset[str]:
    """What a sequence of parts can begin with."""
    classes: frozenset[str] = frozenset()
    for item in items:
        if item.literal:
            return classes | {re.escape(item.literal[0])}
        classes |= item.classes
        if not item.repeat and item.classes:
            break
    return classes


def _classes(parsed: Iterable[tuple[Any, Any]]) -> frozenset[str]:
    """Patterns for all characters that a parsed pattern could cover."""
    return frozenset(pattern for operator, argument in parsed for pattern in _class_patterns(operator, argument))


def _class_patterns(operator: Any, argument: Any) -> Iterable[str]:
    if operator in _SINGLE:
        return (_SINGLE[operator](argument),)
    if operator in _REPEATS or (operator in _ATOMIC and len(argument) == 3):
        return _classes(argument[2])
    if operator is sre.SUBPATTERN:
        return _classes(argument[3])
    if operator is sre.BRANCH:
        return frozenset[str]().union(*map(_classes, argument[1]))
    return _classes(argument) if operator in _ATOMIC else ()


def _set_pattern(members: Any) -> str:
    text = ""
    for operator, argument in members:
        if operator is sre.NEGATE:
            text += "^"
        elif operator is sre.LITERAL:
            text += re.escape(chr(argument))
        elif operator is sre.RANGE:
            text += f"{re.escape(chr(argument[0]))}-{re.escape(chr(argument[1]))}"
        else:
            text += _CATEGORIES[argument]
    return f"[{text}]"


_SINGLE: Mapping[Any, Callable[[Any], str]] = {
    sre.LITERAL: lambda code: re.escape(chr(code)),
    sre.NOT_LITERAL: lambda code: f"[^{re.escape(chr(code))}]",
    sre.ANY: lambda _: ".",
    sre.IN: _set_pattern,
}
"""What matches one character."""


class _Estimate:
    """The work that a pattern can make of one text."""

    def __init__(self, shape: _Shape, text: str) -> None:
        self._shape = shape
        self._text = text
        self._alphabet = "".join(set(text))
        self._covered: Callable[[frozenset[str]], frozenset[str]] = lru_cache(None)(self._find_covered)
        self._longest: Callable[[frozenset[str]], int] = lru_cache(None)(self._find_longest)

    def work(self) -> float:
        """Steps of a search that finds nothing, roughly."""
        items = self._shape.items
        needed = [place for place, item in enumerate(items) if not item.repeat]
        # Repeats after the last part that could be missing have nothing to go back for.
        items = items[: needed[-1] + 1] if needed else ()
        steps = longest = 1.0
        for place, item in enumerate(items):
            if item.repeat:
                explosion = self._explosion(item)
                if explosion > 64:
                    return float("inf")
                run = int(min(self._longest(item.classes), item.most))
                longest = max(longest, run)
                steps *= self._ends(run, item, items[place + 1 :]) * 2.0**explosion
        return steps * longest * self._starts()

    def _ends(self, run: int, item: _Item, following: tuple[_Item, ...]) -> float:
        """At how many places of a stretch of ``run`` characters a repeat could end so that what follows could begin."""
        after = next((other for other in following if other.classes), None)
        if after is None or not self._covered(item.classes) & self._covered(after.classes):
            return 1.0
        if after.repeat:
            return 1.0 + run
        return 1.0 + run * self._occurrences(after) / len(self._text)

    def _find_covered(self, classes: frozenset[str]) -> frozenset[str]:
        return frozenset("".join(re.findall("|".join(sorted(classes)) or "(?!)", self._alphabet, self._shape.flags)))

    def _find_longest(self, classes: frozenset[str]) -> int:
        covered = self._covered(classes)
        if not covered:
            return 0
        pattern = re.compile("[" + re.escape("".join(sorted(covered))) + "]+")
        return max(match.end() - match.start() for match in pattern.finditer(self._text))

    def _explosion(self, item: _Item) -> int:
        """For how many characters in a row a repeat within this one could end, or go on, as it likes."""
        if not item.inner and not item.branches:
            return 0
        free = [part for part in item.inner if part.repeat]
        bound = [part for part in item.inner if not part.repeat and not part.branches]
        ambiguous = self._overlapping(item.branches)
        if not free and not ambiguous:
            return 0
        covered = frozenset().union(*(self._covered(part.classes) for part in free))
        if free and any(not self._covered(part.classes) & covered for part in bound):
            return 0
        longest = int(min(self._longest(item.classes), item.most))
        for part in bound:
            longest = min(longest, self._occurrences(part))
        return longest

    def _overlapping(self, branches: tuple[frozenset[str], ...]) -> bool:
        seen: set[str] = set()
        for branch in branches:
            covered = self._covered(branch)
            if not branch or seen & covered:
                return True
            seen |= covered
        return False

    def _occurrences(self, item: _Item) -> int:
        if item.literal and not self._shape.flags & re.IGNORECASE:
            return self._text.count(item.literal)
        covered = self._covered(item.classes)
        return sum(self._text.count(character) for character in covered)

    def _starts(self) -> int:
        if self._shape.anchored:
            return 1
        first = self._shape.items[0]
        return max(1, self._occurrences(first) if first.classes and not first.repeat else len(self._text))
