"""Waiting for a job's end, and bringing it about. What AWX doesn't answer says nothing about the job."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from maestrale import clock
from maestrale.actions.awx.client import AwxError, Client
from maestrale.actions.awx.launch import Job
from maestrale.errors import ActionError

ACTIVE = frozenset({"new", "pending", "waiting", "running"})
_FIRST_GAP = 1.0
_GROWTH = 1.5
_EVENTS_PATIENCE = 60.0

Look = Callable[[], Awaitable[None]]
"""Awaited with each look at a job."""


class Follower:
    """Follows jobs. ``poll``: seconds between two looks, at most; the first ones come sooner."""

    def __init__(self, client: Client, poll: float) -> None:
        self._client = client
        self._poll = poll

    async def end_of(self, job: Job, look: Look | None = None) -> dict[str, Any]:
        """The job as it ended, with all its events processed.

        Raises AwxError if AWX couldn't be asked for longer than is patient, or refuses to show the job.
        """
        gap = min(self._poll, _FIRST_GAP)
        ended_at: float | None = None
        while True:
            shown = await self._shown(job)
            if look is not None:
                await look()
            if shown.get("status") not in ACTIVE:
                ended_at = clock.monotonic() if ended_at is None else ended_at
                # without this field there are no events of its own to wait for (a workflow's job)
                if shown.get("event_processing_finished") is not False or clock.monotonic() - ended_at > _EVENTS_PATIENCE:
                    return shown
            await asyncio.sleep(gap)
            gap = min(gap * _GROWTH, self._poll)

    async def cancel(self, job: Job) -> None:
        """Ask AWX to end the job, which it does in its own time. Raises AwxError, which says that the job may go on."""
        try:
            await self._cancel(job)
        except AwxError as error:
            raise AwxError(error.status, f"The {job.name} could not be cancelled and may go on. {error}") from None

    async def _cancel(self, job: Job) -> None:
        deadline = clock.monotonic() + self._client.patience
        attempt = 0
        while True:
            try:
                await self._client.post(f"{job.path}cancel/", {})
            except AwxError as error:
                if error.status == 405:  # it is over
                    return
                await self._client.rest(attempt, error, deadline)
            else:
                return
            attempt += 1

    async def _shown(self, job: Job) -> dict[str, Any]:
        try:
            return await self._client.get(job.path)
        except AwxError as error:
            raise AwxError(error.status, f"The {job.name} can't be followed, so its state is not known. {error}") from None
        except ActionError as error:
            raise ActionError(f"The {job.name} can't be followed, so its state is not known. {error}") from None
