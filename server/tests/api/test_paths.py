"""Finding the endpoint of a path: the tree finds what the framework's router would, and nothing else. No server needed."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.routing import Match

from maestrale.api.app import ENDPOINTS
from maestrale.api.paths import Paths
from maestrale.api.routes import add, nameless

EVERYTHING = (*ENDPOINTS, *nameless(ENDPOINTS))
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH")


@pytest.fixture(scope="module")
def paths():
    return Paths(EVERYTHING)


@pytest.fixture(scope="module")
def routes():
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    for endpoint in EVERYTHING:
        add(app, endpoint)
    return app.routes


def address_of(path):
    return "/".join("a:b c" if part.startswith("{") else part for part in path.split("/"))


def routed(routes, method, address):
    """What the framework's router would call."""
    scope = {"type": "http", "path": address, "method": method, "root_path": ""}
    for route in routes:
        match, found = route.matches(scope)
        if match is Match.FULL:
            return route.endpoint_value, found["path_params"]
    return None


@pytest.mark.parametrize("endpoint", EVERYTHING, ids=lambda one: f"{one.method} {one.path}")
def test_every_endpoint_is_found_with_its_parameters(paths, routes, endpoint):
    address = address_of(endpoint.path)
    found = paths.find(endpoint.method, address)

    assert found is not None
    assert found == routed(routes, endpoint.method, address)


def test_what_is_found_is_what_the_router_would_find(paths, routes):
    for path in sorted({endpoint.path for endpoint in EVERYTHING}):
        address = address_of(path)
        words = "/".join("validate" if part.startswith("{") else part for part in path.split("/"))
        for other in (words, f"{address}/more", address.rpartition("/")[0], f"{address}/"):
            for method in METHODS:
                found = paths.find(method, other)
                assert found is None or found == routed(routes, method, other), (method, other)


def test_an_empty_segment_is_no_parameter(paths):
    assert paths.find("GET", "/v2/executions//tasks") is None
