"""``ansible.playbook`` with real ansible-core, on local connections."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desk import IDENT, play, wait_until

from maestrale.actions import PlaybookSettings, process_tree
from maestrale.actions.playbook import remove_remains
from maestrale.actions.playbook_directory import MARK, PREFIX

LOCAL = {"all": {"hosts": {"web1": {}, "web2": {}}, "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}}


@pytest.fixture
def desk(make_desk: Callable[..., Any], work: Path, books: Path) -> Any:
    return make_desk(playbooks=PlaybookSettings(roots={"books": str(books)}, work_dir=str(work), grace=2.0))


def is_sleeping(mark: str) -> bool:
    return any(f"sleep {mark}" in line for line in process_tree.command_lines(process_tree.marked(MARK, IDENT)).values())


def test_a_successful_playbook_hands_back_stats_host_sets_and_recap(desk: Any) -> None:
    result = desk.run("ansible.playbook", playbook=play({"ansible.builtin.debug": {"msg": "hello"}}), inventory=LOCAL)
    assert result.state == "SUCCESS", result
    value = result.value
    assert (value["status"], value["rc"], value["message"], value["failed_tasks"]) == ("successful", 0, "", [])
    assert value["stats"]["web1"] == {
        "ok": 1, "changed": 0, "unreachable": 0, "failed": 0, "skipped": 0, "rescued": 0, "ignored": 0}
    assert value["hosts"] == {"ok": ["web1", "web2"], "changed": [], "failed": [], "unreachable": [], "skipped": []}
    assert value["summary"].startswith("PLAY RECAP")
    assert "hello" in value["stdout_tail"]


def test_set_stats_come_back_for_the_run_and_per_host(desk: Any) -> None:
    tasks = play(
        {"ansible.builtin.set_stats": {"data": {"total": 7}}, "run_once": True},
        {"ansible.builtin.set_stats": {"data": {"me": "{{ inventory_hostname }}"}, "per_host": True}})
    value = desk.run("ansible.playbook", playbook=tasks, inventory=LOCAL).value
    assert value["artifacts"] == {"total": 7}
    assert value["host_artifacts"] == {"web1": {"me": "web1"}, "web2": {"me": "web2"}}


def test_chosen_facts_and_registered_variables_come_back_per_host(desk: Any) -> None:
    tasks = play(
        {"ansible.builtin.set_fact": {"role_of": "{{ inventory_hostname }}-db", "unwanted": 1}},
        {"ansible.builtin.command": "echo out", "register": "said", "changed_when": False},
        {"ansible.builtin.setup": {"gather_subset": ["!all", "!min", "platform"]}})
    value = desk.run(
        "ansible.playbook", playbook=tasks, inventory=LOCAL, facts=["role_of", "system"], registered=["said"]).value
    assert value["facts"]["web1"] == {"role_of": "web1-db", "system": "Linux"}
    assert value["registered"]["web2"]["said"]["stdout"] == "out"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="only ansible-core 2.21 and later register parts of a result")
def test_a_registered_part_of_a_result_comes_back(desk: Any) -> None:
    tasks = play({"ansible.builtin.command": "echo out", "register": {"said": "_task.result.stdout"}})
    result = desk.run("ansible.playbook", playbook=tasks, inventory="web1 ansible_connection=local", registered=["said"])
    assert result.value["registered"] == {"web1": {"said": "out"}}, result


def test_a_failed_playbook_is_a_failed_action_with_the_same_mapping(desk: Any) -> None:
    tasks = play(
        {"ansible.builtin.set_stats": {"data": {"kept": True}}, "run_once": True},
        {"name": "install", "ansible.builtin.command": "sh -c 'echo broken >&2; exit 3'", "when": "inventory_hostname == 'web1'"})
    result = desk.run("ansible.playbook", playbook=tasks, inventory=LOCAL)
    assert result.state == "ERROR"
    value = result.value
    assert (value["status"], value["rc"], value["artifacts"]) == ("failed", 2, {"kept": True})
    assert value["hosts"]["failed"] == ["web1"]
    assert value["hosts"]["ok"] == ["web2"]
    [failure] = value["failed_tasks"]
    assert "non-zero return code" in failure["msg"]
    assert failure == {
        "host": "web1", "role": None, "task": "install", "module": "ansible.builtin.command", "msg": failure["msg"],
        "rc": 3, "stderr": "broken", "unreachable": False}
    assert value["message"] == f"Playbook failed on host web1 in task 'install': {failure['msg']} (broken)"


def test_failed_items_of_a_loop_are_listed_one_by_one(desk: Any) -> None:
    tasks = play({"name": "each", "ansible.builtin.command": "test {{ item }} = b", "loop": ["a", "b", "c"]})
    value = desk.run("ansible.playbook", playbook=tasks, inventory="web1 ansible_connection=local").value
    assert [(failure["item"], failure["rc"]) for failure in value["failed_tasks"]] == [("a", 1), ("c", 1)]


def test_ignored_and_rescued_failures_do_not_count(desk: Any) -> None:
    tasks = play(
        {"ansible.builtin.command": "false", "ignore_errors": True},
        {"block": [{"name": "tried", "ansible.builtin.command": "false"}], "rescue": [{"ansible.builtin.debug": {"msg": "saved"}}]},
        {"name": "loop", "ansible.builtin.command": "false", "loop": [1, 2], "ignore_errors": True})
    result = desk.run("ansible.playbook", playbook=tasks, inventory="web1 ansible_connection=local")
    assert result.state == "SUCCESS"
    assert result.value["failed_tasks"] == []
    assert [failure["task"] for failure in result.value["rescued_tasks"]] == ["tried"]


def test_an_unreachable_host_is_told_apart(desk: Any) -> None:
    inventory = {"all": {"hosts": {"far": {"ansible_host": "127.0.0.2", "ansible_port": 1}}}}
    value = desk.run("ansible.playbook", playbook=play({"name": "ask", "ansible.builtin.ping": {}}), inventory=inventory).value
    assert value["hosts"]["unreachable"] == ["far"]
    assert value["failed_tasks"][0]["unreachable"] is True
    assert value["message"].startswith("Playbook failed: host far is unreachable in task 'ask': ")


def test_a_role_is_named_with_its_failed_task(desk: Any, books: Path) -> None:
    (books / "roles/db/tasks").mkdir(parents=True)
    (books / "roles/db/tasks/main.yml").write_text("- name: start\n  ansible.builtin.fail: {msg: no disk}\n", encoding="utf-8")
    (books / "site.yml").write_text("- hosts: all\n  gather_facts: false\n  roles: [db]\n", encoding="utf-8")
    value = desk.run("ansible.playbook", playbook="site.yml", project="books", inventory="web1 ansible_connection=local").value
    assert value["failed_tasks"][0]["role"] == "db"
    assert value["message"] == "Playbook failed on host web1 in task 'db : start': no disk"


def test_a_playbook_that_is_no_playbook_says_why(desk: Any) -> None:
    value = desk.run("ansible.playbook", playbook=[{"hosts": "all", "no_such_key": 1}], inventory=LOCAL).value
    assert value["rc"] == 4
    assert "no_such_key" in value["message"]


def test_inputs_become_options(desk: Any) -> None:
    tasks = play({"name": "tell", "ansible.builtin.debug": {"msg": "{{ who }} {{ ansible_check_mode }} {{ ansible_diff_mode }}"},
                  "tags": ["wanted"]},
                 {"name": "other", "ansible.builtin.fail": {}, "tags": ["other"]},
                 {"name": "skipped", "ansible.builtin.fail": {}, "tags": ["wanted", "not_this"]})
    value = desk.run(
        "ansible.playbook", playbook=tasks, inventory=LOCAL, extra_vars={"who": "it's \"me\""}, limit=["web2"], tags="wanted",
        skip_tags=["not_this"], check=True, diff=True, forks=2, verbosity=1).value
    assert value["status"] == "successful", value["stdout_tail"]
    assert list(value["stats"]) == ["web2"]
    assert 'it\'s \\"me\\" True True' in value["stdout_tail"]


def test_an_empty_limit_runs_nothing(desk: Any) -> None:
    result = desk.run("ansible.playbook", playbook=play({"ansible.builtin.fail": {}}), inventory=LOCAL, limit=[])
    assert result.state == "SUCCESS"
    assert result.value["stats"] == {}


def test_a_limit_that_matches_nothing_is_a_failure_that_says_so(desk: Any) -> None:
    value = desk.run("ansible.playbook", playbook=play(), inventory=LOCAL, limit="nobody").value
    assert value["rc"] == 1
    assert "limit" in value["message"]


@pytest.mark.parametrize("inventory", [
    ["localhost,"], "localhost,", ["localhost"], "localhost", "localhost x=1", "[web]\nlocalhost\n", "all:\n  hosts:\n    localhost:\n",
    {"all": {"hosts": {"localhost": None}}}, [{"all": {"hosts": {"localhost": None}}}],
])
def test_an_inventory_may_have_many_forms(desk: Any, inventory: Any) -> None:
    tasks = play({"ansible.builtin.debug": {"msg": "x"}}, connection="local")
    value = desk.run("ansible.playbook", playbook=tasks, inventory=inventory).value
    assert list(value["stats"]) == ["localhost"], value["stdout_tail"]


def test_a_broken_inventory_is_no_run_on_nothing(desk: Any, books: Path) -> None:
    (books / "dyn.yml").write_text("plugin: no.such.plugin\n", encoding="utf-8")
    result = desk.run("ansible.playbook", playbook=play(), project="books", inventory=["web1,", "dyn.yml"])
    assert result.state == "ERROR"
    assert "dyn.yml" in result.value["message"]


def test_an_inventory_may_be_a_file_of_the_project(desk: Any, books: Path) -> None:
    (books / "hosts.ini").write_text("web9 ansible_connection=local\n", encoding="utf-8")
    tasks = play({"ansible.builtin.debug": {"msg": "x"}})
    value = desk.run("ansible.playbook", playbook=tasks, project="books", inventory="hosts.ini").value
    assert list(value["stats"]) == ["web9"]


def test_a_collections_playbook_runs_by_its_full_name(make_desk: Callable[..., Any], tmp_path: Path) -> None:
    place = tmp_path / "colls/ansible_collections/acme/tools/playbooks"
    place.mkdir(parents=True)
    (place / "hello.yml").write_text(json.dumps(play({"ansible.builtin.debug": {"msg": "from acme"}})), encoding="utf-8")
    desk = make_desk(playbooks=PlaybookSettings(collections=("acme.tools",), collections_path=(str(tmp_path / "colls"),)))
    value = desk.run("ansible.playbook", playbook="acme.tools.hello", inventory="web1 ansible_connection=local").value
    assert "from acme" in value["stdout_tail"]
    refused = desk.run("ansible.playbook", playbook="other.tools.hello", inventory=["localhost,"])
    assert "collection 'other.tools' are not allowed" in refused.value


def test_the_servers_environment_does_not_reach_the_playbook(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_VARIABLE", "planted")
    tasks = play({"ansible.builtin.command": "env", "register": "seen"})
    value = desk.run(
        "ansible.playbook", playbook=tasks, inventory="web1 ansible_connection=local", registered=["seen"],
        environment={"WANTED": "yes"}).value
    seen = value["registered"]["web1"]["seen"]["stdout_lines"]
    assert "WANTED=yes" in seen
    assert not [line for line in seen if "planted" in line]


@pytest.mark.parametrize("name", ["ANSIBLE_CONFIG", "LD_PRELOAD", "PYTHONPATH", "PATH", "a b", MARK])
def test_variables_that_change_how_ansible_runs_are_refused(desk: Any, name: str) -> None:
    result = desk.run("ansible.playbook", playbook=play(), inventory=["localhost,"], environment={name: "x"})
    assert f"The environment variable '{name}' may not be set." in result.value


def test_events_come_live_in_order_and_complete(desk: Any) -> None:
    tasks = play({"ansible.builtin.debug": {"msg": "line {{ item }}"}, "loop": list(range(50))})
    value = desk.run("ansible.playbook", playbook=tasks, inventory="web1 ansible_connection=local").value
    assert [event["counter"] for event in desk.events] == list(range(1, value["events"] + 1))
    assert sum("line" in event["stdout"] for event in desk.events) == 50


def test_the_private_directory_is_private_and_goes_away(desk: Any, work: Path) -> None:
    tasks = play({"ansible.builtin.command": f"stat -c %a {work} {work}/maestrale-playbook-*", "register": "seen"})
    tasks[0]["tasks"][0] = {"ansible.builtin.shell": f"stat -c %a {work}/maestrale-playbook-*", "register": "seen"}
    value = desk.run("ansible.playbook", playbook=tasks, inventory="web1 ansible_connection=local", registered=["seen"]).value
    assert value["registered"]["web1"]["seen"]["stdout"] == "700"
    assert list(work.iterdir()) == []
    assert stat.S_IMODE(work.stat().st_mode) == 0o700


def test_the_memory_of_its_processes_is_limited(make_desk: Callable[..., Any]) -> None:
    desk = make_desk(playbooks=PlaybookSettings(memory_max=8 * 1024**3))
    tasks = play({"ansible.builtin.shell": "ulimit -v", "register": "seen"})
    value = desk.run("ansible.playbook", playbook=tasks, inventory="web1 ansible_connection=local", registered=["seen"]).value
    assert value["registered"]["web1"]["seen"]["stdout"] == str(8 * 1024**2)


def test_the_processor_time_of_its_processes_is_limited(make_desk: Callable[..., Any]) -> None:
    desk = make_desk(playbooks=PlaybookSettings(cpu_max=20))
    tasks = play({"ansible.builtin.shell": "ulimit -t; ulimit -t 1; while :; do :; done"})
    value = desk.run("ansible.playbook", playbook=tasks, inventory="web1 ansible_connection=local").value
    assert value["failed_tasks"][0]["rc"] == -signal.SIGKILL
    assert "20" in value["stdout_tail"]


def test_a_playbook_with_too_many_processes_is_ended_with_all_of_them(make_desk: Callable[..., Any]) -> None:
    desk = make_desk(playbooks=PlaybookSettings(processes_max=30, grace=1.0))
    tasks = play({"ansible.builtin.shell": "for i in $(seq 60); do sleep 98768 & done; wait"})
    result = desk.run("ansible.playbook", playbook=tasks, inventory="web1 ansible_connection=local")
    assert (result.state, result.value["status"]) == ("ERROR", "failed")
    assert result.value["message"] == "Playbook was stopped since it had more than 30 processes at once."
    assert process_tree.marked(MARK, IDENT) == []


def test_a_deep_working_directory_does_not_break_sockets_and_no_link_is_left(
    make_desk: Callable[..., Any], tmp_path: Path,
) -> None:
    deep = tmp_path / ("x" * 100)
    desk = make_desk(playbooks=PlaybookSettings(work_dir=str(deep)))
    tasks = play({"ansible.builtin.shell": "echo $TMPDIR", "register": "seen"})
    value = desk.run("ansible.playbook", playbook=tasks, inventory="web1 ansible_connection=local", registered=["seen"]).value
    short = Path(value["registered"]["web1"]["seen"]["stdout"])
    assert len(str(short)) < 60
    assert short.name.startswith(PREFIX)
    assert not short.is_symlink()


STUBBORN = "trap '' TERM HUP INT; (setsid sleep {mark} &) ; sleep {mark}"


def start_sleeper(desk: Any, mark: str, **more: Any) -> None:
    tasks = play({"name": "long", "ansible.builtin.shell": STUBBORN.format(mark=mark)})
    desk.submit("ansible.playbook", playbook=tasks, inventory="web1 ansible_connection=local", **more)
    wait_until(lambda: is_sleeping(mark))


def test_cancel_ends_everything_it_started(desk: Any, work: Path) -> None:
    start_sleeper(desk, "98761")
    assert len(process_tree.marked(MARK, IDENT)) > 4
    assert desk.runner.cancel(IDENT)
    result = desk.wait()
    assert result.state == "CANCELLED"
    assert result.value["status"] == "canceled"
    assert process_tree.marked(MARK, IDENT) == []
    assert list(work.iterdir()) == []


@pytest.mark.parametrize(("limits", "text"), [
    ({"timeout": 3}, "Playbook timed out after 3 seconds."),
    ({"idle_timeout": 2}, "Playbook was stopped since it printed nothing for 2 seconds."),
])
def test_its_own_time_limits_end_everything_it_started(desk: Any, limits: dict[str, float], text: str) -> None:
    tasks = play({"ansible.builtin.shell": STUBBORN.format(mark="98762")})
    desk.submit("ansible.playbook", playbook=tasks, inventory="web1 ansible_connection=local", **limits)
    result = desk.wait()
    assert (result.state, result.value["status"], result.value["message"]) == ("ERROR", "timeout", text)
    assert process_tree.marked(MARK, IDENT) == []


def test_the_tasks_time_limit_ends_everything_it_started(desk: Any) -> None:
    tasks = play({"ansible.builtin.shell": STUBBORN.format(mark="98763")})
    desk.runner.submit(_request(tasks, timeout=2.5))
    result = desk.wait()
    assert (result.state, result.value["status"]) == ("ERROR", "timeout")
    assert process_tree.marked(MARK, IDENT) == []


def _request(tasks: Any, **more: Any) -> Any:
    from maestrale.actions import RunRequest

    inputs = {"playbook": tasks, "inventory": "web1 ansible_connection=local"}
    return RunRequest(attempt_id=IDENT, name="ansible.playbook", input=inputs, **more)


def test_stopping_the_runner_ends_everything_and_reports_nothing(desk: Any, work: Path) -> None:
    start_sleeper(desk, "98764")
    leftover = desk.runner.stop()
    assert leftover.started == (IDENT,)
    assert desk.results == {}
    assert process_tree.marked(MARK, IDENT) == []
    assert list(work.iterdir()) == []


def test_a_killed_playbook_process_is_a_failure_and_leaves_nothing(desk: Any, work: Path) -> None:
    start_sleeper(desk, "98765")
    [process] = [pid for pid, line in process_tree.command_lines(process_tree.children(os.getpid())).items() if "playbook_process" in line]
    os.kill(process, signal.SIGKILL)
    result = desk.wait()
    assert "its process ended unexpectedly (exit status -9)" in result.value
    assert process_tree.marked(MARK, IDENT) == []
    assert list(work.iterdir()) == []


SERVER = """
import sys, json
from maestrale.actions import *
tasks = json.loads(sys.argv[2])
settings = ActionSettings(playbooks=PlaybookSettings(work_dir=sys.argv[1], grace=1.0))
runner = Runner(standard_registry(settings, plugins=False), settings, lambda i, r: None)
runner.submit(RunRequest(attempt_id=sys.argv[3], name="ansible.playbook",
                         input={"playbook": tasks, "inventory": "web1 ansible_connection=local"}))
sys.stdin.read()
"""


def test_a_playbook_ends_with_its_killed_server(work: Path) -> None:
    tasks = json.dumps(play({"ansible.builtin.shell": STUBBORN.format(mark="98766")}))
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(work), tasks, IDENT], stdin=subprocess.PIPE)
    try:
        wait_until(lambda: is_sleeping("98766"))
    finally:
        server.kill()
        server.wait()
        server.stdin.close()
    wait_until(lambda: process_tree.marked(MARK, IDENT) == [])
    wait_until(lambda: list(work.iterdir()) == [])


def test_remains_of_a_crash_are_removed_and_living_runs_are_not(desk: Any, work: Path) -> None:
    dead = work / "maestrale-playbook-dead"
    dead.mkdir(parents=True)
    (dead / "lock").write_text("gone", encoding="utf-8")
    start_sleeper(desk, "98767")
    assert remove_remains(desk.runner.settings.playbooks) == [str(dead)]
    assert len(list(work.iterdir())) == 1


def test_a_file_to_include_that_is_not_there_is_named_as_what_failed(desk: Any) -> None:
    value = desk.run("ansible.playbook", playbook=play({"ansible.builtin.include_tasks": "nowhere.yml"}), inventory=LOCAL).value
    assert "nowhere.yml" in value["failed_tasks"][0]["msg"]


@pytest.mark.parametrize("path", ["../outside.yml", "link.yml", "/etc/passwd", "missing.yml"])
def test_a_path_does_not_lead_out_of_the_allowed_directories(
    make_desk: Callable[..., Any], tmp_path: Path, books: Path, path: str,
) -> None:
    (tmp_path / "outside.yml").write_text("[]", encoding="utf-8")
    (books / "link.yml").symlink_to(tmp_path / "outside.yml")
    desk = make_desk(playbooks=PlaybookSettings(roots={"books": str(books)}, any_path=False))
    for project in (None, "books"):
        result = desk.run("ansible.playbook", playbook=path, project=project, inventory=["localhost,"])
        assert f"The playbook '{path}' is not a file in" in result.value


@pytest.mark.parametrize(("settings", "inputs", "text"), [
    ({"inline": False}, {"playbook": play()}, "Inline plays are not allowed"),
    ({"inline_inventory": False}, {"playbook": play(), "inventory": LOCAL}, "Inline inventories are not allowed"),
    ({"closed": True}, {"playbook": play()}, "may not use 'inline'"),
    ({}, {"playbook": "x.yml", "project": "nowhere"}, "There is no project 'nowhere'"),
    ({}, {"playbook": play(), "limit": "@/etc/hosts"}, "limit takes hosts"),
    ({}, {"playbook": play(), "verbosity": "much"}, "verbosity must be a whole number"),
    ({}, {"playbook": play(), "timeout": -1}, "timeout must be a number of seconds above 0"),
    ({}, {"playbook": play(), "check": "yes"}, "check must be true or false"),
    ({}, {"playbook": 5}, "playbook must be"),
    ({}, {"playbook": play(), "inventory": []}, "inventory is an empty list"),
    ({}, {"playbook": "a:\n  b: [\n"}, "playbook is not valid YAML"),
])
def test_what_the_policy_or_the_inputs_do_not_let_is_refused_with_a_sentence(
    make_desk: Callable[..., Any], settings: dict[str, Any], inputs: dict[str, Any], text: str,
) -> None:
    desk = make_desk(playbooks=PlaybookSettings(**settings))
    result = desk.run("ansible.playbook", **inputs)
    assert result.state == "ERROR"
    assert text in result.value


def test_unknown_inputs_are_no_parameters(desk: Any) -> None:
    descriptor = desk.registry.descriptor("ansible.playbook")
    assert not descriptor.open_input
    assert [parameter.name for parameter in descriptor.parameters][:3] == ["playbook", "inventory", "extra_vars"]


def test_more_runs_than_slots_wait(make_desk: Callable[..., Any]) -> None:
    before = threading.active_count()
    desk = make_desk(playbooks=PlaybookSettings(slots=1))
    for number in range(3):
        desk.submit("ansible.playbook", ident=f"p{number}", playbook=play(), inventory=["localhost,"])
    wait_until(lambda: desk.runner.load.waiting == 2, 5)
    assert desk.runner.cancel("p2")
    assert desk.wait("p2").state == "CANCELLED"
    assert desk.wait("p1").state == "SUCCESS"
    assert threading.active_count() - before < 20
