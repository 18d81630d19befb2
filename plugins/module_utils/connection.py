# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""How to reach an engine: the options that every module has, and what becomes of them.

``CONNECTION_SPEC`` belongs together with the documentation fragment ``maestrale.mistral.engine``. An explicit
option wins over ``MAESTRALE_*`` in the environment, that over ``OS_*``, that over the built-in address on loopback.
"""

from __future__ import annotations

import base64
import os

from ansible.module_utils.basic import env_fallback

from . import keystone
from .errors import UsageError
from .transport import Transport

try:
    import openstack
except ImportError:
    openstack = None

DEFAULT_ENDPOINT = "http://127.0.0.1:8989/v2"
AUTH_TYPES = ("none", "token", "basic", "keystone")


def _env(*names):
    return (env_fallback, list(names))


CONNECTION_SPEC = {
    "cloud": {"type": "raw", "fallback": _env("MAESTRALE_CLOUD")},
    "endpoint": {"type": "str", "fallback": _env("MAESTRALE_ENDPOINT", "OS_MISTRAL_URL")},
    "auth_type": {"type": "str", "choices": list(AUTH_TYPES), "fallback": _env("MAESTRALE_AUTH_TYPE")},
    "token": {"type": "str", "no_log": True, "fallback": _env("MAESTRALE_TOKEN", "OS_AUTH_TOKEN", "OS_TOKEN")},
    "username": {"type": "str", "fallback": _env("MAESTRALE_USERNAME", "OS_USERNAME")},
    "password": {"type": "str", "no_log": True, "fallback": _env("MAESTRALE_PASSWORD", "OS_PASSWORD")},
    "auth_url": {"type": "str", "fallback": _env("OS_AUTH_URL")},
    "roles": {"type": "list", "elements": "str", "fallback": _env("MAESTRALE_ROLES")},
    "project": {"type": "str", "fallback": _env("MAESTRALE_PROJECT", "OS_PROJECT_NAME", "OS_TENANT_NAME")},
    "project_id": {"type": "str", "fallback": _env("OS_PROJECT_ID", "OS_TENANT_ID")},
    "project_domain": {"type": "str", "default": "Default", "fallback": _env("OS_PROJECT_DOMAIN_NAME")},
    "user_domain": {"type": "str", "default": "Default", "fallback": _env("OS_USER_DOMAIN_NAME")},
    "application_credential_id": {"type": "str", "fallback": _env("OS_APPLICATION_CREDENTIAL_ID")},
    "application_credential_secret": {"type": "str", "no_log": True, "fallback": _env("OS_APPLICATION_CREDENTIAL_SECRET")},
    "region": {"type": "str", "fallback": _env("OS_REGION_NAME")},
    "interface": {
        "type": "str",
        "choices": ["public", "internal", "admin"],
        "default": "public",
        "fallback": _env("OS_INTERFACE"),
    },
    "validate_certs": {"type": "bool", "default": True, "fallback": _env("MAESTRALE_VALIDATE_CERTS")},
    "ca_cert": {"type": "path", "fallback": _env("MAESTRALE_CA_CERT", "OS_CACERT")},
    "client_cert": {"type": "path", "fallback": _env("OS_CERT")},
    "client_key": {"type": "path", "no_log": False, "fallback": _env("OS_KEY")},
    "request_timeout": {"type": "float", "default": 30.0, "fallback": _env("MAESTRALE_REQUEST_TIMEOUT")},
    "request_retries": {"type": "int", "default": 3, "fallback": _env("MAESTRALE_REQUEST_RETRIES")},
}

# What openstacksdk's auth_type says in the environment, in our words.
_OS_AUTH_TYPES = {"none": "none", "http_basic": "basic", "admin_token": "token"}


class Credentials:
    """The headers that say who asks; ``renew`` gets new ones after a 401 and says whether there can be any."""

    def __init__(self, headers=None):
        self._headers = headers or {}

    def headers(self):
        """Headers for one request."""
        return self._headers

    def renew(self):
        """Static credentials don't get any better."""
        return False


class KeystoneCredentials(Credentials):
    """A Keystone token, asked for when first needed, and again when it has expired."""

    def __init__(self, transport, options):
        super().__init__()
        self._transport = transport
        self._options = options
        self._catalog = None

    def headers(self):
        if self._catalog is None:
            self.renew()
        return self._headers

    def renew(self):
        token, self._catalog = keystone.authenticate(self._transport, self._options)
        self._headers = {"X-Auth-Token": token}
        return True

    def endpoint(self):
        """The engine's address out of the catalog."""
        self.headers()
        return keystone.endpoint(self._catalog, self._options["interface"], self._options["region"])


class CloudCredentials(Credentials):
    """What clouds.yaml says, through openstacksdk."""

    def __init__(self, cloud):
        super().__init__()
        if openstack is None:
            raise UsageError("The option cloud needs the Python package openstacksdk on the host that runs this; use endpoint without it")
        try:
            self._cloud = openstack.connect(**({"cloud": cloud} if isinstance(cloud, str) else cloud)).config
        except openstack.exceptions.OpenStackException as error:
            raise UsageError(f"clouds.yaml: {error}") from error

    def headers(self):
        return self._cloud.get_session().get_auth_headers() or {}

    def renew(self):
        self._cloud.get_session().invalidate()
        return True

    def endpoint(self):
        """The engine's address: an override in clouds.yaml, or the catalog's."""
        address = self._cloud.get_endpoint("workflow") or self._cloud.get_session_endpoint("workflow")
        if not address:
            raise UsageError("The cloud has no workflow service in its catalog; set endpoint, or workflow_endpoint_override in clouds.yaml")
        return address


class Connection:
    """An address, credentials and a transport."""

    def __init__(self, endpoint, credentials, transport, retries):
        self.endpoint = with_version(endpoint)
        self.credentials = credentials
        self.transport = transport
        self.retries = retries


def connect(options):
    """Make the connection that the options describe; sends nothing unless the catalog has to be asked."""
    transport = Transport(options)
    cloud = options["cloud"] or (None if options["endpoint"] else os.environ.get("OS_CLOUD"))
    if cloud:
        credentials = CloudCredentials(cloud)
        return Connection(options["endpoint"] or credentials.endpoint(), credentials, transport, options["request_retries"])
    kind = auth_type(options)
    if kind == "keystone":
        if not options["auth_url"]:
            raise UsageError("auth_type keystone needs auth_url")
        credentials = KeystoneCredentials(transport, options)
        return Connection(options["endpoint"] or credentials.endpoint(), credentials, transport, options["request_retries"])
    return Connection(
        options["endpoint"] or DEFAULT_ENDPOINT, Credentials(static_headers(kind, options)), transport, options["request_retries"]
    )


def auth_type(options):
    """The kind of authentication: as asked for, or what the other options amount to."""
    asked = options["auth_type"] or _OS_AUTH_TYPES.get(os.environ.get("OS_AUTH_TYPE", ""))
    if asked:
        return asked
    if options["token"]:
        return "token"
    if options["auth_url"]:
        return "keystone"
    return "basic" if options["username"] else "none"


def static_headers(kind, options):
    """Headers of the kinds that need no conversation."""
    headers = {}
    if kind == "token":
        if not options["token"]:
            raise UsageError("auth_type token needs token")
        headers["X-Auth-Token"] = options["token"]
    elif kind == "basic":
        if not options["username"] or options["password"] is None:
            raise UsageError("auth_type basic needs username and password")
        pair = f"{options['username']}:{options['password']}".encode()
        headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
    elif options["roles"]:
        headers["X-Roles"] = ",".join(options["roles"])
    if options["project_id"]:
        headers["X-Project-Id"] = options["project_id"]
    return headers


def with_version(endpoint):
    """The address with ``/v2`` at its end, however it was written."""
    base = endpoint.rstrip("/")
    return base if base.endswith("/v2") else base + "/v2"
