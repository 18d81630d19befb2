# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the part of AWX's API that the role awx uses: objects by name, attached credentials, surveys."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

OBJECTS = {"organizations": [{"id": 1, "name": "Default"}]}
SURVEYS = {}
AUTHORIZATION = "Bearer molecule"


class Handler(BaseHTTPRequestHandler):
    """Answers as AWX does."""

    def do_GET(self):
        """Lists by name, and surveys."""
        kind, parts, query = self._where()
        if parts[1:] == ["survey_spec"]:
            self._answer(200, SURVEYS.get(parts[0], {}))
            return
        found = [item for item in OBJECTS.get(kind, []) if all(str(item.get(key)) == value for key, value in query.items())]
        self._answer(200, {"count": len(found), "results": [self._shown(item) for item in found]})

    def do_POST(self):
        """New objects, attached credentials, surveys."""
        kind, parts, dummy = self._where()
        body = self._body()
        if parts[1:] == ["survey_spec"]:
            SURVEYS[parts[0]] = body
            self._answer(200, {})
        elif parts[1:] == ["credentials"]:
            self._answer(204, None)
        else:
            items = OBJECTS.setdefault(kind, [])
            items.append({**body, "id": sum(map(len, OBJECTS.values())) + 1})
            self._answer(201, self._shown(items[-1]))

    def do_PATCH(self):
        """Changed objects."""
        kind, parts, dummy = self._where()
        item = next(item for item in OBJECTS[kind] if str(item["id"]) == parts[0])
        item.update(self._body())
        self._answer(200, self._shown(item))

    def log_message(self, format, *args):
        """Say nothing."""

    def _where(self):
        address = urlsplit(self.path)
        kind, *parts = [part for part in address.path.removeprefix("/api/v2").split("/") if part]
        return kind, parts, dict(parse_qsl(address.query))

    def _body(self):
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    @staticmethod
    def _shown(item):
        """Secrets are never given back."""
        inputs = item.get("inputs")
        return {**item, "inputs": {**inputs, "token": "$encrypted$"}} if isinstance(inputs, dict) and "token" in inputs else item

    def _answer(self, status, value):
        if self.headers.get("Authorization") != AUTHORIZATION:
            status, value = 401, {"detail": "Authentication credentials were not provided."}
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
