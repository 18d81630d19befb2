"""What a task may wish of a playbook beside what it runs: where it begins, who it is on hosts, which failures pass, what is kept."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from desk import IDENT, play

from maestrale.actions import PlaybookSettings

LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
TWO = {"all": {"hosts": {"web1": {}, "web2": {}}, "vars": LOCAL}}
LOST = {"all": {"hosts": {"web1": LOCAL, "lost": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}}}}

PLUGIN = """
from pathlib import Path

from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable

DOCUMENTATION = '''
name: rented
short_description: machines that are asked for over the network
description: [For tests.]
extends_documentation_fragment: [inventory_cache]
options:
  plugin: {description: [Its name.], required: true, choices: [acme.cloud.rented]}
  asked: {description: [A file that gets a line for each question.], required: true, type: path}
'''


class InventoryModule(BaseInventoryPlugin, Cacheable):
    NAME = "acme.cloud.rented"

    def parse(self, inventory, loader, path, cache=True):
        super().parse(inventory, loader, path)
        self._read_config_data(path)
        key = self.get_cache_key(path)
        if self.get_option("cache") and cache and key in self._cache:
            names = self._cache[key]
        else:
            with Path(self.get_option("asked")).open("a", encoding="utf-8") as asked:
                asked.write("asked\\n")
            names = ["vm1", "vm2"]
            if self.get_option("cache"):
                self._cache[key] = names
        for name in names:
            inventory.add_host(name)
            inventory.set_variable(name, "ansible_connection", "local")
            inventory.set_variable(name, "said", "{{ 'read' | upper }}")
        if self.get_option("cache"):
            self.update_cache_if_changed()
"""


def say(text: str) -> dict[str, Any]:
    return {"name": f"say {text}", "ansible.builtin.debug": {"msg": text}}


@pytest.fixture
def desk(make_desk: Callable[..., Any], tmp_path: Path) -> Any:
    (tmp_path / "quiet.cfg").write_text("[defaults]\nforce_handlers = true\ncallback_result_format = yaml\n", encoding="utf-8")
    return make_desk(playbooks=PlaybookSettings(work_dir=str(tmp_path / "work"), config_files={"quiet": str(tmp_path / "quiet.cfg")}))


def test_it_begins_at_a_task_as_a_user_and_by_a_method_of_its_own(desk: Any) -> None:
    show = {"name": "show", "ansible.builtin.set_fact": {"who": "{{ ansible_user }}"}, "register": "seen"}
    result = desk.run(
        "ansible.playbook", playbook=play(say("first"), show), inventory=TWO, start_at_task="show", remote_user="deploy",
        become_method="su", registered=["seen"])
    assert result.state == "SUCCESS", result
    assert result.value["registered"]["web1"]["seen"]["ansible_facts"] == {"who": "deploy"}
    assert "first" not in result.value["stdout_tail"]


def test_a_task_that_is_not_in_the_playbook_is_no_beginning(desk: Any) -> None:
    result = desk.run("ansible.playbook", playbook=play(say("first")), inventory=TWO, start_at_task="no such")
    assert result.state == "ERROR"
    assert result.value["message"] == "Playbook failed: nothing was run, since no task is named 'no such' (input start_at_task)."


def test_hosts_that_failed_are_let_pass_and_named(desk: Any) -> None:
    fail = {"ansible.builtin.fail": {"msg": "broken"}, "when": "inventory_hostname == 'web1'"}
    result = desk.run("ansible.playbook", playbook=play(fail), inventory=TWO, max_fail_percentage=50)
    assert result.state == "SUCCESS", result
    assert (result.value["status"], result.value["rc"], result.value["tolerated"]) == ("successful", 2, ["web1"])
    assert result.value["failed_tasks"][0]["msg"] == "broken"
    assert result.value["message"].startswith("Playbook failed on host web1")


def test_unreachable_hosts_are_let_pass_where_that_is_wished(desk: Any) -> None:
    result = desk.run("ansible.playbook", playbook=play({"ansible.builtin.ping": {}}), inventory=LOST, on_unreachable="ignore")
    assert result.state == "SUCCESS", result
    assert (result.value["hosts"]["ok"], result.value["tolerated"]) == (["web1"], ["lost"])


def test_a_playbook_that_can_not_be_read_is_never_let_pass(desk: Any) -> None:
    result = desk.run(
        "ansible.playbook", playbook=play({"no.such.module": {}}), inventory=TWO, ignore_failed_hosts=True, on_unreachable="ignore")
    assert result.state == "ERROR"


def test_a_configuration_is_had_by_its_name_and_no_other_way(desk: Any) -> None:
    tell = {"ansible.builtin.set_fact": {"forced": "{{ lookup('ansible.builtin.config', 'DEFAULT_FORCE_HANDLERS') }}"}, "register": "seen"}
    result = desk.run("ansible.playbook", playbook=play(tell), inventory=TWO, ansible_config="quiet", registered=["seen"])
    assert result.value["registered"]["web1"]["seen"]["ansible_facts"]["forced"] is True
    for other in ("/etc/ansible/ansible.cfg", "loud"):
        refused = desk.run("ansible.playbook", playbook=play(tell), inventory=TWO, ansible_config=other)
        assert f"There is no ansible_config '{other}' (setting playbooks.config_files)." in refused.value


def test_of_its_output_is_kept_what_is_wished(desk: Any) -> None:
    result = desk.run("ansible.playbook", playbook=play(say("hello")), inventory=TWO, artifacts={"events": False, "stdout": 10})
    assert result.state == "SUCCESS", result
    assert len(result.value["stdout_tail"]) == 10
    assert result.value["events"] > 0
    assert desk.events == []
    assert result.value["log_ref"] is None


def test_the_result_says_where_its_output_is_and_which_ansible_it_was(desk: Any) -> None:
    result = desk.run("ansible.playbook", playbook=play(say("hello")), inventory=TWO)
    assert result.value["log_ref"] == f"/v2/action_executions/{IDENT}/output"
    assert result.value["ansible_version"].startswith("2.")


@pytest.mark.parametrize(("given", "text"), [
    ({"sizes": 1}, "artifacts takes events and stdout, not sizes."), ({"events": "no"}, "artifacts.events must be true or false."),
    ({"stdout": 10**9}, "artifacts.stdout must be a whole number from 0 to 8192."), ("events", "artifacts must be a mapping."),
])
def test_a_wish_for_artifacts_that_has_no_meaning_is_refused(desk: Any, given: Any, text: str) -> None:
    assert text in desk.run("ansible.playbook", playbook=play(say("hello")), inventory=TWO, artifacts=given).value


@pytest.fixture
def rented(make_desk: Callable[..., Any], tmp_path: Path) -> Any:
    """Runs a playbook on an inventory of a plugin; returns its hosts, a variable of theirs, and how often the plugin has asked."""
    plugins = tmp_path / "collections/ansible_collections/acme/cloud/plugins/inventory"
    plugins.mkdir(parents=True)
    (plugins / "rented.py").write_text(PLUGIN, encoding="utf-8")
    (tmp_path / "books").mkdir()
    source = {"plugin": "acme.cloud.rented", "asked": str(tmp_path / "asked")}
    (tmp_path / "books/rented.yml").write_text(yaml.safe_dump(source), encoding="utf-8")
    desk = make_desk(playbooks=PlaybookSettings(
        roots={"books": str(tmp_path / "books")}, collections_path=(str(tmp_path / "collections"),), work_dir=str(tmp_path / "work")))
    desk.secrets["env/one"] = "one"

    def run(**inputs: Any) -> tuple[list[str], int]:
        tell = {"ansible.builtin.debug": {"msg": "{{ said }}"}, "register": "seen"}
        given = {"playbook": play(tell), "inventory": "rented.yml", "project": "books", "registered": ["seen"]}
        result = desk.run("ansible.playbook", **{**given, **inputs})
        assert result.state == "SUCCESS", result
        return sorted(result.value["registered"]), len((tmp_path / "asked").read_text(encoding="utf-8").splitlines())

    return run


def test_an_inventory_plugin_does_not_ask_again_for_what_a_task_may_have_from_before(rented: Any) -> None:
    assert rented(inventory_cache=60) == (["vm1", "vm2"], 1)
    assert rented(inventory_cache=60) == (["vm1", "vm2"], 1)
    assert rented(inventory_cache=60, limit="vm2") == (["vm2"], 1)


def test_an_inventory_plugin_asks_each_time_where_nothing_is_said(rented: Any) -> None:
    assert rented()[1] == 1
    assert rented()[1] == 2


def test_a_task_that_reads_an_inventory_anew_makes_the_next_one_ask_too(rented: Any) -> None:
    assert [rented(inventory_cache=age)[1] for age in (60, 60, 0, 60, 60)] == [1, 1, 2, 3, 3]


def test_a_folder_of_inventories_is_kept_too(rented: Any, tmp_path: Path) -> None:
    (tmp_path / "books/clouds").mkdir()
    (tmp_path / "books/rented.yml").rename(tmp_path / "books/clouds/rented.yml")
    assert rented(inventory="clouds", inventory_cache=60) == (["vm1", "vm2"], 1)
    assert rented(inventory="clouds", inventory_cache=60) == (["vm1", "vm2"], 1)


def test_a_link_that_a_playbook_leaves_in_the_plugins_cache_brings_no_file_to_the_next_run(rented: Any, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("planted", encoding="utf-8")
    leave = {"ansible.builtin.shell": f"ln -s {tmp_path}/secret $ANSIBLE_INVENTORY_CACHE_CONNECTION/leak", "register": "seen"}
    look = {"ansible.builtin.shell": "! test -e $ANSIBLE_INVENTORY_CACHE_CONNECTION/leak", "register": "seen"}
    assert rented(playbook=play(leave), inventory_cache=60, limit="vm1") == (["vm1"], 1)
    assert rented(playbook=play(look), inventory_cache=60, limit="vm1") == (["vm1"], 2)


@pytest.mark.parametrize("more", [{"extra_vars": {"region": "north"}}, {"secrets": {"one": "env/one"}}])
def test_what_is_read_with_other_variables_or_secrets_is_asked_for_by_itself(rented: Any, more: dict[str, Any]) -> None:
    assert rented(inventory_cache=60)[1] == 1
    assert rented(inventory_cache=60, **more)[1] == 2
    assert rented(inventory_cache=60)[1] == 2
