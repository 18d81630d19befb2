"""SIGTERM while requests and actions are under way."""

from __future__ import annotations

import threading
import time

TEXT = "w: {input: [sink], tasks: {a: {action: \"std.http url='<% $.sink %>/a?delay=30' method='POST'\", safe-rerun: true}}}"


def test_A368_requests_and_actions_share_the_time_that_a_server_takes_to_end(new_database, service, sink, until):
    them = service(new_database("sqlite"), MAESTRALE_ENGINE__DRAIN_TIMEOUT="6")
    (server,) = them.servers.all
    them.define(TEXT)
    them.start("w", sink=sink.url)
    until(lambda: sink.hits("/a"))

    replies = []

    def wait_for_an_action():
        replies.append(them.client.once("POST", "/v2/action_executions", {
            "name": "std.http", "input": {"url": f"{sink.url}/b?delay=30"}, "params": {"run_sync": True}}))

    waiting = threading.Thread(target=wait_for_an_action)
    waiting.start()
    until(lambda: sink.hits("/b"))
    begin = time.monotonic()

    assert server.stop() == 0

    assert time.monotonic() - begin < 12
    waiting.join()
    (reply,) = replies
    assert reply.status == 503
    assert reply.headers["retry-after"]
    assert "broken off" in reply.body["faultstring"]
