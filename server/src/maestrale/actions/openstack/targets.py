"""Another cloud, named by the headers ``X-Target-*`` of a request: how its actions reach it (2.2, 4.5).

The caller chooses the addresses, so each request is held against the egress policy of HTTP actions, redirects too.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from maestrale import clock
from maestrale.actions import extras
from maestrale.actions.egress import DEFAULT_PORTS, EgressPolicy
from maestrale.actions.settings import ActionSettings
from maestrale.errors import ActionError

EXTRA = "openstack"
INTERFACES = {"publicURL": "public", "internalURL": "internal", "adminURL": "admin"}
_TOKEN_LASTS = timedelta(days=1)
"""What is assumed where only the catalogue is known; the cloud refuses a token that has expired before."""

FORGOTTEN = (
    "The token of the target cloud is not at hand any more: it is kept in the memory of the process that took the request, "
    "and never stored. Start the execution anew.")


def session_of(settings: ActionSettings, target: Mapping[str, Any]) -> Any:
    """A keystoneauth1 session with the target's token. ``target`` is as ``Target.as_security``. Raises ActionError."""
    known = settings.openstack.tokens.find_target(target["key"])
    if known is None:
        raise ActionError(FORGOTTEN)
    token, catalog = known
    auth_url = identity_url(target["auth_url"])
    session = _guarded(settings, target)
    plugin = extras.load("keystoneauth1.identity.access", EXTRA).AccessInfoPlugin
    access = extras.load("keystoneauth1.access.access", EXTRA)
    if catalog is None:
        answer = session.get(f"{auth_url}/auth/tokens", headers={"X-Auth-Token": token, "X-Subject-Token": token}, authenticated=False)
        session.auth = plugin(extras.load("keystoneauth1.access", EXTRA).create(resp=answer, auth_token=token), auth_url=auth_url)
    else:
        session.auth = plugin(access.AccessInfoV3(_described(target, catalog_of(catalog)), auth_token=token), auth_url=auth_url)
    return session


def _guarded(settings: ActionSettings, target: Mapping[str, Any]) -> Any:
    """A session without authentication whose every request is checked."""
    adapters = extras.load("requests.adapters", EXTRA)
    policy = EgressPolicy.of(settings.http_denied_cidrs, settings.http_allowed_hosts)

    class Guard(adapters.HTTPAdapter):  # type: ignore[misc, name-defined]  # the library is loaded when it is needed
        def send(self, request: Any, *arguments: Any, **more: Any) -> Any:
            check(policy, request.url)
            return super().send(request, *arguments, **more)

    wire = extras.load("requests", EXTRA).Session()
    for scheme in DEFAULT_PORTS:
        wire.mount(f"{scheme}://", Guard())
    given = settings.openstack
    verify: bool | str = not target.get("insecure") and (given.cafile or True)
    return extras.load("keystoneauth1.session", EXTRA).Session(session=wire, verify=verify, timeout=given.timeout)


def check(policy: EgressPolicy, url: str) -> None:
    """Raises EgressError if the policy refuses the address or what its name resolves to."""
    parts = policy.check_url(url)
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, parts.port or DEFAULT_PORTS[parts.scheme], type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ActionError(f"The host '{host}' of the target cloud can't be found: {error}") from None
    policy.check_addresses(host, [str(address[4][0]) for address in found])


def identity_url(url: str) -> str:
    """The address of the identity service's v3 API, without a slash at the end."""
    path = urlsplit(url).path.rstrip("/")
    url = url.rstrip("/")
    if path.endswith("/v3"):
        return url
    return f"{url.removesuffix('/v2.0')}/v3"


def _described(target: Mapping[str, Any], catalog: list[dict[str, Any]]) -> dict[str, Any]:
    """A token's description in the v3 form, as far as the request tells."""
    return {"token": {
        "catalog": catalog, "methods": ["token"], "expires_at": f"{(clock.now() + _TOKEN_LASTS).isoformat()}Z",
        "user": {"id": target.get("user_id"), "name": target.get("user_name"), "domain": {}},
        "project": {"id": target.get("project_id"), "domain": {}},
    }}


def catalog_of(document: Any) -> list[dict[str, Any]]:
    """The services in the v3 form, from a catalogue or a token's description in either form. Raises ActionError."""
    if isinstance(document, Mapping):
        inner = document.get("token") or document.get("access") or document
        document = inner.get("catalog") or inner.get("serviceCatalog") if isinstance(inner, Mapping) else None
    if not isinstance(document, list) or not all(isinstance(service, Mapping) for service in document):
        raise ActionError("X-Target-Service-Catalog holds no catalogue of services.")
    return [{**service, "endpoints": _endpoints(service.get("endpoints") or ())} for service in document]


def _endpoints(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Endpoints in the v3 form: one entry for each interface."""
    found: list[dict[str, Any]] = []
    for endpoint in given:
        if "interface" in endpoint:
            found.append(dict(endpoint))
            continue
        region = endpoint.get("region")
        found += [
            {"interface": interface, "url": endpoint[name], "region": region, "region_id": region}
            for name, interface in INTERFACES.items() if endpoint.get(name)
        ]
    return found
