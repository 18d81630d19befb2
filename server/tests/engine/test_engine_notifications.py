"""Notifications (3.22): rows, sent in order, tried again, given up."""

from __future__ import annotations

import json

import pytest

from maestrale import notify
from maestrale.notify import UndeliverableError

ACCEPTED = {"status": 202}
WORKFLOW = "w: {tasks: {a: {action: std.noop}}}"


def start(process, *targets):
    process.define(WORKFLOW)
    return process.start("w", params={"notify": list(targets)}).id


def events(process):
    return [json.loads(request.input["body"])["event"] for request in process.runner.taken.values()]


def deliver_all(process, answer=ACCEPTED):
    seen = []
    while process.runner.taken:
        seen += events(process)
        process.finish(data=answer)
    return seen


def test_L371_events_go_out_one_after_the_other_in_their_order(process):
    start(process, {"type": "webhook", "url": "http://x"})

    assert len(process.runner.taken) == 1
    assert deliver_all(process) == ["WORKFLOW_LAUNCHED", "TASK_LAUNCHED", "TASK_SUCCEEDED", "WORKFLOW_SUCCEEDED"]
    process.poll()
    assert process.jobs() == 0


def test_A270_L371_event_types_filter(process):
    start(process, {"type": "webhook", "url": "http://x", "event_types": ["WORKFLOW_SUCCEEDED"]})

    assert deliver_all(process) == ["WORKFLOW_SUCCEEDED"]


def test_A269_L374_a_webhook_gets_only_the_headers_that_were_given_and_follows_no_redirect(process):
    start(process, {"type": "webhook", "url": "http://x", "headers": {"X-A": 1}, "event_types": ["WORKFLOW_LAUNCHED"]})

    (request,) = process.runner.taken.values()
    assert request.name == "std.http"
    assert request.input["headers"] == {"X-A": "1"}
    assert request.input["allow_redirects"] is False


def test_a_notification_that_fails_is_tried_again_with_growing_pauses_and_given_up(new_database, processes):
    process = processes(new_database("sqlite"), notifier={"attempts": 3, "retry_delay": 4})
    start(process, {"type": "webhook", "url": "http://x", "event_types": ["WORKFLOW_LAUNCHED"]})
    process.finish(error="refused")
    for pause in (4, 8):
        process.poll()
        assert process.jobs() == 1
        assert process.runner.taken == {}
        process.pass_time(pause)
        process.poll()
        process.finish(data={"status": 500})

    process.poll()
    assert process.jobs() == 0


def test_A274_a_failing_notification_does_not_hold_up_the_next_one(process):
    start(process, {"type": "webhook", "url": "http://x"})
    process.finish(error="refused")

    assert events(process) == ["TASK_LAUNCHED"]


def test_A277_what_can_not_be_sent_is_forgotten_and_noop_does_nothing(process):
    start(process, {"type": "pigeon"}, {"type": "noop"}, {"type": "webhook"})

    assert process.runner.taken == {}
    process.poll()
    assert process.jobs() == 0


def test_notifications_of_a_dead_process_are_sent_by_another(url, processes):
    one, two = processes(url), processes(url)
    start(one, {"type": "webhook", "url": "http://x", "event_types": ["WORKFLOW_SUCCEEDED"]})
    one.die()

    two.sweeper.beat()
    two.poll()

    assert events(two) == ["WORKFLOW_SUCCEEDED"]


def test_A273_L373_sub_workflows_inherit_their_publishers(process):
    process.define("p: {tasks: {a: {workflow: c}}}\nc: {tasks: {b: {action: std.noop}}}")
    process.start("p", params={"notify": [{"type": "webhook", "url": "http://x", "event_types": ["TASK_SUCCEEDED"]}]})

    names = []
    while process.runner.taken:
        names += [json.loads(request.input["body"])["name"] for request in process.runner.taken.values()]
        for attempt_id in list(process.runner.taken):
            process.finish(attempt_id, data=ACCEPTED)
    assert sorted(names) == ["a", "b"]


def test_A276_targets_of_the_configuration_are_told_of_every_execution(new_database, processes):
    targets = [{"type": "webhook", "url": "http://all", "event_types": ["WORKFLOW_SUCCEEDED"]}]
    process = processes(new_database("sqlite"), notifier={"publishers": targets})
    process.define("w: {tasks: {a: {action: std.noop}}}")
    process.start("w")
    process.start("w", params={"notify": [{"type": "webhook", "url": "http://mine", "event_types": ["WORKFLOW_SUCCEEDED"]}]})

    told = []
    while process.runner.taken:
        told += [request.input["url"] for request in process.runner.taken.values()]
        for attempt_id in list(process.runner.taken):
            process.finish(attempt_id, data=ACCEPTED)
    assert sorted(told) == ["http://all", "http://all", "http://mine"]


@pytest.mark.parametrize("target", [{"type": "x"}, {}, {"type": "webhook", "url": 5}, {"type": "webhook", "url": "u", "headers": [1]}])
def test_targets_that_make_no_request_are_refused(target):
    with pytest.raises(UndeliverableError):
        notify.prepare(target, {})


@pytest.mark.parametrize(("response", "accepted"), [
    ({"status": 200}, True), ({"status": 204}, True), ({"status": 302}, False), (None, False),
])
def test_any_status_of_success_counts_as_delivered(response, accepted):
    assert notify.is_accepted(response) is accepted
