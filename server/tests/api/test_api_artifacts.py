"""What is too large for the result of a playbook, over HTTP: whole, masked, and only for one's own project."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from live import Api, running

from maestrale import clock
from maestrale.actions import Action, ActionContext
from maestrale.actions.playbook_mask import Masker
from maestrale.actions.playbook_report import Report
from maestrale.engine.expiration import ARTIFACTS, ExpirationByAge

LOCAL = {"all": {"hosts": {"one": {}}, "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}}
LISTED = "\n".join(f"line {number}" for number in range(1000))


class Keeper(Action):
    """Keeps a text beside its result."""

    name = "test.keeper"

    def __init__(self, text: str) -> None:
        self.text = text

    def run(self, context: ActionContext) -> bool:
        return context.keep({"text.json": self.text})


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("artifacts")
    with running(folder, playbooks={"work_dir": f"{folder}/work", "value_max": 1024}, actions={"result_max": 50_000}) as server:
        server.application.service.registry.add(Keeper)
        yield server


@pytest.fixture(scope="module")
def api(server):
    with closing(Api(server.url, {})) as caller:
        yield caller


def ended(api: Any, name: str, **inputs: Any) -> tuple[str, Any]:
    """The id and the result of an action that was run and kept."""
    reply = api.post("action_executions", {"name": name, "input": inputs, "params": {"save_result": True, "run_sync": True}})
    assert reply.status_code == 201, reply.text
    return reply.json()["id"], json.loads(reply.json()["output"])["result"]


def play(tmp_path: Any, *, fails: bool) -> list[Any]:
    file = tmp_path / "long.txt"
    file.write_text(LISTED)
    tasks = [{"ansible.builtin.command": f"cat {file}", "register": "listed"}]
    return [{"hosts": "all", "gather_facts": False, "tasks": [*tasks, *([{"ansible.builtin.fail": {}}] if fails else [])]}]


@pytest.mark.parametrize("fails", [False, True])
def test_a_registered_variable_that_is_too_large_is_kept_whole_also_of_a_failed_playbook(api, tmp_path, fails):
    pytest.importorskip("ansible")
    ident, result = ended(api, "ansible.playbook", playbook=play(tmp_path, fails=fails), inventory=LOCAL, registered=["listed"])

    assert result["status"] == ("failed" if fails else "successful")
    assert (result["registered"], result["truncated"]) == ({}, ["registered"])
    kept = api.get(f"action_executions/{ident}/artifacts/registered.json")
    assert kept.status_code == 200
    assert kept.json()["one"]["listed"]["stdout"] == LISTED
    assert result["kept"] == [{"name": "registered.json", "size": len(kept.content)}]
    (shown,) = api.get(f"action_executions/{ident}/artifacts").json()["artifacts"]
    assert (shown["name"], shown["size"]) == ("registered.json", len(kept.content))


def test_a_result_that_is_whole_has_no_artifacts(api):
    pytest.importorskip("ansible")
    ident, result = ended(api, "ansible.playbook", playbook=[{"hosts": "all", "gather_facts": False, "tasks": []}], inventory=LOCAL)

    assert result["kept"] == []
    assert api.get(f"action_executions/{ident}/artifacts").json() == {"artifacts": []}
    assert api.get(f"action_executions/{ident}/artifacts/registered.json").status_code == 404


def test_what_is_larger_than_any_result_is_not_kept(api):
    assert ended(api, "test.keeper", text="x" * 50_000)[1] is True
    ident, kept = ended(api, "test.keeper", text="x" * 50_001)

    assert kept is False
    assert api.get(f"action_executions/{ident}/artifacts").json() == {"artifacts": []}


def test_artifacts_hold_no_secrets():
    report = Report(Masker(["hunter2-secret"]), value_max=100)

    report.result("successful", 0, 1.0, {"registered": {"one": {"said": ["my hunter2-secret"] * 100}}})

    assert json.loads(report.kept["registered.json"])["one"]["said"] == ["my ********"] * 100


def test_a_run_that_is_not_kept_keeps_nothing(api, server):
    reply = api.post("action_executions", {"name": "test.keeper", "input": {"text": "1"}})

    assert json.loads(reply.json()["output"])["result"] is False


@pytest.mark.parametrize("path", ["artifacts", "artifacts/text.json"])
def test_artifacts_are_shown_to_their_own_project_and_to_administrators(tenants, path):
    if tenants.application.service.registry.entry("test.keeper") is None:
        tenants.application.service.registry.add(Keeper)
    ident, _ = ended(tenants.owner, "test.keeper", text='"hidden"')

    answers = {who: getattr(tenants, who).get(f"action_executions/{ident}/{path}") for who in ("reader", "stranger", "admin", "nobody")}

    assert {who: reply.status_code for who, reply in answers.items()} == {"reader": 200, "stranger": 404, "admin": 200, "nobody": 401}
    assert "hidden" not in answers["stranger"].text


def test_they_are_deleted_by_age_while_the_action_stays(api, server):
    ident, _ = ended(api, "test.keeper", text="1")
    expiration = ExpirationByAge(
        leavings=ARTIFACTS, node_id="test", database=server.application.service.database, older_than=60,
        now=lambda: clock.now() + timedelta(minutes=61))
    young = ExpirationByAge(
        leavings=ARTIFACTS, node_id="test", database=server.application.service.database, older_than=60,
        now=lambda: clock.now() + timedelta(minutes=59))

    young.run()
    assert api.get(f"action_executions/{ident}/artifacts/text.json").text == "1"
    expiration.run()

    assert api.get(f"action_executions/{ident}/artifacts").json() == {"artifacts": []}
    assert api.get(f"action_executions/{ident}").status_code == 200
