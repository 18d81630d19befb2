"""Which isolation a playbook run has: the stricter one of what its inputs and the operator say. Asks no tool whether it is there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from maestrale.actions.playbook_policy import PlaybookPolicy
from maestrale.errors import InputError

LEVELS = ("none", "sandbox", "container")
"""From the loosest to the strictest."""

_PART = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?/)?{_PART}(?:/{_PART})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?")


@dataclass(frozen=True, slots=True)
class Isolation:
    """``kind`` is one of LEVELS; ``image`` is that of the container, None for the others."""

    kind: str = "none"
    image: str | None = None


def isolation_of(kind: Any, image: Any, policy: PlaybookPolicy) -> Isolation:
    """From the inputs ``isolation`` and ``execution_environment``.

    Raises InputError for what is none or doesn't fit together, PlaybookRefusedError for an image that may not be used.
    """
    if kind is not None and kind not in LEVELS:
        raise InputError(f"isolation must be one of {', '.join(LEVELS)}.")
    if image is not None:
        if kind not in {None, "container"}:
            raise InputError(f"execution_environment is the image of a container, which isolation: {kind} is not.")
        kind = "container"
    needed = max(kind or "none", policy.settings.isolation, key=LEVELS.index)
    return Isolation(needed, _image(image, policy)) if needed == "container" else Isolation(needed)


def _image(asked: Any, policy: PlaybookPolicy) -> str:
    own = policy.settings.execution_environment
    if asked is None:
        if own is None:
            raise InputError(
                "A container needs an image: the input execution_environment, or the operator's (setting playbooks.execution_environment).")
        return own
    if not isinstance(asked, str) or not _IMAGE.fullmatch(asked):
        raise InputError("execution_environment must be the name of an image, such as quay.io/acme/network:1.")
    policy.check_image(asked)
    return asked
