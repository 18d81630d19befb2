"""``ansible.role``, ``ansible.module`` and ``ansible.inventory`` with real ansible-core."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from maestrale.actions import PlaybookSettings

LOCAL = {
    "all": {
        "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
        "children": {"web": {"hosts": {"web1": {"port": 80}, "web2": {}}}, "db": {"hosts": {"db1": {}}}},
    },
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    tasks = tmp_path / "books/roles/greet/tasks"
    tasks.mkdir(parents=True)
    (tasks / "main.yml").write_text(
        "- ansible.builtin.set_stats: {data: {said: 'hello {{ who }} on {{ inventory_hostname }}'}, per_host: true}\n", encoding="utf-8")
    return tmp_path / "books"


@pytest.fixture
def desk(make_desk: Callable[..., Any], root: Path) -> Any:
    return make_desk(playbooks=PlaybookSettings(roots={"books": str(root)}))


def test_a_role_of_a_project_runs_on_chosen_hosts(desk: Any) -> None:
    result = desk.run(
        "ansible.role", role="greet", project="books", hosts="web", role_vars={"who": "you"}, gather_facts=False, inventory=LOCAL)
    assert result.state == "SUCCESS", result
    assert result.value["host_artifacts"] == {"web1": {"said": "hello you on web1"}, "web2": {"said": "hello you on web2"}}


@pytest.mark.parametrize("role", ["missing", "../roles", "/etc", "a/b", ""])
def test_a_role_that_is_not_there_is_refused(desk: Any, role: str) -> None:
    assert desk.run("ansible.role", role=role, project="books", inventory=LOCAL).state == "ERROR"


def test_a_module_returns_what_it_said_per_host(desk: Any) -> None:
    result = desk.run("ansible.module", module="ansible.builtin.command", args={"cmd": "echo hi"}, hosts="web1", inventory=LOCAL)
    assert result.value["results"]["web1"]["stdout"] == "hi"
    assert result.value["hosts"]["changed"] == ["web1"]
    assert "registered" not in result.value


def test_a_failed_module_is_a_failure_with_its_answer(desk: Any) -> None:
    result = desk.run("ansible.module", module="ansible.builtin.command", args={"cmd": "false"}, hosts="db", inventory=LOCAL)
    assert result.state == "ERROR"
    assert result.value["results"]["db1"]["rc"] == 1
    assert result.value["message"].startswith("Playbook failed on host db1 in task 'ansible.builtin.command': ")


def test_a_module_takes_the_permission_of_inline_plays(make_desk: Callable[..., Any]) -> None:
    desk = make_desk(playbooks=PlaybookSettings(inline=False))
    result = desk.run("ansible.module", module="ansible.builtin.ping", inventory=["localhost,"])
    assert "Inline plays are not allowed" in result.value


def test_an_inventory_comes_back_as_data(desk: Any) -> None:
    value = desk.run("ansible.inventory", inventory=LOCAL).value
    assert value["status"] == "successful"
    assert sorted(value["hosts"]) == ["db1", "web1", "web2"]
    assert value["hosts"]["web1"]["port"] == 80
    assert value["groups"]["web"]["hosts"] == ["web1", "web2"]
    assert set(value["groups"]["all"]["children"]) >= {"web", "db"}


def test_a_broken_inventory_is_a_failure(desk: Any, root: Path) -> None:
    (root / "dyn.yml").write_text("plugin: no.such.plugin\n", encoding="utf-8")
    result = desk.run("ansible.inventory", inventory="dyn.yml", project="books")
    assert result.state == "ERROR"
    assert "dyn.yml" in result.value["message"]


@pytest.mark.parametrize(("name", "inputs"), [
    ("ansible.role", {"role": "greet", "playbook": []}), ("ansible.module", {"module": "ping"}),
    ("ansible.module", {"module": "a.b", "args": "x"}),
    ("ansible.inventory", {"inventory": LOCAL, "tags": "x"}), ("ansible.inventory", {}),
])
def test_inputs_that_make_no_sense_fail_to_instantiate(desk: Any, name: str, inputs: dict[str, Any]) -> None:
    assert desk.run(name, **inputs).value.startswith(f"Failed to instantiate an action [action_desc=Python action [name={name}, ")


def test_their_parameters_are_known(desk: Any) -> None:
    names = {name: [p.name for p in desk.registry.descriptor(name).parameters] for name in (
        "ansible.role", "ansible.module", "ansible.inventory")}
    assert names["ansible.role"][:5] == ["role", "hosts", "role_vars", "gather_facts", "inventory"]
    assert names["ansible.module"][:4] == ["module", "args", "hosts", "inventory"]
    assert names["ansible.inventory"] == [
        "inventory", "limit", "extra_vars", "project", "secrets", "vault_passwords", "environment", "timeout"]
    assert all("playbook" not in each for each in names.values())
