"""Playbooks in real containers: with podman, and the image that tools/test_image.py makes.

``MAESTRALE_TEST_REQUIRE=podman`` turns an absent one from skipped into failed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from desk import IDENT, play, wait_until
from outside import CONTAINER_IMAGE as IMAGE

from maestrale.actions import PlaybookSettings, process_tree
from maestrale.actions.playbook import remove_remains
from maestrale.actions.playbook_directory import MARK

pytestmark = pytest.mark.usefixtures("container_image")
PYTHON = "{{ ansible_playbook_python }}"
ONE = f"web1 ansible_connection=local ansible_python_interpreter='{PYTHON}'"
LOCAL = {"all": {"hosts": {"web1": {}, "web2": {}}, "vars": {"ansible_connection": "local", "ansible_python_interpreter": PYTHON}}}
STUBBORN = "trap '' TERM HUP INT; (setsid sleep 98754 &) ; sleep 98754"


def podman(*arguments: str) -> str:
    return subprocess.run(["podman", *arguments], capture_output=True, text=True, check=False, timeout=60).stdout


@pytest.fixture
def ident() -> Iterator[str]:
    """An action execution's id that no other test has, so that its containers can be told; removed if they are left."""
    one = uuid4().hex
    yield one
    podman("rm", "--force", "--time=0", *containers(one))


@pytest.fixture
def desk(make_desk: Callable[..., Any], work: Path, books: Path) -> Any:
    return make_desk(playbooks=settings(work, roots={"books": str(books)}))


def settings(work: Path, **more: Any) -> PlaybookSettings:
    given = {"isolation": "container", "execution_environment": IMAGE, "container_network": "none", "grace": 2.0}
    return PlaybookSettings(**{**given, "work_dir": str(work), **more})


def shell(command: str, **more: Any) -> dict[str, Any]:
    return {"ansible.builtin.shell": command, "register": "seen", **more}


def containers(ident: str) -> list[str]:
    return podman("ps", "--all", "--format={{.Names}}", f"--filter=name=maestrale-{ident}").split()


def sleepers(ident: str) -> list[int]:
    """The processes of the stubborn task that are alive, as this machine sees them."""
    return [pid for pid, line in process_tree.command_lines(process_tree.marked(MARK, ident)).items() if line.startswith("sleep 98754")]


def playbook_process(server: int) -> int:
    """The process of the server's only run."""
    [found] = [pid for pid, line in process_tree.command_lines(process_tree.children(server)).items() if "playbook_process" in line]
    return found


def start_stubborn(desk: Any, ident: str, **more: Any) -> None:
    desk.submit("ansible.playbook", ident=ident, playbook=play(shell(STUBBORN)), inventory=ONE, **more)
    wait_until(lambda: len(sleepers(ident)) == 2)
    assert len(containers(ident)) == 1


def assert_nothing_is_left(ident: str, work: Path) -> None:
    assert containers(ident) == []
    assert [pid for pid in process_tree.marked(MARK, ident) if process_tree.is_alive(pid)] == []
    assert list(work.iterdir()) == []


# ---- what works without isolation works in a container


def test_a_playbook_of_a_project_hands_back_all_that_it_does_without_isolation(desk: Any, books: Path, ident: str) -> None:
    (books / "roles/db/tasks").mkdir(parents=True)
    (books / "roles/db/tasks/main.yml").write_text('- ansible.builtin.set_fact: {role_of: "{{ port }}"}\n', encoding="utf-8")
    (books / "inventory/group_vars").mkdir(parents=True)
    (books / "inventory/hosts.json").write_text(json.dumps(LOCAL), encoding="utf-8")
    (books / "inventory/group_vars/all.yml").write_text("port: 5432\n", encoding="utf-8")
    (books / "ansible.cfg").write_text("[defaults]\nforks = 3\n", encoding="utf-8")
    (books / "vars.yml").write_text("said: out\n", encoding="utf-8")
    tasks = [
        {"ansible.builtin.command": "echo {{ said }} {{ extra }} {{ ansible_forks }}", "register": "seen"},
        {"ansible.builtin.set_stats": {"data": {"total": 7}}, "run_once": True},
        {"ansible.builtin.set_stats": {"data": {"me": "{{ inventory_hostname }}"}, "per_host": True}}]
    (books / "site.yml").write_text(json.dumps(play(*tasks, roles=["db"], vars_files=["vars.yml"])), encoding="utf-8")
    desk.submit(
        "ansible.playbook", ident=ident, playbook="site.yml", project="books", inventory="inventory/hosts.json", extra_vars={"extra": "ä"},
        facts=["role_of"], registered=["seen"])
    result = desk.wait(ident, 60)
    assert result.state == "SUCCESS", result
    value = result.value
    assert (value["status"], value["rc"], value["artifacts"]) == ("successful", 0, {"total": 7})
    assert value["hosts"]["ok"] == value["hosts"]["changed"] == ["web1", "web2"]
    assert value["host_artifacts"] == {"web1": {"me": "web1"}, "web2": {"me": "web2"}}
    assert value["facts"] == {"web1": {"role_of": 5432}, "web2": {"role_of": 5432}}
    assert value["registered"]["web2"]["seen"]["stdout"] == "out ä 3"
    assert [event["counter"] for event in desk.events] == list(range(1, value["events"] + 1))
    assert value["summary"].startswith("PLAY RECAP")


def test_a_failure_comes_back_with_its_task(desk: Any, ident: str) -> None:
    desk.submit("ansible.playbook", ident=ident, playbook=play(shell("echo broken >&2; exit 3")), inventory=LOCAL, limit=["web1"])
    value = desk.wait(ident, 60).value
    assert (value["status"], value["rc"], value["hosts"]["failed"], value["hosts"]["ok"]) == ("failed", 2, ["web1"], [])
    assert (value["failed_tasks"][0]["rc"], value["failed_tasks"][0]["stderr"]) == (3, "broken")


def test_check_mode_and_a_limit_too_long_for_a_command_line_reach_it(desk: Any, ident: str) -> None:
    limit = [f"no-such-host-{number}" for number in range(400)] + ["web2"]
    task = {"ansible.builtin.set_stats": {"data": {"check": "{{ ansible_check_mode }}", "hosts": "{{ ansible_play_hosts }}"}}}
    desk.submit("ansible.playbook", ident=ident, playbook=play(task), inventory=LOCAL, limit=limit, check=True, diff=True)
    value = desk.wait(ident, 60).value
    assert value["artifacts"] == {"check": True, "hosts": ["web2"]}
    assert (value["check"], value["diff"]) == (True, True)


def test_a_role_a_module_and_an_inventory_run_in_it_too(desk: Any, books: Path) -> None:
    (books / "roles/db/tasks").mkdir(parents=True)
    (books / "roles/db/tasks/main.yml").write_text("- ansible.builtin.stat: {path: /run/.containerenv}\n  register: seen\n")
    (books / "hosts.sh").write_text("#!/bin/sh\necho '{\"web\": {\"hosts\": [\"'$(test -e /run/.containerenv && echo inside)'\"]}}'\n")
    (books / "hosts.sh").chmod(0o755)
    role = desk.run("ansible.role", role="db", project="books", inventory=ONE, gather_facts=False, registered=["seen"])
    assert role.value["registered"]["web1"]["seen"]["stat"]["exists"] is True, role
    desk.results.clear()
    module = desk.run("ansible.module", module="ansible.builtin.stat", args={"path": "/run/.containerenv"}, inventory=ONE)
    assert module.value["results"]["web1"]["stat"]["exists"] is True, module
    desk.results.clear()
    inventory = desk.run("ansible.inventory", inventory="hosts.sh", project="books")
    assert (list(inventory.value["hosts"]), inventory.value["groups"]["web"]["hosts"]) == (["inside"], ["inside"]), inventory


def test_a_variable_of_many_lines_arrives_as_one(desk: Any) -> None:
    text = "first 'line'\n$HOME \"x\"\nLD_PRELOAD=/x"
    told = {"said": "{{ lookup('env', 'SAID') }}", "preload": "{{ lookup('env', 'LD_PRELOAD') }}"}
    task = {"ansible.builtin.set_stats": {"data": told}}
    result = desk.run("ansible.playbook", playbook=play(task), inventory=ONE, environment={"SAID": text})
    assert result.value["artifacts"] == {"said": text, "preload": ""}, result


def test_variables_are_on_no_command_line_and_in_no_record_of_podman(desk: Any, ident: str) -> None:
    desk.submit(
        "ansible.playbook", ident=ident, playbook=play(shell("sleep 98754")), inventory=ONE, environment={"TOKEN": "t0ken-text"})
    wait_until(lambda: sleepers(ident))
    record = podman("inspect", *containers(ident))
    lines = process_tree.command_lines(process_tree.marked(MARK, ident))
    assert '"--volume' in record
    assert any("podman run" in line for line in lines.values())
    assert "t0ken-text" not in record + str(lines)


def test_what_the_server_has_in_its_environment_does_not_reach_it(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", "planted-text")
    monkeypatch.setenv("http_proxy", "http://planted-text.example.org")
    result = desk.run("ansible.playbook", playbook=play(shell("env; tr '\\0' '\\n' < /proc/1/environ")), inventory=ONE, registered=["seen"])
    said = result.value["registered"]["web1"]["seen"]["stdout"]
    assert f"MAESTRALE_ACTION_EXECUTION_ID={IDENT}" in said
    assert "planted-text" not in said


def test_secrets_come_through_pipes_and_a_key_through_an_agent(desk: Any, work: Path, ident: str) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()).decode()
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    desk.secrets |= {"site/db": "s3cr3t-text", "site/key": text, "site/root": "become-me", "site/vault": "open"}
    look = f"grep -la 's3cr[3]t\\|PRIV[A]TE' /proc/[0-9]*/cmdline /proc/[0-9]*/environ $(find {work} -type f); ssh-add -L"
    task = {"ansible.builtin.set_stats": {"data": {"length": "{{ password | length }}", "leak": "{{ password }}"}}}
    desk.submit(
        "ansible.playbook", ident=ident, playbook=play(shell(look), task), inventory=ONE, secrets={"password": "site/db"},
        ssh_key="site/key", become_password="site/root", vault_passwords="site/vault", registered=["seen"])
    value = desk.wait(ident, 60).value
    assert value["artifacts"] == {"length": 11, "leak": "********"}
    assert value["registered"]["web1"]["seen"]["stdout"].split()[:2] == public.split()[:2]
    assert "s3cr3t" not in json.dumps([value, desk.events])


def test_a_deep_working_directory_does_not_break_the_sockets_in_it(make_desk: Callable[..., Any], tmp_path: Path) -> None:
    work = tmp_path / ("deep" * 20)
    desk = make_desk(playbooks=settings(work))
    desk.secrets["site/key"] = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()).decode()
    result = desk.run("ansible.playbook", playbook=play(shell("ssh-add -l")), inventory=ONE, ssh_key="site/key", registered=["seen"])
    assert "ED25519" in result.value["registered"]["web1"]["seen"]["stdout"], result
    assert list(work.iterdir()) == []


def test_inventory_plugins_keep_what_they_read(desk: Any, books: Path) -> None:
    (books / "hosts.yml").write_text(json.dumps(LOCAL), encoding="utf-8")
    task = {"ansible.builtin.set_stats": {"data": {"at": "{{ lookup('env', 'ANSIBLE_INVENTORY_CACHE_CONNECTION') }}"}}}
    result = desk.run(
        "ansible.playbook", playbook=play(task), project="books", inventory="hosts.yml", limit=["web1"], inventory_cache=60)
    assert result.value["artifacts"]["at"].endswith("/inventory_cache"), result


# ---- what it sees, and its bounds


def test_it_sees_nothing_of_the_machine_but_what_it_was_given(desk: Any, books: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("not for playbooks", encoding="utf-8")
    (books / "given.txt").write_text("given", encoding="utf-8")
    look = f"cat given.txt; touch given.txt || echo read-only; cat {tmp_path}/other.txt; ls -d /proc/{os.getpid()}; ls /sys/class/net"
    task = shell(look, args={"chdir": "{{ playbook_dir }}"})
    (books / "site.yml").write_text(json.dumps(play(task)), encoding="utf-8")
    result = desk.run("ansible.playbook", playbook="site.yml", project="books", inventory=ONE, isolation="none", registered=["seen"])
    seen = result.value["registered"]["web1"]["seen"]
    assert seen["stdout_lines"] == ["givenread-only", "lo"], result
    assert seen["stderr"].count("No such file or directory") == 2


def test_its_memory_is_bounded(make_desk: Callable[..., Any], work: Path) -> None:
    desk = make_desk(playbooks=settings(work, memory_max=200 * 1024**2))
    greedy = shell("exec python3 -c 'x = bytearray(400 * 1024 ** 2)'", failed_when=False)
    result = desk.run("ansible.playbook", playbook=play(greedy), inventory=ONE, registered=["seen"])
    assert result.value["registered"]["web1"]["seen"]["rc"] == -signal.SIGKILL, result


def test_ansible_that_is_killed_itself_says_what_may_have_been_wrong(make_desk: Callable[..., Any], work: Path) -> None:
    desk = make_desk(playbooks=settings(work, memory_max=24 * 1024**2))
    value = desk.run("ansible.playbook", playbook=play(), inventory=ONE).value
    assert (value["status"], value["rc"]) == ("failed", 137)
    assert value["message"].startswith("Playbook was killed, perhaps since its container had more than 25165824 bytes of memory")


def test_its_processes_are_bounded(make_desk: Callable[..., Any], work: Path) -> None:
    desk = make_desk(playbooks=settings(work, processes_max=40, container_cpus=0.5))
    many = shell("for i in $(seq 80); do sleep 60 & done", failed_when=False)
    result = desk.run("ansible.playbook", playbook=play(many), inventory=ONE, registered=["seen"])
    assert "annot fork" in result.value["registered"]["web1"]["seen"]["stderr"], result


def test_its_processor_time_is_bounded(make_desk: Callable[..., Any], work: Path) -> None:
    desk = make_desk(playbooks=settings(work, cpu_max=7))
    result = desk.run("ansible.playbook", playbook=play(shell("ulimit -t; ulimit -t 8 || echo no")), inventory=ONE, registered=["seen"])
    assert result.value["registered"]["web1"]["seen"]["stdout_lines"] == ["7", "no"], result


# ---- images


def test_an_image_that_is_not_there_is_not_pulled_where_none_may_be(make_desk: Callable[..., Any], work: Path) -> None:
    desk = make_desk(playbooks=settings(work, container_pull="never"))
    result = desk.run("ansible.playbook", playbook=play(), inventory=ONE, execution_environment="localhost/never-there:1")
    assert "'localhost/never-there:1' is not on this machine, and none is pulled (setting playbooks.container_pull)" in result.value
    assert not work.exists()


def test_an_image_that_can_not_be_pulled_says_why(desk: Any, work: Path) -> None:
    result = desk.run("ansible.playbook", playbook=play(), inventory=ONE, execution_environment="localhost/never-there:1")
    assert "The image 'localhost/never-there:1' can't be pulled: " in result.value
    assert "localhost" in result.value.partition("pulled: ")[2]
    assert not work.exists()


def test_an_image_in_which_there_is_no_ansible_says_so(make_desk: Callable[..., Any], work: Path, ident: str) -> None:
    desk = make_desk(playbooks=settings(work, container_options=("--env=PATH=/usr/bin:/bin",)))
    desk.submit("ansible.playbook", ident=ident, playbook=play(), inventory=ONE)
    result = desk.wait(ident, 60)
    assert f"podman can't run the image {IMAGE}: " in result.value
    assert "ansible-playbook: not found" in result.value
    assert_nothing_is_left(ident, work)


# ---- ends


def test_cancel_leaves_no_process_and_no_container(desk: Any, work: Path, ident: str) -> None:
    start_stubborn(desk, ident)
    assert desk.runner.cancel(ident)
    result = desk.wait(ident)
    assert (result.state, result.value["status"]) == ("CANCELLED", "canceled")
    assert_nothing_is_left(ident, work)


@pytest.mark.parametrize(("limits", "text"), [
    ({"timeout": 4}, "Playbook timed out after 4 seconds."),
    ({"idle_timeout": 3}, "Playbook was stopped since it printed nothing for 3 seconds."),
])
def test_its_time_limits_leave_no_process_and_no_container(desk: Any, work: Path, ident: str, limits: dict[str, float], text: str) -> None:
    start_stubborn(desk, ident, **limits)
    result = desk.wait(ident, 30)
    assert (result.value["status"], result.value["message"]) == ("timeout", text)
    assert_nothing_is_left(ident, work)


def test_what_does_not_end_when_asked_is_removed_after_the_grace(make_desk: Callable[..., Any], work: Path, ident: str) -> None:
    desk = make_desk(playbooks=settings(work, grace=1.0))
    start_stubborn(desk, ident)
    [main] = [pid for pid, line in process_tree.command_lines(process_tree.marked(MARK, ident)).items() if "podman run" in line]
    os.kill(main, signal.SIGSTOP)  # podman, which should hand the signal on
    assert desk.runner.cancel(ident)
    assert desk.wait(ident, 30).state == "CANCELLED"
    assert_nothing_is_left(ident, work)


def test_cancel_while_the_container_is_being_made_leaves_none(desk: Any, work: Path, ident: str) -> None:
    desk.submit("ansible.playbook", ident=ident, playbook=play(shell(STUBBORN)), inventory=ONE)
    wait_until(lambda: any("podman run" in line for line in process_tree.command_lines(process_tree.marked(MARK, ident)).values()))
    assert desk.runner.cancel(ident)
    assert desk.wait(ident, 30).state == "CANCELLED"
    assert_nothing_is_left(ident, work)


def test_a_killed_playbook_process_leaves_no_container(desk: Any, work: Path, ident: str) -> None:
    start_stubborn(desk, ident)
    os.kill(playbook_process(os.getpid()), signal.SIGKILL)
    assert "its process ended unexpectedly (exit status -9)" in desk.wait(ident, 30).value
    assert_nothing_is_left(ident, work)


SERVER = """
import sys, json
from maestrale.actions import *
settings = ActionSettings(playbooks=PlaybookSettings(
    work_dir=sys.argv[1], grace=1.0, isolation="container", execution_environment=sys.argv[4], container_network="none"))
runner = Runner(standard_registry(settings, plugins=False), settings, lambda i, r: None)
runner.submit(RunRequest(attempt_id=sys.argv[3], name="ansible.playbook", input=json.loads(sys.argv[2])))
sys.stdin.read()
"""


@contextlib.contextmanager
def killed_server(work: Path, ident: str) -> Iterator[int]:
    """A server with a stubborn run in a container; gives the pid of the run's process, and kills the server at the end."""
    inputs = json.dumps({"playbook": play(shell(STUBBORN)), "inventory": ONE})
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(work), inputs, ident, IMAGE], stdin=subprocess.PIPE)
    try:
        wait_until(lambda: len(sleepers(ident)) == 2)
        yield playbook_process(server.pid)
    finally:
        server.kill()
        server.wait()
        server.stdin.close()


def test_a_container_ends_with_its_killed_server(work: Path, ident: str) -> None:
    with killed_server(work, ident):
        pass
    wait_until(lambda: list(work.iterdir()) == [])
    assert_nothing_is_left(ident, work)


def test_a_server_that_starts_again_removes_the_container_that_outlived_both(work: Path, ident: str) -> None:
    with killed_server(work, ident) as process:
        os.kill(process, signal.SIGSTOP)  # so that it doesn't see its server's end
    os.kill(process, signal.SIGKILL)
    assert len(containers(ident)) == 1
    wait_until(lambda: remove_remains(settings(work)))
    assert_nothing_is_left(ident, work)


def test_many_at_once_keep_apart(desk: Any, work: Path, ident: str) -> None:
    names = [f"{ident}-{number}" for number in range(8)]
    for name in names:
        desk.submit("ansible.playbook", ident=name, playbook=play(shell(f"echo {name}")), inventory=ONE, registered=["seen"])
    said = {name: desk.wait(name, 120).value["registered"]["web1"]["seen"]["stdout"] for name in names}
    assert said == {name: name for name in names}
    assert_nothing_is_left(ident, work)
