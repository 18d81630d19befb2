"""The OpenStack actions as the registry asks for them: made at the first look-up of such a name, kept in a file between starts.

The file holds plain descriptions, by the version of openstacksdk and of the data files; without the SDK there are no such actions, and
running one says how to get them.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import tempfile
import threading
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog

from maestrale.actions.openstack import generation, mapping, table
from maestrale.actions.openstack.client_action import ClientAction
from maestrale.actions.openstack.connections import Connections
from maestrale.actions.openstack.sdk_action import OPTIONS, SdkAction
from maestrale.actions.protocol import Action
from maestrale.actions.registry import Entry, UnavailableAction
from maestrale.core.ports import ActionDescriptor
from maestrale.lang.specs import REQUIRED, Parameter

PREFIX = "openstack"
WITHOUT = "OpenStack actions need the package openstacksdk: install maestrale with the extra 'openstack'."
_READING = ("get_", "find_", "list_", "show_")

_log = structlog.get_logger(__name__)


class OpenStackActions:
    """See the module. ``cache_dir`` is where the file is kept, None for the user's cache folder.

    ``offered`` are the names to offer with the client's methods (see ``mapping``), None for all of Mistral's.
    """

    def __init__(self, cache_dir: str | None = None, offered: Mapping[str, str] | None = None) -> None:
        self._folder = cache_dir
        self._offered = offered
        self._aliases: Mapping[str, str] | None = None
        self._lock = threading.Lock()
        self._known: dict[str, Any] | None = None
        # looking for a package costs a walk over the path, and one that is installed later counts from the next start
        self._has_sdk = importlib.util.find_spec("openstack") is not None
        self._connections = Connections()

    def entry(self, name: str) -> Entry | None:
        """The action of that name."""
        namespace, _, rest = name.partition(".")
        if not self._has_sdk:
            is_known = namespace == PREFIX if rest.count(".") == 1 else name in {one.full for one in table.names()}
            return _unavailable(name, WITHOUT) if is_known else None
        known = self._content()
        if namespace == PREFIX:
            return self._method(rest, known["methods"][rest]) if rest in known["methods"] else None
        stands_for = self._stands_for(name, known)
        if stands_for in known["names"]:
            return self._client(name, known["names"][stands_for], known["groups"][namespace])
        reason = known["missing"].get(stands_for)
        return None if reason is None else _unavailable(name, f"'{name}' is not available: {reason}.")

    def entries(self) -> list[Entry]:
        """All actions."""
        if not self._has_sdk:
            return []
        known = self._content()
        names = [f"{PREFIX}.{name}" for name in known["methods"]] + list(known["names"] if self._offered is None else self._offered)
        found = (self.entry(name) for name in names)
        return [entry for entry in found if entry is not None and entry.action is not UnavailableAction]

    def _method(self, name: str, entry: dict[str, Any]) -> Entry:
        service, _, call = name.partition(".")
        own = {one for one, _ in entry["inputs"]}
        inputs = [*entry["inputs"], *([one, default] for one, default in OPTIONS if one not in own)]
        reads = call.startswith(_READING) or (call.endswith("s") and "_" not in call)
        return _entry(f"{PREFIX}.{name}", SdkAction, (self._connections, service, call, entry), inputs, entry, reads=reads)

    def _stands_for(self, name: str, known: dict[str, Any]) -> str | None:
        """The name of Mistral's that serves an offered one."""
        if self._offered is None:
            return name
        if self._aliases is None:
            self._aliases = mapping.served(self._offered, [*known["names"], *known["missing"]])
        return self._aliases.get(name)

    def _client(self, name: str, entry: dict[str, Any], group: dict[str, Any]) -> Entry:
        reads = all(row.get("verb") in {"GET", "HEAD", "FIND"} for row in entry["rows"])
        given = (self._connections, entry, group)
        return _entry(name, ClientAction, given, entry["inputs"], entry, reads=reads)

    def _content(self) -> dict[str, Any]:
        with self._lock:
            if self._known is None:
                self._known = self._read() or self._make()
            return self._known

    def _file(self) -> Path:
        digest = hashlib.sha256((table.data_file("inventory.yaml") + table.data_file("requests.yaml")).encode()
                                + Path(generation.__file__).read_bytes() + Path(table.__file__).read_bytes() + Path(__file__).read_bytes())
        home = self._folder or str(Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "maestrale")
        return Path(home) / f"openstack-{version('openstacksdk')}-{digest.hexdigest()[:16]}.json"

    def _read(self) -> dict[str, Any] | None:
        try:
            found = json.loads(self._file().read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            _log.warning("openstack_catalogue_not_read", error=str(error))
            return None
        return found if isinstance(found, dict) else None

    def _make(self) -> dict[str, Any]:
        content = describe()
        path = self._file()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
                json.dump(content, file)
            Path(file.name).replace(path)
        except OSError as error:
            _log.warning("openstack_catalogue_not_kept", error=str(error))
        return content


def describe() -> dict[str, Any]:
    """Everything that the file holds: the SDK's methods, Mistral's names with what serves them, and those without."""
    _, requests = table.tables()
    found: dict[str, Any] = {"methods": generation.methods(), "names": {}, "missing": {}, "groups": {}}
    for namespace, group in requests.items():
        found["groups"][namespace] = {key: value for key, value in group.items() if key not in {"resources", "calls"}}
    for name in table.names():
        rows, reason = table.served(name)
        if not rows:
            found["missing"][name.full] = reason
            continue
        inputs = [[one, "..." if default is ... else default] for one, default in name.inputs]
        found["names"][name.full] = {
            "name": name.name, "inputs": inputs, "open": name.is_open, "rows": rows, "method": name.method,
            "description": f"{name.name}({name.signature}) of the OpenStack service '{namespace_title(name.namespace, requests)}'.",
        }
    return found


def namespace_title(namespace: str, requests: dict[str, Any]) -> str:
    """The service of a namespace, by its type."""
    group = requests[namespace]
    return str(group.get("service") or group["type"]).replace("_", "-")


def _entry(
    name: str, action: type[Action], given: tuple[Any, ...], inputs: list[list[Any]], entry: dict[str, Any], *, reads: bool,
) -> Entry:
    parameters = tuple(Parameter(one, REQUIRED if default == "..." else default) for one, default in inputs)
    return Entry(action, given, ActionDescriptor(
        name=name, parameters=parameters, class_name=action.qualified_name(), idempotent=reads, open_input=entry["open"],
        description=entry["description"]))


def _unavailable(name: str, reason: str) -> Entry:
    return Entry(UnavailableAction, (reason,), ActionDescriptor(
        name=name, class_name=UnavailableAction.qualified_name(), open_input=True, description=reason))
