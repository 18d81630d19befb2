"""The read side of the API: lists and single objects, each seen through a ``Scope``.

Rows are mappings of the API's field names. JSON fields are JSON text ready for output, with the big values put in;
times are datetimes, flags are bools. Knows no HTTP.

Putting a statement together takes several times as long as running it, so those that are asked for over and over are made
once, with parameters for the values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from maestrale.errors import NotFoundError
from maestrale.store.filters import Filter, after, conditions, field_of, order, order_by, parameters, plain_conditions
from maestrale.store.payloads import open_references, resolved_text
from maestrale.store.resources import RESOURCES, Field, Resource
from maestrale.store.scope import PROJECT, Scope, nearness, visible
from maestrale.store.tables import payloads

DEFAULT_SORT = (("created_at", False),)

STATEMENTS_KEPT = 500
PAIRS_AT_ONCE = 200
IDS_AT_ONCE = 500

IDENTIFIER, NAMESPACE, LIMIT = "identifier", "namespace_name", "page_limit"
"""Parameters of statements that are kept."""


def list_(
    conn: Connection, resource: str, scope: Scope, *, filters: Iterable[Filter] = (), sort: Sequence[tuple[str, bool]] = DEFAULT_SORT,
    limit: int | None = None, marker: str | None = None, fields: Sequence[str] | None = None, nulls: Sequence[str] = (),
    include_output: bool = False,
) -> list[dict[str, Any]]:
    """One page of a collection in a total order.

    ``sort`` holds (field, descending); the id is added. ``marker`` is the id of the last item of the page before.
    ``fields`` None means all but the heavy ones, ``include_output`` adds ``output``. Raises RequestError for
    fields, operators and values that make no sense, NotFoundError for an unknown or invisible marker.
    """
    known = RESOURCES[resource]
    given = list(filters)
    chosen = _chosen(known, fields, include_output=include_output)
    sorted_by = order(known, sort)
    by_index = conn.dialect.name != "sqlite" or not _selective(known, given)
    plain = parameters(known, given) if marker is None and not nulls else None
    if plain is not None and not _needs_end(conn, sorted_by, limit):
        shape = tuple((one.column, one.operator) for one in given)
        statement = _plain_page(resource, tuple(chosen), shape, tuple(sort), scope.sees_all, by_index, limit is not None)
        return _rows(conn, known, chosen, statement, {**plain, PROJECT: scope.project_id, LIMIT: limit})
    where = [seen(known, scope, by_index=by_index), *conditions(known, given, nulls, conn)]
    if marker is not None:
        values = _sort_values(conn, known, scope, marker, [field.column for field, _ in sorted_by])
        where.append(after(sorted_by, values, rows=conn.dialect.name in {"sqlite", "postgresql"}))
    statement = _select(known, chosen).where(*where).order_by(*order_by(sorted_by))
    if limit is not None:
        statement = statement.limit(limit)
        if _needs_end(conn, sorted_by, limit):
            statement = statement.where(_page_end(conn, known, where, sorted_by, limit))
    return _rows(conn, known, chosen, statement)


@lru_cache(STATEMENTS_KEPT)
def _plain_page(
    resource: str, chosen: tuple[str, ...], filters: tuple[tuple[str, str], ...], sort: tuple[tuple[str, bool], ...], sees_all: bool,
    by_index: bool, limited: bool,
) -> sa.Select[Any]:
    """The statement of a first page whose filters are plain comparisons."""
    known = RESOURCES[resource]
    where = [seen(known, Scope("", all_projects=sees_all), by_index=by_index), *plain_conditions(known, filters)]
    statement = _select(known, chosen).where(*where).order_by(*order_by(order(known, sort)))
    return statement.limit(sa.bindparam(LIMIT, type_=sa.Integer)) if limited else statement


def _selective(known: Resource, filters: Iterable[Filter]) -> bool:
    """Whether a filter finds rows by an index of its own."""
    return any(one.operator in {"eq", "in"} and one.column in known.fields and known.fields[one.column].indexed for one in filters)


def _needs_end(conn: Connection, sorted_by: Sequence[tuple[Field, bool]], limit: int | None) -> bool:
    """Whether MariaDB and MySQL would sort everything: they use an index for the whole order or not at all."""
    first, _ = sorted_by[0]
    is_mixed = len({down for _, down in sorted_by}) > 1
    return limit is not None and is_mixed and conn.dialect.name in {"mysql", "mariadb"} and first.indexed and not first.nullable


def _page_end(
    conn: Connection, known: Resource, where: Sequence[ColumnElement[bool]], sorted_by: Sequence[tuple[Field, bool]], limit: int,
) -> ColumnElement[bool]:
    """A bound that keeps them from it: the first sort value of the page's last row, which is looked up first."""
    first, descending = sorted_by[0]
    column = first.column
    statement = sa.select(column).select_from(known.source).where(*where).order_by(column.desc() if descending else column)
    last = conn.execute(statement.offset(limit - 1).limit(1)).scalar()
    if last is None:
        return sa.true()
    bound: ColumnElement[bool] = column >= last if descending else column <= last
    return bound


def get_(
    conn: Connection, resource: str, scope: Scope, identifier: str, namespace: str = "", *, fields: Sequence[str] | None = None,
) -> dict[str, Any]:
    """One object by id or, for definitions, by id or exact name and namespace.

    ``fields`` None means all but the heaviest; ``output`` is among them here. Raises NotFoundError with Mistral's
    text, RequestError for unknown fields.
    """
    known = RESOURCES[resource]
    chosen = _chosen(known, fields, include_output=True)
    statement = _one(resource, tuple(chosen), scope.sees_all)
    found = _rows(conn, known, chosen, statement, {PROJECT: scope.project_id, IDENTIFIER: identifier, NAMESPACE: namespace})
    if not found:
        raise NotFoundError(known.missing.format(id=identifier, namespace=namespace))
    return found[0]


@lru_cache(STATEMENTS_KEPT)
def _one(resource: str, chosen: tuple[str, ...], sees_all: bool) -> sa.Select[Any]:
    """The statement of ``get_``."""
    known = RESOURCES[resource]
    table, scope = known.table, Scope("", all_projects=sees_all)
    identifier = sa.bindparam(IDENTIFIER, type_=sa.String)
    matches: list[ColumnElement[bool]] = [table.c.id == identifier]
    statement = _select(known, chosen).limit(1)
    if "name" in table.c and "scope" in table.c:
        by_name = table.c.name == identifier
        matches.append(sa.and_(by_name, table.c.namespace == sa.bindparam(NAMESPACE)) if "namespace" in table.c else by_name)
        statement = statement.order_by(nearness(table, scope), table.c.created_at, table.c.id)
    return statement.where(sa.or_(*matches), seen(known, scope))


def by_ids(
    conn: Connection, resource: str, scope: Scope, ids: Sequence[str], *, fields: Sequence[str] | None = None, include_output: bool = False,
) -> list[dict[str, Any]]:
    """The visible ones of these ids, in their order."""
    known = RESOURCES[resource]
    chosen = _chosen(known, fields, include_output=include_output)
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = list(ids[start:start + IDS_AT_ONCE])
        where = (known.table.c.id.in_(some), seen(known, scope, by_index=conn.dialect.name != "sqlite"))
        statement = _select(known, chosen).where(*where)
        found.update({row["id"]: row for row in _rows(conn, known, chosen, statement)})
    return [found[one] for one in ids if one in found]


def count_(conn: Connection, resource: str, scope: Scope, *, filters: Iterable[Filter] = (), nulls: Sequence[str] = ()) -> int:
    """How many rows a list without limit would have."""
    known = RESOURCES[resource]
    where = [seen(known, scope), *conditions(known, filters, nulls, conn)]
    return conn.execute(sa.select(sa.func.count()).select_from(known.source).where(*where)).scalar_one()


def field_names(resource: str) -> tuple[str, ...]:
    """The fields of a resource."""
    return tuple(RESOURCES[resource].fields)


def _chosen(known: Resource, fields: Sequence[str] | None, *, include_output: bool) -> list[str]:
    if fields is None:
        heavy = known.heavy - {"output"} if include_output else known.heavy
        return [name for name in known.fields if name not in heavy]
    for name in fields:
        field_of(known, name)
    return list(dict.fromkeys(["id", *fields]))


def seen(known: Resource, scope: Scope, *, by_index: bool = True) -> ColumnElement[bool]:
    """The condition that a row of a resource is visible."""
    return sa.and_(known.condition, visible(known.table, scope, shared=known.shared, by_index=by_index))


def _select(known: Resource, chosen: Sequence[str]) -> sa.Select[Any]:
    columns = [known.fields[name].column.label(name) for name in chosen]
    if known.scope_id is not None:
        columns.append(known.scope_id.label("payload_scope"))
    return sa.select(*columns).select_from(known.source)


def _sort_values(conn: Connection, known: Resource, scope: Scope, marker: str, columns: Sequence[ColumnElement[Any]]) -> Sequence[Any]:
    statement = sa.select(*columns).select_from(known.source).where(known.table.c.id == marker, seen(known, scope))
    row = conn.execute(statement).first()
    if row is None:
        raise NotFoundError(f"The marker doesn't exist: {known.missing.format(id=marker, namespace='')}")
    return tuple(row)


def _rows(
    conn: Connection, known: Resource, chosen: Sequence[str], statement: sa.Select[Any], values: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    result = conn.execute(statement, values)
    names = list(result.keys())
    rows = [dict(zip(names, row, strict=True)) for row in result]
    if known.scope_id is None:
        return rows
    big = [name for name in chosen if known.fields[name].payload]
    open_fields: list[tuple[dict[str, Any], str, str]] = []
    wanted: set[tuple[str, str]] = set()
    for row in rows:
        scope_id = row.pop("payload_scope")
        for name in big:
            digests = open_references(row[name]) if row[name] is not None else ()
            if digests or (row[name] and '"$payload"' in row[name]):
                open_fields.append((row, name, scope_id))
                wanted.update((scope_id, digest) for digest in digests)
    if open_fields:
        bodies = _bodies(conn, sorted(wanted))
        for row, name, scope_id in open_fields:
            row[name] = resolved_text(row[name], bodies.get(scope_id, {}))
    return rows


def _bodies(conn: Connection, wanted: Sequence[tuple[str, str]]) -> dict[str, dict[str, str]]:
    """The texts of big values by scope and digest."""
    table = payloads.c
    key = sa.tuple_(table.scope_id, table.digest)
    parts: dict[str, dict[str, list[str]]] = {}
    for start in range(0, len(wanted), PAIRS_AT_ONCE):
        some = wanted[start:start + PAIRS_AT_ONCE]
        statement = sa.select(table.scope_id, table.digest, table.body).where(key.in_(some))
        for scope_id, digest, body in conn.execute(statement.order_by(table.scope_id, table.digest, table.part)):
            parts.setdefault(scope_id, {}).setdefault(digest, []).append(body)
    return {scope_id: {digest: "".join(pieces) for digest, pieces in found.items()} for scope_id, found in parts.items()}
