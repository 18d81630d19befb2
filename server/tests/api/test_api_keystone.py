"""Authentication by a real Keystone: tokens, projects, roles, trusts (2.1 to 2.3, 2.6; A003, A004, A309)."""

from __future__ import annotations

import httpx
import pytest
from live import NOOP, unique

from maestrale.api.auth import TokenCache
from maestrale.api.keystone import KeystoneAuthentication, service_session
from maestrale.clock import monotonic, now
from maestrale.config import KeystoneSettings
from maestrale.errors import UnauthorizedError


@pytest.fixture(scope="module")
def demo(cloud):
    return cloud.caller("demo", "demo")


@pytest.fixture(scope="module")
def alt(cloud):
    return cloud.caller("alt_demo", "alt_demo")


@pytest.fixture(scope="module")
def root(cloud):
    return cloud.caller("admin", "demo")


@pytest.mark.parametrize("headers", [{}, {"X-Auth-Token": "wrong"}, {"Authorization": "Bearer wrong"}, {"X-Auth-Token": "\xe9"}])
def test_A004_unknown_tokens_are_refused(cloud, keystone, headers):
    reply = httpx.get(f"{cloud.url}/v2/workflows", headers={key: value.encode("latin-1") for key, value in headers.items()})

    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"] == f'Keystone uri="{keystone.url}"'
    assert reply.headers["Server-Error-Message"]


def test_a_token_without_project_is_refused(cloud, keystone):
    reply = httpx.get(f"{cloud.url}/v2/workflows", headers={"X-Auth-Token": keystone.token("demo", None)})

    assert (reply.status_code, reply.text) == (401, "The token is not scoped to a project.")


def test_a_token_works_as_bearer_too(cloud, keystone):
    headers = {"Authorization": f"Bearer {keystone.token('demo', 'demo')}"}

    assert httpx.get(f"{cloud.url}/v2/workflows", headers=headers).status_code == 200


def test_objects_belong_to_the_tokens_project(demo, keystone):
    project = keystone.login("demo", "demo")[1]["project"]["id"]
    execution = demo.run(NOOP)

    assert execution["project_id"] == project
    assert demo.get(f"workflows/{execution['workflow_name']}").json()["project_id"] == project


def test_projects_do_not_see_each_other_and_administrators_see_all(demo, alt, root):
    name = demo.define()

    assert alt.get(f"workflows/{name}").status_code == 404
    assert root.get(f"workflows/{name}").status_code == 200
    assert demo.get("workflows", all_projects="true").status_code == 403
    assert root.get("workflows", all_projects="true").status_code == 200
    assert demo.post("workflows", NOOP.format(name=unique()), scope="public").status_code == 403


def test_members_of_other_projects(demo, alt, keystone):
    row = demo.get(f"workflows/{demo.define()}").json()
    member = keystone.login("alt_demo", "alt_demo")[1]["project"]["id"]
    path = f"workflows/{row['id']}/members"

    assert demo.post(path, {"member_id": member}).status_code == 201
    assert alt.put(f"{path}/{member}", {"status": "accepted"}).status_code == 200
    assert alt.start(row["name"])["project_id"] == member


def test_A309_a_trust_lives_as_long_as_its_trigger(demo, keystone):
    before = keystone.trusts("demo", "demo")
    name = unique()
    made = demo.post("cron_triggers", {"name": name, "workflow_name": demo.define(), "pattern": "@yearly"})
    during = keystone.trusts("demo", "demo")

    assert made.status_code == 201
    assert "trust" not in made.text
    assert len(during) == len(before) + 1
    assert demo.delete(f"cron_triggers/{name}").status_code == 204
    assert len(keystone.trusts("demo", "demo")) == len(before)


def test_A309_no_trust_stays_of_a_refused_trigger(demo, keystone):
    before = keystone.trusts("demo", "demo")
    body = {"name": unique(), "workflow_name": demo.define(), "pattern": "@yearly"}
    demo.post("cron_triggers", body)

    assert demo.post("cron_triggers", body).status_code == 409
    assert len(keystone.trusts("demo", "demo")) == len(before) + 1
    demo.delete(f"cron_triggers/{body['name']}")


def test_a_validated_token_is_believed_for_a_while(keystone, monkeypatch):
    settings = KeystoneSettings(**keystone.options()["keystone"])
    authentication = KeystoneAuthentication(settings, TokenCache(300, 10, monotonic), now)
    headers = {"x-auth-token": keystone.token("demo", "demo"), "x-region-name": "North"}
    assert authentication.recall(headers) is None

    caller = authentication.authenticate(headers)
    monkeypatch.setattr(authentication, "_session", None)

    assert authentication.recall(headers) == caller
    assert (caller.user_name, caller.region, caller.is_admin, sorted(caller.roles)) == ("demo", "North", False, ["member", "reader"])
    assert caller.service_catalog
    assert headers["x-auth-token"] not in repr(caller)


def test_a_revoked_token_is_refused_once_it_is_asked_about_again(keystone):
    settings = KeystoneSettings(**keystone.options()["keystone"])
    authentication = KeystoneAuthentication(settings, TokenCache(0, 10, monotonic), now)
    token = keystone.token("demo", "demo")
    authentication.authenticate({"x-auth-token": token})
    httpx.delete(f"{keystone.url}/auth/tokens", headers={"X-Auth-Token": token, "X-Subject-Token": token})

    with pytest.raises(UnauthorizedError):
        authentication.authenticate({"x-auth-token": token})
    assert service_session(settings).get_user_id()


@pytest.mark.parametrize("change", [{"auth_url": "http://127.0.0.1:9/v3"}, {"password": "wrong-one"}])
def test_an_unusable_identity_service_answers_503(keystone, serve, change):
    options = keystone.options()
    api = serve(headers={"X-Auth-Token": "any"}, auth="keystone", keystone={**options["keystone"], **change})
    reply = api.get("workflows")

    assert reply.status_code == 503
    assert reply.headers["Retry-After"]
    assert api.get("/healthz").status_code == 200
