"""What a start costs: what is loaded for it, and what it does when idle, whatever the machine's speed.

Seconds are in ``server/benchmarks/bench_start.py`` and ``bench_idle.py``.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
import requests

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked at in /proc")

MODULES = 1300
WANTED_LATER = {
    "aiosmtpd", "alembic", "ansible", "ansible_runner", "asyncssh", "httpx", "keystoneauth1", "mistral_lib", "openstack", "oslo_policy",
    "pexpect", "psycopg", "py_mini_racer", "pymysql", "requests", "stevedore",
}
"""Packages for some actions, databases and kinds of authentication, each of which would lengthen every start."""

MEGABYTES = 120
WAKE_UPS = 30
"""A second, of all threads of an idle server together; ten are of the HTTP server's own."""
SETTLED = 1.0
WATCHED = 5.0


@pytest.fixture
def start_again(servers, new_database, tmp_path):
    """Starts the second server on a database, whose list of actions was kept by the first one; gives it as it first answers."""
    url, cache = new_database("sqlite"), str(tmp_path / "cache")
    first = servers(url, XDG_CACHE_HOME=cache)
    assert requests.get(f"{first.base}/v2/actions", timeout=60).status_code == 200
    first.terminate()

    def start(**environment):
        server = servers(url, wait=False, XDG_CACHE_HOME=cache, **environment)
        while not answers(server):
            time.sleep(0.01)
        return server

    return start


def answers(server):
    try:
        return requests.get(f"{server.base}/v2/", timeout=10).status_code == 200
    except requests.ConnectionError:
        assert server.process.poll() is None, server.log.read_text()
        return False


def wake_ups(server):
    """How often the threads of a server have begun to wait until now."""
    files = Path(f"/proc/{server.process.pid}/task").glob("*/status")
    return sum(int(re.findall(r"^voluntary_ctxt_switches:\s+(\d+)", file.read_text(), flags=re.MULTILINE)[0]) for file in files)


def test_a_start_loads_what_every_server_needs_and_no_more(start_again):
    log = start_again(PYTHONPROFILEIMPORTTIME="1").log.read_text()
    loaded = re.findall(r"^import time:\s+\d+ \|\s+\d+ \|\s+(\S+)$", log, flags=re.MULTILINE)
    assert {name.partition(".")[0] for name in loaded} & WANTED_LATER == set()
    assert "maestrale.bootstrap" in loaded
    assert len(loaded) < MODULES


def test_a_server_that_has_listed_its_actions_and_idles_needs_little_memory_and_seldom_wakes(start_again):
    server = start_again()
    listed = requests.get(f"{server.base}/v2/actions", timeout=60).json()["actions"]
    assert len(listed) > 1000
    time.sleep(SETTLED)
    before = wake_ups(server)
    time.sleep(WATCHED)
    resident = int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{server.process.pid}/status").read_text())[0]) / 1024
    assert (wake_ups(server) - before) / WATCHED < WAKE_UPS
    assert resident < MEGABYTES
