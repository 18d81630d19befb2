# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0

"""Which address, and which headers, follow from options and environment."""

from __future__ import annotations

import base64
import json

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.maestrale.mistral.plugins.module_utils import transport
from ansible_collections.maestrale.mistral.plugins.module_utils.connection import CONNECTION_SPEC, connect
from ansible_collections.maestrale.mistral.plugins.module_utils.errors import EngineError, UsageError
from ansible_collections.maestrale.mistral.plugins.module_utils.transport import Reply

CATALOG = [
    {"type": "identity", "endpoints": []},
    {
        "type": "workflowv2",
        "endpoints": [
            {"interface": "internal", "region_id": "one", "url": "http://inside/v2"},
            {"interface": "public", "region_id": "one", "url": "http://outside/v2"},
            {"interface": "public", "region_id": "two", "url": "http://elsewhere/v2"},
        ],
    },
]
PAIR = "Basic " + base64.b64encode(b"u:p").decode()


def validated(**options):
    result = ArgumentSpecValidator(CONNECTION_SPEC).validate(options)
    assert not result.error_messages
    return result.validated_parameters


@pytest.mark.parametrize(
    ("options", "environment", "address", "headers"),
    [
        ({}, {}, "http://127.0.0.1:8989/v2", {}),
        ({}, {"OS_MISTRAL_URL": "http://a:1/v2"}, "http://a:1/v2", {}),
        ({}, {"OS_MISTRAL_URL": "http://a:1", "MAESTRALE_ENDPOINT": "http://b:2/"}, "http://b:2/v2", {}),
        ({"endpoint": "http://c:3/mistral/v2/"}, {"MAESTRALE_ENDPOINT": "http://b:2"}, "http://c:3/mistral/v2", {}),
        ({"token": "t"}, {}, "http://127.0.0.1:8989/v2", {"X-Auth-Token": "t"}),
        ({}, {"OS_AUTH_TOKEN": "t"}, "http://127.0.0.1:8989/v2", {"X-Auth-Token": "t"}),
        ({"username": "u", "password": "p"}, {}, "http://127.0.0.1:8989/v2", {"Authorization": PAIR}),
        ({"username": "u", "password": "p"}, {"OS_AUTH_TYPE": "none"}, "http://127.0.0.1:8989/v2", {}),
        ({"token": "t", "auth_type": "none"}, {}, "http://127.0.0.1:8989/v2", {}),
        ({"roles": ["admin", "x"]}, {}, "http://127.0.0.1:8989/v2", {"X-Roles": "admin,x"}),
        ({}, {"MAESTRALE_ROLES": "admin"}, "http://127.0.0.1:8989/v2", {"X-Roles": "admin"}),
        ({"roles": ["admin"], "token": "t"}, {}, "http://127.0.0.1:8989/v2", {"X-Auth-Token": "t"}),
        ({"project_id": "p"}, {}, "http://127.0.0.1:8989/v2", {"X-Project-Id": "p"}),
    ],
)
def test_options_win_over_the_environment(options, environment, address, headers, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    connection = connect(validated(**options))
    assert (connection.endpoint, connection.credentials.headers()) == (address, headers)


@pytest.mark.parametrize(
    "options", [{"auth_type": "token"}, {"auth_type": "basic"}, {"auth_type": "keystone"}, {"auth_type": "basic", "username": "u"}]
)
def test_missing_credentials_are_told_before_anything_is_sent(options):
    with pytest.raises(UsageError):
        connect(validated(**options))


@pytest.fixture
def keystone(monkeypatch):
    """A Keystone that remembers what it was asked."""
    asked = []

    def send(self, method, url, headers=None, body=None, timeout=None):
        asked.append((url, json.loads(body)["auth"]))
        return Reply(201, {"X-Subject-Token": f"token{len(asked)}"}, json.dumps({"token": {"catalog": CATALOG}}).encode())

    monkeypatch.setattr(transport.Transport, "send", send)
    return asked


PASSWORD = {"auth_url": "http://id/v3", "username": "u", "password": "p", "project": "demo"}


@pytest.mark.parametrize(
    ("extra", "address"),
    [
        ({}, "http://outside/v2"),
        ({"interface": "internal"}, "http://inside/v2"),
        ({"region": "two"}, "http://elsewhere/v2"),
        ({"endpoint": "http://mine/v2"}, "http://mine/v2"),
    ],
)
def test_keystone_gives_a_token_and_the_address(extra, address, keystone):
    connection = connect(validated(**PASSWORD, **extra))
    assert connection.endpoint == address
    assert connection.credentials.headers() == {"X-Auth-Token": "token1"}
    assert connection.credentials.renew()
    assert connection.credentials.headers() == {"X-Auth-Token": "token2"}
    url, auth = keystone[0]
    assert url == "http://id/v3/auth/tokens"
    assert auth["scope"] == {"project": {"name": "demo", "domain": {"name": "Default"}}}


def test_an_application_credential_needs_no_user(keystone):
    connect(validated(auth_url="http://id", application_credential_id="i", application_credential_secret="s"))
    url, auth = keystone[0]
    assert url == "http://id/v3/auth/tokens"
    assert auth == {"identity": {"methods": ["application_credential"], "application_credential": {"id": "i", "secret": "s"}}}


def test_an_unknown_region_is_told(keystone):
    with pytest.raises(UsageError, match="catalog has no public endpoint"):
        connect(validated(**PASSWORD, region="three"))


def test_a_refused_login_is_told(monkeypatch):
    monkeypatch.setattr(transport.Transport, "send", lambda *args, **kwargs: Reply(401, {}, b"{}"))
    with pytest.raises(EngineError, match="Keystone refused"):
        connect(validated(**PASSWORD))
