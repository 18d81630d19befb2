"""The image of an execution environment, brought to this machine before a run needs it, as far as the operator lets that be."""

from __future__ import annotations

import hashlib
from pathlib import Path

from maestrale.actions import command, podman
from maestrale.actions.file_lock import locked
from maestrale.actions.project_checkout import cache_of
from maestrale.actions.settings import PlaybookSettings
from maestrale.errors import ActionError

_ASKED_WITHIN = 60.0
_SHOWN = 500


async def have_image(image: str, settings: PlaybookSettings) -> None:
    """Returns when the image is here; runs that want the same one wait for one pull. Raises ActionError with what podman says."""
    policy = settings.container_pull
    if policy != "always" and await _is_here(image):
        return
    if policy == "never":
        raise ActionError(f"The image '{image}' is not on this machine, and none is pulled (setting playbooks.container_pull).")
    key = hashlib.sha256(image.encode()).hexdigest()[:32]
    async with locked(cache_of(settings).lock_of(f"image-{key}")):
        if policy != "always" and await _is_here(image):
            return
        await _pull(image, settings.container_pull_timeout)


async def _is_here(image: str) -> bool:
    asked = await _podman("image", "exists", image, seconds=_ASKED_WITHIN)
    if asked.status not in {0, 1}:
        raise ActionError(f"podman can't be used: {_last(asked)}")
    return asked.status == 0


async def _pull(image: str, seconds: float) -> None:
    try:
        pulled = await _podman("pull", "--quiet", image, seconds=seconds)
    except TimeoutError:
        raise ActionError(
            f"Pulling the image '{image}' took more than {seconds:g} seconds (setting playbooks.container_pull_timeout).") from None
    if pulled.status != 0:
        raise ActionError(f"The image '{image}' can't be pulled: {_last(pulled)}")


async def _podman(*arguments: str, seconds: float) -> command.Output:
    tool = podman.found()
    if tool is None:
        raise ActionError("A container was asked for, but podman is not installed.")
    return await command.run([tool, *arguments], environment=podman.environment(), folder=Path("/"), seconds=seconds)


def _last(output: command.Output) -> str:
    return (output.errors or output.text).strip()[-_SHOWN:]
