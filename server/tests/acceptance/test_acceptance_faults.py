"""The process is killed at each commit and dispatch boundary once; the end is the same as without."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from maestrale.engine import faults

SCRIPT = Path(__file__).parent / "one_process.py"


def run(url, sink, *fault):
    done = subprocess.run([sys.executable, str(SCRIPT), url, sink.base, *fault], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def check(outcome, sink, fault=None):
    assert outcome["state"] == "SUCCESS", outcome
    output = dict(outcome["output"])
    unsafe = output.pop("unsafe")
    assert output == {"items": [200, 200, 200], "child": 1}
    assert outcome["jobs"] == 0
    assert sink.seen["/unsafe"] <= 1
    assert unsafe == "done" or (unsafe == "lost" and fault is not None)
    for path, least in {"/first": 1, "/fan": 3, "/child": 1}.items():
        assert least <= sink.seen[path] <= least + 2


def test_without_a_fault_every_point_is_reached(url, sink):
    status, printed, errors = run(url, sink)

    assert status == 0, errors
    outcome = json.loads(printed)
    check(outcome, sink)
    assert set(outcome["reached"]) == set(faults.ALL)


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("point", faults.ALL)
def test_killed_at_a_point_the_end_is_the_same(new_database, sink, point, number):
    url = new_database("sqlite")

    killed, _, _ = run(url, sink, point, str(number))
    assert killed == -signal.SIGKILL
    status, printed, errors = run(url, sink)

    assert status == 0, errors
    check(json.loads(printed), sink, (point, number))


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
@pytest.mark.parametrize("point", [faults.AFTER_COMMIT, faults.AFTER_DISPATCH, faults.RESULT_IN_HAND])
def test_killed_at_a_point_on_a_server_database_the_end_is_the_same(new_database, sink, kind, point):
    url = new_database(kind)

    killed, _, _ = run(url, sink, point, "3")
    assert killed == -signal.SIGKILL
    status, printed, errors = run(url, sink)

    assert status == 0, errors
    check(json.loads(printed), sink, (point, 3))
