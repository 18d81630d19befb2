"""A stand-in for the services of an OpenStack cloud: real HTTP, a catalogue, versions, and answers by the shapes of ``shapes.yaml``.

It is what both are pointed at: the Python clients when ``record.py`` notes what they send, and Maestrale when a test compares. Needs
nothing but PyYAML, since it runs in the clients' environment too.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import yaml

PROJECT = "p0"
SERVICES: dict[str, tuple[str, str, str]] = {
    # type: path of the endpoint, version, newest microversion
    "compute": ("compute/v2.1", "v2.1", "2.96"),
    "image": ("image", "v2.16", ""),
    "identity": ("identity/v3", "v3.14", ""),
    "orchestration": (f"orchestration/v1/{PROJECT}", "v1.0", ""),
    "network": ("network", "v2.0", ""),
    "block-storage": (f"volume/v3/{PROJECT}", "v3.0", "3.71"),
    "database": (f"database/v1.0/{PROJECT}", "v1.0", ""),
    "baremetal": ("baremetal", "v1", "1.95"),
    "baremetal-introspection": ("introspection", "v1", "1.18"),
    "object-store": (f"object/v1/AUTH_{PROJECT}", "v1", ""),
    "message": ("messaging", "v2", ""),
    "workflow": ("workflow/v2", "v2", ""),
    "dns": ("dns", "v2", ""),
    "container-infrastructure-management": ("container/v1", "v1", ""),
    "alarming": ("alarming", "v2", ""),
    "metric": ("metric", "v1", ""),
    "application-container": ("zun/v1", "v1", "1.40"),
    "shared-file-system": (f"share/v2/{PROJECT}", "v2", "2.91"),
}
_VERSION = re.compile(r"v\d+(\.\d+)?$")
_PROJECTS = {PROJECT, f"AUTH_{PROJECT}"}
Answer = tuple[int, dict[str, str], Any]


class StandIn(ThreadingHTTPServer):
    """See the module. ``routes`` go before the shapes: ``(method, path below the endpoint)`` to a function of the request."""

    daemon_threads = True

    def __init__(self, host: str = "127.0.0.2") -> None:
        super().__init__((host, 0), _Handler)
        self.url = f"http://{host}:{self.server_address[1]}"
        self.seen: list[dict[str, Any]] = []
        self.routes: dict[tuple[str, str], Callable[[dict[str, Any]], Answer]] = {}
        self.shapes = yaml.safe_load((Path(__file__).parent / "shapes.yaml").read_text(encoding="utf-8"))

    def endpoint(self, kind: str) -> str:
        """The address of a service, as a catalogue gives it."""
        return f"{self.url}/{SERVICES[kind][0]}"

    def serve(self) -> threading.Thread:
        """Answer in a thread of its own until ``shutdown``."""
        thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        return thread

    def answer(self, request: dict[str, Any]) -> Answer:
        """What a service answers."""
        service, method, place = request["service"], request["method"], request["place"]
        if (method, service, place) == ("POST", "identity", "auth/tokens"):
            return 201, {"X-Subject-Token": "t0"}, {"token": self._token()}
        if (method, f"{service}/{place}") in self.routes:
            return self.routes[method, f"{service}/{place}"](request)
        if method == "GET" and place == "" and service != "object":
            return 200, {}, self._versions(service, request["version"])
        return self._shape(service, method, place, dict(parse_qsl(request["query"])))

    def _token(self) -> dict[str, Any]:
        """A token's description with the catalogue, for tests without an identity service."""
        def entry(kind: str) -> dict[str, Any]:
            found = {"interface": "public", "region": "RegionOne", "region_id": "RegionOne", "url": self.endpoint(kind), "id": f"e-{kind}"}
            return {"type": kind, "name": kind, "id": f"s-{kind}", "endpoints": [found]}

        return {"methods": ["password"], "user": {"id": "u0", "name": "user", "domain": {"id": "default", "name": "Default"}},
                "project": {"id": PROJECT, "name": "project", "domain": {"id": "default", "name": "Default"}}, "roles": [],
                "expires_at": "2099-01-01T00:00:00.000000Z", "issued_at": "2026-01-01T00:00:00.000000Z",
                "catalog": [entry(kind) for kind in SERVICES]}

    def _versions(self, service: str, version: str) -> Any:
        _, ident, newest = next(one for one in SERVICES.values() if one[0].startswith(f"{service}/") or one[0] == service)
        major = version or ident.partition(".")[0].replace("v2", "v2.1" if service == "compute" else "v2")
        if service == "network":
            major = "v2.0"
        link = {"rel": "self", "href": f"{self.url}/{service}/{major}/"}
        one = {"id": ident, "status": "CURRENT", "links": [link], "version": newest, "max_version": newest,
               "min_version": f"{ident.strip('v').partition('.')[0]}.1" if newest else ""}
        return {"version": one, "versions": [one]} if version and service != "baremetal" else {"versions": [one], "default_version": one}

    def _shape(self, service: str, method: str, place: str, query: dict[str, str]) -> Answer:
        for pattern, shape in sorted(self.shapes.get(service, {}).items(), key=lambda one: (one[0].count("*"), one[0].startswith("ANY"))):
            verb, _, path = pattern.partition(" ")
            match = re.fullmatch(re.sub(r"\\\*", "([^/]+)", re.escape(path)), place)
            if match and (verb == method or (verb == "ANY" and method not in {"DELETE", "HEAD"})):
                status, headers, body = 200, {}, shape
                if isinstance(shape, dict) and "$status" in shape:
                    status, headers, body = shape["$status"], shape.get("$headers", {}), shape.get("body")
                headers = {name: value.replace("$url", self.url) for name, value in headers.items()}
                return status, headers, _filled(body, _is_last(query))
        if method in {"DELETE", "HEAD"}:
            return 204, {}, None
        return 200, {}, _plain(place, method, is_last=_is_last(query))


def item(ident: str) -> dict[str, Any]:
    """What any resource has."""
    return {"id": ident, "name": "n1", "status": "ACTIVE", "os-x:y": 1}


def _is_last(query: dict[str, str]) -> bool:
    """Whether the page after the only item is asked for."""
    return query.get("marker") in {"i1", "n1", "c1", "o1"} or query.get("is_soft_deleted") == "True"


def _filled(body: Any, is_last: bool) -> Any:
    """A shape with its items: "$i" stands for one."""
    if isinstance(body, list):
        return [] if is_last else [_filled(one, is_last) for one in body]
    if isinstance(body, dict):
        return {key: _filled(value, is_last) for key, value in body.items()}
    return item("i1") if body == "$i" else body


def _plain(place: str, method: str, *, is_last: bool) -> Any:
    """The envelope that a path suggests: collections and ids take turns."""
    parts = [unquote(part) for part in place.split("/")]
    name = re.sub(r"^os-", "", parts[-1])
    if parts[-1] == "detail":
        name = re.sub(r"^os-", "", parts[-2])
        parts = parts[:-1]
    if len(parts) % 2 and method == "GET":
        return {name.replace("-", "_"): [] if is_last else [item("i1")]}
    owner = name if len(parts) % 2 else re.sub(r"^os-", "", parts[-2])
    single = re.sub("ie$", "y", owner.replace("-", "_").removesuffix("s"))
    return {single: item("i1" if len(parts) % 2 else parts[-1])}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: StandIn

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        data = self._chunks() if self.headers.get("Transfer-Encoding") == "chunked" else self.rfile.read(length)
        path, _, query = self.path.partition("?")
        service, _, rest = path.strip("/").partition("/")
        parts = rest.split("/") if rest else []
        version = parts.pop(0) if parts and _VERSION.match(parts[0]) else ""
        if parts and parts[0] in _PROJECTS:
            parts.pop(0)
        request = {"service": service, "version": version, "method": self.command, "place": "/".join(parts), "query": query,
                   "headers": {name.lower(): value for name, value in self.headers.items()}, "body": data.decode("utf-8", "replace")}
        if (self.command != "GET" or parts) and parts != ["auth", "tokens"]:
            self.server.seen.append(request)
        status, headers, body = self.server.answer(request)
        content = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        kind = {"Content-Type": "application/json"} if content or self.command == "HEAD" else {}
        for name, value in {**kind, "X-Openstack-Request-Id": "req-1", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _chunks(self) -> bytes:
        found = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_COPY = _serve  # noqa: N815

    def version_string(self) -> str:
        return "stand-in"

    def date_time_string(self, timestamp: float | None = None) -> str:
        return "Thu, 01 Jan 2026 00:00:00 GMT"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


def told(request: dict[str, Any]) -> list[Any]:
    """A request in the form of the records: ``[METHOD path?query]``, the query in order, then the body if there is one."""
    query = "&".join(f"{name}={value}" for name, value in sorted(parse_qsl(request["query"], keep_blank_values=True)))
    line = f"{request['method']} {unquote(request['place'])}" + (f"?{query}" if query else "")
    if not request["body"]:
        return [line]
    try:
        return [line, json.loads(request["body"])]
    except ValueError:
        return [line, request["body"]]
