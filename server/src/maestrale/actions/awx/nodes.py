"""The nodes of a workflow's job in AWX, and of the workflows below it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from maestrale.actions.awx.client import Client
from maestrale.actions.awx.launch import PATHS, Job

APPROVAL = "workflow_approval"


@dataclass(frozen=True, slots=True)
class Node:
    """One node. ``kind`` is that of its job; it, ``job_id``, ``job_name`` and ``status`` are None for a node that has none yet."""

    identifier: str | None
    job_id: int | None
    kind: str | None
    job_name: str | None
    status: str | None
    do_not_run: bool

    @property
    def job(self) -> Job | None:
        """Its job, if it is of a kind that does work."""
        return Job(self.kind, self.job_id) if self.job_id is not None and self.kind is not None and self.kind in PATHS else None


async def nodes_of(client: Client, job: Job) -> list[Node]:
    """The nodes of a workflow's job, in the order of their making. Raises AwxError."""
    found = []
    async for node in client.pages(f"{job.path}workflow_nodes/", order_by="id"):
        of: dict[str, Any] = (node.get("summary_fields") or {}).get("job") or {}
        found.append(Node(
            identifier=node.get("identifier"), job_id=node.get("job"), kind=of.get("type"), job_name=of.get("name"),
            status=of.get("status"), do_not_run=bool(node.get("do_not_run"))))
    return found


async def all_nodes(client: Client, job: Job) -> AsyncIterator[Node]:
    """The nodes of a workflow's job, each of a workflow's followed by those of that one. Raises AwxError."""
    for node in await nodes_of(client, job):
        yield node
        if node.job is not None and node.kind == "workflow_job":
            async for inner in all_nodes(client, node.job):
                yield inner
