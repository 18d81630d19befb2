"""What some tests need besides this checkout: a real Keystone, the clients of OpenStack in an environment of their own, podman.

The first two are made beneath ``build`` when they are asked for. What MAESTRALE_TEST_REQUIRE names (``keystone``, ``clients``,
``tempest``, ``podman``) must be there; otherwise its absence skips the tests with a line that says so.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[3]
BUILD = ROOT / "build"
KEYSTONE_SCRIPT = Path(os.environ.get("MAESTRALE_KEYSTONE_SCRIPT", ROOT.parent / "shared" / "lab" / "keystone.sh"))
CONTAINER_IMAGE = os.environ.get("MAESTRALE_TEST_IMAGE") or "localhost/maestrale-test-ee:1"
"""What tools/test_image.py makes."""

PASSWORD = "secret"
PATIENCE = 60.0
"""Seconds to wait for Keystone on a busy machine."""


def is_required(what: str) -> bool:
    """Whether its absence is a failure."""
    return what in os.environ.get("MAESTRALE_TEST_REQUIRE", "").split(",")


def leave_out(what: str, reason: str) -> None:
    """Skip, or fail if it must not be left out."""
    (pytest.fail if is_required(what) else pytest.skip)(f"{what}: {reason}")


@contextmanager
def only_one(name: str):
    """Lets one process of the machine at a time make something beneath ``build``."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_made(name: str) -> bool:
    """Whether there is an environment of that name already."""
    return (BUILD / "venvs" / name).exists()


def environment_of(name: str) -> Path:
    """The folder of the environment made of ``tools/requirements/NAME.txt``."""
    folder = BUILD / "venvs" / name
    if not (is_required(name) or folder.exists()):
        leave_out(name, f"there is no {folder.relative_to(ROOT)}; tools/venvs.py {name} makes it")
    # It looks after its own lock, so that must not be held here.
    command = [sys.executable, str(ROOT / "tools" / "venvs.py"), name]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        leave_out(name, made.stderr.strip().splitlines()[-1][:200])
    return folder


class Keystone:
    """A Keystone that this test run has started, with the accounts of the script that starts it."""

    def __init__(self) -> None:
        if not KEYSTONE_SCRIPT.is_file():
            leave_out("keystone", f"there is no {KEYSTONE_SCRIPT.name} to start one (MAESTRALE_KEYSTONE_SCRIPT)")
        self._folder = BUILD / "keystone"
        with only_one("keystone"):
            started = self._script("start")
        if started.returncode:
            leave_out("keystone", started.stderr.strip().splitlines()[-1][:200])
        self.url = (self._folder / "url").read_text().strip()

    def _script(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(KEYSTONE_SCRIPT), arguments[0], str(self._folder), *arguments[1:]]
        return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHON": sys.executable})

    def register(self, url: str, kind: str = "workflowv2") -> None:
        """Name a service's address in the catalogue."""
        assert self._script("start", f"{kind}={url}").returncode == 0

    def stop(self) -> None:
        """End it; its environment stays for the next time."""
        self._script("stop")

    def token(self, user: str, project: str | None) -> str:
        """A token of a user, scoped to a project or to nothing."""
        return self.login(user, project)[0]

    def login(self, user: str, project: str | None) -> tuple[str, dict]:
        """The same with what Keystone says of it."""
        domain = {"domain": {"id": "default"}}
        auth: dict = {"identity": {"methods": ["password"], "password": {"user": {"name": user, "password": PASSWORD, **domain}}}}
        if project:
            auth["scope"] = {"project": {"name": project, **domain}}
        reply = httpx.post(f"{self.url}/auth/tokens", json={"auth": auth}, trust_env=False, timeout=PATIENCE)
        reply.raise_for_status()
        return reply.headers["X-Subject-Token"], reply.json()["token"]

    def trusts(self, user: str, project: str) -> list[dict]:
        """The delegations that a user has made."""
        token, described = self.login(user, project)
        query = {"trustor_user_id": described["user"]["id"]}
        reply = httpx.get(f"{self.url}/OS-TRUST/trusts", params=query, headers={"X-Auth-Token": token}, trust_env=False, timeout=PATIENCE)
        found: list[dict] = reply.json()["trusts"]
        return found

    def options(self) -> dict:
        """The server's options for this identity service."""
        return {
            "auth": "keystone",
            "keystone": {"auth_url": self.url, "username": "mistral", "password": PASSWORD, "project_name": "service"},
        }

    def environment(self, user: str, project: str) -> Mapping[str, str]:
        """What clients read."""
        return {
            "OS_AUTH_URL": self.url, "OS_USERNAME": user, "OS_PASSWORD": PASSWORD, "OS_PROJECT_NAME": project,
            "OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default", "OS_IDENTITY_API_VERSION": "3",
            "OS_REGION_NAME": "RegionOne",
        }
