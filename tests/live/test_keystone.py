# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0
"""Every way to log in, against a real Keystone and an engine that asks it; with openstacksdk and a clouds.yaml too."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from conftest import Server

PASSWORD = "secret"
DOMAINS = {"user_domain_name": "Default", "project_domain_name": "Default"}
WORKFLOW = "version: '2.0'\nkeystone_greet:\n  input: [how]\n  output:\n    text: <% $.how %>\n  tasks:\n    a:\n      action: std.noop\n"
PLAY = {"hosts": "localhost", "gather_facts": False}


class Keystone:
    """A Keystone of the tests' own: users demo of project demo, alt_demo of alt_demo, admin of all."""

    def __init__(self):
        self._script = os.environ.get("MAESTRALE_KEYSTONE_SCRIPT", "")
        if not Path(self._script).is_file():
            self._leave_out("there is no script to start one (MAESTRALE_KEYSTONE_SCRIPT)")
        started = self._run("start")
        if started.returncode:
            self._leave_out((started.stderr.strip().splitlines() or ["it does not start"])[-1][:200])
        self.url = Path(os.environ["MAESTRALE_KEYSTONE_FOLDER"], "url").read_text().strip()

    @staticmethod
    def _leave_out(reason):
        required = "keystone" in os.environ.get("MAESTRALE_TEST_REQUIRE", "").split(",")
        (pytest.fail if required else pytest.skip)(f"keystone: {reason}")

    def _run(self, verb, *services):
        command = [self._script, verb, os.environ["MAESTRALE_KEYSTONE_FOLDER"], *services]
        environment = {**os.environ, "PYTHON": sys.executable}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)

    def register(self, url):
        """Put the engine into the catalog."""
        result = self._run("start", f"workflowv2={url}")
        assert result.returncode == 0, result.stderr

    def stop(self):
        self._run("stop")

    def call(self, method, path, body, token=None):
        headers = {"Content-Type": "application/json", **({"X-Auth-Token": token} if token else {})}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.headers.get("X-Subject-Token"), json.load(reply)

    def login(self, name):
        """Token, user id and project id of a user in the project of the same name."""
        user = {"name": name, "domain": {"name": "Default"}, "password": PASSWORD}
        scope = {"project": {"name": name, "domain": {"name": "Default"}}}
        identity = {"methods": ["password"], "password": {"user": user}}
        token, reply = self.call("POST", "/auth/tokens", {"auth": {"identity": identity, "scope": scope}})
        return token, reply["token"]["user"]["id"], reply["token"]["project"]["id"]

    def application_credential(self, name):
        """A new application credential of a user."""
        token, user, dummy = self.login(name)
        body = {"application_credential": {"name": f"live-{os.getpid()}"}}
        return self.call("POST", f"/users/{user}/application_credentials", body, token)[1]["application_credential"]


@pytest.fixture(scope="module")
def keystone():
    service = Keystone()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def address(keystone, tmp_path_factory):
    """An engine that lets Keystone say who asks; its address, which is in the catalog too."""
    options = {"AUTH": "keystone", "KEYSTONE__AUTH_URL": keystone.url, "KEYSTONE__USERNAME": "mistral"}
    options |= {"KEYSTONE__PASSWORD": PASSWORD, "KEYSTONE__PROJECT_NAME": "service"}
    server = Server(tmp_path_factory.mktemp("engine"), **options)
    try:
        url = server.start().api
        keystone.register(url)
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            server.process.terminate()
        server.process.wait(60)


@pytest.fixture
def login(keystone, address, play, tmp_path):
    """Run plays as users of Keystone would, without an address of the engine; a clouds.yaml knows the cloud "demo"."""
    auth = {"auth_url": keystone.url, "username": "demo", "password": PASSWORD, "project_name": "demo", **DOMAINS}
    path = tmp_path / "clouds.yaml"
    path.write_text(json.dumps({"clouds": {"demo": {"auth": auth, "region_name": "RegionOne"}}}))

    def run(plays, *, check=True, **environment):
        settings = {"OS_CLIENT_CONFIG_FILE": str(path), "MAESTRALE_ENDPOINT": "", **environment}
        return play(plays, check=check, environment=settings)

    return run


def options(keystone, name="demo", **changed):
    return {"auth_url": keystone.url, "username": name, "password": PASSWORD, "project": name, **changed}


def shown(result):
    """What the tasks named by a number show."""
    return [line.split('"shown": ', 1)[1].strip().strip('"') for line in result.stdout.splitlines() if '"shown": ' in line]


def run_and_show(how, **given):
    """Tasks that run the workflow with these options, on the controller, and show its output."""
    arguments = {"workflow": "keystone_greet", "input": {"how": how}, "wait_sleep_max": 1, **given}
    show = {"ansible.builtin.debug": {"var": "shown"}, "vars": {"shown": "{{ run.output.text }}"}}
    return [{"maestrale.mistral.workflow_run": arguments, "register": "run"}, show]


def test_every_way_to_log_in_reaches_the_engine_of_the_catalog(keystone, address, login):
    credential = keystone.application_credential("demo")
    cloud = {"auth": {"auth_url": keystone.url, "username": "demo", "password": PASSWORD, "project_name": "demo", **DOMAINS}}
    tasks = [
        {"maestrale.mistral.workflow": {"definition": WORKFLOW, "cloud": "demo"}},
        *run_and_show("password", **options(keystone)),
        *run_and_show("a token and the address", token=keystone.login("demo")[0], endpoint=address),
        *run_and_show(
            "an application credential",
            auth_type="keystone",
            auth_url=keystone.url,
            application_credential_id=credential["id"],
            application_credential_secret=credential["secret"],
        ),
        *run_and_show("a cloud of clouds.yaml", cloud="demo"),
        *run_and_show("a cloud of clouds.yaml, on the target", cloud="demo", run_from="target"),
        *run_and_show("a mapping", cloud={**cloud, "region_name": "RegionOne"}),
    ]
    result = login([{**PLAY, "tasks": tasks}])
    assert shown(result) == [task["maestrale.mistral.workflow_run"]["input"]["how"] for task in tasks[1::2]]
    assert PASSWORD not in result.stdout
    assert credential["secret"] not in result.stdout


def test_the_environment_of_openstack_is_enough(keystone, login):
    tasks = run_and_show("the environment")
    names = {"OS_AUTH_URL": keystone.url, "OS_USERNAME": "demo", "OS_PASSWORD": PASSWORD, "OS_PROJECT_NAME": "demo"}
    assert shown(login([{**PLAY, "tasks": tasks}], OS_REGION_NAME="RegionOne", **names)) == ["the environment"]
    assert shown(login([{**PLAY, "tasks": tasks}], OS_CLOUD="demo")) == ["the environment"]


def test_projects_are_apart_until_they_share(keystone, login):
    own, other = options(keystone), options(keystone, "alt_demo")
    project = keystone.login("alt_demo")[2]
    definition = WORKFLOW.replace("keystone_greet", "keystone_shared")
    look = {"maestrale.mistral.workflow_info": {"name": "{{ shared.workflows[0].id }}", **other}}
    member = {"workflow": "{{ shared.workflows[0].id }}", "member_id": project}
    tasks = [
        {"maestrale.mistral.workflow": {"definition": definition, **own}, "register": "shared"},
        {**look, "register": "before"},
        {"maestrale.mistral.member": {**member, **own}, "register": "offered"},
        {"maestrale.mistral.member": {**member, **own}, "register": "offered_again"},
        {"maestrale.mistral.member": {**member, **other, "status": "accepted"}, "register": "accepted"},
        {**look, "register": "after"},
        {"maestrale.mistral.member_info": {"workflow": member["workflow"], **own}, "register": "members"},
        {"maestrale.mistral.member": {**member, **own, "state": "absent"}, "register": "withdrawn"},
        {**look, "register": "at_last"},
        {
            "ansible.builtin.assert": {
                "that": [
                    "before.workflows == []",
                    "offered is changed and offered.member.status == 'pending'",
                    "offered_again is not changed",
                    "accepted is changed and accepted.member.status == 'accepted'",
                    "after.workflows | map(attribute='name') | list == ['keystone_shared']",
                    f"members.members | map(attribute='member_id') | list == ['{project}']",
                    "withdrawn is changed",
                    "at_last.workflows == []",
                ]
            }
        },
    ]
    login([{**PLAY, "tasks": tasks}])


def test_a_refused_login_says_so_and_shows_no_password(keystone, login):
    wrong = options(keystone, password="wrong horse battery")
    tasks = [{"maestrale.mistral.workflow_info": wrong}]
    result = login([{**PLAY, "tasks": tasks}], check=False)
    assert "Keystone refused to issue a token: HTTP 401" in result.stdout
    assert "wrong horse battery" not in result.stdout + result.stderr


def test_the_lookups_take_a_cloud(login):
    count = "{{ query('maestrale.mistral.api', 'executions', cloud='demo', query={'workflow_name': 'keystone_greet'}) | length > 0 }}"
    result = login([{**PLAY, "tasks": [{"ansible.builtin.debug": {"var": "shown"}, "vars": {"shown": count}}]}])
    assert shown(result) == ["true"]
