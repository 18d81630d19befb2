"""The preinstalled workflows against the stand-in for a cloud, which is named in clouds.yaml (4.7)."""

from __future__ import annotations

import json
import time

import pytest
import yaml

from maestrale.actions import ActionSettings, standard_registry
from maestrale.bootstrap import build_service, populate_database
from maestrale.caller import Caller
from maestrale.catalog.preinstalled import packaged
from maestrale.config import load_settings
from maestrale.core.states import is_final
from maestrale.engine import StartRequest
from maestrale.lang import parse_workflows

pytestmark = pytest.mark.filterwarnings(  # openstacksdk warns of itself
    "ignore::openstack.warnings.RemovedInSDK50Warning", "ignore::openstack.warnings.RemovedInSDK60Warning")
WANTED = {"name": "web", "image": "n1", "flavor": "n1", "keypair": "mine", "network": "n1"}
WAIT = 90.0


@pytest.fixture
def run(cloud, tmp_path, monkeypatch):
    """Run a preinstalled workflow; its execution."""
    auth = {"auth_url": f"{cloud.url}/identity/v3", "username": "u", "password": "p", "project_name": "p",
            "user_domain_name": "Default", "project_domain_name": "Default"}
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump({"clouds": {"north": {"region_name": "RegionOne", "auth": auth}}}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    settings = load_settings(None, {"database_url": f"sqlite:///{tmp_path}/m.db", "openstack": {"cloud": "north"}})
    populate_database(settings)
    service = build_service(settings)
    service.runtime.start()

    def run_to_its_end(workflow, /, **inputs):
        started = service.engine.start(Caller(), StartRequest(workflow_name=workflow, input=inputs))
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            found = service.database.run_read(lambda conn: service.executions.execution(conn, started.id))
            if is_final(found.state):
                return found
            time.sleep(0.02)
        raise AssertionError(found)

    yield run_to_its_end
    service.runtime.stop()


def test_A363_create_instance_starts_a_server_by_names_and_tells_of_it(run, cloud):
    cloud.routes["GET", "compute/servers/detail"] = lambda _: (200, {}, {"servers": [{"id": "i1", "name": "web", "status": "ACTIVE"}]})
    made = run("create_instance", **WANTED)
    (asked,) = [json.loads(one["body"])["server"] for one in cloud.seen if (one["method"], one["place"]) == ("POST", "servers")]

    assert (made.state, made.output) == ("SUCCESS", {"id": "i1", "name": "web", "status": "ACTIVE"}), made.state_info
    assert asked == {"name": "web", "imageRef": "i1", "flavorRef": "i1", "key_name": "mine", "networks": [{"uuid": "i1"}]}


@pytest.mark.parametrize(("service", "kind"), [("image", "image"), ("network", "network")])
def test_create_instance_names_what_is_missing_and_starts_nothing(service, kind, run, cloud):
    place = f"{service}/{kind}s"
    cloud.routes["GET", place] = lambda _: (200, {}, {f"{kind}s": []})
    made = run("create_instance", **WANTED)

    assert (made.state, made.state_info) == ("ERROR", f"There is no {kind} named n1")
    assert [one for one in cloud.seen if one["method"] == "POST" and one["place"] == "servers"] == []


def test_A363_delete_instance_succeeds_when_the_server_is_not_found(run, cloud):
    cloud.routes["GET", "compute/servers/detail"] = lambda _: (200, {}, {"servers": []})
    gone = run("delete_instance", instance_id="i1")

    assert gone.state == "SUCCESS", gone.state_info
    assert [f"{one['method']} {one['place']}" for one in cloud.seen] == ["DELETE servers/i1", "GET servers/detail"]


def test_actions_of_preinstalled_workflows_are_in_the_catalogue():
    registry = standard_registry(ActionSettings(), plugins=False)
    flows = [flow.spec for one in packaged() for flow in parse_workflows(one.text, validate=True)]
    named = {task.action for flow in flows for task in flow.tasks.values()}

    assert len(named) == 6
    assert {name for name in named if registry.entry(name) is None} == set()
