"""What an action can say of its cloud: region, microversion, pages, a state to wait for, whose rights; and what it says of failures.

The token, the catalogue, the regions and the discovery of versions are a real identity service's and real HTTP.
"""

from __future__ import annotations

import json
import time

import pytest
import requests
import yaml
from accounts import token_of

from maestrale.actions import ActionSettings, Runner, RunRequest, standard_registry
from maestrale.actions.openstack.tokens import Tokens
from maestrale.actions.settings import OpenStackSettings

pytestmark = pytest.mark.filterwarnings(  # openstacksdk warns of itself
    "ignore::openstack.warnings.RemovedInSDK50Warning", "ignore::openstack.warnings.RemovedInSDK60Warning")
ONE_TASK = """
version: '2.0'
one:
  input: [action, inputs]
  output-on-error: {said: <% task(it).result %>}
  tasks:
    it:
      action: <% $.action %>
      input: <% $.inputs %>
      publish: {found: <% task().result %>}
  output: {found: <% $.found %>}
"""


@pytest.fixture(scope="module")
def demo(client_of):
    client = client_of("demo")
    client.define(ONE_TASK)
    return client


@pytest.fixture(scope="module")
def other(client_of):
    client = client_of("alt_demo", "alt_demo")
    client.define(ONE_TASK)
    return client


def run(client, action, /, **inputs):
    """The state of a workflow's execution that runs one action, and what it found or said."""
    execution, output = client.execute("one", action=action, inputs=inputs)
    return execution["state"], output.get("found") if execution["state"] == "SUCCESS" else output.get("said")


def places(cloud):
    return [f"{one['method']} {one['place']}" for one in cloud.seen]


@pytest.mark.parametrize("action", ["nova.servers_list", "openstack.compute.servers"])
def test_A337_the_region_that_an_input_names_is_asked(action, demo, cloud, second_cloud):
    assert run(demo, action, action_region="RegionTwo")[0] == "SUCCESS"
    assert (places(cloud), places(second_cloud)[0]) == ([], "GET servers/detail")


def test_A339_a_region_without_the_service_is_named_in_the_error(demo, cloud):
    state, said = run(demo, "nova.servers_list", action_region="RegionNine")
    assert state == "ERROR"
    assert "NovaAction.servers_list failed" in said
    assert "RegionNine" in said
    assert cloud.seen == []


@pytest.mark.parametrize("action", ["nova.servers_get", "openstack.compute.get_server"])
def test_the_service_gets_the_callers_own_token(action, other, cloud):
    assert run(other, action, server="s1")[0] == "SUCCESS"
    assert {one["headers"]["x-auth-token"] for one in cloud.seen} == {other.headers["X-Auth-Token"]}


def test_A348_mistrals_names_ask_in_the_newest_microversion_that_both_know(demo, cloud):
    assert run(demo, "nova.servers_get", server="s1")[0] == "SUCCESS"
    assert run(demo, "cinder.volumes_get", volume_id="v1")[0] == "SUCCESS"
    assert [one["headers"]["openstack-api-version"] for one in cloud.seen] == ["compute 2.96", "volume 3.70"]


def test_a_microversion_of_ones_own_is_asked_for(demo, cloud):
    assert run(demo, "openstack.compute.get_server", server="s1", microversion="2.60")[0] == "SUCCESS"
    assert cloud.seen[-1]["headers"]["openstack-api-version"] == "compute 2.60"


def two_pages(cloud):
    def answer(request):
        if "marker=s1" in request["query"]:
            return 200, {}, {"servers": [{"id": "s2", "name": "b"}]}
        link = {"rel": "next", "href": f"{cloud.url}/compute/v2.1/servers/detail?limit=1&marker=s1"}
        return 200, {}, {"servers": [{"id": "s1", "name": "a"}], "servers_links": [link]}

    return answer


@pytest.mark.parametrize("action", ["nova.servers_list", "openstack.compute.servers"])
def test_A341_a_list_goes_on_to_the_last_page(action, demo, cloud):
    cloud.routes["GET", "compute/servers/detail"] = two_pages(cloud)
    state, found = run(demo, action)
    assert (state, [one["id"] for one in found]) == ("SUCCESS", ["s1", "s2"])
    assert places(cloud) == ["GET servers/detail"] * 2


def becoming(*states):
    """Answers of a server that has one state after another, and stays in the last one."""
    left = list(states)

    def answer(_):
        state = left.pop(0) if len(left) > 1 else left[0]
        return 200, {}, {"server": {"id": "s1", "name": "a", "status": state}}

    return answer


def test_an_action_waits_for_a_resources_state(demo, cloud):
    cloud.routes["POST", "compute/servers"] = becoming("BUILD")
    cloud.routes["GET", "compute/servers/s1"] = becoming("BUILD", "BUILD", "ACTIVE")
    state, found = run(demo, "openstack.compute.create_server", name="a", image_id="i", flavor_id="f", networks="auto", wait_for="ACTIVE",
                       wait_interval=0.01)
    assert (state, found["status"]) == ("SUCCESS", "ACTIVE")
    assert places(cloud) == ["POST servers"] + ["GET servers/s1"] * 3


def test_waiting_ends_when_the_resource_fails(demo, cloud):
    cloud.routes["POST", "compute/servers"] = becoming("BUILD")
    cloud.routes["GET", "compute/servers/s1"] = becoming("BUILD", "ERROR")
    state, said = run(demo, "openstack.compute.create_server", name="a", image_id="i", flavor_id="f", networks="auto", wait_for="ACTIVE",
                      wait_interval=0.01)
    assert state == "ERROR"
    assert "s1 came to the status ERROR instead of ACTIVE" in said


def test_waiting_for_the_end_of_a_resource_is_over_when_it_is_gone(demo, cloud):
    cloud.routes["GET", "compute/servers/s1"] = lambda _: (404, {}, {"itemNotFound": {"code": 404, "message": "Instance s1 not found"}})
    assert run(demo, "openstack.compute.delete_server", server="s1", wait_for="DELETED", wait_interval=0.01) == ("SUCCESS", None)
    assert places(cloud)[0] == "DELETE servers/s1"


def test_cancelling_an_execution_ends_the_wait_of_its_action(demo, cloud):
    cloud.routes["GET", "compute/servers/s1"] = becoming("BUILD")
    inputs = {"server": "s1", "wait_for": "ACTIVE", "wait_interval": 0.05}
    body = {"workflow_name": "one", "input": json.dumps({"action": "openstack.compute.get_server", "inputs": inputs})}
    url = f"{demo.base}/v2/executions"
    ident = requests.post(url, json=body, headers=demo.headers, timeout=120).json()["id"]
    until = time.monotonic() + 120
    while not cloud.seen and time.monotonic() < until:
        time.sleep(0.01)
    requests.put(f"{url}/{ident}", json={"state": "CANCELLED"}, headers=demo.headers, timeout=120)
    assert demo.finish("executions", ident)["state"] == "CANCELLED"
    found = requests.get(f"{demo.base}/v2/action_executions", headers=demo.headers, timeout=120).json()["action_executions"]
    action = next(one for one in found if one["name"] == "openstack.compute.get_server" and one["state"] != "SUCCESS")
    assert demo.finish("action_executions", action["id"])["state"] == "CANCELLED"
    asked = len(cloud.seen)
    assert run(demo, "nova.servers_list")[0] == "SUCCESS"  # a turn of everything
    assert [place for place in places(cloud)[asked:] if place == "GET servers/s1"] == []


@pytest.mark.parametrize(("action", "where", "body"), [
    ("nova.servers_get", "compute/servers/s1", {"conflictingRequest": {"code": 409, "message": "It is locked"}}),
    ("openstack.compute.get_server", "compute/servers/s1", {"conflictingRequest": {"code": 409, "message": "It is locked"}}),
    ("aodh.alarm_get", "alarming/alarms/s1", {"error_message": {"faultcode": "Client", "faultstring": "It is locked"}}),
])
def test_A346_an_error_has_the_status_the_services_message_and_the_requests_id(action, where, body, demo, cloud):
    cloud.routes["GET", where] = lambda _: (409, {"X-Openstack-Request-Id": "req-42"}, body)
    inputs = {"alarm_id": "s1"} if "alarm" in action else {"server": "s1"}
    state, said = run(demo, action, **inputs)
    assert state == "ERROR"
    assert "It is locked" in said
    assert "409" in said
    assert "req-42" in said


def runner_with(settings):
    whole = ActionSettings(openstack=settings)
    return Runner(standard_registry(whole, plugins=False), whole, lambda *_: None)


def test_a_triggered_run_acts_through_the_trust_of_its_maker(identity, cloud, tmp_path):
    demo, mistral = token_of(identity, "demo", "demo"), token_of(identity, "mistral", "service")
    who = requests.get(f"{identity}/auth/tokens", headers={"X-Auth-Token": demo, "X-Subject-Token": demo}, timeout=120).json()["token"]
    trustee = requests.get(f"{identity}/auth/tokens", headers={"X-Auth-Token": mistral, "X-Subject-Token": mistral}, timeout=120).json()
    body = {"trustor_user_id": who["user"]["id"], "trustee_user_id": trustee["token"]["user"]["id"], "project_id": who["project"]["id"],
            "impersonation": True, "roles": [{"name": "member"}]}
    trust = requests.post(f"{identity}/OS-TRUST/trusts", json={"trust": body}, headers={"X-Auth-Token": demo}, timeout=120).json()["trust"]
    runner = runner_with(OpenStackSettings(
        callers=True, tokens=Tokens(), auth_url=identity, username="mistral", password="secret", region="RegionOne",
        cache_dir=str(tmp_path)))
    security = {"trust_id": trust["id"], "project_id": who["project"]["id"], "user_id": who["user"]["id"], "roles": ["member"]}
    result = runner.run(RunRequest(attempt_id="a1", name="nova.servers_list", security=security, project_id=who["project"]["id"]))
    runner.stop()
    assert not result.failed, result.error
    token = cloud.seen[-1]["headers"]["x-auth-token"]
    headers = {"X-Auth-Token": token_of(identity, "admin", "admin"), "X-Subject-Token": token}
    used = requests.get(f"{identity}/auth/tokens", headers=headers, timeout=120).json()["token"]
    assert (used["user"]["id"], used["OS-TRUST:trust"]["id"]) == (who["user"]["id"], trust["id"])


def test_without_token_and_trust_an_action_says_what_is_missing(identity, cloud, tmp_path):
    runner = runner_with(OpenStackSettings(callers=True, tokens=Tokens(), auth_url=identity, cache_dir=str(tmp_path)))
    result = runner.run(RunRequest(attempt_id="a1", name="nova.servers_list", security={"project_id": "p"}))
    runner.stop()
    assert result.failed
    assert "there is no trust" in result.error
    assert cloud.seen == []


@pytest.fixture
def clouds(cloud, second_cloud, tmp_path, monkeypatch):
    """A clouds.yaml with two clouds, and a runner for whose project "p1" the operator permits one of them."""
    found = {
        name: {"region_name": "RegionOne", "auth": {
            "auth_url": f"{one.url}/identity/v3", "username": "u", "password": "p", "project_name": "p", "user_domain_name": "Default",
            "project_domain_name": "Default"}}
        for name, one in (("north", cloud), ("south", second_cloud))
    }
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump({"clouds": found}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    runner = runner_with(OpenStackSettings(cloud="north", projects={"p1": ("south",)}, cache_dir=str(tmp_path)))
    yield lambda **inputs: runner.run(RunRequest(attempt_id="a1", name="openstack.compute.servers", **inputs))
    runner.stop()


@pytest.mark.parametrize(("project", "wanted", "asked"), [("p0", None, "north"), ("p0", "south", "south"), ("p1", None, "south")])
def test_a_cloud_of_clouds_yaml_is_taken_by_name_or_by_project(project, wanted, asked, clouds, cloud, second_cloud):
    result = clouds(project_id=project, input={"cloud": wanted} if wanted else {})
    assert not result.failed, result.error
    assert [bool(cloud.seen), bool(second_cloud.seen)] == [asked == "north", asked == "south"]


def test_a_cloud_that_the_operator_did_not_permit_is_refused(clouds, cloud):
    result = clouds(project_id="p1", input={"cloud": "north"})
    assert result.failed
    assert "The cloud 'north' is not among those of this project: south." in result.error
    assert cloud.seen == []


def test_with_a_keystone_caller_a_cloud_cannot_be_chosen(demo, cloud):
    state, said = run(demo, "openstack.compute.servers", cloud="north")
    assert state == "ERROR"
    assert "Clouds can't be chosen by name here" in said
    assert cloud.seen == []
