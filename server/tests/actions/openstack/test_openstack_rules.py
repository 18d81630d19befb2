"""Rules for all of Mistral's OpenStack names (4.3 to 4.5): which endpoint is asked, what inputs are taken, what is found, how errors read.

The catalogue is one of the request, so that no identity service is needed; the server is a process, asked over HTTP.
"""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.filterwarnings(  # openstacksdk warns of itself
    "ignore::openstack.warnings.RemovedInSDK50Warning", "ignore::openstack.warnings.RemovedInSDK60Warning")


@pytest.fixture
def compute(cloud, target):
    """A client of a cloud with a compute service only."""
    return target({"compute": [("RegionOne", "public", cloud.endpoint("compute"))]})


@pytest.mark.parametrize(("inputs", "headers", "asked"), [
    ({"action_region": "RegionOne"}, {"X-Target-Region-Name": "RegionTwo"}, "one"),
    ({}, {"X-Target-Region-Name": "RegionTwo", "X-Region-Name": "RegionOne"}, "two"),
    ({}, {"X-Region-Name": "RegionTwo"}, "two"),
    ({}, {}, "one"),
])
def test_A337_the_input_then_the_request_then_the_option_choose_the_region(inputs, headers, asked, cloud, second_cloud, target):
    catalogue = {"compute": [
        ("RegionTwo", "public", second_cloud.endpoint("compute")), ("RegionOne", "public", cloud.endpoint("compute"))]}
    state, found = target(catalogue, **headers).act("nova.servers_list", **inputs)

    assert state == "SUCCESS", found
    assert [bool(cloud.seen), bool(second_cloud.seen)] == [asked == "one", asked == "two"]


@pytest.mark.parametrize(("action", "kind", "service"), [
    ("cinder.volumes_list", "block-storage", "block-storage"), ("cinder.volumes_list", "volumev3", "block-storage"),
    ("cinder.volumes_list", "block-store", "block-storage"), ("manila.shares_list", "sharev2", "shared-file-system"),
    ("mistral.workflows_list", "workflowv2", "workflow"), ("nova.servers_list", "compute", "compute"),
    ("gnocchi.metric_list", "metric", "metric"), ("aodh.alarm_list", "alarming", "alarming"),
])
def test_A338_a_service_is_found_by_any_of_its_types(action, kind, service, cloud, target):
    state, found = target({kind: [("RegionOne", "public", cloud.endpoint(service))]}).act(action)

    assert state == "SUCCESS", found
    assert cloud.seen


def test_A338_the_interface_is_the_one_of_the_option(cloud, second_cloud, target):
    catalogue = {"compute": [
        ("RegionOne", interface, one.endpoint("compute"))
        for interface, one in (("internal", second_cloud), ("public", cloud), ("admin", second_cloud))]}
    state, found = target(catalogue).act("nova.servers_list")

    assert state == "SUCCESS", found
    assert (bool(cloud.seen), second_cloud.seen) == (True, [])


@pytest.mark.parametrize(("action", "kind"), [("nova.servers_list", "compute"), ("cinder.volumes_list", "block-storage")])
def test_A339_a_missing_endpoint_is_named_by_type_and_region(action, kind, cloud, target):
    state, said = target({"image": [("RegionOne", "public", cloud.endpoint("image"))]}).act(action, action_region="RegionNine")

    assert state == "ERROR"
    assert kind in said
    assert "RegionNine" in said


def test_A343_an_action_whose_client_takes_anything_takes_any_input(cloud, target):
    client = target({"identity": [("RegionOne", "public", cloud.endpoint("identity"))]})
    state, found = client.act("keystone.projects_list", anything="at-all")

    assert state == "SUCCESS", found
    assert "anything=at-all" in cloud.seen[-1]["query"]


def test_A343_and_says_itself_what_it_misses(cloud, target):
    state, said = target({"network": [("RegionOne", "public", cloud.endpoint("network"))]}).act("neutron.show_network")

    assert (state, "missing inputs: network" in said) == ("ERROR", True)


@pytest.mark.parametrize(("inputs", "said"), [({"server": "s1", "nope": 1}, "unexpected=['nope']"), ({}, "missing=['server']")])
def test_A344_other_inputs_of_other_actions_are_refused(inputs, said, cloud, compute):
    status, text = compute.act("nova.servers_get", **inputs)

    assert (status, cloud.seen) == (400, [])
    assert said in text


FLAVORS = [{"id": "1", "name": "small", "vcpus": 1}, {"id": "2", "name": "large", "vcpus": 1}]


@pytest.fixture
def flavors(cloud, compute):
    cloud.routes["GET", "compute/flavors/detail"] = cloud.routes["GET", "compute/flavors"] = lambda _: (200, {}, {"flavors": FLAVORS})
    return compute


def test_A345_find_gives_the_one_that_matches(flavors):
    assert flavors.act("nova.flavors_find", name="large") == ("SUCCESS", FLAVORS[1])


@pytest.mark.parametrize(("wanted", "said"), [({"name": "huge"}, "No "), ({"vcpus": 1}, "More than one")])
def test_A345_find_fails_where_none_or_several_match(wanted, said, flavors):
    state, text = flavors.act("nova.flavors_find", **wanted)

    assert state == "ERROR"
    assert f"failed: {said}" in text


@pytest.mark.parametrize(("wanted", "names"), [
    ({"vcpus": 1}, ["small", "large"]), ({"vcpus": 1, "name": "small"}, ["small"]), ({"name": "huge"}, []), ({"no-such": 1}, []),
])
def test_A345_findall_compares_any_attribute(wanted, names, flavors):
    state, found = flavors.act("nova.flavors_findall", **wanted)

    assert (state, [one["name"] for one in found]) == ("SUCCESS", names)


def test_A346_an_error_begins_with_class_and_method(cloud, compute):
    cloud.routes["GET", "compute/servers/s1"] = lambda _: (404, {}, {"itemNotFound": {"code": 404, "message": "No such server"}})
    state, said = compute.act("nova.servers_get", server="s1")

    assert state == "ERROR"
    assert "NovaAction.servers_get failed: No such server" in said


def test_A349_actions_of_the_workflow_service_call_it_with_the_callers_token(cloud, target):
    client = target({"workflowv2": [("RegionOne", "public", cloud.endpoint("workflow"))]})
    state, found = client.act("mistral.workflows_list")

    assert state == "SUCCESS", found
    assert cloud.seen[-1]["headers"]["x-auth-token"] == "token-of-target"
