"""What an evaluation sees: the view of the context layers, the port for functions, and both in one scope.

Read-only by construction. Knows neither language.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn, Protocol

from maestrale.errors import EvaluationError


class Lookup(Protocol):
    """What the functions of section 2.6 ask the engine. Mappings may be lazy: only keys that are used are read."""

    def env(self) -> Mapping[str, Any]:
        """The environment of the root execution, ``{}`` if there is none (L185)."""

    def execution(self) -> Mapping[str, Any]:
        """The current execution (L186)."""

    def executions(
        self,
        *,
        id: str | None,  # noqa: A002 - the name that authors write
        root_execution_id: str | None,
        state: str | None,
        from_time: str | None,
        to_time: str | None,
    ) -> list[Any]:
        """Executions of the project that match all filters given (L196)."""

    def task(self, name: str | None) -> Mapping[str, Any] | None:
        """A task by name, None if it doesn't exist; no name is the current task, None outside of a task (L187-L190)."""

    def tasks(self, *, workflow_execution_id: str | None, recursive: bool, state: str | None, flat: bool) -> list[Any]:
        """Tasks with the keys of ``task`` (L194, L195)."""

    def global_(self, name: str) -> Any:
        """A global variable or an entry of ``vars``, None if absent (L201)."""

    def uuid(self) -> str:
        """A new UUID (L198)."""

    def now(self) -> datetime:
        """The current time as a naive UTC datetime."""


class ContextView(Mapping[str, Any]):
    """A stack of mappings; the first layer that has a key wins, whole values, no merge (2.4).

    The mutating methods of a mapping exist, as in Mistral, and raise ``Context view is immutable.`` (L176).
    """

    __slots__ = ("_layers",)

    def __init__(self, layers: Sequence[Mapping[str, Any]]) -> None:
        self._layers: tuple[Mapping[str, Any], ...]
        flat: list[Mapping[str, Any]] = []
        for layer in layers:
            if isinstance(layer, ContextView):
                flat.extend(layer._layers)  # noqa: SLF001 - of the same class
            elif layer is not None:
                flat.append(layer)
        self._layers = tuple(flat)

    def __getitem__(self, key: str) -> Any:
        for layer in self._layers:
            if key in layer:
                return layer[key]
        raise KeyError(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of ``key`` in the first layer that has it."""
        for layer in self._layers:
            if key in layer:
                return layer[key]
        return default

    def __contains__(self, key: object) -> bool:
        return any(key in layer for layer in self._layers)

    def copy(self) -> dict[str, Any]:
        """All layers as one new mapping; values are shared."""
        result: dict[str, Any] = {}
        for layer in reversed(self._layers):
            result.update(layer)
        return result

    def __iter__(self) -> Iterator[str]:
        return iter(self.copy())

    def __len__(self) -> int:
        return len(self.copy())

    def __bool__(self) -> bool:
        return any(self._layers)

    def __repr__(self) -> str:
        return repr(self.copy())

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise EvaluationError("Context view is immutable.")

    update = clear = pop = popitem = setdefault = _refuse


class Scope:
    """The root (``$`` in YAQL, ``_`` in Jinja) and the lookup of an evaluation.

    One scope may serve any number of evaluations that see the same root, which shares what YAQL has converted.
    The root must not change afterwards.
    """

    __slots__ = ("converted", "lookup", "root")

    def __init__(self, root: Any, lookup: Lookup | None = None) -> None:
        self.root = root
        self.lookup = lookup
        self.converted: Any = None

    def internal(self, name: str) -> Any:
        """``__env``, ``__execution`` or ``__task_execution`` of the root, None without it (2.5)."""
        return self.root.get(name) if isinstance(self.root, Mapping) else None
