"""Peers and runners for tests of actions."""

from __future__ import annotations

import datetime as dt
import ipaddress
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from maestrale.actions import ActionSettings, Registry, Result, Runner, RunRequest, standard_registry
from maestrale.clock import now

OPEN = ("127.0.0.1/32", "::1/128", "169.254.0.0/16", "fe80::/10")
"""Networks denied in tests: all but the address where the peers are."""


class Desk:
    """A runner with what it reported."""

    def __init__(self, settings: ActionSettings, registry: Registry | None = None) -> None:
        self.secrets: dict[str, str] = {}
        self.results: dict[str, Result] = {}
        self.released: list[str] = []
        self.events: list[Any] = []
        self._changed = threading.Condition()
        self.registry = registry or standard_registry(settings, plugins=False)
        self.runner = Runner(
            self.registry, settings, self._done, released=self._released, events=lambda _, events: self.events.extend(events),
            secrets=self)

    def get(self, project_id: str, name: str) -> str:
        """The secret of that name, as a store of secrets gives it."""
        del project_id
        return self.secrets[name]

    def _done(self, attempt_id: str, result: Result) -> None:
        with self._changed:
            assert attempt_id not in self.results, "an action was reported twice"
            self.results[attempt_id] = result
            self._changed.notify_all()

    def _released(self, attempt_id: str) -> None:
        with self._changed:
            self.released.append(attempt_id)
            self._changed.notify_all()

    def submit(self, name: str, *, ident: str = "a1", limit_seconds: float | None = None, **inputs: Any) -> None:
        self.runner.submit(RunRequest(attempt_id=ident, name=name, input=inputs, timeout=limit_seconds))

    def run(self, name: str, **inputs: Any) -> Result:
        return self.runner.run(RunRequest(attempt_id="a1", name=name, input=inputs))

    def wait(self, ident: str = "a1", seconds: float = 20) -> Result:
        self.wait_for(lambda: ident in self.results, seconds)
        return self.results[ident]

    def wait_for(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, seconds), "nothing came in time"


@pytest.fixture
def make_desk() -> Iterator[Callable[..., Desk]]:
    desks = []

    def make(registry: Registry | None = None, **settings: Any) -> Desk:
        desk = Desk(ActionSettings(**{"http_denied_cidrs": OPEN, "cancel_grace": 1.0, **settings}), registry)
        desks.append(desk)
        return desk

    yield make
    for desk in desks:
        desk.runner.stop()


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()


class Peer(ThreadingHTTPServer):
    """An HTTP server on 127.0.0.2 that answers by ``routes`` and remembers what it was sent."""

    daemon_threads = True

    def __init__(self, host: str = "127.0.0.2") -> None:
        super().__init__((host, 0), PeerHandler)
        self.routes: dict[str, Callable[[PeerHandler], None]] = {}
        self.seen: list[dict[str, Any]] = []
        self.connections = 0
        self.url = f"http://{host}:{self.server_address[1]}"

    def get_request(self) -> Any:
        self.connections += 1
        return super().get_request()


class PeerHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Peer

    def answer(self, status: int = 200, body: bytes | str = b"", **headers: str) -> None:
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _serve(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append({
            "method": self.command, "path": self.path, "body": self.body.decode("utf-8", "replace"), "headers": dict(self.headers)})
        self.server.routes[self.path.partition("?")[0]](self)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def peer() -> Iterator[Peer]:
    server = Peer()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.2 that is its own authority, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer")])
    signed = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(now() - dt.timedelta(days=1)).not_valid_after(now() + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.2"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256()))
    (folder / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return folder / "cert.pem", folder / "key.pem"
