"""A real object store, asked in Mistral's names and in openstacksdk's."""

from __future__ import annotations

import hashlib
import time

import pytest
from swift_peer import Swift

TEXT = "what a workflow found → and keeps"
ETAG = hashlib.md5(TEXT.encode(), usedforsecurity=False).hexdigest()
WORKFLOW = """
version: '2.0'
keep:
  input: [container, text]
  tasks:
    make:
      action: swift.put_container
      input: {container: <% $.container %>}
      on-success: put
    put:
      action: swift.put_object
      input: {container: <% $.container %>, obj: found/first, contents: <% $.text %>, content_type: text/plain}
      publish: {etag: <% task().result %>}
      on-success: [list_by_rest, list_by_sdk, get]
    list_by_rest:
      action: swift.get_container
      input: {container: <% $.container %>}
      publish: {by_rest: "<% task().result[1].name %>"}
    list_by_sdk:
      action: openstack.object_store.objects
      input: {container: <% $.container %>}
      publish: {by_sdk: <% task().result.name %>}
    get:
      action: swift.get_object
      input: {container: <% $.container %>, obj: found/first}
      publish: {got: "<% task().result[1] %>", kind: "<% task().result[0].get('content-type') %>"}
  output:
    etag: <% $.etag %>
    by_rest: <% $.by_rest %>
    by_sdk: <% $.by_sdk %>
    got: <% $.got %>
    kind: <% $.kind %>
"""


@pytest.fixture(scope="module")
def demo(identity, publish_in_catalogue, client_of, tmp_path_factory):
    swift = Swift(tmp_path_factory.mktemp("swift"), identity)
    publish_in_catalogue({("RegionOne", "object-store"): swift.url})
    client = client_of("demo")
    client.define(WORKFLOW)
    yield client
    swift.stop()


@pytest.fixture
def container(demo):
    """A container that is empty."""
    name = f"container-{time.monotonic_ns()}"
    assert demo.act("swift.put_container", container=name) == ("SUCCESS", None)
    return name


def test_a_workflow_keeps_a_text_and_finds_it_again(demo):
    execution, output = demo.execute("keep", container=f"kept-{time.monotonic_ns()}", text=TEXT)
    assert execution["state"] == "SUCCESS", output
    assert output == {"etag": ETAG, "by_rest": ["found/first"], "by_sdk": ["found/first"], "got": TEXT, "kind": "text/plain"}


def test_an_object_is_copied_and_both_deleted_with_their_container(demo, container):
    assert demo.act("swift.put_object", container=container, obj="a", contents=TEXT)[0] == "SUCCESS"
    assert demo.act("swift.copy_object", container=container, obj="a", destination=f"/{container}/b") == ("SUCCESS", None)
    assert demo.act("openstack.object_store.download_object", obj="b", container=container) == ("SUCCESS", TEXT)
    for name in ("a", "b"):
        assert demo.act("swift.delete_object", container=container, obj=name) == ("SUCCESS", None)
    assert demo.act("swift.delete_container", container=container) == ("SUCCESS", None)
    assert demo.act("swift.head_container", container=container)[0] == "ERROR"


def test_metadata_of_an_object_and_a_container_are_in_their_headers(demo, container):
    demo.act("swift.put_object", container=container, obj="a", contents={"one": 1}, headers={"X-Object-Meta-Colour": "red"})
    assert demo.act("swift.post_container", container=container, headers={"X-Container-Meta-Size": "big"}) == ("SUCCESS", None)
    _, of_object = demo.act("swift.head_object", container=container, obj="a")
    _, of_container = demo.act("swift.head_container", container=container)
    assert (of_object["x-object-meta-colour"], of_object["content-length"]) == ("red", str(len('{"one": 1}')))
    assert (of_container["x-container-meta-size"], of_container["x-container-object-count"]) == ("big", "1")
    state, found = demo.act("openstack.object_store.get_container_metadata", container=container)
    assert (state, found["metadata"]) == ("SUCCESS", {"size": "big"})


def test_metadata_of_one_projects_new_container_are_not_in_anothers(demo, client_of):
    name, other = f"marked-{time.monotonic_ns()}", client_of("alt_demo", "alt_demo")
    state, made = demo.act("openstack.object_store.create_container", name=name, metadata={"owner": "mine"})
    assert (state, made["name"]) == ("SUCCESS", name)
    assert demo.act("swift.head_container", container=name)[1]["x-container-meta-owner"] == "mine"
    assert other.act("openstack.object_store.create_container", name=name)[0] == "SUCCESS"
    assert "x-container-meta-owner" not in other.act("swift.head_container", container=name)[1]


def test_a_full_listing_goes_over_all_pages(demo, container):
    for name in ("a", "b", "c"):
        demo.act("swift.put_object", container=container, obj=name, contents="")
    names = [
        [one["name"] for one in demo.act("swift.get_container", container=container, limit=2, full_listing=full)[1][1]]
        for full in (False, True)
    ]
    assert names == [["a", "b"], ["a", "b", "c"]]


@pytest.mark.parametrize(("action", "inputs"), [
    ("swift.get_object", {"container": "nowhere", "obj": "a"}), ("openstack.object_store.get_object_metadata", {"obj": "a"}),
    ("swift.delete_container", {"container": "nowhere"}),
])
def test_what_is_not_there_is_an_error_with_status_and_request_id(action, inputs, demo):
    state, said = demo.act(action, **{"container": "nowhere", **inputs})
    assert state == "ERROR"
    assert "(HTTP 404) (Request-ID: tx" in said
    assert "<" not in said


def test_a_container_that_is_not_empty_stays_and_says_why(demo, container):
    demo.act("swift.put_object", container=container, obj="a", contents="")
    state, said = demo.act("swift.delete_container", container=container)
    assert state == "ERROR"
    assert "conflict" in said
    assert "(HTTP 409)" in said


def test_the_store_of_another_project_is_refused(demo, container, client_of):
    state, said = client_of("alt_demo", "alt_demo").act("swift.head_container", container=container)
    assert (state, "(HTTP 404)" in said) == ("ERROR", True)
