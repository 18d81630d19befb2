"""``openstack.<service>.<call>``: a public method of an openstacksdk proxy, with JSON values in and out."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from maestrale import clock
from maestrale.actions import extras
from maestrale.actions.openstack.connections import Connections, region_of
from maestrale.actions.openstack.failures import of_library
from maestrale.actions.openstack.filling import identity
from maestrale.actions.openstack.generation import LOCAL_FILES
from maestrale.actions.openstack.wire import content
from maestrale.actions.protocol import Action, ActionContext
from maestrale.errors import ActionError

OPTIONS: tuple[tuple[str, Any], ...] = (
    ("action_region", ""), ("cloud", None), ("microversion", None), ("wait_for", None), ("wait_timeout", 600), ("wait_interval", 2),
)
GONE = "DELETED"
FETCHED_BEFORE = dict.fromkeys(("image.stage_image", "image.import_image", "image.update_image_properties"), ("image", "get_image"))
"""Calls that check the fields of what they are given, where an id has none: the input, and the call that gets it."""


class SdkAction(Action):
    """A call of openstacksdk. It is given the kept connections, the service, the method's name and its description."""

    def __init__(self, connections: Connections, service: str, call: str, entry: Mapping[str, Any], /, **inputs: Any) -> None:
        self._connections, self._service, self._call = connections, service, call
        self._options = {name: inputs.pop(name, default) for name, default in OPTIONS}
        required = [name for name, default in entry["inputs"] if default == "..."]
        if missing := [name for name in required if name not in inputs]:
            raise TypeError(f"missing inputs: {', '.join(missing)}")
        if local := sorted(LOCAL_FILES & set(inputs)):
            raise TypeError(f"not possible in a workflow, since files are on the machine of the service: {', '.join(local)}")
        self._inputs = {name: identity(value) if name in required else value for name, value in inputs.items()}

    def run(self, context: ActionContext) -> Any:
        """The result with openstacksdk's names of attributes. Raises ActionError."""
        version = self._options["microversion"]
        connection = self._connections.get(
            context, region=region_of(self._options), cloud=self._options["cloud"],
            microversion=(self._service, str(version)) if version else None)
        failures = (extras.load("keystoneauth1.exceptions", "openstack").ClientException,
                    extras.load("openstack.exceptions", "openstack").SDKException)
        if self._service == "object_store":
            _keep_metadata_apart()
        try:
            proxy = getattr(connection, self._service)
            method = getattr(proxy, self._call, None)
            if method is None:
                raise ActionError(f"The cloud's version of the service '{self._service}' has no call '{self._call}'.")
            result = method(**self._inputs | self._fetched(proxy))
            if self._options["wait_for"]:
                result = self._wait(context, proxy, result)
            return _shaped(result, context)
        except failures as error:
            raise of_library(error) from error

    def _fetched(self, proxy: Any) -> dict[str, Any]:
        name, getter = FETCHED_BEFORE.get(f"{self._service}.{self._call}", ("", ""))
        return {name: getattr(proxy, getter)(self._inputs[name])} if name else {}

    def _wait(self, context: ActionContext, proxy: Any, result: Any) -> Any:
        """Ask until the resource has the status, or is gone for DELETED. Raises ActionError for a failed status and for too long a wait."""
        wanted = str(self._options["wait_for"]).upper()
        getter, ident = _getter(proxy, self._call), _ident(result, self._inputs)
        if getter is None or ident is None:
            raise ActionError(f"There is nothing to wait for after '{self._call}': no call tells the status of what it works on.")
        missing = extras.load("openstack.exceptions", "openstack").NotFoundException
        until = clock.monotonic() + float(self._options["wait_timeout"])
        while True:
            try:
                found = getter(ident)
            except missing:
                if wanted == GONE:
                    return None
                raise
            status = str(getattr(found, "status", None) or getattr(found, "provision_state", None) or "").upper()
            if status == wanted:
                return None if wanted == GONE else found
            if status.startswith("ERROR") or status.endswith("FAILED"):
                raise ActionError(f"{ident} came to the status {status} instead of {wanted}.")
            if clock.monotonic() >= until:
                raise ActionError(f"{ident} has the status {status or 'unknown'}, not {wanted}, after {self._options['wait_timeout']} s.")
            if context.cancelled.wait(float(self._options["wait_interval"])):
                raise ActionError("The action was told to end.")

    def __repr__(self) -> str:
        return f"openstack.{self._service}.{self._call}"


def _keep_metadata_apart() -> None:
    """The SDK keeps the metadata of a new container in the class, whence every later request of anybody would take them."""
    resource = extras.load("openstack.object_store.v1._base", "openstack").BaseResource
    if isinstance(vars(resource)["metadata"], dict):
        own: cached_property[dict[str, Any]] = cached_property(lambda _: {})
        own.__set_name__(resource, "metadata")
        resource.metadata = own


def _getter(proxy: Any, call: str) -> Any:
    """The call that gets what ``call`` works on: the longest name of a resource at its end, or in it."""
    words = call.split("_")
    for size in range(len(words), 0, -1):
        for start in range(len(words) - size + 1):
            name = "get_" + "_".join(words[start:start + size])
            if name != call or words[0] == "get":
                found = getattr(proxy, name if words[start] != "get" else call, None)
                if callable(found):
                    return found
    return None


def _ident(result: Any, inputs: Mapping[str, Any]) -> Any:
    found = getattr(result, "id", None)
    return found if found is not None else next((value for value in inputs.values() if isinstance(value, str)), None)


def _metadata_of(resource: Any) -> dict[str, Any]:
    """Those of containers and objects, which the SDK leaves out of its mappings."""
    found = getattr(resource, "metadata", None)
    return {"metadata": found} if isinstance(found, Mapping) else {}


def _shaped(value: Any, context: ActionContext) -> Any:
    """Resources as mappings, generators as lists of bounded length, answers as their content."""
    if hasattr(value, "to_dict") and not inspect.isclass(value):
        return _shaped(_metadata_of(value) | value.to_dict(computed=False), context)
    if hasattr(value, "status_code") and hasattr(value, "content"):
        return content(value)
    if isinstance(value, Mapping):
        return {str(key): _shaped(item, context) for key, item in value.items()}
    if isinstance(value, Iterator | list | tuple | set):
        items: list[Any] = []
        most = context.settings.openstack.list_max
        for item in value:
            if context.cancelled.is_set():
                raise ActionError("The action was told to end.")
            items.append(_shaped(item, context))
            if len(items) > most:
                raise ActionError(f"The list has more than {most} items; ask for fewer, or raise the option openstack.list_max.")
        return items
    return value
