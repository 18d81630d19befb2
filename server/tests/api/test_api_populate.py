"""``maestrale db populate`` as a process, and what clients of a server on that database then see (4.7)."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing

import pytest
from live import NOOP, TOKENS, Api, running, token_options

from maestrale.bootstrap import populate_database
from maestrale.config import load_settings
from maestrale.errors import RequestError

NAMES = ("create_instance", "delete_instance")


@pytest.fixture
def database(tmp_path):
    return f"sqlite:///{tmp_path}/m.db"


@pytest.fixture
def populate(database):
    """What the command calls: the names and what became of them."""

    def run() -> dict[str, str]:
        return {one.name: one.change for one in populate_database(load_settings(None, {"database_url": database}))}

    return run


@pytest.fixture
def command(database):
    """Run the command itself."""

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "maestrale.cli", "db", "populate"]
        return subprocess.run(
            command, env={**os.environ, "MAESTRALE_DATABASE_URL": database}, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def caller(database, tmp_path):
    """Callers of different projects of one server on that database."""
    with running(tmp_path, database_url=database, **token_options()) as server:
        callers = {who: Api(server.url, {"X-Auth-Token": token}) for who, token in TOKENS.items()}
        yield callers.__getitem__
        for api in callers.values():
            api.close()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Have an installed package that brings a file of workflows."""

    def install(text: str, files: str = "[Path(__file__).parent / 'theirs.yaml']") -> None:
        folder = tmp_path / "packages"
        (folder / "theirs-1.dist-info").mkdir(parents=True)
        (folder / "theirs-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
        (folder / "theirs-1.dist-info" / "entry_points.txt").write_text("[mistral.preinstalled_workflows]\ntheirs = theirs:workflows\n")
        (folder / "theirs.py").write_text(f"from pathlib import Path\n\ndef workflows():\n    return {files}\n")
        (folder / "theirs.yaml").write_text(text)
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, "theirs", raising=False)

    return install


def test_A363_create_instance_and_delete_instance_are_preinstalled_and_public(command, caller):
    done = command()
    listed = {row["name"]: row for row in caller("stranger").get("workflows").json()["workflows"]}

    assert (done.returncode, done.stdout) == (0, "create_instance: created\ndelete_instance: created\n"), done.stderr
    assert {name: (row["scope"], row["project_id"], row["namespace"]) for name, row in listed.items()} == dict.fromkeys(
        NAMES, ("public", "<default-project>", ""))
    assert {name: row["input"] for name, row in listed.items()} == {
        "create_instance": "name, image, flavor, keypair, network", "delete_instance": "instance_id"}


def test_a_server_alone_installs_no_workflows(caller):
    assert caller("owner").get("workflows").json()["workflows"] == []


def test_A362_populate_can_be_repeated_and_changes_nothing(populate, caller):
    populate()
    before = caller("owner").get("workflows").json()["workflows"]

    assert populate() == dict.fromkeys(NAMES, "unchanged")
    assert caller("owner").get("workflows").json()["workflows"] == before


def test_A362_populate_brings_a_changed_workflow_up_to_date(populate, caller):
    populate()
    before = contents(caller("owner"))
    changed = caller("admin").put("workflows/create_instance", NOOP.format(name="create_instance"), scope="private")
    hidden = caller("owner").get("workflows/create_instance").status_code

    assert (changed.status_code, hidden) == (200, 404)
    assert populate() == {"create_instance": "updated", "delete_instance": "unchanged"}
    assert contents(caller("owner")) == before


def contents(api) -> dict[str, dict[str, str]]:
    """The workflows that a caller sees, without times."""
    rows = api.get("workflows").json()["workflows"]
    return {row["name"]: {key: value for key, value in row.items() if not key.endswith("_at")} for row in rows}


def test_only_administrators_change_what_is_preinstalled(populate, caller):
    populate()

    assert caller("owner").put("workflows", NOOP.format(name="create_instance")).status_code == 403
    assert caller("owner").delete("workflows/create_instance").status_code == 403
    assert caller("admin").delete("workflows/create_instance").status_code == 204


def test_without_authentication_too_a_preinstalled_workflow_is_not_changed(populate, database, tmp_path):
    populate()
    with running(tmp_path, database_url=database) as server, closing(Api(server.url, {})) as anybody:
        refused = anybody.put("workflows", NOOP.format(name="create_instance"))

    assert (refused.status_code, "system workflow: create_instance" in refused.text) == (400, True)


def test_a_users_own_workflow_of_the_name_is_left_alone(command, database, tmp_path):
    with running(tmp_path, database_url=database) as server, closing(Api(server.url, {})) as anybody:
        anybody.define(NOOP, "delete_instance")
        refused = command()
        listed = [row["name"] for row in anybody.get("workflows").json()["workflows"]]

    assert (refused.returncode, refused.stdout, listed) == (1, "", ["delete_instance"])
    assert "maestrale: The name 'delete_instance' is taken by a workflow of a user" in refused.stderr


def test_workflows_of_installed_packages_are_installed_too(populate, package, caller):
    package(NOOP.format(name="theirs"))

    assert populate()["theirs"] == "created"
    assert caller("reader").get("workflows/theirs").json()["scope"] == "public"


def test_a_package_may_replace_a_workflow_of_ours_and_repeating_that_changes_nothing(populate, package):
    populate()
    package(NOOP.format(name="create_instance"))

    assert populate() == {"create_instance": "updated", "delete_instance": "unchanged"}
    assert populate() == dict.fromkeys(NAMES, "unchanged")


@pytest.mark.parametrize(("text", "files", "says"), [
    ("version: '2.0'\nw: {}\n", "[Path(__file__).parent / 'theirs.yaml']", r"theirs\.yaml: "),
    ("", "1 / 0", "'theirs' could not be read by theirs:workflows: division by zero"),
])
def test_a_package_that_is_broken_is_named_and_nothing_is_installed(text, files, says, populate, package, caller):
    package(text, files)

    with pytest.raises(RequestError, match=says):
        populate()
    assert caller("owner").get("workflows").json()["workflows"] == []
