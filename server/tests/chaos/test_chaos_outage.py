"""The database goes away and comes back."""

from __future__ import annotations

import time

TEXT = """
acting: {input: [sink], tasks: {a: {action: "std.http url='<% $.sink %>/a?delay=3' method='POST'"}}}
waiting: {input: [sink], tasks: {b: {action: "std.http url='<% $.sink %>/b' method='POST'", wait-before: 3}}}
"""


def test_requests_fail_with_retry_after_and_everything_goes_on_when_it_is_back(new_database, service, sink, until):
    database = new_database("own-postgresql")
    them = service(database, 2)
    them.define(TEXT)
    acting, waiting = them.start("acting", sink=sink.url), them.start("waiting", sink=sink.url)
    until(lambda: sink.hits("/a"))

    database.kill()
    begin = time.monotonic()
    replies = [
        them.client.once(method, path, body, port=server.port)
        for server in them.servers.all
        for method, path, body in (
            ("POST", "/v2/executions", {"workflow_name": "acting", "input": {"sink": sink.url}}), ("GET", "/v2/executions", None))
    ]
    took = time.monotonic() - begin
    time.sleep(max(0.0, 5 - took))
    database.start()

    assert {reply.status for reply in replies} == {503}
    assert all(reply.headers["retry-after"] for reply in replies)
    assert took < 10
    assert [them.wait(one)["state"] for one in (acting, waiting)] == ["SUCCESS", "SUCCESS"]
    assert [len(sink.hits(path)) for path in ("/a", "/b")] == [1, 1]
