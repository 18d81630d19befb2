"""Much data: a large result that goes far, and many items."""

from __future__ import annotations

SIZE = 10_000_000
TASKS = 20
LIMITS = {"MAESTRALE_LIMITS__EXECUTION_FIELD_SIZE_LIMIT_KB": "30000", "MAESTRALE_ACTIONS__HTTP_RESPONSE_MAX": "20000000"}


def passed_on():
    """A chain of tasks, each of which takes the large value, and publishes it again."""
    lines = ["big:", "  input: [sink]", "  output: {length: <% $.big.len() %>}", "  tasks:"]
    for number in range(TASKS):
        action = "std.echo output=<% $.big %>" if number else f"std.http url='<% $.sink %>/big?size={SIZE}'"
        value = "task().result" if number else "task().result.content.value"
        following = f", on-success: t{number + 1}" if number < TASKS - 1 else ""
        lines.append(f'    t{number}: {{action: "{action}", publish: {{big: <% {value} %>}}{following}}}')
    return "\n".join(lines)


def test_a_large_result_is_not_copied_from_task_to_task(database, service, sink):
    them = service(database, **LIMITS)
    (server,) = them.servers.all
    them.define(passed_on())
    before = server.resident_kb()

    found = them.wait(them.start("big", sink=sink.url))

    assert (found["state"], found["output"]) == ("SUCCESS", {"length": SIZE}), found
    stored = sum(
        int(database.ask(f"SELECT COALESCE(SUM(LENGTH({column})), 0) FROM {table}")[0]) for table, column in (
            ("payloads", "body"), ("action_executions", "output"), ("action_executions", "input"), ("task_executions", "published")))
    assert stored < 3 * SIZE
    assert server.peak_kb() - before < 25 * SIZE / 1024


def test_ten_thousand_items_take_little_memory(database, service):
    them = service(database)
    (server,) = them.servers.all
    them.define("""
items:
  output: {n: <% $.n %>}
  tasks:
    a: {with-items: i in <% range(10000) %>, concurrency: 50, action: std.sleep seconds=0, publish: {n: <% task().result.len() %>}}
""")
    before = server.resident_kb()

    found = them.wait(them.start("items"), 100)

    assert (found["state"], found["output"]) == ("SUCCESS", {"n": 10000}), found
    assert server.peak_kb() - before < 120_000
