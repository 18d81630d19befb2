"""Peers and runners for tests of actions."""

from __future__ import annotations

import datetime as dt
import ipaddress
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from desk import OPEN, Desk
from http_peer import Peer
from outside import CONTAINER_IMAGE, leave_out

from maestrale.actions import ActionSettings, Registry
from maestrale.clock import now


@pytest.fixture(scope="session")
def container_image() -> str:
    """The image in which tests run playbooks in containers; without it, or without podman, they are left out."""
    if shutil.which("podman") is None:
        leave_out("podman", "it is not installed")
    if subprocess.run(["podman", "image", "exists", CONTAINER_IMAGE], check=False, timeout=60).returncode:
        leave_out("podman", f"there is no image {CONTAINER_IMAGE}; tools/test_image.py makes it")
    return CONTAINER_IMAGE


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
def work(tmp_path: Path) -> Path:
    """Where playbooks have their private directories."""
    return tmp_path / "work"


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """A folder for playbooks."""
    root = tmp_path / "books"
    root.mkdir()
    return root


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()


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
