"""Authentication by a real Keystone: tokens, projects, roles, trusts (2.1 to 2.3, 2.6; A003, A004, A302, A309, A310)."""

from __future__ import annotations

import base64
import json
import time
from contextlib import closing
from datetime import timedelta
from types import SimpleNamespace

import httpx
import pytest
from live import FAILING, NOOP, WAIT, WAITING, Api, running, unique

from maestrale.actions import ActionSettings
from maestrale.actions.openstack.connections import Connections
from maestrale.api.auth import TokenCache
from maestrale.api.keystone import KeystoneAuthentication, Trusts, service_session
from maestrale.caller import Caller
from maestrale.catalog import Delegations
from maestrale.clock import monotonic, now
from maestrale.config import KeystoneSettings
from maestrale.errors import ActionError, UnauthorizedError

# openstacksdk's own calls of itself
pytestmark = pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK50Warning")


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


def _duty(application, name):
    """A duty of the server, to be done at once."""
    return next(duty for duty in application.service.runtime.chores.duties if duty.name == name).run


@pytest.fixture(scope="module")
def lending(keystone, tmp_path_factory):
    """A server that makes a trust for each execution, and its caller demo."""
    options = keystone.options()
    options["keystone"]["trusts_for_executions"] = True
    with running(tmp_path_factory.mktemp("lending"), **options) as server:
        api = Api(server.url, {"X-Auth-Token": keystone.token("demo", "demo")})
        yield SimpleNamespace(api=api, application=server.application)
        api.close()


def test_A310_the_trust_of_an_exhausted_trigger_ends_after_its_last_execution(cloud, demo, keystone):
    before, end = len(keystone.trusts("demo", "demo")), _duty(cloud.application, "trusts")
    body = {"name": unique(), "workflow_name": demo.define(WAITING), "pattern": "* * * * * *", "remaining_executions": 1}
    assert demo.post("cron_triggers", body).status_code == 201
    deadline = time.monotonic() + WAIT
    while not (found := demo.get("executions", workflow_name=body["workflow_name"]).json()["executions"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    action = demo.action(found[0]["id"], "a")
    while demo.get(f"cron_triggers/{body['name']}").status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    end()
    during = len(keystone.trusts("demo", "demo"))
    demo.put(f"action_executions/{action['id']}", {"state": "SUCCESS"})
    demo.until(f"executions/{found[0]['id']}", "SUCCESS")
    end()

    assert (during, len(keystone.trusts("demo", "demo"))) == (before + 1, before)


def test_A347_the_trust_of_an_execution_outlives_the_token_and_ends_with_the_execution(lending, keystone):
    api, before = lending.api, len(keystone.trusts("demo", "demo"))
    text = (
        "version: '2.0'\n{name}:\n  tasks:\n    a: {{action: std.async_noop, on-success: b}}\n"
        "    b: {{action: openstack.identity.get_project, input: {{project: PROJECT}}}}\n")
    token, described = keystone.login("demo", "demo")
    with closing(Api(api.url, {"X-Auth-Token": token})) as short:
        execution = short.start(short.define(text.replace("PROJECT", described["project"]["id"])))["id"]
    during = len(keystone.trusts("demo", "demo"))
    httpx.delete(f"{keystone.url}/auth/tokens", headers={"X-Auth-Token": token, "X-Subject-Token": token}, timeout=60).raise_for_status()
    api.put(f"action_executions/{api.action(execution, 'a')['id']}", {"state": "SUCCESS"})
    ended = api.until(f"executions/{execution}")
    _duty(lending.application, "trusts")()

    assert ended["state"] == "SUCCESS", api.task(execution, "b")
    assert (during, len(keystone.trusts("demo", "demo"))) == (before + 1, before)


def test_the_trust_of_a_failed_execution_stays_until_it_is_deleted(lending, keystone, monkeypatch):
    api, before, end = lending.api, len(keystone.trusts("demo", "demo")), _duty(lending.application, "trusts")
    failed = api.run(FAILING)
    end()
    during = len(keystone.trusts("demo", "demo"))
    api.delete(f"executions/{failed['id']}")
    monkeypatch.setattr("maestrale.catalog.delegations.START_MAY_TAKE", timedelta(0))
    end()

    assert (during, len(keystone.trusts("demo", "demo"))) == (before + 1, before)


def test_a_repeated_start_makes_no_second_trust(lending, keystone):
    api, workflow, chosen = lending.api, lending.api.define(WAITING), unique("e")
    api.start(workflow, id=chosen)
    during = len(keystone.trusts("demo", "demo"))
    api.start(workflow, id=chosen)
    after = len(keystone.trusts("demo", "demo"))
    api.put(f"executions/{chosen}", {"state": "CANCELLED"})
    _duty(lending.application, "trusts")()

    assert after == during


def test_a_caller_who_acts_by_a_trust_starts_executions_without_a_further_one(lending, keystone):
    settings = KeystoneSettings(**keystone.options()["keystone"])
    caller = Caller(trust_id="the-one-there-is", token="t")
    lender = Delegations(database=lending.application.service.database, trusts=Trusts(settings), now=now, for_executions=True)

    assert lender.lend(caller, "e") is caller


# ---- other clouds


def _target(keystone, token, **more):
    return {"X-Target-Auth-Uri": keystone.url, "X-Target-Auth-Token": token, **more}


@pytest.fixture(scope="module")
def reaching(keystone, tmp_path_factory):
    """A server with static tokens whose actions may reach this machine, and what it says to actions with other headers."""
    tokens = [{"token": "a-static-token-of-p", "project_id": "p"}]
    with running(tmp_path_factory.mktemp("reaching"), auth="token", tokens=tokens, http_denied_cidrs=["169.254.0.0/16"]) as server:

        def act(headers, action="keystone.projects_list", **inputs):
            with closing(Api(server.url, {"X-Auth-Token": "a-static-token-of-p", **headers})) as api:
                reply = api.post("action_executions", {"name": action, "input": inputs}).json()
                return reply["state"], json.loads(reply["output"])["result"]

        yield act


def test_A302_target_headers_make_actions_ask_the_target_cloud_in_its_tokens_name(reaching, keystone):
    state, projects = reaching(_target(keystone, keystone.token("admin", "demo")))
    refused, text = reaching(_target(keystone, keystone.token("demo", "demo")))

    assert state == "SUCCESS", projects
    assert {"demo", "alt_demo"} <= {project["name"] for project in projects}
    assert (refused, "HTTP 403" in text) == ("ERROR", True)


@pytest.mark.parametrize("form", ["v3", "v2", "token"])
def test_A302_a_catalogue_of_the_request_is_used_in_either_form(reaching, keystone, form):
    token = keystone.token("admin", "demo")
    endpoint = {
        "v2": {"publicURL": keystone.url, "region": "RegionOne"},
        "v3": {"interface": "public", "url": keystone.url, "region": "RegionOne", "region_id": "RegionOne"},
    }
    catalog = [{"type": "identity", "name": "keystone", "endpoints": [endpoint["v2" if form == "v2" else "v3"]]}]
    document = {"v2": {"access": {"serviceCatalog": catalog}}, "token": {"token": {"catalog": catalog}}}.get(form, catalog)
    header = base64.b64encode(json.dumps(document).encode()).decode()
    state, result = reaching(_target(keystone, token, **{"X-Target-Service-Catalog": header, "X-Target-Region-Name": "RegionOne"}))

    assert state == "SUCCESS", result
    state, result = reaching(_target(keystone, token, **{"X-Target-Service-Catalog": header, "X-Target-Region-Name": "Nowhere"}))
    assert (state, "Nowhere" in result) == ("ERROR", True)


def test_A302_workflows_carry_the_target_and_no_row_holds_its_token(cloud, keystone):
    token = keystone.token("admin", "demo")
    text = "version: '2.0'\n{name}:\n  tasks:\n    a: {{action: std.noop, on-success: b}}\n    b: {{action: keystone.projects_list}}\n"
    headers = {"X-Auth-Token": keystone.token("demo", "demo"), **_target(keystone, token)}
    with closing(Api(cloud.url, headers)) as api:
        ended = api.run(text)
        reason = api.task(ended["id"], "b")["result"]
    rows = cloud.application.service.database.run_read(
        lambda conn: [str(value) for (value,) in conn.exec_driver_sql("SELECT security FROM executions")])

    # loopback is refused by default, and that it was tried shows that the target was carried to the task
    assert "blocked address" in reason
    assert any(keystone.url in row for row in rows)
    assert not any(token in row for row in rows)


def test_the_target_of_a_request_must_pass_the_egress_policy(reaching):
    state, text = reaching({"X-Target-Auth-Uri": "http://169.254.169.254/v3", "X-Target-Auth-Token": "t"})

    assert (state, "blocked address" in text) == ("ERROR", True)


def test_a_catalogue_that_is_none_is_named(reaching, keystone):
    header = base64.b64encode(b'{"token": 5}').decode()
    state, text = reaching(_target(keystone, "t", **{"X-Target-Service-Catalog": header}))

    assert (state, "no catalogue" in text) == ("ERROR", True)


def test_a_target_whose_token_is_forgotten_is_named(keystone):
    context = SimpleNamespace(security={"target": {"key": "gone", "auth_url": keystone.url}}, settings=ActionSettings())

    with pytest.raises(ActionError, match="not at hand"):
        Connections().get(context)
