"""Copies of data for templates that could change it, made when they are first looked at.

The data of a context is shared by everything that sees it. A template may build a list and append to it; if it
appends to a list of the context instead, only its own copy changes (L176).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from maestrale.expr.context import ContextView


class _CopyingLayer(Mapping[str, Any]):
    """A mapping whose values are copies, one of each."""

    __slots__ = ("_copies", "_source")

    def __init__(self, source: Mapping[str, Any]) -> None:
        self._source = source
        self._copies: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        if key not in self._copies:
            self._copies[key] = copied(self._source[key])
        return self._copies[key]

    def __contains__(self, key: object) -> bool:
        return key in self._source

    def __iter__(self) -> Iterator[str]:
        return iter(self._source)

    def __len__(self) -> int:
        return len(self._source)


def copied_root(root: Any) -> Any:
    """A root that looks like ``root`` and may be changed."""
    return ContextView([_CopyingLayer(root)]) if isinstance(root, ContextView) else copied(root)


def copied(value: Any) -> Any:
    """Lists and mappings in ``value`` as new lists and dicts."""
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [copied(item) for item in value]
    return value


def copying(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose results may be changed."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return copied(function(*args, **kwargs))

    return call
