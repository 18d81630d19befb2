# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Keystone v3, as far as a client needs it: a token for a password or an application credential, and the catalog."""

from __future__ import annotations

import json

from .errors import EngineError, UsageError

SERVICE_TYPES = ("workflowv2", "workflow")


def authenticate(transport, options):
    """Ask for a token; returns (token, catalog)."""
    url = tokens_url(options["auth_url"])
    body = json.dumps({"auth": identity_and_scope(options)}).encode()
    reply = transport.send("POST", url, {"Content-Type": "application/json", "Accept": "application/json"}, body)
    if reply.status not in (200, 201):
        raise EngineError(f"Keystone refused to issue a token: HTTP {reply.status}", status=reply.status, method="POST", url=url)
    return reply.headers["X-Subject-Token"], reply.json()["token"].get("catalog", [])


def tokens_url(auth_url):
    """The address of tokens, whether or not the identity address names a version."""
    base = auth_url.rstrip("/")
    return base + ("/auth/tokens" if base.endswith("/v3") else "/v3/auth/tokens")


def identity_and_scope(options):
    """The body of a token request."""
    if options["application_credential_id"]:
        credential = {"id": options["application_credential_id"], "secret": options["application_credential_secret"]}
        return {"identity": {"methods": ["application_credential"], "application_credential": credential}}
    if not options["username"] or options["password"] is None:
        raise UsageError("auth_type keystone needs username and password, or an application credential")
    user = {"name": options["username"], "password": options["password"], "domain": {"name": options["user_domain"]}}
    return {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": {"project": _project(options)}}


def _project(options):
    if options["project_id"]:
        return {"id": options["project_id"]}
    if not options["project"]:
        raise UsageError("auth_type keystone needs project or project_id")
    return {"name": options["project"], "domain": {"name": options["project_domain"]}}


def endpoint(catalog, interface, region):
    """The workflow service's address in the catalog."""
    for service_type in SERVICE_TYPES:
        for service in catalog:
            if service.get("type") != service_type:
                continue
            for entry in service.get("endpoints", []):
                if entry.get("interface") == interface and region in (None, entry.get("region_id"), entry.get("region")):
                    return entry["url"]
    raise UsageError(f"The service catalog has no {interface} endpoint of type {' or '.join(SERVICE_TYPES)}; set endpoint")
