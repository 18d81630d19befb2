"""``maestrale doctor`` names what stands still, and frees what is stuck."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

TEXT = """
outside: {tasks: {a: {action: std.async_noop}}}
timed: {tasks: {a: {action: std.noop, wait-before: 3600}}}
acting: {input: [sink], tasks: {a: {action: "std.http url='<% $.sink %>/a?delay=2' method='POST'", safe-rerun: true}}}
forgotten: {tasks: {a: {action: std.noop, wait-before: 2}}}
held: {tasks: {a: {action: std.noop, pause-before: true}}}
"""


def doctor(database, *options):
    """Its exit status and its findings by workflow."""
    done = subprocess.run(
        [sys.executable, "-m", "maestrale.cli", "doctor", "--json", "--database-url", database.url, *options],
        capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout, done.stderr
    return done.returncode, {one["workflow_name"]: one for one in json.loads(done.stdout)}


AN_HOUR_BEFORE = {
    "sqlite": "datetime(updated_at, '-1 hour')", "postgresql": "updated_at - interval '1 hour'", "mariadb": "updated_at - interval 1 hour",
}
REASONS = {
    "outside": "from outside", "timed": "a timer", "acting": "whose process is dead", "forgotten": "that is gone", "held": "a resume",
}


def test_it_says_for_each_what_it_waits_for_and_fixes_what_nothing_will_wake(database, service, sink, until):
    them = service(database)
    (server,) = them.servers.all
    them.define(TEXT)
    ids = {name: them.start(name, **({"sink": sink.url} if name == "acting" else {})) for name in REASONS}
    until(lambda: sink.hits("/a"))
    until(lambda: them.execution(ids["held"])["state"] == "PAUSED")
    server.kill()
    database.ask(f"DELETE FROM jobs WHERE execution_id = '{ids['forgotten']}'")
    database.ask(f"UPDATE executions SET updated_at = {AN_HOUR_BEFORE[database.name]}")

    status, found = doctor(database)

    assert status == 1
    assert {name: one["execution_id"] for name, one in found.items()} == ids
    for name, reason in REASONS.items():
        assert reason in found[name]["reason"], found[name]
        assert found[name]["since"]
    assert {name for name, one in found.items() if one["is_stuck"]} == {"acting", "forgotten"}

    status, found = doctor(database, "--fix")
    server.start()
    server.wait_until_up()

    assert status == 0
    assert {name for name, one in found.items() if one["is_fixed"]} == {"acting", "forgotten"}
    assert them.wait(ids["forgotten"])["state"] == "SUCCESS"
    assert them.wait(ids["acting"])["state"] == "SUCCESS"


@pytest.mark.parametrize("kind", ["sqlite"])
def test_it_is_content_with_what_moves(kind, new_database, service):
    database = new_database(kind)
    them = service(database)
    them.define(TEXT)
    them.start("timed")

    assert doctor(database) == (0, {})
