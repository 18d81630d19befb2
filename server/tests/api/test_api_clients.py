"""Unmodified clients as they are installed: the mistral and openstack commands, the Python client, openstacksdk (A320 to A330)."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from live import FAILING, NOOP, TOKENS, WAITING, unique

DRIVER = Path(__file__).with_name("client_process.py")
BARE = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8", "PYTHONWARNINGS": "ignore", "NO_PROXY": "127.0.0.1"}


class Client:
    """A client's command line that stays loaded."""

    def __init__(self, clients: Path, kind: str, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [str(clients / "bin" / "python"), str(DRIVER), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            stderr=subprocess.DEVNULL, env={**BARE, **environment},
        )

    def close(self) -> None:
        self._process.communicate(timeout=30)

    def run(self, *command: str, ok: bool = True) -> str:
        """The output of a command that has to succeed (or to fail)."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        status, output, errors = json.loads(self._process.stdout.readline())
        assert (status == 0) == ok, (command, output, errors)
        return output if ok else errors + output

    def rows(self, *command: str) -> Any:
        """What a command shows, as data."""
        return json.loads(self.run(*command, "-f", "json"))


@contextmanager
def client(clients, kind, environment):
    with closing(Client(clients, kind, environment)) as started:
        yield started


@pytest.fixture(scope="module")
def mistral(clients, tenants):
    """The mistral command of an administrator, with nothing but an address: the token stands in it, as HTTP basic."""
    address = tenants.url.replace("http://", f"http://admin:{TOKENS['admin']}@")
    with client(clients, "mistral", {"OS_MISTRAL_URL": f"{address}/v2"}) as started:
        yield started


@pytest.fixture
def write(tmp_path):
    """Put a text into a file; its name."""

    def write(text: str) -> str:
        path = tmp_path / unique("f")
        path.write_text(text)
        return str(path)

    return write


def test_A321_without_authentication_an_address_is_enough(clients, api):
    name = api.define()
    command = [str(clients / "bin" / "mistral"), "workflow-list", "-f", "json", "--filter", f"name={name}"]
    done = subprocess.run(command, capture_output=True, text=True, env={**BARE, "OS_MISTRAL_URL": f"{api.url}/v2"}, check=True)

    assert [row["Name"] for row in json.loads(done.stdout)] == [name]


def test_A320_workbook_commands(mistral, write):
    name = unique("b")
    file = write(f"version: '2.0'\nname: {name}\ntags: [x]\n")

    assert mistral.rows("workbook-create", file)["Name"] == name
    assert mistral.rows("workbook-update", file)["Name"] == name
    assert mistral.rows("workbook-get", name)["Scope"] == "private"
    assert name in [row["Name"] for row in mistral.rows("workbook-list")]
    assert name in mistral.run("workbook-get-definition", name)
    assert mistral.rows("workbook-validate", file)["Valid"] is True
    mistral.run("workbook-delete", name)
    assert "not found" in mistral.run("workbook-get", name, ok=False)


def test_A320_workflow_commands(mistral, write):
    name = unique("w")
    file = write(NOOP.format(name=name))

    assert [row["Name"] for row in mistral.rows("workflow-create", file)] == [name]
    assert [row["Scope"] for row in mistral.rows("workflow-update", file, "--public")] == ["public"]
    shown = mistral.rows("workflow-get", name)
    assert mistral.rows("workflow-update", file, "--id", shown["ID"])[0]["ID"] == shown["ID"]
    assert name in [row["Name"] for row in mistral.rows("workflow-list")]
    assert name in mistral.run("workflow-get-definition", name)
    assert mistral.rows("workflow-validate", file)["Valid"] is True
    assert mistral.rows("workflow-validate", write("a: [b"))["Valid"] is False
    mistral.run("workflow-delete", name)


def test_A320_environment_commands(mistral, write):
    name = unique("e")
    file = write(json.dumps({"name": name, "description": "d", "variables": {"a": [1]}}))

    assert mistral.rows("environment-create", file)["Name"] == name
    assert mistral.rows("environment-update", file)["Description"] == "d"
    assert json.loads(mistral.rows("environment-get", name)["Variables"]) == {"a": [1]}
    assert mistral.rows("environment-get", name, "--export")
    assert name in [row["Name"] for row in mistral.rows("environment-list")]
    mistral.run("environment-delete", name)


def test_A320_action_commands(mistral, write):
    name = unique("a")
    file = write(f"version: '2.0'\n{name}: {{input: [x], base: std.echo output=<% $.x %>}}\n")

    assert [row["Name"] for row in mistral.rows("action-create", file)] == [name]
    assert [row["Name"] for row in mistral.rows("action-update", file)] == [name]
    assert mistral.rows("action-get", name)["Input"] == "x"
    assert mistral.rows("action-get", "std.echo")["Name"] == "std.echo"
    listed = [row["Name"] for row in mistral.rows("action-list")]
    assert {name, "std.noop"} <= set(listed)
    assert name in mistral.run("action-get-definition", name)
    assert mistral.rows("action-validate", file)["Valid"] is True
    assert json.loads(mistral.run("run-action", name, '{"x": "hi"}')) == {"result": "hi"}
    mistral.run("action-delete", name)


def test_A320_execution_and_task_commands(mistral, tenants, write):
    name = tenants.admin.define(FAILING)
    made = mistral.rows("execution-create", name, "{}", '{"env": {"a": 1}}', "-d", "by hand")
    identifier = made["ID"]
    tenants.admin.until(f"executions/{identifier}", "ERROR")

    assert mistral.rows("execution-get", identifier)["State"] == "ERROR"
    assert identifier in [row["ID"] for row in mistral.rows("execution-list")]
    assert identifier in [row["ID"] for row in mistral.rows("execution-list", "--rootsonly", "--filter", "state=neq:SUCCESS")]
    assert json.loads(mistral.run("execution-get-input", identifier)) == {}
    assert "Failure" in json.loads(mistral.run("execution-get-output", identifier))["result"]
    assert json.loads(mistral.run("execution-get-published", identifier)) == {}
    assert name in mistral.run("execution-get-report", identifier)
    assert mistral.run("execution-get-report", identifier, "--statistics-only")
    assert [row["ID"] for row in mistral.rows("execution-get-sub-executions", identifier)] == [identifier]
    assert mistral.rows("execution-update", identifier, "-d", "changed")["Description"] == "changed"
    (task,) = mistral.rows("task-list", identifier)
    assert mistral.rows("task-get", task["ID"])["State"] == "ERROR"
    assert mistral.rows("task-list")
    assert "Fail action" in mistral.run("task-get-result", task["ID"])
    assert json.loads(mistral.run("task-get-published", task["ID"])) == {}
    assert mistral.run("task-get-sub-executions", task["ID"]) is not None
    assert mistral.rows("task-rerun", task["ID"], "-e", '{"k": 1}')["ID"] == task["ID"]
    tenants.admin.until(f"executions/{identifier}", "ERROR")
    mistral.run("execution-delete", identifier)


def test_A320_control_and_action_execution_commands(mistral, tenants):
    execution = tenants.admin.start(tenants.admin.define(WAITING))
    action = tenants.admin.action(execution["id"], "a")

    assert mistral.rows("execution-update", execution["id"], "-s", "PAUSED")["State"] == "PAUSED"
    assert mistral.rows("execution-update", execution["id"], "-s", "RUNNING", "-e", '{"v": 1}')["State"] == "RUNNING"
    assert action["id"] in [row["ID"] for row in mistral.rows("action-execution-list")]
    assert [row["ID"] for row in mistral.rows("action-execution-list", action["task_execution_id"])] == [action["id"]]
    done = mistral.rows("action-execution-update", action["id"], "--state", "SUCCESS", "--output", '{"k": 2}')
    assert done["State"] == "SUCCESS"
    assert mistral.rows("action-execution-get", action["id"])["Accepted"] is True
    assert json.loads(mistral.run("action-execution-get-input", action["id"])) == {}
    assert json.loads(mistral.run("action-execution-get-output", action["id"])) == {"result": {"k": 2}}
    refused = mistral.run("action-execution-delete", action["id"], ok=False)
    assert "not allowed" in refused
    saved = mistral.rows("run-action", "std.echo", '{"output": 1}', "-s")
    assert saved["State"] in {"RUNNING", "SUCCESS"}
    other = tenants.admin.start(tenants.admin.define(WAITING))
    assert "--force" in mistral.run("execution-delete", other["id"], ok=False)
    mistral.run("execution-delete", other["id"], "--force")


def test_A320_trigger_commands(mistral, tenants):
    name, workflow = unique("c"), tenants.admin.define()
    identifier = tenants.admin.get(f"workflows/{workflow}").json()["id"]

    made = mistral.rows("cron-trigger-create", name, workflow, "--pattern", "0 0 1 1 *", "--params", "{}", "--count", "2")
    assert made["Name"] == name
    assert mistral.rows("cron-trigger-get", name)["Pattern"] == "0 0 1 1 *"
    assert name in [row["Name"] for row in mistral.rows("cron-trigger-list")]
    mistral.run("cron-trigger-delete", name)
    event = mistral.rows("event-trigger-create", name, identifier, "nova", "notifications", "boot")
    assert mistral.rows("event-trigger-get", event["ID"])["Event"] == "boot"
    assert event["ID"] in [row["ID"] for row in mistral.rows("event-trigger-list")]
    mistral.run("event-trigger-delete", event["ID"])


def test_A320_member_commands(mistral, tenants):
    identifier = tenants.admin.get(f"workflows/{tenants.admin.define()}").json()["id"]

    assert mistral.rows("member-create", identifier, "workflow", "p-admin")["Status"] == "pending"
    assert mistral.rows("member-update", identifier, "workflow", "-m", "p-admin", "-s", "accepted")["Status"] == "accepted"
    assert mistral.rows("member-get", identifier, "workflow", "-m", "p-admin")["Member ID"] == "p-admin"
    assert len(mistral.rows("member-list", identifier, "workflow")) == 1
    mistral.run("member-delete", identifier, "workflow", "p-admin")


def test_A320_code_source_and_dynamic_action_commands(mistral, write):
    source, action, file = unique("s"), unique("d"), write("class Hello:\n    pass\n")

    assert mistral.rows("code-source-create", source, file)
    assert mistral.rows("code-source-update", source, file)
    shown = mistral.rows("code-source-get", source)
    assert shown["Name"] == source
    assert source in [row["Name"] for row in mistral.rows("code-source-list")]
    assert "class Hello" in mistral.run("code-source-get-content", source)
    assert mistral.rows("dynamic-action-create", action, "Hello", shown["ID"])
    assert mistral.rows("dynamic-action-update", action, "--class-name", "Other")
    assert mistral.rows("dynamic-action-get", action)["Class"] == "Other"
    assert action in [row["Name"] for row in mistral.rows("dynamic-action-list")]
    mistral.run("dynamic-action-delete", action)
    mistral.run("code-source-delete", source)
    assert mistral.run("bash-completion")


def test_A323_newest_first_lists_show_the_latest(mistral, tenants):
    workflow = tenants.admin.define()
    ids = [tenants.admin.until(f"executions/{tenants.admin.start(workflow)['id']}")["id"] for _ in range(3)]

    shown = [row["ID"] for row in mistral.rows("execution-list", "--filter", f"workflow_name={workflow}")]
    assert sorted(shown) == sorted(ids)
    limited = mistral.rows("execution-list", "--limit", "2", "--filter", f"workflow_name={workflow}")
    assert len(limited) == 2


LIBRARY = """
import json, sys, time
from mistralclient.api import client
mistral = client.client(mistral_url={url!r})
name = {name!r}
text = ("version: '2.0'\\nNAME:\\n  input: [who]\\n  output: {{said: <% $.r %>}}\\n  tasks:\\n"
    "    t: {{action: std.echo output=<% $.who %>, publish: {{r: <% task().result %>}}}}\\n")
made = mistral.workflows.create(text.replace("NAME", name))
execution = mistral.executions.create(name, workflow_input={{"who": "ann"}}, description="d", env={{"a": 1}})
while mistral.executions.get(execution.id).state == "RUNNING":
    time.sleep(0.02)
task, = mistral.tasks.list(execution.id)
actions = mistral.action_executions.list(task.id)
print(json.dumps({{
    "made": [w.name for w in made], "state": mistral.executions.get(execution.id).state,
    "output": json.loads(mistral.executions.get(execution.id).output), "task": task.name, "actions": [a.name for a in actions],
    "input": mistral.workflows.get(name).input, "listed": [w.name for w in mistral.workflows.list(name=name)],
    "report": mistral.executions.get_report(execution.id)["statistics"]["success_tasks_count"],
}}))
try:
    mistral.workflows.get("no.such")
except Exception as error:
    print(json.dumps([type(error).__name__, error.error_code, str(error)]))
"""


def test_A320_the_python_library(clients, api):
    name = unique()
    with client(clients, "python", {}) as python:
        shown, error = (json.loads(line) for line in python.run(LIBRARY.format(url=f"{api.url}/v2", name=name)).splitlines())

    assert shown == {
        "made": [name], "state": "SUCCESS", "output": {"said": "ann"}, "task": "t", "actions": ["std.echo"], "input": "who",
        "listed": [name], "report": 1,
    }
    assert error == ["APIException", 404, "Workflow not found [workflow_identifier=no.such, namespace=]"]


SDK = """
import json, openstack
from openstack import exceptions
cloud = openstack.connect(load_yaml_config=False, load_envvars=False, {arguments})
flow = cloud.workflow
name = {name!r}
text = "version: '2.0'\\nNAME:\\n  input: [{{n: 0}}]\\n  output: {{n: <% $.n %>}}\\n  tasks: {{t: {{action: std.noop}}}}\\n"
text = text.replace("NAME", name)
flow.create_workflow(definition=text)
private = flow.get_workflow(name).scope
flow.create_workflow(definition=text.replace(name, name + "b"), scope="private")
flow.update_workflow(flow.get_workflow(name), definition=text + "# v2\\n", scope="private")
ids = [flow.create_execution(workflow_name=name, input={{"n": n}}, description=str(n)).id for n in range(3)]
executions = sorted(e.id for e in flow.executions(workflow_name=name, limit=2))
cron = flow.create_cron_trigger(name=name, workflow_name=name, pattern="0 0 1 1 *", workflow_input={{"n": 1}})
shown = {{
    "scope": private, "updated": flow.get_workflow(name).definition.endswith("# v2\\n"), "found": flow.find_workflow(name).name,
    "listed": sorted(w.name for w in flow.workflows() if w.name.startswith(name)), "executions": executions == sorted(ids),
    "execution": flow.get_execution(ids[0]).workflow_name, "found_execution": flow.find_execution(ids[0]).id == ids[0],
    "status": flow.get_execution(ids[0]).status in ("RUNNING", "SUCCESS"), "cron": flow.get_cron_trigger(cron.id).pattern,
    "crons": [c.name for c in flow.cron_triggers() if c.name == name], "found_cron": flow.find_cron_trigger(name).name,
    "none": flow.find_workflow("no-such", ignore_missing=True),
}}
flow.delete_cron_trigger(cron.id)
import time
for one in ids:
    while flow.get_execution(one).status == "RUNNING":
        time.sleep(0.02)
    flow.delete_execution(one)
flow.delete_workflow(name)
try:
    flow.get_workflow(name)
except exceptions.NotFoundException as error:
    shown["gone"] = "not found" in str(error)
print(json.dumps(shown))
"""


def expected_of_sdk(name):
    return {
        "scope": "private", "updated": True, "found": name, "listed": [name, name + "b"], "executions": True, "execution": name,
        "found_execution": True, "status": True, "cron": "0 0 1 1 *", "crons": [name], "found_cron": name, "none": None, "gone": True,
    }


def test_A326_A327_A328_A329_A330_openstacksdk_without_identity_service(clients, api):
    name = unique()
    arguments = f"auth_type='none', workflow_endpoint_override='{api.url}/v2', workflow_api_version='2'"
    with client(clients, "python", {}) as python:
        shown = json.loads(python.run(SDK.format(name=name, arguments=arguments)))

    assert shown == expected_of_sdk(name)


def test_A328_openstacksdk_discovers_the_version(clients, api):
    arguments = f"auth_type='none', workflow_endpoint='{api.url}/v2', endpoint='{api.url}/v2'"
    name = unique()
    with client(clients, "python", {}) as python:
        assert json.loads(python.run(SDK.format(name=name, arguments=arguments))) == expected_of_sdk(name)


def test_A325_A326_openstacksdk_finds_the_service_in_the_catalogue(clients, cloud, keystone):
    name = unique()
    arguments = (
        f"auth_url='{keystone.url}', username='demo', password='secret', project_name='demo', user_domain_name='Default',"
        " project_domain_name='Default', region_name='RegionOne'"
    )
    with client(clients, "python", {}) as python:
        shown = json.loads(python.run(SDK.format(name=name, arguments=arguments)))

    assert shown == expected_of_sdk(name)


def test_A325_the_mistral_command_with_keystone(clients, cloud, keystone):
    with client(clients, "mistral", dict(keystone.environment("demo", "demo"))) as mistral:
        assert "std.echo" in [row["Name"] for row in mistral.rows("action-list")]


def test_A324_openstack_commands(clients, cloud, keystone, write):
    demo = cloud.caller("admin", "demo")
    name = unique()
    file = write(NOOP.format(name=name))
    book = write(f"version: '2.0'\nname: {name}\n")
    environment = write(json.dumps({"name": name, "variables": {"a": 1}}))
    action = write(f"version: '2.0'\n{name}: {{base: std.noop}}\n")
    with client(clients, "openstack", dict(keystone.environment("admin", "demo"))) as openstack:
        assert [row["Name"] for row in openstack.rows("workflow", "create", file)] == [name]
        assert openstack.rows("workflow", "update", file)
        identifier = openstack.rows("workflow", "show", name)["ID"]
        assert name in [row["Name"] for row in openstack.rows("workflow", "list")]
        assert name in openstack.run("workflow", "definition", "show", name)
        assert openstack.rows("workflow", "validate", file)["Valid"] is True
        _openstack_executions(openstack, demo, name)
        assert openstack.rows("workflow", "env", "create", environment)["Name"] == name
        assert openstack.rows("workflow", "env", "update", environment)
        assert openstack.rows("workflow", "env", "show", name)
        assert openstack.rows("workflow", "env", "list")
        openstack.run("workflow", "env", "delete", name)
        assert openstack.rows("workbook", "create", book)["Name"] == name
        assert openstack.rows("workbook", "update", book)
        assert openstack.rows("workbook", "show", name)
        assert openstack.rows("workbook", "list")
        assert openstack.run("workbook", "definition", "show", name)
        assert openstack.rows("workbook", "validate", book)["Valid"] is True
        openstack.run("workbook", "delete", name)
        assert openstack.rows("action", "definition", "create", action)
        assert openstack.rows("action", "definition", "update", action)
        assert openstack.rows("action", "definition", "show", name)
        assert openstack.rows("action", "definition", "list")
        assert openstack.run("action", "definition", "definition", "show", name)
        openstack.run("action", "definition", "delete", name)
        assert openstack.rows("cron", "trigger", "create", name, name, "--pattern", "@yearly")["Name"] == name
        assert openstack.rows("cron", "trigger", "show", name)
        assert openstack.rows("cron", "trigger", "list")
        openstack.run("cron", "trigger", "delete", name)
        event = openstack.rows("event", "trigger", "create", name, identifier, "e", "t", "v")
        assert openstack.rows("event", "trigger", "show", event["ID"])
        assert openstack.rows("event", "trigger", "list")
        openstack.run("event", "trigger", "delete", event["ID"])
        member = keystone.login("admin", "demo")[1]["project"]["id"]
        assert openstack.rows("resource", "member", "create", identifier, "workflow", member)["Status"] == "pending"
        assert openstack.rows("resource", "member", "update", identifier, "workflow", "-m", member)["Status"] == "accepted"
        assert openstack.rows("resource", "member", "show", identifier, "workflow", "-m", member)
        assert openstack.rows("resource", "member", "list", identifier, "workflow")
        openstack.run("resource", "member", "delete", identifier, "workflow", member)
        openstack.run("workflow", "delete", name)


def _openstack_executions(openstack: Client, demo, name: str) -> None:
    """The commands of executions, tasks and action executions."""
    execution = openstack.rows("workflow", "execution", "create", name)["ID"]
    demo.until(f"executions/{execution}", "SUCCESS")
    assert openstack.rows("workflow", "execution", "show", execution)["State"] == "SUCCESS"
    assert openstack.rows("workflow", "execution", "list")
    for part in ("input", "output", "published", "report"):
        assert openstack.run("workflow", "execution", part, "show", execution)
    assert openstack.rows("workflow", "execution", "update", execution, "-d", "x")["Description"] == "x"
    (task,) = openstack.rows("task", "execution", "list", execution)
    assert openstack.rows("task", "execution", "show", task["ID"])
    for part in ("result", "published"):
        assert openstack.run("task", "execution", part, "show", task["ID"])
    assert "must be in ERROR" in openstack.run("task", "execution", "rerun", task["ID"], ok=False)
    (action,) = openstack.rows("action", "execution", "list", task["ID"])
    assert openstack.rows("action", "execution", "show", action["ID"])
    for part in ("input", "output"):
        assert openstack.run("action", "execution", part, "show", action["ID"])
    assert openstack.run("action", "execution", "run", "std.noop")
    refused = openstack.run("action", "execution", "update", action["ID"], "--state", "ERROR", ok=False)
    assert "already completed" in refused
    assert "not allowed" in openstack.run("action", "execution", "delete", action["ID"], ok=False)
    openstack.run("workflow", "execution", "delete", execution)
