"""Starting a job in AWX once, though the process that starts it may die at any instant.

AWX knows no idempotency key. So the identity of the action execution travels as an extra variable, and whoever can't know whether
the job was started (a process that takes over, a request without an answer) looks through the jobs created since the action was, newest
first, for the one that bears it. What takes no variables is looked for by what it belongs to and when it was created: of updates any
will do, since it does what was asked for; for a template it can't be told, and that is the error.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from maestrale import clock
from maestrale.actions.awx.client import AwxError, Client
from maestrale.errors import ActionError

MARK = "maestrale_action_execution_id"

PATHS = {
    "job": "jobs", "workflow_job": "workflow_jobs", "project_update": "project_updates", "inventory_update": "inventory_updates",
    "ad_hoc_command": "ad_hoc_commands",
}
"""AWX's kinds of jobs, and where each is in the API."""

_EVENTS = {"job": "job_events"}
_CLOCKS_APART = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Job:
    """A job in AWX. ``ignored``: what AWX dropped of the launch; ``relaunched``: whether it repeats an earlier one of the same action."""

    kind: str
    id: int
    ignored: Mapping[str, Any] = field(default_factory=dict)
    relaunched: bool = False

    @property
    def path(self) -> str:
        """Where it is, below the API."""
        return f"{PATHS[self.kind]}/{self.id}/"

    @property
    def name(self) -> str:
        """It in a sentence."""
        return f"{self.kind.replace('_', ' ')} {self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What is to be started. ``path`` takes the body; ``kinds`` are the jobs that it may become, and ``belongs`` the filter of them.

    ``marked``: the job bears the action's identity. ``any_will_do``: one that somebody else started since serves as well.
    """

    path: str
    body: Mapping[str, Any]
    kinds: tuple[str, ...]
    belongs: Mapping[str, Any]
    marked: bool
    any_will_do: bool = False


class Launcher:
    """Starts jobs for one action execution, which was created at ``since`` (naive UTC)."""

    def __init__(self, client: Client, ident: str, since: datetime) -> None:
        self._client = client
        self._ident = ident
        self._since = since
        self._is_over = False

    async def launch(self, launch: Launch, *, repeated: bool) -> Job:
        """The job, started now or found; ``repeated``: it may have been started before. Raises AwxError, ActionError."""
        if repeated and (found := await self.find(launch)) is not None:
            return found
        return await self._started(launch.path, launch.body, launch.kinds[0], lambda: self.find(launch))

    async def relaunch(self, job: Job, launch: Launch) -> Job:
        """The job once more, on the hosts that failed. It bears the same variables, and so the same mark. Raises AwxError, ActionError."""
        body: dict[str, Any] = {"hosts": "failed"}
        if "credential_passwords" in launch.body:
            body["credential_passwords"] = launch.body["credential_passwords"]

        async def made() -> Job | None:
            if not launch.marked:
                raise ActionError("It can't be told whether AWX started the job again: its template takes no variables that say so.")
            found = await self.find(launch)
            return found if found is not None and found.relaunched else None

        return await self._started(f"{job.path}relaunch/", body, "job", made)

    def give_up(self) -> None:
        """Start nothing any more; what was asked for already is still found."""
        self._is_over = True

    async def _started(self, path: str, body: Mapping[str, Any], usual: str, made: Callable[[], Awaitable[Job | None]]) -> Job:
        """The job of a request that is repeated while patience lasts, if ``made`` doesn't find what an earlier one started."""
        deadline = clock.monotonic() + self._client.patience
        attempt = 0
        while True:
            try:
                return started(await self._client.post(path, body), usual)
            except AwxError as error:
                await self._client.rest(attempt, error, deadline)
                if error.says_nothing and (found := await made()) is not None:
                    return found
                if self._is_over:
                    raise
            attempt += 1

    async def find(self, launch: Launch) -> Job | None:
        """The job that was started for the action, None if there is none. Raises AwxError, ActionError where it can't be told."""
        for kind in launch.kinds:
            async for item in self._candidates(kind, launch):
                if not launch.marked and not launch.any_will_do:
                    raise ActionError(
                        f"It can't be told whether this action started {kind.replace('_', ' ')} {item['id']} before its process died: the "
                        "template takes no variables, which would say so. Nothing was started again.")
                if launch.any_will_do or await self._is_ours(kind, item):
                    return Job(kind, int(item["id"]), relaunched=item.get("launch_type") == "relaunch")
        return None

    async def _candidates(self, kind: str, launch: Launch) -> AsyncIterator[dict[str, Any]]:
        """The jobs created since the action was, newest first; the parts of a sliced job are not among them."""
        created = (self._since - (timedelta() if launch.any_will_do else _CLOCKS_APART)).isoformat() + "Z"
        async for item in self._client.pages(f"{PATHS[kind]}/", **launch.belongs, created__gte=created, order_by="-id"):
            if item.get("launch_type") in {"manual", "relaunch", None}:
                yield item

    async def _is_ours(self, kind: str, item: dict[str, Any]) -> bool:
        shown = item if "extra_vars" in item else await self._client.get(f"{PATHS[kind]}/{item['id']}/")
        variables = shown.get("extra_vars") or "{}"
        try:
            parsed = json.loads(variables) if isinstance(variables, str) else variables
        except ValueError:
            return False
        return isinstance(parsed, dict) and parsed.get(MARK) == self._ident


def events_path(job: Job) -> str:
    """Where the events of a job are, below the API; a workflow's job has none of its own."""
    return f"{job.path}{_EVENTS.get(job.kind, 'events')}/"


def started(reply: Mapping[str, Any], usual: str) -> Job:
    """The job of a reply to a launch; a sliced template makes a workflow job. Raises ActionError for a reply without one."""
    kind = reply.get("type")
    if kind not in PATHS:
        kind = next((name for name in PATHS if isinstance(reply.get(name), int)), usual)
    number = reply.get(kind, reply.get("id"))
    if not isinstance(number, int):
        raise ActionError("AWX's reply to the launch names no job.")
    ignored = reply.get("ignored_fields")
    return Job(kind, number, ignored if isinstance(ignored, Mapping) else {})
