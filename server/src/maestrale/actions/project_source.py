"""Where a playbook's project may come from: the port through which actions ask for named git repositories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ProjectSource:
    """A git repository. ``project_id`` is its owner's; ``revision``: the commit it is pinned to, None if ``ref`` has yet to be resolved.

    ``ref`` None: the default branch. ``credential``: the name of a secret of the owner's. ``playbooks``: patterns of what may be run.
    ``id`` and ``name`` are empty for one that an action describes itself.
    """

    url: str
    ref: str | None = None
    revision: str | None = None
    credential: str | None = None
    playbooks: tuple[str, ...] | None = None
    project_id: str = ""
    id: str = ""
    name: str = ""


class ProjectSources(Protocol):
    """The named repositories."""

    def find(self, project_id: str, name: str) -> ProjectSource | None:
        """The source of that name as a tenant project sees it."""

    def pin(self, source: ProjectSource, revision: str) -> str:
        """Keep the commit that the source was resolved to; the commit that holds, which may be another's."""


class NoProjectSources:
    """The answer where none are kept."""

    def find(self, project_id: str, name: str) -> ProjectSource | None:  # noqa: ARG002 - the port's signature
        """None."""
        return None

    def pin(self, source: ProjectSource, revision: str) -> str:  # noqa: ARG002 - the port's signature
        """The commit as it is."""
        return revision
