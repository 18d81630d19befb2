"""``ansible.role``, ``ansible.module`` and ``ansible.inventory`` with real ansible-core."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from desk import IDENT

from maestrale.actions import PlaybookSettings, RunRequest
from maestrale.actions.inventory_cache import InventoryCache, key_of

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


def generator(command: str) -> dict[str, Any]:
    """The configuration of an inventory plugin that evaluates a template, which runs a command."""
    return {
        "plugin": "ansible.builtin.generator", "hosts": {"name": "{{ lookup('pipe', '" + command + "') }}{{ number }}"},
        "layers": {"number": ["1", "2"]},
    }


@pytest.mark.parametrize("form", [yaml.safe_dump, dict, lambda given: [given]])
def test_an_inventory_may_be_the_configuration_of_a_plugin(desk: Any, form: Callable[[Any], Any]) -> None:
    assert sorted(desk.run("ansible.inventory", inventory=form(generator("echo web"))).value["hosts"]) == ["web1", "web2"]


def test_a_plugin_finds_its_configuration_by_the_name_that_it_wants(desk: Any) -> None:
    value = desk.run("ansible.inventory", inventory={"plugin": "acme.clouds.sky"}).value
    assert "0.sky.yml" in value["message"]


@pytest.mark.parametrize("form", [yaml.safe_dump, lambda given: [given]])
def test_whoever_may_run_nothing_may_not_read_inventories_either_since_they_hold_code(
    make_desk: Callable[..., Any], tmp_path: Path, form: Callable[[Any], Any],
) -> None:
    desk = make_desk(playbooks=PlaybookSettings(closed=True, projects={"listed": ("books:*",)}))
    inventory = form(generator(f"touch {tmp_path}/ran; echo web"))

    def read_by(project: str) -> Any:
        return desk.runner.run(RunRequest(attempt_id=IDENT, name="ansible.inventory", project_id=project, input={"inventory": inventory}))

    assert "The project 'other' may not use inventories (setting playbooks.projects)." in read_by("other").error
    assert not (tmp_path / "ran").exists()
    assert read_by("listed").state == "SUCCESS"


@pytest.fixture
def counted(root: Path) -> Any:
    """An inventory script, and how many times it was run so far."""
    script, runs = root / "cloud.sh", root / "runs"
    script.write_text(f"#!/bin/sh\necho >> {runs}\necho '{{\"web\": {{\"hosts\": [\"a\"]}}}}'\n", encoding="utf-8")
    script.chmod(0o700)

    def count() -> int:
        return len(runs.read_text(encoding="utf-8").splitlines()) if runs.exists() else 0

    return count


@pytest.fixture
def caching(make_desk: Callable[..., Any], root: Path) -> Any:
    return make_desk(playbooks=PlaybookSettings(roots={"books": str(root)}, inventory_cache=60))


def read(desk: Any, **inputs: Any) -> Any:
    value = desk.run("ansible.inventory", **{"inventory": "cloud.sh", "project": "books", **inputs}).value
    assert list(value["hosts"]) == ["a"], value
    return value


def runs_of_one_reading(desk: Any, counted: Any) -> int:
    before = counted()
    read(desk)
    return int(counted() - before)


def test_an_inventory_script_is_not_run_again_while_its_answer_is_kept(caching: Any, counted: Any) -> None:
    first = read(caching)
    runs = counted()
    second = read(caching)

    assert runs >= 1
    assert counted() == runs
    assert (first["cached"], second["cached"]) == (False, True)
    assert second["groups"] == first["groups"]


def test_without_the_option_an_inventory_script_is_run_each_time(desk: Any, counted: Any) -> None:
    assert runs_of_one_reading(desk, counted) >= 1
    assert runs_of_one_reading(desk, counted) >= 1


@pytest.mark.parametrize("change", ["script", "group_vars", "variables"])
def test_an_inventory_is_read_again_when_its_content_or_its_variables_change(
    caching: Any, counted: Any, root: Path, change: str,
) -> None:
    read(caching)
    before = counted()
    inputs = {}
    if change == "script":
        with (root / "cloud.sh").open("a", encoding="utf-8") as script:
            script.write("# changed\n")
    elif change == "group_vars":
        (root / "group_vars").mkdir()
        (root / "group_vars" / "web.yml").write_text("port: 81\n", encoding="utf-8")
    else:
        inputs = {"extra_vars": {"region": "north"}}

    value = read(caching, **inputs)

    assert counted() > before
    assert value["cached"] is False
    assert change != "group_vars" or value["hosts"]["a"]["port"] == 81


def test_what_was_read_with_secrets_is_not_kept(caching: Any, counted: Any) -> None:
    caching.secrets["env/key"] = "value"
    read(caching, secrets={"key": "env/key"})
    before = counted()

    assert read(caching, secrets={"key": "env/key"})["cached"] is False
    assert counted() > before


def test_the_same_files_in_another_folder_are_the_same_inventory(tmp_path: Path) -> None:
    keys = []
    for name, port in (("first", 80), ("second", 80), ("third", 81)):
        (tmp_path / name / "hosts" / "group_vars").mkdir(parents=True)
        (tmp_path / name / "hosts" / "cloud.yml").write_text("plugin: constructed\n", encoding="utf-8")
        (tmp_path / name / "hosts" / "group_vars" / "all.yml").write_text(f"port: {port}\n", encoding="utf-8")
        keys += [key_of({}, [f"{tmp_path}/{name}/hosts"]), key_of({}, [f"{tmp_path}/{name}/hosts/cloud.yml"])]

    assert keys[0] == keys[2] != keys[4]
    assert keys[1] == keys[3] != keys[5]
    assert key_of({"limit": "web"}, ["a,b"]) != key_of({"limit": "db"}, ["a,b"])


def test_a_task_may_ask_for_a_kept_inventory_and_for_a_new_one(desk: Any, counted: Any) -> None:
    read(desk, inventory_cache=60)
    before = counted()

    assert read(desk, inventory_cache=60)["cached"] is True
    assert counted() == before
    assert read(desk, inventory_cache=0)["cached"] is False
    assert counted() > before


@pytest.mark.parametrize("age", [-1, "60", True])
def test_an_age_of_an_inventory_that_is_no_time_is_refused(desk: Any, age: Any) -> None:
    assert "inventory_cache must be a number of seconds" in desk.run("ansible.inventory", inventory="a,", inventory_cache=age).value


def test_kept_inventories_grow_old() -> None:
    now = [100.0]
    cache = InventoryCache(1000, lambda: now[0])
    cache.put("a", {"status": "x"})
    now[0] = 109.9
    assert cache.get("a", 10) == {"status": "x"}
    now[0] = 110.0
    assert cache.get("a", 10) is None
    assert cache.get("a", 11) == {"status": "x"}


def test_kept_inventories_that_were_unused_longest_give_way_to_new_ones() -> None:
    cache = InventoryCache(30)
    for name in ("a", "b", "c"):
        cache.put(name, "12345678")
    assert cache.get("a", 60) == "12345678"
    cache.put("d", "12345678")
    assert [name for name in "abcd" if cache.get(name, 60)] == ["a", "c", "d"]


def test_an_inventory_larger_than_all_room_is_not_kept_and_takes_none() -> None:
    cache = InventoryCache(30)
    cache.put("a", "x" * 40)
    cache.put("b", "x" * 20)
    assert (cache.get("a", 60), cache.get("b", 60)) == (None, "x" * 20)


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
        "inventory", "limit", "extra_vars", "project", "environment", "ansible_config", "isolation", "execution_environment", "secrets",
        "vault_passwords", "timeout", "inventory_cache"]
    assert all("playbook" not in each for each in names.values())
