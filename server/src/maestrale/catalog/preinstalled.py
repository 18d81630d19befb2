"""Workflows that come with packages: installed by an operator's command, public and owned by nobody's project (4.7, A362, A363)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from maestrale.caller import DEFAULT_PROJECT, Caller
from maestrale.catalog.rows import Place, new_row, workflow_row
from maestrale.errors import MaestraleError, RequestError
from maestrale.lang import parse_workflows
from maestrale.store import Connection, Database, definitions
from maestrale.store.definitions import WORKFLOWS
from maestrale.store.scope import EVERYTHING

ENTRY_POINTS = "mistral.preinstalled_workflows"
"""Group of entry points as Mistral's: a function without arguments that gives the paths of YAML files."""

PLACE = Place(Caller(project_id=DEFAULT_PROJECT), scope="public")


@dataclass(frozen=True, slots=True)
class Packaged:
    """A document of workflows and where it comes from, for messages."""

    source: str
    text: str


@dataclass(frozen=True, slots=True)
class Installed:
    """A workflow and what installing it changed."""

    name: str
    change: Literal["created", "updated", "unchanged"]


def packaged() -> list[Packaged]:
    """Our own workflows, then those of installed packages. Raises RequestError for a package whose files can't be read."""
    own = files("maestrale.catalog") / "preinstalled_workflows"
    found = [Packaged(one.name, one.read_text("utf-8")) for one in sorted(own.iterdir(), key=lambda one: one.name)]
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        try:
            found += [Packaged(str(path), Path(path).read_text("utf-8")) for path in point.load()()]
        except Exception as error:  # a package's code may raise anything
            raise RequestError(f"The workflows of '{point.name}' could not be read by {point.value}: {error}") from error
    return found


def install(
    database: Database, documents: Iterable[Packaged], *, new_id: Callable[[], str], now: Callable[[], datetime],
) -> list[Installed]:
    """Create or update system workflows, all or none; of several with one name the last one counts.

    Raises RequestError for a document that is no definition, and where a user's workflow has the name.
    """
    rows = {row["name"]: row for document in documents for row in _rows(document)}

    def work(conn: Connection) -> list[Installed]:
        return [_put(conn, row, new_id, now) for row in rows.values()]

    return database.run_write(work)


def _rows(document: Packaged) -> list[dict[str, Any]]:
    try:
        return [workflow_row(one.spec, one.definition, PLACE) for one in parse_workflows(document.text, validate=True)]
    except MaestraleError as error:
        raise RequestError(f"{document.source}: {error.message}") from error


def _put(conn: Connection, values: dict[str, Any], new_id: Callable[[], str], now: Callable[[], datetime]) -> Installed:
    name = values["name"]
    found = definitions.select(conn, WORKFLOWS, EVERYTHING, name=name, namespace=PLACE.namespace, project_id=DEFAULT_PROJECT)
    if not found:
        definitions.create(conn, WORKFLOWS, [{**new_row(values, new_id(), PLACE, now()), "is_system": True}])
        return Installed(name, "created")
    row = found[0]
    if not row["is_system"]:
        raise RequestError(f"The name '{name}' is taken by a workflow of a user (id {row['id']}); rename or delete that first.")
    # the digest speaks for the specification, whose stored form may differ in types
    if all(row[column] == value for column, value in values.items() if column != "spec"):
        return Installed(name, "unchanged")
    definitions.update(conn, WORKFLOWS, EVERYTHING, row["id"], {**values, "updated_at": now()})
    return Installed(name, "updated")
