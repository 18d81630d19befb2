"""What a job in AWX says while it runs, and the approvals that a workflow waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from maestrale.actions.awx.client import AwxError, Client
from maestrale.actions.awx.launch import Job, events_path
from maestrale.actions.awx.nodes import APPROVAL, Node, all_nodes

_LIVE = ("event", "created", "host_name", "task", "play", "role", "changed", "failed", "stdout")
_WITH_EVENTS = ("job", "ad_hoc_command", "project_update", "inventory_update")

_PORTION = 200

Tell = Callable[[Sequence[Mapping[str, Any]]], None]


class Watch:
    """Looks at one job. ``events``: none, failed or all; ``approvals``: wait, approve or deny; ``tell`` takes what is shown live."""

    def __init__(self, client: Client, job: Job, *, events: str, approvals: str, tell: Tell) -> None:
        self._client = client
        self._job = job
        self._events = events
        self._approvals = approvals
        self._tell = tell
        self._seen: dict[int, int] = {}
        self._failures: set[tuple[int, int]] = set()
        self._states: dict[int, str | None] = {}

    def remember(self, told: Iterable[Mapping[str, Any]]) -> None:
        """What was told already, so that it isn't again."""
        for event in told:
            job, counter = event.get("job_id"), event.get("awx_counter")
            if isinstance(job, int) and isinstance(counter, int):
                self._seen[job] = max(self._seen.get(job, 0), counter)
                self._failures.add((job, counter))
            elif isinstance(job, int):
                self._states[job] = event.get("status")

    async def look(self) -> None:
        """Tell what came since the last look. Raises AwxError."""
        await self._look(is_last=False)

    async def look_last(self) -> None:
        """Tell the rest, when the job, and a workflow's jobs, have ended and AWX has processed all events. Raises AwxError."""
        await self._look(is_last=True)

    async def _look(self, *, is_last: bool) -> None:
        if self._job.kind != "workflow_job":
            await self._tell_events(self._job, is_last=is_last)
        elif self._events != "none" or self._approvals != "wait":
            async for node in all_nodes(self._client, self._job):
                await self._look_at(node, is_last=is_last)

    async def _look_at(self, node: Node, *, is_last: bool) -> None:
        if node.job_id is None:
            return
        has_news = self._states.get(node.job_id) != node.status
        self._states[node.job_id] = node.status
        if has_news and self._events != "none":
            self._tell([_news(node)])
        if node.kind == APPROVAL and node.status == "pending" and self._approvals != "wait":
            await self._answer(node.job_id)
        if node.job is not None and node.kind in _WITH_EVENTS and (has_news or is_last or node.status == "running"):
            await self._tell_events(node.job, is_last=is_last)

    async def _answer(self, approval: int) -> None:
        try:
            await self._client.post(f"workflow_approvals/{approval}/{self._approvals}/", {})
        except AwxError as error:
            # whoever was quicker has answered it; what passes is tried with the next look
            if error.status not in {400, 405} and not error.passes:
                raise

    async def _tell_events(self, job: Job, *, is_last: bool) -> None:
        """AWX stores events as they reach it, which may be out of order: of all, those after a gap wait until the end or it is filled."""
        if self._events == "none":
            return
        seen = self._seen.get(job.id, 0)
        is_all = self._events == "all"
        # of failures it can't be told whether one is missing, so the last look looks at all of them
        after = seen if is_all or not is_last else 0
        events = []
        failed = None if is_all else "true"
        async for event in self._client.pages(events_path(job), counter__gt=after, order_by="counter", failed=failed):
            counter = int(event.get("counter") or 0)
            if is_all and counter > seen + 1 and not is_last:
                break
            if not is_all and (job.id, counter) in self._failures:
                continue
            seen = max(seen, counter)
            if not is_all:
                self._failures.add((job.id, counter))
            events.append(_shown(event, job))
            if len(events) == _PORTION:
                self._seen[job.id] = seen
                self._tell(events)
                events = []
        self._seen[job.id] = seen
        self._tell(events)


def _shown(event: Mapping[str, Any], job: Job) -> dict[str, Any]:
    """An event of a job as it is told: with the number that it has there."""
    shown = {("host" if name == "host_name" else name): event[name] for name in _LIVE if event.get(name) is not None}
    return {**shown, "job_id": job.id, "awx_counter": int(event.get("counter") or 0)}


def _news(node: Node) -> dict[str, Any]:
    words = "waits for approval" if node.kind == APPROVAL and node.status == "pending" else str(node.status)
    return {
        "event": "awx_node", "node": node.identifier, "job_id": node.job_id, "status": node.status,
        "stdout": f"{node.job_name or node.identifier}: {words} ({(node.kind or 'job').replace('_', ' ')} {node.job_id})",
    }
