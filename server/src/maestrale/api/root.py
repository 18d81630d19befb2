"""Discovery and service-level pages: the versions, /info, health, and what stands at no path (1.1)."""

from __future__ import annotations

import orjson
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from maestrale.api.call import Call
from maestrale.api.errors import JSON_TYPE, fault
from maestrale.api.openapi import literal, operation
from maestrale.api.routes import Endpoint
from maestrale.api.wire import reply
from maestrale.errors import DatabaseUnavailableError

VERSION_ID = "v2.0"

_EXAMPLE_VERSIONS = {
    "versions": [{
        "id": VERSION_ID, "status": "CURRENT",
        "links": [{"href": "http://127.0.0.1:8989/v2", "target": "v2", "rel": "self"}],
    }],
}


def get_versions(call: Call) -> Response:
    """The one version there is (A001)."""
    link = {"href": f"{call.application_url}/v2", "target": "v2", "rel": "self"}
    return reply({"versions": [{"id": VERSION_ID, "status": "CURRENT", "links": [link]}]})


def get_v2_without_slash(call: Call) -> Response:
    """Redirect to the address that has the slash (A002)."""
    return RedirectResponse(f"{call.application_url}/v2/", 302)


def get_v2(call: Call) -> Response:
    """The address of the API (A002); a client that asks for JSON by name looks for versions and gets them too (A328)."""
    body: dict[str, object] = {"uri": f"{call.application_url}/v2"}
    if call.headers.get("accept", "").startswith(JSON_TYPE):
        link = {"href": f"{call.application_url}/v2/", "rel": "self"}
        body["version"] = {"id": VERSION_ID, "status": "CURRENT", "links": [link]}
    return reply(body)


def get_info(call: Call) -> Response:
    """What the operator wrote into the info file (A006)."""
    settings = call.parts.settings.api
    if not settings.enable_info_endpoint:
        return fault(400, "Info endpoint disabled.", brief=True)
    try:
        content = settings.info_json_file_path.read_bytes()
        orjson.loads(content)
    except (OSError, orjson.JSONDecodeError) as error:
        return fault(500, f"The info file can't be shown: {error}", brief=True)
    return Response(content, media_type=JSON_TYPE)


def get_limits(call: Call) -> Response:
    """What is too much for this deployment, so that a client needs not try; null is unlimited. Mistral has no such path."""
    settings = call.parts.settings
    return reply({
        "field_kb": _bounded(settings.limits.execution_field_size_limit_kb),
        "request_bytes": settings.api.max_body_size,
        "page_size": settings.api.max_limit,
        "action_result_bytes": settings.actions.result_max,
        "http_response_bytes": settings.actions.http_response_max,
        "event_characters": settings.actions.event_max,
        "expression_items": _bounded(settings.yaql.limit_iterators),
        "expression_bytes": _bounded(settings.yaql.memory_quota),
    })


def _bounded(value: int) -> int | None:
    return None if value < 0 else value


def get_health(call: Call) -> Response:
    """The process answers."""
    del call
    return PlainTextResponse("OK")


def get_healthcheck(call: Call) -> Response:
    """The same under the name that load balancers in front of Mistral ask for, when enabled (A007)."""
    if not call.parts.settings.api.healthcheck_enabled:
        return PlainTextResponse("Not Found", 404)
    return PlainTextResponse("OK")


def get_readiness(call: Call) -> Response:
    """Whether requests can be served now: the database answers, and the engine takes work."""
    try:
        reason = call.parts.not_ready()
    except DatabaseUnavailableError as error:
        reason = error.message
    if reason:
        return PlainTextResponse(reason, 503, headers={"Retry-After": "1"})
    return PlainTextResponse("OK")


_EXAMPLE_LIMITS = {
    "field_kb": 1024, "request_bytes": 67108864, "page_size": 1000, "action_result_bytes": 67108864,
    "http_response_bytes": 5242880, "event_characters": 262144, "expression_items": None, "expression_bytes": None,
}

_PLAIN = {"200": {"description": "OK", "content": {"text/plain": {"schema": {"type": "string"}}}}}

ENDPOINTS = (
    Endpoint(
        method="GET", path="/", handler=get_versions, rule=None,
        document=operation("service", "Versions of the API", reply=literal({"type": "object"}, _EXAMPLE_VERSIONS), errors=()),
    ),
    Endpoint(
        method="GET", path="/v2", handler=get_v2_without_slash, rule=None,
        document={"tags": ["service"], "summary": "Redirect to /v2/", "responses": {"302": {"description": "See Location."}}},
    ),
    Endpoint(
        method="GET", path="/v2/", handler=get_v2, rule=None,
        document=operation(
            "service", "Address of the API", reply=literal({"type": "object"}, {"uri": "http://127.0.0.1:8989/v2"}), errors=(),
        ),
    ),
    Endpoint(
        method="GET", path="/info", handler=get_info, rule=None,
        document=operation(
            "service", "The operator's description of this deployment", reply=literal({}, {"release": "1.0"}), errors=(400,),
        ),
    ),
    Endpoint(
        method="GET", path="/limits", handler=get_limits, rule=None,
        document=operation(
            "service", "Sizes that this deployment takes", errors=(401,),
            description="Null is unlimited. A field is an input, an output, parameters, or what a task publishes; whole kilobytes count.",
            reply=literal({"type": "object", "additionalProperties": {"type": ["integer", "null"]}}, _EXAMPLE_LIMITS),
        ),
    ),
    Endpoint(
        method="GET", path="/healthz", handler=get_health, rule=None,
        document={"tags": ["service"], "summary": "The process answers", "responses": _PLAIN},
    ),
    Endpoint(
        method="GET", path="/healthcheck", handler=get_healthcheck, rule=None,
        document={
            "tags": ["service"], "summary": "As /healthz, when enabled",
            "responses": {**_PLAIN, "404": {"description": "Not enabled."}},
        },
    ),
    Endpoint(
        method="GET", path="/readyz", handler=get_readiness, rule=None,
        document={
            "tags": ["service"], "summary": "Requests can be served",
            "responses": {**_PLAIN, "503": {"description": "Not yet, or not any more; the text says why."}},
        },
    ),
)
