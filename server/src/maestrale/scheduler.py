"""Firing cron triggers (5.2): due ones start their workflows, exactly once each, whichever and however many processes look.

The execution starts and the trigger moves on in one transaction, which only the process commits that finds the trigger at that
time still: nothing fires after a trigger is deleted. The execution's id is derived from the trigger and the time besides.
A start that can never work is logged, and the trigger moves on; while the database is away nothing moves.

Missed times: ``once`` (Mistral's way, the default) makes one run of them, ``all`` one each, ``skip`` none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import structlog

from maestrale.caller import Caller
from maestrale.catalog.schedule import following
from maestrale.core import identity
from maestrale.engine import Engine, StartRequest
from maestrale.errors import DatabaseUnavailableError, MaestraleError, RequestError
from maestrale.store import Database, TriggerMoved, triggers, trusts
from maestrale.store.triggers import Firing

log = structlog.get_logger(__name__)

MISSED_AFTER = timedelta(seconds=60)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """What to do about one due trigger: whether to start, when it is due next (None: never again), how many runs are left."""

    fires: bool
    next_time: datetime | None
    remaining: int | None


@dataclass(slots=True, kw_only=True)
class CronScheduler:
    """A duty of every server process. ``batch_size`` bounds the triggers of one look."""

    database: Database
    engine: Engine
    now: Callable[[], datetime]
    batch_size: int

    def run(self) -> None:
        """Fire what is due now. Raises DatabaseUnavailableError; what has been fired by then stays so."""
        due = self.database.run_read(lambda conn: triggers.due(conn, self.now(), self.batch_size))
        for row in due:
            self._fire(row)

    def _fire(self, row: Row) -> None:
        expected: datetime = row["next_execution_time"]
        step = step_of(row, self.now())
        if step.next_time is None and row["trust_id"] is not None:
            # noted before the trigger goes, with which the trust's id goes
            self.database.run_write(
                lambda conn: trusts.add(conn, row["trust_id"], execution_id_of(row, expected), self.now(), trigger_id=row["id"]))
        if step.fires:
            self._start(row, Firing(row["id"], expected, step.next_time, step.remaining))
        # what was started has moved it on already, but for an execution that an older release had started
        moved = self.database.run_write(
            lambda conn: triggers.advance(conn, row["id"], expected, step.next_time, step.remaining))
        if moved and not step.fires:
            log.info("a cron trigger skipped times that it had missed", trigger_id=row["id"], since=str(expected))

    def _start(self, row: Row, firing: Firing) -> None:
        """Start the workflow and move the trigger on, both or neither."""
        request = StartRequest(
            workflow_id=row["workflow_id"], input=row["workflow_input"] or {}, params=row["workflow_params"] or {},
            description=json.dumps({"description": "Workflow execution created by cron trigger.",
                                    "triggered_by": {"type": "cron_trigger", "id": row["id"], "name": row["name"]}}),
            id=execution_id_of(row, firing.expected), firing=firing,
        )
        try:
            self.engine.start(caller_of(row), request)
        except DatabaseUnavailableError:
            raise
        except TriggerMoved:
            log.info("a cron trigger was fired elsewhere or deleted", trigger_id=row["id"])
        except MaestraleError as error:
            log.warning("a cron trigger could not start its workflow", trigger_id=row["id"], error=str(error))


def step_of(row: Row, now: datetime) -> Step:
    """What a due trigger does now; see the module for missed times."""
    expected: datetime = row["next_execution_time"]
    policy, remaining = row["catch_up"] or "once", row["remaining_executions"]
    fires = policy != "skip" or now - expected <= MISSED_AFTER
    if fires and remaining is not None:
        remaining -= 1
        if remaining <= 0:
            return Step(fires, None, 0)
    after = expected if policy == "all" else max(now, expected)
    try:
        return Step(fires, following(row["pattern"], after, row["timezone"]), remaining)
    except RequestError:
        return Step(fires, None, remaining)


def execution_id_of(row: Row, occurrence: datetime) -> str:
    """The id of the execution that a trigger starts at a time."""
    return identity.derive(row["id"], "cron", occurrence.isoformat())


def caller_of(row: Row) -> Caller:
    """In whose name a trigger starts: who created it, as far as it was stored."""
    known = {field.name for field in fields(Caller)} - {"target"}  # its token was never stored
    stored = {name: value for name, value in (row["security"] or {}).items() if name in known}
    stored |= {"project_id": row["project_id"], "roles": tuple(stored.get("roles") or ()), "trust_id": row["trust_id"]}
    return Caller(**stored)
