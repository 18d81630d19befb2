"""A real image service, asked in Mistral's names and in openstacksdk's."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from glance_peer import Glance

WORKFLOW = (Path(__file__).parents[4] / "docs" / "examples" / "openstack" / "image.yaml").read_text(encoding="utf-8")
DATA = "no machine starts from this → " * 100


@pytest.fixture(scope="module")
def demo(identity, publish_in_catalogue, client_of, tmp_path_factory):
    glance = Glance(tmp_path_factory.mktemp("glance"), identity)
    publish_in_catalogue({("RegionOne", "image"): glance.url})
    client = client_of("demo")
    client.define(WORKFLOW)
    yield client
    glance.stop()


@pytest.fixture
def image(demo):
    """A registered image without data."""
    made = register(demo)
    yield made
    demo.act("glance.images_delete", image_id=made["id"])


def register(client, **more):
    state, made = client.act("glance.images_create", **{"name": fresh_name(), "disk_format": "raw", "container_format": "bare", **more})
    assert state == "SUCCESS", made
    return made


def fresh_name():
    return f"image-{time.monotonic_ns()}"


def test_a_workflow_makes_an_image_waits_until_it_is_active_and_lists_it(demo):
    name = fresh_name()
    execution, output = demo.execute("image", name=name, data=DATA)
    assert execution["state"] == "SUCCESS", output
    image = output["image"]
    assert (image["status"], image["size"]) == ("active", len(DATA.encode()))
    assert [(one["id"], one["status"], one["visibility"]) for one in output["by_rest"]] == [(image["id"], "active", "shared")]
    assert [(one["id"], one["hash_algo"]) for one in output["by_sdk"]] == [(image["id"], output["by_rest"][0]["os_hash_algo"])]
    assert demo.act("openstack.image.delete_image", image=image["id"], wait_for="DELETED", wait_interval=0.1) == ("SUCCESS", None)
    assert demo.act("glance.images_list", filters={"name": name}) == ("SUCCESS", [])


def test_an_image_is_there_with_what_was_uploaded_until_it_is_deleted(demo, image):
    assert demo.act("glance.images_upload", image_id=image["id"], image_data=DATA) == ("SUCCESS", None)
    state, found = demo.act("openstack.image.get_image", image=image["id"], wait_for="ACTIVE", wait_interval=0.1)
    assert (state, found["size"]) == ("SUCCESS", len(DATA.encode()))
    assert demo.act("openstack.image.download_image", image=image["id"]) == ("SUCCESS", DATA)
    assert demo.act("glance.images_delete", image_id=image["id"]) == ("SUCCESS", None)
    assert demo.act("glance.images_get", image_id=image["id"])[0] == "ERROR"


def test_one_call_of_the_sdk_registers_and_uploads(demo):
    state, found = demo.act("openstack.image.upload_image", name=fresh_name(), disk_format="raw", container_format="bare", data=DATA,
                            wait_for="ACTIVE", wait_interval=0.1)
    assert (state, found["size"]) == ("SUCCESS", len(DATA.encode()))
    assert demo.act("openstack.image.delete_image", image=found["id"]) == ("SUCCESS", None)


def test_waiting_for_an_image_that_gets_no_data_ends_after_the_time_that_is_given(demo, image):
    state, said = demo.act("openstack.image.get_image", image=image["id"], wait_for="ACTIVE", wait_interval=0.05, wait_timeout=0.2)
    assert state == "ERROR"
    assert "has the status QUEUED, not ACTIVE, after 0.2 s" in said


def test_properties_of_an_image_are_set_and_removed(demo, image):
    ident = image["id"]
    assert demo.act("glance.images_update", image_id=ident, name="renamed", colour="red")[0] == "SUCCESS"
    assert demo.act("glance.images_update", image_id=ident, remove_props=["colour"], min_ram=5)[0] == "SUCCESS"
    assert demo.act("glance.image_tags_update", image_id=ident, tag_value="blue") == ("SUCCESS", None)
    _, found = demo.act("glance.images_get", image_id=ident)
    assert (found["name"], found.get("colour"), found["min_ram"], found["tags"]) == ("renamed", None, 5, ["blue"])


def test_properties_of_an_image_are_set_by_the_sdk_with_its_id(demo, image):
    ident = image["id"]
    assert demo.act("openstack.image.update_image", image=ident, name="renamed", colour="red")[0] == "SUCCESS"
    assert demo.act("openstack.image.update_image_properties", image=ident, shade="dark") == ("SUCCESS", True)
    _, found = demo.act("glance.images_get", image_id=ident)
    assert (found["name"], found["colour"], found["shade"]) == ("renamed", "red", "dark")


def test_an_image_is_shared_with_another_project(demo, image, client_of):
    other = client_of("alt_demo", "alt_demo")
    assert other.act("glance.images_get", image_id=image["id"])[0] == "ERROR"
    own = register(other)
    state, member = demo.act("glance.image_members_create", image_id=image["id"], member_id=own["owner"])
    assert (state, member["status"]) == ("SUCCESS", "pending")
    assert other.act("glance.images_get", image_id=image["id"])[1]["id"] == image["id"]
    assert other.act("glance.images_delete", image_id=own["id"]) == ("SUCCESS", None)


def test_a_list_of_images_goes_over_all_pages_up_to_its_limit(demo, image):
    second = register(demo, name=image["name"])
    _, found = demo.act("glance.images_list", filters={"name": image["name"]}, page_size=1)
    _, last = demo.act("glance.images_list", filters={"name": image["name"]}, limit=1)
    demo.act("glance.images_delete", image_id=second["id"])
    assert [one["id"] for one in found] == [second["id"], image["id"]]
    assert last == found[:1]


@pytest.mark.parametrize(("action", "inputs"), [
    ("glance.images_get", {"image_id": "nowhere"}), ("openstack.image.get_image", {"image": "nowhere"}),
])
def test_an_image_that_is_not_there_is_an_error_with_status_message_and_request_id(action, inputs, demo):
    state, said = demo.act(action, **inputs)
    assert state == "ERROR"
    assert "No image found with ID nowhere (HTTP 404) (Request-ID: req-" in said


@pytest.mark.parametrize("action", ["glance.tasks_list", "openstack.image.tasks"])
def test_a_list_that_the_service_refuses_says_why(action, demo):
    state, said = demo.act(action)
    assert state == "ERROR"
    assert "You are not authorized to complete tasks_api_access action. (HTTP 403) (Request-ID: req-" in said


def test_an_upload_that_the_service_refuses_says_why(demo, image):
    assert demo.act("glance.images_upload", image_id=image["id"], image_data=DATA)[0] == "SUCCESS"
    state, said = demo.act("glance.images_upload", image_id=image["id"], image_data=DATA)
    assert state == "ERROR"
    assert "Image status transition from active to saving is not allowed (HTTP 409) (Request-ID: req-" in said
