"""Secrets of environments: kept sealed, used by name, shown to nobody."""

from __future__ import annotations

import json
import sys
import time
from base64 import urlsafe_b64encode
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from live import TOKENS, Api, running, token_options, unique

from maestrale.actions.playbook_directory import MARK

SECRET = "s3cr3t-planted-everywhere"
KEY = urlsafe_b64encode(b"k" * 32).decode()
LOCAL = {"all": {"hosts": {"one": {}}, "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("secrets")


@pytest.fixture(scope="module")
def server(folder):
    playbooks = {"work_dir": f"{folder}/work", "inline": True, "closed": False}
    options = {**token_options(), "secrets": {"keys": [KEY]}, "playbooks": playbooks}
    with running(folder, **options) as server:
        yield server


@pytest.fixture(scope="module")
def callers(server):
    found = {who: Api(server.url, {"X-Auth-Token": token}) for who, token in TOKENS.items()}
    yield found
    for one in found.values():
        one.close()


@pytest.fixture
def owner(callers):
    return callers["owner"]


def environment(caller: Any, **more: Any) -> str:
    name = unique("env")
    assert caller.post("environments", {"name": name, "variables": {"a": 1}, **more}).status_code == 201
    return name


def test_a_secret_is_listed_without_its_value_and_replaced_and_deleted(owner):
    path = f"environments/{environment(owner)}/secrets"
    first = owner.put(f"{path}/db", {"value": SECRET})
    assert (first.status_code, set(first.json())) == (200, {"name", "created_at", "updated_at", "changed"})
    assert (first.json()["changed"], first.json()["updated_at"]) == (True, None)
    assert owner.put(f"{path}/db", {"value": SECRET}).json() == {**first.json(), "changed": False}
    another = owner.put(f"{path}/db", {"value": "another"}).json()
    assert (another["changed"], another["updated_at"] is None) == (True, False)
    assert [secret["name"] for secret in owner.get(path).json()["secrets"]] == ["db"]
    assert owner.delete(f"{path}/db").status_code == 204
    assert owner.delete(f"{path}/db").status_code == 404
    assert owner.get(path).json() == {"secrets": []}


def test_secrets_are_their_own_project_s_even_in_a_public_environment(callers):
    name = environment(callers["admin"], scope="public")
    callers["admin"].put(f"environments/{name}/secrets/db", {"value": SECRET})
    assert callers["stranger"].get(f"environments/{name}").status_code == 200
    for method, part in (("GET", ""), ("PUT", "/db"), ("DELETE", "/db")):
        reply = callers["stranger"].call(method, f"environments/{name}/secrets{part}", json={"value": "x"} if method == "PUT" else None)
        assert reply.status_code == 403
    used = callers["stranger"].post("action_executions", {
        "name": "ansible.playbook", "input": {"playbook": [], "inventory": "localhost", "secrets": {"v": f"{name}/db"}},
        "params": {"run_sync": True}})
    assert "not found" in used.text


@pytest.mark.parametrize("body", [{}, {"value": ""}, {"value": 5}, {"value": "x", "more": 1}])
def test_what_is_no_secret_is_refused(owner, body):
    assert owner.put(f"environments/{environment(owner)}/secrets/db", body).status_code == 400


def test_secrets_go_with_their_environment(owner, server):
    name = environment(owner)
    owner.put(f"environments/{name}/secrets/db", {"value": SECRET})
    ident = owner.get(f"environments/{name}").json()["id"]
    owner.delete(f"environments/{name}")
    with server.application.service.database.read() as conn:
        found = conn.exec_driver_sql(f"SELECT COUNT(*) FROM environment_secrets WHERE environment_id = '{ident}'").scalar()
    assert found == 0


def test_without_a_key_nothing_is_kept(tmp_path):
    with running(tmp_path) as server, closing(Api(server.url, {})) as api:
        reply = api.put(f"environments/{environment(api)}/secrets/db", {"value": SECRET})
        assert (reply.status_code, "secrets.keys" in reply.text) == (400, True)


def test_older_keys_open_what_they_have_sealed(tmp_path):
    newer = urlsafe_b64encode(b"n" * 32).decode()
    url = f"sqlite:///{tmp_path}/same.db"
    with running(tmp_path, secrets={"keys": [KEY]}, database_url=url) as server, closing(Api(server.url, {})) as api:
        name = environment(api)
        api.put(f"environments/{name}/secrets/db", {"value": SECRET})
    for keys, is_opened in (([newer, KEY], True), ([newer], False)):
        with running(tmp_path, secrets={"keys": keys}, database_url=url) as server:
            store = server.application.service.secrets
            if is_opened:
                assert store.get("<default-project>", f"{name}/db") == SECRET
            else:
                with pytest.raises(Exception, match="none of the configured keys fits"):
                    store.get("<default-project>", f"{name}/db")


def processes() -> str:
    """Command lines and environments of all processes."""
    found = []
    for path in [*Path("/proc").glob("[0-9]*/cmdline"), *Path("/proc").glob("[0-9]*/environ")]:
        try:
            found.append(path.read_bytes())
        except OSError:
            continue
    return b"\n".join(found).decode("utf-8", "replace")


def files(folder: Path) -> str:
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file()).decode("utf-8", "replace")


def test_a_planted_secret_is_used_and_found_nowhere(owner, folder, capfd):
    pytest.importorskip("ansible")
    name = environment(owner)
    owner.put(f"environments/{name}/secrets/db", {"value": SECRET})
    goes_on = folder / "go_on"
    play = [{"hosts": "all", "gather_facts": False, "tasks": [
        {"ansible.builtin.wait_for": {"path": str(goes_on), "timeout": 120, "sleep": 1}},
        {"name": "tell", "ansible.builtin.debug": {"msg": "it is {{ password }}"}},
        {"ansible.builtin.set_stats": {"data": {"leak": "{{ password }}", "length": "{{ password | length }}"}}},
        {"name": "end", "ansible.builtin.fail": {"msg": "{{ password }}"}}]}]
    task = {"action": "ansible.playbook", "input": {
        "playbook": "<% $.play %>", "inventory": LOCAL, "verbosity": 3, "secrets": {"password": f"{name}/db"},
        "become_password": f"{name}/db", "vault_passwords": f"{name}/db"}}
    workflow = owner.define(json.dumps({"version": "2.0", unique(): {"input": ["play"], "tasks": {"t": task}}}))
    execution = owner.start(workflow, input={"play": play})
    ident = owner.action(execution["id"], "t")["id"]
    deadline = time.monotonic() + 120
    while "TASK [ansible.builtin.wait_for]" not in owner.get(f"action_executions/{ident}/output").text:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    while_it_runs = processes() + files(folder)
    assert f"{MARK}={ident}" in while_it_runs
    goes_on.touch()
    assert owner.until(f"executions/{execution['id']}")["state"] == "ERROR"
    replies = [owner.get(path).text for path in (
        f"executions/{execution['id']}", f"executions/{execution['id']}/tasks", f"tasks/{owner.task(execution['id'], 't')['id']}",
        f"action_executions/{ident}", f"action_executions/{ident}/events", f"action_executions/{ident}/output",
        f"executions/{execution['id']}/report", "environments", f"environments/{name}", f"environments/{name}/secrets")]
    assert '"length": 25' in replies[3].replace("\\", "")
    assert "it is ********" in replies[5]
    everything = [while_it_runs, *replies, files(folder), "".join(capfd.readouterr())]
    assert [SECRET in text for text in everything] == [False] * len(everything)
