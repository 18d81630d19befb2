"""A real identity service: a workflow that makes a project, a user and a role assignment, and cleans up after a failure."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

WORKFLOW = (Path(__file__).parents[4] / "docs" / "examples" / "openstack" / "onboard.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def admin(client_of):
    client = client_of("admin")
    client.define(WORKFLOW)
    return client


def test_a_workflow_makes_a_project_a_user_and_a_role_assignment(admin):
    suffix = str(time.monotonic_ns())
    execution, output = admin.execute("onboard", suffix=suffix, fail=False)
    assert execution["state"] == "SUCCESS", output
    assert output["assigned"] == 1
    assert output["user"]["default_project_id"] == output["project"]
    assert admin.act("keystone.roles_check", role=role_id(admin), user=output["user"]["id"], project=output["project"])[0] == "SUCCESS"
    assert admin.act("keystone.users_delete", user=output["user"])[0] == "SUCCESS"
    assert admin.act("keystone.projects_delete", project=output["project"]) == ("SUCCESS", None)


def role_id(admin):
    return admin.act("keystone.roles_find", name="member")[1]["id"]


def test_after_a_failure_the_workflow_cleans_up(admin):
    suffix = str(time.monotonic_ns())
    execution, output = admin.execute("onboard", suffix=suffix, fail=True)
    assert execution["state"] == "ERROR"
    assert output["removed"] is True, output
    assert "KeystoneAction.projects_create failed" in output["reason"]
    assert "(HTTP 409)" in output["reason"]
    assert "Request-ID: req-" in output["reason"]
    assert admin.act("keystone.projects_list", name=f"p-{suffix}") == ("SUCCESS", [])


def test_actions_have_no_more_rights_than_their_caller(client_of):
    client = client_of("demo_reader")
    state, text = client.act("keystone.projects_create", name="never", domain="default")
    assert state == "ERROR"
    assert "(HTTP 403)" in text
    assert client.act("openstack.identity.find_project", name_or_id="x", cloud="other")[0] == "ERROR"
