"""What a start costs. Measured in processor time, which other programs on the machine don't lengthen."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
import requests

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked at in /proc")

SECONDS_TO_START = 2.0
MEGABYTES = 120
SHARE_WHEN_IDLE = 0.01
SETTLED = 1.0
WATCHED = 5.0


@pytest.fixture
def started_again(servers, new_database, tmp_path):
    """The second server on a database, whose list of actions was kept by the first one; as it first answered."""
    url, cache = new_database("sqlite"), str(tmp_path / "cache")
    first = servers(url, XDG_CACHE_HOME=cache)
    assert requests.get(f"{first.base}/v2/actions", timeout=60).status_code == 200
    first.terminate()
    server = servers(url, wait=False, XDG_CACHE_HOME=cache)
    while not answers(server):
        time.sleep(0.01)
    return server


def answers(server):
    try:
        return requests.get(f"{server.base}/v2/", timeout=10).status_code == 200
    except requests.ConnectionError:
        assert server.process.poll() is None, server.log.read_text()
        return False


def processor_seconds(server):
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_start_takes_less_than_two_seconds(started_again):
    assert processor_seconds(started_again) < SECONDS_TO_START


def test_a_server_that_lists_its_actions_and_idles_needs_little_memory_and_no_processor(started_again):
    listed = requests.get(f"{started_again.base}/v2/actions", timeout=60).json()["actions"]
    assert len(listed) > 1000
    time.sleep(SETTLED)
    before = processor_seconds(started_again)
    time.sleep(WATCHED)
    resident = int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{started_again.process.pid}/status").read_text())[0]) / 1024
    assert (processor_seconds(started_again) - before) / WATCHED < SHARE_WHEN_IDLE
    assert resident < MEGABYTES
