"""Which isolation a playbook has, which images may be asked for, and what a container is given. Starts no container."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from maestrale.action_options import action_settings_of
from maestrale.actions import PlaybookSettings
from maestrale.actions.playbook_isolation import Isolation, isolation_of
from maestrale.actions.playbook_job import Inputs, job_of
from maestrale.actions.playbook_policy import PlaybookPolicy, PlaybookRefusedError
from maestrale.config import load_settings
from maestrale.errors import InputError

OURS = "quay.io/acme/base:1"
PLAY = [{"hosts": "all", "tasks": []}]


def policy(**settings: Any) -> PlaybookPolicy:
    return PlaybookPolicy(PlaybookSettings(execution_environment=OURS, **settings))


@pytest.mark.parametrize(("least", "asked", "kind"), [
    ("none", None, "none"), ("none", "sandbox", "sandbox"), ("none", "container", "container"),
    ("sandbox", None, "sandbox"), ("sandbox", "none", "sandbox"), ("sandbox", "container", "container"),
    ("container", None, "container"), ("container", "none", "container"), ("container", "sandbox", "container"),
])
def test_a_task_may_ask_for_more_isolation_than_the_operator_but_not_for_less(least: str, asked: str | None, kind: str) -> None:
    assert isolation_of(asked, None, policy(isolation=least)) == Isolation(kind, OURS if kind == "container" else None)


def test_an_image_means_a_container() -> None:
    assert isolation_of(None, "quay.io/acme/net:2", policy()) == Isolation("container", "quay.io/acme/net:2")


@pytest.mark.parametrize("kind", ["none", "sandbox"])
def test_an_image_in_what_is_no_container_is_refused(kind: str) -> None:
    with pytest.raises(InputError, match="execution_environment is the image of a container"):
        isolation_of(kind, OURS, policy())


def test_a_container_without_an_image_says_where_one_can_be_named() -> None:
    with pytest.raises(InputError, match=r"playbooks\.execution_environment"):
        isolation_of("container", None, PlaybookPolicy(PlaybookSettings()))


@pytest.mark.parametrize("image", [
    OURS, "quay.io/acme/net", "quay.io/acme/net:2", "registry.example.org:5000/a/b_c:v1.2@sha256:" + "0" * 64, "localhost/mine",
])
def test_images_of_the_operators_patterns_may_be_asked_for(image: str) -> None:
    let = policy(execution_environments=("quay.io/acme/*", "registry.example.org:5000/*", "localhost/mine"))
    assert isolation_of(None, image, let).image == image


@pytest.mark.parametrize("is_admin", [False, True])
def test_other_images_are_refused_with_the_options_name_to_administrators_too(is_admin: bool) -> None:
    settings = PlaybookSettings(execution_environment=OURS, execution_environments=("quay.io/acme/*",))
    with pytest.raises(PlaybookRefusedError, match=r"'quay\.io/evil/x'.*playbooks\.execution_environments"):
        isolation_of(None, "quay.io/evil/x", PlaybookPolicy(settings, "p", is_admin=is_admin))


@pytest.mark.parametrize("image", ["--privileged", "-v/:/host", "dir:/etc", "oci-archive:/tmp/x.tar", "docker://x", "a b", "", "A/..", 7])
def test_what_is_no_name_of_an_image_is_refused_whatever_the_patterns(image: Any) -> None:
    with pytest.raises(InputError, match="must be the name of an image"):
        isolation_of(None, image, policy(execution_environments=("*",)))


@pytest.mark.parametrize(("auth", "given", "images"), [
    ("none", None, ("*",)), ("token", None, ()), ("none", [], ()), ("token", ["quay.io/a/*"], ("quay.io/a/*",)),
])
def test_images_are_open_by_default_only_where_nobody_else_can_ask_for_them(auth: str, given: Any, images: tuple[str, ...]) -> None:
    tokens = [{"token": "a-long-secret-of-a-test", "project_id": "p"}]
    given_tokens = {"tokens": tokens} if auth == "token" else {}
    settings = load_settings(None, {"auth": auth, "playbooks": {"execution_environments": given}, **given_tokens})
    assert action_settings_of(settings).playbooks.execution_environments == images


@pytest.mark.parametrize("name", ["ansible.playbook", "ansible.module", "ansible.inventory"])
def test_a_refused_image_costs_nothing(make_desk: Callable[..., Any], tmp_path: Path, name: str) -> None:
    desk = make_desk(playbooks=PlaybookSettings(execution_environments=(), work_dir=str(tmp_path / "work")))
    what = {"ansible.playbook": {"playbook": PLAY}, "ansible.module": {"module": "ansible.builtin.ping"}, "ansible.inventory": {}}[name]
    result = desk.run(name, inventory="localhost,", execution_environment=OURS, secrets={"x": "no/such"}, **what)
    assert f"The image '{OURS}' may not be used" in result.value
    assert not (tmp_path / "work").exists()


def test_without_podman_a_container_is_refused(make_desk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = make_desk().run("ansible.playbook", playbook=PLAY, inventory="localhost,", execution_environment=OURS)
    assert "A container was asked for, but podman is not installed." in result.value


def job(directory: Path, settings: PlaybookSettings, **inputs: Any) -> tuple[dict[str, Any], list[str]]:
    """The job, and podman's command line."""
    given = Inputs(**{"playbook": PLAY, "inventory": "localhost,", "isolation": "container", **inputs})
    made = job_of(given, PlaybookPolicy(settings), ident="a/1", directory=str(directory))
    return made, shlex.split(made["arguments"]["cmdline"])


def test_the_operators_bounds_become_bounds_of_the_container(tmp_path: Path) -> None:
    settings = PlaybookSettings(
        execution_environment=OURS, memory_max=1000000, processes_max=50, cpu_max=60, container_cpus=1.5, container_network="none",
        container_options=("--dns=192.0.2.1", "--volume=/etc/pki:/etc/pki:ro"))
    made, line = job(tmp_path, settings)
    options = line[:line.index(OURS)]
    assert {"--memory=1000000", "--pids-limit=50", "--cpus=1.5", "--network=none"} <= set(options)
    assert options[-2:] == ["--dns=192.0.2.1", "--volume=/etc/pki:/etc/pki:ro"]
    assert made["files"]["environment"].endswith("ulimit -t 60\n")
    assert {made["limits"][name] for name in ("memory", "cpu", "processes")} == {None}


def test_without_bounds_podmans_own_hold(tmp_path: Path) -> None:
    _, line = job(tmp_path, PlaybookSettings(execution_environment=OURS))
    assert not [one for one in line if one.startswith(("--memory", "--pids-limit", "--cpus", "--network"))]


def test_all_that_it_is_given_has_the_same_path_inside_and_is_read_only(tmp_path: Path) -> None:
    for name in ("books/inventories/group_vars", "collections", "work"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("books/site.yml", "books/inventories/hosts", "inventory.ini", "ansible.cfg"):
        (tmp_path / name).write_text("", encoding="utf-8")
    (tmp_path / "group_vars").mkdir()
    settings = PlaybookSettings(
        roots={"books": str(tmp_path / "books")}, execution_environment=OURS, collections_path=(str(tmp_path / "collections"), "/no/such"),
        config_file=str(tmp_path / "ansible.cfg"))
    _, line = job(
        tmp_path / "work", settings, playbook=f"{tmp_path}/books/site.yml",
        inventory=[f"{tmp_path}/books/inventories/hosts", f"{tmp_path}/inventory.ini"])
    volumes = [one.removeprefix("--volume=") for one in line if one.startswith(f"--volume={tmp_path}")]
    names = ("ansible.cfg", "books", "collections", "group_vars", "inventory.ini")
    assert volumes[:2] == [f"{tmp_path}/work:{tmp_path}/work", f"{tmp_path}/work:/run/maestrale"]
    assert volumes[2:] == [f"{tmp_path}/{name}:{tmp_path}/{name}:ro" for name in names]
    assert f"--workdir={tmp_path}/books" in line


@pytest.mark.parametrize(("path", "text"), [("with:colon", "there is a colon in its name"), ("/usr/share", "which has its own")])
def test_a_folder_that_can_not_be_shown_is_refused(tmp_path: Path, path: str, text: str) -> None:
    (tmp_path / "with:colon").mkdir()
    settings = PlaybookSettings(execution_environment=OURS, collections_path=(str(tmp_path / path),))
    with pytest.raises(InputError, match=text):
        job(tmp_path / "work", settings)


def test_variables_reach_neither_podman_nor_its_command_line(tmp_path: Path) -> None:
    made, line = job(tmp_path, PlaybookSettings(execution_environment=OURS), environment={"CONTAINERS_CONF": "/x", "TOKEN": "a\n'b'"})
    assert made["environment"].keys().isdisjoint({"CONTAINERS_CONF", "TOKEN"})
    assert not [one for one in line if "TOKEN" in one or "/x" in one]
    assert "export CONTAINERS_CONF=/x\nexport TOKEN='a\n'\"'\"'b'\"'\"''\n" in made["files"]["environment"]


def test_collections_of_the_image_are_found_after_those_of_the_operator(tmp_path: Path) -> None:
    made, _ = job(tmp_path, PlaybookSettings(execution_environment=OURS, collections_path=("/a", "/b")))
    assert made["environment"]["ANSIBLE_COLLECTIONS_PATH"] == "/a:/b:/usr/share/ansible/collections"


def test_containers_of_the_same_action_execution_have_different_names(tmp_path: Path) -> None:
    names = [
        job(tmp_path / f"maestrale-playbook-{suffix}", PlaybookSettings(execution_environment=OURS))[0]["container"]["name"]
        for suffix in ("one", "two")]
    assert names == ["maestrale-a_1-one", "maestrale-a_1-two"]
