"""What a process does again and again besides deciding: say that it lives, look for due and abandoned work, tidy up.

Two threads, so that a slow look never makes this process seem dead. They read and claim in transactions of their own;
what they find goes to the deciding thread through the inbox. Nothing here is needed while all goes well within one
process, except timers that lie further ahead than its memory: everything is a second way for work whose first way was
lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from maestrale import clock
from maestrale.core import states
from maestrale.core.messages import ActionCompleted, ActionLost
from maestrale.core.model import Attempt, Execution, Job
from maestrale.engine.dispatch import Dispatcher, Origin
from maestrale.engine.faults import AFTER_CLAIM, BEFORE_CLAIM, Faults, no_faults
from maestrale.engine.inbox import Inbox
from maestrale.engine.items import Delivery, Operation
from maestrale.engine.loop import DecisionLoop
from maestrale.engine.nodes import NodeIdentity, Watch
from maestrale.engine.notifications import Notifications
from maestrale.engine.periodic import Duty, Periodic
from maestrale.engine.places import Places
from maestrale.engine.standalone import StandaloneActions
from maestrale.errors import ConflictError
from maestrale.store import Connection, Database, Executions, action_places, dispatch, execution_troubles, jobs, nodes, queries, reports
from maestrale.store.scope import EVERYTHING

log = structlog.get_logger(__name__)

LOST = "The process that ran the action ended before the action did; it was not repeated because its task does not say safe-rerun."
TOO_LATE = "The action was not run: its execution had ended."
RECONCILE_EVERY = 30.0
OVERDUE = 0.5
IDLE_EVERY = 60.0
IDLE_LEASE = "idle executions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds between the rounds of each duty, and most rows of one kind at once."""

    heartbeat: float
    node_timeout: float
    poll: float
    claim_size: int


@dataclass(slots=True, kw_only=True)
class Sweeper:
    """See the module."""

    identity: NodeIdentity
    pace: Pace
    database: Database
    executions: Executions
    inbox: Inbox
    loop: DecisionLoop
    dispatcher: Dispatcher
    notifications: Notifications
    standalone: StandaloneActions
    places: Places
    now: Callable[[], datetime] = clock.now
    faults: Faults = no_faults
    draining: bool = False
    ready: bool = False
    _watch: Watch = field(init=False)
    heartbeats: Periodic = field(init=False)
    sweeps: Periodic = field(init=False)
    _orphans_due: float = 0.0
    _reconciled_at: float = 0.0

    def __post_init__(self) -> None:
        self._watch = Watch(self.identity, self.pace.node_timeout)
        self.heartbeats = Periodic([Duty(name="heartbeat", interval=self.pace.heartbeat, run=self.beat)])
        self.sweeps = Periodic([
            Duty(name="poll", interval=self.pace.poll, run=self.poll), Duty(name="places", interval=self.pace.poll, run=self.places.poll)])
        self.places.on_change = self.sweeps.hurry

    def hurry(self) -> None:
        """Make the next poll come at once. Callable from any thread."""
        self.sweeps.hurry()

    def stop(self) -> None:
        """End both. Callable from any thread."""
        self.sweeps.stop()
        self.heartbeats.stop()

    # ---- being alive, and who is dead

    def beat(self) -> None:
        """Renew this process's row, and take over from processes that are dead."""
        now = self.now()
        alive = self.ready and self.database.run_write(lambda conn: nodes.heartbeat(conn, self.identity.id, now))
        if not alive:
            self._register(now)
        dead = self._watch.dead(self.database.run_read(nodes.all_nodes), clock.monotonic())
        if dead:
            self._bury(dead)

    def _register(self, now: datetime) -> None:
        """Before any work, and again if others took this process for dead meanwhile."""
        if self.ready:
            log.warning("other processes took this one for dead; its work may have been taken over")
            self.loop.wants_reconciliation = True
        row = nodes.Node(
            id=self.identity.id, host=self.identity.host, pid=self.identity.pid, process_started=self.identity.process_started,
            started_at=now, heartbeat_at=now,
        )
        self.database.run_write(lambda conn: nodes.register(conn, row))
        self.ready = True

    def _bury(self, dead: Sequence[str]) -> None:
        log.warning("processes are gone; taking over their work", nodes=list(dead))

        def work(conn: Connection) -> None:
            nodes.remove(conn, dead)
            jobs.release_abandoned(conn)
            execution_troubles.forget_of_the_dead(conn)
            action_places.forget_of_the_dead(conn)

        self.database.run_write(work)
        self._orphans_due = 0.0
        self.hurry()

    # ---- work that nobody does

    def poll(self) -> None:
        """Claim due jobs and waiting actions, look after actions whose process died, tidy up."""
        if not self.ready:
            return
        self.notifications.flush()
        self._delete_void_jobs()
        self._write_troubles()
        if self.draining:
            return
        self.claim_jobs()
        if clock.monotonic() >= self._orphans_due:
            self._orphans_due = clock.monotonic() + self.pace.node_timeout
            # a commit may come to its end after its process did, and was buried
            self.database.run_write(jobs.release_abandoned)
            self.adopt_orphans()
        self.claim_actions()
        self._reconcile_if_wanted()

    def claim_jobs(self) -> None:
        """Make jobs of nobody that are due before the next look this process's own.

        Jobs that are its own and overdue come along: other processes send it some, and a commit's answer may be lost.
        """
        now, size = self.now(), self.pace.claim_size
        until = now + timedelta(seconds=1.5 * self.pace.poll)
        self.faults(BEFORE_CLAIM)
        found = self.database.run_write(lambda conn: jobs.claim(conn, self.identity.id, until, size))
        overdue = now - timedelta(seconds=OVERDUE)
        own = self.database.run_write(lambda conn: jobs.claim(conn, self.identity.id, overdue, size, dead=[self.identity.id]))
        self.faults(AFTER_CLAIM)
        self._accept([*found, *own])
        if len(found) >= size:
            self.hurry()

    def _accept(self, found: Sequence[Job]) -> None:
        for job in found:
            if job.kind == "notify":
                self.notifications.send(job)
        messages = [job for job in found if job.kind == "message"]
        if messages:
            self.inbox.put(Operation("accept jobs", lambda: self.loop.accept_jobs(messages)))

    def adopt_orphans(self) -> None:
        """Actions whose process died: free them where they may be repeated or never began, else tell their executions."""
        orphans = self.database.run_read(dispatch.orphaned_ids)
        size = self.pace.claim_size
        for start in range(0, len(orphans), size):
            self._adopt(orphans[start:start + size])
        if orphans:
            self.database.run_write(action_places.forget_of_the_dead)

    def _adopt(self, ids: Sequence[str]) -> None:
        found, unbegun = self.database.run_read(lambda conn: self._orphans(conn, ids))
        again: dict[str, list[str]] = {}
        for attempt in found:
            if attempt.owner is not None and (may_repeat(attempt) or attempt.id in unbegun):
                again.setdefault(attempt.owner, []).append(attempt.id)
        if again:
            self.database.run_write(lambda conn: _release(conn, again))
        for attempt in found:
            if not may_repeat(attempt) and attempt.id not in unbegun:
                self._lose(attempt)

    def _orphans(self, conn: Connection, ids: Sequence[str]) -> tuple[list[Attempt], set[str]]:
        """Those of these actions that are still a dead process's, and which of them waited for a place and so never began."""
        living = {node.id for node in nodes.all_nodes(conn)}
        found = [one for one in self.executions.attempts(conn, ids) if one.owner is not None and one.owner not in living]
        return found, action_places.waiting_of_the_dead(conn, ids)

    def _lose(self, attempt: Attempt) -> None:
        if attempt.execution_id is not None:
            self.inbox.put(Delivery(ActionLost(attempt.id, LOST), execution_id=attempt.execution_id))
            return
        try:
            self.standalone.lose(attempt, LOST)
        except ConflictError:
            log.info("an action ended before it was given up", action_execution_id=attempt.id)

    def claim_actions(self) -> None:
        """Take waiting actions as far as there is room."""
        room = min(self.dispatcher.room, self.pace.claim_size)
        if room <= 0:
            return
        found = self.database.run_read(lambda conn: dispatch.unclaimed_actions(self.executions, conn, room))
        if not found:
            return
        for attempt in found:
            self.dispatcher.take(attempt)
        mine: set[str] = set()
        try:
            mine = self.database.run_write(
                lambda conn: dispatch.claim_actions(conn, self.identity.id, [attempt.id for attempt in found], self.now()))
        finally:
            self.dispatcher.settle(attempt.id for attempt in found if attempt.id not in mine)
        self._run([attempt for attempt in found if attempt.id in mine])
        if len(found) >= room:
            self.hurry()

    def _run(self, attempts: Sequence[Attempt]) -> None:
        """Run what was taken in hand. If the database goes away before it is known what to run, ``reconcile`` does so later."""
        try:
            found = self.database.run_read(lambda conn: self._with_origins(conn, attempts))
        except BaseException:
            self.dispatcher.settle(attempt.id for attempt in attempts)
            self.loop.wants_reconciliation = True
            raise
        for attempt, origin in found:
            if origin is None:
                self.inbox.put(Delivery(ActionCompleted(attempt.id, states.CANCELLED, TOO_LATE), execution_id=attempt.execution_id))
                continue
            self.dispatcher.run(attempt, origin, repeated=True)

    def _with_origins(self, conn: Connection, attempts: Sequence[Attempt]) -> list[tuple[Attempt, Origin | None]]:
        """Each attempt with where it belongs; None if its execution has ended or is gone."""
        known: dict[str, Execution | None] = {}
        names: dict[str, str | None] = {}
        found: list[tuple[Attempt, Origin | None]] = []
        for attempt in attempts:
            if attempt.execution_id is None or attempt.task_id is None:
                found.append((attempt, Origin(security=attempt.runtime_context.get("security"))))
                continue
            if attempt.execution_id not in known:
                known[attempt.execution_id] = self.executions.execution(conn, attempt.execution_id)
            execution = known[attempt.execution_id]
            if execution is None or states.is_final(execution.state):
                found.append((attempt, None))
                continue
            if attempt.task_id not in names:
                rows = queries.by_ids(conn, "tasks", EVERYTHING, [attempt.task_id], fields=("name",))
                names[attempt.task_id] = rows[0]["name"] if rows else None
            found.append((attempt, Origin.of(execution, names[attempt.task_id])))
        return found

    def _delete_void_jobs(self) -> None:
        void, self.loop.jobs.void = self.loop.jobs.void, []
        if void:
            self.database.run_write(lambda conn: jobs.remove(conn, void))

    def _write_troubles(self) -> None:
        """Tell the doctor of executions that can't be decided, and of those that were after all."""
        suspects = self.loop.suspects
        told, over = suspects.changes()
        if not told and not over:
            return
        owner = self.identity.id

        def work(conn: Connection) -> None:
            execution_troubles.note(conn, [
                execution_troubles.Trouble(one, owner, suspect.since, suspect.tries, suspect.reason) for one, suspect in told.items()])
            execution_troubles.forget(conn, owner, over)

        try:
            self.database.run_write(work)
        except BaseException:
            suspects.keep_changes([*told, *over])
            raise

    def continue_idle(self) -> None:
        """Executions that are RUNNING though nothing will ever wake them. There are none unless something went wrong."""
        if not self.ready or self.draining:
            return
        now = self.now()
        if not self.database.run_write(lambda conn: nodes.acquire_lease(conn, IDLE_LEASE, self.identity.id, now, IDLE_EVERY)):
            return
        since = now - timedelta(seconds=IDLE_EVERY)
        for execution_id in self.database.run_read(lambda conn: reports.idle_executions(conn, since)):
            log.error("an execution would never have gone on", execution_id=execution_id)
            self.inbox.put(Operation("continue", lambda one=execution_id: self.loop.continue_afresh(one)))  # type: ignore[misc]

    # ---- commits whose answer was lost

    def _reconcile_if_wanted(self) -> None:
        if self.loop.wants_reconciliation or clock.monotonic() - self._reconciled_at > RECONCILE_EVERY:
            self.loop.wants_reconciliation = False
            self._reconciled_at = clock.monotonic()
            self.inbox.put(Operation("reconcile", self.reconcile))

    def reconcile(self) -> None:
        """Run what bears this process's name but isn't in its hands, and end what is but was deleted.

        In the deciding thread, between two batches, when everything in hand has its row.
        """
        self._end_deleted()

        def owned(conn: Connection) -> list[str]:
            return dispatch.owned_actions(conn, self.identity.id)

        lost = [one for one in self.database.run_read(owned) if one not in self.dispatcher]
        if lost:
            log.warning("actions of this process were not in its hands", actions=len(lost))
            attempts = self.database.run_read(lambda conn: self.executions.attempts(conn, lost))
            waiting = [one for one in attempts if not states.is_final(one.state)]
            for attempt in waiting:
                self.dispatcher.take(attempt)
            self._run(waiting)


    def _end_deleted(self) -> None:
        """Actions that were begun while their execution was being deleted, unseen by who deleted it."""
        in_hand = self.dispatcher.of_executions()
        if not in_hand:
            return
        there = self.database.run_read(lambda conn: dispatch.existing(conn, in_hand))
        for attempt_id in in_hand:
            if attempt_id not in there:
                self.dispatcher.cancel(attempt_id)


def _release(conn: Connection, owned: Mapping[str, Sequence[str]]) -> None:
    """Free actions of dead processes, with the places that they waited for."""
    for owner, ids in owned.items():
        action_places.leave(conn, owner, ids)
        dispatch.release_actions(conn, owner, ids)


def may_repeat(attempt: Attempt) -> bool:
    """Whether an action whose process died may run again (5.7, invariant 6)."""
    return bool(attempt.idempotent or attempt.runtime_context.get("safe_rerun")) and not attempt.runtime_context.get("_abandoned")
