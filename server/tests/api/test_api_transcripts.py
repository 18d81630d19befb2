"""What the pages show of commands is what the commands print: each is run as it stands, against our server and a real Keystone."""

from __future__ import annotations

import os
import re
import subprocess
import uuid

import pytest
from outside import ROOT

# openstacksdk's own calls of itself
pytestmark = pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK50Warning")

PAGE = ROOT / "docs" / "openstack.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CHANGING = re.compile(r"\b(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|127\.0\.0\.1:\d+)\b")
"""Ids and addresses, which differ each time."""
COLOURS = ("blue", "green")
"""The names in the page; what they name is new each time."""


def transcript():
    """Commands with what they print, in the page's order."""
    parts = "".join(BLOCK.findall(PAGE.read_text(encoding="utf-8"))).split("$ ")[1:]
    return [tuple(part.split("\n", 1)) for part in parts]


@pytest.fixture
def shell(clients, keystone, cloud):
    """A shell whose commands are the clients of OpenStack, as an administrator; it keeps its variables."""
    environment = {
        **os.environ, **keystone.environment("admin", "admin"), "PATH": f"{clients / 'bin'}:{os.environ['PATH']}",
        "PYTHONWARNINGS": "ignore", "NO_PROXY": "127.0.0.1",
    }
    process = subprocess.Popen(
        ["bash"], cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(command):
        end = f"end-{uuid.uuid4()}"
        process.stdin.write(f"{command}\necho {end}\n")
        process.stdin.flush()
        return "".join(iter(process.stdout.readline, f"{end}\n"))

    yield run
    process.communicate(timeout=30)


def test_the_page_of_openstack_shows_what_its_commands_print(shell):
    fresh = {colour: f"{colour}-{uuid.uuid4().hex[:8]}" for colour in COLOURS}

    def real(text):
        return re.sub("|".join(COLOURS), lambda found: fresh[found[0]], text)

    shown = transcript()
    assert len(shown) > len(COLOURS)
    for command, expected in shown:
        printed = shell(real(command))
        assert CHANGING.sub("ID", printed) == CHANGING.sub("ID", real(expected)), command
