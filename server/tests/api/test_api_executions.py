"""Executions: A136 to A190."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from live import FAILING, NOOP, WAITING, text_of, unique

from maestrale.api import reads

INPUTS = """version: '2.0'
{name}:
  input: [a, {{b: 2}}]
  output: {{a: <% $.a %>, b: <% $.b %>}}
  tasks: {{t: {{action: std.noop}}}}
"""
ENV = "version: '2.0'\n{name}:\n  output: {{v: <% env().v %>}}\n  tasks: {{t: {{action: std.noop}}}}\n"
REVERSE = """version: '2.0'
{name}:
  type: reverse
  tasks:
    one: {{action: std.noop}}
    two: {{action: std.noop, requires: [one]}}
"""
SCOPED = "version: '2.0'\n{name}:\n  tasks:\n    c: {{workflow: {child}}}\n"


def nest(api, leaf: str = NOOP) -> tuple[str, str, str]:
    """Three levels of workflows: top calls middle calls low."""
    low = api.define(leaf)
    middle = api.define(f"version: '2.0'\n{unique()}:\n  tasks:\n    c2: {{workflow: {low}}}\n")
    top = api.define(f"version: '2.0'\n{unique()}:\n  tasks:\n    c1: {{workflow: {middle}}}\n")
    return top, middle, low


def below(api, execution_id: str) -> list[dict]:
    return api.get("executions", root_execution_id=execution_id).json()["executions"]


# ---- create


def test_A136_A138_by_name_and_by_id(api):
    name, other = api.define(), api.define()
    identifier = api.get(f"workflows/{name}").json()["id"]

    by_name = api.post("executions", {"workflow_name": name})
    by_id = api.post("executions", {"workflow_id": identifier, "workflow_name": other})

    assert (by_name.status_code, by_name.json()["state"]) == (201, "RUNNING")
    assert (by_id.status_code, by_id.json()["workflow_name"]) == (201, name)


def test_A137_A139_no_workflow_and_unknown_ones(api):
    assert api.post("executions", {"input": {}}).status_code == 400
    assert text_of(api.post("executions", {})).startswith("Workflow ID or workflow name must be provided.")
    assert api.post("executions", {"workflow_name": unique()}).status_code == 404
    assert api.post("executions", {"workflow_id": str(uuid4())}).status_code == 404


def test_A140_A141_wrong_input_is_listed(api):
    name = api.define(INPUTS)
    missing, unexpected = api.post("executions", {"workflow_name": name}), api.post(
        "executions", {"workflow_name": name, "input": {"a": 1, "zzz": 1}})

    assert (missing.status_code, "missing=['a']" in text_of(missing)) == (400, True)
    assert (unexpected.status_code, "unexpected=['zzz']" in text_of(unexpected)) == (400, True)


def test_A142_A143_defaults_and_params(api):
    execution = api.start(api.define(INPUTS), input={"a": 1}, params={"env": {"x": 1}})

    assert json.loads(execution["input"]) == {"a": 1, "b": 2}
    assert json.loads(execution["params"]) == {"namespace": "", "env": {"x": 1}}
    assert json.loads(api.start(api.define())["params"]) == {"namespace": "", "env": {}}


BIG = """version: '2.0'
{name}:
  input: [{{x: ""}}]
  tasks:
    t:
      action: std.echo output=<% $.x %>
      publish: {{y: <% task().result + task().result %>}}
"""


@pytest.mark.parametrize(
    ("started", "said"),
    [
        ({"input": {"x": "x" * 5000}}, "field=input"), ({"params": {"env": {"x": "x" * 5000}}}, "field=params"),
        ({"input": {"x": "x" * 2500}}, "field=published"),
    ],
)
def test_A353_larger_fields_than_the_limit_are_refused(serve, started, said):
    api = serve(limits={"execution_field_size_limit_kb": 3})
    reply = api.post("executions", {"workflow_name": api.define(BIG), **started})
    text = text_of(reply) if reply.status_code != 201 else api.until(f"executions/{reply.json()['id']}")["state_info"]

    assert "Field size limit exceeded [class=" in text
    assert said in text


def test_A353_a_result_that_is_larger_than_the_limit_fails(serve):
    api = serve(limits={"execution_field_size_limit_kb": 2})
    ended = api.run("version: '2.0'\n{name}:\n  tasks:\n    t: {{action: std.test_dict size=1000 key_prefix='k' val='valuevaluevalue'}}\n")

    assert ended["state"] == "ERROR"
    assert "Field size limit exceeded [class=TaskExecution, field=output, " in ended["state_info"]


def test_A144_A145_environments_by_name(api):
    environment = unique("e")
    api.post("environments", {"name": environment, "variables": {"v": 7}})

    assert json.loads(api.run(ENV, params={"env": environment})["output"]) == {"v": 7}
    assert json.loads(api.run(ENV, params={"env": {"v": 8}})["output"]) == {"v": 8}
    assert api.post("executions", {"workflow_name": api.define(ENV), "params": {"env": "no-such"}}).status_code == 400


def test_A146_evaluate_env_false_keeps_expressions(api):
    text = "<% 1 + 1 %>"

    assert json.loads(api.run(ENV, params={"env": {"v": text}})["output"]) == {"v": 2}
    assert json.loads(api.run(ENV, params={"env": {"v": text}, "evaluate_env": False})["output"]) == {"v": text}


def test_A147_A148_reverse_workflows_need_a_known_target(api):
    name = api.define(REVERSE)

    assert api.post("executions", {"workflow_name": name}).status_code == 400
    for target in ("no", None, 1, ["one"], {"a": 1}):
        assert api.post("executions", {"workflow_name": name, "params": {"task_name": target}}).status_code == 400
    assert api.post("executions", {"workflow_name": name, "params": {"task_name": "two"}}).status_code == 201


def test_A149_a_given_id_starts_once(api):
    name, identifier = api.define(), str(uuid4())
    first = api.start(name, id=identifier)
    second = api.post("executions", {"workflow_name": name, "id": identifier})

    assert first["id"] == identifier
    assert (second.status_code, second.json()["id"]) == (201, identifier)
    assert len(api.get("executions", workflow_name=name).json()["executions"]) == 1


def test_A149_the_id_of_another_project_is_refused(tenants):
    identifier = str(uuid4())
    tenants.owner.start(tenants.owner.define(), id=identifier)

    assert tenants.stranger.post("executions", {"workflow_name": tenants.stranger.define(), "id": identifier}).status_code == 409


@pytest.mark.parametrize("identifier", ["x" * 65, "a/b", "a\nb"])
def test_A149_an_id_that_is_no_address_is_refused(api, identifier):
    assert api.post("executions", {"workflow_name": api.define(), "id": identifier}).status_code == 400


@pytest.mark.parametrize("description", ["again", "", None])
def test_A150_A151_the_workflow_of_a_source_is_started_again(api, description):
    """Recorded: input and params are those of the request alone, whatever is documented."""
    source = api.run(INPUTS, input={"a": 5})
    reply = api.post("executions", {"source_execution_id": source["id"], "description": description, "input": {"a": 6}})
    copy = reply.json()

    assert reply.status_code == 201
    assert (copy["id"] != source["id"], copy["workflow_id"]) == (True, source["workflow_id"])
    assert json.loads(copy["input"]) == {"a": 6, "b": 2}
    assert copy["description"] == f"{description or ''} Based on the execution '{source['id']}'".strip()
    assert api.post("executions", {"source_execution_id": str(uuid4())}).status_code == 404


def test_A152_project_id_is_read_only(api):
    assert api.post("executions", {"workflow_name": api.define(), "project_id": "x"}).status_code == 400


def namespaces(api) -> tuple[str, str, str]:
    """Top and low exist in 'abc' and in the default namespace, middle only in the default one."""
    top, middle, low = unique("top"), unique("mid"), unique("low")
    for namespace in ("", "abc"):
        api.post("workflows", SCOPED.format(name=top, child=middle), namespace=namespace)
        api.post("workflows", NOOP.format(name=low), namespace=namespace)
    api.post("workflows", SCOPED.format(name=middle, child=low))
    return top, middle, low


def test_A153_A154_A155_children_are_looked_up_in_the_roots_namespace(api):
    top, middle, low = namespaces(api)
    root = api.until(f"executions/{api.start(top, workflow_namespace='abc')['id']}")
    found = {row["workflow_name"]: row for row in below(api, root["id"])}

    assert root["workflow_namespace"] == "abc"
    assert found[middle]["workflow_namespace"] == ""
    assert json.loads(found[middle]["params"])["namespace"] == "abc"
    assert found[low]["workflow_namespace"] == "abc"
    task = api.task(found[low]["id"], "t")
    assert task["workflow_namespace"] == "abc"
    assert api.action(found[low]["id"], "t")["workflow_namespace"] == "abc"


def test_A153_a_start_does_not_fall_back_to_the_default_namespace(api):
    """The recorded behaviour: a workflow started by name is looked up in exactly its namespace (L151)."""
    assert api.post("executions", {"workflow_name": api.define(), "workflow_namespace": "nowhere"}).status_code in {201, 404}


def test_A156_A157_ids_of_a_tree(api):
    top, middle, low = nest(api)
    root = api.until(f"executions/{api.start(top)['id']}")
    children = {row["workflow_name"]: row for row in below(api, root["id"])}

    assert (root["task_execution_id"], root["root_execution_id"]) == (None, None)
    assert set(children) == {middle, low}
    assert children[middle]["task_execution_id"] == api.task(root["id"], "c1")["id"]
    assert {row["root_execution_id"] for row in children.values()} == {root["id"]}
    assert children[middle]["description"] == "sub-workflow execution"


def test_A158_env_is_inherited(api):
    child = api.define(ENV)
    text = "version: '2.0'\n{0}:\n  output: {{o: <% $.o %>}}\n  tasks:\n    c: {{workflow: {1}, publish: {{o: <% task().result %>}}}}\n"
    parent = api.define(text.format(unique(), child))

    execution = api.until(f"executions/{api.start(parent, params={'env': {'v': 3}})['id']}")
    assert json.loads(execution["output"]) == {"o": {"v": 3}}


# ---- change


@pytest.fixture
def waiting(api):
    """A running execution with an asynchronous action."""
    return api.start(api.define(WAITING))["id"]


def change(api, identifier, **body):
    return api.put(f"executions/{identifier}", body)


def test_A159_A160_A161_pause_and_resume(api, waiting):
    for _ in range(2):
        reply = change(api, waiting, state="PAUSED")
        assert (reply.status_code, reply.json()["state"]) == (200, "PAUSED")
    resumed = change(api, waiting, state="RUNNING", params={"env": {"k": 1}})
    assert (resumed.status_code, resumed.json()["state"]) == (200, "RUNNING")
    assert json.loads(resumed.json()["params"])["env"] == {"k": 1}
    change(api, waiting, state="SUCCESS")
    assert change(api, waiting, state="RUNNING").status_code in {200, 400}


@pytest.mark.parametrize("state", ["SUCCESS", "ERROR", "CANCELLED"])
def test_A162_stop(api, waiting, state):
    reply = change(api, waiting, state=state, state_info="why")

    assert (reply.status_code, reply.json()["state"]) == (200, state)


def test_a_pause_has_no_reason(api, waiting):
    assert change(api, waiting, state="PAUSED", state_info="why").json()["state_info"] is None


def test_A163_the_message_of_an_error_is_kept(api, waiting):
    reply = change(api, waiting, state="ERROR", state_info="it had to be").json()

    assert reply["state_info"] == "it had to be"
    assert json.loads(api.execution(waiting)["output"])["result"] == "it had to be"


@pytest.mark.parametrize(("state", "shown"), [("CANCELLED", "CANCELLED"), ("PAUSED", "PAUSED")])
def test_A164_A165_sub_workflows_follow(api, state, shown):
    top, _, low = nest(api, WAITING)
    root = api.start(top)["id"]
    end = None
    while end is None:
        end = next((row for row in below(api, root) if row["workflow_name"] == low), None)
    api.action(end["id"], "a")
    change(api, root, state=state)

    for row in below(api, root):
        api.until(f"executions/{row['id']}", shown)
    if state == "PAUSED":
        change(api, root, state="RUNNING")
        for row in below(api, root):
            api.until(f"executions/{row['id']}", "RUNNING")


def test_A166_a_description_answers_the_whole_object(api, waiting):
    reply = change(api, waiting, description="new").json()

    assert reply["description"] == "new"
    assert {"input", "output", "params"} <= set(reply)
    assert api.execution(waiting)["description"] == "new"


@pytest.mark.parametrize(
    ("body", "phrase"),
    [
        ({"description": "x", "state": "PAUSED"}, "must be updated separately"), ({}, "is not provided for update"),
        ({"state_info": "x"}, "is not provided for update"), ({"state": "IDLE"}, "Cannot change state to IDLE. Allowed states are:"),
        ({"state": "NONSENSE"}, "Cannot change state to NONSENSE. Allowed states are:"),
        ({"state": "PAUSED", "params": {"env": {"a": 1}}}, "can only be updated when"), ({"params": {"env": [1]}}, "env must be an object"),
    ],
)
def test_A167_A168_A169_A172_L307_refused_changes(api, waiting, body, phrase):
    reply = change(api, waiting, **body)

    assert reply.status_code == 400
    assert phrase in text_of(reply)


def test_A170_illegal_transitions(api):
    execution = api.run(NOOP)
    reply = change(api, execution["id"], state="PAUSED")

    assert reply.status_code == 400
    assert "Can't change workflow execution state from SUCCESS to PAUSED" in text_of(reply)


def test_A171_env_alone(api, waiting):
    assert change(api, waiting, params={"env": {"a": 1}}).status_code == 403
    change(api, waiting, state="PAUSED")
    reply = change(api, waiting, params={"env": {"a": 1}})
    assert (reply.status_code, json.loads(reply.json()["params"])["env"]) == (200, {"a": 1})
    assert change(api, api.run(FAILING)["id"], params='{"env": {"a": 1}}').status_code == 200


@pytest.mark.parametrize(
    "body", [{"state": "STOPPED"}, {}, {"state": "PAUSED"}, {"description": "x"}, {"description": "x", "state": "ERROR"}],
)
@pytest.mark.parametrize("identifier", ["1a2b3c", "nonexist", str(uuid4())])
def test_A173_an_unknown_id_comes_first(api, identifier, body):
    assert change(api, identifier, **body).status_code == 404


# ---- delete


def test_A174_A175_delete_and_force(api, waiting):
    for query in ({}, {"force": "false"}, {"force": "False"}, {"force": ""}):
        reply = api.delete(f"executions/{waiting}", **query)
        assert reply.status_code == 403
        assert "--force" in text_of(reply)
    assert api.delete(f"executions/{waiting}", force="True").status_code == 204
    assert api.get(f"executions/{waiting}").status_code == 404


def test_A176_A177_L330_delete_takes_everything_along(api):
    top, _, low = nest(api)
    root = api.until(f"executions/{api.start(top)['id']}")
    children = below(api, root["id"])
    task = api.task(root["id"], "c1")
    action = api.action(next(row["id"] for row in children if row["workflow_name"] == low), "t")

    assert api.delete(f"executions/{root['id']}").status_code == 204
    for path in (f"tasks/{task['id']}", f"action_executions/{action['id']}", *(f"executions/{row['id']}" for row in children)):
        assert api.get(path).status_code == 404, path
    assert api.delete(f"executions/{root['id']}").status_code == 404


# ---- inspect


def test_A178_get_has_output_and_published_global(api):
    text = "version: '2.0'\n{name}:\n  vars: {{v: 1}}\n  tasks: {{t: {{on-success: {{publish: {{global: {{g: [1]}}}}}}}}}}\n"
    execution = api.run(text)

    assert json.loads(execution["published_global"]) == {"g": [1]}
    assert "output" in execution
    assert json.loads(api.run(NOOP)["published_global"]) == {}


def test_L114_mappings_that_are_published_globally_are_merged(api):
    text = """version: '2.0'
{name}:
  tasks:
    a: {{on-success: {{publish: {{global: {{g: {{x: 1}}}}}}, next: b}}}}
    b: {{on-success: {{publish: {{global: {{g: {{y: 2}}}}}}}}}}
"""
    assert json.loads(api.run(text)["published_global"]) == {"g": {"x": 1, "y": 2}}


def test_A179_a_failure_is_told_beside_computed_outputs(api):
    text = "version: '2.0'\n{name}:\n  output-on-error: {{said: ann}}\n  tasks: {{t: {{action: std.fail}}}}\n"
    output = json.loads(api.run(text)["output"])

    assert output["said"] == "ann"
    assert "Failure caused by error in tasks: t" in output["result"]


@pytest.fixture(scope="module")
def tree(api):
    """A failed three-level execution with a retried task and a successful one."""
    head = "version: '2.0'\n{name}:\n  tasks:\n"
    low = api.define(head + "    boom: {{action: std.fail, retry: {{count: 2, delay: 0}}}}\n    fine: {{action: std.noop}}\n")
    middle = api.define(f"version: '2.0'\n{unique()}:\n  tasks:\n    c2: {{workflow: {low}}}\n")
    top = api.define(head + f"    ok: {{{{action: std.noop, on-success: c1}}}}\n    c1: {{{{workflow: {middle}}}}}\n")
    return api.until(f"executions/{api.start(top)['id']}"), (top, middle, low)


def test_A180_A184_A185_A186_L417_report(api, tree):
    root, (top, _, low) = tree
    report = api.get(f"executions/{root['id']}/report").json()
    entry = report["root_workflow_execution"]

    assert report["statistics"] == {
        "total_tasks_count": 5, "running_tasks_count": 0, "success_tasks_count": 2, "error_tasks_count": 3, "idle_tasks_count": 0,
        "paused_tasks_count": 0, "estimated_time": 0,
    }
    assert (entry["name"], entry["state"]) == (top, "ERROR")
    tasks = {one["name"]: one for one in entry["task_executions"]}
    lowest = tasks["c1"]["workflow_executions"][0]["task_executions"][0]["workflow_executions"][0]
    assert lowest["name"] == low
    inner = {one["name"]: one for one in lowest["task_executions"]}
    assert inner["boom"]["retry_count"] == 2
    assert "retry_count" not in inner["fine"]
    keys = {"id", "name", "state", "state_info", "created_at", "updated_at"}
    for one in (entry, *tasks.values(), lowest, *inner.values(), *inner["boom"]["action_executions"]):
        assert keys <= set(one)


def test_A181_A182_A183_L417_parts_of_a_report(api, tree):
    root, _ = tree
    path = f"executions/{root['id']}/report"

    assert set(api.get(path, statistics_only="true").json()) == {"statistics"}
    errors = api.get(path, errors_only="True").json()
    assert [one["name"] for one in errors["root_workflow_execution"]["task_executions"]] == ["c1"]
    shallow = api.get(path, max_depth=0).json()
    assert shallow["statistics"]["total_tasks_count"] == 2
    assert [one["workflow_executions"] for one in shallow["root_workflow_execution"]["task_executions"]] == [[], []]
    assert api.get(path, max_depth="x").status_code == 400
    assert api.get(path, nope="x").status_code == 400


def test_A186_estimated_time(api):
    name = api.define(WAITING)
    first = api.start(name)["id"]

    def estimate(identifier):
        return api.get(f"executions/{identifier}/report").json()["statistics"]["estimated_time"]

    assert estimate(first) == -1
    change(api, first, state="SUCCESS")
    assert estimate(first) == 0
    assert estimate(api.start(name)["id"]) >= 1


def test_A187_A188_sub_executions(api, tree):
    root, (top, middle, low) = tree
    path = f"executions/{root['id']}/executions"

    def names(**query):
        return [row["workflow_name"] for row in api.get(path, **query).json()["executions"]]

    assert names() == [top, middle, low]
    assert names(max_depth=1) == [top, middle]
    assert names(max_depth=-1, errors_only="") == [top, middle, low]
    assert names(errors_only="true") == [top, middle, low]
    assert "output" not in api.get(path).json()["executions"][0]
    assert "output" in api.get(path, include_output="true").json()["executions"][0]


def test_A187_A209_a_long_list_of_sub_executions_is_sent_in_parts_and_complete(api, monkeypatch):
    monkeypatch.setattr(reads, "CHUNK", 3)
    name = unique()
    api.define(f"version: '2.0'\n{name}_c:\n  tasks:\n    t: {{action: std.noop}}\n{name}:\n  tasks:\n"
               f"    t: {{with-items: 'i in <% range(7) %>', workflow: {name}_c}}\n")
    execution = api.until(f"executions/{api.start(name)['id']}")
    task = api.task(execution["id"], "t")
    whole = api.get(f"executions/{execution['id']}/executions")
    below = api.get(f"tasks/{task['id']}/executions")

    assert [reply.headers.get("transfer-encoding") for reply in (whole, below)] == ["chunked", "chunked"]
    assert [row["workflow_name"] for row in whole.json()["executions"]] == [name, *[f"{name}_c"] * 7]
    assert whole.json()["executions"][1:] == below.json()["executions"]
    assert len({row["id"] for row in below.json()["executions"]}) == 7
    assert set(whole.json()) == {"executions"}


def test_A189_A190_tasks_of_an_execution(api, tree):
    root, _ = tree

    assert sorted(api.tasks(root["id"])) == ["c1", "ok"]
    for part in ("tasks", "report", "executions"):
        assert api.get(f"executions/{uuid4()}/{part}").status_code == 404
    assert api.get("executions/nope/tasks").status_code == 400
