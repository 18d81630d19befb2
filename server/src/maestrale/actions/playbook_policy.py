"""Where playbooks and inventories may come from, and for whom. Reads file names, never a file's content."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maestrale.actions.project_url import is_among
from maestrale.actions.settings import PlaybookSettings
from maestrale.errors import NotAllowedError

if TYPE_CHECKING:
    from maestrale.actions.project_checkout import Checkout

_FQCN = re.compile(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*\.[a-zA-Z0-9_.]+")
_FILE_ENDINGS = (".yml", ".yaml", ".json")


class PlaybookRefusedError(NotAllowedError):
    """The policy doesn't let a playbook or an inventory be used."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file and the directory that it is used from."""

    path: Path
    root: Path


@dataclass(frozen=True, slots=True)
class PlaybookPolicy:
    """The settings, applied for one tenant project. ``checkout``: the git project that a run's input ``project`` stands for."""

    settings: PlaybookSettings
    project_id: str = ""
    is_admin: bool = False
    checkout: Checkout | None = None

    def check_url(self, url: str, *, is_registered: bool) -> None:
        """A git repository, as a named source or written in the workflow itself. Raises PlaybookRefusedError."""
        allowed = self.settings.git_urls
        is_let = is_among(url, allowed) if allowed is not None else is_registered or self.settings.any_url or self.is_admin
        if not is_let:
            raise PlaybookRefusedError(f"Projects may not come from '{url}' (setting playbooks.git_urls).")
        if not is_registered:
            self._check_tenant(url)

    def check_inline(self) -> None:
        """Plays written in the workflow itself. Raises PlaybookRefusedError."""
        if not self.settings.inline:
            raise PlaybookRefusedError("Inline plays are not allowed here (setting playbooks.inline).")
        self._check_tenant("inline")

    def check_listed(self) -> None:
        """That the tenant may use anything: an inventory's templates and plugins are code, too. Raises PlaybookRefusedError.

        A git project that was checked out has been allowed before.
        """
        is_let = self.is_admin or self.checkout is not None or bool(self.settings.projects.get(self.project_id))
        if self.settings.closed and not is_let:
            raise PlaybookRefusedError(f"The project '{self.project_id}' may not use inventories (setting playbooks.projects).")

    def check_inline_inventory(self) -> None:
        """An inventory written in the workflow itself. Raises PlaybookRefusedError."""
        if not self.settings.inline_inventory:
            raise PlaybookRefusedError("Inline inventories are not allowed here (setting playbooks.inline_inventory).")

    def check_image(self, image: str) -> None:
        """An image that a run asks for. The operator's list binds administrators, too. Raises PlaybookRefusedError."""
        settings = self.settings
        if image != settings.execution_environment and not any(fnmatchcase(image, one) for one in settings.execution_environments):
            raise PlaybookRefusedError(
                f"The image '{image}' may not be used as an execution environment (setting playbooks.execution_environments).")

    def check_collection(self, content: str) -> None:
        """A playbook or role of a collection by its full name. Raises PlaybookRefusedError."""
        collection = ".".join(content.split(".")[:2])
        allowed = self.settings.collections
        if allowed is not None and collection not in allowed:
            raise PlaybookRefusedError(
                f"Playbooks and roles of the collection '{collection}' are not allowed here (setting playbooks.collections).")
        self._check_tenant(collection, content)

    def file(self, path: str, project: Any, *, what: str) -> Place:
        """The file meant by a path: in the root named ``project``, in any root, or anywhere where that is allowed.

        The path is followed to its end first, so neither ``..`` nor a link leads out. Raises PlaybookRefusedError.
        """
        if project is not None and self.checkout is not None:
            return _checked_out(self.checkout, path, what)
        for name, root in self._roots(project).items():
            place = _within(Path(root), path)
            if place is not None:
                self._check_tenant(name, f"{name}:{place.path.relative_to(place.root).as_posix()}" if what != "inventory" else "")
                return place
        if project is None and self.settings.any_path:
            self._check_tenant("any path")
            found = Path(path).resolve()
            if found.exists():
                return Place(found, found.parent)
            raise PlaybookRefusedError(f"The {what} '{path}' does not exist.")
        where = f"the project '{project}'" if project else "the allowed directories"
        raise PlaybookRefusedError(f"The {what} '{path}' is not a file in {where} (setting playbooks.roots).")

    def has_file(self, path: str, project: Any) -> bool:
        """Whether ``file`` would find it."""
        try:
            self.file(path, project, what="file")
        except PlaybookRefusedError:
            return False
        return True

    def _roots(self, project: str | None) -> Mapping[str, str]:
        if project is None:
            return self.settings.roots
        if project not in self.settings.roots:
            raise PlaybookRefusedError(f"There is no project '{project}' of playbooks (setting playbooks.roots, or /v2/project_sources).")
        return {project: self.settings.roots[project]}

    def _check_tenant(self, name: str, item: str = "") -> None:
        """A tenant that is listed may use what it is listed with; one that isn't, everything unless the policy is closed.

        ``item`` is what is wanted of the named: entries may be patterns of it. An inventory of a root needs any entry for it.
        """
        allowed = self.settings.projects.get(self.project_id)
        if self.is_admin or (allowed is None and not self.settings.closed) or is_among(name, allowed or ()):
            return
        if any(fnmatchcase(item, one) if item else one.startswith(f"{name}:") for one in allowed or ()):
            return
        raise PlaybookRefusedError(f"The project '{self.project_id}' may not use '{name}' for playbooks (setting playbooks.projects).")


def _checked_out(checkout: Checkout, path: str, what: str) -> Place:
    """A file of a git project. Raises PlaybookRefusedError."""
    place = _within(checkout.root, path)
    if place is None:
        empty = next((one for one in checkout.submodules if path == one or path.startswith(f"{one}/")), None)
        reason = "" if empty is None else f": '{empty}' is a submodule, and these are not fetched"
        raise PlaybookRefusedError(f"The {what} '{path}' is not a file in the project at {checkout.revision[:12]}{reason}.")
    if what != "inventory":
        checkout.check(place.path)
    return place


def is_collection_playbook(text: str) -> bool:
    """Whether a text is a playbook's full name rather than a path: three parts or more, and no file's ending."""
    return _FQCN.fullmatch(text) is not None and not text.endswith(_FILE_ENDINGS)


def _within(root: Path, path: str) -> Place | None:
    """The existing file of that path below the root, relative to it or absolute; None if there is none or it leads out."""
    base = root.resolve()
    found = (base / path).resolve()
    return Place(found, base) if found.is_relative_to(base) and found.exists() else None
