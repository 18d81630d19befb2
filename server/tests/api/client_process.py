"""Runs in the clients' own environment: a client's command line again and again, as its console script would.

    python client_process.py mistral|openstack|python

Takes a JSON line for each command (its arguments, or a script's text), answers a JSON line: exit status, output, errors.
Starting Python anew for each of the seventy commands would take longer than everything else.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
import sys
import traceback

MAINS = {"mistral": "mistralclient.shell", "openstack": "openstackclient.shell"}


def run(kind: str, command: list[str]) -> int:
    """The exit status of one command."""
    try:
        if kind == "python":
            exec(compile(command[0], "<script>", "exec"), {"__name__": "__main__"})
            return 0
        status = importlib.import_module(MAINS[kind]).main(command)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # noqa: BLE001 - told to the test
        traceback.print_exc()
        return 1
    return int(status or 0)


def main() -> None:
    """Until the input ends."""
    answers = sys.stdout
    for line in sys.stdin:
        output, errors = io.StringIO(), io.StringIO()
        logging.getLogger().handlers.clear()  # the last command's write to what was standard error then
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            status = run(sys.argv[1], json.loads(line))
        answers.write(json.dumps([status, output.getvalue(), errors.getvalue()]) + "\n")
        answers.flush()


main()
