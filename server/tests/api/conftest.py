"""Servers to ask: ``api`` needs no authentication, ``tenants`` has callers with tokens, ``serve`` takes other options."""

from __future__ import annotations

from contextlib import ExitStack, closing
from types import SimpleNamespace
from typing import Any

import pytest
from live import TOKENS, Api, running, token_options
from outside import Keystone, environment_of


@pytest.fixture(scope="session")
def api(tmp_path_factory):
    """A server without authentication."""
    with running(tmp_path_factory.mktemp("api")) as server, closing(Api(server.url, {})) as caller:
        yield caller


@pytest.fixture(scope="session")
def admin(api):
    """The same server, asked as an administrator."""
    with closing(Api(api.url, {"X-Roles": "admin"})) as caller:
        yield caller


@pytest.fixture
def serve(tmp_path):
    """Start further servers; they end with the test."""
    with ExitStack() as stack:

        def start(headers: dict[str, str] | None = None, **options: Any) -> Api:
            server = stack.enter_context(running(tmp_path, **options))
            return stack.enter_context(closing(Api(server.url, headers or {})))

        yield start


@pytest.fixture(scope="session")
def tenants(tmp_path_factory):
    """Callers of one server with tokens: owner, a reader of the same project, stranger, admin, nobody."""
    with running(tmp_path_factory.mktemp("tenants"), **token_options()) as server, ExitStack() as stack:
        callers = {who: Api(server.url, {"X-Auth-Token": token}) for who, token in TOKENS.items()}
        callers["nobody"] = Api(server.url, {})
        for caller in callers.values():
            stack.enter_context(closing(caller))
        yield SimpleNamespace(**callers, url=server.url, application=server.application)


@pytest.fixture(scope="session")
def keystone():
    """A real Keystone."""
    service = Keystone()
    yield service
    service.stop()


@pytest.fixture(scope="session")
def cloud(keystone, tmp_path_factory):
    """A server that Keystone's users ask: the address, and a function from user and project to a caller."""
    with running(tmp_path_factory.mktemp("cloud"), **keystone.options()) as server, ExitStack() as stack:
        keystone.register(f"{server.url}/v2")

        def caller(user: str, project: str) -> Api:
            return stack.enter_context(closing(Api(server.url, {"X-Auth-Token": keystone.token(user, project)})))

        yield SimpleNamespace(url=server.url, caller=caller, application=server.application)


@pytest.fixture(scope="session")
def clients():
    """The environment with the clients of OpenStack."""
    return environment_of("clients")
