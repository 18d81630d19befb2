"""Sharing of workflows between projects (1.15). Only the owner gives and takes, only the member accepts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from maestrale.errors import NotFoundError
from maestrale.store.definitions import MEMBERS, create, select
from maestrale.store.scope import Scope
from maestrale.store.tables import resource_members as members

WORKFLOW = "workflow"


def add(conn: Connection, row: Mapping[str, Any]) -> None:
    """Offer a resource to a project. Raises DuplicateError."""
    create(conn, MEMBERS, [row])


def of_resource(conn: Connection, scope: Scope, resource_id: str) -> list[dict[str, Any]]:
    """The members of a resource: all for its owner, a member sees its own entry."""
    return select(conn, MEMBERS, scope, resource_id=resource_id, resource_type=WORKFLOW)


def get(conn: Connection, scope: Scope, resource_id: str, member_id: str) -> dict[str, Any]:
    """One entry, as the owner or that member sees it. Raises NotFoundError."""
    found = select(conn, MEMBERS, scope, resource_id=resource_id, resource_type=WORKFLOW, member_id=member_id)
    if not found:
        raise _missing(resource_id, member_id)
    return found[0]


def set_status(conn: Connection, scope: Scope, resource_id: str, member_id: str, status: str, now: datetime) -> None:
    """Accept or reject, by the member itself. Raises NotFoundError for anyone else."""
    mine = sa.and_(*_entry(resource_id, member_id), members.c.member_id == scope.project_id)
    if conn.execute(members.update().where(mine).values(status=status, updated_at=now)).rowcount == 0:
        raise _missing(resource_id, member_id)


def remove(conn: Connection, scope: Scope, resource_id: str, member_id: str) -> None:
    """Withdraw a share, by the owner. Raises NotFoundError for anyone else."""
    mine = sa.and_(*_entry(resource_id, member_id), members.c.project_id == scope.project_id)
    if conn.execute(members.delete().where(mine)).rowcount == 0:
        raise _missing(resource_id, member_id)


def _entry(resource_id: str, member_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return members.c.resource_id == resource_id, members.c.resource_type == WORKFLOW, members.c.member_id == member_id


def _missing(resource_id: str, member_id: str) -> NotFoundError:
    return NotFoundError(f"Resource member not found [resource_id={resource_id}, member_id={member_id}]")
