"""A process of its own for the fault-point test: it runs one workflow, and may be made to die at a named instant.

    one_process.py URL SINK [POINT NUMBER]

With POINT it kills itself with SIGKILL when that point is reached for the NUMBER-th time. Else it waits for the end of the
execution and prints it as JSON. Starting again with the same id is what a client does that had no answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections import Counter

from maestrale import bootstrap, server
from maestrale.caller import Caller
from maestrale.config import load_settings
from maestrale.engine import StartRequest
from maestrale.errors import DuplicateError
from maestrale.store import jobs

WORKFLOW = """
version: '2.0'
child: {input: [base], output: {v: 1}, tasks: {a: {action: std.http url="<% $.base %>/child", safe-rerun: true}}}
main:
  input: [base]
  output: {items: <% $.items %>, child: <% $.child %>, unsafe: <% $.unsafe %>}
  tasks:
    first: {action: std.http url="<% $.base %>/first", safe-rerun: true, retry: {count: 2, delay: 0}, on-success: [fan, call]}
    fan:
      with-items: i in <% range(3) %>
      concurrency: 2
      action: std.http url="<% $.base %>/fan"
      safe-rerun: true
      publish: {items: <% task().result.status %>}
      on-success: last
    call: {workflow: child base=<% $.base %>, publish: {child: <% task().result.v %>}, on-success: last}
    last:
      join: all
      wait-before: 1
      action: std.http url="<% $.base %>/unsafe"
      publish: {unsafe: done}
      publish-on-error: {unsafe: lost}
      on-error: noop
"""
FINAL = ("SUCCESS", "ERROR", "CANCELLED")
EXECUTION = "the-one"


def main(url, base, point=None, number="0"):
    settings = load_settings(None, {
        "database_url": url, "http_denied_cidrs": [], "log_level": "error", "engine": {"poll_interval": 0.1, "node_heartbeat": 0.2,
                                                                                        "node_timeout": 1.0}})
    server.configure_logging(settings)
    bootstrap.prepare_database(settings)
    reached = Counter()

    def faults(name):
        reached[name] += 1
        if name == point and reached[name] == int(number):
            os.kill(os.getpid(), signal.SIGKILL)

    service = bootstrap.build_service(settings, faults)
    service.runtime.start()
    caller = Caller()
    with contextlib.suppress(DuplicateError):
        service.catalog.create_workflows(caller, WORKFLOW)
    service.engine.start(caller, StartRequest(workflow_name="main", input={"base": base}, id=EXECUTION))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = service.database.run_read(lambda conn: service.executions.execution(conn, EXECUTION))
        if found.state in FINAL:
            break
        time.sleep(0.02)
    time.sleep(0.2)
    left = service.database.run_read(jobs.count)
    service.runtime.stop()
    json.dump({"state": found.state, "info": found.state_info, "output": found.output, "jobs": left, "reached": reached}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
