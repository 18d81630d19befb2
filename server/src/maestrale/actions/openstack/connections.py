"""In whose name a cloud is asked: the caller's token, a trust, a token of another cloud, or a cloud of the operator's ``clouds.yaml``.

With ``auth: keystone`` an action never has other rights than its caller. Otherwise callers have no rights in a cloud of their own, and
the operator says which clouds which tenants may use.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from maestrale.actions import extras
from maestrale.actions.openstack import targets
from maestrale.actions.openstack.failures import of_library
from maestrale.actions.protocol import ActionContext
from maestrale.actions.settings import ActionSettings, OpenStackSettings
from maestrale.errors import ActionError

EXTRA = "openstack"
_KEPT = 32

NO_RIGHTS = (
    "The caller's token is not at hand any more (it expired, or the process that took the request has ended), and there is no trust. "
    "Start the execution anew, or by a trigger, which acts through a trust.")


class Connections:
    """Connections by identity, region and microversion; the last ones are kept. Safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(
        self, context: ActionContext, *, region: str | None = None, cloud: str | None = None, microversion: tuple[str, str] | None = None,
    ) -> Any:
        """An openstacksdk connection. ``microversion`` is (service, version). Raises ActionError."""
        settings = context.settings.openstack
        target = context.security.get("target")
        region = region or (target and target.get("region")) or context.security.get("region") or settings.region
        identity = ("target", target["key"]) if target else _identity(settings, context, cloud)
        key = (*identity, region, microversion)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = _to_target(context.settings, target, region) if target else _connect(settings, identity, region)
        if microversion is not None:
            getattr(made, microversion[0]).default_microversion = microversion[1]
        with self._lock:
            kept = self._kept.setdefault(key, made)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return kept


def _identity(settings: OpenStackSettings, context: ActionContext, cloud: str | None) -> tuple[str, str]:
    """How to log in, as (way, secret or name). Raises ActionError where nothing is permitted."""
    if not settings.callers:
        return "cloud", _cloud(settings, context.project_id, cloud)
    if cloud:
        raise ActionError("Clouds can't be chosen by name here: with auth 'keystone' actions run with the caller's own rights.")
    token = settings.tokens.find(context.security)
    if token:
        return "token", token
    if trust := context.security.get("trust_id"):
        return "trust", str(trust)
    raise ActionError(NO_RIGHTS)


def _cloud(settings: OpenStackSettings, project_id: str, wanted: str | None) -> str:
    """The name of the cloud to use; empty for what openstacksdk takes by itself (OS_CLOUD, OS_* variables)."""
    allowed = settings.projects.get(project_id)
    if allowed is None and settings.any_cloud:
        return wanted or settings.cloud or ""
    if allowed is None:
        allowed = (settings.cloud,) if settings.cloud else ()
    if not allowed:
        raise ActionError("No cloud is set up for this project; an operator does it in the options openstack.cloud and openstack.projects.")
    if wanted and wanted not in allowed:
        raise ActionError(f"The cloud '{wanted}' is not among those of this project: {', '.join(allowed)}.")
    return wanted or allowed[0]


def _connect(settings: OpenStackSettings, identity: tuple[str, str], region: str | None) -> Any:
    library = extras.load("openstack.connection", EXTRA)
    failures = (extras.load("keystoneauth1.exceptions", EXTRA).ClientException, extras.load("openstack.exceptions", EXTRA).SDKException)
    way, name = identity
    try:
        if way == "cloud":
            config = extras.load("openstack.config", EXTRA)
            options: dict[str, Any] = {"region_name": region} if region else {}
            return library.Connection(config=config.get_cloud_region(cloud=name or None, app_name="maestrale", **options))
        session = _session(settings, _by_token(settings, name) if way == "token" else _by_trust(settings, name))
        return library.Connection(session=session, region_name=region, app_name="maestrale", interface=settings.interface)
    except failures as error:
        raise of_library(error) from error


def _to_target(settings: ActionSettings, target: Mapping[str, Any], region: str | None) -> Any:
    library = extras.load("openstack.connection", EXTRA)
    failures = (extras.load("keystoneauth1.exceptions", EXTRA).ClientException, extras.load("openstack.exceptions", EXTRA).SDKException)
    try:
        return library.Connection(
            session=targets.session_of(settings, target), region_name=region, app_name="maestrale", interface=settings.openstack.interface)
    except failures as error:
        raise of_library(error) from error


def _session(settings: OpenStackSettings, auth: Any) -> Any:
    verify: bool | str = not settings.insecure and (settings.cafile or True)
    return extras.load("keystoneauth1.session", EXTRA).Session(auth=auth, verify=verify, timeout=settings.timeout)


def _by_token(settings: OpenStackSettings, token: str) -> Any:
    """The token itself, with the endpoints that the identity service says it may use."""
    access = extras.load("keystoneauth1.access", EXTRA)
    plugin = extras.load("keystoneauth1.identity.access", EXTRA)
    answer = _session(settings, None).get(
        f"{settings.auth_url}/auth/tokens", headers={"X-Auth-Token": token, "X-Subject-Token": token}, authenticated=False)
    return plugin.AccessInfoPlugin(access.create(resp=answer, auth_token=token), auth_url=settings.auth_url)


def _by_trust(settings: OpenStackSettings, trust_id: str) -> Any:
    """The service's user in the name of a trust's maker; it logs in again when its token expires."""
    password = extras.load("keystoneauth1.identity.v3", EXTRA).Password
    return password(
        auth_url=settings.auth_url, username=settings.username, password=settings.password,
        user_domain_name=settings.user_domain_name, trust_id=trust_id)


def region_of(inputs: Mapping[str, Any]) -> str | None:
    """The region that an action's input names."""
    return str(inputs["action_region"]) if inputs.get("action_region") else None
