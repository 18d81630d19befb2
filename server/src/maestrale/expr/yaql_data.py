"""A root as YAQL wants it: immutable sequences and mappings, converted no sooner than they are looked at.

YAQL itself converts its whole input before each evaluation, which costs time with the size of the context (H100).
What comes out here can't be told from that, in type, text, hash and order.
"""

from __future__ import annotations

import collections.abc  # yaql uses it without importing it
from collections.abc import Iterator
from typing import Any

from yaql.language import utils


class FrozenDict(utils.FrozenDict):  # type: ignore[misc]
    """YAQL's frozen mapping over a source that is converted key by key; each key once."""

    def __init__(self, source: collections.abc.Mapping[Any, Any]) -> None:
        self._source = source
        self._converted: dict[Any, Any] = {}
        self._hash = None

    @property
    def _d(self) -> dict[Any, Any]:
        """All of it, for YAQL's own methods that want a dict."""
        return {key: self[key] for key in self._source}

    def __iter__(self) -> Iterator[Any]:
        return iter(self._source)

    def __len__(self) -> int:
        return len(self._source)

    def __contains__(self, key: object) -> bool:
        return key in self._source

    def __getitem__(self, key: Any) -> Any:
        converted = self._converted
        if key in converted:
            return converted[key]
        value = converted[key] = convert(self._source[key])
        return value

    def get(self, key: Any, default: Any = None) -> Any:
        """The converted value of ``key``."""
        return self[key] if key in self._source else default

    __hash__ = utils.FrozenDict.__hash__


# Names of types show in error texts.
FrozenDict.__module__ = utils.FrozenDict.__module__


class RawDict(collections.abc.Mapping[Any, Any]):
    """A lazy mapping that a function returned, with the look of the dict that it stands for."""

    __slots__ = ("_source",)

    def __init__(self, source: collections.abc.Mapping[Any, Any]) -> None:
        self._source = source

    def __getitem__(self, key: Any) -> Any:
        return self._source[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._source)

    def __len__(self) -> int:
        return len(self._source)

    def __repr__(self) -> str:
        return repr(dict(self._source))

    def keys(self) -> Any:
        """The keys, without a look at the values."""
        return dict.fromkeys(self._source).keys()

    def values(self) -> Any:
        """All values."""
        return dict(self._source).values()

    def items(self) -> Any:
        """All keys and values."""
        return dict(self._source).items()


RawDict.__name__ = "dict"


def raw(value: Any) -> Any:
    """What a function returned, for YAQL: not converted, but with no type of ours showing."""
    if isinstance(value, collections.abc.Mapping) and type(value) is not dict:
        return RawDict(value)
    if type(value) is list and any(isinstance(item, collections.abc.Mapping) for item in value):
        return [raw(item) for item in value]
    return value


def convert(value: Any) -> Any:
    """``value`` as YAQL's ``convert_input_data`` makes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, collections.abc.Sequence):
        return tuple(map(convert, value))
    if isinstance(value, collections.abc.Mapping):
        return FrozenDict(value)
    if isinstance(value, collections.abc.MutableSet):
        return frozenset(map(convert, value))
    if isinstance(value, collections.abc.Iterable):
        return map(convert, value)
    return value
