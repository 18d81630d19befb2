"""Contexts: what variables a task sees and leaves behind (2.4, 3.11).

A context is a pair of persistent maps, variables and publication counts by dotted path; extending one shares
all the rest, so a chain of tasks costs what it publishes, not what it has. Merging follows the counts: for each
path the side that was published more often wins, mappings are united, all else is taken whole; at equal counts
the base, which is the later task, stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from immutables import Map


class Context(NamedTuple):
    """Variables, and how often each leaf path was published."""

    variables: Map[str, Any]
    versions: Map[str, int]


EMPTY = Context(Map(), Map())


def _leaf_paths(prefix: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaf_paths(f"{prefix}.{key}", inner)
    else:
        yield prefix


def extend(context: Context, published: Mapping[str, Any] | None) -> Context:
    """The outbound context: each published variable replaces the one of its name as a whole."""
    if not published:
        return context
    variables = context.variables.update(published)
    versions = context.versions.mutate()
    for name, value in published.items():
        for path in _leaf_paths(name, value):
            versions[path] = versions.get(path, 0) + 1
    return Context(variables, versions.finish())


def _merge_values(base: Any, other: Any, path: str, ours: Map[str, int], theirs: Map[str, int]) -> Any:
    if base is other:
        return base
    if isinstance(base, Mapping) and isinstance(other, Mapping):
        merged = dict(base)
        for key, value in other.items():
            merged[key] = _merge_values(merged[key], value, f"{path}.{key}", ours, theirs) if key in merged else value
        return merged
    return other if theirs.get(path, 0) > ours.get(path, 0) else base


def merge(base: Context, other: Context) -> Context:
    """Both contexts in one; see the module's rule."""
    if base is other or not other.variables:
        return base
    if not base.variables:
        return other
    variables = base.variables.mutate()
    for name, value in other.variables.items():
        if name not in variables:
            variables[name] = value
        elif variables[name] is not value:
            variables[name] = _merge_values(variables[name], value, name, base.versions, other.versions)
    versions = base.versions.mutate()
    for path, count in other.versions.items():
        if count > versions.get(path, 0):
            versions[path] = count
    return Context(variables.finish(), versions.finish())


def merge_all(contexts: Iterable[Context]) -> Context:
    """All contexts in one; the last given is the base of the merge."""
    ordered = list(contexts)
    if not ordered:
        return EMPTY
    result = ordered.pop()
    seen = {id(result)}
    for context in reversed(ordered):
        if id(context) not in seen:
            seen.add(id(context))
            result = merge(result, context)
    return result


def stored(context: Context) -> list[dict[str, Any]]:
    """The form in which a context is kept in a record."""
    return [dict(context.variables), dict(context.versions)]


def restored(kept: Sequence[Mapping[str, Any]]) -> Context:
    """The context of its kept form."""
    return Context(Map(kept[0]), Map(kept[1]))


def lay_over(base: Context, over: Context) -> Context:
    """Both in one: each variable of ``over`` hides the one of its name as a whole."""
    return Context(base.variables.update(over.variables), base.versions.update(over.versions))


class VersionsLayer(Mapping[str, Any]):
    """``__versions`` as the root shows it: a hash of each path to its count (2.5). Computed when asked for."""

    __slots__ = ("_versions",)

    def __init__(self, versions: Map[str, int]) -> None:
        self._versions = versions

    def __getitem__(self, key: str) -> Any:
        if key != "__versions":
            raise KeyError(key)
        return {hashlib.md5(path.encode(), usedforsecurity=False).hexdigest(): n for path, n in self._versions.items()}

    def __iter__(self) -> Iterator[str]:
        yield "__versions"

    def __len__(self) -> int:
        return 1


def layers_of(context: Context) -> tuple[Mapping[str, Any], ...]:
    """The context as layers of a lookup."""
    if not context.versions:
        return (context.variables,)
    return (context.variables, VersionsLayer(context.versions))


def merge_deep(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A new mapping: ``over`` wins, mappings on both sides are merged recursively (L292, L068)."""
    merged = dict(base)
    for key, value in over.items():
        mine = merged.get(key)
        merged[key] = merge_deep(mine, value) if isinstance(mine, Mapping) and isinstance(value, Mapping) else value
    return merged
