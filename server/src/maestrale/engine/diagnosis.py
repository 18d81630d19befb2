"""Why an execution doesn't progress: what it waits for, since when, and who holds that.

Looks at rows only, so it works without any server running, and beside any number of them. An execution is *stuck* if
nothing that exists will ever move it on; ``free`` then makes a row that does. Everything else is a reason to wait.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from maestrale.core import identity, states
from maestrale.core.messages import ChildCompleted, Continue, Message, TimerFired, to_payload
from maestrale.core.model import Attempt, Execution, Job, Task
from maestrale.core.scan import DELAYS
from maestrale.engine.nodes import NodeIdentity, process_start
from maestrale.errors import NotFoundError
from maestrale.store import Connection, Database, Executions, execution_troubles, jobs, nodes, reports
from maestrale.store.execution_troubles import Trouble
from maestrale.store.nodes import Node

UNFINISHED = (states.RUNNING, states.PAUSED, states.IDLE)
DEAD_AFTER_TIMEOUTS = 3
OVERDUE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Finding:
    """One execution that has not moved for a while. Times are UTC texts, ``holder`` is empty where nobody holds it."""

    execution_id: str
    workflow_name: str
    state: str
    reason: str
    since: str
    holder: str = ""
    is_stuck: bool = False
    is_fixed: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For output as JSON."""
        return asdict(self)


@dataclass(slots=True, kw_only=True)
class Diagnosis:
    """See the module. ``quiet`` is how long an execution may stay unchanged before it is looked at."""

    database: Database
    executions: Executions
    identity: NodeIdentity
    node_timeout: float
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    quiet: timedelta = timedelta(seconds=60)
    at_once: int = 200

    def findings(self) -> list[Finding]:
        """All unfinished executions that have been quiet, oldest id first."""
        found: list[Finding] = []
        after = ""
        while ids := self.database.run_read(lambda conn, a=after: reports.executions_in_states(  # type: ignore[misc]
                conn, UNFINISHED, after_id=a, limit=self.at_once)):
            found.extend(self.database.run_read(lambda conn, i=ids: self._look(conn, i)))  # type: ignore[misc]
            after = ids[-1]
        return found

    def _look(self, conn: Connection, ids: Sequence[str]) -> list[Finding]:
        now = self.now()
        known = {node.id: node for node in nodes.all_nodes(conn)}
        living = {one: node for one, node in known.items() if self._lives(node, now)}
        troubles = execution_troubles.of_executions(conn, ids)
        found = []
        for execution_id in ids:
            try:
                loaded = self.executions.load(conn, execution_id)
            except NotFoundError:
                continue
            if now - loaded.execution.updated_at >= self.quiet or execution_id in troubles:
                open_children = [one.id for one in loaded.attempts if is_open_child(one)]
                case = Case(
                    loaded.execution, loaded.tasks, loaded.attempts, jobs.of_execution(conn, execution_id), living, now,
                    reports.states_of(conn, open_children), troubles.get(execution_id))
                found.append(case.finding())
        return found

    def _lives(self, node: Node, now: datetime) -> bool:
        if node.host == self.identity.host:
            return process_start(node.pid) == node.process_started
        return now - node.heartbeat_at < timedelta(seconds=DEAD_AFTER_TIMEOUTS * self.node_timeout)

    def free(self, findings: Sequence[Finding]) -> list[Finding]:
        """Make what is stuck go on: clear away dead processes, and wake the executions."""
        stuck = [one for one in findings if one.is_stuck]
        if not stuck:
            return list(findings)

        def work(conn: Connection) -> None:
            now = self.now()
            nodes.remove(conn, [node.id for node in nodes.all_nodes(conn) if not self._lives(node, now)])
            jobs.release_abandoned(conn)
            for one in stuck:
                jobs.insert(conn, self._wakes(conn, one.execution_id, now))

        self.database.run_write(work)
        return [replace(one, is_fixed=True) if one.is_stuck else one for one in findings]


    def _wakes(self, conn: Connection, execution_id: str, now: datetime) -> list[Job]:
        """Messages that move an execution on: lost timers, due now, lost ends of children, and one to look for what is ready."""
        told: list[tuple[str, Message]] = [(self.new_id(), Continue())]
        try:
            loaded = self.executions.load(conn, execution_id)
        except NotFoundError:
            return []
        told += [(key, message) for _, key, message in lost_timers(loaded.tasks, jobs.of_execution(conn, execution_id))]
        found = reports.states_of(conn, [one.id for one in loaded.attempts if is_open_child(one)])
        for child in silent_children(loaded.attempts, found):
            revival = child.runtime_context.get("_revived", 0)
            told.append((self.new_id(), ChildCompleted(child.id, found.get(child.id, states.ERROR), revival=revival)))
        return [
            Job(id=key, kind="message", execution_id=execution_id, due_at=now, payload=to_payload(message), created_at=now)
            for key, message in told
        ]


def lost_timers(tasks: Sequence[Task], waiting: Sequence[Job]) -> list[tuple[Task, str, TimerFired]]:
    """Delays of tasks whose timer has no row any more, with the id of the row and what it would say. There are none by itself."""
    known = {job.id for job in waiting}
    found = []
    for task in tasks:
        for purpose, token in task.runtime_context.get("_timers", {}).items() if task.state == states.DELAYED else ():
            key = identity.derive(task.id, purpose, token)
            if purpose in DELAYS and key not in known:
                found.append((task, key, TimerFired(task.id, purpose, token)))
    return found


def is_open_child(attempt: Attempt) -> bool:
    """Whether it is a sub-workflow that has not ended, as far as its parent knows."""
    return attempt.kind == "workflow" and not states.is_final(attempt.state)


def silent_children(attempts: Sequence[Attempt], found: Mapping[str, str]) -> list[Attempt]:
    """Sub-workflows that ended or are gone (``found``: the states of those that exist), without the parent knowing."""
    return [one for one in attempts if is_open_child(one) and (one.id not in found or states.is_final(found[one.id]))]


@dataclass(frozen=True, slots=True)
class Case:
    """One execution with everything that could move it on."""

    execution: Execution
    tasks: Sequence[Task]
    attempts: Sequence[Attempt]
    jobs: Sequence[Job]
    living: Mapping[str, Node]
    now: datetime
    children: Mapping[str, str]
    trouble: Trouble | None = None

    def finding(self) -> Finding:
        """What it waits for; the first reason that applies."""
        for look in (self._undecided, self._paused, self._timer, self._job, self._action, self._child):
            found = look()
            if found is not None:
                return found
        return self._say("nothing: no timer, no action and no sub-workflow is open", self.execution.updated_at, is_stuck=True)

    def _say(self, reason: str, since: datetime | None, holder: str = "", *, is_stuck: bool = False) -> Finding:
        shown = "" if since is None else since.strftime("%Y-%m-%d %H:%M:%S")
        execution = self.execution
        return Finding(execution.id, execution.workflow_name, execution.state, reason, shown, holder, is_stuck)

    def _undecided(self) -> Finding | None:
        trouble = self.trouble
        if trouble is None or trouble.owner not in self.living:
            return None
        return self._say(
            f"a decision that has failed {trouble.tries} times ({trouble.reason})", trouble.since, self._holder(trouble.owner))

    def _paused(self) -> Finding | None:
        if self.execution.state != states.PAUSED:
            return None
        return self._say(f"a resume ({self.execution.state_info or 'paused'})", self.execution.updated_at)

    def _timer(self) -> Finding | None:
        lost = lost_timers(self.tasks, self.jobs)
        if not lost:
            return None
        task, _, message = lost[0]
        return self._say(f"a timer ({message.purpose} of the task {task.name}) that is gone", task.updated_at, is_stuck=True)

    def _job(self) -> Finding | None:
        if not self.jobs:
            return None
        job = self.jobs[0]
        name = f"{job.payload.get('type', job.kind)} {job.payload.get('purpose', '')}".strip()
        if job.due_at > self.now - OVERDUE:
            return self._say(f"a timer ({name}) due at {job.due_at:%Y-%m-%d %H:%M:%S}", job.created_at, self._holder(job.owner))
        if job.owner in self.living:
            return self._say(f"a message ({name}) that a process has not delivered", job.due_at, self._holder(job.owner))
        return self._say(f"a message ({name}) that no process delivers", job.due_at, is_stuck=bool(job.owner) or not self.living)

    def _action(self) -> Finding | None:
        open_ = [a for a in self.attempts if a.kind == "action" and not states.is_final(a.state)]
        if not open_:
            return None
        attempt = open_[0]
        since = attempt.dispatched_at or attempt.created_at
        more = f" and {len(open_) - 1} more" if len(open_) > 1 else ""
        if attempt.owner in self.living and attempt.state_info:
            return self._say(f"the action {attempt.name}{more} to begin. {attempt.state_info}", since, self._holder(attempt.owner))
        if attempt.owner in self.living:
            return self._say(f"the action {attempt.name}{more}", since, self._holder(attempt.owner))
        if attempt.owner is not None:
            return self._say(f"the action {attempt.name}{more}, whose process is dead", since, attempt.owner, is_stuck=True)
        if not attempt.is_sync:
            return self._say(f"the completion of {attempt.name}{more} from outside [action_execution_id={attempt.id}]", since)
        return self._say(f"a process with room for the action {attempt.name}{more}", attempt.created_at, is_stuck=not self.living)

    def _child(self) -> Finding | None:
        silent = silent_children(self.attempts, self.children)
        if silent:
            child, what = silent[0], f"ended as {self.children[silent[0].id]}" if silent[0].id in self.children else "is gone"
            return self._say(f"news of the sub-workflow {child.name}, which {what} [id={child.id}]", child.updated_at, is_stuck=True)
        children = [one for one in self.attempts if is_open_child(one)]
        return self._say(f"the sub-workflow {children[0].name} [id={children[0].id}]", children[0].created_at) if children else None

    def _holder(self, owner: str | None) -> str:
        node = self.living.get(owner or "")
        return f"{node.host.partition('/')[0]} pid {node.pid}" if node else ""
