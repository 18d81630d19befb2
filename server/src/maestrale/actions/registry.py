"""Which actions there are: the standard ones, and those of installed packages.

Packages are asked through the entry point groups ``maestrale.actions`` and, for those written for ``mistral-lib``,
``mistral.actions`` when a name is first looked up, not on import. What is built in comes before both.
One that can't be loaded stays listed and fails with the reason when it is run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol

import structlog

from maestrale.actions import library
from maestrale.actions.protocol import Action, ActionContext
from maestrale.actions.results import not_instantiated_text
from maestrale.core.ports import ActionDescriptor
from maestrale.errors import ActionError, InvalidActionError

GROUP = "maestrale.actions"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered action: its class, what its constructor is given besides the inputs, and its description."""

    action: type[Action]
    given: tuple[Any, ...]
    descriptor: ActionDescriptor

    def create(self, inputs: Mapping[str, Any]) -> Action:
        """A run of the action. Raises what the constructor raises, TypeError for inputs that don't fit."""
        return self.action(*self.given, **inputs)


class Family(Protocol):
    """Many actions that are described only when one of them is asked for."""

    def entry(self, name: str) -> Entry | None:
        """The action of that name."""

    def entries(self) -> list[Entry]:
        """All of them."""


class Registry:
    """Names of actions, each with its descriptor and its class. Safe to use from several threads."""

    def __init__(self, entries: Iterable[Entry] = (), *, plugins: bool = True) -> None:
        self._entries: dict[str, Entry] = {}
        self._lock = threading.Lock()
        self._plugins_pending = plugins
        self._families: dict[str, Family] = {}
        self._hidden: set[str] = set()
        self.revision = 0
        """Another number whenever there is another action, for who keeps what ``describe`` gave."""
        for entry in entries:
            self._entries[entry.descriptor.name] = entry

    def add(self, action: type[Action], *given: Any, name: str | None = None) -> None:
        """Register a class under its own or another name; ``given`` go to its constructor's positional-only parameters.

        Raises InvalidActionError for a class that is no action, or a name that is taken.
        """
        entry = entry_of(action, *given, name=name)
        with self._lock:
            if entry.descriptor.name in self._entries:
                raise InvalidActionError(f"There is an action '{entry.descriptor.name}' already.")
            self._entries[entry.descriptor.name] = entry
            self.revision += 1

    def add_hidden(self, action: type[Action], *given: Any) -> None:
        """Register a class that carries out other actions: the runner finds it by name, and nobody else."""
        self._hidden.add(action.name)
        self.add(action, *given)

    def add_family(self, family: Family, namespaces: Iterable[str]) -> None:
        """Register the actions whose names begin with one of the namespaces and a dot; those registered singly come before them."""
        with self._lock:
            self._families.update(dict.fromkeys(namespaces, family))
            self.revision += 1

    def entry(self, name: str) -> Entry | None:
        """The action of that name."""
        self._load_plugins()
        found = self._entries.get(name)
        if found is None and (family := self._families.get(name.partition(".")[0])) is not None:
            return family.entry(name)
        return found

    def descriptor(self, name: str) -> ActionDescriptor | None:
        """What the core and the API know of the action of that name."""
        entry = None if name in self._hidden else self.entry(name)
        return entry.descriptor if entry else None

    def describe(self) -> list[ActionDescriptor]:
        """All actions by name, for the catalogue."""
        self._load_plugins()
        families = {id(family): family for family in self._families.values()}.values()
        found = {entry.descriptor.name: entry for family in families for entry in family.entries()} | self._entries
        return [found[name].descriptor for name in sorted(found) if name not in self._hidden]

    def _load_plugins(self) -> None:
        if not self._plugins_pending:
            return
        with self._lock:
            if not self._plugins_pending:
                return
            found: dict[str, Entry] = {}
            for group, made in ((GROUP, _same), (library.GROUP, library.wrap)):
                for point in entry_points(group=group):
                    if point.name not in self._entries and point.name not in found:
                        found[point.name] = _load(point, made)
            self._entries = {**self._entries, **found}
            self.revision += 1
            self._plugins_pending = False


def entry_of(action: type[Action], *given: Any, name: str | None = None) -> Entry:
    """The registration of a class. Raises InvalidActionError for one that is no action."""
    if not (isinstance(action, type) and issubclass(action, Action)):
        raise InvalidActionError(f"{action!r} is not a class derived from maestrale.actions.Action.")
    name = name or action.name
    if not name:
        raise InvalidActionError(f"The action class {action.qualified_name()} has no name.")
    parameters, is_open = action.parameters()
    descriptor = ActionDescriptor(
        name=name, parameters=parameters, class_name=action.qualified_name(), is_sync=action.is_sync,
        idempotent=action.idempotent, open_input=is_open, description=action.description(),
        pure=action.pure, construct_error=_construct_error(name, action), inert=action.inert,
        modes=action.modes, remainder=action.remainder,
    )
    return Entry(action, given, descriptor)


def _construct_error(name: str, action: type[Action]) -> Callable[[Mapping[str, Any]], str | None] | None:
    """The action's own check of its inputs, answering with the whole text of the failure."""
    check = action.construct_error
    if check is None:
        return None

    def text(inputs: Mapping[str, Any]) -> str | None:
        reason = check(inputs)
        return None if reason is None else not_instantiated_text(name, action.qualified_name(), reason)

    return text


def _same(loaded: Any) -> Any:
    return loaded


def _load(point: EntryPoint, made: Callable[[Any], Any]) -> Entry:
    """The entry of an installed package's action, ``made`` of what it loads, or of one that says why it can't be loaded."""
    try:
        return entry_of(made(point.load()), name=point.name)
    except Exception as error:  # noqa: BLE001 - a package's code may raise anything, and must not empty the catalogue
        _log.warning("action_not_loaded", action=point.name, source=point.value, error=str(error))
        reason = f"The action '{point.name}' could not be loaded from {point.value}: {error}"
        descriptor = ActionDescriptor(name=point.name, class_name=point.value, open_input=True, description=reason)
        return Entry(UnavailableAction, (reason,), descriptor)


class UnavailableAction(Action):
    """Stands in for an action whose package could not be loaded."""

    def __init__(self, reason: str, /, **inputs: Any) -> None:
        self.reason, self.inputs = reason, inputs

    async def run(self, context: ActionContext) -> None:  # noqa: ARG002 - the protocol's signature
        """Fail with the reason."""
        raise ActionError(self.reason)
