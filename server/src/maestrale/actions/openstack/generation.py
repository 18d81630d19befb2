"""Reads openstacksdk's proxies: which calls each service has, with their inputs and descriptions. Slow, so its outcome is kept."""

from __future__ import annotations

import inspect
import json
from importlib import import_module
from typing import Any

LOCAL_FILES = frozenset({"filename", "outfile", "output", "template_file", "environment_files", "file", "stream", "chunk_size"})
"""Inputs that name files of the machine that runs the action, or that make sense only in a program."""

LEFT_OUT = frozenset({
    "image.create_image", "object_store.create_object", "object_store.upload_object", "object_store.stream_object",
    "orchestration.read_env_and_templates", "object_store.is_object_stale", "object_store.get_object_segment_size",
    "object_store.copy_object",
})
"""Calls that read files of the machine, by their inputs' meaning or by guessing; the last one isn't written yet in the SDK."""


def methods() -> dict[str, dict[str, Any]]:
    """``<service>.<call>`` to its inputs, whether it takes others, and its description. Raises ImportError without the SDK."""
    mixin = import_module("openstack._services_mixin").ServicesMixin
    common = import_module("openstack.proxy").Proxy
    found: dict[str, dict[str, Any]] = {}
    for service, description in sorted(vars(mixin).items()):
        versions = getattr(description, "supported_versions", None)
        if not versions or service != description.service_type.replace("-", "_"):
            continue
        proxy = versions[max(versions, key=int)]
        for call in sorted(vars_of(proxy) - set(dir(common))):
            entry = _entry(service, call, getattr(proxy, call))
            if entry is not None and f"{service}.{call}" not in LEFT_OUT:
                found[f"{service}.{call}"] = entry
    return found


def vars_of(proxy: type) -> set[str]:
    """The public names of a class."""
    return {name for name in dir(proxy) if not name.startswith("_")}


def _entry(service: str, call: str, method: Any) -> dict[str, Any] | None:
    """A call's description, None for what can't be called with JSON values."""
    if not inspect.isfunction(method) or (call.startswith("wait_for") and service != "baremetal"):
        return None
    inputs: list[list[Any]] = []
    is_open = False
    for parameter in list(inspect.signature(method).parameters.values())[1:]:
        if parameter.kind is parameter.VAR_KEYWORD:
            is_open = True
        elif parameter.kind is parameter.VAR_POSITIONAL or parameter.kind is parameter.POSITIONAL_ONLY:
            return None
        elif parameter.name in LOCAL_FILES:
            if parameter.default is parameter.empty:
                return None
        else:
            inputs.append([parameter.name, "..." if parameter.default is parameter.empty else _plain(parameter.default)])
    return {"inputs": inputs, "open": is_open, "description": inspect.cleandoc(method.__doc__ or "")}


def _plain(default: Any) -> Any:
    try:
        return json.loads(json.dumps(default))
    except (TypeError, ValueError):
        return None
