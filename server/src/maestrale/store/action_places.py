"""Places of actions that only so many may run of at once, counted over all processes.

A row is one action execution's wish for a place of one limit: ``place`` is the place's number, None while it waits. The numbers below
a limit are its places, and no two rows of a limit may have the same number: that, and nothing else, holds the limit, whatever processes
do at the same time. What a process without row in ``nodes`` held is free.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from maestrale.store.database import ConstraintError
from maestrale.store.tables import action_executions, action_places, nodes

places = action_places.c
actions = action_executions.c


@dataclass(frozen=True, slots=True)
class Wish:
    """See the module. ``owner`` is the process that has the action in hand, ``since`` when it was wished for."""

    attempt_id: str
    name: str
    owner: str
    since: datetime
    place: int | None = None


def ask(conn: Connection, wishes: Sequence[Wish]) -> None:
    """Note what is wished for, in place of what was noted for the same action executions."""
    if wishes:
        free(conn, {wish.attempt_id for wish in wishes})
        conn.execute(action_places.insert(), [asdict(wish) for wish in wishes])


def of_the_living(conn: Connection) -> list[Wish]:
    """All wishes and places of processes that are known, oldest first."""
    found = sa.select(action_places).where(places.owner.in_(sa.select(nodes.c.id)))
    return [Wish(**row) for row in conn.execute(found.order_by(places.since, places.attempt_id, places.name)).mappings()]


def take(conn: Connection, attempt_id: str, owner: str, numbers: Mapping[str, int]) -> None:
    """Take the places (limit -> number) of an action execution's wishes, all or none.

    Raises ConstraintError if another process was faster, or a wish is not noted any more.
    """
    dead = sa.and_(places.name.in_(sorted(numbers)), places.place.is_not(None), places.owner.not_in(sa.select(nodes.c.id)))
    conn.execute(action_places.delete().where(dead))
    for name, number in sorted(numbers.items()):
        mine = sa.and_(places.attempt_id == attempt_id, places.name == name, places.owner == owner)
        if conn.execute(action_places.update().where(mine).values(place=number)).rowcount != 1:
            raise ConstraintError(f"The wish for a place of '{name}' is gone.")
    tell(conn, owner, {attempt_id: None})


def free(conn: Connection, attempt_ids: Iterable[str]) -> None:
    """Give back what these action executions held or wished for."""
    conn.execute(action_places.delete().where(places.attempt_id.in_(sorted(attempt_ids))))


def leave(conn: Connection, owner: str, attempt_ids: Iterable[str]) -> None:
    """Action executions of a process have ended, or were withdrawn while they waited: give back what they held, say no more of it."""
    ids = sorted(attempt_ids)
    waiting = sa.select(places.attempt_id).where(places.attempt_id.in_(ids), places.owner == owner, places.place.is_(None))
    withdrawn = conn.execute(waiting.distinct()).scalars().all()
    conn.execute(action_executions.update().where(actions.id.in_(withdrawn)).values(state_info=None))
    free(conn, ids)


def tell(conn: Connection, owner: str, reasons: Mapping[str, str | None]) -> None:
    """Show in action executions of a process what they wait for; None: for nothing any more.

    As who runs an action, this is written beside the execution's version.
    """
    for attempt_id, reason in sorted(reasons.items()):
        mine = sa.and_(actions.id == attempt_id, actions.owner == owner)
        conn.execute(action_executions.update().where(mine).values(state_info=reason))


def waiting_of_the_dead(conn: Connection, attempt_ids: Sequence[str]) -> set[str]:
    """Those of these action executions that waited when their process died, and so were never begun."""
    waiting = sa.and_(
        places.attempt_id.in_(sorted(attempt_ids)), places.place.is_(None), places.owner.not_in(sa.select(nodes.c.id)))
    return set(conn.execute(sa.select(places.attempt_id).where(waiting)).scalars())


def forget(conn: Connection, owner: str) -> None:
    """Forget whatever a process held or wished for that ends now."""
    conn.execute(action_places.delete().where(places.owner == owner))


def forget_of_the_dead(conn: Connection) -> None:
    """Forget what processes that are no more wished for, but for actions that nobody has looked after yet."""
    living = sa.select(nodes.c.id)
    unseen = sa.select(actions.id).where(actions.state == "RUNNING", actions.owner.is_not(None), actions.owner.not_in(living))
    conn.execute(action_places.delete().where(places.owner.not_in(living), places.attempt_id.not_in(unseen)))
