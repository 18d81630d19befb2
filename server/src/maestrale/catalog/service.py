"""Use cases on definitions: check, create, update and delete workflows, workbooks, ad-hoc actions and environments.

A request is stored as a whole or not at all. Who owns a definition may change it, and administrators may; who only
sees it gets NotAllowedError, who doesn't see it NotFoundError. Permissions to publish are the API's business. Rows go
out as mappings of their columns. All methods may be called from any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from maestrale.caller import Caller
from maestrale.catalog.lookup import Definitions, scope_of
from maestrale.catalog.rows import Place, action_row, new_row, workflow_row
from maestrale.errors import MaestraleError, NotAllowedError, RequestError, WorkflowError
from maestrale.lang import ParsedAction, ParsedWorkflow, parse_actions, parse_workbook, parse_workflows
from maestrale.store import Connection, Database, definitions, environment_secrets
from maestrale.store.definitions import Kind
from maestrale.store.scope import EVERYTHING

SCOPES = ("public", "private")

Row = dict[str, Any]

ValidationMode = Literal["mandatory", "enabled", "disabled"]


@dataclass(slots=True, kw_only=True)
class Catalog:
    """See the module."""

    database: Database
    definitions: Definitions
    new_id: Callable[[], str]
    now: Callable[[], datetime]
    validation_mode: ValidationMode = "mandatory"

    def _validates(self, *, skip_validation: bool) -> bool:
        return self.validation_mode == "mandatory" or (self.validation_mode == "enabled" and not skip_validation)

    def _write(self, work: Callable[[Connection], Any]) -> Any:
        try:
            return self.database.run_write(work)
        finally:
            self.definitions.expire()

    # ---- workflows

    def validate_workflows(self, text: str, *, skip_validation: bool = False) -> None:
        """Raise what is wrong with a document of workflows."""
        parse_workflows(text, validate=self._validates(skip_validation=skip_validation))

    def create_workflows(
        self, caller: Caller, text: str, *, namespace: str = "", scope: str = "private", skip_validation: bool = False,
    ) -> list[Row]:
        """Store new workflows, in written order. Raises the language's errors, RequestError, DuplicateError."""
        place = _place(caller, namespace, scope)
        parsed = parse_workflows(text, validate=self._validates(skip_validation=skip_validation))
        rows = [self._new_workflow(one, place) for one in parsed]
        self._write(lambda conn: definitions.create(conn, definitions.WORKFLOWS, rows))
        return rows

    def _new_workflow(self, one: ParsedWorkflow, place: Place) -> Row:
        row = new_row(workflow_row(one.spec, one.definition, place), self.new_id(), place, self.now())
        return {**row, "is_system": False}

    def update_workflows(
        self, caller: Caller, text: str, *, identifier: str | None = None, namespace: str = "", scope: str = "private",
        skip_validation: bool = False,
    ) -> list[Row]:
        """Replace existing workflows; with ``identifier`` one, which may get another name.

        Raises the language's errors, RequestError, NotFoundError, NotAllowedError, DuplicateError.
        """
        place = _place(caller, namespace, scope)
        parsed = parse_workflows(text, validate=self._validates(skip_validation=skip_validation))
        if identifier is not None and len(parsed) != 1:
            raise RequestError("More than one workflows are not supported for update with identifier.")

        def work(conn: Connection) -> list[Row]:
            return [
                self._replace(conn, definitions.WORKFLOWS, place, identifier or one.spec.name,
                              workflow_row(one.spec, one.definition, place))
                for one in parsed
            ]

        rows: list[Row] = self._write(work)
        return rows

    def delete_workflow(self, caller: Caller, identifier: str, *, namespace: str = "") -> None:
        """Delete a workflow that no trigger refers to. Raises NotFoundError, NotAllowedError, WorkflowError."""

        def work(conn: Connection) -> None:
            row = self._changeable(conn, definitions.WORKFLOWS, caller, identifier, namespace)
            for kind, noun in ((definitions.CRON_TRIGGERS, "cron trigger"), (definitions.EVENT_TRIGGERS, "event trigger")):
                found = definitions.select(conn, kind, EVERYTHING, workflow_id=row["id"])
                if found:
                    ids = ", ".join(one["id"] for one in found)
                    raise WorkflowError(
                        f"Can't delete workflow that has {noun}s associated. [workflow_identifier={identifier}, "
                        f"namespace={namespace}], [{noun.replace(' ', '_')}_id(s)={ids}]")
            definitions.delete(conn, definitions.WORKFLOWS, scope_of(caller), row["id"])

        self._write(work)

    # ---- workbooks

    def validate_workbook(self, text: str, *, skip_validation: bool = False) -> None:
        """Raise what is wrong with a workbook."""
        parse_workbook(text, validate=self._validates(skip_validation=skip_validation))

    def create_workbook(
        self, caller: Caller, text: str, *, namespace: str = "", scope: str = "private", skip_validation: bool = False,
    ) -> Row:
        """Store a workbook and its members."""
        return self._store_workbook(caller, text, namespace, scope, skip_validation=skip_validation, is_new=True)

    def update_workbook(
        self, caller: Caller, text: str, *, namespace: str = "", scope: str = "private", skip_validation: bool = False,
    ) -> Row:
        """Replace a workbook; members that it lost stay (L147)."""
        return self._store_workbook(caller, text, namespace, scope, skip_validation=skip_validation, is_new=False)

    def _store_workbook(
        self, caller: Caller, text: str, namespace: str, scope: str, *, skip_validation: bool, is_new: bool,
    ) -> Row:
        place = _place(caller, namespace, scope)
        parsed = parse_workbook(text, validate=self._validates(skip_validation=skip_validation))
        spec = parsed.spec
        members = Place(caller, namespace, scope, workbook=spec.name)
        values = {
            "name": place.full_name(spec.name), "namespace": namespace, "scope": scope, "definition": text, "spec": spec.raw,
            "tags": list(spec.tags),
        }
        workflows = [workflow_row(one, parsed.workflow_definitions.get(one.name, ""), members) for one in spec.workflows]
        actions = [action_row(one, parsed.action_definitions.get(one.name, ""), members) for one in spec.actions]

        def work(conn: Connection) -> Row:
            if is_new:
                row = new_row(values, self.new_id(), place, self.now())
                definitions.create(conn, definitions.WORKBOOKS, [row])
            else:
                row = self._replace(conn, definitions.WORKBOOKS, place, spec.name, values)
            for one in workflows:
                self._put(conn, definitions.WORKFLOWS, members, one)
            for one in actions:
                self._put(conn, definitions.ACTIONS, members, one)
            return row

        stored: Row = self._write(work)
        return stored

    def delete_workbook(self, caller: Caller, name: str, *, namespace: str = "") -> None:
        """Delete a workbook; its members stay (L148)."""

        def work(conn: Connection) -> None:
            row = self._changeable(conn, definitions.WORKBOOKS, caller, name, namespace)
            definitions.delete(conn, definitions.WORKBOOKS, scope_of(caller), row["id"])

        self._write(work)

    # ---- ad-hoc actions

    def validate_actions(self, text: str, *, skip_validation: bool = False) -> None:
        """Raise what is wrong with a document of ad-hoc actions."""
        parse_actions(text, validate=self._validates(skip_validation=skip_validation))

    def create_actions(self, caller: Caller, text: str, *, namespace: str = "", scope: str = "private") -> list[Row]:
        """Store new ad-hoc actions, in written order."""
        place = _place(caller, namespace, scope)
        parsed = parse_actions(text, validate=self._validates(skip_validation=False))
        rows = [self._new_action(one, place) for one in parsed]
        self._write(lambda conn: definitions.create(conn, definitions.ACTIONS, rows))
        return rows

    def _new_action(self, one: ParsedAction, place: Place) -> Row:
        row = new_row(action_row(one.spec, one.definition, place), self.new_id(), place, self.now())
        return {**row, "is_system": False}

    def update_actions(
        self, caller: Caller, text: str, *, identifier: str | None = None, namespace: str = "", scope: str = "private",
    ) -> list[Row]:
        """Replace existing ad-hoc actions; with ``identifier`` one."""
        place = _place(caller, namespace, scope)
        parsed = parse_actions(text, validate=self._validates(skip_validation=False))
        if identifier is not None and len(parsed) != 1:
            raise RequestError("More than one actions are not supported for update with identifier.")

        def work(conn: Connection) -> list[Row]:
            return [
                self._replace(conn, definitions.ACTIONS, place, identifier or one.spec.name, action_row(one.spec, one.definition, place))
                for one in parsed
            ]

        rows: list[Row] = self._write(work)
        return rows

    def delete_action(self, caller: Caller, identifier: str, *, namespace: str = "") -> None:
        """Delete an ad-hoc action."""

        def work(conn: Connection) -> None:
            row = self._changeable(conn, definitions.ACTIONS, caller, identifier, namespace)
            definitions.delete(conn, definitions.ACTIONS, scope_of(caller), row["id"])

        self._write(work)

    # ---- environments

    def create_environment(
        self, caller: Caller, *, name: str, variables: Mapping[str, Any] | None, description: str | None = None, scope: str = "private",
    ) -> Row:
        """Store a new environment. Raises RequestError, DuplicateError."""
        place = _place(caller, "", scope)
        if not name:
            raise RequestError("The name of the environment must be provided.")
        values = {"name": name, "variables": variables, "description": description, "scope": scope}
        row = new_row(values, self.new_id(), place, self.now())
        self._write(lambda conn: definitions.create(conn, definitions.ENVIRONMENTS, [row]))
        return row

    def update_environment(self, caller: Caller, name: str, changes: Mapping[str, Any]) -> Row:
        """Change ``variables`` (as a whole), ``description`` or ``scope``; what isn't given stays."""
        if "scope" in changes:
            _check_scope(changes["scope"])
        place = Place(caller)
        row: Row = self._write(lambda conn: self._replace(conn, definitions.ENVIRONMENTS, place, name, dict(changes)))
        return row

    def delete_environment(self, caller: Caller, name: str) -> None:
        """Delete an environment."""

        def work(conn: Connection) -> None:
            row = self._changeable(conn, definitions.ENVIRONMENTS, caller, name, "")
            definitions.delete(conn, definitions.ENVIRONMENTS, scope_of(caller), row["id"])
            environment_secrets.delete(conn, row["id"])

        self._write(work)

    # ---- what all have in common

    def _changeable(self, conn: Connection, kind: Kind, caller: Caller, identifier: str, namespace: str) -> Row:
        """The row, if the caller may change it. Raises NotFoundError, NotAllowedError, RequestError for a system definition."""
        scope = scope_of(caller)
        row = definitions.get(conn, kind, scope, identifier, namespace)
        if not scope.may_change(row):
            raise NotAllowedError(
                f"Can't modify a resource of another project. [type={kind.noun}, name={row['name']}, project_id={row['project_id']}]")
        if row.get("is_system") and not caller.is_admin:
            raise RequestError(f"Attempt to modify a system {kind.noun.lower()}: {row['name']}")
        return row

    def _replace(self, conn: Connection, kind: Kind, place: Place, identifier: str, values: Mapping[str, Any]) -> Row:
        row = self._changeable(conn, kind, place.caller, identifier, place.namespace)
        changes = {**values, "updated_at": self.now()}
        if kind is definitions.WORKFLOWS and row["scope"] == "public" and values.get("scope") == "private":
            self._check_unshared(conn, row)
        definitions.update(conn, kind, scope_of(place.caller), row["id"], changes)
        return {**row, **changes}

    def _put(self, conn: Connection, kind: Kind, place: Place, values: Mapping[str, Any]) -> None:
        """Replace a workbook's member, or create it."""
        scope = scope_of(place.caller)
        existing = definitions.find(conn, kind, scope, values["name"], place.namespace)
        if existing is not None and existing["project_id"] == place.caller.project_id:
            self._replace(conn, kind, place, existing["id"] if "id" in kind.by else existing["name"], values)
        else:
            definitions.create(conn, kind, [{**new_row(values, self.new_id(), place, self.now()), "is_system": False}])

    @staticmethod
    def _check_unshared(conn: Connection, row: Row) -> None:
        """A public workflow stays public while another project's trigger needs it."""
        for kind in (definitions.CRON_TRIGGERS, definitions.EVENT_TRIGGERS):
            for trigger in definitions.select(conn, kind, EVERYTHING, workflow_id=row["id"]):
                if trigger["project_id"] != row["project_id"]:
                    raise NotAllowedError(f"Can not update to private scope, the workflow is used by others. [id={row['id']}]")


def _check_scope(scope: str) -> None:
    if scope not in SCOPES:
        raise RequestError(f"Scope must be one of the following: {set(SCOPES)}; actual: {scope}")


def _place(caller: Caller, namespace: str, scope: str) -> Place:
    _check_scope(scope)
    return Place(caller, namespace, scope)


def verdict(check: Callable[..., None], text: str, *, skip_validation: bool = False) -> dict[str, Any]:
    """The answer of a ``validate`` endpoint: never an error, whatever the text."""
    try:
        check(text, skip_validation=skip_validation)
    except MaestraleError as error:
        return {"valid": False, "error": error.message}
    return {"valid": True}


