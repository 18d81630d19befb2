"""``awx.*`` against a stand-in for AWX on 127.0.0.2."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from awx_peer import PROMPTS, TOKEN, Awx
from desk import IDENT, OPEN
from structlog.testing import capture_logs

from maestrale.actions import ActionSettings, AwxController, AwxSettings, Result, Runner, RunRequest, standard_registry
from maestrale.actions.awx.launch import MARK
from maestrale.actions.awx.template import ASKED

FAST = {"poll_seconds": 0.01}
SUMMARIES = [
    {"id": 1, "host_name": "a", "ok": 2, "changed": 1, "failures": 0, "dark": 0},
    {"id": 2, "host_name": "b", "ok": 1, "changed": 0, "failures": 1, "dark": 0},
    {"id": 3, "host_name": "c", "ok": 0, "changed": 0, "failures": 0, "dark": 1},
]
FAILED = {
    "counter": 4, "event": "runner_on_failed", "host_name": "b", "task": "Install", "play": "Site", "role": "web", "failed": True,
    "event_data": {"task_action": "ansible.builtin.apt", "res": {"msg": "no such package"}}, "stdout": "fatal",
}


@pytest.fixture
def awx() -> Iterator[Awx]:
    server = Awx()
    yield server
    server.close()


@pytest.fixture
def awx_desk(awx: Awx, make_desk: Callable[..., Any]) -> Any:
    return make_desk(awx=settings(awx))


def settings(awx: Awx, **more: Any) -> AwxSettings:
    return AwxSettings(**{"controllers": {"main": AwxController(url=awx.url, token=TOKEN)}, "outage_max": 20.0, **more})


def run(desk: Any, name: str = "awx.job", *, repeated: bool = False, ident: str = IDENT, **inputs: Any) -> Result:
    return desk.runner.run(RunRequest(attempt_id=ident, name=name, input={**FAST, **inputs}, repeated=repeated))


def posts(awx: Awx, part: str = "") -> list[str]:
    return [path for method, path in awx.seen if method == "POST" and part in path]


# ---- launching and results


def test_a_job_is_launched_by_name_followed_to_its_end_and_described(awx: Awx, awx_desk: Any) -> None:
    awx.ending = {
        "status": "successful", "event_processing_finished": True, "elapsed": 3.5, "artifacts": {"version": "1.2"},
        "job_host_summaries": SUMMARIES[:1],
    }
    result = run(awx_desk, template="deploy")
    assert result.state == "SUCCESS"
    assert {name: result.data[name] for name in ("job_id", "type", "status", "elapsed", "changed", "artifacts", "failed_hosts")} == {
        "job_id": 101, "type": "job", "status": "successful", "elapsed": 3.5, "changed": True, "artifacts": {"version": "1.2"},
        "failed_hosts": []}
    assert result.data["host_summaries"] == {
        "a": {"ok": 2, "changed": 1, "failures": 0, "dark": 0, "skipped": 0, "rescued": 0, "ignored": 0}}
    assert result.data["url"] == f"{awx.url}/api/v2/x/101/"


def test_the_outputs_end_comes_without_colours_and_bounded(awx: Awx, awx_desk: Any) -> None:
    tail = run(awx_desk, template="deploy").data["stdout_tail"]
    assert tail.endswith("x\nthe end\n")
    assert len(tail) == 8192
    assert "\x1b" not in tail


def test_names_become_ids_and_falsy_values_are_sent(awx: Awx, awx_desk: Any) -> None:
    run(awx_desk, template=81, inventory="prod", credentials=["ssh", 22], labels="night", execution_environment="ee",
        instance_groups=["east"], limit=["a", "b"], tags="one,two", skip_tags=[], verbosity=0, diff_mode=False, forks=0, job_type="check",
        scm_branch="", timeout=0, extra_vars={"x": 0})
    assert awx.launches == [("job", {
        "inventory": 12, "credentials": [21, 22], "labels": [31], "execution_environment": 41, "instance_groups": [51], "limit": "a,b",
        "job_tags": "one,two", "skip_tags": "", "verbosity": 0, "diff_mode": False, "forks": 0, "job_type": "check", "scm_branch": "",
        "timeout": 0, "extra_vars": {"x": 0, MARK: IDENT}})]


@pytest.mark.parametrize(("given", "number"), [
    ({"template": "twice++Dev"}, 83), ({"template": "twice", "organization": "Ops"}, 82), ({"template": "twice", "organization": 2}, 83),
    ({"template": "81"}, 81),
])
def test_a_template_may_be_named_with_its_organization_or_its_id(awx: Awx, awx_desk: Any, given: dict[str, Any], number: int) -> None:
    assert run(awx_desk, **given).state == "SUCCESS"
    assert posts(awx) == [f"/api/v2/job_templates/{number}/launch/"]


@pytest.mark.parametrize(("given", "text"), [
    ({"template": "none"}, "AWX has no job template 'none' that this user may see (input template)."),
    ({"template": "twice"}, "AWX has 2 objects of the kind job template 'twice' (input template); give one's id: 82, 83."),
    ({"template": "deploy", "inventory": "none"}, "AWX has no inventory 'none'"),
    ({"template": "deploy", "credentials": ["ssh", "none"]}, "AWX has no credential 'none'"),
])
def test_a_name_that_fits_none_or_several_is_refused_and_nothing_is_launched(
    awx: Awx, awx_desk: Any, given: dict[str, Any], text: str,
) -> None:
    assert text in run(awx_desk, **given).error
    assert awx.launches == []


def test_an_object_is_found_beyond_the_first_page(awx: Awx, awx_desk: Any) -> None:
    awx.page_size = 1
    error = run(awx_desk, template="twice").error
    assert "give one's id: 82, 83." in error


def test_a_failed_job_is_an_error_with_its_hosts_tasks_and_artifacts(awx: Awx, awx_desk: Any) -> None:
    awx.ending = {
        "status": "failed", "event_processing_finished": True, "job_explanation": "hosts failed", "artifacts": {"done": ["a"]},
        "job_host_summaries": SUMMARIES,
    }
    ignored = {**FAILED, "counter": 5, "event_data": {**FAILED["event_data"], "ignore_errors": True}}
    awx.events[101] = [FAILED, ignored, {**FAILED, "counter": 6, "event": "runner_on_ok"}]
    result = run(awx_desk, template="deploy")
    assert result.state == "ERROR"
    assert (result.error["status"], result.error["explanation"]) == ("failed", "hosts failed")
    assert result.error["failed_hosts"] == ["b", "c"]
    assert result.error["artifacts"] == {"done": ["a"]}
    assert result.error["failed_tasks"] == [{
        "host": "b", "play": "Site", "role": "web", "task": "Install", "module": "ansible.builtin.apt", "message": "no such package",
        "unreachable": False}]


def test_the_result_waits_until_all_events_are_processed(awx: Awx, awx_desk: Any) -> None:
    awx.ending = {"status": "successful", "event_processing_finished": False}

    def processed() -> None:
        awx.jobs[101]["event_processing_finished"] = True
        awx.jobs[101]["artifacts"] = {"late": True}

    awx_desk.submit("awx.job", template="deploy", **FAST)
    until(lambda: awx.jobs.get(101, {}).get("status") == "successful")
    until(lambda: sum("jobs/101/" in path for _, path in awx.seen) > 8)
    assert awx_desk.results == {}
    processed()
    assert awx_desk.wait().data["artifacts"] == {"late": True}


@pytest.mark.parametrize(("ending", "events", "message"), [
    ({"status": "successful"}, [FAILED], ""),
    ({"status": "failed"}, [FAILED, {**FAILED, "counter": 5, "event": "runner_on_unreachable", "host_name": "c"}],
     "The job 101 failed: host b failed in task 'Install': no such package [failed on 1 more: c]"),
    ({"status": "failed"}, [{**FAILED, "event": "runner_on_unreachable"}],
     "The job 101 failed: host b was not reached in task 'Install': no such package"),
    ({"status": "error", "job_explanation": "no room"}, [], "The job 101 ended as 'error': no room"),
    ({"status": "canceled"}, [FAILED], "The job 101 ended as 'canceled'."),
])
def test_a_sentence_says_what_went_wrong(awx: Awx, awx_desk: Any, ending: dict[str, Any], events: list[Any], message: str) -> None:
    awx.ending, awx.events[101] = ending, events
    result = run(awx_desk, template="deploy")
    assert (result.error or result.data)["message"] == message


def test_failed_hosts_are_tried_once_more_when_asked_for(awx: Awx, awx_desk: Any) -> None:
    awx.ending = {"status": "failed", "event_processing_finished": True}
    result = run(awx_desk, template="deploy", retry="failed_hosts")
    assert (result.state, result.error["job_id"]) == ("ERROR", 102)
    assert posts(awx) == ["/api/v2/job_templates/81/launch/", "/api/v2/jobs/101/relaunch/"]


def test_a_job_that_can_not_be_tried_again_is_described_with_the_reason(awx: Awx, awx_desk: Any) -> None:
    awx.ending = {"status": "failed", "event_processing_finished": True, "job_explanation": "oh.", "artifacts": {"done": ["a"]}}
    awx.faults = [("POST", "relaunch/", 400)]
    error = run(awx_desk, template="deploy", retry="failed_hosts").error
    assert (error["job_id"], error["artifacts"]) == (101, {"done": ["a"]})
    assert error["explanation"].startswith("oh. It was not tried again on the hosts that failed. AWX answered 400")


def test_failed_hosts_are_tried_with_the_passwords_of_the_launch(awx: Awx) -> None:
    awx.ending = {"status": "failed", "event_processing_finished": True}
    awx.objects["job_templates"][0]["passwords"] = ["ssh_password"]
    with secret_runner(awx, {"the ssh one": "s3cret"}) as runner:
        result = runner.run(RunRequest(attempt_id="a1", name="awx.job", input={
            **FAST, "template": "deploy", "retry": "failed_hosts", "credential_passwords": {"ssh_password": "the ssh one"}}))
    assert result.error["job_id"] == 102
    assert awx.relaunches == [{"hosts": "failed", "credential_passwords": {"ssh_password": "s3cret"}}]


@pytest.mark.parametrize("fault", [503, 429, "refused", "lost"])
def test_failed_hosts_are_tried_once_whatever_becomes_of_the_request(awx: Awx, awx_desk: Any, fault: Any) -> None:
    awx.ending = {"status": "failed", "event_processing_finished": True}
    awx.faults = [("POST", "relaunch/", fault)]
    assert run(awx_desk, template="deploy", retry="failed_hosts").error["job_id"] == 102
    assert len(awx.relaunches) == 1


def test_failed_hosts_are_not_tried_twice_where_it_can_not_be_told(awx: Awx, awx_desk: Any) -> None:
    awx.objects["job_templates"] = [awx.template(81, "deploy", closed=("variables",))]
    awx.ending = {"status": "failed", "event_processing_finished": True}
    awx.faults = [("POST", "relaunch/", "lost")]
    error = run(awx_desk, template="deploy", retry="failed_hosts").error
    assert error["job_id"] == 101
    assert "It can't be told whether AWX started the job again" in error["explanation"]
    assert len(awx.relaunches) == 1


def test_failures_that_were_rescued_are_no_failed_tasks(awx: Awx, awx_desk: Any) -> None:
    awx.ending = {"status": "failed", "event_processing_finished": True, "job_host_summaries": SUMMARIES}
    awx.events[101] = [{**FAILED, "host_name": "a", "counter": 2}, FAILED]
    assert [task["host"] for task in run(awx_desk, template="deploy").error["failed_tasks"]] == ["b"]


def finished(number: int, kind: str = "job", **more: Any) -> dict[str, Any]:
    """A job that a node of a workflow started."""
    return {
        "id": number, "type": kind, "status": "successful", "left": [], "extra_vars": "{}", "ending": {}, "created": "2000",
        "launch_type": "workflow", **more}


def node(number: int, kind: str = "job", status: str = "successful") -> dict[str, Any]:
    return {"identifier": f"n{number}", "job": number, "summary_fields": {"job": {"type": kind, "name": f"j{number}", "status": status}}}


def test_a_workflow_that_ended_is_described_when_what_its_jobs_did_is_processed(awx: Awx, awx_desk: Any) -> None:
    awx.jobs[101] = finished(101, event_processing_finished=False)
    awx.ending = {"status": "successful", "workflow_nodes": [node(101)]}
    awx_desk.submit("awx.workflow_job", template="rollout", **FAST)
    until(lambda: sum(path.endswith("/jobs/101/") for _, path in awx.seen) > 3)
    assert awx_desk.results == {}
    awx.jobs[101].update(event_processing_finished=True, artifacts={"late": True})
    assert awx_desk.wait().data["artifacts"] == {"late": True}


def test_jobs_of_a_workflow_within_a_workflow_count_too_and_the_latest_has_the_last_word(awx: Awx, awx_desk: Any) -> None:
    awx.jobs[101] = finished(101, artifacts={"who": "inner", "inner": 1}, ending={"job_host_summaries": SUMMARIES[1:2]})
    awx.jobs[102] = finished(102, "workflow_job", ending={"workflow_nodes": [node(101)]})
    awx.jobs[103] = finished(103, artifacts={"who": "latest"}, ending={"job_host_summaries": SUMMARIES[:1]})
    awx.ending = {"status": "failed", "workflow_nodes": [node(103), node(102, "workflow_job")]}
    error = run(awx_desk, "awx.workflow_job", template="rollout").error
    assert error["artifacts"] == {"who": "latest", "inner": 1}
    assert sorted(error["host_summaries"]) == ["a", "b"]
    assert [one["job_id"] for one in error["nodes"]] == [103, 102]


@pytest.mark.parametrize(("approvals", "answers"), [("approve", [(300, "approve")]), ("deny", [(300, "deny")])])
def test_a_workflow_that_waits_for_an_approval_gets_the_answer_that_the_task_gives(
    awx: Awx, awx_desk: Any, approvals: str, answers: list[Any],
) -> None:
    awx.ending = {"status": "successful", "workflow_nodes": [node(300, "workflow_approval", "pending")]}
    assert run(awx_desk, "awx.workflow_job", template="rollout", approvals=approvals).state == "SUCCESS"
    assert awx.answers == answers


def test_an_approval_is_left_to_others_unless_the_task_gives_an_answer_and_is_shown(awx: Awx, awx_desk: Any) -> None:
    awx.ending = {"status": "successful", "workflow_nodes": [node(300, "workflow_approval", "pending")]}
    run(awx_desk, "awx.workflow_job", template="rollout", events="failed")
    assert awx.answers == []
    assert [event["stdout"] for event in awx_desk.events] == ["j300: waits for approval (workflow approval 300)"]


def test_an_approval_that_somebody_answered_first_is_no_failure(awx: Awx, awx_desk: Any) -> None:
    awx.ending = {"status": "successful", "workflow_nodes": [node(300, "workflow_approval", "pending")]}
    awx.faults = [("POST", "workflow_approvals/", 400)] * 100
    assert run(awx_desk, "awx.workflow_job", template="rollout", approvals="approve").state == "SUCCESS"


def test_a_workflow_hands_back_its_nodes_and_what_all_their_jobs_did(awx: Awx, awx_desk: Any) -> None:
    for number, hosts in ((101, SUMMARIES[:1]), (102, SUMMARIES[1:2])):
        awx.jobs[number] = {
            "id": number, "type": "job", "status": "successful", "artifacts": {f"of {number}": True}, "left": [], "extra_vars": "{}",
            "ending": {"job_host_summaries": hosts}, "created": "2000"}
    awx.ending = {"status": "failed", "workflow_nodes": [
        {"identifier": "first", "job": 101, "summary_fields": {"job": {"type": "job", "name": "one", "status": "successful"}}},
        {"identifier": "second", "job": 102, "summary_fields": {"job": {"type": "job", "name": "two", "status": "failed"}}},
        {"identifier": "skipped", "job": None, "do_not_run": True, "summary_fields": {}},
    ]}
    result = run(awx_desk, "awx.workflow_job", template="rollout", extra_vars={"x": 1})
    assert awx.launches == [("workflow_job", {"extra_vars": {"x": 1, MARK: IDENT}})]
    assert [(node["identifier"], node["job_id"], node["status"], node["do_not_run"]) for node in result.error["nodes"]] == [
        ("first", 101, "successful", False), ("second", 102, "failed", False), ("skipped", None, None, True)]
    assert result.error["artifacts"] == {"of 101": True, "of 102": True}
    assert result.error["failed_hosts"] == ["b"]


def test_a_sliced_template_is_followed_as_the_workflow_that_it_becomes(awx: Awx, awx_desk: Any) -> None:
    result = run(awx_desk, template="deploy", slices=2)
    assert (result.data["type"], result.data["nodes"]) == ("workflow_job", [])


def test_projects_and_inventory_sources_are_updated(awx: Awx, awx_desk: Any) -> None:
    project = run(awx_desk, "awx.project_update", project="playbooks")
    source = run(awx_desk, "awx.inventory_update", ident="a2", inventory_source="cloud", inventory="prod")
    assert [project.data["type"], source.data["type"]] == ["project_update", "inventory_update"]
    assert posts(awx) == ["/api/v2/projects/61/update/", "/api/v2/inventory_sources/71/update/"]


def test_a_module_is_run_on_hosts_and_they_are_counted(awx: Awx, awx_desk: Any) -> None:
    awx.events[101] = [
        {"counter": 1, "event": "runner_on_ok", "host_name": "a", "changed": True}, {"counter": 2, "event": "runner_on_unreachable",
         "host_name": "b"}]
    result = run(awx_desk, "awx.ad_hoc", inventory="prod", module_name="command", module_args="uptime", credential="ssh", limit=["a", "b"],
                 become=False)
    kind, body = awx.launches[0]
    assert (kind, json.loads(body.pop("extra_vars"))) == ("ad_hoc_command", {MARK: IDENT})
    assert body == {
        "inventory": 12, "module_name": "command", "module_args": "uptime", "credential": 21, "limit": "a,b", "become_enabled": False}
    assert (result.data["changed"], result.data["failed_hosts"]) == (True, ["b"])


# ---- what a template doesn't take


@pytest.mark.parametrize(("prompt", "given", "named"), [
    ("limit", {"limit": "a"}, "limit"), ("tags", {"tags": "x"}, "tags"), ("job_slice_count", {"slices": 2}, "slices"),
    ("credential", {"credentials": [21]}, "credentials"), ("variables", {"extra_vars": {"x": 1}}, "extra_vars"),
    ("verbosity", {"verbosity": 0}, "verbosity"),
])
def test_what_a_template_does_not_ask_for_is_refused_by_name_before_anything_starts(
    awx: Awx, awx_desk: Any, prompt: str, given: dict[str, Any], named: str,
) -> None:
    awx.objects["job_templates"] = [awx.template(81, "deploy", closed=(prompt,))]
    assert f"The template doesn't ask for {named} on launch" in run(awx_desk, template="deploy", **given).error
    assert awx.launches == []


def test_of_a_survey_only_its_questions_may_be_answered(awx: Awx, awx_desk: Any) -> None:
    awx.objects["job_templates"] = [awx.template(81, "deploy", closed=("variables",), survey=["version"])]
    assert "doesn't ask for extra_vars.other on launch" in run(awx_desk, template="deploy", extra_vars={"version": 1, "other": 2}).error
    assert run(awx_desk, template="deploy", extra_vars={"version": 1}).state == "SUCCESS"
    assert awx.launches == [("job", {"extra_vars": {"version": 1}})]


def test_a_missing_answer_of_a_survey_is_told_in_awx_words(awx: Awx, awx_desk: Any) -> None:
    awx.objects["job_templates"] = [awx.template(81, "deploy", survey=["version", "site"])]
    error = run(awx_desk, template="deploy", extra_vars={"site": "x"}).error
    assert "AWX answered 400" in error
    assert "variables_needed_to_start: 'version' value missing" in error


def test_what_awx_dropped_all_the_same_cancels_the_job_and_is_named(awx: Awx, awx_desk: Any) -> None:
    awx.hidden_ignored = {"limit": "a", "extra_vars": {"x": 1, MARK: IDENT}}
    error = run(awx_desk, template="deploy", limit="a").error
    assert "AWX ignored what the template doesn't ask for on launch: limit, extra_vars.x." in error
    assert "The job 101 was cancelled" in error
    assert awx.jobs[101]["status"] == "canceled"


def test_dropped_values_can_be_accepted_and_are_shown(awx: Awx, awx_desk: Any) -> None:
    awx.objects["job_templates"] = [awx.template(81, "deploy", closed=("limit",))]
    result = run(awx_desk, template="deploy", limit="a", strict_prompts=False)
    assert (result.state, result.data["ignored_fields"]) == ("SUCCESS", {"limit": "a"})


def test_passwords_that_a_template_needs_are_named(awx: Awx, awx_desk: Any) -> None:
    awx.objects["job_templates"][0]["passwords"] = ["ssh_password"]
    assert "The template needs passwords to start: ssh_password (input credential_passwords)." in run(awx_desk, template="deploy").error


def test_passwords_come_from_secrets(awx: Awx, make_desk: Callable[..., Any]) -> None:
    awx.objects["job_templates"][0]["passwords"] = ["ssh_password"]
    with secret_runner(awx, {"the ssh one": "s3cret"}) as runner:
        result = runner.run(RunRequest(attempt_id=IDENT, name="awx.job", input={
            **FAST, "template": "deploy", "credential_passwords": {"ssh_password": "the ssh one"}}))
    assert result.state == "SUCCESS"
    assert awx.launches[0][1]["credential_passwords"] == {"ssh_password": "s3cret"}
    assert "s3cret" not in json.dumps(result.data)


# ---- errors, slowness


@pytest.mark.parametrize(("status", "part"), [(401, "job_templates/"), (403, "launch/"), (404, "launch/"), (409, "launch/")])
def test_a_refusal_names_status_and_message_and_is_not_tried_again(awx: Awx, awx_desk: Any, status: int, part: str) -> None:
    method = "POST" if part == "launch/" and status != 404 else "GET"
    awx.faults = [(method, part, status)]
    error = run(awx_desk, template="deploy").error
    assert f"AWX answered {status}" in error
    assert f"planted {status}" in error
    assert awx.launches == []


@pytest.mark.parametrize("fault", [429, 502, 503, "refused"])
def test_what_passes_while_a_job_is_followed_is_no_failure(awx: Awx, awx_desk: Any, fault: Any) -> None:
    awx.faults = [("GET", "/jobs/101/", fault)] * 3
    assert run(awx_desk, template="deploy").state == "SUCCESS"
    assert awx.faults == []
    assert len(awx.launches) == 1


def test_an_outage_that_lasts_too_long_says_that_the_state_is_not_known(awx: Awx, make_desk: Callable[..., Any]) -> None:
    desk = make_desk(awx=settings(awx, outage_max=0.05))
    awx.faults = [("GET", "/jobs/101/", 503)] * 100
    error = run(desk, template="deploy").error
    assert "The job 101 can't be followed, so its state is not known. AWX answered 503" in error


def test_a_job_that_is_gone_ends_the_action_at_once(awx: Awx, awx_desk: Any) -> None:
    awx.faults = [("GET", "/jobs/101/", 404)]
    assert "The job 101 can't be followed, so its state is not known. AWX answered 404" in run(awx_desk, template="deploy").error


def test_what_is_not_awx_is_told_apart(peer: Any, make_desk: Callable[..., Any]) -> None:
    peer.routes["/api/v2/job_templates/"] = lambda h: h.answer(body="<html>hello</html>")
    desk = make_desk(awx=AwxSettings(controllers={"main": AwxController(url=peer.url, token=TOKEN)}))
    assert "is not AWX's API" in run(desk, template="deploy").error


def test_addresses_that_are_denied_to_http_are_denied_here(awx: Awx, make_desk: Callable[..., Any]) -> None:
    desk = make_desk(http_denied_cidrs=("127.0.0.0/8",), awx=settings(awx, outage_max=0.01))
    assert "blocked address" in run(desk, template="deploy").error
    assert awx.seen == []


@pytest.mark.parametrize("part", ["stdout/", "job_host_summaries/", "job_events/"])
def test_what_passes_while_a_result_is_gathered_is_no_failure(awx: Awx, awx_desk: Any, part: str) -> None:
    awx.faults = [("GET", part, 503)] * 2
    assert run(awx_desk, template="deploy").state == "SUCCESS"
    assert awx.faults == []


@pytest.mark.parametrize("events", ["none", "all"])
def test_pages_and_outputs_that_are_larger_than_is_read_come_in_parts(awx: Awx, make_desk: Callable[..., Any], events: str) -> None:
    desk = make_desk(awx=settings(awx), http_response_max=4000)
    awx.page_size = 200
    awx.ending = {"status": "failed", "event_processing_finished": True}
    awx.events[101] = [{**FAILED, "counter": number, "stdout": f"{number} {'x' * 500}"} for number in range(1, 31)]
    error = run(desk, template="deploy", events=events).error
    assert len(error["failed_tasks"]) == 30
    assert len({task["message"] for task in error["failed_tasks"]}) == 1
    assert error["stdout_tail"]
    assert [event["awx_counter"] for event in desk.events] == (list(range(1, 31)) if events == "all" else [])


def test_a_single_event_that_is_larger_than_is_read_is_named(awx: Awx, make_desk: Callable[..., Any]) -> None:
    desk = make_desk(awx=settings(awx), http_response_max=4000)
    awx.events[101] = [{**FAILED, "stdout": "x" * 5000}]
    assert "/jobs/101/job_events/" in run(desk, template="deploy").error


# ---- once, whatever happens


@pytest.mark.parametrize("lists_variables", [True, False])
def test_a_launch_whose_answer_was_lost_is_found_and_not_repeated(awx: Awx, awx_desk: Any, lists_variables: bool) -> None:
    awx.lists_variables = lists_variables
    awx.faults = [("POST", "launch/", "lost")]
    assert run(awx_desk, template="deploy").data["job_id"] == 101
    assert len(awx.launches) == 1


@pytest.mark.parametrize("fault", ["refused", 500, 429])
def test_a_launch_that_did_not_come_through_is_tried_again(awx: Awx, awx_desk: Any, fault: Any) -> None:
    awx.faults = [("POST", "launch/", fault)]
    assert run(awx_desk, template="deploy").state == "SUCCESS"
    assert len(awx.launches) == 1


def test_who_takes_over_finds_the_job_among_others_of_its_template(awx: Awx, awx_desk: Any) -> None:
    awx.hold.clear()
    for ident in (IDENT, "a2", "a3", "a4"):
        awx_desk.submit("awx.job", ident=ident, template="deploy", **FAST)
    until(lambda: len(awx.launches) == 4)
    mine = next(job["id"] for job in awx.made() if json.loads(job["extra_vars"])[MARK] == "a2")
    awx.hold.set()
    awx_desk.wait_for(lambda: len(awx_desk.results) == 4)
    again = run(awx_desk, ident="a2", repeated=True, template="deploy")
    assert (again.data["job_id"], len(awx.launches)) == (mine, 4)


def test_who_takes_over_launches_what_was_not_launched(awx: Awx, awx_desk: Any) -> None:
    run(awx_desk, ident="another", template="deploy")
    assert run(awx_desk, repeated=True, template="deploy").data["job_id"] == 102


def test_who_takes_over_does_not_retry_failed_hosts_twice(awx: Awx, awx_desk: Any) -> None:
    awx.ending = {"status": "failed", "event_processing_finished": True}
    run(awx_desk, template="deploy", retry="failed_hosts")
    again = run(awx_desk, template="deploy", retry="failed_hosts", repeated=True)
    assert (again.error["job_id"], len(posts(awx))) == (102, 2)


def test_a_template_without_variables_is_not_launched_again_where_it_can_not_be_told(awx: Awx, awx_desk: Any) -> None:
    awx.objects["job_templates"] = [awx.template(81, "deploy", closed=("variables",))]
    run(awx_desk, ident="another", template="deploy")
    error = run(awx_desk, repeated=True, template="deploy").error
    assert "It can't be told whether this action started job 101" in error
    assert len(awx.launches) == 1


def test_who_takes_over_follows_an_update_that_was_started_since(awx: Awx, awx_desk: Any) -> None:
    request = RunRequest(attempt_id=IDENT, name="awx.project_update", input={**FAST, "project": "playbooks"}, repeated=True)
    awx_desk.runner.run(request)
    assert awx_desk.runner.run(request).data["job_id"] == 101
    assert len(awx.launches) == 1


# ---- ending early


def test_a_cancelled_action_cancels_the_job_and_ends_when_that_has(awx: Awx, awx_desk: Any) -> None:
    awx.hold.clear()
    awx_desk.submit("awx.job", template="deploy", **FAST)
    until(lambda: any("/jobs/101/" in path for _, path in awx.seen))
    awx.faults = [("POST", "cancel/", 503)]
    awx_desk.runner.cancel(IDENT)
    until(lambda: "/api/v2/jobs/101/cancel/" in posts(awx))
    assert awx_desk.results == {}
    awx.hold.set()
    result = awx_desk.wait()
    assert (result.state, result.error["status"], result.error["job_id"]) == ("CANCELLED", "canceled", 101)


def test_a_time_limit_cancels_the_job_and_is_an_error(awx: Awx, awx_desk: Any) -> None:
    awx.states = ["pending", *["running"] * 10_000]
    awx_desk.submit("awx.job", template="deploy", limit_seconds=0.5, **FAST)
    result = awx_desk.wait()
    assert (result.state, result.error["status"]) == ("ERROR", "canceled")


def test_a_job_that_was_over_when_it_was_to_be_cancelled_is_described(awx: Awx, awx_desk: Any) -> None:
    awx.hold.clear()
    awx_desk.submit("awx.job", template="deploy", **FAST)
    until(lambda: any("/jobs/101/" in path for _, path in awx.seen))
    awx.faults = [("GET", "/jobs/101/", "refused")] * 1000
    until(lambda: len(awx.faults) < 1000)
    awx.jobs[101]["status"] = "successful"
    awx_desk.runner.cancel(IDENT)
    until(lambda: "/api/v2/jobs/101/cancel/" in posts(awx))
    awx.faults = []
    result = awx_desk.wait()
    assert (result.state, result.error["status"]) == ("CANCELLED", "successful")


def test_a_job_that_may_not_be_cancelled_is_named_in_the_actions_end(awx: Awx, awx_desk: Any) -> None:
    awx.hold.clear()
    awx_desk.submit("awx.job", template="deploy", **FAST)
    until(lambda: any("/jobs/101/" in path for _, path in awx.seen))
    awx.faults = [("POST", "cancel/", 403)]
    awx_desk.runner.cancel(IDENT)
    result = awx_desk.wait()
    assert result.state == "CANCELLED"
    assert "The job 101 could not be cancelled and may go on. AWX answered 403" in result.error


def test_nothing_is_launched_any_more_once_the_action_was_cancelled(awx: Awx, awx_desk: Any) -> None:
    awx.faults = [("POST", "launch/", 503)] * 1000
    awx_desk.submit("awx.job", template="deploy", **FAST)
    until(lambda: len(awx.faults) < 994)
    awx_desk.runner.cancel(IDENT)
    awx.faults = []
    assert awx_desk.wait().state == "CANCELLED"
    assert awx.launches == []


def test_a_job_that_is_being_tried_again_is_the_one_that_is_cancelled(awx: Awx, awx_desk: Any) -> None:
    awx.ending = {"status": "failed", "event_processing_finished": True}
    awx.faults = [("POST", "relaunch/", lambda: awx_desk.runner.cancel(IDENT))]
    awx_desk.submit("awx.job", template="deploy", retry="failed_hosts", **FAST)
    result = awx_desk.wait()
    assert (result.state, result.error["job_id"], awx.jobs[102]["status"]) == ("CANCELLED", 102, "canceled")


def test_a_job_may_be_left_running(awx: Awx, awx_desk: Any) -> None:
    awx.hold.clear()
    awx_desk.submit("awx.job", template="deploy", cancel_on_cancel=False, **FAST)
    until(lambda: any("/jobs/101/" in path for _, path in awx.seen))
    awx_desk.runner.cancel(IDENT)
    assert awx_desk.wait().state == "CANCELLED"
    assert posts(awx, "cancel") == []


def test_a_server_that_stops_leaves_the_job_running(awx: Awx, awx_desk: Any) -> None:
    awx.hold.clear()
    awx_desk.submit("awx.job", template="deploy", **FAST)
    until(lambda: any("/jobs/101/" in path for _, path in awx.seen))
    assert awx_desk.runner.stop().started == (IDENT,)
    assert posts(awx, "cancel") == []


def test_a_job_cancelled_by_somebody_else_is_an_error(awx: Awx, awx_desk: Any) -> None:
    awx.ending = {"status": "canceled", "event_processing_finished": True}
    result = run(awx_desk, template="deploy")
    assert (result.state, result.error["status"]) == ("ERROR", "canceled")


# ---- live output


@pytest.mark.parametrize(("events", "shown"), [("none", []), ("failed", [4]), ("all", [1, 2, 3, 4])])
def test_events_are_shown_as_they_come(awx: Awx, awx_desk: Any, events: str, shown: list[int]) -> None:
    awx.events[101] = [{"counter": n, "event": "verbose", "stdout": f"line {n}", "failed": n == 4, "host_name": "a"} for n in (1, 2, 3, 4)]
    run(awx_desk, template="deploy", events=events)
    assert [event["awx_counter"] for event in awx_desk.events] == shown
    assert all(event["host"] == "a" for event in awx_desk.events)


def test_events_that_awx_stores_late_are_shown_in_their_order(awx: Awx, awx_desk: Any) -> None:
    first, second, third = ({"counter": number, "event": "verbose", "stdout": "x"} for number in (1, 2, 3))
    awx.hold.clear()
    awx.events[101] = [first, third]
    awx_desk.submit("awx.job", template="deploy", events="all", **FAST)
    until(lambda: awx_desk.events)
    awx.events[101] = [first, second, third]
    awx.hold.set()
    awx_desk.wait()
    assert [event["awx_counter"] for event in awx_desk.events] == [1, 2, 3]


def test_a_failure_that_awx_stores_late_is_shown_once_all_the_same(awx: Awx, awx_desk: Any) -> None:
    early, late = ({**FAILED, "counter": number} for number in (4, 2))
    awx.hold.clear()
    awx.events[101] = [early]
    awx_desk.submit("awx.job", template="deploy", events="failed", **FAST)
    until(lambda: awx_desk.events)
    awx.events[101] = [late, early]
    awx.hold.set()
    awx_desk.wait()
    assert [event["awx_counter"] for event in awx_desk.events] == [4, 2]


@pytest.mark.parametrize(("events", "before", "shown"), [("all", 2, [3, 4]), ("failed", 4, [])])
def test_who_takes_over_does_not_show_again_what_was_shown(
    awx: Awx, events: str, before: int, shown: list[int],
) -> None:
    awx.events[101] = [{"counter": n, "event": "verbose", "stdout": "x", "failed": n == 4} for n in (1, 2, 3, 4)]
    emitted: list[Any] = []
    stored = [{"counter": 7, "event": "verbose", "job_id": 101, "awx_counter": before}]
    given = ActionSettings(http_denied_cidrs=OPEN, awx=settings(awx))
    runner = Runner(
        standard_registry(given, plugins=False), given, lambda *_: None, events=lambda _, more: emitted.extend(more), told=lambda _: stored)
    runner.run(RunRequest(attempt_id="a1", name="awx.job", input={**FAST, "template": "deploy", "events": events}, repeated=True))
    runner.stop()
    assert [event["awx_counter"] for event in emitted] == shown


def test_events_of_a_workflows_job_that_awx_processes_after_its_end_are_shown_too(awx: Awx, awx_desk: Any) -> None:
    first, second, third = ({"counter": number, "event": "verbose", "stdout": "x"} for number in (1, 2, 3))
    awx.jobs[101] = finished(101, event_processing_finished=False)
    awx.events[101] = [first, third]
    awx.ending = {"status": "successful", "workflow_nodes": [node(101)]}
    awx_desk.submit("awx.workflow_job", template="rollout", events="all", **FAST)
    until(lambda: sum(path.endswith("/jobs/101/") for _, path in awx.seen) > 3)
    awx.events[101] = [first, second, third]
    awx.jobs[101]["event_processing_finished"] = True
    awx_desk.wait()
    assert [event["awx_counter"] for event in awx_desk.events if "awx_counter" in event] == [1, 2, 3]


def test_a_workflow_shows_its_nodes_and_the_events_of_their_jobs(awx: Awx, awx_desk: Any) -> None:
    awx.jobs[101] = finished(101)
    awx.events[101] = [{"counter": number, "event": "verbose", "stdout": f"line {number}"} for number in (1, 2)]
    awx.ending = {"status": "successful", "workflow_nodes": [node(101), {"identifier": "later", "job": None}]}
    run(awx_desk, "awx.workflow_job", template="rollout", events="all")
    assert [(event["stdout"], event["job_id"]) for event in awx_desk.events] == [
        ("j101: successful (job 101)", 101), ("line 1", 101), ("line 2", 101)]


# ---- which AWX, and whose


class Secrets:
    def __init__(self, values: dict[str, str]) -> None:
        self.values = values

    def get(self, project_id: str, name: str) -> str:
        del project_id
        return self.values[name]


class secret_runner:  # noqa: N801 - a context manager in the form of a function
    """A runner with a store of secrets."""

    def __init__(self, awx: Awx, values: dict[str, str]) -> None:
        given = ActionSettings(http_denied_cidrs=OPEN, awx=settings(awx))
        self.runner = Runner(standard_registry(given, plugins=False), given, lambda *_: None, secrets=Secrets(values))

    def __enter__(self) -> Runner:
        return self.runner

    def __exit__(self, *_: object) -> None:
        self.runner.stop()


@pytest.mark.parametrize("given", [
    {"token": "awx token"}, {"username": "user", "password": "awx password"}, {"token": "awx token", "verify": False},
])
def test_an_address_goes_with_secrets_by_name(awx: Awx, given: dict[str, Any]) -> None:
    with secret_runner(awx, {"awx token": TOKEN, "awx password": "pass"}) as runner:
        result = runner.run(RunRequest(attempt_id=IDENT, name="awx.job", input={**FAST, "template": "deploy", "url": awx.url, **given}))
    assert result.state == "SUCCESS"


def test_the_path_of_the_platform_product_can_be_given() -> None:
    platform = Awx("/api/controller/v2")
    try:
        with secret_runner(platform, {"t": TOKEN}) as runner:
            result = runner.run(RunRequest(attempt_id=IDENT, name="awx.job", input={
                **FAST, "template": "deploy", "url": f"{platform.url}/api/controller/v2/", "token": "t"}))
        assert result.state == "SUCCESS"
    finally:
        platform.close()


@pytest.mark.parametrize(("given", "text"), [
    ({"controller": "none"}, "There is no AWX controller 'none'"),
    ({"controller": "main", "url": "https://x"}, "Only one of controller and url"),
    ({"token": "x"}, "go with url"),
    ({"url": "https://x"}, "neither a token nor a username"),
    ({"url": "https://u:p@x", "username": "x", "password": "y"}, "holds no credentials"),
    ({"events": "some"}, "events must be one of none, failed, all."),
    ({"approvals": "maybe"}, "approvals"),
    ({"poll_seconds": 0}, "poll_seconds must be a number above 0."),
    ({"extra_vars": "x"}, "extra_vars must be a mapping."),
    ({"limit": {"a": 1}}, "limit must be text or a list of texts."),
    ({"nonsense": 1}, "nonsense"),
])
def test_inputs_that_make_no_sense_are_refused(awx: Awx, given: dict[str, Any], text: str) -> None:
    with secret_runner(awx, {"x": "", "y": "z"}) as runner:
        result = runner.run(RunRequest(attempt_id=IDENT, name="awx.job", input={"template": "deploy", **given}))
    assert result.state == "ERROR"
    assert text in result.error
    assert awx.launches == []


def test_a_project_uses_the_controllers_that_it_is_given(awx: Awx, make_desk: Callable[..., Any]) -> None:
    given = settings(awx, any_controller=False, projects={"mine": ("main",)})
    desk = make_desk(awx=given)

    def result(project: str, **inputs: Any) -> Result:
        return desk.runner.run(RunRequest(attempt_id=IDENT, name="awx.job", project_id=project, input={**FAST, "template": 81, **inputs}))

    assert result("mine").state == "SUCCESS"
    assert "The project 'other' may not use the AWX controller 'main' (setting awx.projects)." in result("other", controller="main").error
    assert "No AWX is named" in result("other").error


def test_the_token_is_in_no_result_error_event_or_log(awx: Awx, awx_desk: Any) -> None:
    awx.events[101] = [FAILED]
    with capture_logs() as logs:
        good = run(awx_desk, template="deploy", events="all")
        awx.faults = [("POST", "launch/", 403), ("GET", "job_templates/", 401)]
        bad = [run(awx_desk, template="deploy"), run(awx_desk, template="deploy")]
    everything = json.dumps([good.data, [one.error for one in bad], awx_desk.events, [str(one) for one in logs]])
    assert "planted 403" in everything
    assert TOKEN not in everything
    assert TOKEN not in repr(awx_desk.runner.settings)


def test_every_prompt_of_a_launch_has_an_input() -> None:
    assert set(ASKED.values()) == set(PROMPTS)


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something that another thread brings about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)
