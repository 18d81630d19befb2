"""Media types, the form of values, and the form of errors: A015 to A042."""

from __future__ import annotations

import json
import re
from uuid import uuid4

import pytest
from live import FAILING, NOOP, WAITING, text_of, unique

from maestrale.api.app import ENDPOINTS

TIME = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")
DATA = """version: '2.0'
{name}:
  input: [who, {{times: 2}}]
  output: {{said: <% $.said %>}}
  tasks:
    say:
      action: std.echo output=<% $.who %>
      on-success:
        publish:
          branch: {{said: <% task().result %>}}
          global: {{g: 1}}
"""


@pytest.fixture(scope="module")
def ended(api):
    """A finished execution with data, and its one task and action."""
    execution = api.run(DATA, input={"who": "ann"})
    task = api.task(execution["id"], "say")
    action = api.get(f"action_executions/{api.action(execution['id'], 'say')['id']}").json()
    workflow = api.get(f"workflows/{execution['workflow_name']}").json()
    return {"execution": execution, "task": task, "action": action, "workflow": workflow}


# ---- requests


@pytest.mark.parametrize("headers", [{"Content-Type": "text/plain"}, {"Content-Type": "application/json"}, {}, {"headers": "x"}])
def test_A015_definitions_are_taken_with_any_media_type(api, headers):
    reply = api.call("POST", "workflows", content=NOOP.format(name=unique()), headers=headers)

    assert reply.status_code == 201


@pytest.mark.parametrize("accept", ["application/json", "text/plain", "*/*", "text/html"])
def test_A016_definitions_are_answered_with_json(api, accept):
    reply = api.call("POST", "workflows", content=NOOP.format(name=unique()), headers={"Accept": accept})

    assert reply.status_code == 201
    assert reply.headers["content-type"] == "application/json"


@pytest.mark.parametrize(("method", "path"), [("POST", "executions"), ("PUT", "environments"), ("POST", "action_executions")])
def test_A017_text_is_refused_by_json_endpoints(api, method, path):
    reply = api.call(method, path, content="{}", headers={"Content-Type": "text/plain"})

    assert reply.status_code == 415
    assert reply.json() == {"faultcode": "Client", "faultstring": "Unknown mimetype: text/plain", "debuginfo": None}


def test_A018_xml_is_refused(api):
    reply = api.call("POST", "executions", content="<a/>", headers={"Content-Type": "application/xml"})

    assert reply.status_code == 415
    assert reply.headers["content-type"].startswith("text/plain")
    assert reply.headers["Server-Error-Message"]


def test_a_form_is_refused(api):
    assert api.call("POST", "executions", data={"workflow_name": "x"}).status_code == 400


def test_A019_definitions_written_as_json_are_accepted(api):
    name = unique()
    reply = api.post("workflows", json.dumps({"version": "2.0", name: {"tasks": {"t": {"action": "std.noop"}}}}))

    assert reply.status_code == 201
    assert reply.json()["workflows"][0]["name"] == name


def test_a_missing_media_type_is_json(api):
    assert api.call("POST", "action_executions", content=b'{"name": "std.noop"}').status_code == 201


# ---- values


def test_the_reply_to_a_creation_says_nothing_of_an_update(admin):
    name = unique()
    actions = f"version: '2.0'\n{name}:\n  base: std.noop\n"
    admin.define(name=name)
    made = [
        admin.post("workflows", NOOP.format(name=unique())).json()["workflows"][0],
        admin.post("actions", actions).json()["actions"][0],
        admin.post("workbooks", f"version: '2.0'\nname: {name}\n").json(),
        admin.post("environments", {"name": name, "variables": {}}).json(),
        admin.post("cron_triggers", {"name": name, "workflow_name": name, "pattern": "0 0 1 1 *"}).json(),
        admin.post("code_sources", "class A: pass\n", name=name).json(),
        admin.post("dynamic_actions", {"name": f"{name}.a", "class_name": "A", "code_source_name": name}).json(),
    ]

    assert [(bool(row["created_at"]), "updated_at" in row) for row in made] == [(True, False)] * len(made)
    assert admin.get(f"workflows/{name}").json()["updated_at"] is None


def test_A020_times_have_one_form(api, ended):
    api.post("environments", {"name": unique("e"), "variables": {}})
    for row in [*ended.values(), *api.get("environments").json()["environments"]]:
        for name, value in row.items():
            if name.endswith("_at") and value is not None:
                assert TIME.fullmatch(value), (name, value)
    assert ended["task"]["started_at"]
    assert ended["task"]["finished_at"]


def test_A020_a_saved_synchronous_run_has_it_too(api):
    body = {"name": "std.noop", "params": {"save_result": True, "run_sync": True}}

    assert TIME.fullmatch(api.post("action_executions", body).json()["created_at"])


def test_A021_interface_is_text_when_read_and_an_object_when_written(api, ended):
    name = unique()
    text = DATA.format(name=name)
    written = api.post("workflows", text).json()["workflows"][0]
    updated = api.put("workflows", text).json()["workflows"][0]
    expected = {"input": ["who", {"times": 2}], "output": ["said"]}

    assert written["interface"] == expected
    assert updated["interface"] == expected
    assert json.loads(api.get(f"workflows/{name}").json()["interface"]) == expected
    assert isinstance(api.get("workflows", name=name).json()["workflows"][0]["interface"], str)


def test_A022_execution_fields_are_json_text(ended):
    values = {name: json.loads(ended["execution"][name]) for name in ("input", "output", "params", "published_global")}

    assert values["input"] == {"who": "ann", "times": 2}
    assert values["output"] == {"said": "ann"}
    assert values["params"] == {"namespace": "", "env": {}}
    assert values["published_global"] == {"g": 1}


def test_A023_task_fields_are_json_text(ended):
    task = ended["task"]

    assert json.loads(task["published"]) == {"said": "ann"}
    assert json.loads(task["published_global"]) == {"g": 1}
    assert isinstance(json.loads(task["runtime_context"]), dict)
    assert task["result"] == '"ann"'


def test_A024_action_fields_are_json_text(ended):
    assert json.loads(ended["action"]["input"]) == {"output": "ann"}
    assert json.loads(ended["action"]["output"]) == {"result": "ann"}


def test_A025_trigger_fields_are_json_text(api):
    body = {"name": unique("c"), "workflow_name": api.define(), "pattern": "0 0 1 1 *"}
    trigger = api.post("cron_triggers", body).json()
    read = api.get(f"cron_triggers/{trigger['id']}").json()

    assert (trigger["workflow_input"], trigger["workflow_params"]) == ("{}", "{}")
    assert (read["workflow_input"], read["workflow_params"]) == ("{}", "{}")


def test_A026_variables_are_json_text(api):
    name = unique("e")
    made = api.post("environments", {"name": name, "variables": {"a": [1]}}).json()

    assert json.loads(made["variables"]) == {"a": [1]}
    assert json.loads(api.get(f"environments/{name}").json()["variables"]) == {"a": [1]}


@pytest.mark.parametrize("value", [{"a": 1}, '{"a": 1}', None])
def test_A027_json_fields_are_objects_or_texts_or_null(api, value):
    reply = api.post("environments", {"name": unique("e"), "variables": value})

    assert reply.status_code == 201
    assert reply.json()["variables"] in {None, '{"a":1}'}


@pytest.mark.parametrize("value", [[1], 7, "", "words", "[1]", True])
@pytest.mark.parametrize(("path", "name"), [("environments", "variables"), ("executions", "input"), ("executions", "params")])
def test_A028_json_fields_of_another_kind_are_refused(api, path, name, value):
    reply = api.post(path, {"name" if path == "environments" else "workflow_name": "x", name: value})

    assert reply.status_code == 400
    assert reply.json()["faultcode"] == "Client"


def test_A029_null_is_null(api, ended):
    assert ended["execution"]["state_info"] is None
    assert ended["execution"]["root_execution_id"] is None
    assert ended["action"]["state_info"] is None
    assert api.post("environments", {"name": unique("e")}).json()["variables"] is None


def test_A030_columns_of_the_database_are_not_shown(ended):
    assert set(ended["execution"]) == {
        "id", "workflow_id", "workflow_name", "workflow_namespace", "description", "tags", "params", "task_execution_id",
        "root_execution_id", "state", "state_info", "input", "output", "created_at", "updated_at", "project_id", "published_global",
    }
    assert set(ended["workflow"]) == {
        "id", "name", "namespace", "input", "interface", "definition", "checksum", "tags", "scope", "project_id", "created_at",
        "updated_at",
    }
    assert set(ended["action"]) == {
        "id", "workflow_name", "workflow_namespace", "task_execution_id", "state", "state_info", "tags", "name", "description",
        "project_id", "accepted", "input", "output", "created_at", "updated_at",
    }
    assert not any(name.startswith("_") for name in json.loads(ended["task"]["runtime_context"]))


# ---- errors


def test_A031_errors_of_json_endpoints(api):
    reply = api.get("executions/nope")

    assert reply.status_code == 404
    assert reply.json() == {"faultcode": "Client", "faultstring": "WorkflowExecution not found [id=nope]", "debuginfo": None}


@pytest.mark.parametrize(("method", "path"), [("POST", "workflows"), ("PUT", "workflows"), ("POST", "workbooks"), ("PUT", "actions")])
def test_A032_errors_of_yaml_endpoints(api, method, path):
    reply = api.call(method, path, content="a: [b")

    assert reply.status_code == 400
    assert set(reply.json()) == {"faultstring"}


def test_A033_an_unexpected_error_is_500_without_traceback(tenants, monkeypatch):
    def fail(*_args, **_more):
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(tenants.application.service.engine, "starting", fail)
    reply = tenants.owner.post("executions", {"workflow_name": "x"})

    assert reply.status_code == 500
    assert reply.json()["faultcode"] == "Server"
    assert "Traceback" not in reply.text
    assert "secret detail" not in reply.text


def test_A034_not_found_names_identifier_and_namespace(api):
    for path in ("workflows", "workbooks", "actions"):
        reply = api.get(f"{path}/some.name", namespace="some.where")
        assert reply.status_code == 404
        assert "some.name" in text_of(reply)
        assert "some.where" in text_of(reply)


def test_A034_the_odd_path_of_the_functional_tests(api):
    text = text_of(api.get("workflows/nonexist_wfnamespace=nonexist_namespace"))

    assert "nonexist_wf" in text
    assert "nonexist_namespace" in text


def test_A035_duplicates_answer_409(api, admin):
    workflow = api.define()
    workflow_id = api.get(f"workflows/{workflow}").json()["id"]
    name = unique("d")
    bodies = {
        "workbooks": f"version: '2.0'\nname: {name}\n", "actions": f"version: '2.0'\n{name}: {{base: std.noop}}\n",
        "workflows": NOOP.format(name=name), "environments": {"name": name, "variables": {}},
        "cron_triggers": {"name": name, "workflow_name": workflow, "pattern": "0 0 1 1 *"},
        "event_triggers": {"name": name, "workflow_id": workflow_id, "exchange": "e", "topic": "t", "event": name},
    }
    for path, body in bodies.items():
        assert api.post(path, body).status_code == 201, path
        again = api.post(path, body)
        assert again.status_code == 409, path
        assert again.json()["faultstring"]


@pytest.mark.parametrize(
    "text",
    [
        "version: '2.0'\nx: {tasks: {t: {action: std.noop, on-success: ghost}}}", "a: [b", "", "[1, 2]", "words", "version: '1.0'\nx: {}",
        "version: '2.0'\nx: {tasks: {t: {action: std.echo output=<% $. %>}}}", "version: '2.0'\nx: {tasks: {1: {action: std.noop}}}",
        "\x00", "&a [*a]", "version: '2.0'\nx: {tasks: {t: {action: \"std.noop\\ud800\"}}}",
    ],
)
def test_A036_a_bad_definition_answers_400(api, text):
    reply = api.call("POST", "workflows", content=text.encode())

    assert reply.status_code == 400
    assert reply.json()["faultstring"]


def test_A036_broken_utf8_answers_400(api):
    assert api.call("POST", "workflows", content=b"\xff\xfe\x00").status_code == 400
    assert api.call("POST", "executions", content=b'{"workflow_name": "\xff"}').status_code == 400


def test_A037_policy_refusal_answers_403(api):
    reply = api.post("workflows", NOOP.format(name=unique()), scope="public")

    assert (reply.status_code, text_of(reply)) == (403, "Operation forbidden (insufficient permissions)")


def test_A038_invisible_objects_answer_404(tenants):
    name = tenants.owner.define(NOOP)
    for method in ("GET", "DELETE"):
        assert tenants.stranger.call(method, f"workflows/{name}").status_code == 404


def test_A039_long_names_answer_400(api):
    long = "n" * 256
    assert api.post("workflows", NOOP.format(name=long)).status_code == 400
    assert api.post("workbooks", f"version: '2.0'\nname: {long}\n").status_code == 400
    assert api.post("actions", f"version: '2.0'\n{long}: {{base: std.noop}}\n").status_code == 400
    assert api.post("environments", {"name": long, "variables": {}}).status_code == 400
    assert api.post("workflows", NOOP.format(name=unique()), namespace=long).status_code == 400
    body = {"name": long, "workflow_name": api.define(), "pattern": "0 0 1 1 *"}
    assert api.post("cron_triggers", body).status_code == 400


def test_A039_the_longest_name_is_taken(api):
    name = unique("n" * 240)
    assert api.define(name=name + "x" * (255 - len(name)))


def test_A040_no_decision_in_time_answers_with_an_error(serve, monkeypatch):
    """There is no engine process to lose; what can be too slow is the decision itself."""
    api = serve(engine={"request_timeout": 0})
    reply = api.post("executions", {"workflow_name": api.define()})

    assert reply.status_code == 503
    assert reply.headers["Retry-After"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("executions", {"workflow_name": "x", "nope": 1}), ("environments", {"name": "x", "id": "y"}),
        ("action_executions", {"name": "std.noop", "nope": 1}), ("cron_triggers", {"name": "x", "nope": 1}),
    ],
)
def test_A041_unknown_attributes_answer_400(api, path, body):
    reply = api.post(path, body)

    assert reply.status_code == 400
    assert "attribute" in text_of(reply)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("executions", {"workflow_name": 7}), ("executions", {"workflow_name": "x", "description": []}), ("environments", {"name": {}}),
        ("action_executions", {"name": ["std.noop"]}), ("cron_triggers", {"name": "x", "pattern": 5}), ("executions", [1]),
        ("executions", "text"), ("executions", 7), ("executions", None),
    ],
)
def test_A042_wrong_types_answer_400(api, path, body):
    reply = api.call("POST", path, content=json.dumps(body), headers={"Content-Type": "application/json"})

    assert reply.status_code == 400
    assert reply.json()["faultcode"] == "Client"


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("executions", ["state", "output", "created_at", "updated_at", "root_execution_id", "task_execution_id", "tags"]),
        ("action_executions", ["state", "output", "accepted", "id", "task_name", "created_at"]),
        ("cron_triggers", ["id", "next_execution_time", "created_at"]),
        ("event_triggers", ["id", "created_at"]),
    ],
)
def test_A042_types_of_attributes_that_mean_nothing_are_checked_too(api, path, names):
    workflow = api.define()
    good = {
        "executions": {"workflow_name": workflow}, "action_executions": {"name": "std.noop"},
        "cron_triggers": {"name": unique(), "workflow_name": workflow, "pattern": "0 0 1 1 *"},
        "event_triggers": {"name": unique(), "workflow_id": api.get(f"workflows/{workflow}").json()["id"], "exchange": "e", "topic": "t",
                           "event": "x"},
    }[path]
    for name in names:
        reply = api.post(path, {**good, name: [1.5]})
        assert (reply.status_code, name in text_of(reply)) == (400, True), (name, reply.text)


def test_a_body_beyond_the_limit_answers_413_wherever_one_is_taken(serve):
    api = serve(api={"max_body_size": 2000}, headers={"X-Roles": "admin"})
    taking = [one for one in ENDPOINTS if one.takes != "nothing"]
    execution = api.start(api.define())["id"]
    for endpoint in taking:
        path = re.sub(r"\{\w+\}", execution, endpoint.path)
        content = json.dumps({"name": "x" * 3000})
        for body in (content, iter([content[:1500].encode(), content[1500:].encode()])):  # with its size declared, and without
            reply = api.call(endpoint.method, path, content=body, headers={"Content-Type": "application/json"})
            assert (reply.status_code, "faultstring" in reply.text or endpoint.takes == "text") == (413, True), (endpoint.path, reply.text)

    assert len(taking) > 20
    assert api.post("environments", {"name": "x", "variables": {"a": "x" * 100}}).status_code == 201


def test_hostile_texts_never_break_a_reply(api):
    for text in ("\u0000", "\ud800", "\u202e" * 10, "'; DROP TABLE executions; --", "%s%n{0}", "\u00e9" * 300, "../../etc/passwd"):
        for path in ("executions", "workflows", "tasks", "environments", "cron_triggers", "actions"):
            body = json.dumps({"name": text, "workflow_name": text})
            assert api.call("POST", path, content=body).status_code < 500, (path, text)
            printable = text.encode("utf-8", "replace").decode()
            assert api.call("GET", path, params={"name": printable, "sort_keys": printable}).status_code < 500
            assert api.call("GET", f"{path}/{uuid4()}", params={"fields": printable}).status_code < 500


def test_a_failing_workflow_keeps_its_reason_in_the_output(api):
    execution = api.run(FAILING)

    assert execution["state"] == "ERROR"
    assert "Failure caused by error in tasks: t" in json.loads(execution["output"])["result"]


def test_a_waiting_workflow_stays_running(api):
    execution = api.start(api.define(WAITING))

    assert api.task(execution["id"], "a", "RUNNING")["result"] == "[]"
