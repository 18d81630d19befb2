"""Images brought here before a run needs them: with real podman, and a registry of this test's own."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from http_peer import Peer
from outside import leave_out

from maestrale.actions import PlaybookSettings
from maestrale.actions.playbook_image import have_image
from maestrale.errors import ActionError

DOCKER = "application/vnd.docker."


class Registry:
    """A registry with one tiny image that nobody has pulled before."""

    def __init__(self, peer: Peer) -> None:
        self.image = f"{peer.url.removeprefix('http://')}/acme/tiny:1"
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w") as tar:
            tar.addfile(tarfile.TarInfo(uuid4().hex))
        parts = [layer.getvalue()]
        rootfs = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(parts[0]).hexdigest()}"]}
        parts.append(json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode())
        described = []
        for kind, data in (("image.rootfs.diff.tar", parts[0]), ("container.image.v1+json", parts[1])):
            digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
            described.append({"mediaType": DOCKER + kind, "size": len(data), "digest": digest})
            peer.routes[f"/v2/acme/tiny/blobs/{digest}"] = lambda handler, data=data: handler.answer(body=data)
        media_type = f"{DOCKER}distribution.manifest.v2+json"
        manifest = json.dumps({"schemaVersion": 2, "mediaType": media_type, "config": described[1], "layers": described[:1]})
        peer.routes |= {
            "/v2/": lambda handler: handler.answer(),
            "/v2/acme/tiny/manifests/1": lambda handler: handler.answer(body=manifest, Content_Type=media_type),
        }
        self._peer = peer

    @property
    def pulls(self) -> int:
        return sum(one["path"] == "/v2/acme/tiny/manifests/1" for one in self._peer.seen)


@pytest.fixture
def registry(peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    if shutil.which("podman") is None:
        leave_out("podman", "it is not installed")
    made = Registry(peer)
    (tmp_path / "registries.conf").write_text(f'[[registry]]\nlocation = "{made.image.partition("/")[0]}"\ninsecure = true\n')
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(tmp_path / "registries.conf"))
    yield made
    subprocess.run(["podman", "rmi", "--force", made.image], capture_output=True, check=False, timeout=60)


def settings(tmp_path: Path, **more: Any) -> PlaybookSettings:
    return PlaybookSettings(cache_dir=str(tmp_path / "cache"), **more)


def test_an_image_that_is_missing_is_pulled_once_for_all_that_wait_for_it(registry: Registry, tmp_path: Path) -> None:
    async def wanted_by_many() -> None:
        await asyncio.gather(*(have_image(registry.image, settings(tmp_path)) for _ in range(4)))

    asyncio.run(wanted_by_many())
    assert registry.pulls == 1
    asyncio.run(have_image(registry.image, settings(tmp_path)))
    assert registry.pulls == 1


def test_where_it_is_always_pulled_the_registry_is_asked_before_each_run(registry: Registry, tmp_path: Path) -> None:
    for _ in range(2):
        asyncio.run(have_image(registry.image, settings(tmp_path, container_pull="always")))
    assert registry.pulls == 2


def test_where_it_is_never_pulled_no_registry_is_asked(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ActionError, match=r"is not on this machine, and none is pulled \(setting playbooks\.container_pull\)"):
        asyncio.run(have_image(registry.image, settings(tmp_path, container_pull="never")))
    assert registry.pulls == 0


def test_a_pull_that_takes_too_long_is_ended(registry: Registry, peer: Peer, tmp_path: Path) -> None:
    peer.routes["/v2/acme/tiny/manifests/1"] = lambda handler: handler.rfile.read()
    with pytest.raises(ActionError, match=r"took more than 1 seconds \(setting playbooks\.container_pull_timeout\)"):
        asyncio.run(have_image(registry.image, settings(tmp_path, container_pull_timeout=1)))


def test_what_a_registry_refuses_is_said(registry: Registry, peer: Peer, tmp_path: Path) -> None:
    refusal = '{"errors": [{"code": "DENIED", "message": "not for you"}]}'
    peer.routes["/v2/acme/tiny/manifests/1"] = lambda handler: handler.answer(403, refusal, Content_Type="application/json")
    with pytest.raises(ActionError, match=r"can't be pulled: .*not for you"):
        asyncio.run(have_image(registry.image, settings(tmp_path)))
