"""Members, tenancy, tokens, and who may call which route: A286 to A305, A313."""

from __future__ import annotations

import base64
import json
from contextlib import ExitStack, closing
from uuid import uuid4

import httpx
import pytest
from live import FAILING, NOOP, PROJECTS, TOKENS, WAITING, Api, text_of, unique

from maestrale.api.app import ENDPOINTS
from maestrale.api.auth import digest
from maestrale.api.gate import OPEN_PATHS
from maestrale.store import tokens
from maestrale.store.tables import action_artifacts

CALLERS = ("owner", "reader", "stranger", "admin", "nobody")


# ---- members


@pytest.fixture
def shared(tenants):
    """A private workflow of the owner: its id and its members' path."""
    row = tenants.owner.get(f"workflows/{tenants.owner.define()}").json()
    return row, f"workflows/{row['id']}/members"


def test_A286_members_need_authentication(api):
    identifier = api.get(f"workflows/{api.define()}").json()["id"]

    for method, path in (("GET", ""), ("POST", ""), ("GET", "/x"), ("PUT", "/x"), ("DELETE", "/x")):
        reply = api.call(method, f"workflows/{identifier}/members{path}", json={})
        assert reply.status_code == 400
        assert reply.json() == {"faultstring": "Resource sharing feature can only be supported with authentication enabled."}


def test_A287_sharing_a_workflow(tenants, shared):
    row, path = shared
    made = tenants.owner.post(path, {"member_id": "p-other"})

    assert made.status_code == 201
    assert {key: made.json()[key] for key in ("resource_id", "resource_type", "project_id", "member_id", "status")} == {
        "resource_id": row["id"], "resource_type": "workflow", "project_id": "p-own", "member_id": "p-other", "status": "pending",
    }
    assert tenants.owner.post(path, {}).status_code == 400
    public = tenants.admin.post("workflows", NOOP.format(name=unique()), scope="public").json()["workflows"][0]
    assert tenants.admin.post(f"workflows/{public['id']}/members", {"member_id": "x"}).status_code == 400


def test_A288_only_the_owner_shares(tenants, shared):
    _, path = shared

    assert tenants.stranger.post(path, {"member_id": "p-x"}).status_code == 404
    assert tenants.owner.post(path, {"member_id": "p-x"}).status_code == 201
    assert tenants.owner.post(path, {"member_id": "p-x"}).status_code == 409
    assert tenants.owner.post("workflows/not-a-uuid/members", {"member_id": "x"}).status_code == 400
    assert tenants.owner.post(f"workflows/{uuid4()}/members", {"member_id": "x"}).status_code == 404


def test_A289_A290_A291_acceptance(tenants, shared):
    row, path = shared
    name = row["name"]
    tenants.owner.post(path, {"member_id": "p-other"})

    def sees() -> bool:
        return tenants.stranger.get(f"workflows/{name}").status_code == 200

    assert not sees()
    assert tenants.stranger.put(f"{path}/p-other", {"status": "accepted"}).json()["status"] == "accepted"
    assert sees()
    assert name in [one["name"] for one in tenants.stranger.get("workflows").json()["workflows"]]
    assert tenants.stranger.start(name)["project_id"] == "p-other"
    assert tenants.stranger.put("workflows", NOOP.format(name=name)).status_code == 403
    assert tenants.stranger.delete(f"workflows/{name}").status_code == 403
    tenants.stranger.put(f"{path}/p-other", {"status": "rejected"})
    assert not sees()
    assert tenants.stranger.post("executions", {"workflow_name": name}).status_code == 404


def test_A292_A293_who_changes_and_sees_members(tenants, shared):
    _, path = shared
    for member in ("p-other", "p-third"):
        tenants.owner.post(path, {"member_id": member})

    assert tenants.owner.put(f"{path}/p-other", {"status": "accepted"}).status_code == 404
    assert tenants.stranger.put(f"{path}/p-third", {"status": "accepted"}).status_code == 404
    assert tenants.stranger.put(f"{path}/p-other", {"status": "maybe"}).status_code == 400
    assert tenants.stranger.delete(f"{path}/p-other").status_code == 404
    assert sorted(one["member_id"] for one in tenants.owner.get(path).json()["members"]) == ["p-other", "p-third"]
    assert [one["member_id"] for one in tenants.stranger.get(path).json()["members"]] == ["p-other"]
    assert tenants.stranger.get(f"{path}/p-third").status_code == 404
    assert tenants.owner.get(f"{path}/p-third").status_code == 200
    assert tenants.owner.delete(f"{path}/p-other").status_code == 204
    assert tenants.stranger.get(path).status_code == 404


# ---- policy and scope


def test_A294_A037_an_operators_policy_counts(tmp_path, serve):
    path = tmp_path / "policy.yaml"
    path.write_text('"executions:create": "role:operator"\n"workflows:publicize": "rule:admin_or_owner"\n')
    api = serve(api={"policy_file": str(path)})
    name = api.define(NOOP, scope="public")

    assert api.post("executions", {"workflow_name": name}).status_code == 403
    assert api.call("POST", "executions", json={"workflow_name": name}, headers={"X-Roles": "operator"}).status_code == 201


def test_A295_publicize_is_checked_on_create_and_update(tenants):
    owner = tenants.owner
    name, book, action, env = unique(), unique(), unique(), unique()
    texts = {
        "workflows": NOOP.format(name=name), "workbooks": f"version: '2.0'\nname: {book}\n",
        "actions": f"version: '2.0'\n{action}: {{base: std.noop}}\n",
    }
    for path, text in texts.items():
        assert owner.post(path, text, scope="public").status_code == 403
        assert owner.post(path, text).status_code == 201
        assert owner.put(path, text, scope="public").status_code == 403
    identifier = owner.get(f"workflows/{name}").json()["id"]
    assert owner.put(f"workflows/{identifier}", texts["workflows"], scope="public").status_code == 403
    assert owner.post("environments", {"name": env, "scope": "public"}).status_code == 403
    assert owner.post("environments", {"name": env}).status_code == 201
    assert owner.put("environments", {"name": env, "scope": "public"}).status_code == 403
    cron = {"name": unique(), "workflow_name": name, "pattern": "@daily", "scope": "public"}
    assert owner.post("cron_triggers", cron).status_code == 403
    event = {"workflow_id": identifier, "exchange": "e", "topic": "t", "event": unique()}
    assert owner.post("event_triggers", {**event, "scope": "public"}).status_code == 403
    made = owner.post("event_triggers", event).json()
    assert owner.put(f"event_triggers/{made['id']}", {"scope": "public"}).status_code == 403


def test_A296_A297_an_administrator_sees_and_changes_everything(tenants):
    name = tenants.owner.define(WAITING)
    workflow = tenants.owner.get(f"workflows/{name}").json()
    execution = tenants.owner.start(name)

    assert tenants.admin.get(f"workflows/{workflow['id']}").status_code == 200
    assert execution["id"] in [one["id"] for one in tenants.admin.get("executions", workflow_name=name).json()["executions"]]
    assert tenants.admin.put(f"executions/{execution['id']}", {"description": "by admin"}).status_code == 200
    assert tenants.owner.execution(execution["id"])["description"] == "by admin"
    assert tenants.admin.delete(f"executions/{execution['id']}", force="true").status_code == 204
    assert tenants.owner.get(f"executions/{execution['id']}").status_code == 404
    assert tenants.admin.delete(f"workflows/{name}").status_code == 204


def test_A298_a_user_sees_own_and_public_objects(tenants):
    own, foreign = tenants.stranger.define(), tenants.owner.define()
    public = tenants.admin.define(NOOP, scope="public")
    seen = {one["name"] for one in tenants.stranger.get("workflows").json()["workflows"]}

    assert {own, public} <= seen
    assert foreign not in seen


def test_A299_public_objects_of_others_cannot_be_changed(tenants):
    name, book, action, env = unique(), unique(), unique(), unique()
    texts = {
        "workflows": (name, NOOP.format(name=name)), "workbooks": (book, f"version: '2.0'\nname: {book}\n"),
        "actions": (action, f"version: '2.0'\n{action}: {{base: std.noop}}\n"),
    }
    for path, (one, text) in texts.items():
        tenants.admin.post(path, text, scope="public")
        assert tenants.stranger.get(f"{path}/{one}").status_code == 200
        assert tenants.stranger.put(path, text).status_code == 403
        assert tenants.stranger.delete(f"{path}/{one}").status_code == 403
    identifier = tenants.admin.get(f"workflows/{name}").json()["id"]
    event = {"workflow_id": identifier, "exchange": "e", "topic": "t", "event": unique(), "scope": "public"}
    trigger = tenants.admin.post("event_triggers", event).json()
    assert tenants.stranger.put(f"event_triggers/{trigger['id']}", {"name": "mine"}).status_code == 403
    assert tenants.stranger.delete(f"event_triggers/{trigger['id']}").status_code == 403
    tenants.admin.post("environments", {"name": env, "scope": "public"})
    assert tenants.stranger.delete(f"environments/{env}").status_code == 403
    cron = {"name": unique(), "workflow_name": name, "pattern": "@daily", "scope": "public"}
    tenants.admin.post("cron_triggers", cron)
    assert tenants.stranger.delete(f"cron_triggers/{cron['name']}").status_code == 403


def test_A300_project_id_is_stamped(tenants):
    assert tenants.owner.get(f"workflows/{tenants.owner.define()}").json()["project_id"] == "p-own"
    for path, body in (
        ("executions", {"workflow_name": "x"}), ("environments", {"name": "x"}), ("cron_triggers", {"name": "x"}),
        ("action_executions", {"name": "std.noop"}), ("event_triggers", {}),
    ):
        assert tenants.owner.post(path, {**body, "project_id": "p-other"}).status_code == 400


def test_A301_A304_headers_never_change_the_tenant(tenants):
    name = tenants.owner.define()
    headers = {
        "X-Auth-Token": TOKENS["stranger"], "X-Project-Id": "p-own", "X-Roles": "admin", "X-User-Id": "u-owner",
        "X-Identity-Status": "Confirmed", "X-Target-Auth-Uri": "http://127.0.0.1:1/v3", "X-Target-Auth-Token": "t",
        "X-Target-Project-Id": "p-own", "X-Tenant-Id": "p-own",
    }

    assert httpx.get(f"{tenants.url}/v2/workflows/{name}", headers=headers).status_code == 404
    assert httpx.get(f"{tenants.url}/v2/workflows?all_projects=true", headers=headers).status_code == 403
    assert httpx.get(f"{tenants.url}/v2/code_sources", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "more",
    [
        {}, {"X-Target-Auth-Token": "t", "X-Target-Insecure": "yes"},
        {"X-Target-Auth-Token": "t", "X-Target-Service-Catalog": "%%%"},
        {"X-Target-Auth-Token": "t", "X-Target-Service-Catalog": base64.b64encode(b"{broken").decode()},
    ],
)
def test_A303_senseless_target_headers_answer_400(tenants, more):
    headers = {"X-Auth-Token": TOKENS["owner"], "X-Target-Auth-Uri": "http://127.0.0.1:1/v3", **more}

    assert httpx.get(f"{tenants.url}/v2/workflows", headers=headers).status_code == 400


def test_A307_a_token_is_shown_nowhere(tenants, capfd):
    execution = tenants.owner.until(f"executions/{tenants.owner.start(tenants.owner.define())['id']}")
    tenants.owner.get("workflows/nope")
    kept = json.dumps([execution, tenants.owner.task(execution["id"], "t")])
    with tenants.application.service.database.read() as conn:
        rows = "".join(str(row) for row in conn.exec_driver_sql("SELECT * FROM executions").all())

    for place in (kept, rows, *capfd.readouterr()):
        assert TOKENS["owner"] not in place


SEEN = """version: '2.0'
{name}_child:
  output: {{seen: <% $.openstack %>}}
  tasks:
    t: {{action: std.noop}}
{name}:
  output-on-error: {{seen: null}}
  output: {{seen: <% $.child %>}}
  tasks:
    child:
      workflow: {name}_child
      publish: {{child: <% task().result.seen %>}}
      on-success: {{next: [{{fail: <% $.child != $.openstack %>}}]}}
"""


def test_A308_L183_expressions_see_the_caller_without_token_and_catalogue(tenants):
    name = unique()
    tenants.owner.post("workflows", SEEN.format(name=name))
    execution = tenants.owner.until(f"executions/{tenants.owner.start(name)['id']}")
    seen = json.loads(execution["output"])["seen"]

    assert {key: seen[key] for key in ("project_id", "user_id", "user", "user_name", "roles", "is_admin")} == {
        "project_id": "p-own", "user_id": "u-owner", "user": "u-owner", "user_name": "owner", "roles": ["member"], "is_admin": False}
    assert (seen["auth_token"], seen["service_catalog"]) == ("***", "***")
    assert json.loads(execution["published_global"]) == {}


def test_L183_without_output_nothing_of_the_caller_is_in_the_output(tenants):
    name = tenants.owner.define()
    execution = tenants.owner.until(f"executions/{tenants.owner.start(name)['id']}")

    assert json.loads(execution["output"]) == {}


def test_L183_without_authentication_there_is_no_caller_to_see(api):
    execution = api.run("version: '2.0'\n{name}:\n  output: {{seen: <% $.get(openstack) %>}}\n  tasks:\n    t: {{action: std.noop}}\n")

    assert json.loads(execution["output"]) == {"seen": None}


def test_A313_without_authentication_there_is_one_project(api):
    assert api.get(f"workflows/{api.define()}").json()["project_id"] == "<default-project>"
    assert api.start(api.define())["project_id"] == "<default-project>"


# ---- tokens


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Auth-Token": TOKENS["owner"]}, {"Authorization": f"Bearer {TOKENS['owner']}"}, {"Authorization": f"bearer {TOKENS['owner']}"},
        {"Authorization": "Basic " + base64.b64encode(f"owner:{TOKENS['owner']}".encode()).decode()},
    ],
)
def test_tokens_come_in_three_ways(tenants, headers):
    assert httpx.get(f"{tenants.url}/v2/executions", headers=headers).status_code == 200


@pytest.mark.parametrize("user", ["stranger", "", "admin"])
def test_http_basic_checks_the_name(tenants, user):
    value = base64.b64encode(f"{user}:{TOKENS['owner']}".encode()).decode()

    assert httpx.get(f"{tenants.url}/v2/executions", headers={"Authorization": f"Basic {value}"}).status_code == 401


def test_a_stored_token_counts_until_it_is_revoked_or_expires(tenants):
    database, now = tenants.application.service.database, tenants.application.service.catalog.now
    for name, expires in (("fresh", None), ("stale", now())):
        row = {
            "id": str(uuid4()), "digest": digest(f"secret-{name}"), "name": f"{name}-{unique()}", "project_id": "p-own",
            "project_name": None, "user_id": "u", "user_name": "robot", "roles": ["member"], "expires_at": expires, "created_at": now(),
        }
        database.run_write(lambda conn, row=row: tokens.add(conn, row))

    assert httpx.get(f"{tenants.url}/v2/workflows", headers={"X-Auth-Token": "secret-fresh"}).status_code == 200
    assert httpx.get(f"{tenants.url}/v2/workflows", headers={"X-Auth-Token": "secret-stale"}).status_code == 401
    assert httpx.get(f"{tenants.url}/v2/workflows", headers={"X-Auth-Token": "secret-none"}).status_code == 401
    with database.read() as conn:
        assert "secret-fresh" not in str(conn.exec_driver_sql("SELECT * FROM tokens").all())


# ---- the walk


KEPT = "kept.json"


class Walk:
    """One object of each kind, owned by ``owner``, to be asked for by everyone."""

    def __init__(self, owner: Api, admin: Api) -> None:
        self.owner, self.admin = owner, admin
        self.name = owner.define(FAILING)
        self.workflow_id = owner.get(f"workflows/{self.name}").json()["id"]
        execution = owner.until(f"executions/{owner.start(self.name)['id']}")
        task = owner.task(execution["id"], "t")
        owner.put(f"executions/{execution['id']}/lease", {"seconds": 3600})
        self.book, self.action, self.env, self.cron, self.source, self.dynamic = (unique() for _ in range(6))
        owner.post("workbooks", f"version: '2.0'\nname: {self.book}\n")
        owner.post("actions", f"version: '2.0'\n{self.action}: {{base: std.noop}}\n")
        owner.post("environments", {"name": self.env})
        owner.post("cron_triggers", {"name": self.cron, "workflow_name": self.name, "pattern": "@yearly"})
        event = {"workflow_id": self.workflow_id, "exchange": "e", "topic": "t", "event": unique()}
        self.project = unique()
        owner.post("project_sources", {"name": self.project, "url": "https://git.example.org/x.git"})
        owner.post(f"workflows/{self.workflow_id}/members", {"member_id": "p-third"})
        admin.post("code_sources", "x = 1\n", name=self.source)
        admin.post("dynamic_actions", {"name": self.dynamic, "class_name": "X", "code_source_name": self.source})
        self.identifiers = {
            "workflows": self.name, "workbooks": self.book, "actions": self.action, "executions": execution["id"], "tasks": task["id"],
            "action_executions": owner.action(execution["id"], "t")["id"], "environments": self.env, "cron_triggers": self.cron,
            "event_triggers": owner.post("event_triggers", event).json()["id"], "code_sources": self.source,
            "dynamic_actions": self.dynamic, "project_sources": self.project,
        }

    def path(self, template: str) -> str:
        collection = template.split("/")[2] if template.startswith("/v2/") and template.count("/") > 1 else ""
        filled = template.replace("{identifier}", self.identifiers.get(collection, "x")).replace("{namespace}", "some")
        filled = filled.replace("{workflow_id}", self.workflow_id).replace("{member_id}", "p-third")
        return filled.replace("{action_execution_id}", self.identifiers["action_executions"]).replace("{name}", KEPT)

    def body(self, endpoint) -> dict:
        """A request that would be taken: refusals have to come from who asks, not from what is asked."""
        if endpoint.takes == "text":
            action = f"version: '2.0'\n{self.action}: {{base: std.noop}}\n"
            return {"content": action if "actions" in endpoint.path else NOOP.format(name=self.name)}
        bodies = {
            "/v2/executions": {"workflow_name": self.name}, "/v2/executions/{identifier}": {"description": "x"},
            "/v2/executions/{identifier}/lease": {"seconds": 3600},
            "/v2/action_executions/{identifier}/events": {"events": [{"event": "x"}]},
            "/v2/tasks/{identifier}": {"state": "RUNNING", "reset": True}, "/v2/action_executions": {"name": "std.noop"},
            "/v2/action_executions/{identifier}": {"state": "SUCCESS"}, "/v2/event_triggers/{identifier}": {"name": "x"},
            "/v2/workflows/{workflow_id}/members/{member_id}": {"status": "accepted"}, "/maintenance": {"status": "RUNNING"},
            "/v2/workflows/{workflow_id}/members": {"member_id": "p-fourth"},
        }
        return {"json": bodies.get(endpoint.path, {})}


@pytest.fixture(scope="module")
def walk(tenants):
    made = Walk(tenants.owner, tenants.admin)
    service = tenants.application.service
    row = {
        "attempt_id": made.identifiers["action_executions"], "name": KEPT, "part": 0, "size": 1, "created_at": service.catalog.now(),
        "body": "1",
    }
    service.database.run_write(lambda conn: conn.execute(action_artifacts.insert(), row))
    return made


IN_PATH = [one for one in ENDPOINTS if "{" in one.path]
READS = [one for one in ENDPOINTS if one.method == "GET" and one.path not in OPEN_PATHS]
ADMIN_COLLECTIONS = ("/v2/code_sources", "/v2/dynamic_actions")


def route_id(endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=route_id)
def test_every_route_refuses_nobody(tenants, walk, endpoint):
    status = tenants.nobody.call(endpoint.method, walk.path(endpoint.path), **walk.body(endpoint)).status_code

    assert status == 401 if endpoint.path not in OPEN_PATHS else status in {200, 302, 400, 404}


@pytest.mark.parametrize("endpoint", IN_PATH, ids=route_id)
def test_every_object_is_hidden_from_a_stranger(tenants, walk, endpoint):
    reply = tenants.stranger.call(endpoint.method, walk.path(endpoint.path), **walk.body(endpoint))

    expected = {403} if endpoint.path.startswith(ADMIN_COLLECTIONS) else {404}
    if endpoint.path == "/v2/action_executions/{identifier}" and endpoint.method == "DELETE":
        expected = {403}
    assert reply.status_code in expected, reply.text


@pytest.mark.parametrize("endpoint", READS, ids=route_id)
@pytest.mark.parametrize("who", ["owner", "reader", "admin"])
def test_every_object_is_shown_to_its_project_and_to_administrators(tenants, walk, endpoint, who):
    reply = getattr(tenants, who).call("GET", walk.path(endpoint.path))

    needs_admin = endpoint.path.startswith(ADMIN_COLLECTIONS)
    assert reply.status_code == (403 if needs_admin and who != "admin" else 200), reply.text


@pytest.mark.parametrize("endpoint", [one for one in READS if "{" not in one.path], ids=route_id)
def test_no_list_shows_a_stranger_what_is_not_his(tenants, walk, endpoint):
    text = tenants.stranger.call("GET", endpoint.path).text

    for identifier in walk.identifiers.values():
        assert identifier not in text


def test_a_reader_can_be_restricted_by_the_policy(tmp_path):
    """The defaults of the reference know no reader; an operator's file can."""
    from live import running, token_options

    changing = "role:admin or role:member"
    path = tmp_path / "policy.yaml"
    rules = {one.rule for one in ENDPOINTS if one.rule and one.method != "GET"}
    path.write_text("".join(f'"{rule}": "{changing}"\n' for rule in sorted(rules)))
    with ExitStack() as stack:
        server = stack.enter_context(running(tmp_path, **token_options(), api={"policy_file": str(path)}))
        owner, reader = (stack.enter_context(closing(Api(server.url, {"X-Auth-Token": TOKENS[who]}))) for who in ("owner", "reader"))
        name = owner.define()
        for endpoint in ENDPOINTS:
            if endpoint.path in OPEN_PATHS or endpoint.rule is None:
                continue
            status = reader.call(endpoint.method, endpoint.path.replace("{identifier}", name), json={}).status_code
            assert (status == 403) == (endpoint.method != "GET" or endpoint.path.startswith(ADMIN_COLLECTIONS)), endpoint
        assert reader.get(f"workflows/{name}").status_code == 200


def test_refusals_are_told_in_the_same_form(tenants):
    reply = tenants.owner.get("code_sources")

    assert reply.json() == {"faultcode": "Client", "faultstring": "Operation forbidden (insufficient permissions)", "debuginfo": None}
    assert "Operation forbidden" in text_of(tenants.owner.post("code_sources", "x = 1", name="x"))
    assert PROJECTS["owner"] == PROJECTS["reader"]
