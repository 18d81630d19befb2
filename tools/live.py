"""Steps that need a running server: integration targets, the conformance cases, rulebooks."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import ansible_test
import engine
import galaxy
import yaml
from venvs import BUILD, ROOT

# Starts a Keystone of one's own, where there is such a script; the tests that need one are left out otherwise.
KEYSTONE_SCRIPT = ROOT.parent / "shared" / "lab" / "keystone.sh"
# The canned HTTP server of the conformance cases listens on 127.0.0.2.
DENIED = ["127.0.0.1/32", "::1/128", "169.254.0.0/16", "fe80::/10"]


def _fresh(name: str) -> Path:
    folder = BUILD / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def conformance(run: Any, venv: Path, cases: Path, database_url: str | None) -> int:
    """Run the recorded cases on a database, None for SQLite; see ``conformance.py`` for how they are judged."""
    settings = {"MAESTRALE_HTTP_DENIED_CIDRS": json.dumps(DENIED)}
    if database_url is not None:
        settings["MAESTRALE_DATABASE_URL"] = database_url
    with engine.running(venv, _fresh("conformance"), settings) as server:
        status: int = run(venv / "bin" / "python", ROOT / "tools" / "conformance.py", cases, server.url)
    return status


def integration(run: Any, venv: Path) -> int:
    """Run the integration targets with ansible-test, one after the other; each counts as a test.

    MAESTRALE_TEST_ENDPOINT names another engine to run them against, such as an OpenStack Mistral.
    """
    folder = _fresh("integration")
    tree, environment = ansible_test.prepare(venv, "integration")
    settings = {
        "MAESTRALE_PLAYBOOKS__COLLECTIONS_PATH": json.dumps([str(BUILD / "trees" / "integration")]),
        "MAESTRALE_SECRETS__KEYS": json.dumps([base64.urlsafe_b64encode(os.urandom(32)).decode()]),
    }
    version = "{}.{}".format(*sys.version_info)
    aliases = sorted((tree / "tests" / "integration" / "targets").glob("*/aliases"))
    targets = [path.parent.name for path in aliases if "hidden" not in path.read_text().split()]
    failed = []
    elsewhere = os.environ.get("MAESTRALE_TEST_ENDPOINT")
    with contextlib.nullcontext() if elsewhere else engine.running(venv, folder, settings) as server:
        variables = {"maestrale_endpoint": server.url if server else elsewhere, "maestrale_checkout": str(ROOT)}
        (tree / "tests" / "integration" / "integration_config.yml").write_text(yaml.safe_dump(variables))
        for target in targets:
            command = [venv / "bin" / "python", venv / "bin" / "ansible-test", "integration", target, "--local", "--python", version]
            if run(*command, cwd=tree, env=environment):
                failed.append(target)
    with run.log.open("a") as log:
        log.write(f"failed targets: {', '.join(failed)}\n" if failed else "")
        log.write(f"{len(targets) - len(failed)} passed, {len(failed)} failed\n")
    return len(failed)


def plays(run: Any, venv: Path) -> int:
    """Run what users run with ansible-playbook: the examples of the documentation, the playbooks of the collection, interrupts."""
    folder = _fresh("live")
    collections = BUILD / "trees" / "live"
    tree = ansible_test.copy_tree(collections, with_server=False)
    settings = {"MAESTRALE_PLAYBOOKS__COLLECTIONS_PATH": json.dumps([str(collections)])}
    with engine.running(venv, folder, settings) as server:
        environment = galaxy.ansible_environment(folder, collections)
        environment |= {"PATH": f"{venv / 'bin'}{os.pathsep}{environment['PATH']}", "MAESTRALE_ENDPOINT": server.url}
        environment |= {
            "MAESTRALE_KEYSTONE_SCRIPT": os.environ.get("MAESTRALE_KEYSTONE_SCRIPT") or str(KEYSTONE_SCRIPT),
            "MAESTRALE_KEYSTONE_FOLDER": str(BUILD / "keystone-live"),
            "MAESTRALE_TEST_REQUIRE": os.environ.get("MAESTRALE_TEST_REQUIRE", ""),
        }
        options = ["-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile"]
        return int(run(venv / "bin" / "python", "-m", "pytest", *options, "tests/live", cwd=tree, env=environment))


def rulebook(run: Any, venv: Path, rulebook_venv: Path) -> int:
    """Run the test of the rulebook with a server, a failing execution, and a real ansible-rulebook."""
    folder = _fresh("rulebook")
    tree = ansible_test.copy_tree(BUILD / "trees" / "rulebook", with_server=False)
    with engine.running(venv, folder) as server:
        environment = {
            **os.environ,
            "PATH": f"{rulebook_venv / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "ANSIBLE_COLLECTIONS_PATH": str(BUILD / "trees" / "rulebook"),
            "MAESTRALE_ENDPOINT": server.url,
        }
        script = ROOT / "tests" / "rulebook" / "test_recover.py"
        return int(run(venv / "bin" / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", script, cwd=tree, env=environment))
