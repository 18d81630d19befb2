"""Actions written for ``mistral-lib``: what they are given, and what becomes of what they return.

Such an action is a class with the inputs as parameters of its constructor, ``run(context)``, and ``is_sync()``. The package
``mistral-lib`` is needed only where the action imports it.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any, ClassVar

from maestrale.actions.protocol import Action, ActionContext
from maestrale.core.ports import Result
from maestrale.errors import InvalidActionError

GROUP = "mistral.actions"
"""The entry points under which packages register them."""

Document = dict[str, dict[str, Any]]
"""What such an action may know: the fields of ``context.security`` and of ``context.execution``."""


def wrap(library_class: Any) -> type[Action]:
    """The class as an ``Action``. Raises InvalidActionError for one that can't be run."""
    if not (isinstance(library_class, type) and callable(getattr(library_class, "run", None))):
        raise InvalidActionError(f"{library_class!r} is not a class with a method run(context).")
    return type(library_class.__name__, (_LibraryAction,), {
        "__doc__": library_class.__doc__, "library_class": library_class, "is_sync": _is_sync(library_class),
        "class_name": f"{library_class.__module__}.{library_class.__qualname__}",
    })


class _LibraryAction(Action):
    """One run of an action of ``library_class``, in a thread. Cancelled, it goes on: its authors had no way to be told."""

    library_class: ClassVar[Any] = None

    def __init__(self, /, **inputs: Any) -> None:
        self._instance = self.library_class(**inputs)

    def run(self, context: ActionContext) -> Result:
        """What the action returns; an exception is its failure."""
        return result_of(self._instance.run(library_context(document_of(context))))

    @classmethod
    def parameters(cls) -> Any:
        """The inputs as the library's class declares them."""
        return Action.parameters.__func__(cls.library_class)  # type: ignore[attr-defined]


def _is_sync(library_class: Any) -> bool:
    """Asked of an instance that no constructor has seen, since the inputs aren't known yet."""
    try:
        return bool(library_class.is_sync(library_class.__new__(library_class)))
    except Exception:  # noqa: BLE001 - one that needs its inputs for the answer, or has no such method
        return True


def document_of(context: ActionContext) -> Document:
    """The context of an action in the library's terms."""
    security, openstack = context.security, context.settings.openstack
    target = security.get("target")
    known = openstack.tokens.find_target(target["key"]) if target else None
    return {
        "security": {
            "auth_uri": target["auth_url"] if target else openstack.auth_url if openstack.callers else None,
            "auth_cacert": openstack.cafile, "insecure": bool(target["insecure"]) if target else openstack.insecure,
            "service_catalog": known[1] if known else None, "region_name": (target or security).get("region"),
            "is_trust_scoped": security.get("trust_id") is not None, "redelivered": False, "expires_at": security.get("expires_at"),
            "trust_id": security.get("trust_id"), "is_target": bool(target), "project_id": context.project_id,
            "project_name": security.get("project_name"), "user_name": security.get("user_name"),
            "auth_token": (known[0] if known else None) if target else openstack.tokens.find(security),
        },
        "execution": {
            "workflow_execution_id": context.workflow_execution_id, "task_execution_id": context.task_execution_id,
            "action_execution_id": context.action_execution_id, "workflow_name": context.workflow_name,
            "callback_url": context.callback_url,
        },
    }


def library_context(document: Mapping[str, Mapping[str, Any]]) -> Any:
    """The context as ``mistral-lib`` has it, or one with the same attributes where that isn't installed."""
    if find_spec("mistral_lib") is None:
        return SimpleNamespace(security=SimpleNamespace(**document["security"]), execution=SimpleNamespace(**document["execution"]))
    library = import_module("mistral_lib.actions.context")
    return library.ActionContext(library.SecurityContext(**document["security"]), library.ExecutionContext(**document["execution"]))


def result_of(value: Any) -> Result:
    """What an action returned: a plain value, or the library's ``Result`` with data, error or cancel."""
    if inspect.isclass(value) or not (hasattr(value, "is_error") and hasattr(value, "data")):
        return Result(data=value)
    if getattr(value, "cancel", False):
        return Result(cancelled=True, error=value.error or value.data)
    return Result(failed=True, error=value.error) if value.is_error() else Result(data=value.data)
