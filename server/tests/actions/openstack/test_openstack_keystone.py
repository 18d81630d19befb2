"""A real identity service: a workflow that makes a project, a user and a role assignment, and cleans up after a failure."""

from __future__ import annotations

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

SCRIPT = Path(os.environ.get("MAESTRALE_TEST_KEYSTONE", Path(__file__).parents[5] / "shared" / "lab" / "keystone.sh"))
PREFIX = os.environ.get("MAESTRALE_TEST_KEYSTONE_PREFIX", "/tmp/os-keystone")
WORKFLOW = """
version: '2.0'
onboard:
  input: [suffix, fail]
  output-on-error:
    removed: <% $.get(removed) %>
    reason: <% $.get(reason) %>
  tasks:
    project:
      action: keystone.projects_create
      input: {name: "<% concat('p-', $.suffix) %>", domain: default}
      publish: {project: <% task().result.id %>}
      on-success: user
    user:
      action: keystone.users_create
      input: {name: "<% concat('u-', $.suffix) %>", domain: default, password: Secret-1, default_project: <% $.project %>}
      publish: {user: <% task().result %>}
      on-success: role
    role:
      action: keystone.roles_find
      input: {name: member}
      publish: {role: <% task().result %>}
      on-success: grant
    grant:
      action: keystone.roles_grant
      input: {role: <% $.role %>, user: <% $.user %>, project: <% $.project %>}
      on-success: look
    look:
      action: openstack.identity.role_assignments
      input: {scope_project_id: <% $.project %>}
      publish: {assigned: <% task().result.len() %>}
      on-success:
        - duplicate: <% $.fail %>
    duplicate:
      action: keystone.projects_create
      input: {name: "<% concat('p-', $.suffix) %>", domain: default}
      publish-on-error: {reason: <% task().result %>}
      on-error: drop_user
    drop_user:
      action: keystone.users_delete
      input: {user: <% $.user.id %>}
      on-success: drop_project
    drop_project:
      action: openstack.identity.delete_project
      input: {project: <% $.project %>}
      on-success: check
    check:
      action: openstack.identity.get_project
      input: {project: <% $.project %>}
      publish-on-error: {removed: true}
      on-error: fail
  output:
    project: <% $.project %>
    user: <% $.user %>
    assigned: <% $.assigned %>
"""


@pytest.fixture(scope="module")
def identity():
    if not SCRIPT.exists():
        if "keystone" in os.environ.get("MAESTRALE_TEST_REQUIRE", "").split(","):
            pytest.fail(f"{SCRIPT} is missing")
        pytest.skip(f"{SCRIPT} is missing")
    subprocess.run([SCRIPT, "start", PREFIX], check=True, capture_output=True, timeout=300)
    yield (Path(PREFIX) / "url").read_text().strip()
    subprocess.run([SCRIPT, "stop", PREFIX], check=True, capture_output=True, timeout=60)


def token_of(url, user, project):
    who = {"name": user, "password": "secret", "domain": {"name": "Default"}}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": who}},
                     "scope": {"project": {"name": project, "domain": {"name": "Default"}}}}}
    answer = requests.post(f"{url}/auth/tokens", json=body, timeout=30)
    assert answer.status_code == 201, answer.text
    return answer.headers["X-Subject-Token"]


@pytest.fixture(scope="module")
def server(identity, tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {
        **os.environ, "XDG_CACHE_HOME": str(folder), "MAESTRALE_AUTH": "keystone", "MAESTRALE_KEYSTONE__AUTH_URL": identity,
        "MAESTRALE_KEYSTONE__USERNAME": "mistral", "MAESTRALE_KEYSTONE__PASSWORD": "secret",
    }
    log = (folder / "log").open("w+b")
    process = subprocess.Popen(
        [sys.executable, "-m", "maestrale.cli", "server", "--port", str(port), "--database-url", f"sqlite:///{folder}/m.db"],
        env=env, stdout=log, stderr=log)
    base = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 30
    ready = False
    while not ready:
        assert time.monotonic() < deadline, (folder / "log").read_text()
        assert process.poll() is None, (folder / "log").read_text()
        with contextlib.suppress(requests.ConnectionError):
            ready = requests.get(f"{base}/readyz", timeout=2).status_code == 200
        time.sleep(0.05)
    yield base
    process.terminate()
    process.wait(30)
    log.close()


class Client:
    def __init__(self, base, token):
        self.base, self.headers = base, {"X-Auth-Token": token}

    def define(self, text):
        answer = requests.post(f"{self.base}/v2/workflows", data=text, headers={**self.headers, "Content-Type": "text/plain"}, timeout=30)
        assert answer.status_code == 201, answer.text

    def finish(self, kind, ident):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = requests.get(f"{self.base}/v2/{kind}/{ident}", headers=self.headers, timeout=30).json()
            if found["state"] in {"SUCCESS", "ERROR", "CANCELLED"}:
                return found
            time.sleep(0.05)
        raise AssertionError(found)

    def execute(self, name, **inputs):
        answer = requests.post(
            f"{self.base}/v2/executions", json={"workflow_name": name, "input": json.dumps(inputs)}, headers=self.headers, timeout=30)
        assert answer.status_code == 201, answer.text
        found = self.finish("executions", answer.json()["id"])
        return found, json.loads(found["output"])

    def act(self, action, /, **inputs):
        answer = requests.post(
            f"{self.base}/v2/action_executions", headers=self.headers, timeout=30,
            json={"name": action, "input": json.dumps(inputs), "params": {"save_result": True}})
        assert answer.status_code == 201, answer.text
        found = self.finish("action_executions", answer.json()["id"])
        return found["state"], json.loads(found["output"])["result"]


@pytest.fixture(scope="module")
def admin(server, identity):
    client = Client(server, token_of(identity, "admin", "demo"))
    client.define(WORKFLOW)
    return client


def test_a_workflow_makes_a_project_a_user_and_a_role_assignment(admin, identity):
    suffix = str(time.monotonic_ns())
    execution, output = admin.execute("onboard", suffix=suffix, fail=False)
    assert execution["state"] == "SUCCESS", output
    assert output["assigned"] == 1
    assert output["user"]["default_project_id"] == output["project"]
    assert admin.act("keystone.roles_check", role=role_id(admin), user=output["user"]["id"], project=output["project"])[0] == "SUCCESS"
    assert admin.act("keystone.users_delete", user=output["user"])[0] == "SUCCESS"
    assert admin.act("keystone.projects_delete", project=output["project"]) == ("SUCCESS", None)


def role_id(admin):
    return admin.act("keystone.roles_find", name="member")[1]["id"]


def test_after_a_failure_the_workflow_cleans_up(admin):
    suffix = str(time.monotonic_ns())
    execution, output = admin.execute("onboard", suffix=suffix, fail=True)
    assert execution["state"] == "ERROR"
    assert output["removed"] is True, output
    assert "KeystoneAction.projects_create failed" in output["reason"]
    assert "(HTTP 409)" in output["reason"]
    assert "Request-ID: req-" in output["reason"]
    assert admin.act("keystone.projects_list", name=f"p-{suffix}") == ("SUCCESS", [])


def test_actions_have_no_more_rights_than_their_caller(admin, server, identity):
    client = Client(server, token_of(identity, "demo_reader", "demo"))
    state, text = client.act("keystone.projects_create", name="never", domain="default")
    assert state == "ERROR"
    assert "(HTTP 403)" in text
    assert client.act("openstack.identity.find_project", name_or_id="x", cloud="other")[0] == "ERROR"


