"""A real identity service with a stand-in for the others in its catalogue, and a server that asks them in its callers' names."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from accounts import token_of
from stand_in import StandIn

SCRIPT = Path(os.environ.get("MAESTRALE_TEST_KEYSTONE", Path(__file__).parents[5] / "shared" / "lab" / "keystone.sh"))
PREFIX = os.environ.get("MAESTRALE_TEST_KEYSTONE_PREFIX", "/tmp/os-keystone")
CATALOGUE = ("compute", "block-storage", "alarming")
STATIC = "a-static-token-of-project-p"


def served(host):
    """A stand-in that answers until the end of the session."""
    cloud = StandIn(host)
    thread = cloud.serve()
    yield cloud
    cloud.shutdown()
    cloud.server_close()
    thread.join()


@pytest.fixture(scope="session")
def session_cloud():
    yield from served("127.0.0.2")


@pytest.fixture(scope="session")
def session_second_cloud():
    yield from served("127.0.0.2")


@pytest.fixture
def cloud(session_cloud):
    """The services of RegionOne, as nobody used them yet."""
    session_cloud.seen.clear()
    session_cloud.routes.clear()
    return session_cloud


@pytest.fixture
def second_cloud(session_second_cloud):
    """The compute service of RegionTwo."""
    session_second_cloud.seen.clear()
    return session_second_cloud


@pytest.fixture(scope="session")
def identity(session_cloud, session_second_cloud):
    if not SCRIPT.exists():
        if "keystone" in os.environ.get("MAESTRALE_TEST_REQUIRE", "").split(","):
            pytest.fail(f"{SCRIPT} is missing")
        pytest.skip(f"{SCRIPT} is missing")
    subprocess.run([SCRIPT, "start", PREFIX], check=True, capture_output=True, timeout=600)
    url = (Path(PREFIX) / "url").read_text().strip()
    places = {("RegionOne", kind): session_cloud.endpoint(kind) for kind in CATALOGUE}
    fill_catalogue(url, {**places, ("RegionTwo", "compute"): session_second_cloud.endpoint("compute")})
    yield url
    subprocess.run([SCRIPT, "stop", PREFIX], check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="session")
def publish_in_catalogue(identity):
    """Names further services, at ``(region, type)``."""
    return lambda places: fill_catalogue(identity, places)


def fill_catalogue(url, places):
    """Services and endpoints at ``(region, type)``; those of an earlier run get new addresses."""
    def call(method, path, body=None):
        answer = requests.request(method, f"{url}/{path}", json=body, headers=headers, timeout=60)
        assert answer.ok or answer.status_code == 409, answer.text
        return answer.json()

    headers = {"X-Auth-Token": token_of(url, "admin", "admin")}
    call("POST", "regions", {"region": {"id": "RegionTwo"}})
    services = {one["type"]: one["id"] for one in call("GET", "services")["services"]}
    known = {(one["region_id"], one["service_id"]): one["id"] for one in call("GET", "endpoints?interface=public")["endpoints"]}
    for (region, kind), address in places.items():
        if kind not in services:
            services[kind] = call("POST", "services", {"service": {"type": kind, "name": kind}})["service"]["id"]
        endpoint = known.get((region, services[kind]))
        body = {"service_id": services[kind], "interface": "public", "region_id": region, "url": address}
        call("PATCH" if endpoint else "POST", f"endpoints/{endpoint}" if endpoint else "endpoints", {"endpoint": body})


def started(folder, **options):
    """A server with these options in its environment until the end; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {**os.environ, "XDG_CACHE_HOME": str(folder), **{f"MAESTRALE_{name}": value for name, value in options.items()}}
    log = (folder / "log").open("w+b")
    process = subprocess.Popen(
        [sys.executable, "-m", "maestrale.cli", "server", "--port", str(port), "--database-url", f"sqlite:///{folder}/m.db"],
        env=env, stdout=log, stderr=log)
    base = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 120
    ready = False
    while not ready:
        assert time.monotonic() < deadline, (folder / "log").read_text()
        assert process.poll() is None, (folder / "log").read_text()
        with contextlib.suppress(requests.RequestException):
            ready = requests.get(f"{base}/readyz", timeout=2).status_code == 200
        time.sleep(0.05)
    yield base
    process.terminate()
    process.wait(30)
    log.close()


@pytest.fixture(scope="session")
def server(identity, tmp_path_factory):
    yield from started(
        tmp_path_factory.mktemp("server"), AUTH="keystone", KEYSTONE__AUTH_URL=identity, KEYSTONE__USERNAME="mistral",
        KEYSTONE__PASSWORD="secret", KEYSTONE__TIMEOUT="120")


@pytest.fixture(scope="session")
def reaching_server(tmp_path_factory):
    """A server with static tokens, which lets actions call the clouds that requests name by ``X-Target-*`` on this machine."""
    yield from started(
        tmp_path_factory.mktemp("reaching"), AUTH="token", TOKENS=json.dumps([{"token": STATIC, "project_id": "p"}]),
        HTTP_DENIED_CIDRS='["169.254.0.0/16"]', OPENSTACK__REGION="RegionOne")


class Client:
    def __init__(self, base, token, **headers):
        self.base, self.headers = base, {"X-Auth-Token": token, **headers}

    def define(self, text):
        answer = requests.post(f"{self.base}/v2/workflows", data=text, headers={**self.headers, "Content-Type": "text/plain"}, timeout=120)
        assert answer.status_code == 201, answer.text

    def finish(self, kind, ident):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            found = requests.get(f"{self.base}/v2/{kind}/{ident}", headers=self.headers, timeout=120).json()
            if found["state"] in {"SUCCESS", "ERROR", "CANCELLED"}:
                return found
            time.sleep(0.05)
        raise AssertionError(found)

    def execute(self, name, /, **inputs):
        answer = requests.post(
            f"{self.base}/v2/executions", json={"workflow_name": name, "input": json.dumps(inputs)}, headers=self.headers, timeout=120)
        assert answer.status_code == 201, answer.text
        found = self.finish("executions", answer.json()["id"])
        return found, json.loads(found["output"])

    def act(self, action, /, **inputs):
        answer = requests.post(
            f"{self.base}/v2/action_executions", headers=self.headers, timeout=30,
            json={"name": action, "input": json.dumps(inputs), "params": {"save_result": True}})
        if answer.status_code != 201:
            return answer.status_code, answer.json()["faultstring"]
        found = self.finish("action_executions", answer.json()["id"])
        return found["state"], json.loads(found["output"])["result"]


@pytest.fixture(scope="session")
def client_of(server, identity):
    """A client with a user's token for a project."""
    return lambda user, project="demo": Client(server, token_of(identity, user, project))


@pytest.fixture
def target(reaching_server):
    """From a catalogue, ``{type: [(region, interface, address)]}``, to a client whose actions call that cloud, with other headers."""
    def client(catalogue, **headers):
        services = [
            {"type": kind, "name": kind, "endpoints": [
                {"region": region, "region_id": region, "interface": interface, "url": url} for region, interface, url in endpoints]}
            for kind, endpoints in catalogue.items()]
        text = base64.b64encode(json.dumps(services).encode()).decode()
        return Client(reaching_server, STATIC, **{
            "X-Target-Auth-Uri": "http://127.0.0.2:9/v3", "X-Target-Auth-Token": "token-of-target", "X-Target-Service-Catalog": text,
            **headers})

    return client
