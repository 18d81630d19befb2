"""Discovery and HTTP basics: A001 to A014."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from live import NOOP, TOKENS, unique

COLLECTIONS = (
    "workbooks", "workflows", "actions", "executions", "tasks", "action_executions", "cron_triggers", "event_triggers", "environments",
    "code_sources", "dynamic_actions",
)


def test_A001_root_names_one_current_version(api):
    reply = api.get("/")

    assert reply.status_code == 200
    link = {"href": f"{api.url}/v2", "target": "v2", "rel": "self"}
    assert reply.json() == {"versions": [{"id": "v2.0", "status": "CURRENT", "links": [link]}]}


def test_A002_v2_redirects_and_v2_slash_answers(api):
    redirect = api.get("/v2")
    reply = api.call("GET", "/v2/", headers={"Accept": "*/*"})

    assert (redirect.status_code, redirect.headers["location"]) == (302, f"{api.url}/v2/")
    assert reply.json() == {"uri": f"{api.url}/v2"}


@pytest.mark.parametrize("path", ["/", "/info", "/v2/", "/healthz", "/readyz", "/openapi.json", "/docs"])
def test_A003_open_paths_need_no_token(tenants, path):
    assert tenants.nobody.get(path).status_code in {200, 400}


@pytest.mark.parametrize("path", [*COLLECTIONS, "/maintenance", "/limits", "/v2/nothing_here"])
def test_A003_everything_else_does(tenants, path):
    assert tenants.nobody.get(path).status_code == 401


@pytest.mark.parametrize("headers", [{}, {"X-Auth-Token": "wrong"}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic %%%"}])
def test_A004_unauthorized_has_both_headers(tenants, headers):
    reply = httpx.get(f"{tenants.url}/v2/workflows", headers=headers)

    assert reply.status_code == 401
    assert reply.headers["Server-Error-Message"]
    assert reply.headers["WWW-Authenticate"]
    assert reply.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "flow.example.org", "X-Forwarded-Prefix": "/workflow"},
        {"Forwarded": "for=10.0.0.1;proto=https;host=flow.example.org", "X-Forwarded-Prefix": "/workflow"},
    ],
)
def test_A005_links_honour_forwarded_headers_where_trusted(serve, headers):
    trusting = serve(api={"trust_proxy_headers": True})
    name = trusting.define()

    uri = trusting.call("GET", "/v2/", headers={**headers, "Accept": "*/*"}).json()["uri"]
    following = trusting.call("GET", "workflows?limit=1", headers=headers).json()["next"]

    assert uri == "https://flow.example.org/workflow/v2"
    assert following.startswith("https://flow.example.org/workflow/v2/workflows?")
    assert name


def test_A005_forwarded_headers_are_not_believed_otherwise(api):
    reply = api.call("GET", "/v2/", headers={"X-Forwarded-Host": "evil.example.org", "Accept": "*/*"})

    assert reply.json()["uri"] == f"{api.url}/v2"


def test_A005_links_honour_a_mount_prefix(api, tenants):
    """Under a prefix the server is told of it as ASGI's root_path."""
    application = tenants.application.asgi
    transport = httpx.ASGITransport(application, root_path="/workflow")

    async def ask():
        async with httpx.AsyncClient(transport=transport, base_url="http://h") as client:
            headers = {"X-Auth-Token": TOKENS["owner"], "Accept": "*/*"}
            root = await client.get("/workflow/v2/", headers=headers)
            actions = await client.get("/workflow/v2/actions/?limit=1", headers=headers)
            return root.json(), actions.json()

    root, actions = asyncio.run(ask())
    assert root == {"uri": "http://h/workflow/v2"}
    assert actions["next"].startswith("http://h/workflow/v2/actions?")


def test_A006_info_is_disabled_by_default(api):
    reply = api.get("/info")

    assert (reply.status_code, reply.json()) == (400, {"faultstring": "Info endpoint disabled."})


def test_A006_info_shows_the_file(serve, tmp_path):
    path = tmp_path / "info.json"
    path.write_text(json.dumps({"release": "x", "n": [1]}))

    reply = serve(api={"enable_info_endpoint": True, "info_json_file_path": str(path)}).get("/info")

    assert (reply.status_code, reply.json()) == (200, {"release": "x", "n": [1]})


def test_the_limits_of_a_deployment_are_those_of_its_configuration(api, serve):
    usual = api.get("/limits").json()
    set_otherwise = serve(
        limits={"execution_field_size_limit_kb": 10}, api={"max_limit": 7, "max_body_size": 2048}, yaql={"limit_iterators": 5},
    ).get("/limits").json()

    assert usual["field_kb"] == 1024
    assert usual["expression_items"] is None
    assert {name: set_otherwise[name] for name in ("field_kb", "page_size", "request_bytes", "expression_items")} == {
        "field_kb": 10, "page_size": 7, "request_bytes": 2048, "expression_items": 5}


def test_a_field_of_the_size_that_the_limits_name_is_taken_and_a_larger_one_is_not(serve):
    server = serve(limits={"execution_field_size_limit_kb": 1})
    limit = server.get("/limits").json()["field_kb"]
    name = server.define("version: '2.0'\n{name}: {{input: [x], tasks: {{a: {{action: std.noop}}}}}}")

    def status(size):
        return server.post("executions", {"workflow_name": name, "input": {"x": "y" * size}}).status_code

    assert limit == 1
    assert (status(1024 * limit), status(1024 * (limit + 1))) == (201, 400)


def test_A007_healthcheck_answers_only_that_path_when_enabled(api, serve):
    assert api.get("/healthcheck").status_code == 404
    enabled = serve(api={"healthcheck_enabled": True})
    assert (enabled.get("/healthcheck").status_code, enabled.get("/healthcheck").text) == (200, "OK")
    assert enabled.get("/other").status_code == 404


def test_A008_options_answer_with_cors_headers_for_an_allowed_origin(serve):
    api = serve(api={"cors_allowed_origins": ["https://portal.example.org"]})

    allowed = api.call("OPTIONS", "executions", headers={"Origin": "https://portal.example.org"})
    other = api.call("OPTIONS", "executions", headers={"Origin": "https://other.example.org"})
    plain = api.call("GET", "executions", headers={"Origin": "https://portal.example.org"})

    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://portal.example.org"
    assert "X-Auth-Token" in allowed.headers["Access-Control-Allow-Headers"]
    assert other.status_code == 200
    assert "Access-Control-Allow-Origin" not in other.headers
    assert plain.headers["Access-Control-Allow-Origin"] == "https://portal.example.org"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "tasks"), ("DELETE", "tasks/x"), ("PUT", "cron_triggers/x"), ("HEAD", "workflows"), ("PATCH", "executions/x"),
        ("POST", "executions/x"), ("PUT", "/v2/"),
    ],
)
def test_A009_undefined_methods_answer_405(api, method, path):
    reply = api.call(method, path)

    assert reply.status_code == 405
    assert reply.headers["content-type"].startswith("text/plain")
    assert reply.headers["allow"]


@pytest.mark.parametrize("path", ["/v3", "/v2/nothing_here", "/v2/executions/x/y/z", "/v2/services", "/index.html"])
def test_A010_unknown_paths_answer_404(api, path):
    reply = api.get(path)

    assert reply.status_code == 404
    assert reply.headers["content-type"].startswith("text/plain")


def test_A011_names_with_dots_are_taken_whole(api):
    name = f"{api.define()}.json"
    api.define(name=name)

    assert api.get(f"workflows/{name}").json()["name"] == name
    assert api.get(f"workflows/{name}.json").status_code == 404
    assert api.get("actions/std.echo").json()["name"] == "std.echo"


def test_A012_a_trailing_slash_changes_nothing(api):
    name = api.define()

    assert api.get(f"workflows/{name}/").json() == api.get(f"workflows/{name}").json()
    assert api.get("workflows/", name=name).json() == api.get("workflows", name=name).json()
    assert api.get("actions/std.echo/").status_code == 200


def test_A013_an_empty_query_is_accepted(api):
    assert api.call("POST", "/v2/workflows?", content=NOOP.format(name=unique())).status_code == 201
    assert api.call("POST", "/v2/workflows?scope=private&", content=NOOP.format(name=unique())).status_code == 201


def test_A014_services_are_gone(api):
    assert api.get("services").status_code == 404


def test_health_and_readiness(api):
    assert (api.get("/healthz").status_code, api.get("/healthz").text) == (200, "OK")
    assert (api.get("/readyz").status_code, api.get("/readyz").text) == (200, "OK")
