"""Definitions as decisions see them: looked up by name for a project, remembered until any definition changes.

Every write to a definition, by whatever process, raises one number in the database (``revision``). A batch that starts
executions reads it first, other batches when the last look is older than ``MAX_AGE``; if it has moved, everything that is
remembered by name is forgotten. What is remembered by digest never is outdated. Safe to use from several threads.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Protocol, TypeVar

from maestrale import clock
from maestrale.actions import Registry
from maestrale.caller import Caller
from maestrale.catalog.dynamic import describe_dynamic
from maestrale.core.adhoc import ADHOC_CLASS
from maestrale.core.ports import ActionDescriptor, WorkflowEntry
from maestrale.core.program import Program
from maestrale.lang import action_from_raw
from maestrale.store import Connection, Database, definitions
from maestrale.store.scope import EVERYTHING, Scope

T = TypeVar("T")

MAX_AGE = 1.0


class ProgramSource(Protocol):
    """Compiled specifications by digest."""

    def of_digest(self, digest: str, read: Callable[[str], Mapping[str, Any]]) -> Program:
        """The program, built from what ``read`` gives if it isn't known."""


def scope_of(caller: Caller) -> Scope:
    """Whose eyes the store looks through."""
    return Scope(caller.project_id, is_admin=caller.is_admin)


class Definitions:
    """See the module. Implements ``core.ports.Catalogue``."""

    def __init__(
        self, database: Database, registry: Registry, programs: ProgramSource, size: int = 5000, dynamic: str = "",
    ) -> None:
        """``dynamic`` names the action that carries out dynamic ones; without it there are none."""
        self._database = database
        self._dynamic_carrier = dynamic
        self._registry = registry
        self._programs = programs
        self._size = size
        self._lock = Lock()
        self._known: OrderedDict[tuple[str, ...], Any] = OrderedDict()
        self._revision = -1
        self._looked_at: float | None = None

    # ---- freshness

    def refresh(self, conn: Connection) -> None:
        """Forget what is outdated, by what the transaction sees."""
        self._note(definitions.revision(conn))

    def refresh_if_old(self) -> None:
        """The same in a transaction of its own, if the last look is too long ago."""
        looked_at = self._looked_at
        if looked_at is None or clock.monotonic() - looked_at > MAX_AGE:
            self._note(self._database.run_look(definitions.revision))

    def expire(self) -> None:
        """Look again before the next use, since this process has changed something."""
        self._looked_at = None

    def _note(self, revision: int) -> None:
        with self._lock:
            self._looked_at = clock.monotonic()
            if revision != self._revision:
                self._revision = revision
                self._known.clear()

    def _remembered(self, key: tuple[str, ...], find: Callable[[], T]) -> T:
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                found: T = self._known[key]
                return found
            revision = self._revision
        found = find()
        with self._lock:
            if revision == self._revision:
                self._known[key] = found
                while len(self._known) > self._size:
                    self._known.popitem(last=False)
        return found

    # ---- the port of decisions

    def action(self, name: str, namespace: str, project_id: str) -> ActionDescriptor | None:
        """Ad-hoc in the namespace, then in the default one, then built in (L153), then dynamic in either."""
        places = tuple(dict.fromkeys((namespace, "")))
        found = next((one for place in places if (one := self._adhoc(name, place, project_id)) is not None), None)
        found = found or self._registry.descriptor(name)
        if found is not None or not self._dynamic_carrier:
            return found
        return next((one for place in places if (one := self._dynamic(name, place, project_id)) is not None), None)

    def _dynamic(self, name: str, namespace: str, project_id: str) -> ActionDescriptor | None:
        def read(conn: Connection) -> ActionDescriptor | None:
            row = definitions.find(conn, definitions.DYNAMIC_ACTIONS, Scope(project_id), name, namespace)
            if row is None or row["name"] != name:
                return None
            source = definitions.get(conn, definitions.CODE_SOURCES, EVERYTHING, row["code_source_id"])
            return describe_dynamic(row, source["content"], self._dynamic_carrier)

        return self._remembered(("dynamic", name, namespace, project_id), lambda: self._database.run_read(read))

    def _adhoc(self, name: str, namespace: str, project_id: str) -> ActionDescriptor | None:
        def find() -> ActionDescriptor | None:
            row = self._database.run_look(
                lambda conn: definitions.find(conn, definitions.ACTIONS, Scope(project_id), name, namespace))
            return None if row is None or row["name"] != name else describe_adhoc(row)

        return self._remembered(("action", name, namespace, project_id), find)

    def workflow(self, name: str, namespace: str, project_id: str) -> WorkflowEntry | None:
        """In the namespace, then in the default one (L152)."""
        scope = Scope(project_id)

        def find(place: str) -> WorkflowEntry | None:
            return self._remembered(
                ("workflow", name, place, project_id),
                lambda: self._database.run_read(lambda conn: self._find_workflow(conn, scope, name, place)))

        return find(namespace) or (find("") if namespace else None)

    def environment(self, name: str, project_id: str) -> Mapping[str, Any] | None:
        """The variables of a stored environment."""
        row = self._database.run_look(
            lambda conn: definitions.find(conn, definitions.ENVIRONMENTS, Scope(project_id), name))
        return None if row is None else row["variables"] or {}

    # ---- for starts

    def workflow_by_id(self, conn: Connection, identifier: str, caller: Caller) -> WorkflowEntry:
        """A workflow that the caller sees. Raises NotFoundError."""
        scope = scope_of(caller)
        found = self._remembered(
            ("id", identifier, caller.project_id, str(caller.is_admin)), lambda: self._find_workflow(conn, scope, identifier, ""))
        if found is None:
            raise definitions.WORKFLOWS.missing(identifier, "")
        return found

    def workflow_by_name(self, conn: Connection, name: str, namespace: str, caller: Caller) -> WorkflowEntry:
        """The same by name, in exactly that namespace (L151). Raises NotFoundError."""
        scope = scope_of(caller)
        found = self._remembered(
            ("name", name, namespace, caller.project_id, str(caller.is_admin)),
            lambda: self._find_workflow(conn, scope, name, namespace))
        if found is None:
            raise definitions.WORKFLOWS.missing(name, namespace)
        return found

    def _find_workflow(self, conn: Connection, scope: Scope, identifier: str, namespace: str) -> WorkflowEntry | None:
        row = definitions.find(conn, definitions.WORKFLOWS, scope, identifier, namespace)
        return None if row is None else self.entry_of(row)

    def entry_of(self, row: Mapping[str, Any]) -> WorkflowEntry:
        """A stored workflow as a decision needs it."""
        program = self._programs.of_digest(row["spec_digest"], lambda _: row["spec"])
        return WorkflowEntry(
            id=row["id"], name=row["name"], namespace=row["namespace"], spec=program.spec, spec_digest=row["spec_digest"],
            workbook=row["workbook_name"],
        )


def describe_adhoc(row: Mapping[str, Any]) -> ActionDescriptor:
    """A stored ad-hoc action as a descriptor."""
    spec = action_from_raw(row["spec"])
    return ActionDescriptor(
        name=row["name"], parameters=spec.input, class_name=ADHOC_CLASS, description=spec.description, adhoc=spec,
        namespace=row["namespace"],
    )
