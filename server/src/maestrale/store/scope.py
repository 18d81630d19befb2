"""Who may see what: the one place that turns a project into conditions of a query (2.3).

A row is visible if it belongs to the project, is public, or - workflows - was shared with the project and accepted
there. Administrators see everything. Rows of executions have no scope: they are their project's alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Table
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from maestrale.store.tables import resource_members

PUBLIC = "public"

PROJECT = "visible_to"
"""Parameter of a condition that holds the project, so that one statement serves all projects."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose eyes a query looks through. ``all_projects`` is for callers to whom the policy has allowed that."""

    project_id: str
    is_admin: bool = False
    all_projects: bool = False

    @property
    def sees_all(self) -> bool:
        """Whether no row is hidden."""
        return self.is_admin or self.all_projects

    def may_change(self, row: Mapping[str, Any]) -> bool:
        """Whether a visible row may be changed: by its owner and by administrators."""
        return self.is_admin or row["project_id"] == self.project_id


EVERYTHING = Scope(project_id="", is_admin=True)
"""For what the service does by itself."""


def visible(
    table: Table, scope: Scope, *, shared: str | None = None, within_project: bool = False, by_index: bool = True,
) -> ColumnElement[bool]:
    """The condition that a row of ``table`` is visible.

    ``shared`` is the type of resource that members can be given. ``within_project`` restricts administrators too.
    ``by_index`` False is for SQLite alone: it has no figures about values, and is kept so from looking for rows by
    their project when another condition says more.
    """
    if scope.sees_all and not within_project:
        return sa.true()
    project: ColumnElement[Any] = table.c.project_id if by_index else UnaryExpression(table.c.project_id, operator=custom_op("+"))
    asking = _asking(scope)
    own = project == asking
    if "member_id" in table.c:
        return sa.or_(own, table.c.member_id == asking)
    if "scope" not in table.c:
        return own
    conditions = [own, table.c.scope == PUBLIC]
    if shared is not None:
        conditions.append(table.c.id.in_(shared_ids(scope, shared)))
    return sa.or_(*conditions)


def shared_ids(scope: Scope, resource_type: str) -> sa.Select[Any]:
    """The ids of resources that others share with the project and that it has accepted."""
    members = resource_members.c
    asking = _asking(scope)
    return sa.select(members.resource_id).where(
        members.member_id == asking, members.resource_type == resource_type, members.status == "accepted",
    )


def nearness(table: Table, scope: Scope) -> ColumnElement[Any]:
    """Sorts the project's own rows first, then shared private ones, then public ones."""
    own = table.c.project_id == _asking(scope)
    if "scope" not in table.c:
        return sa.case((own, 0), else_=1)
    return sa.case((own, 0), (table.c.scope != PUBLIC, 1), else_=2)


def _asking(scope: Scope) -> sa.BindParameter[str]:
    return sa.bindparam(PROJECT, scope.project_id, sa.String)
