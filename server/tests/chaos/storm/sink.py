"""Where the effects land: an HTTP server that counts every request by its path and remembers when it came.

A request counts before it is answered, so one whose sender dies is counted too. What the answer is like stands in
the query: ``delay`` seconds before it, ``fail`` times 500 first, ``drop`` to hang up without an answer, ``size`` for one
of that many bytes. Every answer holds the path as ``value``, so that a workflow's output shows which requests it is made of.
"""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

ADDRESS = "127.0.0.2"


@dataclass(frozen=True)
class Hit:
    """One request: when it came on the monotonic clock, and whose action execution it says to be."""

    at: float
    attempt_id: str | None


class _Server(ThreadingHTTPServer):
    request_queue_size = 512
    sink: Sink

    def handle_error(self, request: object, client_address: object) -> None:
        """Senders die; that is what this is for."""


class Sink:
    """See the module. A context manager."""

    def __init__(self, address: str = ADDRESS) -> None:
        self._hits: dict[str, list[Hit]] = defaultdict(list)
        self._lock = threading.Lock()
        self._server = _Server((address, 0), _Answering)
        self._server.sink = self
        self.url = f"http://{address}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def count(self, path: str, attempt_id: str | None) -> int:
        """Note a request; which one of its path it is."""
        with self._lock:
            self._hits[path].append(Hit(time.monotonic(), attempt_id))
            return len(self._hits[path])

    def hits(self, path: str) -> list[Hit]:
        """The requests of a path, in order."""
        with self._lock:
            return list(self._hits.get(path, ()))

    def total(self) -> int:
        """All requests."""
        with self._lock:
            return sum(len(hits) for hits in self._hits.values())


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """Count and answer."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        wanted = dict(parse_qsl(parts.query))
        number = self.server.sink.count(parts.path, self.headers.get("Mistral-Action-Execution-Id"))
        time.sleep(float(wanted.get("delay", 0)))
        if wanted.get("drop"):
            self.close_connection = True
            return
        body = json.dumps({"value": parts.path + "x" * max(0, int(wanted.get("size", 0)) - len(parts.path))}).encode()
        self.send_response(500 if number <= int(wanted.get("fail", 0)) else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """The same."""
        self.do_POST()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Nothing."""
